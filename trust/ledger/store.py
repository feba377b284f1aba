"""The ledger's rows: prepared SQL over the tables of `tables.py`. Nothing here begins or ends a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trust.errors import LedgerBroken
from trust.ledger.merkle import Frontier, leaf_hash
from trust.ledger.record import LEAF_BYTES

_CHUNK: Final = 4096

_INSERT_RECORDS: Final = "INSERT INTO audit_record VALUES (?, ?, ?, ?, ?)"
_INSERT_LEAVES: Final = "INSERT INTO audit_leaf VALUES (?, ?)"
_INSERT_HEAD: Final = "INSERT INTO audit_head VALUES (?, ?, ?, ?, ?, ?)"
_MOVE_HEAD: Final = "UPDATE audit_head SET size = ?, root = ?, frontier = ? WHERE shard = ? AND size = ? AND root = ?"
_HEADS: Final = "SELECT shard, origin, first_seq, size, root, frontier FROM audit_head ORDER BY first_seq"
# One row whatever the number of leaves: sqlite3 gives up the interpreter lock at every row, and the thread that commits
# would have to win it back each time from a busy event loop.
_LEAVES: Final = (
    "SELECT count(*), group_concat(hex(entry), '')"
    " FROM (SELECT entry FROM audit_leaf WHERE seq >= ? AND seq < ? ORDER BY seq)"
)
_RECORD: Final = "SELECT body, salt FROM audit_record WHERE seq = ?"
_LAST_LEAF: Final = "SELECT max(seq) FROM audit_leaf"
_COUNTER: Final = "SELECT ctr FROM audit_subject WHERE subject = ? AND shard = ? ORDER BY ctr DESC LIMIT 1"
_INSERT_SUBJECTS: Final = "INSERT INTO audit_subject VALUES (?, ?, ?, ?)"
_INSERT_RECEIPTS: Final = "INSERT INTO audit_receipt VALUES (?, ?, ?)"
_RECEIPTS: Final = "SELECT seq, proof FROM audit_receipt WHERE cid = ? ORDER BY seq"
_OPEN: Final = "INSERT OR REPLACE INTO audit_open VALUES (?, ?)"
_CLOSE: Final = "DELETE FROM audit_open WHERE cid = ?"
_LEFT_OPEN: Final = "SELECT r.body FROM audit_open o JOIN audit_record r ON r.seq = o.seq ORDER BY o.seq LIMIT ?"

RecordRow = tuple[int, int, str, bytes, bytes]  # seq, kind, time, salt, body
LeafRow = tuple[int, bytes]  # seq, entry
SubjectRow = tuple[str, int, int, int]  # subject, shard, number, seq
ReceiptRow = tuple[int, str, bytes]  # seq, cid, proof
OpenRow = tuple[str, int]  # cid, seq


@dataclass(frozen=True, slots=True)
class Head:
    """Where one shard of the log stands, as the database says."""

    shard: int
    origin: str
    first_seq: int
    size: int
    root: bytes
    frontier: bytes


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write: two writing ones may corrupt a database before SQLite 3.51.3."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA busy_timeout = 2000")
    return connection


def heads(connection: sqlite3.Connection) -> list[Head]:
    """The head of every shard, oldest first."""
    return [Head(*row) for row in connection.execute(_HEADS)]


def insert_head(connection: sqlite3.Connection, head: Head) -> None:
    """Begin a shard."""
    connection.execute(_INSERT_HEAD, (head.shard, head.origin, head.first_seq, head.size, head.root, head.frontier))


def move_head(connection: sqlite3.Connection, before: Head, after: Head) -> bool:
    """Move a shard's head; False when the database does not stand at `before`: somebody else has written."""
    moved = connection.execute(
        _MOVE_HEAD, (after.size, after.root, after.frontier, before.shard, before.size, before.root)
    )
    return moved.rowcount == 1


def insert_entries(
    connection: sqlite3.Connection,
    records: Iterable[RecordRow],
    leaves: Iterable[LeafRow],
    subjects: Iterable[SubjectRow],
) -> None:
    """Add records, their leaves, and whom they are about.

    Raises:
        sqlite3.IntegrityError: a place or a subject's number is taken: somebody else has written.
    """
    connection.executemany(_INSERT_RECORDS, records)
    connection.executemany(_INSERT_LEAVES, leaves)
    connection.executemany(_INSERT_SUBJECTS, subjects)


def insert_receipts(connection: sqlite3.Connection, receipts: Iterable[ReceiptRow]) -> None:
    """Keep what other communities proved."""
    connection.executemany(_INSERT_RECEIPTS, receipts)


def receipts(connection: sqlite3.Connection, cid: str) -> list[tuple[int, bytes]]:
    """(seq of the own record, receipt) of one exchange, oldest first."""
    return connection.execute(_RECEIPTS, (cid,)).fetchall()


def move_open(connection: sqlite3.Connection, begun: Iterable[OpenRow], ended: Iterable[tuple[str]]) -> None:
    """Exchanges that have begun, and those whose outcome is on record."""
    connection.executemany(_OPEN, begun)
    connection.executemany(_CLOSE, ended)


def left_open(connection: sqlite3.Connection, most: int) -> list[bytes]:
    """The records of kind 1 whose exchange has no outcome on record, oldest first."""
    return [bytes(row[0]) for row in connection.execute(_LEFT_OPEN, (most,))]


def counter(connection: sqlite3.Connection, subject: str, shard: int) -> int:
    """The number that the next leaf about `subject` gets."""
    row = connection.execute(_COUNTER, (subject, shard)).fetchone()
    return int(row[0]) + 1 if row else 0


def leaves(connection: sqlite3.Connection, start: int, end: int) -> Iterator[bytes]:
    """The entries with `start` <= seq < `end`; fewer when some are missing.

    Raises:
        LedgerBroken: an entry does not have its 98 bytes.
    """
    for first in range(start, end, _CHUNK):
        count, text = connection.execute(_LEAVES, (first, min(first + _CHUNK, end))).fetchone()
        data = bytes.fromhex(text or "")
        if len(data) != count * LEAF_BYTES:
            raise LedgerBroken(f"a leaf between {first} and {min(first + _CHUNK, end)} is not {LEAF_BYTES} bytes long")
        for at in range(0, len(data), LEAF_BYTES):
            yield data[at : at + LEAF_BYTES]


def record(connection: sqlite3.Connection, seq: int) -> tuple[bytes, bytes] | None:
    """Record and salt of one entry, None when they are not there."""
    row = connection.execute(_RECORD, (seq,)).fetchone()
    return (_bytes(row[0]), _bytes(row[1])) if row else None


def _bytes(value: bytes | str) -> bytes:
    """A value that somebody may have changed by hand: SQLite keeps whatever type it is given."""
    return value.encode() if isinstance(value, str) else bytes(value)


def last_leaf(connection: sqlite3.Connection) -> int | None:
    """The highest seq of all."""
    row = connection.execute(_LAST_LEAF).fetchone()
    return None if row[0] is None else int(row[0])


def grow(connection: sqlite3.Connection, frontier: Frontier, start: int, end: int) -> Frontier:
    """`frontier`, grown in place by the leaves `start` <= seq < `end` as they lie on disk, hashed anew."""
    for entry in leaves(connection, start, end):
        frontier.append(leaf_hash(entry))
    return frontier
