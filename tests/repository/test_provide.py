"""Documents and entries of one submission (ITI TF-2: 3.41.4.1.3, ITI TF-3: Table 4.2.4.1-2)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import XdsErrors
from registry.metadata.objects import (
    ON_DEMAND_DOCUMENT,
    Association,
    Code,
    DocumentEntry,
    Folder,
    LocalizedString,
    Slot,
    SubmissionSet,
)
from registry.metadata.submission import Submission
from repository.messages import DocumentPart
from repository.provide import complete, pairing_faults
from repository.store.encryption import Digest

SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
DIGEST = Digest(17, SHA1, b"")
OWN = "2.999.3.1"


def entry(entry_id: str = "Document01", **attributes) -> DocumentEntry:
    return DocumentEntry(entry_uuid=entry_id, **{"unique_id": f"2.999.{entry_id}", **attributes})


def submission(*entries: DocumentEntry, **others) -> Submission:
    sets = (SubmissionSet(entry_uuid="SubmissionSet01", unique_id="2.999.9"),)
    return Submission(submission_sets=sets, documents=entries, **others)


def part(document_id: str = "Document01") -> DocumentPart:
    return DocumentPart(id=document_id, content_id=f"{document_id}@here")


ONE, TWO = entry(), entry("Document02")
ON_DEMAND = entry(object_type=ON_DEMAND_DOCUMENT)
FOLDER = Folder(entry_uuid="Folder01", unique_id="2.999.9")
METADATA, MISSING = "XDSRepositoryMetadataError", "XDSMissingDocument"
WITHOUT_METADATA, DUPLICATE = "XDSMissingDocumentMetadata", "XDSRepositoryDuplicateUniqueIdInMessage"


@pytest.mark.parametrize(
    ("offered", "parts", "expected"),
    [
        pytest.param(submission(ONE, TWO), ["Document02", "Document01"], [], id="one to one, in any order"),
        pytest.param(submission(), [], [], id="no documents at all"),
        pytest.param(submission(entry("urn:uuid:1")), ["urn:uuid:1"], [], id="paired by an entryUUID"),
        pytest.param(
            submission(ONE, TWO), ["Document01"], [(MISSING, "Document02")], id="an entry without its document"
        ),
        pytest.param(
            submission(ONE),
            ["Document01", "Document02"],
            [(WITHOUT_METADATA, "Document02")],
            id="a document without its entry",
        ),
        pytest.param(
            submission(ONE),
            ["document01"],
            [(MISSING, "Document01"), (WITHOUT_METADATA, "document01")],
            id="ids are compared exactly",
        ),
        pytest.param(submission(), [""], [(WITHOUT_METADATA, "")], id="a document without an id"),
        pytest.param(submission(ONE), ["Document01"] * 2, [(METADATA, "Document01")], id="a Document id twice"),
        pytest.param(
            submission(ONE, entry(unique_id="2.999.7")),
            ["Document01"],
            [(METADATA, "Document01")],
            id="an entry id twice",
        ),
        pytest.param(
            submission(ONE, entry("Document02", unique_id=ONE.unique_id)),
            ["Document01", "Document02"],
            [(DUPLICATE, "Document02")],
            id="one uniqueId for two documents",
        ),
        pytest.param(
            submission(*(entry(f"D{n}", unique_id="2.999.1") for n in range(3))),
            ["D0", "D1", "D2"],
            [(DUPLICATE, "D1")],
            id="one uniqueId for three documents is one error",
        ),
        pytest.param(
            submission(entry(unique_id="2.999.9")),
            ["Document01"],
            [(DUPLICATE, "Document01")],
            id="the submission set's uniqueId",
        ),
        pytest.param(submission(folders=(FOLDER,)), [], [(DUPLICATE, "Folder01")], id="folder and submission set"),
        pytest.param(
            submission(entry(unique_id=None), entry("Document02", unique_id=None)),
            ["Document01", "Document02"],
            [],
            id="absent uniqueIds are the registry's matter",
        ),
        pytest.param(submission(ON_DEMAND), [], [(METADATA, "Document01")], id="an on-demand entry"),
        pytest.param(
            submission(ON_DEMAND), ["Document01"], [(METADATA, "Document01")], id="an on-demand entry with a document"
        ),
        pytest.param(
            submission(
                ONE,
                TWO,
                replace(ON_DEMAND, entry_uuid="D3", unique_id="2.999.D3"),
                entry("D4", unique_id=ONE.unique_id),
            ),
            ["Document02", "Document02", "D4", "D5"],
            [
                (METADATA, "D3"),
                (METADATA, "Document02"),
                (MISSING, "Document01"),
                (WITHOUT_METADATA, "D5"),
                (DUPLICATE, "D4"),
            ],
            id="everything that is wrong, at once",
        ),
    ],
)
def test_pairing(offered: Submission, parts: list[str], expected: list[tuple[str, str]]) -> None:
    faults = pairing_faults(offered, [part(document_id) for document_id in parts])
    assert [(fault.code, fault.location) for fault in faults] == expected


def test_a_long_id_is_cut_in_the_text() -> None:
    (fault,) = pairing_faults(submission(), [part("x" * 100_000)])
    assert len(fault.context) < 300


def test_hash_size_and_repository_are_filled() -> None:
    (completed,) = complete(submission(ONE), {"Document01": DIGEST}, OWN).documents
    assert completed == replace(ONE, hash=(SHA1,), size=("17",), repository_unique_id=(OWN,))


def test_the_repository_is_this_one_whatever_the_source_wrote() -> None:
    (completed,) = complete(submission(entry(repository_unique_id=("1.2.3",))), {"Document01": DIGEST}, OWN).documents
    assert completed.repository_unique_id == (OWN,)


@pytest.mark.parametrize(
    ("attributes", "wrong"),
    [
        pytest.param({"hash": (SHA1,), "size": ("17",)}, [], id="both right"),
        pytest.param({"hash": (SHA1.upper(),)}, [], id="hash in capitals"),
        pytest.param({"size": ("0017",)}, [], id="size with zeros"),
        pytest.param({"hash": ("0" * 40,)}, ["hash"], id="another hash"),
        pytest.param({"hash": (SHA1[:-1],)}, ["hash"], id="a cut hash"),
        pytest.param({"hash": (SHA1, SHA1)}, ["hash"], id="two hashes"),
        pytest.param({"size": ("18",)}, ["size"], id="another size"),
        pytest.param({"size": ("-17",)}, ["size"], id="a negative size"),
        pytest.param({"size": ("17.0",)}, ["size"], id="a fraction"),
        pytest.param({"size": ("\u0661\u0667",)}, ["size"], id="digits of another script"),
        pytest.param({"size": ("1" * 1_000_000,)}, ["size"], id="a million digits"),
        pytest.param({"size": ("",)}, ["size"], id="an empty size"),
        pytest.param({"size": ("17", "17")}, ["size"], id="two sizes"),
        pytest.param({"hash": ("0" * 40,), "size": ("1",)}, ["hash", "size"], id="both wrong: both named"),
    ],
)
def test_declared_hash_and_size(attributes: dict, wrong: list[str]) -> None:
    offered = submission(entry(**attributes))
    if not wrong:
        assert complete(offered, {"Document01": DIGEST}, OWN).documents[0].size == ("17",)
        return
    with pytest.raises(XdsErrors) as failure:
        complete(offered, {"Document01": DIGEST}, OWN)
    errors = failure.value.errors
    assert [(error.code, error.location, error.context[:4]) for error in errors] == [
        (METADATA, "Document01", word) for word in wrong
    ]
    assert all(len(error.context) < 400 for error in errors)


def test_all_entries_that_are_wrong_are_named() -> None:
    offered = submission(entry(hash=("1",)), entry("Document02"), entry("Document03", size=("1",)))
    with pytest.raises(XdsErrors) as failure:
        complete(offered, {"Document01": DIGEST, "Document03": DIGEST}, OWN)
    assert [(error.code, error.location) for error in failure.value.errors] == [
        (METADATA, "Document01"),
        (MISSING, "Document02"),
        (METADATA, "Document03"),
    ]


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=5))
def test_metadata_that_nobody_knows_passes_untouched(slots: list[tuple[str, str]]) -> None:
    extra = tuple(Slot(name=name, values=(value, "")) for name, value in slots)
    odd = entry(
        extra=extra,
        object_type="urn:unknown",
        availability_status="odd",
        limited_metadata=True,
        title=(LocalizedString(value="Ü\n", lang="de"),),
        class_codes=(Code(code="", scheme=None, extra=extra),) * 2,
        uri=("a|b",),
    )
    association = Association(entry_uuid="a1", association_type="odd", source="x", target="y", extra=extra)
    offered = submission(odd, associations=(association,), folders=(replace(FOLDER, extra=extra),))
    completed = complete(offered, {"Document01": DIGEST}, OWN)
    expected = replace(odd, hash=(SHA1,), size=("17",), repository_unique_id=(OWN,))
    assert completed == replace(offered, documents=(expected,))
