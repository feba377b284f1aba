"""Accesses in an emergency that wait for review, and what became of them.

Accesses of one person to one patient are one case until somebody has reviewed it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from trust.consent.words import pair, word_of_role
from trust.identity.caller import Caller
from trust.pki.bindings import timestamp

_SELECT: Final = """
SELECT id, patient, home, user, user_name, role, organisation, reason, first, last, accesses, documents,
       outcome, reviewed_by, reviewed
FROM emergency_access
"""


@dataclass(frozen=True, slots=True)
class Case:
    """Accesses of one person to one patient. Times are UTC; `outcome` is empty until it was reviewed."""

    id: int
    patient: str
    home: str
    user: str
    user_name: str
    role: str
    organisation: str
    reason: str
    first: str
    last: str
    accesses: int
    documents: int
    outcome: str
    reviewed_by: str
    reviewed: str


def note(connection: sqlite3.Connection, caller: Caller, patient: str, documents: int, now: datetime) -> None:
    """Count one more access. For a write job."""
    who = (patient, caller.home, caller.user)
    reason = caller.reason.strip()
    open_case = connection.execute(
        "SELECT id, reason FROM emergency_access WHERE patient = ? AND home = ? AND user = ? AND outcome = ''", who
    ).fetchone()
    if open_case:
        id_, reasons = open_case
        connection.execute(
            "UPDATE emergency_access SET last = ?, accesses = accesses + 1, documents = documents + ?, reason = ?"
            " WHERE id = ?",
            (timestamp(now), documents, reasons if reason in reasons else f"{reasons}; {reason}"[:2000], id_),
        )
        return
    role = word_of_role(pair(caller.user_role)) if caller.user_role else ""
    at = timestamp(now)
    values = (*who, caller.user_name, role, caller.organisation, reason[:500], at, at, documents)
    connection.execute(
        "INSERT INTO emergency_access (patient, home, user, user_name, role, organisation, reason, first, last,"
        " accesses, documents, outcome, reviewed_by, reviewed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, '', '', '')",
        values,
    )


def waiting(connection: sqlite3.Connection, caller: Caller, patient: str) -> int:
    """Cases of this person with other patients that nobody has reviewed."""
    (found,) = connection.execute(
        "SELECT count(*) FROM emergency_access WHERE user = ? AND home = ? AND patient != ? AND outcome = ''",
        (caller.user, caller.home, patient),
    ).fetchone()
    return int(found)


def cases(connection: sqlite3.Connection, *, closed: bool = False) -> list[Case]:
    """Every case that waits, oldest first; with `closed` those that were reviewed as well."""
    where = "" if closed else "WHERE outcome = '' "
    return [Case(*row) for row in connection.execute(f"{_SELECT}{where}ORDER BY id")]


def close(connection: sqlite3.Connection, id_: int, outcome: str, by: str, now: datetime) -> Case | None:
    """Close a case that waits; None when there is no such. For a write job."""
    closed = connection.execute(
        "UPDATE emergency_access SET outcome = ?, reviewed_by = ?, reviewed = ? WHERE id = ? AND outcome = ''",
        (outcome, by, timestamp(now), id_),
    )
    if closed.rowcount != 1:
        return None
    return Case(*connection.execute(f"{_SELECT}WHERE id = ?", (id_,)).fetchone())
