"""The master patient index: what a merge, a link and their undoing leave behind, and what is linked by itself."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.patients.demographics import Address, BirthDate, Demographics, Identifier, Name, Telecom
from registry.patients.identity import PatientIdentityError, Refusal
from registry.patients.records import Origin, PairState
from registry.store.master_index import MasterIndex
from registry.store.patients import PatientDirectory
from tests.registry.patients.people import SOURCES, population
from tests.registry.registry_bench import LATER, NOW, SCHEMA

OWN, LAB, CLINIC, NATIONAL = SOURCES[0], SOURCES[1], SOURCES[2], "2.999.77"
TABLES = ("patient_identity", "patient_identifier", "patient_key", "patient_word", "patient_pair", "patient")

NORA = Demographics(
    names=(Name(family="Halvorsen", given=("Nora",)),),
    sex="F",
    birth_date=BirthDate(value="19720415"),
    addresses=(Address(lines=("7 Quay Road",), city="Norwick", postal_code="90210"),),
    telecoms=(Telecom(value="tel:+1-555-0100777"),),
)


def own(number: int | str) -> Identifier:
    return Identifier(f"P{number}", OWN)


def opened() -> MasterIndex:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(SCHEMA)
    return MasterIndex(connection, OWN, SOURCES[1:])


def state(index: MasterIndex) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table that says something of patients."""
    return {table: sorted(map(repr, index._connection.execute(f"SELECT * FROM {table}"))) for table in TABLES}


@pytest.fixture
def index() -> MasterIndex:
    return opened()


def test_one_person_of_two_sources_is_linked_and_found_under_either_identifier(index: MasterIndex) -> None:
    assert index.store(own(1), NORA, NOW).new
    stored = index.store(Identifier("L1", LAB), NORA, NOW)
    assert (stored.linked, stored.doubtful) == ((own(1),), ())
    for asked in (own(1), Identifier("L1", LAB)):
        assert [record.identifier for record in index.records(asked)] == [own(1), Identifier("L1", LAB)]


def test_an_identifier_beside_the_own_one_leads_to_the_person(index: MasterIndex) -> None:
    index.store(own(1), replace(NORA, identifiers=(Identifier("N1", NATIONAL),)), NOW)
    assert [record.identifier for record in index.records(Identifier("N1", NATIONAL))] == [own(1)]
    assert index.knows_authority(NATIONAL)
    assert not index.knows_authority("2.999.404")
    index.store(own(1), NORA, LATER)
    assert index.records(Identifier("N1", NATIONAL)) == []


def test_two_patients_of_one_source_are_never_linked_by_themselves(index: MasterIndex) -> None:
    index.store(own(1), NORA, NOW)
    assert index.store(own(2), NORA, NOW).doubtful == (own(1),)


def test_nor_by_a_detour_over_another_source(index: MasterIndex) -> None:
    """The lab's record fits both; it is linked with the first, and the second waits for a person."""
    index.store(own(1), NORA, NOW)
    index.store(own(2), NORA, NOW)
    stored = index.store(Identifier("L1", LAB), NORA, NOW)
    assert (stored.linked, stored.doubtful) == ((own(1),), (own(2),))


def test_what_a_person_decided_outlives_every_change(index: MasterIndex) -> None:
    lab = Identifier("L1", LAB)
    index.store(own(1), NORA, NOW)
    index.store(lab, NORA, NOW)
    assert index.decide(own(1), lab, PairState.DISTINCT, NOW)
    assert not index.decide(lab, own(1), PairState.DISTINCT, LATER)
    index.store(lab, replace(NORA, sex=""), LATER)
    assert [record.identifier for record in index.records(lab)] == [lab]
    assert [(pair.state, pair.origin) for pair in index.pairs.of(index.show(lab).no)] == [
        (PairState.DISTINCT, Origin.DECIDED)
    ]


def test_who_is_kept_apart_is_not_joined_by_others(index: MasterIndex) -> None:
    """The clinic's record fits the laboratory's two, of which somebody knows that they are two persons."""
    lab, clinic, third = Identifier("L1", LAB), Identifier("C1", CLINIC), Identifier("T1", SOURCES[3])
    for identifier in (lab, clinic):
        index.store(identifier, NORA, NOW)
    index.decide(lab, clinic, PairState.DISTINCT, NOW)
    stored = index.store(third, NORA, NOW)
    assert (len(stored.linked), len(stored.doubtful)) == (1, 1)
    assert {record.identifier for record in index.records(lab)}.isdisjoint({clinic})


def test_keeping_apart_puts_the_links_that_join_them_up_for_review(index: MasterIndex) -> None:
    lab, clinic, third = Identifier("L1", LAB), Identifier("C1", CLINIC), Identifier("T1", SOURCES[3])
    for identifier in (lab, clinic, third):
        index.store(identifier, NORA, NOW)
    index.decide(lab, clinic, PairState.DISTINCT, NOW)
    assert [record.identifier for record in index.records(lab)] == [lab]
    assert {(pair.one, pair.other) for pair in index.pairs.to_review(10)} == {(lab, third), (clinic, third)}
    index.decide(clinic, third, PairState.LINKED, NOW)
    assert {record.identifier for record in index.records(third)} == {clinic, third}


