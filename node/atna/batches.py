"""Records of the ledger as frames, a bounded batch at a time, over a reading connection of their own."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

import orjson

from node.atna import cursor
from trust.audit import syslog
from trust.audit.event import Kind
from trust.ledger import store

MOST_MESSAGES: Final = 500
MOST_BYTES: Final = 1 << 20
REPEATED: Final = 10_000  # messages that a new connection gets again (audit-ledger 2.12)
_KINDS: Final = ", ".join(
    str(int(kind))
    for kind in (Kind.RESPONSE_SENT, Kind.RESPONSE_RECEIVED, Kind.LOCAL, Kind.EXCHANGE_FAILED, Kind.SECURITY)
)
_ROWS: Final = (
    "SELECT r.seq, r.time, r.body, l.entry FROM audit_record r JOIN audit_leaf l ON l.seq = r.seq"  # noqa: S608  numbers
    f" WHERE r.seq >= ? AND r.kind IN ({_KINDS}) ORDER BY r.seq"
)
_EARLIER: Final = (
    f"SELECT seq FROM audit_record WHERE seq < ? AND kind IN ({_KINDS}) ORDER BY seq DESC LIMIT 1 OFFSET ?"  # noqa: S608  numbers
)
_OLDEST: Final = f"SELECT time FROM audit_record WHERE seq >= ? AND kind IN ({_KINDS}) ORDER BY seq LIMIT 1"  # noqa: S608  numbers


@dataclass(frozen=True, slots=True)
class Batch:
    """Frames, and the seq at which the next batch begins. `last`: there is nothing more at the moment."""

    frames: tuple[bytes, ...]
    end: int
    last: bool


def read(connection: sqlite3.Connection, start: int, *, host: str, number: int) -> Batch:
    """The messages of the entries from seq `start` on, at most MOST_MESSAGES, or a little more than MOST_BYTES.

    Args:
        connection: no transaction is open on it, before and after: a long one would keep the database from tidying up.
        start: seq of the first entry.
        host: the node's name in the messages.
        number: private enterprise number of the structured data, 0 for none.
    """
    frames: list[bytes] = []
    size = 0
    connection.execute("BEGIN")
    try:
        heads = sorted(store.heads(connection), key=lambda head: head.first_seq)
        for seq, time, body, entry in connection.execute(_ROWS, (start,)):
            head = next(head for head in reversed(heads) if head.first_seq <= seq)
            text = orjson.loads(body)["dicom"]
            structured = syslog.place(number, head.origin, index=seq - head.first_seq, entry=entry)
            frames.append(syslog.frame(syslog.message(text, time=time, host=host, structured=structured)))
            size += len(frames[-1])
            if len(frames) >= MOST_MESSAGES or size >= MOST_BYTES:
                return Batch(tuple(frames), seq + 1, last=False)
        return Batch(tuple(frames), max(start, end_of(connection)), last=True)
    finally:
        connection.execute("ROLLBACK")


def earlier(connection: sqlite3.Connection, start: int, messages: int) -> int:
    """The seq of the message that is `messages` messages before `start`; FIRST when there are fewer."""
    row = connection.execute(_EARLIER, (start, messages - 1)).fetchone()
    return int(row[0]) if row else cursor.FIRST


def oldest(connection: sqlite3.Connection, start: int) -> str:
    """The time of the first message at or after `start`, "" when there is none."""
    row = connection.execute(_OLDEST, (start,)).fetchone()
    return str(row[0]) if row else ""


def waiting(connection: sqlite3.Connection, start: int) -> int:
    """How many entries of the log lie at and after `start`."""
    return max(0, end_of(connection) - start)


def end_of(connection: sqlite3.Connection) -> int:
    """The seq that the next entry of the log will get."""
    last = store.last_leaf(connection)
    return cursor.FIRST if last is None else last + 1
