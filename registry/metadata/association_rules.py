"""Checks of the associations of a submission (ITI TF-3: 4.2.2).

What is registered can only be told by a registry: an id that the submission does not define passes here when it is a
UUID, and what it names is checked there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from registry.errors import ErrorCode
from registry.metadata.object_rules import NAMES
from registry.metadata.objects import (
    APND,
    HAS_MEMBER,
    IS_SNAPSHOT_OF,
    ORIGINAL,
    REFERENCE,
    RPLC,
    SIGNS,
    STABLE_DOCUMENT,
    XFRM,
    XFRM_RPLC,
    Association,
    DocumentEntry,
    Folder,
    SubmissionSet,
)
from registry.metadata.submission_rules import Finding, Linked, SubmissionRule, same_id
from registry.metadata.values import is_symbolic, shown

_ALLOWED: Final = {
    "ITI-41": frozenset({HAS_MEMBER, RPLC, XFRM, APND, XFRM_RPLC, SIGNS, IS_SNAPSHOT_OF}),
    "ITI-42": frozenset({HAS_MEMBER, RPLC, XFRM, APND, XFRM_RPLC, SIGNS, IS_SNAPSHOT_OF}),
    "ITI-61": frozenset({HAS_MEMBER, RPLC, XFRM, APND, XFRM_RPLC}),
    "XDR": frozenset({HAS_MEMBER, RPLC, XFRM, APND, XFRM_RPLC, SIGNS, IS_SNAPSHOT_OF}),
}
_REPLACEMENTS: Final = frozenset({RPLC, XFRM_RPLC})
_DOCUMENTED: Final = frozenset({RPLC, XFRM, APND, XFRM_RPLC})
_OF_REGISTERED: Final = frozenset({RPLC, XFRM_RPLC, IS_SNAPSHOT_OF})


# --- associations ---------------------------------------------------------------------------------------------------


def _known_types(linked: Linked) -> Iterator[Finding]:
    allowed = _ALLOWED[linked.transaction]
    for association in linked.submission.associations:
        if association.association_type not in allowed:
            yield (
                association.entry_uuid,
                f"associationType {shown(association.association_type)} is not one that {linked.transaction} registers",
            )


def _two_ends(linked: Linked) -> Iterator[Finding]:
    for association in linked.submission.associations:
        if not association.source or not association.target:
            yield association.entry_uuid, "an association has no sourceObject or no targetObject"
        elif same_id(association.source) == same_id(association.target):
            yield association.entry_uuid, f"an association leads from {shown(association.source)} to itself"


def _resolved(linked: Linked) -> Iterator[Finding]:
    for association in linked.submission.associations:
        for name, reference in (("sourceObject", association.source), ("targetObject", association.target)):
            if reference and is_symbolic(reference) and reference not in linked.by_id:
                yield association.entry_uuid, f"{name} {shown(reference)} names nothing in this submission"


def _submission_set_is_no_target(linked: Linked) -> Iterator[Finding]:
    for association in linked.submission.associations:
        if isinstance(linked.find(association.target), SubmissionSet):
            yield association.entry_uuid, f"the submission set {shown(association.target)} is target of an association"


def _submission_set_status(linked: Linked) -> Iterator[Finding]:
    for association in linked.submission.associations:
        values = association.submission_set_status
        if len(values) > 1 or any(value not in (ORIGINAL, REFERENCE) for value in values):
            yield association.entry_uuid, f"SubmissionSetStatus {shown(values)} is not one of Original, Reference"


def _targets_of_status(linked: Linked) -> Iterator[Finding]:
    for association in linked.of_set:
        status, here = association.submission_set_status[:1], linked.find(association.target) is not None
        if status == (ORIGINAL,) and linked.is_open(association.target):
            yield association.entry_uuid, f"Original {shown(association.target)} is not in this submission"
        elif status == (REFERENCE,) and here:
            yield association.entry_uuid, f"Reference {shown(association.target)} is in this submission, not registered"


def _documents_are_members(linked: Linked) -> Iterator[Finding]:
    originals = Counter(same_id(item.target) for item in linked.of_set if item.submission_set_status == (ORIGINAL,))
    members = Counter(same_id(item.target) for item in linked.of_set)
    for entry in linked.submission.documents:
        key = same_id(entry.entry_uuid)
        if originals[key] != 1 or members[key] != 1:
            yield (
                entry.entry_uuid,
                f"{members[key]} HasMember lead from the submission set to the DocumentEntry,"
                f" {originals[key]} with SubmissionSetStatus Original, instead of one",
            )


def _folders_are_members(linked: Linked) -> Iterator[Finding]:
    members = {same_id(item.target) for item in linked.of_set}
    for folder in linked.submission.folders:
        if same_id(folder.entry_uuid) not in members:
            yield folder.entry_uuid, "no HasMember leads from the submission set to the Folder"


def _memberships_are_members(linked: Linked) -> Iterator[Finding]:
    members = Counter(same_id(item.target) for item in linked.of_set) if linked.memberships else Counter[str]()
    for association in linked.memberships:
        number = members[same_id(association.entry_uuid)]
        if number != 1:
            yield (
                association.entry_uuid,
                f"{number} HasMember lead from the submission set to this HasMember of a Folder instead of one",
            )


def _membership_ends(linked: Linked) -> Iterator[Finding]:
    for association in linked.memberships:
        source, target = linked.find(association.source), linked.find(association.target)
        if source is not None and not isinstance(source, Folder):
            yield association.entry_uuid, f"the {NAMES[type(source)]} {shown(association.source)} cannot have members"
        if target is not None and not isinstance(target, DocumentEntry | SubmissionSet):
            yield (
                association.entry_uuid,
                f"the {NAMES[type(target)]} {shown(association.target)} cannot be member of a Folder",
            )
    for association in linked.of_set:
        target = linked.find(association.target)
        if isinstance(target, Association) and isinstance(linked.find(target.source), SubmissionSet):
            yield association.entry_uuid, "a submission set's own HasMember cannot be its member"


# --- relationships --------------------------------------------------------------------------------------------------


def _sources_are_new(linked: Linked) -> Iterator[Finding]:
    for association in linked.relationships:
        if linked.is_open(association.source):
            yield association.entry_uuid, f"sourceObject {shown(association.source)} is not in this submission"


def _targets_are_registered(linked: Linked) -> Iterator[Finding]:
    for association in linked.relationships:
        if association.association_type in _OF_REGISTERED and linked.find(association.target) is not None:
            yield (
                association.entry_uuid,
                f"targetObject {shown(association.target)} is in this submission; {_short(association)} is of a"
                " registered DocumentEntry",
            )


def _ends_are_documents(linked: Linked) -> Iterator[Finding]:
    for association in linked.relationships:
        source, target = linked.find(association.source), linked.find(association.target)
        if source is not None and not isinstance(source, DocumentEntry):
            yield (
                association.entry_uuid,
                f"{_short(association)} starts at the {NAMES[type(source)]} {shown(association.source)}",
            )
        # That a submission set is no target is a rule of its own.
        if target is not None and not isinstance(target, DocumentEntry | SubmissionSet):
            yield (
                association.entry_uuid,
                f"{_short(association)} leads to the {NAMES[type(target)]} {shown(association.target)}",
            )


def _documentation_only_where_allowed(linked: Linked) -> Iterator[Finding]:
    for association in linked.submission.associations:
        if association.documentation and association.association_type not in _DOCUMENTED:
            yield association.entry_uuid, f"{_short(association)} carries a documentation classification"


def _snapshots_are_stable(linked: Linked) -> Iterator[Finding]:
    for association in linked.relationships:
        source = linked.find(association.source)
        if (
            association.association_type == IS_SNAPSHOT_OF
            and isinstance(source, DocumentEntry)
            and source.object_type != STABLE_DOCUMENT
        ):
            yield association.entry_uuid, f"the snapshot {shown(association.source)} is not a stable DocumentEntry"


def _nothing_appended_to_transformed(linked: Linked) -> Iterator[Finding]:
    transformed = {same_id(item.source) for item in linked.relationships if item.association_type in (XFRM, XFRM_RPLC)}
    for association in linked.relationships:
        if association.association_type == APND and same_id(association.target) in transformed:
            yield association.entry_uuid, f"{shown(association.target)} is a transformation; nothing is appended to it"


def _replaced_once(linked: Linked) -> Iterator[Finding]:
    seen: set[str] = set()
    for association in linked.relationships:
        if association.association_type in _REPLACEMENTS:
            target = same_id(association.target)
            if target in seen:
                yield association.entry_uuid, f"{shown(association.target)} is replaced twice in one submission"
            seen.add(target)


def _short(association: Association) -> str:
    return association.association_type.rpartition(":")[2]


_UNRESOLVED: Final = ErrorCode.UNRESOLVED_REFERENCE

ASSOCIATION_RULES: Final = (
    SubmissionRule(says="known association types", check=_known_types, source="ITI TF-3: 4.2.2"),
    SubmissionRule(says="an association has two ends", check=_two_ends, source="ITI TF-3: 4.2.2", updates=True),
    SubmissionRule(
        says="symbolic references resolve",
        check=_resolved,
        source="ITI TF-2: 3.42.4.1.3.7",
        code=_UNRESOLVED,
        updates=True,
    ),
    SubmissionRule(
        says="a submission set is no target", check=_submission_set_is_no_target, source="ITI TF-3: 4.2.2.1"
    ),
    SubmissionRule(
        says="Original or Reference", check=_submission_set_status, source="ITI TF-3: 4.2.2.1.1", updates=True
    ),
    SubmissionRule(says="Original here, Reference there", check=_targets_of_status, source="ITI TF-3: 4.2.2.1.1"),
    SubmissionRule(says="documents are members", check=_documents_are_members, source="ITI TF-3: 4.2.2.1.1"),
    SubmissionRule(says="folders are members", check=_folders_are_members, source="ITI TF-3: 4.2.2.1.2"),
    SubmissionRule(says="memberships are members", check=_memberships_are_members, source="ITI TF-3: 4.2.2.1.3"),
    SubmissionRule(says="folders have documents", check=_membership_ends, source="ITI TF-3: 4.2.2.1.3"),
    SubmissionRule(
        says="relationships start at new documents",
        check=_sources_are_new,
        source="ITI TF-3: 4.2.2.2",
        code=_UNRESOLVED,
    ),
    SubmissionRule(
        says="what is replaced is registered",
        check=_targets_are_registered,
        source="ITI TF-3: 4.2.2.2",
        code=_UNRESOLVED,
    ),
    SubmissionRule(says="relationships are of documents", check=_ends_are_documents, source="ITI TF-3: 4.2.2.2"),
    SubmissionRule(
        says="documentation on relationships", check=_documentation_only_where_allowed, source="ITI TF-3: 4.2.2.2"
    ),
    SubmissionRule(says="snapshots are stable", check=_snapshots_are_stable, source="ITI TF-3: 4.2.2.2.6"),
    SubmissionRule(
        says="no append to a transformation", check=_nothing_appended_to_transformed, source="ITI TF-3: 4.2.2.2.3"
    ),
    SubmissionRule(says="one replacement", check=_replaced_once, source="ITI TF-3: 4.2.2.2.1"),
)
