"""Assertions that count once: which were used, kept until they would have ended anyway, over restarts too (S14)."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from trust.pki.bindings import timestamp


def use(connection: sqlite3.Connection, *, issuer: str, id_: str, until: datetime, now: datetime) -> bool:
    """Remember one use; False when it was used before. For a write job."""
    connection.execute("DELETE FROM used_assertion WHERE until < ?", (timestamp(now),))
    done = connection.execute(
        "INSERT INTO used_assertion (issuer, id, until) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (issuer, id_, timestamp(until)),
    )
    return done.rowcount == 1
