"""What a flush does to the writing connection, on the event loop: everything of a batch but making it durable.

Each job runs under its own savepoint, so that one that fails harms no other; the records of all of them become leaves
in the same transaction (audit-ledger 2.6).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Final

from trust.audit.event import NewRecord
from trust.audit.source import AuditSource
from trust.errors import LedgerBroken, StorageFailed
from trust.ledger import store
from trust.ledger.batch import Batch
from trust.ledger.checkpoint import Checkpoint
from trust.ledger.committer import Pending, is_full
from trust.ledger.head import HeadFile
from trust.ledger.keys import LedgerKeys
from trust.ledger.merkle import EMPTY_ROOT
from trust.ledger.numbering import year_of
from trust.ledger.shard import Shard, genesis, open_shard, origin_of
from trust.ledger.store import Head

BATCH_JOBS: Final = 1024
BATCH_SECONDS: Final = 0.02  # a flush keeps the event loop for no longer than this, and one job

Work = Callable[[sqlite3.Connection], tuple[Any, Sequence[NewRecord]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What a ledger needs to know. `node` is the node's DNS name and names the log."""

    node: str
    database: Path
    head: Path
    folder: Path  # tiles and checkpoints, a folder for each year
    keys: LedgerKeys
    source: AuditSource


class Job:
    """One request's work on its way through a batch."""

    __slots__ = ("entries", "first_index", "future", "queued", "records", "result", "settled", "work")

    def __init__(self, future: asyncio.Future[Any], work: Work | None, records: Sequence[NewRecord]) -> None:
        self.future = future
        self.work = work
        self.records = records
        self.queued = monotonic()
        self.settled: asyncio.Future[None] | None = None  # of the batch that took this job up
        self.result: Any = None
        self.entries: Sequence[bytes] = ()
        self.first_index = 0

    @property
    def weight(self) -> int:
        """Number of records that this job is expected to bring."""
        return len(self.records) or 1

    def fail(self, failure: Exception) -> None:
        """Tell whoever waits, if anybody still does."""
        if not self.future.done():
            self.future.set_exception(failure)


class Queue:
    """Jobs in the order in which they came."""

    __slots__ = ("_jobs", "records")

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()
        self.records = 0

    def __len__(self) -> int:
        return len(self._jobs)

    def push(self, job: Job) -> None:
        """Add a job at the end."""
        self._jobs.append(job)
        self.records += job.weight

    def first(self) -> Job | None:
        """The oldest job that somebody waits for; those given up before it are dropped."""
        while self._jobs:
            if not self._jobs[0].future.cancelled():
                return self._jobs[0]
            self.pop()
        return None

    def pop(self) -> Job:
        """Take the oldest job out."""
        job = self._jobs.popleft()
        self.records -= job.weight
        return job


@dataclass(slots=True)
class Flight:
    """A batch under way. `settled` is done when its outcome is known."""

    settled: asyncio.Future[None]
    jobs: list[Job] = field(default_factory=list)
    shard: Shard | None = None
    batch: Batch | None = None


