"""What a metadata update does to the registry: new versions, what they inherit, changed statuses. Pure.

Source: ITI TF-2: 3.57.4.1.3.3, 3.92.4.1.3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from registry.lifecycle import Stored, with_registered_spelling
from registry.metadata.identifiers import assign_ids
from registry.metadata.objects import (
    APPROVED,
    HAS_MEMBER,
    SUBMIT_ASSOCIATION,
    Association,
    DocumentEntry,
    Folder,
)
from registry.metadata.submission import Submission
from registry.metadata.submission_rules import same_id
from registry.update_conflicts import Latest, Link, UpdateReferred, latest_of
from registry.updates import NewVersion, Update


@dataclass(frozen=True, slots=True, kw_only=True)
class Succession:
    """`entry_uuid` follows `before`; `deprecated`: it inherits that status (ITI-92)."""

    logical_id: str
    before: Latest
    entry_uuid: str
    deprecated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Inherited:
    """A copy of an association, between other ends."""

    link: Link
    entry_uuid: str
    source: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateChanges:
    """What to write, all at once. Keys of `statuses` are entryUUIDs, values whether it is Deprecated then."""

    submission: Submission
    entry_uuids: dict[str, str]
    now: str  # 14 digits, UTC
    successions: tuple[Succession, ...] = ()
    inherited: tuple[Inherited, ...] = ()
    statuses: dict[str, bool]
    updated_folders: tuple[Stored, ...] = ()  # their lastUpdateTime becomes `now`


def update_changes(update: Update, referred: UpdateReferred, *, now: str, new_uuid: Callable[[], str]) -> UpdateChanges:
    """What an update without faults changes. `now` is 14 digits, UTC."""
    assigned, names = assign_ids(update.submission, new_uuid)
    successions = [_succession(version, referred, names) for version in update.versions]
    submission = with_registered_spelling(_versioned(assigned, successions, now), referred.named)
    ids = {item.before.stored.key: item.entry_uuid for item in successions}
    inherited = _inherited(update, referred, ids, new_uuid)
    updated = {
        end.key: end
        for item in inherited
        if item.link.source.kind == "folder" and item.link.source.key not in ids
        for end in (item.link.source,)
    }
    for association in update.associations:
        source = referred.named.object(association.source)
        if source is not None and source.kind == "folder":
            updated[source.key] = source
    return UpdateChanges(
        submission=submission,
        entry_uuids=names,
        now=now,
        successions=tuple(successions),
        inherited=tuple(inherited),
        statuses={names.get(item.order.target, item.order.target): item.after != APPROVED for item in update.statuses},
        updated_folders=tuple(updated.values()),
    )


def _succession(version: NewVersion, referred: UpdateReferred, names: dict[str, str]) -> Succession:
    latest = latest_of(version, referred)
    assert latest is not None  # noqa: S101  `update_conflicts` found nothing
    return Succession(
        logical_id=version.obj.logical_id or "",
        before=latest,
        entry_uuid=names.get(version.obj.entry_uuid, version.obj.entry_uuid),
        deprecated=not latest.stored.approved,
    )


def _versioned(submission: Submission, successions: list[Succession], now: str) -> Submission:
    """The submission as it is stored: versions with their numbers, orders as the associations they leave behind."""
    of = {same_id(item.entry_uuid): item for item in successions}

    def document(item: DocumentEntry) -> DocumentEntry:
        found = of[same_id(item.entry_uuid)]
        return replace(item, logical_id=found.logical_id, version=str(found.before.version + 1))

    def folder(item: Folder) -> Folder:
        found = of[same_id(item.entry_uuid)]
        version = str(found.before.version + 1)
        return replace(item, logical_id=found.logical_id, version=version, last_update_time=(now,))

    def association(item: Association) -> Association:
        # What was submitted by it belongs to the submission, as if it had come with ITI-42.
        submitted = item.association_type == SUBMIT_ASSOCIATION
        return replace(item, association_type=HAS_MEMBER) if submitted else item

    return replace(
        submission,
        documents=tuple(map(document, submission.documents)),
        folders=tuple(map(folder, submission.folders)),
        associations=tuple(map(association, submission.associations)),
    )


def _inherited(
    update: Update, referred: UpdateReferred, ids: dict[int, str], new_uuid: Callable[[], str]
) -> list[Inherited]:
    """A copy of each association of what has a new version, unless an end of it is to leave them behind."""
    leaving = {
        latest.stored.key
        for version in update.versions
        if not version.propagate and (latest := latest_of(version, referred))
    }
    links = {link.key: link for key in ids for link in referred.links.get(key, ())}
    return [
        Inherited(
            link=link,
            entry_uuid=new_uuid(),
            source=ids.get(link.source.key, link.source.entry_uuid),
            target=ids.get(link.target.key, link.target.entry_uuid),
        )
        for link in links.values()
        if not {link.source.key, link.target.key} & leaving
    ]
