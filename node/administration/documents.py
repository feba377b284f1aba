"""Documents taken out of use by an administrator: `document deprecate | quarantine | erase`; all of it is on record."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime

from node.administration.orders import Order, Result
from node.consents.documents import follow_documents
from node.faults import refused
from node.records import DESTROYED, document_object
from registry.document_registry import DocumentRegistry
from repository.store.inbox import HELD_NAMES
from trust.audit.event import Action, NewRecord


async def deprecate(order: Order) -> Result:
    """Mark every entry of a document as deprecated."""

    def work(registry: DocumentRegistry, unique_id: str) -> str:
        registry.deprecate(unique_id)
        return "deprecated"

    return await _change(order, work)


async def quarantine(order: Order) -> Result:
    """Take a document out of every answer, or put it back."""
    off = order.flag("off")

    def work(registry: DocumentRegistry, unique_id: str) -> str:
        registry.quarantine(unique_id, not off)
        return "back in answers" if off else "in quarantine: in no answer any more"

    return await _change(order, work)


async def erase(order: Order) -> Result:
    """Remove the bytes of a document whose metadata were removed before (ITI-62): nobody can ask for that any more.

    Raises:
        Faults: it is not stored here, is registered, or is under legal hold.
    """
    services, unique_id = order.services, order.text("unique_id")
    own = services.config.node

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        registry = services.registry.on(connection)
        if registry.documents([unique_id]):
            step = "remove its metadata first (ITI-62), or take it out of every answer: xdsnode document quarantine"
            raise refused("document.registered", unique_id, "this document is registered here", step)
        if registry.keeping().held(unique_id):
            raise refused("document.held", unique_id, "this document is under legal hold", "xdsnode hold list")
        waiting = unique_id.startswith(HELD_NAMES)
        stored = None if waiting else services.repository.remove(connection, unique_id)
        if stored is None:
            cause = "nothing is stored here under this uniqueId"
            raise refused("document.unknown", unique_id, cause, "xdsnode check names what is left")
        facts = (("mimeType", stored.mime_type), ("size", str(stored.size)), ("hash", stored.sha1))
        document = document_object(unique_id, own.repository_unique_id, own.home_community_id, facts, DESTROYED)
        return None, [order.patient_record(Action.DELETE, "erased: registered nowhere", "", document)]

    await order.change(work)
    return {"unique_id": unique_id, "state": "erased"}


async def _change(order: Order, change: Callable[[DocumentRegistry, str], str]) -> Result:
    unique_id = order.text("unique_id")
    own = order.services.config.node

    def work(connection: sqlite3.Connection) -> tuple[str, Sequence[NewRecord]]:
        registry = order.services.registry.on(connection)
        state = change(registry, unique_id)
        patients = followed(connection, registry, unique_id, by=order.operator, now=order.services.clock())
        document = document_object(unique_id, own.repository_unique_id, own.home_community_id)
        return state, [order.patient_record(Action.UPDATE, state, patient, document) for patient in patients]

    return {"unique_id": unique_id, "state": await order.change(work)}


def followed(
    connection: sqlite3.Connection, registry: DocumentRegistry, unique_id: str, *, by: str, now: datetime
) -> list[str]:
    """Let consents follow a document whose state was changed; returns whose it is (CX). For a write job."""
    follow_documents(connection, registry, unique_id, by=by, now=now)
    return list(dict.fromkeys(entry.patient_id for entry in registry.documents([unique_id])[unique_id]))
