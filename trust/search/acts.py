"""Acts in the index of the audit log: a row for each, with every text once."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Final

from trust.search.activity import Act, Activity

SCHEMA: Final = """
CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE act (seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, act INTEGER NOT NULL, user INTEGER NOT NULL,
 name INTEGER NOT NULL, role INTEGER NOT NULL, patient INTEGER NOT NULL, purpose INTEGER NOT NULL,
 peer INTEGER NOT NULL, place INTEGER NOT NULL, documents INTEGER NOT NULL, good INTEGER NOT NULL, said TEXT NOT NULL);
CREATE INDEX act_time ON act (time);
"""
_SINCE: Final = (
    "SELECT seq, time, act, user, name, role, patient, purpose, peer, place, documents, good, said FROM act"
    " WHERE time >= ? ORDER BY time, seq"
)
_TEXTS: Final = slice(3, 10)  # columns that are numbers of words


@lru_cache(maxsize=50_000)
def _number(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big", signed=True)


def insert(connection: sqlite3.Connection, acts: Sequence[Activity]) -> None:
    """Add acts."""
    texts, rows = set[str](), []
    for one in acts:
        words = (one.user, one.name, one.role, one.patient, one.purpose, one.peer, one.place)
        texts.update(words)
        rows.append((one.seq, one.time, one.act, *map(_number, words), one.documents, one.good, one.said))
    connection.executemany("INSERT OR IGNORE INTO word VALUES (?, ?)", [(_number(text), text) for text in texts])
    connection.executemany("INSERT OR REPLACE INTO act VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def since(connection: sqlite3.Connection, time: int) -> list[Activity]:
    """Every act from a time on, in the order of time."""
    words = dict(connection.execute("SELECT id, text FROM word"))
    kinds = {int(act): act for act in Act}
    found = []
    for row in connection.execute(_SINCE, (time,)):
        user, name, role, patient, purpose, peer, place = (words[one] for one in row[_TEXTS])
        seq, when, act, documents, good, said = row[0], row[1], kinds[row[2]], row[10], bool(row[11]), row[12]
        found.append(Activity(seq, when, act, user, name, role, patient, purpose, peer, place, documents, good, said))
    return found
