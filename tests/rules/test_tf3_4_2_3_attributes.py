"""Each attribute of a DocumentEntry, SubmissionSet and Folder: what is accepted, and what is refused with which words.

ITI TF-3: 4.2.3.2, 4.2.3.3, 4.2.3.4, and the requirements of 4.3.1 for ITI-41, ITI-42 and ITI-61.
"""

from __future__ import annotations

import pytest

from registry.errors import RegistryError
from registry.metadata.affinity_domain import ANY, AffinityDomain
from registry.metadata.objects import ON_DEMAND_DOCUMENT, Author, LocalizedString, Slot
from registry.metadata.rules import violations
from tests.registry.samples import REGISTERED, association, code, entry, folder, original, submission, submission_set

METADATA_ERROR = "XDSRegistryMetadataError"
LONG = "x" * 257


def text(value: str) -> tuple[LocalizedString, ...]:
    return (LocalizedString(value=value),)


def with_entry(**changes):
    return submission(documents=(entry(**changes),))


def with_set(**changes):
    return submission(submission_sets=(submission_set(**changes),))


def with_folder(**changes):
    folders = (folder(**changes),)
    return submission(
        folders=folders, associations=(original("Document01"), association("ss-fd", "SubmissionSet01", "Folder01"))
    )


def on_demand(**changes):
    values = {"object_type": ON_DEMAND_DOCUMENT, "creation_time": (), "hash": (), "size": ()}
    return with_entry(**(values | changes))


MAKERS = {"DocumentEntry": with_entry, "SubmissionSet": with_set, "Folder": with_folder}
IDS = {"DocumentEntry": "Document01", "SubmissionSet": "SubmissionSet01", "Folder": "Folder01"}

ACCEPTED = [
    ("DocumentEntry", {}, "nothing but what is required"),
    ("DocumentEntry", {"unique_id": "1.2.3^doc/7"}, "a uniqueId with an extension"),
    ("DocumentEntry", {"unique_id": REGISTERED}, "a uniqueId that is a UUID URN"),
    ("DocumentEntry", {"unique_id": "u" * 128}, "a uniqueId of 128 characters"),
    ("DocumentEntry", {"hash": ("ABCDEF" + "0" * 34,)}, "an upper case hash"),
    ("DocumentEntry", {"size": ("0",)}, "an empty document"),
    ("DocumentEntry", {"creation_time": ("2025",)}, "a year as creationTime"),
    ("DocumentEntry", {"language_code": ("en-us",)}, "a language in lower case"),
    ("DocumentEntry", {"uri": ("http://",)}, "a URI with an empty authority"),
    ("DocumentEntry", {"uri": ("DOC0001.PDF",)}, "a relative URI"),
    ("DocumentEntry", {"title": text("题" * 127)}, "a title of 127 characters"),
    ("DocumentEntry", {"comments": text("c" * 1024)}, "comments of 1024 characters"),
    ("DocumentEntry", {"home_community_id": "urn:oid:2.999.40"}, "a homeCommunityId"),
    ("DocumentEntry", {"legal_authenticator": ("D1^Lin^Wei^^^^^^&2.999.41.2&ISO",)}, "a legalAuthenticator"),
    ("DocumentEntry", {"service_start_time": ("2025",), "service_stop_time": ("202503",)}, "start and stop of unequal precision"),
    ("DocumentEntry", {"service_start_time": ("2025",), "service_stop_time": ("2025",)}, "start equal to stop"),
    ("DocumentEntry", {"service_stop_time": ("2025",)}, "a stop without a start"),
    ("DocumentEntry", {"source_patient_info": ("PID-3|a", "PID-5|b", "PID-5|c", "PID-8|F")}, "a repeated name in sourcePatientInfo"),
    ("DocumentEntry", {"source_patient_info": ("PID-19|1",)}, "a discouraged field in sourcePatientInfo"),
    ("DocumentEntry", {"reference_id_list": ("a^^^&1.2&ISO^t", "b^^^&1.2&ISO^t")}, "several reference ids"),
    ("DocumentEntry", {"event_codes": (code("a"), code("b"))}, "several event codes"),
    ("DocumentEntry", {"confidentiality_codes": (code("N"), code("ETH"))}, "several confidentiality codes"),
    ("DocumentEntry", {"authors": ()}, "no author"),
    ("DocumentEntry", {"authors": (Author(institutions=("H",)), Author(telecommunications=("^^Internet^a@b.example",)))}, "two authors"),
    ("DocumentEntry", {"authors": (Author(persons=("^Lin",), roles=("a", "b"), specialties=("c^^^&1.2&ISO",)),)}, "roles and specialties"),
    ("DocumentEntry", {"availability_status": "Approved", "logical_id": "x", "version": "7"}, "status, lid and version, which are ignored"),
    ("DocumentEntry", {"extra": (Slot(name="urn:example:ward", values=("3",)),)}, "extra metadata named by a URN"),
    ("DocumentEntry", {"extra": (Slot(name="urn:att", values=("3",)),)}, "extra metadata named by half a URN"),
    ("DocumentEntry", {"document_availability": ("urn:ihe:iti:2010:DocumentAvailability:Offline",)}, "documentAvailability"),
    ("SubmissionSet", {"title": text("t" * 255), "comments": text("c")}, "title and comments"),
    ("SubmissionSet", {"intended_recipient": ("H|^Lin^Wei", "||^^Internet^a@b.example")}, "intended recipients"),
    ("SubmissionSet", {"submission_time": ("2025",)}, "a year as submissionTime"),
    ("SubmissionSet", {"authors": (Author(persons=("^Lin^Wei",)),)}, "an author"),
    ("Folder", {"last_update_time": ("20250311150212",)}, "lastUpdateTime"),
    ("Folder", {"codes": (code("a"), code("b"))}, "several codes"),
    ("Folder", {"title": text("t" * 256)}, "a title of 256 characters"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "changes"), [pytest.param(kind, changes, id=f"{kind}: {says}") for kind, changes, says in ACCEPTED]
)
def test_accepted(kind, changes):
    assert violations(MAKERS[kind](**changes), ANY, transaction="ITI-42") == []


