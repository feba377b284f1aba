"""Hostile values through two real nodes: registered at one, asked for at the other, through both gateways.

The values and what must come out of them are those of tests/registry/test_hostile_values, which covers every attribute in
process; here they pass two TLS connections, two SOAP readers and writers, a database and the splicing of an answer.
"""

from __future__ import annotations

import pytest

from registry.ebrim.messages import submit_objects_request
from registry.ebrim.tolerances import Faults
from registry.metadata.objects import DocumentEntry, Folder, SubmissionSet
from tests.end_to_end.nodes import Node
from tests.end_to_end.wire import APPROVED, FAILURE, SUCCESS, Document, adhoc, oid, provide, retrieve, slot
from tests.registry.registry_bench import entry, filed, folder, submission_set, uuid
from tests.registry.registry_bench import submission as submitted
from tests.registry.test_hostile_values import HOSTILE, LONG, READERS, VALUES, WITH_LONG, plain

pytestmark = pytest.mark.long

GET_ALL = "urn:uuid:10b545ea-725c-446d-9b95-8aeb444eddf3"
GET_DOCUMENTS = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
FIND_DOCUMENTS = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
STATUSES = ("XDSDocumentEntryStatus", "XDSSubmissionSetStatus", "XDSFolderStatus")


def quoted(*values: str) -> str:
    return "(" + ",".join("'" + value.replace("'", "''") + "'" for value in values) + ")"


def get_all(patient: str) -> str:
    slots = [slot(f"${name}", f"('{APPROVED}')") for name in STATUSES]
    return adhoc(GET_ALL, slot("$patientId", quoted(patient)[1:-1]) + "".join(slots))


def test_what_comes_out_at_the_other_node_is_what_went_in(nodes: list[Node], patient: str) -> None:
    """Every attribute of a document, a folder and a submission set: registered at B (ITI-42), asked for at A (ITI-18)."""
    asking, holding = nodes[:2]
    # Not with hostile confidentiality codes: a document of a level that is not known goes to no other community.
    document = {name: value for name, value in VALUES[DocumentEntry].items() if name != "confidentiality_codes"}
    made = submitted(
        entry("Document01", patient=patient, **document),  # type: ignore[arg-type]
        folders=[folder("Folder01", patient=patient, **VALUES[Folder])],  # type: ignore[arg-type]
        set_=submission_set("Set01", patient=patient, **VALUES[SubmissionSet]),  # type: ignore[arg-type]
        also=filed("Folder01", "Document01", "Set01", uuid(4)),
    )
    registered = holding.client().send("iti-42", submit_objects_request(made).decode())
    assert (registered.status, registered.errors) == (SUCCESS, [])
    answer = asking.client().send("iti-18", get_all(patient))
    assert (answer.status, answer.errors) == (SUCCESS, [])
    found = {}
    for element in answer.body.iter("{*}ExtrinsicObject", "{*}RegistryPackage"):
        scheme = [one.get("classificationNode") for one in element.findall("{*}Classification")]
        kind = (
            DocumentEntry if element.tag.endswith("ExtrinsicObject") else Folder if FOLDER in scheme else SubmissionSet
        )
        found[kind] = READERS[kind](element, (), Faults())
        assert element.get("home") == holding.home
    wanted = {kind: dict(values) for kind, values in VALUES.items()}
    wanted[DocumentEntry]["confidentiality_codes"] = made.documents[0].confidentiality_codes
    assert {kind: plain(obj) for kind, obj in found.items()} == wanted


FOLDER = "urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2"


def test_hostile_values_can_be_asked_for_through_the_gateway(nodes: list[Node], patient: str) -> None:
    asking, holding = nodes[:2]
    unique_id, (code,) = f"{oid()}^O'Hara&<中文>", VALUES[DocumentEntry]["class_codes"]  # type: ignore[misc]
    item = entry("Document01", patient=patient, unique_id=unique_id, class_codes=(code,), authors=VALUES[DocumentEntry]["authors"])  # type: ignore[arg-type]  # fmt: skip
    made = submitted(item, set_=submission_set("Set01", patient=patient, unique_id=oid()))
    assert holding.client().send("iti-42", submit_objects_request(made).decode()).status == SUCCESS
    by_patient = slot("$XDSDocumentEntryPatientId", quoted(patient)[1:-1]) + slot("$XDSDocumentEntryStatus", f"('{APPROVED}')")  # fmt: skip
    questions = {
        "class code": adhoc(FIND_DOCUMENTS, by_patient + slot("$XDSDocumentEntryClassCode", quoted(f"{code.code}^^{code.scheme}"))),
        "author": adhoc(FIND_DOCUMENTS, by_patient + slot("$XDSDocumentEntryAuthorPerson", quoted("%O'Hara%中文%"))),
        "uniqueId": adhoc(GET_DOCUMENTS, slot("$XDSDocumentEntryUniqueId", quoted(unique_id)), home=holding.home),
    }  # fmt: skip
    for name, question in questions.items():
        assert asking.client().send("iti-18", question).unique_ids() == [unique_id], name


def test_a_document_is_fetched_by_a_hostile_unique_id(nodes: list[Node], patient: str) -> None:
    asking, holding = nodes[:2]
    document = Document("内容 & <content>".encode(), unique_id=f"{oid()}^O'Hara&<中文>", title=HOSTILE)
    body, parts = provide(patient, [document])
    assert holding.client().send("iti-41", body, parts).status == SUCCESS
    answer = asking.client().send("iti-43", retrieve((holding.home, holding.repository, document.unique_id)))
    assert answer.documents() == {document.unique_id: ("text/plain", document.content)}


@pytest.mark.parametrize("attribute", ["title", "authors", "unique_id", "extra"])
def test_ten_thousand_characters_are_refused_and_never_reach_the_other_node(
    nodes: list[Node], patient: str, attribute: str
) -> None:
    asking, holding = nodes[:2]
    item = entry("Document01", patient=patient, **{attribute: WITH_LONG[attribute]})  # type: ignore[arg-type]
    made = submitted(item, set_=submission_set("Set01", patient=patient, unique_id=oid()))
    refused = holding.client().send("iti-42", submit_objects_request(made).decode())
    assert (refused.status, set(refused.codes)) == (FAILURE, {"XDSRegistryMetadataError"})
    assert asking.client().send("iti-18", get_all(patient)).entries() == []


@pytest.mark.parametrize("parameter", ["$XDSDocumentEntryAuthorPerson", "$XDSDocumentEntryClassCode"])
def test_ten_thousand_characters_in_a_question(nodes: list[Node], patient: str, parameter: str) -> None:
    """Asked of everybody: an answer from each, with nothing in it, or the refusal of the question; never a broken one."""
    value = quoted(LONG + ("^^2.999" if "Code" in parameter else ""))
    by_patient = slot("$XDSDocumentEntryPatientId", quoted(patient)[1:-1]) + slot("$XDSDocumentEntryStatus", f"('{APPROVED}')")  # fmt: skip
    answer = nodes[0].client().send("iti-18", adhoc(FIND_DOCUMENTS, by_patient + slot(parameter, value)))
    assert "XDSUnavailableCommunity" not in answer.codes
    assert answer.entries() == []
