"""Patient identities: adding, merging, undoing (ITI TF-2: 3.8.4.2.3), and what becomes of their objects."""

from __future__ import annotations

import sqlite3
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from registry.errors import XdsErrors
from registry.patients.identity import PatientIdentityError, Refusal
from registry.store.patients import PatientDirectory
from registry.store.tables import metadata
from tests.registry.registry_bench import (
    AUTHORITY,
    BOTH_STATUSES,
    FOREIGN,
    LATER,
    NOW,
    P1,
    P2,
    P3,
    Bench,
    entry,
    folder,
    submission,
    submission_set,
    uuid,
)

P9 = f"P9^^^&{AUTHORITY}&ISO"


def test_adding_is_idempotent(bench: Bench):
    assert bench.patients.add(P9, NOW) is True
    assert bench.patients.add(P9, LATER) is False
    assert bench.patients.show(P9).added == NOW


def test_adding_a_subsumed_identity_again_changes_nothing(bench: Bench):
    bench.patients.merge(P1, P2, NOW)
    assert bench.patients.add(P2, LATER) is False
    assert not bench.patients.known(P2)


@pytest.mark.parametrize(
    ("patient", "reason"),
    [
        (FOREIGN, Refusal.OTHER_AUTHORITY),
        ("P1", Refusal.NOT_AN_IDENTIFIER),
        (f"P1^^^&{AUTHORITY}&DNS", Refusal.NOT_AN_IDENTIFIER),
        (f"P1^^^XYZ&{AUTHORITY}&ISO", Refusal.NOT_AN_IDENTIFIER),
        (f"^^^&{AUTHORITY}&ISO", Refusal.NOT_AN_IDENTIFIER),
        ("", Refusal.NOT_AN_IDENTIFIER),
    ],
)
def test_what_cannot_be_added(bench: Bench, patient, reason):
    with pytest.raises(PatientIdentityError) as refused:
        bench.patients.add(patient, NOW)
    assert (refused.value.reason, refused.value.identifier) == (reason, patient)


def test_without_an_authority_any_identity_is_taken(bench: Bench):
    assert PatientDirectory(bench.connection).add(FOREIGN, NOW)


@pytest.mark.parametrize(
    ("before", "survivor", "subsumed", "reason"),
    [
        pytest.param([], FOREIGN, P2, Refusal.OTHER_AUTHORITY, id="the survivor is of another authority"),
        pytest.param([], P1, FOREIGN, Refusal.OTHER_AUTHORITY, id="the subsumed is of another authority"),
        pytest.param([], P1, P1, Refusal.SAME, id="both are the same"),
        pytest.param([], P9, P1, Refusal.UNKNOWN_SURVIVOR, id="the survivor is unknown"),
        pytest.param([], P1, P9, Refusal.UNKNOWN_SUBSUMED, id="the subsumed is unknown"),
        pytest.param([(P3, P2)], P1, P2, Refusal.ALREADY_SUBSUMED, id="the subsumed was already subsumed"),
        pytest.param([(P1, P2)], P1, P2, Refusal.ALREADY_SUBSUMED, id="the same merge again"),
        pytest.param([(P3, P1)], P1, P2, Refusal.SURVIVOR_SUBSUMED, id="the survivor was subsumed"),
        pytest.param([(P1, P2)], P2, P1, Refusal.SURVIVOR_SUBSUMED, id="the reverse of a merge"),
    ],
)
def test_merges_that_are_refused(bench: Bench, before, survivor, subsumed, reason):
    for one in before:
        bench.patients.merge(*one, NOW)
    state = bench.dump()
    with pytest.raises(PatientIdentityError) as refused:
        bench.patients.merge(survivor, subsumed, LATER)
    assert refused.value.reason is reason
    assert bench.dump() == state


@pytest.mark.parametrize(("patient", "reason"), [(P9, Refusal.UNKNOWN), (P1, Refusal.NOT_SUBSUMED)])
def test_what_cannot_be_undone(bench: Bench, patient, reason):
    with pytest.raises(PatientIdentityError) as refused:
        bench.patients.unmerge(patient)
    assert refused.value.reason is reason


def test_what_is_shown(bench: Bench):
    bench.patients.merge(P2, P1, NOW)
    bench.patients.merge(P2, P3, LATER)
    assert [identity.patient for identity in bench.patients.list()] == [P1, P2, P3]
    survivor, subsumed = bench.patients.show(P2), bench.patients.show(P1)
    assert (survivor.subsumed_by, survivor.subsumes) == (None, (P1, P3))
    assert (subsumed.subsumed_by, subsumed.subsumed, subsumed.subsumes) == (P2, NOW, ())
    assert bench.patients.show(P9) is None
    assert bench.patients.list()[1] == survivor


def test_chains(bench: Bench):
    bench.patients.merge(P2, P1, NOW)
    bench.patients.merge(P3, P2, NOW)
    assert [bench.patients.resolve(p) for p in (P1, P2, P3, P9)] == [P3, P3, P3, None]
    assert [bench.patients.known(p) for p in (P1, P2, P3, P9)] == [False, False, True, False]
    assert bench.patients.unmerge(P2) == P3
    assert [bench.patients.resolve(p) for p in (P1, P2, P3)] == [P2, P2, P3]


def test_a_long_chain(bench: Bench):
    """Each merged into the next, far deeper than calls nest."""
    patients = [f"C{number}^^^&{AUTHORITY}&ISO" for number in range(2000)]
    with bench.transaction():
        for patient in patients:
            bench.patients.add(patient, NOW)
        for subsumed, survivor in pairwise(patients):
            bench.patients.merge(survivor, subsumed, NOW)
    assert bench.patients.resolve(patients[0]) == patients[-1]
    assert len(bench.patients.chain(patients[-1])) == 2000