REFUSED = [
    # attribute, values that are wrong
    ("DocumentEntry", "mime_type", "mimeType", [None, "", "text", LONG]),
    ("DocumentEntry", "patient_id", "patientId", ["P1", "P1^^^&2.999.1&ISO^PI"]),
    ("DocumentEntry", "unique_id", "uniqueId", [None, "", "u" * 129, "a b", "a\tb"]),
    ("DocumentEntry", "object_type", "objectType", [None, "urn:uuid:7edca82f", ON_DEMAND_DOCUMENT]),
    ("DocumentEntry", "home_community_id", "homeCommunityId", ["2.999.40", "urn:oid:x"]),
    ("DocumentEntry", "creation_time", "creationTime", [(), ("20251301",), ("2025", "2026"), ("2025-03-11",)]),
    ("DocumentEntry", "hash", "hash", [(), ("abc",), ("9" * 40, "8" * 40)]),
    ("DocumentEntry", "size", "size", [(), ("-1",), ("many",), ("1", "2")]),
    ("DocumentEntry", "language_code", "languageCode", [(), ("english!",), ("en", "de")]),
    ("DocumentEntry", "legal_authenticator", "legalAuthenticator", [("^^Wei",), ("^Lin", "^Wu")]),
    ("DocumentEntry", "reference_id_list", "referenceIdList", [("a",), ("a^^^&1.2&ISO^t", "b")]),
    ("DocumentEntry", "repository_unique_id", "repositoryUniqueId", [(), ("urn:oid:2.999",), ("2." + "9" * 63,)]),
    ("DocumentEntry", "service_start_time", "serviceStartTime", [("yesterday",), ("2025", "2026")]),
    ("DocumentEntry", "service_stop_time", "serviceStopTime", [("tomorrow",)]),
    ("DocumentEntry", "source_patient_id", "sourcePatientId", [(), ("770013",)]),
    ("DocumentEntry", "source_patient_info", "sourcePatientInfo", [("770013",), ("PID-7|1971", "PID-7|1972"), ("PID-8|F", "PID-8|M"), ("PID-3|" + LONG,)]),
    ("DocumentEntry", "uri", "URI", [("a b",), ("http://a/^b",), ("a", "b"), ("a" * 257,)]),
    ("DocumentEntry", "document_availability", "documentAvailability", [("Online",)]),
    ("DocumentEntry", "title", "title", [text("t" * 128), text("bell \x07")]),
    ("DocumentEntry", "comments", "comments", [text("c" * 1025)]),
    ("DocumentEntry", "class_codes", "classCode", [(), (code("a"), code("b"))]),
    ("DocumentEntry", "type_codes", "typeCode", [(), (code("a"), code("b"))]),
    ("DocumentEntry", "format_codes", "formatCode", [(), (code("a"), code("b"))]),
    ("DocumentEntry", "healthcare_facility_type_codes", "healthcareFacilityTypeCode", [(), (code("a"), code("b"))]),
    ("DocumentEntry", "practice_setting_codes", "practiceSettingCode", [(), (code("a"), code("b"))]),
    ("DocumentEntry", "confidentiality_codes", "confidentialityCode", [()]),
    ("DocumentEntry", "event_codes", "eventCodeList", [(code(""),), (code("a", None),), (code("a", name=None),), (code("a", name=""),), (code(LONG),), (code("a", LONG),)]),
    ("DocumentEntry", "authors", "author", [
        (Author(),),
        (Author(roles=("Nurse",)),),
        (Author(persons=("^Lin", "^Wu")),),
        (Author(persons=("^^Wei",)),),
        (Author(institutions=("^^^^^^^^^1.2",)),),
        (Author(persons=("^Lin",), telecommunications=("555",)),),
        (Author(persons=("^Lin",), node_representation="x"),),
    ]),
    ("DocumentEntry", "authors", "slot 'codingScheme'", [(Author(persons=("^Lin",), extra=(Slot(name="codingScheme", values=("x",)),)),)]),
    ("DocumentEntry", "limited_metadata", "limitedMetadata", [True]),
    ("DocumentEntry", "extra", "slot", [(Slot(name=name, values=("v",)),) for name in ("ward", "", "urn:", "urn:ihe:iti:x", "URN:IHE:x", "urn:a b", "urn:x:" + LONG)]),
    ("DocumentEntry", "extra", "slot", [(Slot(name="urn:x:y", values=(LONG,)),)]),
    ("SubmissionSet", "patient_id", "patientId", [None, "P1"]),
    ("SubmissionSet", "unique_id", "uniqueId", [None, "", "1", REGISTERED, "1.2^3"]),
    ("SubmissionSet", "source_id", "sourceId", [None, "urn:oid:2.999", "2." + "9" * 63]),
    ("SubmissionSet", "submission_time", "submissionTime", [(), ("now",), ("2025", "2026")]),
    ("SubmissionSet", "content_type_codes", "contentTypeCode", [(), (code("a"), code("b"))]),
    ("SubmissionSet", "intended_recipient", "intendedRecipient", [("",), ("||",), ("H|^^Wei",)]),
    ("SubmissionSet", "title", "title", [text("t" * 256)]),
    ("SubmissionSet", "home_community_id", "homeCommunityId", ["2.999"]),
    ("SubmissionSet", "limited_metadata", "limitedMetadata", [True]),
    ("SubmissionSet", "authors", "author", [(Author(roles=("Nurse",)),)]),
    ("SubmissionSet", "extra", "slot", [(Slot(name="ward", values=("v",)),)]),
    ("Folder", "patient_id", "patientId", [None, "P1"]),
    ("Folder", "unique_id", "uniqueId", [None, "x"]),
    ("Folder", "codes", "codeList", [(), (code("a", None),)]),
    ("Folder", "title", "title", [(), text(""), text("t" * 257)]),
    ("Folder", "last_update_time", "lastUpdateTime", [("2025",), ("202503111502",)]),
    ("Folder", "home_community_id", "homeCommunityId", ["2.999"]),
    ("Folder", "limited_metadata", "limitedMetadata", [True]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "attribute", "name", "value"),
    [
        pytest.param(kind, attribute, name, value, id=f"{kind}.{name} {value!r:.60}")
        for kind, attribute, name, wrong in REFUSED
        for value in wrong
    ],
)
def test_refused(kind, attribute, name, value):
    found = violations(MAKERS[kind](**{attribute: value}), ANY, transaction="ITI-42")
    named = [error for error in found if name in error.context and error.code == METADATA_ERROR]
    assert named, found
    assert all(error.location == IDS[kind] for error in named)
    assert all("ITI TF-" in error.context for error in found)
    # Patient ids that differ are one more violation; nothing else may be wrong beside what was made wrong.
    assert {error.code for error in found if error not in named} <= {"XDSPatientIdDoesNotMatch"}


