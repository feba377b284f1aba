"""Forms of single values: what passes and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.metadata import values
from registry.metadata.values import Cx, dtm_floor

FORMS = {
    values.is_oid: (
        ["2.999.1", "1.3.6.1.4.1.19376", "0.0", "2.25." + "9" * 38],
        ["", "1", "1.", ".1", "01.2", "1.02", "1..2", "1.2 ", "1.a", "2.25." + "9" * 60, "1.2\n"],
    ),
    values.is_oid_urn: (["urn:oid:2.999"], ["2.999", "urn:oid:", "urn:oid:1", "URN:OID:2.999", "urn:oid:2.999 "]),
    values.is_uuid_urn: (
        ["urn:uuid:0f9a2f10-5d0e-4a52-9d0c-9d1f6f3b7a01", "urn:uuid:0F9A2F10-5D0E-4A52-9D0C-9D1F6F3B7A01"],
        ["0f9a2f10-5d0e-4a52-9d0c-9d1f6f3b7a01", "urn:uuid:0f9a2f10", "urn:uuid:0f9a2f105d0e4a529d0c9d1f6f3b7a01", ""],
    ),
    values.is_dtm: (
        ["2024", "202402", "20240229", "2000022923", "202402292359", "20240229235959"],
        [
            "",
            "024",
            "202413",
            "20230229",
            "19000229",
            "20240431",
            "2024022924",
            "20240229236",
            "202402292360",
            "20240229235960",
            "20240229235959.1",
            "20240229235959+0100",
            "2024-02-29",
            "\uff12\uff10\uff12\uff14",
        ],
    ),
    values.is_dtm_to_the_second: (["20240229235959"], ["2024", "202402292359", "20240230000000"]),
    values.is_cx: (
        ["P1^^^&2.999.1&ISO", "P 1/Ä^^^&2.999.1&ISO"],
        [
            "P1",
            "^^^&2.999.1&ISO",
            "P1^^^2.999.1",
            "P1^^^NAME&2.999.1&ISO",
            "P1^^^&2.999.1&DNS",
            "P1^^^&2.999.1&ISO^PI",
            "P1^1^^&2.999.1&ISO",
            "P1^^^&2.999.01&ISO",
            "P1^^^&amp;2.999.1&amp;ISO",
            "P1^^^&2.999.1&ISO~P2^^^&2.999.1&ISO",
        ],
    ),
    values.is_cxi: (
        [
            "3^^^&1.2&ISO^urn:ihe:iti:xds:2013:uniqueId",
            "A5^^^WARD^urn:ihe:iti:xds:2013:accession",
            "1.2.3^^^^urn:ihe:iti:xdw:2013:workflowInstanceId",
            "urn:uuid:0f9a2f10-5d0e-4a52-9d0c-9d1f6f3b7a01^^^^local",
            "3^^^&1.2&ISO^t^&2.999&ISO",
        ],
        ["3", "3^^^^t", "^^^&1.2&ISO^t", "3^^^&1.2&ISO", "3^x^^&1.2&ISO^t", "3^^^&1.2&DNS^t", "3^^^&1.2&ISO^t^c^d"],
    ),
    values.is_xcn: (
        ["^Lin^Wei", "D1", "D1^Lin^Wei^^MD^Dr^^^&2.999.6&ISO", "^Welby^Marcus^^^Dr^MD", "^Smitty^Gerald^^^^^^"],
        ["", "^", "^^Wei", "^Lin^^^^^^^&2.999&ISO", "D1^Lin^^^^^^^2.999", "D1^Lin^^^^^^^&2.999&ISO^L", "a~b", "a|b"],
    ),
    values.is_xon: (
        ["Hospital", "Hospital^^^^^^^^^2.999.7", "Hospital^^^^^&2.999.7&ISO^^^^W3", "H^^^^^&2.999.7&ISO^^^^2.999.7.1"],
        [
            "",
            "^^^^^^^^^2.999.7",
            "Hospital^^^^^^^^^W3",
            "Hospital^L",
            "Hospital^^^^^2.999.7^^^^W3",
            "H^^^^^^^^^2.999^x",
        ],
    ),
    values.is_xtn: (
        ["^^Internet^a@b.example", "^NET^Internet^a@b.example", "^PRS^PH^^31^^(042) 1123 4567", "^^CP^^^^^^^^^+86 1"],
        ["", "a@b", "555-1234", "^^Internet^nobody", "^PRS^PH^^31", "^NET^Internet^a@b^1", "^^FAX^^^^1", "x^^PH^^^^1"],
    ),
    values.is_intended_recipient: (
        ["Hospital", "Hospital|^Lin^Wei", "|^Lin^Wei|^^Internet^a@b.example", "||^^Internet^a@b.example", "Hospital||"],
        ["", "||", "^^^^^^^^^2.999.7|^Lin", "Hospital|^^Wei", "a|b|^^Internet^a@b.example|d"],
    ),
    values.is_language_tag: (
        ["en", "en-US", "en-us", "zh-Hans-CN", "de-419", "sl-rozaj-biske", "de-CH-1901", "en-a-bbb-x-a", "x-house"],
        ["", "e", "en_US", "en-", "-en", "english language", "a-DE", "en-US-"],
    ),
    values.is_mime_type: (
        ["text/plain", "application/hl7-cda+xml", "text/xml; charset=utf-8", 'multipart/related; type="a b"'],
        ["", "text", "text/", "/plain", "text/pl ain", "text/plain;", "téxt/plain"],
    ),
    values.is_sha1: (["a" * 40, "A" * 40], ["", "a" * 39, "a" * 41, "g" * 40, "a" * 40 + "\n"]),
    values.is_size: (["0", "48213"], ["", "-1", "1.5", "1e3", " 1", "٤", "1" * 20]),
    values.is_uri: (
        ["http://", "https://a.example/b?c=d#e", "DOC/1.XML", "urn:oid:2.999", "a%20b", "http://[::1]/", "?q", "#f"],
        ["", "a b", "a^b", "a|b", "a%zz", "http://é.example", "a#b#c", "1a:b", "<a>", "a\\b"],
    ),
    values.is_urn: (["urn:example:ward", "URN:a:b"], ["", "urn:", "urn:x", "urn:x:", "http://a", "urn:x:a b"]),
    values.is_patient_field: (
        ["PID-3|x", "PID-5|Zhao^Yan", "PID-8|F", "PID-11|", "PID-5|a~b"],
        ["", "PID-3", "PID|x", "3|x", "pid-3|x", "PID-0|x", "PID-111|x", "PV1-3|x"],
    ),
    values.is_speakable: (
        ["a", "呼吸 三区", "\u202e", "tab\tand\nline", "\u3000"],
        ["\x00", "a\x01", "\ud800", "\uffff"],
    ),
}


@pytest.mark.parametrize(
    ("holds", "text"),
    [pytest.param(form, text, id=f"{form.__name__} {text!r:.40}") for form in FORMS for text in FORMS[form][0]],
)
def test_a_right_value(holds, text):
    assert holds(text)


@pytest.mark.parametrize(
    ("holds", "text"),
    [pytest.param(form, text, id=f"{form.__name__} {text!r:.40}") for form in FORMS for text in FORMS[form][1]],
)
def test_a_wrong_value(holds, text):
    assert not holds(text)


@given(st.sampled_from(list(FORMS)), st.text(max_size=300))
def test_no_text_makes_a_check_fail_to_answer(form, text):
    assert form(text) in (True, False)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("2024", "20240101000000"),
        ("202403", "20240301000000"),
        ("2024031512", "20240315120000"),
        ("20240315123045",) * 2,
    ],
)
def test_the_first_instant_of_a_dtm(text, first):
    assert dtm_floor(text) == first


@given(
    st.text(st.characters(exclude_characters="^~&|", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40),
    st.lists(st.integers(0, 10**6), min_size=2, max_size=8).map(lambda arcs: ".".join(map(str, arcs))),
)
def test_a_patient_id_is_taken_apart_and_put_together(identifier, authority):
    text = f"{identifier}^^^&{authority}&ISO"
    assert Cx.parse(text) == Cx(identifier, authority)
    assert Cx(identifier, authority).render() == text


def test_what_is_no_patient_id_is_not_parsed():
    assert Cx.parse("P1") is None
