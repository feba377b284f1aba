"""Documents taken out of use by an administrator: `document deprecate | quarantine`; audited, quarantine reversible."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime

from node.administration.orders import Order, Result
from node.consents.documents import follow_documents
from node.records import document_object
from registry.document_registry import DocumentRegistry
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
