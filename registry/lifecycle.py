"""What registering a submission does to what it refers to (ITI TF-3: 4.2.2; ITI TF-2: 3.42.4.1.3).

Pure: the submission and what is stored of the objects it refers to go in, changes come out. Why a submission may not
be registered is said by `metadata.rules` and `conflicts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from registry.metadata.objects import (
    HAS_MEMBER,
    RPLC,
    XFRM_RPLC,
    Association,
    DocumentEntry,
    Folder,
    SubmissionSet,
)
from registry.metadata.submission import Submission

REPLACEMENTS: Final = frozenset({RPLC, XFRM_RPLC})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A registered object as the rules see it. `key` is the store's own; `patient` is the surviving identity."""

    key: int
    kind: Literal["document", "submission_set", "folder", "association"]
    entry_uuid: str
    patient: str
    approved: bool = True
    quarantined: bool = False
    unique_id: str = ""
    on_demand: bool = False
    hash: str = ""
    size: int | None = None
    transformed: bool = False  # a document that is the source of an XFRM
    superseded: bool = False  # by a newer version


@dataclass(frozen=True, slots=True, kw_only=True)
class Referred:
    """What is stored of all that a submission refers to. Keys of `objects` are lower-case entryUUIDs.

    For each document (by key) that is to be replaced, `folders` holds the Approved folders it is in, all of them among
    `objects`, and `descendants` the Approved documents that are XFRM or APND of it, at any depth.
    """

    objects: Mapping[str, Stored] = field(default_factory=dict)
    unique_ids: Mapping[str, tuple[Stored, ...]] = field(default_factory=dict)
    known_patients: Mapping[str, int] = field(default_factory=dict)  # known and not subsumed, with the store's number
    folders: Mapping[int, tuple[Stored, ...]] = field(default_factory=dict)
    descendants: Mapping[int, tuple[Stored, ...]] = field(default_factory=dict)

    def object(self, entry_uuid: str) -> Stored | None:
        """A registered object that may be referred to. One in quarantine is not there for anybody."""
        stored = self.objects.get(entry_uuid.lower())
        return None if stored is None or stored.quarantined else stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What to write, all at once: the completed submission, and what becomes of registered objects."""

    submission: Submission
    now: str  # 14 digits, UTC
    deprecated: tuple[Stored, ...] = ()
    updated_folders: tuple[Stored, ...] = ()  # their lastUpdateTime becomes `now`


Identified = SubmissionSet | DocumentEntry | Folder


def identified(submission: Submission) -> tuple[Identified, ...]:
    """The objects that have a uniqueId and a patientId."""
    return (*submission.submission_sets, *submission.documents, *submission.folders)


def changes(submission: Submission, referred: Referred, *, now: str, new_uuid: Callable[[], str]) -> Changes:
    """What registering a submission without faults changes. Its ids are assigned; `now` is 14 digits, UTC.

    A replaced document is deprecated with all that was made from it or appended to it, and its replacement takes its
    place in folders (ITI TF-3: 4.2.2.2.1, 4.2.2.2.3). A folder that gains a document is updated (4.2.3.4.6).
    """
    submission = with_registered_spelling(submission, referred)
    deprecated: dict[int, Stored] = {}
    links: list[Association] = []
    members = {(item.source.lower(), item.target.lower()) for item in submission.associations}
    holding = _holding(submission)
    for association in submission.associations:
        replaced = referred.object(association.target) if association.association_type in REPLACEMENTS else None
        if replaced is None:
            continue
        for stored in (replaced, *referred.descendants.get(replaced.key, ())):
            deprecated[stored.key] = stored
        registered = [folder.entry_uuid for folder in referred.folders.get(replaced.key, ())]
        for folder in registered + holding.get(replaced.entry_uuid.lower(), []):
            member = (folder.lower(), association.source.lower())
            if member not in members:
                members.add(member)
                links += _links(submission.submission_set, folder, association.source, new_uuid)
    gaining = {
        item.source.lower() for item in (*submission.associations, *links) if item.association_type == HAS_MEMBER
    }
    known = (referred.object(end) for end in gaining)
    return Changes(
        submission=replace(
            submission,
            folders=tuple(_updated(folder, gaining, now) for folder in submission.folders),
            associations=(*submission.associations, *links),
        ),
        now=now,
        deprecated=tuple(deprecated.values()),
        updated_folders=tuple(stored for stored in known if stored is not None and stored.kind == "folder"),
    )


def with_registered_spelling(submission: Submission, referred: Referred) -> Submission:
    """Associations that spell every entryUUID as its object does: consumers compare them as text."""
    spelled = {key: stored.entry_uuid for key, stored in referred.objects.items()}
    spelled |= {item.entry_uuid.lower(): item.entry_uuid for item in submission.objects()}

    def respelled(item: Association) -> Association:
        source, target = spelled[item.source.lower()], spelled[item.target.lower()]
        return item if (source, target) == (item.source, item.target) else replace(item, source=source, target=target)

    return replace(submission, associations=tuple(respelled(item) for item in submission.associations))


def _holding(submission: Submission) -> dict[str, list[str]]:
    """Folders that this submission puts documents in, by document."""
    holding: dict[str, list[str]] = {}
    for item in submission.associations:
        if item.association_type == HAS_MEMBER and item.source != submission.submission_set.entry_uuid:
            holding.setdefault(item.target.lower(), []).append(item.source)
    return holding


def _links(
    submission_set: SubmissionSet, folder: str, document: str, new_uuid: Callable[[], str]
) -> tuple[Association, Association]:
    """A replacement takes the place of what it replaces in a folder: FD-DE and the SS-HM that records it."""
    member = has_member(folder, document, new_uuid())
    return member, has_member(submission_set.entry_uuid, member.entry_uuid, new_uuid())


def has_member(source: str, target: str, entry_uuid: str) -> Association:
    """The first version of a HasMember."""
    return Association(
        entry_uuid=entry_uuid,
        association_type=HAS_MEMBER,
        source=source,
        target=target,
        logical_id=entry_uuid,
        version="1",
    )


def _updated(folder: Folder, gaining: set[str], now: str) -> Folder:
    """A new folder with its lastUpdateTime: now, unless it is empty and came with one."""
    if folder.last_update_time and folder.entry_uuid.lower() not in gaining:
        return folder
    return replace(folder, last_update_time=(now,))