def test_a_stop_before_its_start():
    found = violations(
        with_entry(service_start_time=("202503",), service_stop_time=("2024",)), ANY, transaction="ITI-42"
    )
    assert [(error.code, error.location) for error in found] == [(METADATA_ERROR, "Document01")]
    assert "serviceStopTime '2024' is before serviceStartTime '202503'" in found[0].context


@pytest.mark.parametrize(
    ("entry_uuid", "words"),
    [("", "has no id"), ("urn:uuid:1", "is not a UUID"), ("urn:uuid:not-a-uuid", "is not a UUID"), (LONG, "too long")],
)
def test_an_id_that_is_none(entry_uuid, words):
    found = violations(
        submission(documents=(entry(entry_uuid),), associations=(original(entry_uuid, "a"),)), ANY, transaction="ITI-42"
    )
    assert any(words in error.context and error.location == entry_uuid for error in found)


# --- which transaction asks for what --------------------------------------------------------------------------------


@pytest.mark.parametrize("attribute", ["hash", "size", "repository_unique_id"])
def test_a_source_need_not_send_what_the_repository_knows(attribute):
    assert violations(with_entry(**{attribute: ()}), ANY, transaction="ITI-41") == []
    assert len(violations(with_entry(**{attribute: ()}), ANY, transaction="ITI-42")) == 1


