"""The patient directory: identities known through the identity feed, and the chains that merges make of them.

Objects keep the patient they were submitted for; a chain is followed when it is asked for, so that merging and its
undoing touch this one table (ITI TF-2: 3.8.4.2.3; README, decision 5).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from registry.patients.identity import (
    PatientIdentity,
    PatientIdentityError,
    Refusal,
    identifier_refusal,
    refuse_merge,
)

_WITH_SUBSUMED: Final = """
SELECT p.no, s.no FROM patient AS p LEFT JOIN patient AS s ON s.subsumed_by = p.no
WHERE p.cx = ? AND p.subsumed_by IS NULL
"""
_SURVIVOR: Final = """
WITH RECURSIVE chain(no, cx, subsumed_by) AS (
    SELECT no, cx, subsumed_by FROM patient WHERE {start} = ?
    UNION ALL
    SELECT patient.no, patient.cx, patient.subsumed_by FROM patient JOIN chain ON patient.no = chain.subsumed_by
)
SELECT cx FROM chain WHERE subsumed_by IS NULL
"""
_SURVIVOR_OF_NO: Final = _SURVIVOR.format(start="no")
_SURVIVOR_OF_CX: Final = _SURVIVOR.format(start="cx")
_IDENTITIES: Final = """
WITH RECURSIVE up(no, into_) AS (
    SELECT no, subsumed_by FROM patient WHERE no = ?
    UNION ALL
    SELECT patient.no, patient.subsumed_by FROM patient JOIN up ON patient.no = up.into_
), down(no, cx) AS (
    SELECT no, cx FROM patient WHERE no = (SELECT no FROM up WHERE into_ IS NULL)
    UNION ALL
    SELECT patient.no, patient.cx FROM patient JOIN down ON patient.subsumed_by = down.no
)
SELECT cx FROM down
"""
_SHOW: Final = """
SELECT p.no, p.cx, p.added, p.subsumed, into_.cx FROM patient AS p
LEFT JOIN patient AS into_ ON into_.no = p.subsumed_by
"""


class PatientDirectory:
    """Patient identities over one connection. A patient is written `ID^^^&OID&ISO`, as in metadata.

    With an `authority` (OID) only its identifiers are taken. Methods that change something need a transaction that
    the caller opens and commits.
    """

    def __init__(self, connection: sqlite3.Connection, authority: str | None = None) -> None:
        self._connection = connection
        self._authority = authority

    def add(self, patient: str, now: str) -> bool:
        """Make an identity known. Returns whether it is new; a known one, subsumed or not, stays as it is.

        Raises:
            PatientIdentityError: not an identifier, or of another assigning authority.
        """
        refusal = identifier_refusal(patient, self._authority)
        if refusal:
            raise PatientIdentityError(refusal, patient)
        added = self._connection.execute(
            "INSERT INTO patient (cx, added) VALUES (?, ?) ON CONFLICT (cx) DO NOTHING", (patient, now)
        )
        return added.rowcount == 1

    def merge(self, survivor: str, subsumed: str, now: str) -> None:
        """Merge `subsumed`, and all that it has subsumed, into `survivor`.

        Raises:
            PatientIdentityError: a rule of `refuse_merge` is broken; nothing has changed.
        """
        known = {patient: identity for patient in (survivor, subsumed) if (identity := self.show(patient))}
        refuse_merge(survivor, subsumed, known, authority=self._authority)
        self._connection.execute(
            "UPDATE patient SET subsumed_by = (SELECT no FROM patient WHERE cx = ?), subsumed = ? WHERE cx = ?",
            (survivor, now, subsumed),
        )

    def unmerge(self, subsumed: str) -> str:
        """Undo one merge: `subsumed` is an identity of its own again, with all that it has itself subsumed.

        Returns the identity that it had been merged into.

        Raises:
            PatientIdentityError: it is not known or not subsumed.
        """
        identity = self.show(subsumed)
        if identity is None:
            raise PatientIdentityError(Refusal.UNKNOWN, subsumed)
        if identity.subsumed_by is None:
            raise PatientIdentityError(Refusal.NOT_SUBSUMED, subsumed)
        self._connection.execute("UPDATE patient SET subsumed_by = NULL, subsumed = NULL WHERE cx = ?", (subsumed,))
        return identity.subsumed_by

    def known(self, patient: str) -> bool:
        """Whether documents may be submitted for it: known, and not subsumed."""
        return self.number(patient) is not None

    def number(self, patient: str) -> int | None:
        """The number of an identity that is known and not subsumed."""
        row = self._connection.execute(
            "SELECT no FROM patient WHERE cx = ? AND subsumed_by IS NULL", (patient,)
        ).fetchone()
        return row[0] if row else None

    def resolve(self, patient: str) -> str | None:
        """The surviving identity of a chain, `patient` itself when it was never merged; None when it is not known."""
        row = self._connection.execute(_SURVIVOR_OF_CX, (patient,)).fetchone()
        return row[0] if row else None

    def show(self, patient: str) -> PatientIdentity | None:
        """One identity with what it was merged with, or None."""
        row = self._connection.execute(_SHOW + "WHERE p.cx = ?", (patient,)).fetchone()
        if row is None:
            return None
        links = self._connection.execute("SELECT subsumed_by, cx FROM patient WHERE subsumed_by = ?", (row[0],))
        return _identities([row], links)[0]

    def list(self) -> list[PatientIdentity]:
        """Every identity in the order they were added."""
        links = self._connection.execute(
            "SELECT subsumed_by, cx FROM patient WHERE subsumed_by IS NOT NULL ORDER BY no"
        )
        return _identities(self._connection.execute(_SHOW + "ORDER BY p.no"), links)

    def count(self) -> int:
        """How many identities there are that were not subsumed."""
        (found,) = self._connection.execute("SELECT count(*) FROM patient WHERE subsumed_by IS NULL").fetchone()
        return int(found)

    def page(self, after: int, most: int) -> Sequence[tuple[int, str]]:
        """Identities that were not subsumed, with their numbers, in the order they were added, beyond a number."""
        query = "SELECT no, cx FROM patient WHERE no > ? AND subsumed_by IS NULL ORDER BY no LIMIT ?"
        return self._connection.execute(query, (after, most)).fetchall()

    def chain(self, patient: str) -> Sequence[int]:
        """Numbers of a surviving identity and of all that it subsumes; empty when it is unknown or subsumed itself."""
        rows = self._connection.execute(_WITH_SUBSUMED, (patient,)).fetchall()
        if not rows:
            return []
        chain = [rows[0][0], *(subsumed for _, subsumed in rows if subsumed is not None)]
        position = 1
        while position < len(chain):
            subsumed = self._connection.execute("SELECT no FROM patient WHERE subsumed_by = ?", (chain[position],))
            chain += [no for (no,) in subsumed]
            position += 1
        return chain

    def survivors(self, numbers: Iterable[int]) -> dict[int, str]:
        """The surviving identity for each patient number."""
        return {no: self._connection.execute(_SURVIVOR_OF_NO, (no,)).fetchone()[0] for no in set(numbers)}

    def identities(self, number: int) -> Sequence[str]:
        """Every identity of the person behind a patient number: the surviving one, then all that it subsumes."""
        return [cx for (cx,) in self._connection.execute(_IDENTITIES, (number,))]


def _identities(
    rows: Iterable[tuple[int, str, str, str | None, str | None]], links: Iterable[tuple[int, str]]
) -> list[PatientIdentity]:
    subsumes: dict[int, list[str]] = {}
    for survivor, subsumed_cx in links:
        subsumes.setdefault(survivor, []).append(subsumed_cx)
    return [
        PatientIdentity(
            patient=cx, added=added, subsumed_by=subsumed_by, subsumed=subsumed, subsumes=tuple(subsumes.get(no, ()))
        )
        for no, cx, added, subsumed, subsumed_by in rows
    ]
