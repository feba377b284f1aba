"""ITI-51: what narrows a query about several patients, what it may name, and what it may cost (ITI TF-2: 3.51.4.1.2)."""

from __future__ import annotations

import pytest

from registry.errors import XdsErrors
from registry.metadata.objects import APPROVED
from registry.queries.catalogue import FIND_DOCUMENTS
from registry.queries.several_patients import MOST_PATIENTS, MULTI_PATIENT_QUERIES, patients_of
from registry.store import selection
from tests.registry.registry_bench import P1, P2, P3, entry, stored_query, submission, submission_set

DOCUMENTS = "urn:uuid:3d1bdb10-39a2-11de-89c2-2f44d94eaa9f"
FOLDERS = "urn:uuid:50d3f5ac-39a2-11de-a1ca-b366239e58df"
REFERENCES = "urn:uuid:1191642d-86c4-42d8-b784-f95445f9f0d5"
DOCUMENT = {"XDSDocumentEntryStatus": (APPROVED,)}
FOLDER = {"XDSFolderStatus": (APPROVED,)}
MISSING, NUMBER = "XDSStoredQueryMissingParam", "XDSStoredQueryParamNumber"
MALFORMED = "XDSRegistryError"  # an empty list is never "everybody"
MANY = tuple(f"P{number}" for number in range(MOST_PATIENTS + 1))


def find(bench, query, sees=None):
    return bench.registry.find(query, sees, None, MULTI_PATIENT_QUERIES).objects


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (stored_query(DOCUMENTS, **DOCUMENT), MISSING),
        (stored_query(DOCUMENTS, **DOCUMENT, XDSDocumentEntryTypeCode=("a^^b",)), MISSING),
        (stored_query(DOCUMENTS, XDSDocumentEntryPatientId=(P1,)), MISSING),
        (stored_query(DOCUMENTS, **DOCUMENT, XDSDocumentEntryPatientId=()), MALFORMED),
        (stored_query(FOLDERS, **FOLDER, XDSFolderPatientId=()), MALFORMED),
        (stored_query(FOLDERS, **FOLDER), MISSING),
        (stored_query(REFERENCES, **DOCUMENT, XDSDocumentEntryPatientId=(P1,)), MISSING),
        (stored_query(DOCUMENTS, **DOCUMENT, XDSDocumentEntryPatientId=[(P1,), (P2,)]), NUMBER),
        (stored_query(DOCUMENTS, **DOCUMENT, XDSDocumentEntryPatientId=MANY), NUMBER),
        (stored_query(FIND_DOCUMENTS.id, **DOCUMENT, XDSDocumentEntryPatientId=P1), "XDSUnknownStoredQuery"),
        (stored_query(DOCUMENTS, **DOCUMENT, XDSDocumentEntryPatientId=("",)), MALFORMED),
    ],
)
def test_refusals(bench, query, code: str) -> None:
    with pytest.raises(XdsErrors, match=code):
        find(bench, query)


def test_iti18_does_not_know_these_queries(bench) -> None:
    with pytest.raises(XdsErrors, match="XDSUnknownStoredQuery"):
        bench.registry.find(stored_query(DOCUMENTS, **DOCUMENT, XDSDocumentEntryPatientId=(P1,)))


def test_who_is_asked_for() -> None:
    query = stored_query(DOCUMENTS, **DOCUMENT, XDSDocumentEntryPatientId=(P1, P2, P1))
    assert patients_of(query) == (P1, P2)
    assert patients_of(stored_query(DOCUMENTS, **DOCUMENT, XDSDocumentEntryPatientId=MANY)) == ()


def test_what_the_query_does_not_know_hides_nobody_from_the_record() -> None:
    query = stored_query(DOCUMENTS, **DOCUMENT, XDSDocumentEntryPatientId=(P1, P2), XDSFolderPatientId=MANY)
    assert patients_of(query) == (P1, P2)


@pytest.fixture
def filled(bench):
    """One document of each of three patients."""
    for number, patient in enumerate((P1, P2, P3)):
        bench.register(
            submission(
                entry(f"Document{number}", patient=patient, unique_id=f"2.999.4.1.{number}"),
                set_=submission_set(patient=patient, unique_id=f"2.999.4.2.{number}"),
            )
        )
    return bench


ANYBODY = stored_query(DOCUMENTS, **DOCUMENT, XDSDocumentEntryClassCode=("NOTE^^2.999.8.1",))


def test_anybodys_documents_with_their_own_patients(filled) -> None:
    assert sorted(item.patient_id for item in find(filled, ANYBODY)) == [P1, P2, P3]


def test_a_query_about_everybody_ends(filled, monkeypatch) -> None:
    monkeypatch.setattr(selection, "_STEP", 10)
    monkeypatch.setattr(selection, "MOST_STEPS", 1)
    with pytest.raises(XdsErrors, match="XDSTooManyResults"):
        find(filled, ANYBODY)
    named = stored_query(DOCUMENTS, **DOCUMENT, XDSDocumentEntryPatientId=(P1, P2))
    assert len(find(filled, named)) == 2  # and leaves nothing behind


def test_repeating_it_costs_no_more(filled, monkeypatch) -> None:
    monkeypatch.setattr(selection, "_STEP", 100)
    for _ in range(200):
        assert len(find(filled, ANYBODY)) == 3


def test_what_is_judged_one_by_one_ends_sooner(filled, monkeypatch) -> None:
    monkeypatch.setattr(selection, "MOST_LOOKED_AT", 2)
    assert len(find(filled, ANYBODY)) == 3  # nothing is judged
    with pytest.raises(XdsErrors, match="XDSTooManyResults"):
        find(filled, ANYBODY, lambda _: False)
