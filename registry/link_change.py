"""XAD-PID Link Change: what of a patient is moved to another one, and what cannot follow (ITI TF-2: 3.64.4.1.3). Pure.

A local patient id was linked to the wrong patient of the domain, or two local ids were merged. Documents with that
sourcePatientId become new versions under the new patient; a folder follows when all that it holds does. What would join
two patients then stays with the versions before (3.64.4.1.3.2 leaves that to the registry) and is named as lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from registry.lifecycle import Stored, has_member
from registry.metadata.objects import (
    APPROVED,
    ORIGINAL,
    Association,
    Code,
    LocalizedString,
    Slot,
    SubmissionSet,
)
from registry.update_changes import Inherited
from registry.update_conflicts import Link

# What kind of submission this is (table 3.64.4.1.3.1.1-1: a code of the domain); the words are those of its audit.
CONTENT_TYPE: Final = Code(
    code="ITI-64",
    scheme="IHE Transactions",
    display=(LocalizedString(value="Notify XAD-PID Link Change"),),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChange:
    """What is asked for; all are CX. `subsumed`: a local id that is merged into `local`, "" for none."""

    patient: str  # the new XAD-PID
    previous: str  # the XAD-PID before; the same where local ids are merged only
    local: str
    subsumed: str = ""

    @property
    def carried(self) -> str:
        """The sourcePatientId of what is to be moved."""
        return self.subsumed or self.local


@dataclass(frozen=True, slots=True, kw_only=True)
class Versioned:
    """A registered document or folder, Approved and the latest version, with what its next version is made of."""

    stored: Stored
    logical_id: str
    version: int
    links: tuple[Link, ...] = ()  # but for those from submission sets
    references: tuple[Link, ...] = ()  # HasMember of submission sets that refer to it


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`new` is the entryUUID of the version that follows `old`. `source`: its sourcePatientId, "": as before."""

    old: Versioned
    new: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanges:
    """What to write. `superseded` associations become Deprecated; `lost` ones stay with the versions before."""

    submission_set: SubmissionSet
    steps: tuple[Step, ...]
    inherited: tuple[Inherited, ...]
    superseded: tuple[Link, ...]
    members: tuple[Association, ...]  # of the submission set
    lost: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What became of a link change. `unique_ids` of documents; `lost`: entryUUIDs of relations that did not follow."""

    patient: str
    previous: str
    submission_set: str = ""  # uniqueId; "" where nothing was moved
    unique_ids: tuple[str, ...] = ()
    folders: int = 0
    lost: tuple[str, ...] = ()


def following(folders: Sequence[tuple[Versioned, frozenset[int]]], moving: frozenset[int]) -> list[Versioned]:
    """The folders that follow: each with the keys of the Approved documents that it holds (3.64.4.1.3.1.6)."""
    return [folder for folder, held in folders if held <= moving]


def link_changes(
    patient: str,
    sources: Mapping[int, str],
    moving: Sequence[Versioned],
    *,
    made: SubmissionSet,
    new_uuid: Callable[[], str],
) -> LinkChanges:
    """What moving these documents and folders to `patient` changes.

    Args:
        patient: CX.
        sources: sourcePatientId of the next version by the key of a document; absent: it stays.
        moving: documents and the folders that follow.
        made: the submission set of the change.
        new_uuid: gives UUID URNs.
    """
    steps = [Step(old=item, new=new_uuid(), source=sources.get(item.stored.key, "")) for item in moving]
    new = {step.old.stored.key: step.new for step in steps}
    links = {link.key: link for item in moving for link in item.links}
    kept = {link.key for link in links.values() if _patients(link, patient, new) == {patient}}
    inherited = [_inherited(link, new, new_uuid) for link in links.values() if link.key in kept]
    references = [link for item in moving for link in item.references]
    members = [_member(made, step, new_uuid()) for step in steps]
    members += [
        replace(has_member(made.entry_uuid, item.entry_uuid, new_uuid()), availability_status=APPROVED)
        for item in inherited
        if item.link.source.kind == "folder"
    ]
    return LinkChanges(
        submission_set=made,
        steps=tuple(steps),
        inherited=(*inherited, *(_inherited(link, new, new_uuid) for link in references)),
        superseded=tuple(references),
        members=tuple(members),
        lost=tuple(link for link in links.values() if link.key not in kept),
    )


def _patients(link: Link, patient: str, new: Mapping[int, str]) -> set[str]:
    """Of whom both ends are afterwards."""
    return {patient if end.key in new else end.patient for end in (link.source, link.target)}


def _inherited(link: Link, new: Mapping[int, str], new_uuid: Callable[[], str]) -> Inherited:
    return Inherited(
        link=link,
        entry_uuid=new_uuid(),
        source=new.get(link.source.key, link.source.entry_uuid),
        target=new.get(link.target.key, link.target.entry_uuid),
    )


def _member(made: SubmissionSet, step: Step, entry_uuid: str) -> Association:
    """The HasMember that brings a version; it says which one it follows."""
    status = (ORIGINAL,) if step.old.stored.kind == "document" else ()
    extra = (Slot(name="PreviousVersion", values=(str(step.old.version),)),)
    return replace(
        has_member(made.entry_uuid, step.new, entry_uuid),
        availability_status=APPROVED,
        submission_set_status=status,
        extra=extra,
    )


def submission_set_of(patient: str, *, unique_id: str, source_id: str, now: str, entry_uuid: str) -> SubmissionSet:
    """The submission set that records a link change (table 3.64.4.1.3.1.1-1). `now` is 14 digits, UTC."""
    return SubmissionSet(
        entry_uuid=entry_uuid,
        logical_id=entry_uuid,
        version="1",
        availability_status=APPROVED,
        patient_id=patient,
        unique_id=unique_id,
        source_id=source_id,
        content_type_codes=(CONTENT_TYPE,),
        submission_time=(now,),
    )
