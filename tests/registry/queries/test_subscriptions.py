"""Filters of subscriptions: their table, what each parameter selects, and that matching agrees with the registry's search."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.ebrim.messages import LEAF_CLASS, AdhocQuery
from registry.errors import XdsErrors
from registry.metadata.objects import APPROVED, Slot
from registry.queries import subscriptions
from registry.queries.subscriptions import Offered, keys_of, keys_of_submission, read_filter, wanted
from tests.registry.registry_bench import (
    P1,
    P2,
    Bench,
    author,
    code,
    coded,
    entry,
    stored_query,
    submission,
    submission_set,
    uuid,
)

PERSONS = ("1^Welby^Marcus", "2^O'Hara^A_B", "3^Müller^100%")
PATTERNS = ("%Welby%", "%'%", "1^Welby^Marcus", "_^M_ller%", "nobody", "%")
REFERENCES = ("r1^^^&1.2&ISO^urn:ihe:iti:xds:2013:order", "r2^^^&1.2&ISO^urn:ihe:iti:xds:2013:accession")
CODES = ("A", "B", "C,'d")
SCHEMES = ("2.999.8.1", "2.999.8.2")
OF_CODES = {
    "XDSDocumentEntryClassCode": "class_codes",
    "XDSDocumentEntryTypeCode": "type_codes",
    "XDSDocumentEntryPracticeSettingCode": "practice_setting_codes",
    "XDSDocumentEntryHealthcareFacilityTypeCode": "healthcare_facility_type_codes",
    "XDSDocumentEntryFormatCode": "format_codes",
    "XDSDocumentEntryEventCodeList": "event_codes",
    "XDSDocumentEntryConfidentialityCode": "confidentiality_codes",
}
REPEATED = ("XDSDocumentEntryEventCodeList", "XDSDocumentEntryConfidentialityCode")


def filter_(row, **parameters) -> AdhocQuery:
    slots = []
    for name, value in parameters.items():
        for one in value if isinstance(value, list) else [value]:
            slots.append(Slot(name=f"${name}", values=(coded(one),)))
    return AdhocQuery(row.id, LEAF_CLASS, None, tuple(slots))


def refused(query: AdhocQuery) -> set[str]:
    with pytest.raises(XdsErrors) as caught:
        read_filter(query)
    return {str(error.code) for error in caught.value.errors}


def test_filters_are_those_of_the_table():
    assert {row.id.removeprefix("urn:uuid:")[:8] for row in subscriptions.FILTERS.values()} == {
        "aa2332d0",
        "fbede94e",
        "742790e0",
        "868cad3d",
    }
    assert {parameter.name for parameter in subscriptions.DOCUMENTS_OF_PATIENT.parameters} == {
        *(f"${name}" for name in OF_CODES),
        "$XDSDocumentEntryPatientId",
        "$XDSDocumentEntryAuthorPerson",
        "$XDSDocumentEntryReferenceIdList",
    }


def test_what_no_filter_may_be():
    assert refused(AdhocQuery("urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d", LEAF_CLASS, None)) == {
        "XDSUnknownStoredQuery"
    }
    assert refused(filter_(subscriptions.DOCUMENTS_OF_PATIENT)) == {"XDSStoredQueryMissingParam"}
    assert refused(filter_(subscriptions.DOCUMENTS_OF_ANYBODY)) == {"XDSStoredQueryMissingParam"}
    assert refused(filter_(subscriptions.SETS_OF_ANYBODY)) == {"XDSStoredQueryMissingParam"}
    wrong = filter_(subscriptions.DOCUMENTS_OF_PATIENT, XDSDocumentEntryPatientId=P1, XDSDocumentEntryTypeCode="x")
    assert refused(wrong) == {"XDSRegistryError"}  # a code without its scheme


@pytest.mark.parametrize(
    ("parameter", "value", "selected"),
    [
        ("XDSSubmissionSetSourceId", "2.999.2.1", True),
        ("XDSSubmissionSetSourceId", ("2.999.2.9", "2.999.2.1"), True),
        ("XDSSubmissionSetSourceId", "2.999.2.9", False),
        ("XDSSubmissionSetAuthorPerson", "%Welby%", True),
        ("XDSSubmissionSetAuthorPerson", "%welby%", False),
        ("XDSSubmissionSetIntendedRecipient", "%Family Practice%", True),
        ("XDSSubmissionSetIntendedRecipient", "%^Hippocrates^%", True),
        ("XDSSubmissionSetIntendedRecipient", "%Clinic%", False),
    ],
)
def test_submission_sets(parameter, value, selected):
    own = submission_set(uuid(9), intended_recipient=("Family Practice^^^^^^^^^2.999.7.2", "|9^Hippocrates^Anna"))
    found = read_filter(filter_(subscriptions.SETS_OF_ANYBODY, **{parameter: value}))
    assert Offered((entry(uuid(1)),), own).matching(wanted(found)) == ([own] if selected else [])


def _documents(rng: random.Random):
    def codes(least=1, most=1):
        return tuple(code(rng.choice(CODES), rng.choice(SCHEMES)) for _ in range(rng.randint(least, most)))

    return [
        entry(
            uuid(number),
            patient=P1,
            unique_id=f"2.999.4.1.{number}",
            class_codes=codes(),
            type_codes=codes(),
            format_codes=codes(),
            healthcare_facility_type_codes=codes(),
            practice_setting_codes=codes(),
            confidentiality_codes=codes(1, 2),
            event_codes=codes(0, 3),
            authors=tuple(author(rng.choice(PERSONS)) for _ in range(rng.randint(1, 2))),
            reference_id_list=tuple(rng.sample(REFERENCES, rng.randint(0, 2))),
        )
        for number in range(1, 5)
    ]


def _parameters(rng: random.Random):
    chosen = {}
    for name in rng.sample([*OF_CODES], rng.randint(0, 3)):
        pairs = tuple(f"{rng.choice(CODES)}^^{rng.choice(SCHEMES)}" for _ in range(rng.randint(1, 2)))
        chosen[name] = [pairs, *([pairs[:1]] if rng.random() < 0.3 else [])] if name in REPEATED else pairs
    if rng.random() < 0.4:
        chosen["XDSDocumentEntryAuthorPerson"] = tuple(rng.sample(PATTERNS, 2))
    return chosen


@given(st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_matching_selects_what_the_registry_would_find(rng):
    documents, parameters = _documents(rng), _parameters(rng)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder) / "registry.db")
        registered = bench.register(submission(*documents))
        query = stored_query(
            "FindDocuments", XDSDocumentEntryPatientId=P1, XDSDocumentEntryStatus=(APPROVED,), **parameters
        )
        there = {item.entry_uuid for item in bench.registry.find(query).objects}
        bench.close()
    found = read_filter(filter_(subscriptions.DOCUMENTS_OF_PATIENT, XDSDocumentEntryPatientId=P1, **parameters))
    offered = Offered(registered.documents, registered.submission_set)
    assert {item.entry_uuid for item in offered.matching(wanted(found))} == there
    anybody = parameters and read_filter(filter_(subscriptions.DOCUMENTS_OF_ANYBODY, **parameters))
    for one in filter(None, (found, anybody)):
        if offered.matching(wanted(one)):  # a key is never lost
            assert {*keys_of(one)} & {*keys_of_submission([P1], documents)}


def test_a_filter_is_kept_under_what_leaves_least_over():
    typed = {"XDSDocumentEntryTypeCode": ("A^^s", "B^^s"), "XDSDocumentEntryClassCode": "C^^s"}
    anybody = read_filter(filter_(subscriptions.DOCUMENTS_OF_ANYBODY, **typed))
    assert keys_of(anybody) == ("type_codes A^^s", "type_codes B^^s")
    of_patient = read_filter(filter_(subscriptions.DOCUMENTS_OF_PATIENT, XDSDocumentEntryPatientId=P2, **typed))
    assert keys_of(of_patient) == (f"patient {P2}",)