def test_a_change_takes_back_what_only_the_matching_said(index: MasterIndex) -> None:
    lab = Identifier("L1", LAB)
    index.store(own(1), NORA, NOW)
    index.store(lab, NORA, NOW)
    index.store(lab, replace(NORA, names=(Name(family="Berg", given=("Ole",)),), sex="M"), LATER)
    assert [record.identifier for record in index.records(lab)] == [lab]
    assert index.pairs.to_review(10) == []


def test_storing_the_same_again_changes_nothing(index: MasterIndex) -> None:
    index.store(own(1), NORA, NOW)
    index.store(Identifier("L1", LAB), NORA, NOW)
    before = state(index)
    assert index.store(own(1), NORA, LATER).new is False
    assert state(index) == before


@pytest.mark.parametrize(
    ("identifier", "reason"),
    [
        (Identifier("X", "2.999.404"), Refusal.OTHER_AUTHORITY),
        (Identifier("", OWN), Refusal.NOT_AN_IDENTIFIER),
        (Identifier("a^b", LAB), Refusal.NOT_AN_IDENTIFIER),
    ],
)
def test_what_is_no_record_is_refused(index: MasterIndex, identifier: Identifier, reason: Refusal) -> None:
    with pytest.raises(PatientIdentityError) as refused:
        index.store(identifier, NORA, NOW)
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    ("survivor", "subsumed", "reason"),
    [
        (Identifier("L1", LAB), Identifier("L1", LAB), Refusal.SAME),
        (Identifier("L1", LAB), Identifier("L404", LAB), Refusal.UNKNOWN_SUBSUMED),
        (Identifier("L404", LAB), Identifier("L1", LAB), Refusal.UNKNOWN_SURVIVOR),
        (Identifier("L1", LAB), own(1), Refusal.OTHER_AUTHORITY),
        (own(1), Identifier("L1", LAB), Refusal.OTHER_AUTHORITY),
        (Identifier("L3", LAB), Identifier("L2", LAB), Refusal.ALREADY_SUBSUMED),
        (Identifier("L2", LAB), Identifier("L3", LAB), Refusal.SURVIVOR_SUBSUMED),
    ],
)
def test_merges_of_any_source_keep_the_rules_of_the_directory(
    index: MasterIndex, survivor: Identifier, subsumed: Identifier, reason: Refusal
) -> None:
    for identifier in (own(1), *(Identifier(f"L{number}", LAB) for number in (1, 2, 3))):
        index.store(identifier, None, NOW)
    index.merge(Identifier("L1", LAB), Identifier("L2", LAB), NOW)
    before = state(index)
    with pytest.raises(PatientIdentityError) as refused:
        index.merge(survivor, subsumed, NOW)
    assert refused.value.reason is reason
    assert state(index) == before


def test_a_merge_is_one_in_the_directory_too_and_joins_what_both_were_linked_with(index: MasterIndex) -> None:
    other = replace(NORA, names=(Name(family="Berg", given=("Ole",)),), sex="M", telecoms=())
    for number, person in ((1, NORA), (2, other)):
        index.store(own(number), person, NOW)
        index.store(Identifier(f"L{number}", LAB), person, NOW)
    index.merge(own(1), own(2), NOW)
    assert PatientDirectory(index._connection).resolve(own(2).cx) == own(1).cx
    assert len(index.records(own(2))) == 4
    assert index.unmerge(own(2)) == own(1)
    assert [record.identifier for record in index.records(own(2))] == [own(2), Identifier("L2", LAB)]


PEOPLE = population(8, seed=5)


def identifiers() -> list[Identifier]:
    return [entry.identifier for entry in PEOPLE]


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("store"), st.integers(0, len(PEOPLE) - 1), st.integers(0, len(PEOPLE) - 1)),
        st.tuples(st.just("merge"), st.integers(0, len(PEOPLE) - 1), st.integers(0, len(PEOPLE) - 1)),
        st.tuples(st.just("unmerge"), st.integers(0, len(PEOPLE) - 1), st.just(0)),
        st.tuples(st.just("linked"), st.integers(0, len(PEOPLE) - 1), st.integers(0, len(PEOPLE) - 1)),
        st.tuples(st.just("distinct"), st.integers(0, len(PEOPLE) - 1), st.integers(0, len(PEOPLE) - 1)),
    ),
    max_size=25,
)


