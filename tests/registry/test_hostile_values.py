"""Every attribute with hostile values through SOAP, storage, query and gateway: what comes out is what went in.

Apostrophes, ampersands, carets, brackets, quotes, Chinese, right-to-left, beyond the basic plane; and ten thousand
characters, which are kept where the attribute allows them and else refused by name.
"""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from node.soap.message import read_answer, read_envelope
from node.soap.writing import write_envelope
from registry.ebrim.messages import SUCCESS, adhoc_query_response, submit_objects_request
from registry.ebrim.object_reader import read_document_entry, read_folder, read_submission_set
from registry.ebrim.reader import read_query_answer, read_submission
from registry.ebrim.tolerances import Faults
from registry.errors import XdsErrors
from registry.metadata.objects import Author, Code, DocumentEntry, Folder, LocalizedString, Slot, SubmissionSet
from registry.metadata.submission import Submission
from tests.registry.registry_bench import HOME, P1, Bench, entry, filed, folder, submission, submission_set, uuid

HOSTILE = 'O\'Hara "&" <b>]]> %_ ^~\\ 中文 שלום\u202e👩‍⚕️'
IN_HL7 = 'O\'Hara "\\T\\" <b>]]> %_ 中文 שלום\u202e👩‍⚕️'  # its own separators escaped
TEXT = (LocalizedString(value=HOSTILE), LocalizedString(value="שלום", lang="he"))
NO_CARET = HOSTILE.replace("^", "")  # which parts a code from its scheme in a query
CODED = Code(code=f"{NO_CARET}1", scheme=f"s {NO_CARET}", display=TEXT[:1])
AUTHOR = Author(
    persons=(f"7^{IN_HL7}^{IN_HL7}^^^^^^&2.999.6&ISO",),
    institutions=(f"{IN_HL7}^^^^^^^^^2.999.7",),
    roles=(IN_HL7,),
    specialties=(IN_HL7,),
    telecommunications=("^^Internet^o'hara&co@host.example",),
)
CX = "7'7 <中>^^^&2.999.5.1&ISO"
EXTRA = (Slot(name="urn:x:extra", values=(HOSTILE, "שלום")),)
ALIKE = {"title": TEXT, "comments": TEXT, "extra": EXTRA}
VALUES: dict[type, dict[str, object]] = {
    DocumentEntry: ALIKE | {
        **dict.fromkeys(("class_codes", "type_codes", "format_codes", "healthcare_facility_type_codes", "practice_setting_codes"), (CODED,)),
        "confidentiality_codes": (CODED, replace(CODED, code="2")),
        "event_codes": (CODED, replace(CODED, code=",3,")),
        "authors": (AUTHOR, AUTHOR),
        "mime_type": "text/x-o'hara+xml",
        "unique_id": "1.2^O'Hara&<中文>",
        "creation_time": ("20240229",),
        "service_start_time": ("2024",),
        "service_stop_time": ("20240301",),
        "hash": ("ABCDEF0123456789ABCDEF0123456789ABCDEF01",),
        "size": ("0",),
        "language_code": ("zh-Hans-CN",),
        "legal_authenticator": (AUTHOR.persons[0],),
        "reference_id_list": (f"{IN_HL7}^^^&2.999&ISO^urn:ihe:iti:xds:2013:order",),
        "repository_unique_id": ("2.999.3.1",),
        "source_patient_id": (CX,),
        "source_patient_info": (f"PID-5|{HOSTILE}", "PID-8|F"),
        "uri": ("urn:x-o'hara&b=1?q=%E4%B8%AD",),
        "document_availability": ("urn:ihe:iti:2010:DocumentAvailability:Online",),
    },
    SubmissionSet: ALIKE | {
        "content_type_codes": (CODED,),
        "authors": (AUTHOR,),
        "source_id": "2.999.2",
        "unique_id": "2.999.4.2.1",
        "submission_time": ("20240229",),
        "intended_recipient": (f"{AUTHOR.institutions[0]}|{AUTHOR.persons[0]}|{AUTHOR.telecommunications[0]}",),
    },
    Folder: ALIKE | {"codes": (CODED, replace(CODED, code="2")), "unique_id": "2.999.4.3.1"},
}  # fmt: skip
# Given by the registry, or not a value that somebody writes.
NOT_WRITTEN = {
    *("entry_uuid", "object_type", "home_community_id", "availability_status", "logical_id", "version", "patient_id"),
    *("limited_metadata", "part_ids", "last_update_time"),
}
READERS = {DocumentEntry: read_document_entry, SubmissionSet: read_submission_set, Folder: read_folder}
DOCUMENT, SHELF, SET = uuid(1), uuid(3), uuid(2)


def test_every_attribute_has_a_hostile_value() -> None:
    for kind, values in VALUES.items():
        assert {item.name for item in fields(kind)} - NOT_WRITTEN == set(values), kind


def sent(made: Submission) -> tuple[Submission, list]:
    """A submission as the registry of a node reads it, from the bytes of a message."""
    message = read_envelope(write_envelope("urn:x", submit_objects_request(made), message_id=uuid(77), reply_to=True))
    return read_submission(message.body)


