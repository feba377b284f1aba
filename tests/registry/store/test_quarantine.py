"""A document in quarantine is in no answer, nothing leads to it, and it can come back."""

from __future__ import annotations

import pytest

from registry.document_registry import UnknownDocument
from registry.metadata.objects import APND, DEPRECATED, RPLC, XFRM
from registry.queries.catalogue import STORED_QUERIES
from tests.registry.registry_bench import (
    BOTH_STATUSES,
    BOTH_TYPES,
    P1,
    Bench,
    entry,
    filed,
    folder,
    relation,
    stored_query,
    submission,
    submission_set,
    uuid,
)

WRONG, CHILD, OTHER, NEW = uuid(1), uuid(2), uuid(3), uuid(4)
SHELF, SET_A, SET_B, SET_C, LINK = uuid(11), uuid(21), uuid(22), uuid(23), uuid(31)
UNIQUE_ID = "2.999.4.1.1"


@pytest.fixture
def bench(tmp_path):
    """A wrong document in a folder, with an addendum, and one more in the folder."""
    made = Bench(tmp_path / "node.db")
    made.register(
        submission(
            entry(WRONG, unique_id=UNIQUE_ID),
            entry(OTHER, unique_id="2.999.4.1.3"),
            folders=[folder(SHELF)],
            set_=submission_set(SET_A, unique_id="2.999.4.2.1"),
            also=[*filed(SHELF, WRONG, SET_A, LINK), *filed(SHELF, OTHER, SET_A, uuid(32))],
        )
    )
    made.register(
        submission(
            entry(CHILD, unique_id="2.999.4.1.2"),
            set_=submission_set(SET_B, unique_id="2.999.4.2.2"),
            also=[relation(APND, CHILD, WRONG, uuid(33))],
        )
    )
    yield made
    made.close()


def _everything(bench: Bench) -> dict[str, list]:
    """Every query, asked for all there is."""
    every = tuple(row[0] for row in bench.connection.execute("SELECT entry_uuid FROM document_entry UNION ALL SELECT entry_uuid FROM submission_set UNION ALL SELECT entry_uuid FROM folder UNION ALL SELECT entry_uuid FROM association"))  # fmt: skip
    asked = {
        "XDSDocumentEntryPatientId": P1,
        "XDSSubmissionSetPatientId": P1,
        "XDSFolderPatientId": P1,
        "patientId": P1,
        "XDSDocumentEntryStatus": BOTH_STATUSES,
        "XDSSubmissionSetStatus": BOTH_STATUSES,
        "XDSFolderStatus": BOTH_STATUSES,
        "XDSDocumentEntryType": BOTH_TYPES,
        "uuid": every,
        "XDSDocumentEntryEntryUUID": every,
        "XDSFolderEntryUUID": SHELF,
        "XDSSubmissionSetEntryUUID": SET_A,
        "XDSDocumentEntryReferenceIdList": ("%",),
        "AssociationTypes": (APND, XFRM, RPLC),
    }
    found = {}
    for query in STORED_QUERIES.values():
        given = {p.name[1:]: asked[p.name[1:]] for p in query.parameters if p.name[1:] in asked}
        if query.name in {"GetFoldersForDocument", "GetRelatedDocuments"}:
            for number, one in enumerate((WRONG, CHILD, OTHER)):
                key = f"{query.name} {number}"
                found[key] = bench.registry.find(
                    stored_query(query.id, **(given | {"XDSDocumentEntryEntryUUID": one}))
                ).objects
        else:
            found[query.name] = bench.registry.find(stored_query(query.id, **given)).objects
    return found


def test_no_answer_shows_it_or_leads_to_it(bench: Bench):
    before = _everything(bench)
    assert any(WRONG in {item.entry_uuid, item.target} for objects in before.values() for item in objects)
    bench.quarantine(UNIQUE_ID)
    gone = {WRONG, LINK, uuid(33)}
    for query, objects in _everything(bench).items():
        for item in objects:
            assert not gone & {item.entry_uuid, item.source, item.target}, query
            assert not any(hidden.encode() in item.leaf() for hidden in gone), query


