"""A submission that was registered, and the notifications that it causes, in one transaction."""

from __future__ import annotations

import sqlite3

from node.exchange import Exchange
from registry.document_registry import Registered
from registry.store.subscriptions import Subscriptions


def note(connection: sqlite3.Connection, registered: Registered, exchange: Exchange) -> None:
    """Queue what subscribers are to be told of a submission."""
    kept = Subscriptions(connection)
    if not kept.any():
        return
    patients = exchange.actors.registry_on(connection).identities_of(registered.patient_id)
    now = exchange.now.strftime("%Y%m%d%H%M%S")
    kept.note(patients, registered.documents, registered.submission_set, now)
