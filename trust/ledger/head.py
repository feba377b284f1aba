"""The memory of the last signed head, in a small file of its own (audit-ledger 2.6, 2.7).

Whatever is signed has passed through a compare-and-swap here first. So two sequencers cannot both sign, and a database
that was put back to an older state is recognised at start. Never restore this file from a backup.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trust.errors import LedgerBroken
from trust.ledger.merkle import EMPTY_ROOT

_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS head (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL,"
    " frontier BLOB NOT NULL) WITHOUT ROWID"
)
_ROOM: Final = "CREATE TABLE IF NOT EXISTS room (bytes BLOB)"
_PAGES: Final = 64  # after so many the write-ahead log is folded in
_PAGE_BYTES: Final = 4096
_SWAP: Final = "UPDATE head SET size = ?, root = ?, frontier = ? WHERE origin = ? AND size = ? AND root = ?"


@dataclass(frozen=True, slots=True)
class RememberedHead:
    """One log as this file remembers it."""

    origin: str
    size: int
    root: bytes
    frontier: bytes


class HeadFile:
    """The file. One thread at a time uses it: the start, then the thread that commits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # it lies beside the keys
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        # The write-ahead log stays small and is reused, and the room it will need is taken now: a full disk must not
        # stop a swap, because its batch is durable already and cannot be refused any more.
        self._connection.execute(f"PRAGMA wal_autocheckpoint = {_PAGES}")
        self._connection.execute(_SCHEMA)
        self._take_room()

    def _take_room(self) -> None:
        try:
            self._connection.execute(_ROOM)
            self._connection.execute("INSERT INTO room VALUES (randomblob(?))", (2 * _PAGES * _PAGE_BYTES,))
            self._connection.execute("DELETE FROM room")
        except sqlite3.OperationalError:  # the disk is full now: goes on as far as it gets
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def all(self) -> dict[str, RememberedHead]:
        """Every log that this file remembers, by origin."""
        rows = self._connection.execute("SELECT origin, size, root, frontier FROM head")
        return {row[0]: RememberedHead(*row) for row in rows}

    def begin(self, origin: str) -> None:
        """Remember a log that has no leaf yet; nothing happens when it is known."""
        self._connection.execute("INSERT OR IGNORE INTO head VALUES (?, 0, ?, ?)", (origin, EMPTY_ROOT, b""))

    def swap(self, before: tuple[int, bytes], after: RememberedHead) -> None:
        """Move from (size, root) to a new head, durable when this returns.

        Raises:
            LedgerBroken: the file does not stand at `before`: another process signs for this log. Nothing was changed.
        """
        changed = self._connection.execute(
            _SWAP, (after.size, after.root, after.frontier, after.origin, before[0], before[1])
        )
        if changed.rowcount != 1:
            raise LedgerBroken(
                f"{self.path} does not stand at size {before[0]} of {after.origin}: another process signs for this"
                " log; this one stops without signing"
            )

    def put_back(self, to: RememberedHead) -> None:
        """Forget a newer head, for the one ceremony in which a person states a loss (audit-ledger 2.7)."""
        self._connection.execute(
            "INSERT OR REPLACE INTO head VALUES (?, ?, ?, ?)", (to.origin, to.size, to.root, to.frontier)
        )

    def close(self) -> None:
        """Close the file; its write-ahead log is folded in."""
        self._connection.close()
