"""Associations of a submission: members, relationships, their documentation (ITI TF-3: 4.2.2)."""

from __future__ import annotations

import pytest

from registry.metadata.affinity_domain import ANY
from registry.metadata.objects import (
    APND,
    HAS_MEMBER,
    IS_SNAPSHOT_OF,
    ON_DEMAND_DOCUMENT,
    ORIGINAL,
    REFERENCE,
    RPLC,
    SIGNS,
    XFRM,
    XFRM_RPLC,
)
from registry.metadata.rules import violations
from tests.registry.samples import (
    REGISTERED,
    REGISTERED_FOLDER,
    association,
    code,
    entry,
    folder,
    original,
    related,
    submission,
    with_folder,
)

METADATA = "XDSRegistryMetadataError"
UNRESOLVED = "UnresolvedReferenceException"
OTHER = "urn:uuid:0f9a2f10-5d0e-4a52-9d0c-9d1f6f3b7a09"


def two_documents(*more):
    names = ("Document01", "Document02")
    return submission(
        documents=tuple(entry(name, unique_id=f"1.2.{name[-1]}") for name in names),
        associations=(*(original(name) for name in names), *more),
    )


def reference(target, *status):
    return submission(
        associations=(
            original("Document01"),
            association("ref", "SubmissionSet01", target, submission_set_status=status),
        )
    )


ACCEPTED = {
    **{f"{kind.rpartition(':')[2]} of a registered document": related(kind) for kind in (RPLC, XFRM, APND, XFRM_RPLC, SIGNS, IS_SNAPSHOT_OF)},
    **{f"{kind.rpartition(':')[2]} of a document of the submission": two_documents(association("r", "Document01", "Document02", kind)) for kind in (XFRM, APND, SIGNS)},
    **{f"a documentation of {kind.rpartition(':')[2]}": related(kind, documentation=(code(),)) for kind in (RPLC, XFRM, APND, XFRM_RPLC)},
    "a reference to a registered document": reference(REGISTERED, REFERENCE),
    "two replacements of two documents": two_documents(association("a", "Document01", REGISTERED, RPLC), association("b", "Document02", OTHER, RPLC)),
    "a registered document in a new folder": with_folder(association("fd-de2", "Folder01", REGISTERED), association("ss-hm2", "SubmissionSet01", "fd-de2")),
    "a new document in a registered folder": submission(associations=(original("Document01"), association("fd-de", REGISTERED_FOLDER, "Document01"), association("ss-hm", "SubmissionSet01", "fd-de"))),
    "a relationship as member of the set": submission(associations=(original("Document01"), association("r", "Document01", REGISTERED, RPLC), association("ss-hm", "SubmissionSet01", "r"))),
    "SubmissionSetStatus on a folder": submission(folders=(folder(),), associations=(original("Document01"), association("a", "SubmissionSet01", "Folder01", submission_set_status=(ORIGINAL,)))),
}  # fmt: skip


@pytest.mark.parametrize("made", [pytest.param(made, id=says) for says, made in ACCEPTED.items()])
def test_accepted(made):
    assert violations(made, ANY, transaction="ITI-42") == []


def one_more(*more, **changes):
    return submission(associations=(original("Document01"), *more), **changes)