class BatchWriter:
    """Writes batches; knows the shard that is being written."""

    def __init__(
        self, connection: sqlite3.Connection, ledger: Ledger, head_file: HeadFile, now: Callable[[], str]
    ) -> None:
        self._connection = connection
        self._ledger = ledger
        self._head_file = head_file
        self._now = now
        self.warnings: Mapping[str, str] = {}  # what every record about a peer must say, by its home
        self.successor: int | None = None  # the shard that the next batch begins, after a loss
        self.shard: Shard | None = None
        self.checkpoint = b""  # the last one that was signed

    def write(self, queue: Queue, flight: Flight) -> Pending | None:
        """Run what waits and write its records; the open transaction, or None when nothing remained to commit.

        Raises:
            sqlite3.Error, LedgerBroken: the batch as a whole cannot be written; `undo` it.
        """
        self._connection.execute("BEGIN IMMEDIATE")
        now = self._now()
        year = int(now[:4])
        begins = self.shard is None or self.successor is not None or year > year_of(self.shard.head.shard)
        shard = self._begin_shard(self.successor or year) if self.shard is None or begins else self.shard
        batch = Batch(self._connection, shard.head, shard.frontier, shard.subjects, self._ledger.source, self.warnings)
        flight.shard, flight.batch = shard, batch
        if begins:
            batch.add([genesis(shard, self._final_checkpoint(), now)])
        self._carry_out(queue, flight, batch)
        if not len(batch):
            self._connection.execute("ROLLBACK")
            return None
        if not batch.write():
            raise LedgerBroken("another process has written to the audit ledger; this one stops")
        return Pending(batch.before, batch.after, batch.frontier_before, shard.signer)

    def undo(self) -> None:
        """Undo what the open transaction has written, if SQLite has not done so."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def accept(self, flight: Flight, checkpoint: bytes) -> Shard:
        """The batch is durable: the ledger stands after it."""
        shard, batch = flight.shard, flight.batch
        assert shard is not None  # noqa: S101  `write` sets both
        assert batch is not None  # noqa: S101
        shard.head, shard.frontier = batch.after, batch.frontier_after
        shard.subjects.committed(batch.taken)
        self.shard, self.checkpoint = shard, checkpoint
        self.successor = None
        return shard

    def unchanged(self) -> bool:
        """Whether the database stands where the last accepted batch left it."""
        heads = store.heads(self._connection)
        return (heads[-1] if heads else None) == (self.shard.head if self.shard else None)

    def _begin_shard(self, number: int) -> Shard:
        """A new year, or what follows a loss: its log begins after the last entry of the one before."""
        last = self.shard.head if self.shard else None
        first_seq = last.first_seq + last.size if last else 1
        head = Head(number, origin_of(self._ledger.node, number), first_seq, 0, EMPTY_ROOT, b"")
        self._head_file.begin(head.origin)
        store.insert_head(self._connection, head)
        return open_shard(head, self._ledger.keys)

    def _final_checkpoint(self) -> tuple[Checkpoint, bytes] | None:
        last = self.shard.head if self.shard else None
        return (Checkpoint(last.origin, last.size, last.root), self.checkpoint) if last else None

    def _carry_out(self, queue: Queue, flight: Flight, batch: Batch) -> None:
        """Run jobs in order until the batch is large enough."""
        end = monotonic() + BATCH_SECONDS
        while queue.first() is not None and len(flight.jobs) < BATCH_JOBS:
            job = queue.pop()
            job.settled = flight.settled
            flight.jobs.append(job)
            self._run(job, batch)
            if monotonic() > end:
                break

    def _run(self, job: Job, batch: Batch) -> None:
        """One job: all of it takes effect with its records, or none."""
        try:
            job.first_index = batch.before.size + len(batch)
            if job.work is None:
                job.entries = batch.add(job.records)
                return
            self._connection.execute("SAVEPOINT job")
            job.result, records = job.work(self._connection)
            if not records:
                raise ValueError("an effect without a record")  # noqa: TRY301
            job.entries = batch.add(records)
            self._connection.execute("RELEASE job")
        except Exception as failure:  # noqa: BLE001  whatever a job raises is its own caller's
            if job.work is not None:
                self._undo_job(failure)
            full = isinstance(failure, sqlite3.Error) and is_full(failure)
            job.fail(StorageFailed("the disk is full; nothing of this was stored") if full else failure)

    def _undo_job(self, failure: Exception) -> None:
        """Undo one job. Some errors make SQLite undo the whole transaction: then the batch has failed."""
        if not self._connection.in_transaction:
            if isinstance(failure, sqlite3.Error):
                raise failure
            raise LedgerBroken("a job ended the transaction that it ran in")
        self._connection.execute("ROLLBACK TO job")
        self._connection.execute("RELEASE job")