def _one_of_each(number: int, patient: str):
    return submission(
        entry(uuid(number), patient=patient, unique_id=f"2.999.4.1.{number}"),
        folders=[folder(uuid(number + 10), patient=patient, unique_id=f"2.999.4.3.{number}")],
        set_=submission_set(uuid(number + 20), patient=patient, unique_id=f"2.999.4.2.{number}"),
    )


def _find_all(bench: Bench, patient: str):
    return bench.find(
        "GetAll",
        patientId=patient,
        XDSDocumentEntryStatus=BOTH_STATUSES,
        XDSSubmissionSetStatus=BOTH_STATUSES,
        XDSFolderStatus=BOTH_STATUSES,
    )


def test_a_merge_shows_everything_under_the_survivor(bench: Bench):
    for number, patient in enumerate((P1, P2, P3), start=1):
        bench.register(_one_of_each(number, patient))
    objects_before = bench.connection.execute("SELECT * FROM document_entry").fetchall()
    bench.patients.merge(P2, P1, NOW)
    bench.patients.merge(P3, P2, NOW)
    found = _find_all(bench, P3)
    assert len([item for item in found.objects if item.kind != "association"]) == 9
    assert {item.patient_id for item in found.objects} == {P3}
    for item in found.objects:
        if item.kind != "association":
            leaf = item.leaf()
            assert P3.replace("&", "&amp;").encode() in leaf
            assert P1.replace("&", "&amp;").encode() not in leaf
    assert b"L-77^^^&amp;2.999.5.1&amp;ISO" in next(i.leaf() for i in found.objects if i.kind == "document")
    assert bench.connection.execute("SELECT * FROM document_entry").fetchall() == objects_before
    assert bench.registry.documents(["2.999.4.1.1"])["2.999.4.1.1"][0].patient_id == P3


def test_a_query_by_id_shows_the_survivor(bench: Bench):
    bench.register(_one_of_each(1, P1))
    bench.patients.merge(P2, P1, NOW)
    (found,) = bench.find("GetDocuments", XDSDocumentEntryEntryUUID=(uuid(1),)).objects
    assert found.patient_id == P2


def test_objects_of_merged_patients_are_of_one_patient(bench: Bench):
    bench.register(_one_of_each(1, P1))
    bench.register(_one_of_each(2, P2))
    both = {"XDSDocumentEntryEntryUUID": (uuid(1), uuid(2))}
    with pytest.raises(XdsErrors, match="XDSResultNotSinglePatient"):
        bench.find("GetDocuments", **both)
    bench.patients.merge(P1, P2, NOW)
    assert len(bench.find("GetDocuments", **both).objects) == 2


def test_unmerging_gives_each_its_own_again(bench: Bench):
    for number, patient in enumerate((P1, P2), start=1):
        bench.register(_one_of_each(number, patient))
    bench.patients.merge(P1, P2, NOW)
    bench.register(_one_of_each(3, P1))
    bench.patients.unmerge(P2)
    assert bench.find_documents(P1) == [uuid(1), uuid(3)]
    assert bench.find_documents(P2) == [uuid(2)]


@pytest.mark.parametrize("known", [False, True], ids=["unknown", "C9 subsumed"])
def test_a_query_for_a_patient_that_is_not_here(tmp_path, known):
    for strict in (False, True):
        bench = Bench(tmp_path / f"{strict}.db", unknown_patient_is_error=strict)
        if known:
            bench.register(_one_of_each(1, P1))
            bench.patients.merge(P2, P1, NOW)
        patient = P1 if known else P9
        if strict:
            with pytest.raises(XdsErrors, match="XDSUnknownPatientId") as refused:
                bench.find_documents(patient)
            assert patient in refused.value.errors[0].context
        else:
            assert _find_all(bench, patient).objects == []
        bench.close()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("mu"), st.integers(0, 5), st.integers(0, 5)), max_size=20))
def test_random_histories_of_merges(steps):
    """Against a plain dictionary of links."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute(str(CreateTable(metadata.tables["patient"]).compile(dialect=sqlite.dialect())))
    directory = PatientDirectory(connection, AUTHORITY)
    patients = [f"{number}^^^&{AUTHORITY}&ISO" for number in range(6)]
    for patient in patients:
        directory.add(patient, NOW)
    links: dict[str, str] = {}
    for kind, first, second in steps:
        survivor, subsumed = patients[first], patients[second]
        try:
            if kind == "m":
                directory.merge(survivor, subsumed, NOW)
                assert survivor != subsumed
                assert not {survivor, subsumed} & links.keys()
                links[subsumed] = survivor
            else:
                assert directory.unmerge(subsumed) == links.pop(subsumed)
        except PatientIdentityError:
            assert (kind == "u" and subsumed not in links) or (
                kind == "m" and (survivor == subsumed or survivor in links or subsumed in links)
            )

    def survivor_of(patient: str) -> str:
        return survivor_of(links[patient]) if patient in links else patient

    for number, patient in enumerate(patients, start=1):
        assert directory.resolve(patient) == survivor_of(patient)
        chain = {i for i, p in enumerate(patients, start=1) if survivor_of(p) == patient}
        assert set(directory.chain(patient)) == (chain if patient not in links else set())
        assert directory.survivors([number]) == {number: survivor_of(patient)}
    connection.close()
