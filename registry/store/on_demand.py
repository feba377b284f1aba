"""On-demand documents that this node makes itself, snapshots of them that were kept, and who still lacks them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from registry.store.found import RegisteredDocument
from registry.store.keys import patient_of_id
from registry.store.patients import PatientDirectory

_LACKING: Final = """
SELECT no, cx FROM patient WHERE no > ? AND no <= ? AND subsumed_by IS NULL
AND NOT EXISTS (SELECT 1 FROM made_on_demand AS made WHERE made.patient = patient.no)
AND EXISTS (SELECT 1 FROM document_entry WHERE id BETWEEN patient.no << 36 AND (patient.no + 1 << 36) - 1
            AND hidden = 0 AND on_demand = 0)
ORDER BY no
"""
_MADE: Final = "SELECT form, patient FROM made_on_demand WHERE unique_id = ?"


class OnDemandDocuments:
    """Over one connection; what changes something needs a transaction that the caller opens and commits."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, patient: str, made: Iterable[tuple[str, str]]) -> None:
        """Note what is made for a patient who is known: pairs of uniqueId and form."""
        number = PatientDirectory(self._connection).number(patient)
        self._connection.executemany(
            "INSERT INTO made_on_demand (unique_id, patient, form) VALUES (?, ?, ?)",
            [(unique_id, number, form) for unique_id, form in made],
        )

    def made(self, unique_id: str) -> tuple[str, int]:
        """What is made under this uniqueId, and the number of its patient; "" for nothing that this node makes."""
        return self._connection.execute(_MADE, (unique_id,)).fetchone() or ("", 0)

    def entry(self, entries: Sequence[RegisteredDocument]) -> RegisteredDocument | None:
        """Of the entries of one uniqueId the one that this node registered: anybody may register another with it."""
        for one in entries:
            if one.on_demand and not one.superseded and patient_of_id(one.id) == self.made(one.unique_id)[1]:
                return one
        return None

    def any(self, patient: str) -> bool:
        """Whether something is made for a patient."""
        number = PatientDirectory(self._connection).number(patient)
        row = self._connection.execute("SELECT 1 FROM made_on_demand WHERE patient = ? LIMIT 1", (number,)).fetchone()
        return row is not None

    def lacks(self, patient: str) -> bool:
        """Whether a patient has documents, and nothing that is made of them."""
        number = PatientDirectory(self._connection).number(patient)
        return number is not None and bool(self._lacking(number - 1, number))

    def lacking(self, after: int, most: int) -> tuple[list[str], int]:
        """Those of the next `most` patients that lack it, and the number of the last; 0 when there are no more."""
        (last,) = self._connection.execute("SELECT max(no) FROM patient").fetchone()
        if last is None or after >= last:
            return [], 0
        return self._lacking(after, after + most), after + most

    def _lacking(self, after: int, upto: int) -> list[str]:
        return [cx for _, cx in self._connection.execute(_LACKING, (after, upto))]

    def keep_sources(self, snapshot: str, sources: Sequence[str]) -> None:
        """Note which documents a snapshot was made of."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO snapshot_source (snapshot, source) VALUES (?, ?)",
            [(snapshot, source) for source in sources],
        )

    def forget_sources(self, snapshot: str) -> None:
        """Forget what a snapshot was made of: it is no more."""
        self._connection.execute("DELETE FROM snapshot_source WHERE snapshot = ?", (snapshot,))

    def sources(self, snapshot: str) -> list[str]:
        """The uniqueIds that a snapshot was made of; none of any other document."""
        rows = self._connection.execute("SELECT source FROM snapshot_source WHERE snapshot = ?", (snapshot,))
        return [source for (source,) in rows]
