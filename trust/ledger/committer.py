"""The thread that makes a batch durable and signs it (audit-ledger 2.6). All that waits for a disk happens here.

Order: COMMIT → read the leaves back and hash them anew → compare-and-swap of the remembered head → signature. After the
COMMIT everything can be derived again; before the swap nothing has been signed; the signature is made last.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Final

from trust.errors import LedgerBroken, StorageFailed
from trust.ledger import store
from trust.ledger.head import HeadFile, RememberedHead
from trust.ledger.keys import CheckpointSigner
from trust.ledger.merkle import Frontier
from trust.ledger.store import Head

_FULL: Final = frozenset({sqlite3.SQLITE_FULL})


def is_full(failure: sqlite3.Error) -> bool:
    """Whether SQLite found no space: the one failure after which a database can be used on."""
    return getattr(failure, "sqlite_errorcode", None) in _FULL


@dataclass(frozen=True, slots=True)
class Pending:
    """A batch that is written and not committed."""

    before: Head
    after: Head
    frontier: Frontier  # of `before`
    signer: CheckpointSigner


@dataclass(frozen=True, slots=True)
class Committed:
    """What became of a batch: its signed checkpoint, or why there is none."""

    checkpoint: bytes
    failure: StorageFailed | LedgerBroken | None = None


class Committer:
    """Takes one batch at a time. `done` is called in this thread."""

    def __init__(
        self,
        writer: sqlite3.Connection,
        reader: sqlite3.Connection,
        head: HeadFile,
        done: Callable[[Committed], None],
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._head = head
        self._done = done
        self._queue: SimpleQueue[Pending | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="audit-commit", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, pending: Pending) -> None:
        """Hand over the open transaction. Until `done` is called nobody else may use the writing connection."""
        self._queue.put(pending)

    def close(self) -> None:
        """End the thread, after the batch that it works on."""
        self._queue.put(None)
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while (pending := self._queue.get()) is not None:
            self._done(self._outcome(pending))

    def _outcome(self, pending: Pending) -> Committed:
        try:
            return Committed(self._commit(pending))
        except (StorageFailed, LedgerBroken) as failure:
            return Committed(b"", failure)
        except Exception as failure:  # noqa: BLE001  a dead thread would leave every request waiting for ever
            broken = LedgerBroken(f"the batch could not be made durable: {failure!r}")
            broken.__cause__ = failure
            return Committed(b"", broken)

    def _commit(self, pending: Pending) -> bytes:
        before, after = pending.before, pending.after
        try:
            self._writer.execute("COMMIT")
        except sqlite3.Error as failure:
            if not is_full(failure):
                # After a failed fsync nobody knows what the disk holds: stop, never retry (audit-ledger 2.4).
                raise LedgerBroken(f"the commit failed ({failure}); the node stops, check the disk") from failure
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise StorageFailed("the disk is full; nothing of this was stored") from failure
        start, end = before.first_seq + before.size, before.first_seq + after.size
        found = store.grow(self._reader, pending.frontier.copy(), start, end)
        if found.size != after.size or found.root() != after.root:
            raise LedgerBroken(f"leaves {before.size} to {after.size - 1} on disk are not what was written")
        remembered = RememberedHead(after.origin, after.size, after.root, after.frontier)
        self._head.swap((before.size, before.root), remembered)
        return pending.signer.sign(after.size, after.root)
