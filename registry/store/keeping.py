"""What is kept of whom, what may be removed and what not. Reads only."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from registry.store.codes import CodeBook
from registry.store.documents import documents
from registry.store.holds import Holds
from registry.store.keys import id_range
from registry.store.patients import PatientDirectory
from registry.store.retention import Retention, Rule


class Keeping:
    """Over one connection."""

    def __init__(self, connection: sqlite3.Connection, codes: CodeBook) -> None:
        self._connection = connection
        self._codes = codes

    def submission_sets(self, patient: str) -> list[str]:
        """EntryUUIDs of the submission sets of a person, under any identity, each one's as they were registered."""
        found = PatientDirectory(self._connection)
        find = "SELECT entry_uuid FROM submission_set WHERE id BETWEEN ? AND ? ORDER BY id"
        chain = found.chain(found.resolve(patient) or patient)
        return [row[0] for number in chain for row in self._connection.execute(find, id_range(number))]

    def has_submission_set(self, unique_id: str) -> bool:
        """Whether a submission set with this uniqueId is registered."""
        find = "SELECT 1 FROM submission_set WHERE unique_id = ?"
        return self._connection.execute(find, (unique_id,)).fetchone() is not None

    def retention(self, rules: Sequence[Rule], repository: str) -> Retention:
        """What these rules say of the documents of a repository."""
        return Retention(self._connection, self._codes, rules, repository)

    def held(self, unique_id: str) -> bool:
        """Whether a document is under legal hold, by itself or with its patient."""
        holds, directory = Holds(self._connection), PatientDirectory(self._connection)
        if not holds.any():
            return False
        patients = {
            entry.patient_id for entry in documents(self._connection, self._codes, [unique_id]).get(unique_id, ())
        }
        numbers = [number for one in patients if (number := directory.number(directory.resolve(one) or one))]
        return holds.on(unique_id, [name for number in numbers for name in directory.identities(number)])
