"""Fill a node's registry with many documents: the registry's own writing functions, in large transactions.

Only metadata: FindDocuments never looks at bytes. The node does not run meanwhile; its ledger knows nothing of these
documents, which is right for a database that exists to be measured.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from node.database import migrate, open_writer
from registry.ebrim.fragments import Fragments, train
from registry.lifecycle import Changes, Referred
from registry.store import dictionaries
from registry.store.codes import CodeBook
from registry.store.patients import PatientDirectory
from registry.store.submissions import write
from scripts.benchmarks.metadata import PER_PATIENT, patient_id, seeded

_NOW = "20260601080000"
_BATCH = 50  # patients in one transaction


def _remember_codes(connection: sqlite3.Connection, book: CodeBook) -> None:
    """Give every code its number first: inside a long transaction the book remembers nothing."""
    pairs = connection.execute("SELECT code, scheme FROM code").fetchall()
    book.numbers(connection, pairs)


def _learn(connection: sqlite3.Connection, fragments: Fragments) -> None:
    """What a running node does by itself every few minutes."""
    stored = dictionaries.sample(connection)
    if stored:
        content = train([fragments.expand(template) for template in stored])
        dictionaries.keep(connection, content, _NOW)
        fragments.learn(content)


def _write_patients(
    connection: sqlite3.Connection, book: CodeBook, fragments: Fragments, numbers: range, repository: str
) -> None:
    directory = PatientDirectory(connection)
    connection.execute("BEGIN IMMEDIATE")
    for number in numbers:
        directory.add(patient_id(number), _NOW)
        own = directory.chain(patient_id(number))[0]
        changes = Changes(submission=seeded(number, repository), now=_NOW)
        write(connection, book, fragments, changes, Referred(), patient=own)
    connection.execute("COMMIT")
    _remember_codes(connection, book)


def fill(database: Path, documents: int, repository: str, report: Callable[[str], None]) -> None:
    """Bring a fresh database to `documents` documents; the node is stopped.

    Args:
        database: `data/node.db` of a node.
        documents: how many.
        repository: repositoryUniqueId of the node.
        report: told the progress, about every ten seconds.
    """
    migrate(database)
    connection = open_writer(database)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA secure_delete=OFF")
    connection.execute("PRAGMA cache_size=-262144")
    book, fragments = CodeBook(), Fragments()
    patients = documents // PER_PATIENT
    started = said = time.monotonic()
    for first in range(0, patients, _BATCH):
        _write_patients(connection, book, fragments, range(first, min(first + _BATCH, patients)), repository)
        _learn(connection, fragments)
        if time.monotonic() - said > 10:
            said = time.monotonic()
            done = (first + _BATCH) * PER_PATIENT
            report(f"{done:,} of {documents:,} documents, {done / (said - started):,.0f} per second")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
