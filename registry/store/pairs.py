"""What was decided of two records of the master index, and which records are one person because of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from registry.patients.demographics import Identifier
from registry.patients.records import Origin, Pair, PairState

_PERSON: Final = """
WITH RECURSIVE person(no) AS (
    VALUES (?)
    UNION SELECT i.subsumed_by FROM person JOIN patient_identity AS i ON i.no = person.no
        WHERE i.subsumed_by IS NOT NULL
    UNION SELECT i.no FROM person JOIN patient_identity AS i ON i.subsumed_by = person.no
    UNION SELECT p.high FROM person JOIN patient_pair AS p ON p.low = person.no WHERE p.state = 'linked'
    UNION SELECT p.low FROM person JOIN patient_pair AS p ON p.high = person.no WHERE p.state = 'linked'
)
SELECT i.no, i.subsumed_by IS NULL, i.authority FROM person JOIN patient_identity AS i ON i.no = person.no ORDER BY i.no
"""
_PAIRS: Final = """
SELECT a.id, a.authority, b.id, b.authority, p.state, p.origin, p.weight, p.since FROM patient_pair AS p
JOIN patient_identity AS a ON a.no = p.low JOIN patient_identity AS b ON b.no = p.high
"""


class Pairs:
    """Decisions over one connection; whoever changes something holds a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def state(self, one: int, other: int) -> tuple[PairState, Origin] | None:
        """What holds of two records, None when nothing was ever decided."""
        row = self._connection.execute(
            "SELECT state, origin FROM patient_pair WHERE low = ? AND high = ?", _ordered(one, other)
        ).fetchone()
        return (PairState(row[0]), Origin(row[1])) if row else None

    def put(self, one: int, other: int, state: PairState, origin: Origin, weight: float, now: str) -> None:
        """Decide; what was decided before is replaced."""
        self._connection.execute(
            "INSERT OR REPLACE INTO patient_pair (low, high, state, origin, weight, since) VALUES (?, ?, ?, ?, ?, ?)",
            (*_ordered(one, other), state, origin, weight, now),
        )

    def forget_automatic(self, record: int) -> None:
        """Take back what the matching said of one record; what was decided stays."""
        for column in ("low", "high"):
            self._connection.execute(
                f"DELETE FROM patient_pair WHERE {column} = ? AND origin = 'automatic'",  # noqa: S608  two constants
                (record,),
            )

    def doubt(self, record: int) -> None:
        """Put the links that the matching made of one record up for review."""
        self._connection.execute(
            "UPDATE patient_pair SET state = 'review' "
            "WHERE (low = ?1 OR high = ?1) AND state = 'linked' AND origin = 'automatic'",
            (record,),
        )

    def kept_apart(self, one: Sequence[int], other: Sequence[int]) -> bool:
        """Whether somebody decided of a record of `one` and a record of `other` that they are two persons."""
        others = set(other)
        return any(
            pair in others
            for record in one
            for (pair,) in self._connection.execute(
                "SELECT high FROM patient_pair WHERE low = ?1 AND state = 'distinct' "
                "UNION ALL SELECT low FROM patient_pair WHERE high = ?1 AND state = 'distinct'",
                (record,),
            )
        )

    def decided(self, record: int) -> frozenset[int]:
        """The records of which something was decided together with this one, for good."""
        rows = self._connection.execute(
            "SELECT high FROM patient_pair WHERE low = ?1 AND origin = 'decided' "
            "UNION ALL SELECT low FROM patient_pair WHERE high = ?1 AND origin = 'decided'",
            (record,),
        )
        return frozenset(no for (no,) in rows)

    def person(self, record: int) -> Sequence[int]:
        """The numbers of all records that are one person with this one, itself among them, in order."""
        return [no for no, _, _ in self._connection.execute(_PERSON, (record,))]

    def authorities(self, record: int) -> Sequence[str]:
        """The authority of each record of the person that was not merged into another."""
        return [authority for _, alone, authority in self._connection.execute(_PERSON, (record,)) if alone]

    def of(self, record: int) -> list[Pair]:
        """Everything that was decided of one record."""
        return _read(self._connection.execute(_PAIRS + "WHERE p.low = ?1 OR p.high = ?1", (record,)))

    def waiting(self) -> int:
        """How many pairs wait for a person."""
        count: int = self._connection.execute("SELECT count(*) FROM patient_pair WHERE state = 'review'").fetchone()[0]
        return count

    def to_review(self, limit: int) -> list[Pair]:
        """What waits for a person, the likeliest first."""
        rows = self._connection.execute(
            _PAIRS + "WHERE p.state = 'review' ORDER BY p.weight DESC, p.low, p.high LIMIT ?", (limit,)
        )
        return _read(rows)


def _ordered(one: int, other: int) -> tuple[int, int]:
    return min(one, other), max(one, other)


def _read(rows: Iterable[tuple[str, str, str, str, str, str, float, str]]) -> list[Pair]:
    return [
        Pair(
            one=Identifier(a, a_authority),
            other=Identifier(b, b_authority),
            state=PairState(state),
            origin=Origin(origin),
            weight=weight,
            since=since,
        )
        for a, a_authority, b, b_authority, state, origin, weight, since in rows
    ]
