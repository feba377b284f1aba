"""What a submission holds, and what its objects must share (ITI TF-3: 4.2.1.4; ITI TF-2: 3.42.4.1.3)."""

from __future__ import annotations

import pytest

from registry.metadata.affinity_domain import ANY
from registry.metadata.rules import violations
from registry.metadata.submission import Submission
from tests.registry.samples import (
    OTHER_PATIENT,
    PATIENT,
    REGISTERED,
    REGISTERED_FOLDER,
    association,
    code,
    entry,
    folder,
    original,
    submission,
    submission_set,
    with_folder,
)

METADATA = "XDSRegistryMetadataError"


def codes(found) -> list[tuple[str, str]]:
    return [(error.code, error.location) for error in found]


def check(made: Submission):
    return violations(made, ANY, transaction="ITI-42")


TWO = ("Document01", "Document02")

ACCEPTED = {
    "one document": submission(),
    "two documents": submission(
        documents=tuple(entry(name, unique_id=f"1.2.{i}") for i, name in enumerate(TWO)),
        associations=tuple(original(name) for name in TWO),
    ),
    "a folder alone": submission(
        documents=(), folders=(folder(),), associations=(association("a", "SubmissionSet01", "Folder01"),)
    ),
    "a document in a new folder": with_folder(),
    "a registered document into a registered folder": submission(
        documents=(),
        associations=(
            association("fd-de", REGISTERED_FOLDER, REGISTERED),
            association("ss-hm", "SubmissionSet01", "fd-de"),
        ),
    ),
    "UUIDs instead of symbolic names, in any case": submission(
        documents=(entry(REGISTERED.upper().replace("URN:UUID:", "urn:uuid:")),), associations=(original(REGISTERED),)
    ),
}


@pytest.mark.parametrize("made", [pytest.param(made, id=says) for says, made in ACCEPTED.items()])
def test_accepted(made):
    assert check(made) == []


REFUSED = {
    "no submission set": (
        submission(submission_sets=(), associations=()),
        [(METADATA, "")],
        "has 0 submission sets",
    ),
    "two submission sets": (
        submission(submission_sets=(submission_set(), submission_set("Other", unique_id="1.2.3"))),
        [(METADATA, "")],
        "has 2 submission sets",
    ),
    "a submission set alone": (
        submission(documents=(), associations=()),
        [(METADATA, "SubmissionSet01")],
        "no DocumentEntry",
    ),
    "a submission set that is source of nothing": (
        submission(associations=()),
        [(METADATA, "SubmissionSet01")],
        "source of no HasMember",
    ),
    "one id for two objects": (
        submission(documents=(entry("SubmissionSet01", unique_id="1.2.3"), entry())),
        [(METADATA, "SubmissionSet01")],
        "id 'SubmissionSet01' is used twice",
    ),
    "one UUID in upper and lower case": (
        submission(
            documents=(entry(REGISTERED), entry("urn:uuid:" + REGISTERED[9:].upper(), unique_id="1.2.3")),
            associations=(original(REGISTERED),),
        ),
        [(METADATA, "urn:uuid:" + REGISTERED[9:].upper())],
        "is used twice",
    ),
    "one id for two classifications": (
        submission(documents=(entry(class_codes=(code(id="c"),), type_codes=(code(id="c"),)),)),
        [(METADATA, "Document01")],
        "id 'c' is used twice",
    ),
    "one uniqueId for two documents": (
        submission(
            documents=tuple(entry(name, unique_id="1.2.3") for name in TWO),
            associations=tuple(original(name) for name in TWO),
        ),
        [("XDSRegistryDuplicateUniqueIdInMessage", "Document02")],
        "uniqueId '1.2.3' stands twice",
    ),
    "one uniqueId for document and submission set": (
        submission(documents=(entry(unique_id=submission_set().unique_id),)),
        [("XDSRegistryDuplicateUniqueIdInMessage", "Document01")],
        "stands twice",
    ),
    "a document of another patient": (
        submission(documents=(entry(patient_id=OTHER_PATIENT),)),
        [("XDSPatientIdDoesNotMatch", "Document01")],
        f"{OTHER_PATIENT!r} differs from {PATIENT!r}",
    ),
    "a folder of another patient": (
        submission(
            folders=(folder(patient_id=OTHER_PATIENT),),
            associations=(original("Document01"), association("a", "SubmissionSet01", "Folder01")),
        ),
        [("XDSPatientIdDoesNotMatch", "Folder01")],
        "Folder.patientId",
    ),
}


@pytest.mark.parametrize(
    ("made", "expected", "context"), [pytest.param(*row, id=says) for says, row in REFUSED.items()]
)
def test_refused(made, expected, context):
    found = check(made)
    assert set(expected) <= set(codes(found)), found
    assert any(context in error.context for error in found)


def test_source_patient_ids_may_differ():
    made = submission(
        documents=tuple(
            entry(name, unique_id=f"1.2.{name[-1]}", source_patient_id=(f"{name}^^^&1.2&ISO",)) for name in TWO
        ),
        associations=tuple(original(name) for name in TWO),
    )
    assert check(made) == []


def test_an_empty_submission_is_told_what_is_missing():
    assert codes(check(Submission())) == [(METADATA, ""), (METADATA, "")]


def test_classifications_without_ids_are_no_duplicates():
    assert check(submission(documents=(entry(event_codes=(code("a"), code("b"))),))) == []
