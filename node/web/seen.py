"""What a user has been shown of a patient before: only that makes a document "new since your last visit" (ui 4.c).

The mark moves over what really stood on a page, together with the record of it; dates of documents play no part.
So what an institution brings late, or what nobody turned the page to, is still new the next time.

A merge of patients moves no mark, and its undoing needs none moved back: whoever looks is told what was shown under any
identifier of the person.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

_VISIT: Final = b""  # the row of the visit itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What was shown before this visit, and when the visit before began (`YYYY-MM-DDThh:mm:ssZ`, "" for never)."""

    entries: frozenset[bytes] = frozenset()
    last: str = ""

    def with_all(self, entries: Iterable[bytes]) -> Before:
        """The same, and these count as shown before."""
        return Before(entries=self.entries | frozenset(entries), last=self.last)


def before(connection: sqlite3.Connection, user: str, identities: Collection[str]) -> Before:
    """What this user has been shown so far of the person with these identifiers (CX)."""
    rows = connection.execute(
        f"SELECT entry, max(shown) FROM shown_entry WHERE user = ? AND patient IN ({','.join('?' * len(identities))}) "  # noqa: S608
        "GROUP BY entry",
        (user, *identities),
    ).fetchall()
    said = dict(rows)
    return Before(last=said.pop(_VISIT, ""), entries=frozenset(said))


def visit(connection: sqlite3.Connection, user: str, patient: str, now: str) -> None:
    """A visit begins."""
    connection.execute(
        'INSERT OR REPLACE INTO shown_entry ("user", patient, entry, shown) VALUES (?, ?, ?, ?)',
        (user, patient, _VISIT, now),
    )


def mark(connection: sqlite3.Connection, user: str, patient: str, entries: Iterable[bytes], now: str) -> None:
    """These are being shown; what was shown before keeps its time."""
    connection.executemany(
        "INSERT INTO shown_entry (user, patient, entry, shown) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(user, patient, entry, now) for entry in entries],
    )
