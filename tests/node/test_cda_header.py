"""CDA header -> DocumentEntry attributes (content binding of the PCC profiles)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from node.documents import cda_header
from node.documents.cda_header import CdaHeader, dtm
from registry.metadata.objects import Author
from tests.shared import SHARED, needs_shared


def header(inner: str) -> CdaHeader:
    found = cda_header.read(etree.fromstring(f'<ClinicalDocument xmlns="urn:hl7-org:v3">{inner}</ClinicalDocument>'))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("20050329224411+0500", "20050329174411", id="zone ahead of UTC"),
        pytest.param("20140917190412.123-0500", "20140918000412", id="fraction dropped, next day"),
        pytest.param("201409171904-0500", "201409180004", id="minutes stay minutes"),
        pytest.param("2014091719+0100", "2014091718", id="hours stay hours"),
        pytest.param("20140917-0500", "20140917", id="a date has no zone"),
        pytest.param("20140917", "20140917", id="a date is not padded"),
        pytest.param("2014", "2014", id="a year"),
        pytest.param("20140917190412", "20140917190412", id="no zone is UTC"),
        pytest.param("201413", "", id="month 13"),
        pytest.param("20140230", "", id="30 February"),
        pytest.param("2014091725", "", id="hour 25"),
        pytest.param("", "", id="empty"),
        pytest.param("yesterday", "", id="text"),
        pytest.param("00010101000000+1400", "", id="before the first year"),
        pytest.param("2014091719+9999", "", id="impossible zone"),
    ],
)
def test_times(value: str, expected: str) -> None:
    assert dtm(value) == expected


@pytest.mark.parametrize(
    ("inner", "attribute", "expected"),
    [
        pytest.param("<title> A\n  <b>B</b> </title>", "title", "A B", id="title is normalised text"),
        pytest.param(f"<title>{'x' * 300}</title>", "title", "x" * 128, id="title is cut"),
        pytest.param('<languageCode nullFlavor="UNK" code="en"/>', "language_code", "", id="null counts as absent"),
        pytest.param('<languageCode code="-"/>', "language_code", "", id="language that is none"),
        pytest.param('<languageCode code="en-US"/><component><nonXMLBody><languageCode code="fr-CA"/></nonXMLBody></component>', "language_code", "fr-CA", id="language of the scan wins"),
        pytest.param('<id root="1.2.3" extension="x"/>', "unique_id", "1.2.3^x", id="unique id"),
        pytest.param('<id root="1.2.3"/>', "unique_id", "1.2.3", id="unique id without caret"),
        pytest.param("<id/>", "reference_ids", (), id="empty id"),
        pytest.param('<id root="1.2.3" extension="a^b"/>', "reference_ids", ("a\\S\\b^^^&1.2.3&ISO^urn:ihe:iti:xds:2013:uniqueId",), id="separators are escaped"),
        pytest.param('<id root="1.2.3"/>', "reference_ids", ("1.2.3^^^^urn:ihe:iti:xds:2013:uniqueId",), id="an OID needs no authority"),
        pytest.param('<id root="00000000-0000-0000-0000-00000000000A" extension="x"/>', "reference_ids", ("x^^^&2.25.10&ISO^urn:ihe:iti:xds:2013:uniqueId",), id="a UUID root is an OID under 2.25"),
        pytest.param('<id root="not an oid" extension="x"/>', "reference_ids", (), id="a root that is neither"),
        pytest.param('<effectiveTime value="201507221800-0500"/>', "creation_time", "201507222300", id="creation time"),
        pytest.param('<templateId root="2.16.840.1.113883.10.20.22.1.2"/><templateId root="2.16.840.1.113883.10.20.22.1.2" extension="2015-08-01"/>', "format_code", "urn:hl7-org:sdwg:ccda-structuredBody:2.1", id="C-CDA 2.1 beside its 1.1 template"),
        pytest.param('<templateId root="2.16.840.1.113883.10.20.22.1.10"/><component><nonXMLBody/></component>', "format_code", "urn:hl7-org:sdwg:ccda-nonXMLBody:1.1", id="unstructured C-CDA"),
        pytest.param('<templateId root="1.3.6.1.4.1.19376.1.2.20"/><component><nonXMLBody><text mediaType="application/pdf"/></nonXMLBody></component>', "format_code", "urn:ihe:iti:xds-sd:pdf:2008", id="scanned PDF"),
        pytest.param('<templateId root="1.3.6.1.4.1.19376.1.2.20"/><component><nonXMLBody><text mediaType="text/plain"/></nonXMLBody></component>', "format_code", "urn:ihe:iti:xds-sd:text:2008", id="scanned text"),
        pytest.param('<templateId root="1.3.6.1.4.1.19376.1.5.3.1.1.2"/><templateId root="1.3.6.1.4.1.19376.1.5.3.1.1.7.1"/>', "format_code", "urn:ihe:iti:bppc-sd:2007", id="the most specific template"),
        pytest.param('<templateId root="1.3.6.1.4.1.19376.1.3.3"/>', "format_code", "urn:ihe:lab:xd-lab:2008", id="laboratory report"),
        pytest.param('<templateId root="9.9"/>', "format_code", "", id="unknown template"),
        pytest.param('<documentationOf><serviceEvent><effectiveTime><low value="20150101"/><high value="20150103"/></effectiveTime></serviceEvent></documentationOf><documentationOf><serviceEvent><effectiveTime value="20140601"/></serviceEvent></documentationOf>', "service_start_time", "20140601", id="earliest service event"),
        pytest.param('<componentOf><encompassingEncounter><effectiveTime><low value="20150101"/></effectiveTime></encompassingEncounter></componentOf>', "service_start_time", "20150101", id="encounter when there is no service event"),
        pytest.param('<documentationOf><serviceEvent><effectiveTime><low value="20150105"/><high value="20150103"/></effectiveTime></serviceEvent></documentationOf>', "service_stop_time", "", id="a stop before its start is left out"),
        pytest.param('<relatedDocument typeCode="RPLC"><parentDocument><id root="1.2" extension="old"/></parentDocument></relatedDocument>', "replaces", ("1.2^old",), id="replacement"),
        pytest.param('<relatedDocument typeCode="RPLC"><parentDocument><id/></parentDocument></relatedDocument>', "replaces", (), id="empty parent of a first version"),
        pytest.param('<legalAuthenticator><signatureCode code="S"/><assignedEntity><id root="1.2" extension="d1"/><assignedPerson><name><prefix>Dr</prefix><given>A</given><family>B</family></name></assignedPerson></assignedEntity></legalAuthenticator>', "legal_authenticator", "d1^B^A^^^Dr^^^&1.2&ISO", id="signed"),
        pytest.param('<legalAuthenticator><signatureCode code="X"/><assignedEntity><id root="1.2" extension="d1"/></assignedEntity></legalAuthenticator>', "legal_authenticator", "", id="not signed"),
        pytest.param('<recordTarget><patientRole><id root="1.2" extension="p"/><id nullFlavor="NI"/><patient><name>王小明</name><administrativeGenderCode code="UN"/><birthTime value="19720415"/></patient></patientRole></recordTarget>', "source_patient_info", ("PID-5|王小明", "PID-7|19720415", "PID-8|O"), id="name without parts"),
        pytest.param('<recordTarget><patientRole><id root="1.2" extension="p"/><id root="1.2"/></patientRole></recordTarget>', "source_patient_ids", ("p^^^&1.2&ISO",), id="source patient id needs an extension"),
    ],
)  # fmt: skip
def test_attributes(inner: str, attribute: str, expected: object) -> None:
    assert getattr(header(inner), attribute) == expected


def test_author() -> None:
    found = header(
        '<custodian><assignedCustodian><representedCustodianOrganization><id root="9.8"/><name>Klinik &amp; Co</name>'
        "</representedCustodianOrganization></assignedCustodian></custodian>"
        '<author><functionCode code="PCP" codeSystem="1.9" displayName="primary care"/>'
        '<assignedAuthor><id root="1.2" extension="7"/><code code="1" codeSystem="1.8" displayName="Cardiology"/>'
        '<telecom value="mailto:a@b.example"/><telecom value="tel:5"/>'
        "<assignedPerson><name><family>Seven</family><given>H</given><given>I</given><given>J</given></name></assignedPerson>"
        "</assignedAuthor></author>"
        '<author><assignedAuthor nullFlavor="NI"/></author>'
    ).authors
    assert found == (
        Author(
            persons=("7^Seven^H^I J^^^^^&1.2&ISO",),
            institutions=("Klinik \\T\\ Co^^^^^^^^^9.8",),
            roles=("primary care",),
            specialties=("Cardiology",),
            telecommunications=("^^Internet^a@b.example",),
        ),
    )


def test_something_else_is_no_cda() -> None:
    assert cda_header.read(etree.fromstring("<ClinicalDocument/>")) is None


@needs_shared
def test_real_documents_have_what_a_registry_requires() -> None:
    assert SHARED is not None
    files = sorted((SHARED / "samples" / "cda").iterdir())
    for path in files:
        found = cda_header.read(etree.parse(str(path)).getroot())
        assert found is not None
        assert found.title
        assert found.type_code
        assert found.creation_time
        assert found.authors
        assert found.reference_ids
        assert all(len(value) <= 256 for author in found.authors for value in author.persons + author.institutions)


_VALUES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=300)


@given(_VALUES, _VALUES, _VALUES)
def test_any_text_in_a_header_gives_bounded_single_values(a: str, b: str, c: str) -> None:
    root = etree.fromstring(
        '<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2"/><title/><effectiveTime/><author><assignedAuthor><id root="1.2"/>'
        "<assignedPerson><name><family/></name></assignedPerson></assignedAuthor></author></ClinicalDocument>"
    )
    try:
        root[0].set("extension", a)
        root[1].text, root[3][0][1][0][0].text = b, c
        root[2].set("value", b)
        root[3][0][0].set("extension", c)
    except ValueError:
        return  # what XML cannot hold never arrives
    found = cda_header.read(root)
    assert found is not None
    values = [*found.reference_ids, *(value for author in found.authors for value in author.persons)]
    assert all(len(value) <= 256 and "|" not in value and "\n" not in value for value in values)
    assert len(found.title) <= 128
