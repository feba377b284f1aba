"""Code sets of an affinity domain: the default, one's own, and none."""

from __future__ import annotations

import pytest

from registry.metadata.affinity_domain import ANY, ATTRIBUTES, AffinityDomain, AffinityDomainError, default_toml

DEFAULT = AffinityDomain.from_toml(default_toml())
SNOMED = "2.16.840.1.113883.6.96"
LOINC = "2.16.840.1.113883.6.1"


@pytest.mark.parametrize("attribute", list(ATTRIBUTES))
def test_the_default_restricts_every_attribute(attribute):
    assert len(DEFAULT.sets[attribute]) >= 6
    assert not DEFAULT.accepts(attribute, "no-such-code", "2.999")


@pytest.mark.parametrize(
    ("attribute", "code", "scheme"),
    [
        ("classCode", "SUMMARIES", "1.3.6.1.4.1.19376.1.2.6.1"),
        ("typeCode", "18842-5", LOINC),
        ("formatCode", "urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3"),
        ("healthcareFacilityTypeCode", "22232009", SNOMED),
        ("practiceSettingCode", "394802001", SNOMED),
        ("confidentialityCode", "V", "2.16.840.1.113883.5.25"),
        ("eventCodeList", "DX", "1.2.840.10008.2.16.4"),
        ("eventCodeList", "233604007", SNOMED),
        ("contentTypeCode", "IMP", "2.16.840.1.113883.5.4"),
        ("codeList", "AMB", "2.16.840.1.113883.5.4"),
    ],
)
def test_the_default_has_what_is_usual(attribute, code, scheme):
    assert DEFAULT.accepts(attribute, code, scheme)
    assert not DEFAULT.accepts(attribute, code, scheme + ".1")


def test_names_are_in_english_and_chinese():
    names = [code.names for attribute in ATTRIBUTES for code in DEFAULT.codes(attribute)]
    assert len(names) > 120
    assert all(set(name) == {"en", "zh"} for name in names)


def test_a_wildcard_is_no_code_to_choose():
    assert "*" not in {code.code for code in DEFAULT.codes("eventCodeList")}


@pytest.mark.parametrize("mime_type", ["application/pdf", "TEXT/XML", "text/plain; charset=utf-8"])
def test_media_types_of_the_default(mime_type):
    assert DEFAULT.accepts_mime_type(mime_type)


def test_another_media_type():
    assert not DEFAULT.accepts_mime_type("application/x-msdownload")


def test_any_accepts_anything():
    assert ANY.accepts("classCode", "whatever", "2.999")
    assert ANY.accepts_mime_type("application/x-whatever")
    assert ANY.codes("classCode") == ()


def test_an_attribute_that_is_not_named_is_free():
    domain = AffinityDomain.from_toml('[classCode."2.999"]\n"a" = { en = "A" }')
    assert domain.accepts("typeCode", "whatever", "2.999")
    assert domain.accepts("classCode", "a", "2.999")
    assert not domain.accepts("classCode", "A", "2.999")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("classCode = ", "no TOML"),
        ("colour = 1", "colour"),
        ("classCode = 1", "classCode"),
        ('[classCode]\n"2.999" = 1', '"2.999"'),
        ('[classCode."2.999"]\na = "A"', '"a"'),
        ('[classCode."2.999"]\na = { zh = "A" }', '"en"'),
        ("mimeType = 'text/plain'", "mimeType"),
        ("mimeType = [1]", "mimeType"),
    ],
)
def test_a_fault_is_named(text, named):
    with pytest.raises(AffinityDomainError, match=named):
        AffinityDomain.from_toml(text)