def hostile() -> Submission:
    return submission(
        entry(DOCUMENT, **VALUES[DocumentEntry]),  # type: ignore[arg-type]
        folders=[folder(SHELF, **VALUES[Folder])],  # type: ignore[arg-type]
        set_=submission_set(SET, **VALUES[SubmissionSet]),  # type: ignore[arg-type]
        also=filed(SHELF, DOCUMENT, SET, uuid(4)),
    )


def plain(obj: object) -> dict[str, object]:
    """What an object says, without the ids of its parts."""

    def bare(value: object) -> object:
        if isinstance(value, tuple):
            return tuple(map(bare, value))
        return replace(value, id="") if isinstance(value, Code | Author) else value

    return {name: bare(getattr(obj, name)) for name in VALUES[type(obj)]}


def expected(kind: type) -> dict[str, object]:
    return dict(VALUES[kind])


@pytest.mark.parametrize("through_a_gateway", [False, True], ids=["at home", "through a gateway"])
def test_what_comes_out_is_what_went_in(bench: Bench, through_a_gateway: bool) -> None:
    made, faults = sent(hostile())
    assert faults == []
    bench.register(made)
    statuses = ("urn:oasis:names:tc:ebxml-regrep:StatusType:Approved",)
    asked = dict.fromkeys(("XDSDocumentEntryStatus", "XDSSubmissionSetStatus", "XDSFolderStatus"), statuses)
    leaves = [item.leaf() for item in bench.find("GetAll", patientId=P1, **asked).objects]
    if through_a_gateway:  # read as a peer's answer, judged, and spliced into another one
        answer = read_answer(write_envelope("urn:x", adhoc_query_response(SUCCESS, (), leaves), relates_to=uuid(77)))
        leaves = [item.xml for item in read_query_answer(answer.body).objects]
    body = read_answer(write_envelope("urn:x", adhoc_query_response(SUCCESS, (), leaves), relates_to=uuid(77))).body
    found = {}
    for element in body.iter("{*}ExtrinsicObject", "{*}RegistryPackage"):
        kind = {DOCUMENT: DocumentEntry, SET: SubmissionSet, SHELF: Folder}[element.get("id")]
        found[kind] = READERS[kind](element, (), Faults())
        assert element.get("home") == HOME
    assert {kind: plain(obj) for kind, obj in found.items()} == {kind: expected(kind) for kind in VALUES}


def test_hostile_values_can_be_asked_for(bench: Bench) -> None:
    bench.register(sent(hostile())[0])
    for name in ("ClassCode", "EventCodeList", "ConfidentialityCode"):
        assert bench.find_documents(P1, **{f"XDSDocumentEntry{name}": (f"{CODED.code}^^{CODED.scheme}",)}) == [DOCUMENT]
    assert bench.find_documents(P1, XDSDocumentEntryAuthorPerson=("%O'Hara%中文%",)) == [DOCUMENT]
    found = bench.find("GetDocuments", XDSDocumentEntryUniqueId=(VALUES[DocumentEntry]["unique_id"],)).objects
    assert [item.entry_uuid for item in found] == [DOCUMENT]


LONG = "中'&^" * 2500
WITH_LONG = {
    "title": (LocalizedString(value=LONG),),
    "comments": (LocalizedString(value=LONG),),
    "class_codes": (replace(CODED, code=LONG),),
    "event_codes": (replace(CODED, display=(LocalizedString(value=LONG),)),),
    "authors": (Author(persons=(f"^{LONG}",)),),
    "legal_authenticator": (f"^{LONG}",),
    "mime_type": f"text/{LONG}",
    "unique_id": LONG,
    "language_code": (LONG,),
    "source_patient_id": (f"{LONG}^^^&2.999&ISO",),
    "source_patient_info": (f"PID-5|{LONG}",),
    "uri": (f"urn:{LONG}",),
    "reference_id_list": (f"{LONG}^^^&2.999&ISO^urn:x",),
    "extra": (Slot(name="urn:x:extra", values=(LONG,)),),
    "size": ("9" * 10_000,),
    "hash": ("0" * 10_000,),
    "creation_time": ("2" * 10_000,),
}


@pytest.mark.parametrize("attribute", WITH_LONG)
def test_ten_thousand_characters_are_refused_by_name_and_nothing_is_stored(bench: Bench, attribute: str) -> None:
    made, faults = sent(submission(entry(DOCUMENT, **{attribute: WITH_LONG[attribute]})))  # type: ignore[arg-type]
    before = bench.dump()
    with pytest.raises(XdsErrors) as refused, bench.transaction():
        bench.registry.register(made, faults, transaction="ITI-42", now="20240301120000", new_uuid=bench.new_uuid)
    assert bench.dump() == before
    assert {one.code for one in refused.value.errors} == {"XDSRegistryMetadataError"}
    assert {one.location for one in refused.value.errors} == {DOCUMENT}
    assert max(len(one.context) for one in refused.value.errors) < 1000, "an error does not quote it whole"
