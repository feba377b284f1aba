"""Rows of a witness: what it saw last of each log, and evidence of forks. Nothing here begins or ends a transaction."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from trust.ledger.checkpoint import Checkpoint
from trust.ledger.witness import Evidence, Grade, Seen

_SEEN: Final = "SELECT origin, size, root, note FROM audit_witness WHERE origin = ?"
_ALL: Final = "SELECT origin, note FROM audit_witness ORDER BY origin"
_REMEMBER: Final = "INSERT OR REPLACE INTO audit_witness VALUES (?, ?, ?, ?)"
_ADD: Final = "INSERT OR IGNORE INTO audit_evidence VALUES (?, ?, ?, ?, ?, ?, '')"
_EVIDENCE: Final = "SELECT origin, grade, note_1, note_2, time, decision FROM audit_evidence ORDER BY time, id"
_COUNT: Final = "SELECT count(*) FROM audit_evidence WHERE grade = ?1 AND substr(origin, 1, length(?2)) = ?2"
_DECIDE: Final = "UPDATE audit_evidence SET decision = ? WHERE grade = ? AND origin = ?"

MOST: Final = 16  # of one log and one grade: whoever holds its key can make any number, and more prove no more


@dataclass(frozen=True, slots=True)
class Kept:
    """Evidence as it is kept, with when it came and what a person decided, "" for nothing yet."""

    evidence: Evidence
    time: str
    decision: str


def seen(connection: sqlite3.Connection, origin: str) -> Seen | None:
    """What is remembered of a log."""
    row = connection.execute(_SEEN, (origin,)).fetchone()
    return Seen(Checkpoint(row[0], row[1], bytes(row[2])), bytes(row[3])) if row else None


def remember(connection: sqlite3.Connection, new: Seen) -> None:
    """Take the new memory of a log, in the transaction in which it was judged."""
    stated = new.checkpoint
    connection.execute(_REMEMBER, (stated.origin, stated.size, stated.root, new.note))


def by_digest(connection: sqlite3.Connection, digest: str) -> bytes | None:
    """The note cosigned last of the log whose origin has this SHA-256, in hexadecimal."""
    for origin, note in connection.execute(_ALL):
        if sha256(origin.encode()).hexdigest() == digest:
            return bytes(note)
    return None


def add_evidence(connection: sqlite3.Connection, found: Evidence, time: str) -> bool:
    """Keep evidence; False when it was known, or when there is enough of this log."""
    log = found.origin.rpartition("/")[0] + "/"
    if connection.execute(_COUNT, (str(found.grade), log)).fetchone()[0] >= MOST:
        return False
    row = (found.id, found.origin, str(found.grade), time, *found.notes)
    return connection.execute(_ADD, row).rowcount == 1


def evidence(connection: sqlite3.Connection) -> list[Kept]:
    """Everything kept, oldest first."""
    return [
        Kept(Evidence(origin, Grade(grade), (bytes(one), bytes(two))), time, decision)
        for origin, grade, one, two, time, decision in connection.execute(_EVIDENCE)
    ]


def decide(connection: sqlite3.Connection, origin: str, decision: str) -> None:
    """Write down what a person decided about a log that forked."""
    connection.execute(_DECIDE, (decision, str(Grade.E1), origin))