REFUSED = {
    "a document that is no member": (submission(associations=(association("a", "SubmissionSet01", REGISTERED, submission_set_status=(REFERENCE,)),)), METADATA, "Document01", "0 HasMember"),
    "a document that is member twice": (one_more(original("Document01", "again")), METADATA, "Document01", "2 HasMember"),
    "a document without SubmissionSetStatus": (submission(associations=(association("a", "SubmissionSet01", "Document01"),)), METADATA, "Document01", "0 with SubmissionSetStatus Original"),
    "a new document as Reference": (submission(associations=(association("a", "SubmissionSet01", "Document01", submission_set_status=(REFERENCE,)),)), METADATA, "a", "is in this submission, not registered"),
    "a registered document as Original": (reference(REGISTERED, ORIGINAL), METADATA, "ref", "is not in this submission"),
    "a SubmissionSetStatus of its own": (reference(REGISTERED, "Copy"), METADATA, "ref", "is not one of Original, Reference"),
    "two values of SubmissionSetStatus": (reference(REGISTERED, REFERENCE, REFERENCE), METADATA, "ref", "is not one of Original, Reference"),
    "a folder that is no member": (one_more(folders=(folder(),)), METADATA, "Folder01", "no HasMember leads from the submission set to the Folder"),
    "a membership that is no member": (one_more(association("fd-de", REGISTERED_FOLDER, "Document01")), METADATA, "fd-de", "0 HasMember"),
    "a membership that is member twice": (with_folder(association("again", "SubmissionSet01", "fd-de")), METADATA, "fd-de", "2 HasMember"),
    "a membership of the set as member": (one_more(association("b", "SubmissionSet01", "has-Document01")), METADATA, "b", "cannot be its member"),
    "members of a document": (two_documents(association("x", "Document01", "Document02"), association("y", "SubmissionSet01", "x")), METADATA, "x", "the DocumentEntry 'Document01' cannot have members"),
    "a folder in a folder": (with_folder(association("x", REGISTERED_FOLDER, "Folder01"), association("y", "SubmissionSet01", "x")), METADATA, "x", "the Folder 'Folder01' cannot be member of a Folder"),
    "the submission set as a target": (one_more(association("x", "Document01", "SubmissionSet01", APND)), METADATA, "x", "is target of an association"),
    "an association to itself": (one_more(association("x", "Document01", "Document01", XFRM)), METADATA, "x", "to itself"),
    "no target": (one_more(association("x", "Document01", "", RPLC)), METADATA, "x", "no sourceObject or no targetObject"),
    "no source": (one_more(association("x", "", REGISTERED, RPLC)), METADATA, "x", "no sourceObject or no targetObject"),
    "a symbolic target that is nowhere": (one_more(association("x", "Document01", "Document99", APND)), UNRESOLVED, "x", "targetObject 'Document99'"),
    "a symbolic source that is nowhere": (one_more(association("x", "Document99", REGISTERED, APND)), UNRESOLVED, "x", "sourceObject 'Document99'"),
    "a relationship of a registered document": (one_more(association("x", REGISTERED, OTHER, RPLC)), UNRESOLVED, "x", "sourceObject"),
    "a relationship of the submission set": (one_more(association("x", "SubmissionSet01", REGISTERED, RPLC)), METADATA, "x", "RPLC starts at the SubmissionSet"),
    "a relationship of a folder": (with_folder(association("x", "Folder01", REGISTERED, RPLC)), METADATA, "x", "starts at the Folder"),
    "a relationship to a folder": (with_folder(association("x", "Document01", "Folder01", APND)), METADATA, "x", "leads to the Folder"),
    "a relationship to an association": (one_more(association("x", "Document01", "has-Document01", SIGNS)), METADATA, "x", "leads to the Association"),
    "a replacement of a new document": (two_documents(association("x", "Document01", "Document02", RPLC)), UNRESOLVED, "x", "of a registered DocumentEntry"),
    "a transformation and replacement of a new document": (two_documents(association("x", "Document01", "Document02", XFRM_RPLC)), UNRESOLVED, "x", "of a registered DocumentEntry"),
    "a snapshot of a new document": (two_documents(association("x", "Document01", "Document02", IS_SNAPSHOT_OF)), UNRESOLVED, "x", "of a registered DocumentEntry"),
    "a snapshot that is on demand": (submission(documents=(entry(object_type=ON_DEMAND_DOCUMENT),), associations=(original("Document01"), association("x", "Document01", REGISTERED, IS_SNAPSHOT_OF))), METADATA, "x", "is not a stable DocumentEntry"),
    "an addendum to a transformation": (two_documents(association("t", "Document02", REGISTERED, XFRM), association("x", "Document01", "Document02", APND)), METADATA, "x", "nothing is appended"),
    "two replacements of one document": (two_documents(association("a", "Document01", REGISTERED, RPLC), association("x", "Document02", "urn:uuid:" + REGISTERED[9:].upper(), XFRM_RPLC)), METADATA, "x", "replaced twice"),
    "an unknown type": (one_more(association("x", "Document01", REGISTERED, "urn:example:Cites")), METADATA, "x", "associationType 'urn:example:Cites'"),
    "a short type": (one_more(association("x", "Document01", REGISTERED, "RPLC")), METADATA, "x", "associationType 'RPLC'"),
    "a type of another namespace": (one_more(association("x", "Document01", REGISTERED, "urn:oasis:names:tc:ebxml-regrep:AssociationType:RPLC")), METADATA, "x", "associationType"),
    "a metadata update": (one_more(association("x", "SubmissionSet01", REGISTERED, "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus")), METADATA, "x", "associationType"),
    "a documentation of membership": (submission(associations=(association("has", "SubmissionSet01", "Document01", submission_set_status=(ORIGINAL,), documentation=(code(),)),)), METADATA, "has", "HasMember carries a documentation"),
    "a documentation of a signature": (related(SIGNS, documentation=(code(),)), METADATA, "relation", "signs carries a documentation"),
    "two documentations": (related(RPLC, documentation=(code(), code())), METADATA, "relation", "documentation stands 2 times"),
    "a documentation without a scheme": (related(RPLC, documentation=(code("a", None),)), METADATA, "relation", "no codingScheme"),
    "no id": (one_more(association("", "Document01", REGISTERED, RPLC)), METADATA, "", "Association has no id"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("made", "code_", "location", "context"), [pytest.param(*row, id=says) for says, row in REFUSED.items()]
)
def test_refused(made, code_, location, context):
    found = violations(made, ANY, transaction="ITI-42")
    assert any(error.code == code_ and error.location == location and context in error.context for error in found), (
        found
    )


@pytest.mark.parametrize("kind", [SIGNS, IS_SNAPSHOT_OF])
def test_an_on_demand_entry_neither_signs_nor_is_a_snapshot(kind):
    made = submission(
        documents=(entry(object_type=ON_DEMAND_DOCUMENT, creation_time=(), hash=(), size=()),),
        associations=(original("Document01"), association("x", "Document01", REGISTERED, kind)),
    )
    assert any("that ITI-61 registers" in error.context for error in violations(made, ANY, transaction="ITI-61"))


def test_a_chain_of_a_thousand_members_is_checked_at_once():
    names = [f"d{i}" for i in range(1000)]
    made = submission(
        documents=tuple(entry(name, unique_id=f"1.2.{i}") for i, name in enumerate(names)),
        associations=tuple(original(name) for name in names),
    )
    assert violations(made, ANY, transaction="ITI-42") == []
    assert {item.association_type for item in made.associations} == {HAS_MEMBER}
