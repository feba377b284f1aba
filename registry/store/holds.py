"""Legal holds: what nobody may remove, by patient or by document. Never commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

PATIENT: Final = "patient"
DOCUMENT: Final = "document"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One hold: of a patient (CX) or of a document (uniqueId), why, who set it, since when (14 digits, UTC)."""

    kind: str
    subject: str
    reason: str
    by: str
    since: str


class Holds:
    """Over one connection; what changes something needs a transaction that the caller opens and commits."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def set(self, hold: Hold) -> bool:
        """Keep a hold; whether it is new. One that is there stays as it was set first."""
        added = self._connection.execute(
            'INSERT INTO legal_hold (kind, subject, reason, "by", since) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
            (hold.kind, hold.subject, hold.reason, hold.by, hold.since),
        )
        return added.rowcount == 1

    def clear(self, kind: str, subject: str) -> Hold | None:
        """Take a hold away and say what it was; None where there is none."""
        found = next((one for one in self.all() if (one.kind, one.subject) == (kind, subject)), None)
        self._connection.execute("DELETE FROM legal_hold WHERE kind = ? AND subject = ?", (kind, subject))
        return found

    def all(self) -> list[Hold]:
        """Every hold, the oldest first."""
        rows = self._connection.execute(
            'SELECT kind, subject, reason, "by", since FROM legal_hold ORDER BY since, subject'
        )
        return [
            Hold(kind=kind, subject=subject, reason=reason, by=by, since=since)
            for kind, subject, reason, by, since in rows
        ]

    def divide(self, *parts: Sequence[str]) -> list[Hold]:
        """Identities that were one patient are several now: a hold of any part holds each; returns what was added.

        A document may have come to either under the other's name, so none loses its hold by this.
        """
        whole = {one for part in parts for one in part}
        held = [one for one in self.all() if one.kind == PATIENT and one.subject in whole]
        missing = [replace(hold, subject=part[0]) for hold in held for part in parts if hold.subject not in part]
        return [one for one in missing if self.set(one)]

    def any(self) -> bool:
        """Whether there is any hold at all."""
        return self._connection.execute("SELECT 1 FROM legal_hold LIMIT 1").fetchone() is not None

    def on(self, unique_id: str, identities: Iterable[str]) -> bool:
        """Whether a document of a patient, under any of these identities, may not be removed."""
        wanted = [(DOCUMENT, unique_id), *((PATIENT, one) for one in identities)]
        find = "SELECT 1 FROM legal_hold WHERE kind = ? AND subject = ?"
        return any(self._connection.execute(find, pair).fetchone() for pair in wanted)