def carried_out(index: MasterIndex, operation: tuple[str, int, int]) -> bool:
    """Carry one operation out; False when the rules refuse it."""
    verb, first, second = operation
    one, other = identifiers()[first], identifiers()[second]
    try:
        if verb == "store":
            index.store(one, PEOPLE[second].person, NOW)
        elif verb == "merge":
            index.merge(one, other, NOW)
        elif verb == "unmerge":
            index.unmerge(one)
        else:
            index.decide(one, other, PairState(verb), NOW)
    except PatientIdentityError:
        return False
    return True


@settings(max_examples=60, deadline=None)
@given(
    before=OPERATIONS,
    merges=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=8),
    order=st.randoms(),
)
def test_merges_undone_in_any_order_leave_exactly_what_was(before, merges, order) -> None:
    index = opened()
    for entry in PEOPLE:
        index.store(entry.identifier, entry.person, NOW)
    for operation in before:
        carried_out(index, operation)
    earlier, people = state(index), persons(index)
    done = [
        subsumed
        for survivor, subsumed in merges
        if carried_out(index, ("merge", survivor % len(PEOPLE), subsumed % len(PEOPLE)))
    ]
    order.shuffle(done)
    for subsumed in done:
        index.unmerge(identifiers()[subsumed % len(PEOPLE)])
    assert state(index) == earlier
    assert persons(index) == people


def persons(index: MasterIndex) -> list[list[int]]:
    return [list(index.pairs.person(index.show(identifier).no)) for identifier in identifiers()]


@settings(max_examples=60, deadline=None)
@given(operations=OPERATIONS)
def test_the_index_and_the_directory_never_disagree(operations) -> None:
    """Who is merged into whom, and what the filing holds, follow from what the records say."""
    index = opened()
    for operation in operations:
        carried_out(index, operation)
    directory = PatientDirectory(index._connection)
    for identity in directory.list():
        record = index.show(next(item for item in identifiers() if item.cx == identity.patient))
        into = index._read([record.subsumed_by])[0].identifier.cx if record.subsumed_by else None
        assert identity.subsumed_by == into
    rebuilt = opened()
    for identifier in identifiers():
        if record := index.show(identifier):
            rebuilt.store(identifier, record.person, record.changed)
    for table in ("patient_word", "patient_key"):
        assert counts(rebuilt, table) == counts(index, table)


def counts(index: MasterIndex, table: str) -> list[tuple[object, ...]]:
    column = table.removeprefix("patient_")
    return sorted(
        index._connection.execute(
            f"SELECT t.{column}, i.authority, i.id FROM {table} AS t JOIN patient_identity AS i ON i.no = t.identity"
        )
    )


def test_every_order_of_three_sources_gives_one_person(tmp_path: Path) -> None:
    """A link is found from either side."""
    records = [(own(1), NORA), (Identifier("L1", LAB), NORA), (Identifier("C1", CLINIC), replace(NORA, telecoms=()))]
    for turn in range(3):
        index = opened()
        for identifier, person in records[turn:] + records[:turn]:
            index.store(identifier, person, NOW)
        found = [{record.identifier for record in index.records(identifier)} for identifier, _ in records]
        assert all(one == other for one, other in pairwise(found))
        assert len(found[0]) == 3


def _in_many_families(index: MasterIndex, given_name: str) -> None:
    for number in range(8):
        other = replace(NORA, names=(Name(family=f"Berg{'aeiouybl'[number]}", given=(given_name,)),), birth_date=None)
        index.store(own(f"other{number}"), other, NOW)


def test_a_slip_of_the_pen_is_no_name_and_is_linked(index: MasterIndex) -> None:
    """Where many bear the name and nobody what was written; two names that people bear are two persons' as well."""
    martina, marina = (replace(NORA, names=(Name(family="Halvorsen", given=(one,)),)) for one in ("Martina", "Marina"))
    index.store(own(1), martina, NOW)
    assert index.store(Identifier("L1", LAB), marina, NOW).doubtful == (own(1),)
    _in_many_families(index, "Martina")
    assert index.store(Identifier("L1", LAB), replace(marina, sex=""), NOW).linked == (own(1),)
    index.store(Identifier("C2", CLINIC), replace(marina, names=(Name(family="Dahl", given=("Marina",)),)), NOW)
    assert index.store(Identifier("L1", LAB), marina, LATER).doubtful == (own(1),)


def test_a_telephone_number_of_very_many_says_nothing_of_a_household(index: MasterIndex) -> None:
    desk = (Telecom(value="tel:+1-555-0100999"),)
    at_the_desk, elsewhere = replace(NORA, telecoms=desk), replace(NORA, telecoms=desk, addresses=())
    index.store(own(1), at_the_desk, NOW)
    assert index.store(Identifier("L1", LAB), elsewhere, NOW).linked == (own(1),)
    for number in range(40):
        name = Name(family=f"Strand{chr(97 + number % 26)}{number}", given=("Ola",))
        index.store(own(f"other{number}"), replace(elsewhere, names=(name,), birth_date=None), NOW)
    assert index.store(Identifier("L1", LAB), replace(elsewhere, sex=""), LATER).doubtful == (own(1),)
