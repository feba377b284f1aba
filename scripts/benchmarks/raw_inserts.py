"""The control of ITI-42: the same kind of rows straight into SQLite, 32 documents a commit, nothing else.

One document is sixteen columns with a compressed fragment, clustered by patient, and ten rows of integer codes
(performance 1.5). It runs in a process of its own that reads `seconds` a line and answers what it did.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from pathlib import Path

BATCH = 32
_PER_PATIENT = 14
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
  patient INTEGER NOT NULL, status INTEGER NOT NULL, class INTEGER NOT NULL, time TEXT NOT NULL, id INTEGER NOT NULL,
  uuid TEXT NOT NULL, unique_id TEXT NOT NULL, repository INTEGER NOT NULL, type INTEGER NOT NULL,
  format INTEGER NOT NULL, facility INTEGER NOT NULL, practice INTEGER NOT NULL, hash TEXT NOT NULL,
  size INTEGER NOT NULL, mime INTEGER NOT NULL, fragment BLOB NOT NULL,
  PRIMARY KEY (patient, status, class, time, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entry_unique ON entry (unique_id);
CREATE INDEX IF NOT EXISTS entry_uuid ON entry (uuid);
CREATE TABLE IF NOT EXISTS code (
  entry INTEGER NOT NULL, kind INTEGER NOT NULL, code INTEGER NOT NULL, PRIMARY KEY (entry, kind, code)) WITHOUT ROWID;
"""
_ENTRY = "INSERT INTO entry VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_CODE = "INSERT INTO code VALUES (?,?,?)"


class Rows:
    """Makes rows that look like real ones; no two are alike."""

    def __init__(self, first: int, patients: int) -> None:
        """Numbers start at `first`; patients are spread like those of a real registry."""
        self._number = first
        self._patients = patients

    def take(self) -> tuple[tuple[object, ...], list[tuple[int, int, int]]]:
        """One document and its codes."""
        self._number += 1
        n = self._number
        spread = n * 2654435761 % (1 << 32)
        entry = (
            *(spread % self._patients, 1, n % 9, f"2026{n % 12 + 1:02d}{n % 28 + 1:02d}080000", n),
            *(f"urn:uuid:{spread:08x}-0000-4000-8000-{n:012x}", f"2.25.{spread}{n:014d}", 1, n % 60, n % 11),
            *(n % 7, n % 23, f"{spread:08x}{n:032x}", 4096 + n % 9000, 1, os.urandom(24) * 19),
        )
        return entry, [(n, kind, (n * 7 + kind) % 200) for kind in range(10)]


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.executescript(_SCHEMA)
    return connection


def _insert(connection: sqlite3.Connection, rows: Rows, count: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for _ in range(count):
        entry, codes = rows.take()
        connection.execute(_ENTRY, entry)
        connection.executemany(_CODE, codes)
    connection.execute("COMMIT")


def prepare(path: Path, documents: int) -> None:
    """Fill a database that is not there yet."""
    if path.exists():
        return
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    connection = _connect(fresh)
    connection.execute("PRAGMA synchronous=OFF")
    rows = Rows(0, max(1, documents // _PER_PATIENT))
    for start in range(0, documents, 5000):
        _insert(connection, rows, min(5000, documents - start))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    fresh.replace(path)


def main(path: Path, documents: int) -> int:
    """Serve orders until the input ends."""
    connection = _connect(path)
    first = connection.execute("SELECT coalesce(max(entry), 0) FROM code").fetchone()[0]
    rows = Rows(first, max(1, documents // _PER_PATIENT))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        seconds = json.loads(line)["seconds"]
        started, cpu, done = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - started < seconds:
            _insert(connection, rows, BATCH)
            done += BATCH
        wall, used = time.perf_counter() - started, time.process_time() - cpu
        print(
            json.dumps({"done": done, "seconds": wall, "cpu": used, "wrong": 0, "p50": 0, "p99": 0, "p999": 0}),
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
