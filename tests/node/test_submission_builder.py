"""One file -> a complete submission; what the header, the command line and the configuration each decide."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from node.configuration.readers import Coded
from node.configuration.settings import SubmitSection
from node.documents.cda_header import CdaHeader
from node.documents.submission_builder import FileFacts, Source, Wishes, build, mime_type
from registry.metadata.objects import HAS_MEMBER, RPLC, Author
from registry.metadata.submission import Submission

PATIENT = "P1^^^&2.999.1&ISO"
FACTS = FileFacts(name="Brief 3.pdf", mime_type="application/pdf", size=7, sha1="a" * 40, modified="20240229101500")
LOINC = "2.16.840.1.113883.6.1"


def source(accepts=lambda *_: True, **defaults) -> Source:
    return Source(
        name="St. Mary & Co", source_id="2.999.2", assigning_authority="2.999.1", defaults=SubmitSection(**defaults), accepts=accepts
    )  # fmt: skip


def made(facts: FileFacts = FACTS, wishes: Wishes | None = None, by: Source | None = None) -> Submission:
    numbers = count(100)
    return build(
        facts, wishes or Wishes(patient=PATIENT), by or source(), now="20260301101500", new_uuid=lambda: next(numbers)
    )


def test_a_plain_file_has_every_required_attribute() -> None:
    submission = made()
    (entry,) = submission.documents
    assert entry.entry_uuid == "urn:uuid:00000000-0000-0000-0000-000000000064"
    assert entry.title[0].value == "Brief 3"
    assert (entry.mime_type, entry.size, entry.hash) == ("application/pdf", ("7",), ("a" * 40,))
    assert entry.creation_time == ("20240229101500",)
    assert entry.source_patient_id == (PATIENT,)
    assert entry.format_codes[0].code == "urn:ihe:iti:xds:2017:mimeTypeSufficient"
    assert entry.authors == (Author(institutions=("St. Mary \\T\\ Co",)),)
    for codes in (
        entry.class_codes,
        entry.type_codes,
        entry.practice_setting_codes,
        entry.healthcare_facility_type_codes,
        entry.confidentiality_codes,
    ):
        assert len(codes) == 1
        assert codes[0].scheme
        assert codes[0].display[0].value
    submission_set = submission.submission_set
    assert (submission_set.patient_id, submission_set.source_id) == (PATIENT, "2.999.2")
    assert submission_set.submission_time == ("20260301101500",)
    assert submission_set.unique_id != entry.unique_id
    (member,) = submission.associations
    assert (member.association_type, member.source, member.target) == (
        HAS_MEMBER,
        submission_set.entry_uuid,
        entry.entry_uuid,
    )
    assert member.submission_set_status == ("Original",)


def test_a_header_wins_over_the_file_and_the_configuration() -> None:
    header = CdaHeader(
        title="Consult", type_code=Coded("11488-4", LOINC, "Consult note"), creation_time="2020", language_code="fr-CA",
        format_code="urn:ihe:pcc:xds-ms:2007", confidentiality_code=Coded("R", "2.16.840.1.113883.5.25", "restricted"),
        source_patient_ids=("111-22^^^&2.16.840.1.113883.4.1&ISO", "L9^^^&2.999.77&ISO"), unique_id="1.2^x",
        reference_ids=("x^^^&1.2&ISO^urn:ihe:iti:xds:2013:uniqueId",), authors=(Author(persons=("^A",)),),
    )  # fmt: skip
    (entry,) = made(replace(FACTS, header=header)).documents
    assert entry.title[0].value == "Consult"
    assert (entry.type_codes[0].code, entry.class_codes[0].code) == ("11488-4", "REPORTS")
    assert entry.confidentiality_codes[0].code == "R"
    assert entry.format_codes[0].code == "urn:ihe:pcc:xds-ms:2007"
    assert (entry.creation_time, entry.language_code) == (("2020",), ("fr-CA",))
    assert entry.source_patient_id == ("L9^^^&2.999.77&ISO",)
    assert entry.unique_id == "2.25.101"
    assert entry.reference_id_list == header.reference_ids
    assert entry.authors == header.authors


def test_a_national_id_never_becomes_the_source_patient_id() -> None:
    header = CdaHeader(source_patient_ids=("111-22^^^&2.16.840.1.113883.4.1&ISO",))
    (entry,) = made(replace(FACTS, header=header)).documents
    assert entry.source_patient_id == (PATIENT,)


def test_codes_that_the_domain_does_not_accept_fall_back() -> None:
    header = CdaHeader(
        type_code=Coded("X", "9.9", "local"), format_code="urn:x", confidentiality_code=Coded("Q", "9.9", "q")
    )
    (entry,) = made(replace(FACTS, header=header), by=source(accepts=lambda *_: False)).documents
    assert (entry.type_codes[0].code, entry.confidentiality_codes[0].code) == ("11506-3", "N")
    assert entry.format_codes[0].code == "urn:ihe:iti:xds:2017:mimeTypeSufficient"


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        pytest.param({"unique_id": "2.999.7"}, "2.999.7", id="given"),
        pytest.param({"unique_id_from_cda": True}, "1.2^x", id="from the CDA"),
        pytest.param({}, "2.25.101", id="fresh"),
    ],
)
def test_unique_id(wishes: dict, expected: str) -> None:
    facts = replace(FACTS, header=CdaHeader(unique_id="1.2^x"))
    assert made(facts, Wishes(patient=PATIENT, **wishes)).documents[0].unique_id == expected


def test_replacement() -> None:
    submission = made(wishes=Wishes(patient=PATIENT, replaces="urn:uuid:1"))
    found = [(item.source, item.target) for item in submission.associations if item.association_type == RPLC]
    assert found == [(submission.documents[0].entry_uuid, "urn:uuid:1")]


@pytest.mark.parametrize("existing", ["", "urn:uuid:f"])
def test_folder(existing: str) -> None:
    submission = made(wishes=Wishes(patient=PATIENT, folder_title="Knee", folder=existing))
    assert [folder.title[0].value for folder in submission.folders] == ([] if existing else ["Knee"])
    folder = existing or "Folder01"
    members = {(item.source, item.target): item for item in submission.associations}
    inside = members[folder, submission.documents[0].entry_uuid]
    assert ("SubmissionSet01", inside.entry_uuid) in members
    assert (("SubmissionSet01", folder) in members) is not bool(existing)


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        pytest.param("a.bin", b"%PDF-1.7", "application/pdf", id="PDF by its first bytes"),
        pytest.param("a.pdf", b"\x00" * 128 + b"DICM", "application/dicom", id="DICOM"),
        pytest.param("a", b"\xef\xbb\xbf<?xml version='1.0'?>", "text/xml", id="XML with BOM"),
        pytest.param("a.xml", b"<ClinicalDocument/>", "text/xml", id="XML without declaration"),
        pytest.param("a.json", b'{"resourceType":"Bundle"}', "application/fhir+json", id="FHIR"),
        pytest.param("a.TXT", b"hello", "text/plain", id="by name"),
        pytest.param("README.md", b"hello", "text/plain", id="Markdown is text"),
        pytest.param("LICENSE", "Süd".encode() * 1000, "text/plain", id="text without a suffix"),
        pytest.param("LICENSE", "Süd".encode("latin-1"), "application/octet-stream", id="not UTF-8"),
        pytest.param("a.xyz", b"\x00\x01", "application/octet-stream", id="unknown"),
    ],
)
def test_mime_type(name: str, head: bytes, expected: str) -> None:
    assert mime_type(name, head) == expected
