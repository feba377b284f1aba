"""What a metadata update is about, for whoever decides who may change what. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from registry.lifecycle import Stored
from registry.metadata.objects import DocumentEntry, Folder
from registry.update_conflicts import UpdateReferred, latest_of
from registry.updates import Update


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """One registered object as it is, and what it is to become: `new` is None where only its status or links change.

    `key` is the store's own, `first` that of its first version; `named` is how the request calls it.
    """

    key: int
    first: int
    kind: str  # document, folder or association
    entry_uuid: str
    unique_id: str
    patient: str
    named: str
    repository_unique_id: str = ""
    mime_type: str = ""
    hash: str = ""
    size: int | None = None
    confidentiality: tuple[tuple[str, str], ...] = ()
    new: DocumentEntry | Folder | None = None


def propositions(update: Update, referred: UpdateReferred) -> Iterator[Proposed]:
    """Every registered object that the operations touch, once for each operation."""
    for version in update.versions:
        latest = latest_of(version, referred)
        if latest is None:
            continue
        stored = latest.stored
        yield Proposed(
            key=stored.key,
            first=latest.first,
            kind=stored.kind,
            entry_uuid=stored.entry_uuid,
            unique_id=stored.unique_id,
            patient=stored.patient,
            named=version.obj.entry_uuid,
            repository_unique_id=latest.repository_unique_id,
            mime_type=latest.mime_type,
            hash=stored.hash,
            size=stored.size,
            confidentiality=latest.confidentiality,
            new=version.obj,
        )
    for status in update.statuses:
        found = referred.named.object(status.order.target)
        if found is not None:
            yield from (_touched(end, status.order.entry_uuid) for end in (found, *referred.ends.get(found.key, ())))
    for association in update.associations:
        ends = (referred.named.object(association.source), referred.named.object(association.target))
        yield from (_touched(end, association.entry_uuid) for end in ends if end is not None)


def _touched(stored: Stored, named: str) -> Proposed:
    return Proposed(
        key=stored.key,
        first=stored.key,
        kind=stored.kind,
        entry_uuid=stored.entry_uuid,
        unique_id=stored.unique_id,
        patient=stored.patient,
        named=named,
        hash=stored.hash,
        size=stored.size,
    )
