"""What a peer may not see is in none of its answers: every stored query, every clearance, both return types."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from node.access import Access, Policy
from registry.errors import TooManyResults
from registry.metadata.objects import APND
from registry.queries.catalogue import STORED_QUERIES, Kind
from registry.store.labels import Judge
from tests.registry.registry_bench import (
    BOTH_STATUSES,
    BOTH_TYPES,
    P1,
    P2,
    Bench,
    code,
    entry,
    filed,
    folder,
    member,
    relation,
    stored_query,
    submission,
    submission_set,
    uuid,
)
from trust.consent.categories import CODES
from trust.consent.decision import EVERYTHING
from trust.consent.policy import Default, Jurisdiction
from trust.identity.caller import Caller, Role

CONFIDENTIALITY = "2.16.840.1.113883.5.25"
PLAIN, SECRET, ADDENDUM, ALONE = (uuid(n) for n in (1, 2, 3, 4))
SHELF, SECRET_SHELF, EMPTY_SHELF = uuid(11), uuid(12), uuid(13)
SET_A, SET_B, SET_C = uuid(21), uuid(22), uuid(23)
LINK, SECRET_LINK, ALONE_LINK = uuid(31), uuid(32), uuid(34)
APPENDED, RECORD = uuid(33), uuid(35)
NAMED = {
    "Document": {PLAIN: "2.999.4.1.1", SECRET: "2.999.4.1.2", ADDENDUM: "2.999.4.1.3", ALONE: "2.999.4.1.4"},
    "Folder": {SHELF: "2.999.4.3.1", SECRET_SHELF: "2.999.4.3.2", EMPTY_SHELF: "2.999.4.3.3"},
    "SubmissionSet": {SET_A: "2.999.4.2.1", SET_B: "2.999.4.2.2", SET_C: "2.999.4.2.3"},
}
# What each clearance must not come upon. PLAIN is N, SECRET is R, ADDENDUM (appended to SECRET) N, ALONE V.
OF_ALONE = {ALONE, SECRET_SHELF, SET_B, ALONE_LINK}
OF_SECRET = {SECRET, SECRET_LINK, APPENDED, RECORD}
HIDDEN = {EVERYTHING: set(), "V": set(), "R": OF_ALONE, "N": OF_ALONE | OF_SECRET, "L": None, "": None}


def _entry(id_: str, level: str, **given: object):
    return entry(id_, unique_id=NAMED["Document"][id_], confidentiality_codes=(code(level, CONFIDENTIALITY),), **given)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """Three submissions of one patient: two documents in a folder; one in a folder of its own; an addendum."""
    made = Bench(tmp_path_factory.mktemp("access") / "node.db", max_results=40)
    made.register(
        submission(
            _entry(PLAIN, "N"),
            _entry(SECRET, "R"),
            folders=[folder(SHELF, unique_id="2.999.4.3.1"), folder(EMPTY_SHELF, unique_id="2.999.4.3.3")],
            set_=submission_set(SET_A, unique_id="2.999.4.2.1"),
            also=[*filed(SHELF, PLAIN, SET_A, LINK), *filed(SHELF, SECRET, SET_A, SECRET_LINK)],
        )
    )
    made.register(
        submission(
            _entry(ALONE, "V"),
            folders=[folder(SECRET_SHELF, unique_id="2.999.4.3.2")],
            set_=submission_set(SET_B, unique_id="2.999.4.2.2"),
            also=filed(SECRET_SHELF, ALONE, SET_B, ALONE_LINK),
        )
    )
    made.register(
        submission(
            _entry(ADDENDUM, "N"),
            set_=submission_set(SET_C, unique_id="2.999.4.2.3"),
            also=[relation(APND, ADDENDUM, SECRET, APPENDED), member(SET_C, APPENDED, id_=RECORD)],
        )
    )
    yield made
    made.close()


def peer(clearance: str) -> Caller:
    return Caller(role=Role.PEER, name="there", fingerprint="f", address="", home="urn:oid:2.9", clearance=clearance)


POLICY = Policy(
    jurisdiction=Jurisdiction(
        default=Default.OPT_OUT, purposes=frozenset({"TREAT"}), sensitive=frozenset(), codes=CODES, own=frozenset()
    )
)


def view(bench: Bench, caller: Caller) -> Access:
    return Access(caller, POLICY, bench.registry, bench.connection, datetime(2026, 1, 1, tzinfo=UTC))


def sight(bench: Bench, level: str):
    return view(bench, peer(level)).sees


def asked(query, bench: Bench):
    """Every way to ask one stored query for all there is, one id at a time where it takes only one."""
    everything = [
        row[0]
        for table in ("document_entry", "submission_set", "folder", "association")
        for row in bench.connection.execute(f"SELECT entry_uuid FROM {table}")
    ]
    choices = {parameter.name: _values(parameter, everything) for parameter in query.parameters}
    for chosen in query.either or ("",):
        names = [name for name, values in choices.items() if values and (name == chosen or name not in query.either)]
        for values in itertools.product(*(choices[name] for name in names)):
            yield {"MetadataLevel": 2} | {name[1:]: value for name, value in zip(names, values, strict=True)}


def _values(parameter, everything: list[str]) -> list[object]:
    """What one parameter is asked with, one after the other; nothing: it is left out."""
    if parameter.name == "$uuid":
        return [tuple(everything), *((one,) for one in everything)]
    if parameter.kind in {Kind.ENTRY_UUID, Kind.UNIQUE_ID, Kind.LOGICAL_ID}:
        named = NAMED[next(kind for kind in NAMED if kind in parameter.name)]
        ids = named.values() if parameter.kind is Kind.UNIQUE_ID else named
        return [(one,) if parameter.many else one for one in ids]
    fixed = {
        Kind.PATIENT: P1,
        Kind.STATUS: BOTH_STATUSES,
        Kind.OBJECT_TYPE: BOTH_TYPES,
        Kind.ASSOCIATION_TYPE: (APND,),
        Kind.LIKE: ("%",) if parameter.required else None,
    }
    return [value] if (value := fixed.get(parameter.kind)) else []


def shown(bench: Bench, query, clearance: str, returns: str, judge: Judge | None = None) -> set[str]:
    """entryUUIDs that all answers to this query name, as an object or as an end of one."""
    found: set[str] = set()
    for parameters in asked(query, bench):
        answer = bench.registry.find(
            stored_query(query.id, returns=returns, **parameters), sight(bench, clearance), judge
        )
        for item in answer.objects:
            found |= {item.entry_uuid, item.source, item.target} - {""}
            if returns == "LeafClass":
                text = item.leaf().decode()
                found |= {uuid_ for uuid_ in _every_id(bench) if uuid_ in text}
    return found


def _every_id(bench: Bench) -> set[str]:
    return {id_ for ids in NAMED.values() for id_ in ids} | {LINK, SECRET_LINK, ALONE_LINK, APPENDED, RECORD}


@pytest.mark.parametrize("returns", ["LeafClass", "ObjectRef"])
@pytest.mark.parametrize("clearance", HIDDEN)
@pytest.mark.parametrize("query", STORED_QUERIES.values(), ids=lambda query: query.name)
def test_no_query_shows_what_is_withheld(bench: Bench, query, clearance, returns):
    found = shown(bench, query, clearance, returns)
    hidden = HIDDEN[clearance]
    if hidden is None:  # no document at all, and nothing that has only such members; an empty folder is nobody's secret
        assert found <= {EMPTY_SHELF, SET_A} | _links(bench, SET_A, EMPTY_SHELF)
    else:
        assert not found & hidden
        assert not found & _links(bench, *hidden)


@pytest.mark.parametrize("returns", ["LeafClass", "ObjectRef"])
@pytest.mark.parametrize("query", STORED_QUERIES.values(), ids=lambda query: f"C8 {query.name}")
def test_c8_no_walk_leads_to_a_document_that_was_denied(bench: Bench, query, returns):
    """One by one, whatever its confidentiality: by its folder, its submission set, its addendum, its associations."""
    denied = {NAMED["Document"][SECRET], NAMED["Document"][ALONE]}
    found = shown(bench, query, "V", returns, lambda labels: labels.unique_id not in denied)
    hidden = OF_ALONE | OF_SECRET
    assert not found & hidden
    assert not found & _links(bench, *hidden)


@pytest.mark.parametrize("query", STORED_QUERIES.values(), ids=lambda query: query.name)
def test_the_table_reaches_something_in_every_query(bench: Bench, query):
    """With full clearance the questions above lead to secrets, so that their absence says something."""
    found = shown(bench, query, EVERYTHING, "LeafClass")
    if query.name != "FindDocumentsByReferenceId":  # no document here has one
        assert found & (OF_ALONE | OF_SECRET)


def _links(bench: Bench, *ids: str) -> set[str]:
    """Associations that have one of these as an end, those that lead to such associations too."""
    found = set(ids)
    while True:
        rows = bench.connection.execute("SELECT entry_uuid, source_uuid, target_uuid FROM association").fetchall()
        more = {link for link, *ends in rows if found & set(ends)} - found
        if not more:
            return found - set(ids)
        found |= more


def test_an_addendum_to_a_withheld_document_stands_alone(bench: Bench):
    query = stored_query("GetRelatedDocuments", XDSDocumentEntryEntryUUID=ADDENDUM, AssociationTypes=(APND,))
    assert bench.registry.find(query, sight(bench, "N")).objects == []
    assert {item.entry_uuid for item in bench.registry.find(query, sight(bench, "R")).objects} == {
        ADDENDUM,
        SECRET,
        APPENDED,
    }


def test_what_is_withheld_is_counted(bench: Bench):
    query = stored_query("FindDocuments", XDSDocumentEntryPatientId=P1, XDSDocumentEntryStatus=BOTH_STATUSES)
    assert [bench.registry.find(query, sight(bench, level)).withheld for level in ("N", "R", "V", EVERYTHING)] == [
        2, 1, 0, 0,
    ]  # fmt: skip


def test_errors_tell_nothing_of_it(bench: Bench, tmp_path):
    """Neither too many results nor several patients: what is withheld does not count."""
    own = Bench(tmp_path / "node.db", max_results=3)
    try:
        levels = "NRNRNR"
        for number, level in enumerate(levels, 1):
            patient = P2 if level == "R" else P1
            for owner in {patient, P1}:
                unique = f"2.999.4.1.{number}.{len(owner) + (owner == P2)}"
                own.register(
                    submission(
                        entry(uuid(100 * number + (owner == P2)), patient=owner, unique_id=unique, confidentiality_codes=(code(level, CONFIDENTIALITY),)),
                        set_=submission_set(uuid(1000 * number + (owner == P2)), patient=owner, unique_id=f"{unique}.9"),
                    )
                )  # fmt: skip
        of_patient = stored_query("FindDocuments", XDSDocumentEntryPatientId=P1, XDSDocumentEntryStatus=BOTH_STATUSES)
        with pytest.raises(TooManyResults):
            own.registry.find(of_patient)
        assert len(own.registry.find(of_patient, sight(own, "N")).objects) == 3
        both = stored_query("GetDocuments", XDSDocumentEntryEntryUUID=(uuid(100), uuid(201)))
        assert [item.entry_uuid for item in own.registry.find(both, sight(own, "N")).objects] == [uuid(100)]
    finally:
        own.close()


def test_applications_see_what_the_institution_holds(bench: Bench):
    found = view(bench, Caller(role=Role.APPLICATION, name="ward", fingerprint="f", address=""))
    assert found.sees is None
    assert found.judge is None
