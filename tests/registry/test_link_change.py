"""XAD-PID Link Change on a real registry: what follows, what stays, what is shown, and taking it back (ITI TF-2: 3.64)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.document_registry import LinkChange, Moved
from registry.metadata.objects import APND, APPROVED, DEPRECATED, RPLC
from registry.patients.identity import PatientIdentityError, Refusal
from registry.relinking import Recording
from tests.registry.registry_bench import (
    BOTH_STATUSES,
    FOREIGN,
    LATER,
    P1,
    P2,
    P3,
    Bench,
    entry,
    filed,
    folder,
    relation,
    submission,
    submission_set,
    uuid,
)

LOCAL, OTHER, MERGED = (f"{name}^^^&2.999.5.1&ISO" for name in ("L-77", "L-78", "L-79"))
EVERY = {"XDSDocumentEntryStatus": BOTH_STATUSES}


def recording(bench: Bench) -> Recording:
    return Recording(source_id="2.999.2.9", now=LATER, new_uuid=bench.new_uuid)


def move(bench: Bench, patient: str = P2, previous: str = P1, local: str = LOCAL, subsumed: str = "") -> Moved:
    asked = LinkChange(patient=patient, previous=previous, local=local, subsumed=subsumed)
    with bench.transaction():
        return bench.registry.relinking().change(asked, recording(bench))


def undo(bench: Bench, moved: Moved) -> Moved | None:
    with bench.transaction():
        return bench.registry.relinking().undo(moved.submission_set, recording(bench))


def shown(bench: Bench, patient: str, **more: object) -> list[tuple[str, str, str]]:
    """(uniqueId, status, sourcePatientId) of each document of a patient."""
    found = bench.find("FindDocuments", XDSDocumentEntryPatientId=patient, **(EVERY | more)).objects
    texts = [(item, item.leaf().decode()) for item in found]
    source = '<rim:Slot name="sourcePatientId"><rim:ValueList><rim:Value>'
    return sorted(
        (item.unique_id, item.status.rpartition(":")[2], text.split(source)[1].partition("^")[0])
        for item, text in texts
    )


def relations(bench: Bench, unique_id: str) -> list[tuple[str, str]]:
    """(type, other end's uniqueId) of what joins the latest version of a document to documents and folders."""
    asked = bench.find("GetDocuments", XDSDocumentEntryUniqueId=(unique_id,)).objects
    (latest,) = [item for item in asked if item.status == APPROVED]
    rows = bench.connection.execute(
        "SELECT type, source_uuid, target_uuid FROM association WHERE hidden = 0 AND ? IN (source_uuid, target_uuid)",
        (latest.entry_uuid,),
    )
    names = dict(bench.connection.execute("SELECT entry_uuid, unique_id FROM document_entry"))
    names |= dict(bench.connection.execute("SELECT entry_uuid, unique_id FROM folder"))
    ends = [(type_, target if source == latest.entry_uuid else source) for type_, source, target in rows]
    return sorted((type_, names[end]) for type_, end in ends if end in names)


def test_documents_of_the_local_id_follow_and_others_stay(bench: Bench):
    bench.register(
        submission(entry(uuid(1), unique_id="2.999.1"), entry(uuid(2), unique_id="2.999.2", source_patient_id=(OTHER,)))
    )
    moved = move(bench)
    assert (moved.unique_ids, moved.lost) == (("2.999.1",), ())
    assert shown(bench, P2) == [("2.999.1", "Approved", "L-77")]
    assert shown(bench, P1) == [("2.999.1", "Deprecated", "L-77"), ("2.999.2", "Approved", "L-78")]
    assert bench.find_documents(P1, XDSDocumentEntryStatus=(APPROVED,)) == [uuid(2)]


def test_the_new_version_is_one_of_the_same_logical_object(bench: Bench):
    bench.register(submission(entry(uuid(1), unique_id="2.999.1")))
    move(bench)
    (new,) = bench.find("FindDocuments", XDSDocumentEntryPatientId=P2, **EVERY).objects
    text = new.leaf().decode()
    assert f'lid="{uuid(1)}"' in text
    assert '<rim:VersionInfo versionName="2"/>' in text
    assert text.count(uuid(1)) == 1, "nothing but the logicalID is of the version before"
    assert f'classifiedObject="{new.entry_uuid}"' in text
    both = bench.find("GetDocuments", XDSDocumentEntryLogicalID=(uuid(1),), MetadataLevel=2, returns="ObjectRef")
    assert sorted(item.entry_uuid for item in both.objects) == sorted([uuid(1), new.entry_uuid])


def test_by_its_ids_only_the_latest_version_is_found(bench: Bench):
    bench.register(submission(entry(uuid(1), unique_id="2.999.1")))
    move(bench)
    (found,) = bench.find("GetDocuments", XDSDocumentEntryUniqueId=("2.999.1",)).objects
    assert (found.patient_id, found.status) == (P2, APPROVED)
    assert bench.find("GetDocuments", XDSDocumentEntryEntryUUID=(uuid(1),)).objects == []


def test_a_merged_local_id_is_replaced_in_what_it_brought(bench: Bench):
    bench.register(submission(entry(uuid(1), unique_id="2.999.1", source_patient_id=(MERGED,))))
    move(bench, patient=P1, previous=P1, subsumed=MERGED)
    assert shown(bench, P1) == [("2.999.1", "Approved", "L-77"), ("2.999.1", "Deprecated", "L-79")]
    move(bench, patient=P3, previous=P1)
    assert shown(bench, P3) == [("2.999.1", "Approved", "L-77")]


def test_what_joins_only_moved_documents_follows(bench: Bench):
    bench.register(
        submission(
            entry(uuid(1), unique_id="2.999.1"),
            entry(uuid(2), unique_id="2.999.2"),
            folders=[folder(uuid(3), unique_id="2.999.3")],
            also=[
                relation(APND, uuid(2), uuid(1)),
                *filed(uuid(3), uuid(1), id_="m1"),
                *filed(uuid(3), uuid(2), id_="m2"),
            ],
        )
    )
    moved = move(bench)
    assert (moved.folders, moved.lost) == (1, ())
    assert relations(bench, "2.999.1") == [(0, "2.999.3"), (3, "2.999.2")]
    (shelf,) = bench.find("FindFolders", XDSFolderPatientId=P2, XDSFolderStatus=BOTH_STATUSES).objects
    assert (shelf.status, shelf.last_update_time) == (APPROVED, LATER)
    (left,) = bench.find("FindFolders", XDSFolderPatientId=P1, XDSFolderStatus=BOTH_STATUSES).objects
    assert left.status == DEPRECATED
    content = bench.find("GetFolderAndContents", XDSFolderEntryUUID=shelf.entry_uuid).objects
    assert sorted(item.kind for item in content) == ["association", "association", "document", "document", "folder"]
    sets = bench.find("FindSubmissionSets", XDSSubmissionSetPatientId=P2, XDSSubmissionSetStatus=BOTH_STATUSES).objects
    assert [item.unique_id for item in sets] == [moved.submission_set]
    whole = bench.find("GetSubmissionSetAndContents", XDSSubmissionSetUniqueId=moved.submission_set).objects
    assert [item.kind for item in whole].count("association") == 7  # 2 documents, a folder, 2 FD-DE and their SS-HM
    assert 'codingScheme"><rim:ValueList><rim:Value>IHE Transactions' in sets[0].leaf().decode()


def test_what_would_join_two_patients_stays_and_is_named(bench: Bench):
    bench.register(
        submission(
            entry(uuid(1), unique_id="2.999.1"),
            entry(uuid(2), unique_id="2.999.2", source_patient_id=(OTHER,)),
            folders=[folder(uuid(3), unique_id="2.999.3")],
            also=[
                replace(relation(APND, uuid(2), uuid(1)), entry_uuid=uuid(4)),
                *filed(uuid(3), uuid(1), id_=uuid(5)),
                *filed(uuid(3), uuid(2), id_="m2"),
            ],
        )
    )
    moved = move(bench)
    assert (moved.folders, sorted(moved.lost)) == (0, [uuid(4), uuid(5)])
    assert relations(bench, "2.999.1") == []
    assert relations(bench, "2.999.2") == [(0, "2.999.3")]


def test_within_one_patient_nothing_is_lost(bench: Bench):
    bench.register(
        submission(
            entry(uuid(1), unique_id="2.999.1"),
            entry(uuid(2), unique_id="2.999.2", source_patient_id=(OTHER,)),
            also=[relation(APND, uuid(2), uuid(1))],
        )
    )
    assert move(bench, patient=P1, subsumed=LOCAL, local=MERGED).lost == ()
    assert relations(bench, "2.999.1") == [(3, "2.999.2")]


def test_deprecated_and_quarantined_documents_stay(bench: Bench):
    bench.register(submission(entry(uuid(1), unique_id="2.999.1"), entry(uuid(2), unique_id="2.999.2")))
    bench.register(
        submission(
            entry(uuid(3), unique_id="2.999.3"),
            also=[relation(RPLC, uuid(3), uuid(1))],
            set_=submission_set("set", unique_id="2.999.4"),
        )
    )
    bench.quarantine("2.999.2")
    assert move(bench).unique_ids == ("2.999.3",)
    assert [row[:2] for row in shown(bench, P2)] == [("2.999.3", "Approved")]


def test_a_submission_set_that_refers_to_it_refers_to_the_new_version(bench: Bench):
    bench.register(submission(entry(uuid(1), unique_id="2.999.1")))
    child = submission_set(uuid(9), patient=P3, unique_id="2.999.9")
    bench.register(submission(entry(uuid(2), patient=P3, unique_id="2.999.2"), set_=child, references=[uuid(1)]))
    move(bench)
    (new,) = bench.find("FindDocuments", XDSDocumentEntryPatientId=P2, **EVERY).objects
    joins = bench.find("GetSubmissionSetAndContents", XDSSubmissionSetUniqueId="2.999.9", returns="ObjectRef").objects
    assert new.entry_uuid in {item.entry_uuid for item in joins}
    assert uuid(1) not in {item.entry_uuid for item in joins}


def test_after_it_submissions_go_by_the_new_patient(bench: Bench):
    bench.register(submission(entry(uuid(1), unique_id="2.999.1")))
    move(bench)
    (new,) = bench.find_documents(P2)
    late = submission(entry(uuid(5), unique_id="2.999.5"), also=[relation(APND, uuid(5), uuid(1))], set_=submission_set(unique_id="2.999.6"))  # fmt: skip
    assert bench.refusal(late)[0][0] == "XDSRegistryDeprecatedDocumentError"
    wrong = submission(entry(uuid(5), unique_id="2.999.5"), also=[relation(APND, uuid(5), new)], set_=submission_set(unique_id="2.999.6"))  # fmt: skip
    assert bench.refusal(wrong)[0][0] == "XDSPatientIdDoesNotMatch"
    right = submission(entry(uuid(5), patient=P2, unique_id="2.999.5"), also=[relation(APND, uuid(5), new)], set_=submission_set(patient=P2, unique_id="2.999.6"))  # fmt: skip
    bench.register(right)
    bench.register(submission(entry(uuid(6), unique_id="2.999.7"), set_=submission_set(unique_id="2.999.8")))


def test_it_can_be_taken_back_exactly(bench: Bench):
    bench.register(
        submission(
            entry(uuid(1), unique_id="2.999.1", source_patient_id=(MERGED,)),
            folders=[folder(uuid(3), unique_id="2.999.3")],
            also=[*filed(uuid(3), uuid(1), id_="m1")],
        )
    )
    bench.register(
        submission(
            entry(uuid(2), patient=P2, unique_id="2.999.2"), set_=submission_set("s", patient=P2, unique_id="2.999.9")
        )
    )
    moved = move(bench, subsumed=MERGED)
    assert [row[::2] for row in shown(bench, P2)] == [("2.999.1", "L-77"), ("2.999.2", "L-77")]
    back = undo(bench, moved)
    assert back is not None
    assert (back.unique_ids, back.folders) == (("2.999.1",), 1)
    assert shown(bench, P2, XDSDocumentEntryStatus=(APPROVED,)) == [("2.999.2", "Approved", "L-77")]
    assert shown(bench, P1, XDSDocumentEntryStatus=(APPROVED,)) == [("2.999.1", "Approved", "L-79")]
    assert relations(bench, "2.999.1") == [(0, "2.999.3")]
    assert undo(bench, moved) is None, "it has been taken back already"


def test_what_was_merged_into_the_previous_patient_follows_too(bench: Bench):
    bench.register(submission(entry(uuid(1), patient=P3, unique_id="2.999.1"), set_=submission_set(patient=P3)))
    bench.patients.merge(P1, P3, LATER)
    assert move(bench).unique_ids == ("2.999.1",)
    assert [row[0] for row in shown(bench, P2)] == ["2.999.1"]


@pytest.mark.parametrize(
    ("patient", "previous", "reason"),
    [
        (P3.replace("P3", "P9"), P1, Refusal.UNKNOWN_SURVIVOR),
        (P2, P3.replace("P3", "P9"), Refusal.UNKNOWN_SUBSUMED),
        (FOREIGN, P1, Refusal.OTHER_AUTHORITY),
        (P3, P1, Refusal.SURVIVOR_SUBSUMED),
        (P1, P3, Refusal.ALREADY_SUBSUMED),
    ],
)
def test_patients_that_are_not_patients_are_refused(bench: Bench, patient: str, previous: str, reason: Refusal):
    bench.register(submission(entry(uuid(1), unique_id="2.999.1")))
    bench.patients.merge(P2, P3, LATER)
    before = bench.dump()
    with pytest.raises(PatientIdentityError) as refused:
        move(bench, patient=patient, previous=previous)
    assert refused.value.reason is reason
    assert bench.dump() == before


def test_nothing_to_move_changes_nothing(bench: Bench):
    bench.register(submission(entry(uuid(1), unique_id="2.999.1")))
    before = bench.dump()
    assert move(bench, local=OTHER) == Moved(patient=P2, previous=P1)
    assert move(bench, patient=P1, local=LOCAL) == Moved(patient=P1, previous=P1)
    assert bench.dump() == before
