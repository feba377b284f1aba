"""Correlations: under which identifier another community knows a patient of ours (ITI TF-2: 3.55.4.1.2.4).

One without their identifier says that the community was asked and knows nobody. Each holds for the person as it was
asked for: when the demographics change, or records are merged or taken apart, it counts no more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from registry.patients.demographics import Demographics
from registry.patients.stored import to_text

_COLUMNS: Final = "patient, home, theirs, person, since, until"


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """One correlation; `theirs` is a CX or "", `person` a `fingerprint`, times are 14 digits, UTC."""

    patient: str
    home: str
    theirs: str
    person: str
    since: str
    until: str


def fingerprint(person: Demographics) -> str:
    """What a person looks like now, for comparison only."""
    return sha256(to_text(person).encode()).hexdigest()


def of_patient(connection: sqlite3.Connection, patient: str) -> list[Correlation]:
    """Every correlation of a patient, also those that hold no more."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM patient_correlation WHERE patient = ? ORDER BY home", (patient,))  # noqa: S608
    return [
        Correlation(patient=patient_, home=home, theirs=theirs, person=person, since=since, until=until)
        for patient_, home, theirs, person, since, until in rows
    ]


def of_theirs(connection: sqlite3.Connection, home: str, theirs: str) -> list[str]:
    """Our patients (CX) whom a community knows under this identifier of theirs."""
    rows = connection.execute(
        "SELECT patient FROM patient_correlation WHERE home = ? AND theirs = ? ORDER BY patient", (home, theirs)
    )
    return [patient for (patient,) in rows]


def valid(connection: sqlite3.Connection, patient: str, person: str, now: str) -> dict[str, Correlation]:
    """What holds now for a person who looks like this, by community."""
    return {one.home: one for one in of_patient(connection, patient) if one.person == person and one.until > now}


def keep(connection: sqlite3.Connection, found: Iterable[Correlation]) -> None:
    """Replace what was known of these patients at these communities. For a write job."""
    connection.executemany(
        f"INSERT OR REPLACE INTO patient_correlation ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608
        [(one.patient, one.home, one.theirs, one.person, one.since, one.until) for one in found],
    )


def forget(connection: sqlite3.Connection, patient: str, homes: Iterable[str] = ()) -> int:
    """Drop the correlations of a patient, with some communities or with all; returns how many. For a write job."""
    rows = [(patient, home) for home in homes]
    if rows:
        return connection.executemany("DELETE FROM patient_correlation WHERE patient = ? AND home = ?", rows).rowcount
    return connection.execute("DELETE FROM patient_correlation WHERE patient = ?", (patient,)).rowcount


def ended(connection: sqlite3.Connection, now: str) -> int:
    """How many hold no more by their time."""
    return int(connection.execute("SELECT count(*) FROM patient_correlation WHERE until <= ?", (now,)).fetchone()[0])


def expire(connection: sqlite3.Connection, now: str) -> int:
    """Drop what holds no more by its time; returns how many. For a write job."""
    return connection.execute("DELETE FROM patient_correlation WHERE until <= ?", (now,)).rowcount


def revoke(connection: sqlite3.Connection, home: str, theirs: Iterable[str]) -> list[str]:
    """A community takes its identifiers (CX) back: our patients whose correlation is dropped. For a write job."""
    marks = [(home, one) for one in theirs if one]
    gone = []
    for mark in marks:
        rows = connection.execute("SELECT patient FROM patient_correlation WHERE home = ? AND theirs = ?", mark)
        gone += [patient for (patient,) in rows]
        connection.execute("DELETE FROM patient_correlation WHERE home = ? AND theirs = ?", mark)
    return gone


def withdraw(connection: sqlite3.Connection, *patients: str) -> None:
    """What others were told of these patients of ours (CX) may be wrong now: they are told so. For a write job."""
    connection.executemany("INSERT INTO revocation_due (patient) VALUES (?)", [(one,) for one in patients])


def withdrawn(connection: sqlite3.Connection, most: int) -> list[tuple[int, str]]:
    """Patients about whom others have to be told, the oldest first, each with its number."""
    return connection.execute("SELECT no, patient FROM revocation_due ORDER BY no LIMIT ?", (most,)).fetchall()


def told_of_withdrawal(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """The others know. For a write job."""
    connection.executemany("DELETE FROM revocation_due WHERE no = ?", [(one,) for one in numbers])
