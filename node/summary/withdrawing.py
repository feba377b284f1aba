"""A snapshot goes when a document that it was made of went (ITI-62, ITI-86, retention): what it excerpts is no more.

From that moment on nobody gets it (`retrievals`); its metadata and bytes follow within ten minutes, on record. A legal
hold on it keeps it, and metadata stay that a document of somebody else refers to.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from node.bindings import AuditFact, AuditProfile
from node.database import open_reader
from node.records import DESTROYED, document_object, of_answer, removed_object
from node.summary.snapshots import by_itself
from registry.document_registry import DocumentRegistry, RemovedObject
from registry.errors import XdsErrors
from registry.store.documents import UnknownDocument
from registry.store.on_demand import OnDemandDocuments
from trust.audit.event import Action, EventId, NewRecord

if TYPE_CHECKING:
    from node.exchange import Actors

_WITHOUT_A_SOURCE: Final = """
SELECT DISTINCT snapshot FROM snapshot_source AS kept WHERE NOT EXISTS (
  SELECT 1 FROM document_entry AS entry WHERE entry.unique_id = kept.source AND (
    entry.repository_unique_id <> ? OR EXISTS (SELECT 1 FROM stored_document WHERE unique_id = kept.source)))
"""


class _Held(Exception):  # noqa: N818
    """A legal hold keeps it."""


async def withdraw(actors: Actors, database: Path) -> None:
    """One round: remove every snapshot that has lost a source, each in a commit of its own with its record."""
    for snapshot in await asyncio.to_thread(_found, database, actors.own.repository_unique_id):
        with suppress(_Held):
            await actors.sequencer.transact(partial(_remove, snapshot, actors))


def _found(database: Path, repository: str) -> list[str]:
    connection = open_reader(database)
    try:
        return [unique_id for (unique_id,) in connection.execute(_WITHOUT_A_SOURCE, (repository,))]
    finally:
        connection.close()


def _remove(unique_id: str, actors: Actors, connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
    registry = actors.registry_on(connection)
    if registry.keeping().held(unique_id):
        raise _Held
    patients = [one.patient_id for one in registry.documents([unique_id]).get(unique_id, ())]
    objects = _alone(unique_id, registry)
    registry.remove_all(objects)
    stored = actors.repository.remove(connection, unique_id)
    OnDemandDocuments(connection).forget_sources(unique_id)
    removed = [removed_object(one.entry_uuid, one.facts) for one in objects]
    if stored is not None:
        facts = (("mimeType", stored.mime_type), ("size", str(stored.size)), ("hash", stored.sha1))
        own = actors.own
        removed.append(document_object(unique_id, own.repository_unique_id, own.home, facts, DESTROYED))
    fact = AuditFact(patient=patients[0] if patients else "", objects=tuple(removed))
    profile: AuditProfile[object] = AuditProfile(
        event=EventId.PATIENT_RECORD, action=Action.DELETE, caller_is_source=True, facts=lambda *_: [fact]
    )
    note = {"snapshot": "a document that it was made of was removed"}
    of_it = of_answer(by_itself(actors), "ITI-62", "Remove Metadata", profile, [fact], payload=b"", notes=[note])
    return None, of_it


def _alone(unique_id: str, registry: DocumentRegistry) -> tuple[RemovedObject, ...]:
    """Its metadata with what is about it alone; nothing where another document would go with it."""
    try:
        objects = registry.with_dependents(unique_id)
    except (UnknownDocument, XdsErrors):
        return ()
    others = any(one.kind == "document" and one.unique_id != unique_id for one in objects)
    return () if others else objects