def test_an_on_demand_entry_has_no_content_yet():
    assert violations(on_demand(), ANY, transaction="ITI-61") == []


@pytest.mark.parametrize(("attribute", "value"), [("creation_time", "2025"), ("hash", "a" * 40), ("size", "1")])
def test_an_on_demand_entry_must_not_tell_content(attribute, value):
    found = violations(on_demand(**{attribute: (value,)}), ANY, transaction="ITI-61")
    assert [(error.code, error.location) for error in found] == [(METADATA_ERROR, "Document01")]
    assert "must not stand in an on-demand entry" in found[0].context


@pytest.mark.parametrize("transaction", ["ITI-41", "ITI-42"])
def test_an_on_demand_entry_is_registered_by_its_own_transaction(transaction):
    assert any("objectType" in error.context for error in violations(on_demand(), ANY, transaction=transaction))


def test_a_stable_entry_is_not_registered_on_demand():
    assert any("objectType" in error.context for error in violations(with_entry(), ANY, transaction="ITI-61"))


# --- the affinity domain --------------------------------------------------------------------------------------------

STRICT = AffinityDomain.from_toml(
    """
    mimeType = ["application/pdf"]
    [typeCode."2.16.840.1.113883.6.1"]
    "18842-5" = { en = "Discharge summary" }
    """
)


def test_codes_of_the_affinity_domain_pass():
    assert violations(with_entry(mime_type="Application/PDF; x=y"), STRICT, transaction="ITI-42") == []


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"mime_type": "text/html"}, "mimeType 'text/html'"),
        ({"type_codes": (code("11488-4", "2.16.840.1.113883.6.1"),)}, "typeCode '11488-4'"),
        ({"type_codes": (code("18842-5", "2.999.8"),)}, "typeCode '18842-5' of '2.999.8'"),
    ],
)
def test_other_codes_do_not(changes, name):
    found = violations(with_entry(**changes), STRICT, transaction="ITI-42")
    assert [(error.code, error.location) for error in found] == [(METADATA_ERROR, "Document01")]
    assert name in found[0].context


# --- how violations are told ----------------------------------------------------------------------------------------


def test_all_violations_are_told_at_once():
    wrong = entry(hash=("x",), size=("y",), class_codes=(), language_code=())
    found = violations(submission(documents=(wrong,)), ANY, transaction="ITI-42")
    assert [error.context.split(" ")[0] for error in found] == [
        "DocumentEntry.hash", "DocumentEntry.size", "DocumentEntry.languageCode", "DocumentEntry.classCode",
    ]  # fmt: skip


def test_a_flood_of_violations_is_cut():
    wrong = entry(source_patient_info=("wrong",) * 50_000, event_codes=(code("", None),) * 5_000)
    found = violations(submission(documents=(wrong,) * 3), ANY, transaction="ITI-42")
    assert len(found) == 100
    assert all(isinstance(error, RegistryError) and len(error.context) < 400 for error in found)
