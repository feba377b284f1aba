"""Every row of the table of error codes (xds-wire 5.6, 5.7; ITI TF-3: 4.2.4.1) is produced: code, severity and location.

A row is a case here, a named test elsewhere, or says why this node never sends it; the table itself is demanded.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from registry.ebrim.messages import registry_response
from registry.errors import RegistryError, Severity, XdsErrors
from registry.metadata.objects import (
    APND,
    APPROVED,
    DEPRECATED,
    ON_DEMAND_DOCUMENT,
    ORIGINAL,
    RPLC,
    SUBMIT_ASSOCIATION,
    UPDATE_AVAILABILITY_STATUS,
    Association,
    DocumentEntry,
    Slot,
)
from registry.metadata.submission import Submission
from registry.store.keys import MOST_OBJECTS
from repository.messages import DocumentPart
from repository.provide import complete, pairing_faults
from tests.registry.registry_bench import (
    P1,
    P2,
    Bench,
    entry,
    member,
    relation,
    submission,
    submission_set,
    uuid,
)
from tests.shared import SHARED, needs_shared

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT, SET, FOLDER, NEW = uuid(1), uuid(2), uuid(3), uuid(9)
LATE = submission_set(uuid(20), unique_id="2.999.4.2.20")


def registered(bench: Bench, *documents: DocumentEntry, **more: object) -> None:
    own = submission_set(SET, unique_id="2.999.4.2.2")
    bench.register(submission(*(documents or (entry(DOCUMENT),)), set_=own, **more))  # type: ignore[arg-type]


def refused(act: Callable[[], object]) -> Sequence[RegistryError]:
    with pytest.raises(XdsErrors) as raised:
        act()
    return raised.value.errors


def register(bench: Bench, made: Submission, **more: object) -> Sequence[RegistryError]:
    return refused(lambda: bench.register(made, **more))  # type: ignore[arg-type]


def late(*documents: DocumentEntry, also: Sequence[Association] = (), **more: object) -> Submission:
    return submission(*documents, set_=replace(LATE, **more), also=also)


def slots(**values: str) -> tuple[Slot, ...]:
    return tuple(Slot(name=name, values=(value,)) for name, value in values.items())


def update(bench: Bench, transaction: str = "ITI-57", *, previous: str | None = "1", **changes: object):
    """A second version of the registered document, wrong in what `changes` says."""
    new = replace(entry(NEW), **({"logical_id": DOCUMENT} | changes))  # type: ignore[arg-type]
    link = member(LATE.entry_uuid, NEW, ORIGINAL, uuid(21))
    link = replace(link, extra=slots(PreviousVersion=previous) if previous else ())
    made = Submission(submission_sets=(LATE,), documents=(new,), associations=(link,))
    return refused(lambda: bench.update(made, transaction=transaction))


def order(bench: Bench, type_: str, target: str, *also: Association, **values: str):
    """An update without a new version: from the submission set to `target`."""
    link = replace(relation(type_, LATE.entry_uuid, target, uuid(22)), extra=slots(**values))
    return refused(lambda: bench.update(Submission(submission_sets=(LATE,), associations=(link, *also))))


def remove(bench: Bench, *entry_uuids: str) -> Sequence[RegistryError]:
    def act() -> None:
        with bench.transaction():
            bench.registry.remove(entry_uuids)

    return refused(act)


def query(bench: Bench, name: str, **parameters: object) -> Sequence[RegistryError]:
    return refused(lambda: bench.find(name, **parameters))


def association_id(bench: Bench) -> str:
    return bench.connection.execute("SELECT entry_uuid FROM association").fetchone()[0]


def provided(*documents: DocumentEntry, parts: Sequence[str]) -> Sequence[RegistryError]:
    return pairing_faults(submission(*documents), [DocumentPart(id=one, content=b"x") for one in parts])


class Digest:
    size, sha1 = 1, "0" * 40


def deprecated(bench: Bench) -> None:
    registered(bench)
    bench.register(late(entry(NEW, unique_id="2.999.9"), also=[relation(RPLC, NEW, DOCUMENT)]))


def full(bench: Bench) -> Sequence[RegistryError]:
    bench.connection.execute("UPDATE patient SET objects = ?", (MOST_OBJECTS,))
    return register(bench, submission(entry(DOCUMENT)))


def two_patients(bench: Bench) -> Sequence[RegistryError]:
    registered(bench)
    bench.register(submission(entry(NEW, patient=P2, unique_id="2.999.9"), set_=replace(LATE, patient_id=P2)))
    return query(bench, "GetDocuments", XDSDocumentEntryEntryUUID=(DOCUMENT, NEW))


def many(bench: Bench) -> Sequence[RegistryError]:
    registered(bench, *(entry(uuid(100 + n), unique_id=f"2.999.9.{n}") for n in range(1001)))
    return query(bench, "FindDocuments", XDSDocumentEntryPatientId=P1, XDSDocumentEntryStatus=(APPROVED,))


def after(prepare: Callable[[Bench], object], act: Callable[[Bench], Sequence[RegistryError]]):
    def both(bench: Bench) -> Sequence[RegistryError]:
        prepare(bench)
        return act(bench)

    return both


def orphaned(bench: Bench) -> Sequence[RegistryError]:
    registered(bench)
    return remove(bench, association_id(bench))


# (code, condition) -> what does it, and the location of its one error; None where only the code is looked at.
CASES: dict[tuple[str, str], tuple[Callable[[Bench], Sequence[RegistryError]], str | None]] = {
    ("UnresolvedReferenceException", "ITI-42"): (lambda b: register(b, late(entry("D"), also=[relation(APND, "D", uuid(99), uuid(5))])), uuid(5)),
    ("UnresolvedReferenceException", "ITI-57"): (lambda b: order(b, UPDATE_AVAILABILITY_STATUS, uuid(99), OriginalStatus=APPROVED, NewStatus=DEPRECATED), uuid(22)),
    ("UnresolvedReferenceException", "ITI-62"): (lambda b: remove(b, uuid(99)), uuid(99)),
    ("XDSDuplicateUniqueIdInRegistry", "of a submission set"): (after(registered, lambda b: register(b, late(entry(NEW, unique_id="2.999.9"), unique_id="2.999.4.2.2"))), LATE.entry_uuid),
    ("XDSMissingDocument", "ITI-41"): (lambda _: provided(entry("D"), parts=[]), "D"),
    ("XDSMissingDocumentMetadata", "ITI-41"): (lambda _: provided(parts=["E"]), "E"),
    ("XDSNonIdenticalHash", "ITI-42"): (after(registered, lambda b: register(b, late(entry(NEW, hash=("0" * 40,))))), NEW),
    ("XDSNonIdenticalSize", "ITI-42"): (after(registered, lambda b: register(b, late(entry(NEW, size=("10",))))), NEW),
    ("XDSPatientIdDoesNotMatch", "ITI-42"): (lambda b: register(b, late(entry(NEW, patient=P2))), NEW),
    ("XDSRegistryOutOfResources", "ITI-42"): (full, ""),
    ("XDSRegistryDeprecatedDocumentError", "ITI-42"): (after(deprecated, lambda b: register(b, submission(entry("D", unique_id="2.999.8"), set_=submission_set(unique_id="2.999.7"), also=[relation(APND, "D", DOCUMENT, uuid(5))]))), uuid(5)),
    ("XDSRegistryDuplicateUniqueIdInMessage", "ITI-42"): (lambda b: register(b, late(entry("D"), entry("E"))), "E"),
    ("XDSRepositoryDuplicateUniqueIdInMessage", "ITI-41"): (lambda _: provided(entry("D"), entry("E"), parts=["D", "E"]), "E"),
    ("XDSRegistryError", "a malformed value"): (lambda b: query(b, "FindDocuments", XDSDocumentEntryPatientId=P1, XDSDocumentEntryStatus=(APPROVED,), XDSDocumentEntryClassCode=("no scheme",)), ""),
    ("XDSRegistryError", "another return type"): (lambda b: query(b, "GetDocuments", XDSDocumentEntryEntryUUID=(DOCUMENT,), returns="RegistryObject"), ""),
    ("XDSRegistryMetadataError", "ITI-42"): (lambda b: register(b, late(entry("D", class_codes=()))), "D"),
    ("XDSRepositoryMetadataError", "ITI-41, an on-demand entry"): (lambda _: provided(entry("D", object_type=ON_DEMAND_DOCUMENT), parts=[]), "D"),
    ("XDSRepositoryMetadataError", "ITI-41, another hash"): (lambda _: refused(lambda: complete(submission(entry("D", size=())), {"D": Digest()}, "2.999")), "D"),
    ("XDSResultNotSinglePatient", "ITI-18"): (two_patients, ""),
    ("XDSStoredQueryMissingParam", "ITI-18"): (lambda b: query(b, "FindDocuments", XDSDocumentEntryPatientId=P1), ""),
    ("XDSStoredQueryMissingParam", "none of either ids"): (lambda b: query(b, "GetDocuments"), ""),
    ("XDSStoredQueryParamNumber", "both of either ids"): (lambda b: query(b, "GetDocuments", XDSDocumentEntryEntryUUID=(DOCUMENT,), XDSDocumentEntryUniqueId=("2.9",)), ""),
    ("XDSTooManyResults", "ITI-18"): (many, ""),
    ("XDSUnknownPatientId", "ITI-42"): (lambda b: register(b, submission(entry("D", patient="X^^^&2.999.1.1&ISO"), set_=replace(LATE, patient_id="X^^^&2.999.1.1&ISO"))), None),
    ("XDSUnknownStoredQuery", "ITI-18"): (lambda b: query(b, "urn:uuid:00000000-0000-0000-0000-000000000000"), ""),
    # --- 5.7: updates and removals
    ("XDSMetadataUpdateError", "ITI-57, a first version"): (after(registered, lambda b: update(b, logical_id=NEW)), NEW),
    ("XDSMetadataUpdateError", "ITI-57, no logicalID"): (after(registered, lambda b: update(b, logical_id=None)), NEW),
    ("XDSMetadataUpdateError", "ITI-92, no logicalID"): (after(registered, lambda b: update(b, "ITI-92", logical_id=None)), NEW),
    ("XDSMetadataUpdateError", "ITI-57, no PreviousVersion"): (after(registered, lambda b: update(b, previous=None)), uuid(21)),
    ("XDSMetadataUpdateError", "ITI-57, another uniqueId"): (after(registered, lambda b: update(b, unique_id="2.999.9")), NEW),
    ("XDSMetadataUpdateError", "ITI-57, another objectType"): (after(registered, lambda b: update(b, object_type=ON_DEMAND_DOCUMENT, creation_time=(), hash=(), size=())), NEW),
    ("XDSMetadataUpdateError", "ITI-57, a status that is not there"): (after(registered, lambda b: order(b, UPDATE_AVAILABILITY_STATUS, DOCUMENT, OriginalStatus=DEPRECATED, NewStatus=APPROVED)), uuid(22)),
    ("XDSMetadataUpdateError", "ITI-57, an end that is not registered"): (after(registered, lambda b: order(b, SUBMIT_ASSOCIATION, uuid(30), relation(APND, DOCUMENT, uuid(99), uuid(30)))), uuid(30)),
    ("XDSMetadataVersionError", "ITI-57, not the latest"): (after(registered, lambda b: update(b, previous="2")), NEW),
    ("XDSMetadataVersionError", "ITI-92, unknown logicalID"): (after(registered, lambda b: update(b, "ITI-92", logical_id=uuid(99))), NEW),
    ("XDSMetadataUpdateOperationError", "ITI-57, no such operation"): (after(registered, lambda b: order(b, APND, DOCUMENT)), uuid(22)),
    ("XDSPatientIDReconciliationError", "ITI-92, another patient"): (after(registered, lambda b: update(b, "ITI-92", patient_id=P2)), NEW),
    ("XDSObjectTypeError", "ITI-92"): (after(registered, lambda b: update(b, "ITI-92", object_type=ON_DEMAND_DOCUMENT, creation_time=(), hash=(), size=())), NEW),
    ("XDSMetadataIdentifierError", "ITI-92"): (after(registered, lambda b: update(b, "ITI-92", unique_id="2.999.9")), NEW),
    ("XDSInvalidRequestException", "ITI-92, a first version"): (after(registered, lambda b: update(b, "ITI-92", logical_id=NEW)), NEW),
    ("UnmodifiableMetadataError", "ITI-92, sourcePatientId"): (after(registered, lambda b: update(b, "ITI-92", source_patient_id=("L^^^&2.999&ISO",))), NEW),
    ("XDSMetadataAnnotationError", "ITI-92, no PreviousVersion"): (after(registered, lambda b: update(b, "ITI-92", previous=None)), uuid(21)),
    ("ReferencesExistException", "ITI-62"): (after(registered, lambda b: remove(b, DOCUMENT)), DOCUMENT),
    ("XDSUnreferencedObjectException", "ITI-62"): (orphaned, None),
}  # fmt: skip

# Produced where it takes more than a registry: a test there that names the code.
ELSEWHERE = {
    "DocumentQueued": "tests/node/test_received.py::test_what_was_received_waits_and_can_be_registered",
    **dict.fromkeys(
        (
            *("PartialAppendContentNotProcessed", "PartialFolderContentNotProcessed"),
            *("PartialRelationshipContentNotProcessed", "PartialReplaceContentNotProcessed"),
            *("PartialTransformNotProcessed", "PartialTransformReplaceNotProcessed"),
        ),
        "tests/node/test_received.py::test_what_speaks_of_the_senders_registry_is_not_kept_and_said",
    ),
    "XDSDocumentUniqueIdError": "tests/repository/test_retrieve.py::test_errors_are_located_at_the_document",
    "XDSRepositoryError": "tests/end_to_end/test_damaged_documents.py",
    "XDSRepositoryOutOfResources": "tests/faults/test_disk_full.py",
    "XDSRepositoryBusy": "tests/node/test_received.py::test_what_is_refused",
    "XDSUnavailableCommunity": "tests/end_to_end/test_peer_faults.py",
    "XDSUnknownCommunity": "tests/end_to_end/test_federation.py",
    "XDSUnknownRepositoryId": "tests/end_to_end/test_federation.py",
    "XDSMissingHomeCommunityId": "tests/node/federation/test_judging.py",
    "LocalPolicyRestrictionError": "tests/end_to_end/test_update_policy.py",
}
NEVER = {
    "InvalidDocumentContent": "documents are not looked into: they are stored and given out as they came",
    "XDSExtraMetadataNotSaved": "extra metadata is kept and returned, every slot of it",
    "XDSRegistryNotAvailable": "registry and repository are one node with one database",
    "XDSRegistryBusy": "whoever comes too often gets 503 with Retry-After, before anything is read",
    "XDSReplaceFailed": "deprecated; understood in answers of others",
    "XDSMetadataModelException": "named in readme files only (xds-wire 11)",
    "XDSRemoveDocumentsError": "removing a document is removing a row: it cannot fail for one document alone",
    "TranscodingError": "of XCF, which this node does not speak",
    "UnknownRecipient": "of XCDR, which this node does not speak",
    "UnavailableRecipient": "of XCDR, which this node does not speak",
    "FHIRDocumentNotSupported": "of XCDR, which this node does not speak",
}


@pytest.mark.parametrize(("code", "condition"), CASES)
def test_the_row_is_produced(bench: Bench, code: str, condition: str) -> None:
    act, location = CASES[code, condition]
    errors = [one for one in act(bench) if one.code == code]
    assert errors, f"{code} did not come"
    assert {one.severity for one in errors} == {Severity.ERROR}
    if location is not None:
        assert location in {one.location for one in errors}
    assert all(one.context.strip() for one in errors)
    assert b":ResponseStatusType:Failure" in registry_response(errors)


def test_other_tests_are_there_and_name_the_code() -> None:
    for code, place in ELSEWHERE.items():
        path, _, name = place.partition("::")
        text = (ROOT / path).read_text(encoding="utf-8")
        found = {
            node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert not name or name in found, place
        assert code in text or "ErrorCode.PARTIAL" in text or "QUEUED" in text, place


@needs_shared
def test_no_row_of_the_table_is_missing() -> None:
    assert SHARED is not None
    text = (SHARED / "ihe" / "xds-wire.md").read_text(encoding="utf-8")
    table = text.partition("### 5.6 Error codes")[2].partition("\n### ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {code for row in rows for code in re.findall(r"`(\w+)`", row)}
    produced = {code for code, _ in CASES}
    assert named - produced - set(ELSEWHERE) - set(NEVER) == set()
    assert set(NEVER) & (produced | set(ELSEWHERE)) == set()
