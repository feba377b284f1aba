"""A submission that was registered, and the notifications that it causes, in one transaction.

A new version of a document's metadata (ITI-57, ITI-92) is told of like a new document: it is what a subscriber that was
down meanwhile finds, for the version before is in no answer any more. A change of status alone is not told of.
"""

from __future__ import annotations

import sqlite3

from node.exchange import Exchange
from registry.document_registry import Registered, Updated
from registry.store.subscriptions import Subscriptions


def note(connection: sqlite3.Connection, registered: Registered | Updated, exchange: Exchange) -> None:
    """Queue what subscribers are to be told of a submission."""
    kept = Subscriptions(connection)
    if not registered.documents or not kept.any():
        return
    patients = exchange.actors.registry_on(connection).identities_of(registered.patient_id)
    now = exchange.now.strftime("%Y%m%d%H%M%S")
    kept.note(patients, registered.documents, registered.submission_set, now)