def test_everything_else_stays(bench: Bench):
    bench.quarantine(UNIQUE_ID)
    found = {item.entry_uuid for objects in _everything(bench).values() for item in objects}
    assert {CHILD, OTHER, SHELF, SET_A, SET_B, uuid(32)} <= found


def test_it_comes_back_as_it_was(bench: Bench):
    def shown():
        return {
            query: [(item.entry_uuid, item.leaf()) for item in found] for query, found in _everything(bench).items()
        }

    before, state = shown(), bench.dump()
    bench.quarantine(UNIQUE_ID)
    bench.quarantine(UNIQUE_ID)  # twice is once
    assert shown() != before
    bench.quarantine(UNIQUE_ID, on=False)
    assert shown() == before
    assert bench.dump() == state


def test_what_joins_two_comes_back_with_the_second(bench: Bench):
    for unique_id in (UNIQUE_ID, "2.999.4.1.2"):
        bench.quarantine(unique_id)
    bench.quarantine(UNIQUE_ID, on=False)
    found = bench.find("GetAssociations", uuid=(WRONG,)).objects
    assert CHILD not in {item.source for item in found}
    bench.quarantine("2.999.4.1.2", on=False)
    assert CHILD in {item.source for item in bench.find("GetAssociations", uuid=(WRONG,)).objects}


def test_it_is_marked_for_retrieval(bench: Bench):
    bench.quarantine(UNIQUE_ID)
    (entry_,) = bench.registry.documents([UNIQUE_ID, "2.999.4.1.404"])[UNIQUE_ID]
    assert entry_.quarantined
    assert not bench.registry.documents(["2.999.4.1.3"])["2.999.4.1.3"][0].quarantined


@pytest.mark.parametrize("type_", [RPLC, XFRM, APND], ids=["RPLC", "XFRM", "APND"])
def test_nothing_new_leads_to_it(bench: Bench, type_):
    bench.quarantine(UNIQUE_ID)
    own = submission_set(SET_C, unique_id="2.999.4.2.3")
    new = entry(NEW, unique_id="2.999.4.1.4")
    refused = bench.refusal(submission(new, set_=own, also=[relation(type_, NEW, WRONG, uuid(34))]))
    assert refused == [("UnresolvedReferenceException", uuid(34))]
    refused = bench.refusal(submission(new, set_=own, references=[WRONG]))
    assert [code for code, _ in refused] == ["UnresolvedReferenceException"]
    refused = bench.refusal(submission(new, set_=own, also=filed(SHELF, WRONG, SET_C, uuid(34))))
    assert refused == [("UnresolvedReferenceException", uuid(34))]


def test_its_ids_stay_taken(bench: Bench):
    bench.quarantine(UNIQUE_ID)
    own = submission_set(SET_C, unique_id="2.999.4.2.3")
    assert bench.refusal(submission(entry(WRONG, unique_id="2.999.4.1.4"), set_=own)) == [
        ("XDSRegistryMetadataError", WRONG)
    ]
    assert bench.refusal(submission(entry(NEW, unique_id=UNIQUE_ID, hash=("1" * 40,)), set_=own)) == [
        ("XDSNonIdenticalHash", NEW)
    ]


def test_every_entry_of_the_document_goes(bench: Bench):
    bench.register(submission(entry(NEW, unique_id=UNIQUE_ID), set_=submission_set(SET_C, unique_id="2.999.4.2.3")))
    bench.quarantine(UNIQUE_ID)
    assert bench.find_documents() == [CHILD, OTHER]


def test_deprecating(bench: Bench):
    with bench.transaction():
        bench.registry.deprecate(UNIQUE_ID)
    assert bench.statuses()[WRONG] == DEPRECATED
    assert bench.registry.documents([UNIQUE_ID])[UNIQUE_ID][0].status == DEPRECATED


@pytest.mark.parametrize("unique_id", ["2.999.404", ""])
def test_what_is_not_registered(bench: Bench, unique_id):
    with pytest.raises(UnknownDocument):
        bench.quarantine(unique_id)
    with pytest.raises(UnknownDocument), bench.transaction():
        bench.registry.deprecate(unique_id)
    assert bench.registry.documents([unique_id]) == {}
