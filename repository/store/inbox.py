"""Rows of what other institutions pushed (XDR): waiting until somebody decides, afterwards only that it was (3.41).

The bytes lie under names of this repository's own, `held_name`, which no consumer can ask for: no entry has them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

MOST_WAITING: Final = 1_000  # of one sender
MOST_OCTETS: Final = 16 << 30  # of their documents
MOST_METADATA: Final = 256 << 20  # octets of their metadata, which lie in the database

# Names of what waits, as `held_name` makes them: from one colon to the character behind it.
_OCTETS: Final = """
SELECT total(document.size) FROM received_set AS waiting JOIN stored_document AS document
ON document.unique_id BETWEEN 'urn:x-xdsnode:received:' || waiting.no || ':'
                          AND 'urn:x-xdsnode:received:' || waiting.no || ';'
WHERE waiting.sender = ? AND waiting.state = 'waiting'
"""

_LONGEST: Final = """
SELECT no FROM (SELECT no, row_number() OVER (PARTITION BY sender ORDER BY no) AS place
                FROM received_set WHERE state = 'waiting')
ORDER BY place, no LIMIT ?
"""

State = Literal["waiting", "accepted", "rejected"]
_COLUMNS: Final = "no, received, sender, unique_id, submission, documents, state, decided, decided_by"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One pushed submission. `received` and `decided` are 14 digits, UTC; `submission` is empty once it is decided."""

    no: int
    received: str
    sender: str
    unique_id: str
    submission: bytes
    documents: int
    state: State
    decided: str = ""
    decided_by: str = ""


HELD_NAMES: Final = "urn:x-xdsnode:received:"  # how they all begin


def held_name(no: int, place: int) -> str:
    """Under which name the repository keeps a document until somebody decides; `place` counts from 0."""
    return f"{HELD_NAMES}{no}:{place}"


class Inbox:
    """The table over one connection. Writes belong to whoever holds the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, *, sender: str, unique_id: str, submission: bytes, documents: int, now: str) -> int | None:
        """Keep a submission; its number, or None where this sender has sent one with this uniqueId before."""
        row = self._connection.execute(
            "INSERT INTO received_set (received, sender, unique_id, submission, documents, state) "
            "VALUES (?, ?, ?, ?, ?, 'waiting') ON CONFLICT DO NOTHING RETURNING no",
            (now, sender, unique_id, submission, documents),
        ).fetchone()
        return row[0] if row else None

    def is_full(self, sender: str) -> bool:
        """Whether as many wait of one sender as may, or as large ones."""
        query = "SELECT count(*), total(length(submission)) FROM received_set WHERE sender = ? AND state = 'waiting'"
        waiting, metadata = self._connection.execute(query, (sender,)).fetchone()
        (octets,) = self._connection.execute(_OCTETS, (sender,)).fetchone()
        return bool(waiting >= MOST_WAITING or metadata >= MOST_METADATA or octets >= MOST_OCTETS)

    def waiting(self, most: int) -> Sequence[Received]:
        """What waits longest, the oldest first: of each sender as much, so that none can hide what others sent."""
        query = f"SELECT {_COLUMNS} FROM received_set WHERE no IN ({_LONGEST}) ORDER BY no"  # noqa: S608  own names
        return [_received(row) for row in self._connection.execute(query, (most,))]

    def waits(self) -> tuple[int, str]:
        """How many wait, and since when the oldest (14 digits, UTC; "" where none does)."""
        query = "SELECT count(*), coalesce(min(received), '') FROM received_set WHERE state = 'waiting'"
        count, oldest = self._connection.execute(query).fetchone()
        return count, oldest

    def get(self, no: int) -> Received | None:
        """One submission, decided or not."""
        query = f"SELECT {_COLUMNS} FROM received_set WHERE no = ?"  # noqa: S608  own names
        row = self._connection.execute(query, (no,)).fetchone()
        return _received(row) if row else None

    def decide(self, no: int, state: State, *, by: str, now: str) -> None:
        """Write down what became of it; its metadata is not kept a second time."""
        self._connection.execute(
            "UPDATE received_set SET state = ?, decided = ?, decided_by = ?, submission = X'' WHERE no = ?",
            (state, now, by, no),
        )


def _received(row: tuple[int, str, str, str, bytes, int, State, str, str]) -> Received:
    no, received, sender, unique_id, submission, documents, state, decided, by = row
    return Received(
        no=no,
        received=received,
        sender=sender,
        unique_id=unique_id,
        submission=submission,
        documents=documents,
        state=state,
        decided=decided,
        decided_by=by,
    )
