"""The one way into the database: group commit of business jobs together with their audit records (audit-ledger 2.6).

A flush runs on the event loop (`flush`). One thread then commits, reads back, moves the remembered head and signs
(`committer`). Only after that do the waiting requests get their `AuditProof`; without one nothing can be answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any, Final, TypeVar, final

from trust.audit.event import NewRecord
from trust.errors import LedgerBroken, LedgerBusy, StorageFailed
from trust.ledger import store
from trust.ledger.committer import Committed, Committer, is_full
from trust.ledger.flush import BatchWriter, Flight, Job, Ledger, Queue, Work
from trust.ledger.head import HeadFile
from trust.ledger.merkle import Growth
from trust.ledger.publication import Publication, lacks_space
from trust.ledger.receipt import render
from trust.ledger.recovery import recover
from trust.ledger.shard import named_key, open_shard
from trust.ledger.store import Head

__all__ = ["AuditProof", "Ledger", "Sequencer"]

QUEUE_RECORDS: Final = 4096
QUIET_TURNS: Final = 2  # of the event loop that brought nobody: whoever is about to come is on the way to this loop
WAIT_SECONDS: Final = 0.01  # that the first of a batch waits for company at most

T = TypeVar("T")

_ISSUED: Final = object()


@final
class AuditProof:
    """That something is on record: durable, in the tree, under a signed checkpoint. Only the sequencer makes one.

    `checkpoint` is the signed note; `entries` are the leaves of this request in order, the first at `first_index`.
    `index` and `entry` are those of the last one, which is the record of the answer.
    """

    __slots__ = ("_growth", "checkpoint", "entries", "first_index")

    checkpoint: bytes
    entries: tuple[bytes, ...]
    first_index: int
    _growth: Callable[[], Growth]

    def __init__(
        self,
        issued: object,
        first_index: int,
        entries: Sequence[bytes],
        checkpoint: bytes,
        growth: Callable[[], Growth],
    ) -> None:
        if issued is not _ISSUED:
            raise TypeError("only the sequencer makes an AuditProof, after the record is durable and signed")
        keep = object.__setattr__
        keep(self, "first_index", first_index)
        keep(self, "entries", tuple(entries))
        keep(self, "checkpoint", checkpoint)
        keep(self, "_growth", growth)

    def __setattr__(self, name: str, value: object) -> None:  # type: ignore[explicit-override]  # typing has it from 3.12
        raise AttributeError("an AuditProof does not change")

    @property
    def index(self) -> int:
        """Index of the last entry in its log."""
        return self.first_index + len(self.entries) - 1

    @property
    def entry(self) -> bytes:
        """The last entry, 98 bytes."""
        return self.entries[-1]

    def receipt(self, place: int = -1) -> bytes:
        """Proof for others that one of the entries, by default the last, is in the log (`trust.ledger.receipt`)."""
        index = range(self.first_index, self.first_index + len(self.entries))[place]
        return render(self.entries[place], index, self._growth().inclusion_proof(index), self.checkpoint)


class Sequencer:
    """The queue of everything that is to be made durable. All methods are called on one event loop.

    `connection` is the one writing connection; between `start` and `stop` only jobs use it.
    `on_fatal` is told when the ledger can no longer be trusted: the process should end.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        ledger: Ledger,
        *,
        now: Callable[[], str],
        on_fatal: Callable[[LedgerBroken], None],
    ) -> None:
        self._connection = connection
        self._ledger = ledger
        self._now = now
        self._on_fatal = on_fatal
        self._queue = Queue()
        self._flight: Flight | None = None
        self._scheduled = False
        self._seen = self._quiet = 0  # jobs that waited a turn ago, and turns since that number grew
        self._stopping = True
        self._drained: asyncio.Future[None] | None = None
        self._warnings: Mapping[str, str] = {}
        self.broken: LedgerBroken | None = None

    async def start(self, successor: int | None = None, closed: bytes = b"") -> None:
        """Check the ledger against its memory, begin it where there is none, and take jobs.

        `successor` is the number of the shard that takes over at once: after a loss that a person has stated, or with
        a new key; then `closed` is the final checkpoint of the shard before, signed with the former key.

        Raises:
            LedgerBroken, RolledBack: the ledger must not go on; nothing was signed.
        """
        self._loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as opened:
            self._head_file = HeadFile(self._ledger.head)
            opened.callback(self._head_file.close)
            self._writer = BatchWriter(self._connection, self._ledger, self._head_file, self._now)
            self._writer.warnings = self._warnings
            self._writer.successor = successor
            heads = recover(self._connection, self._head_file)
            self._reader = store.open_reader(self._ledger.database)
            opened.callback(self._reader.close)
            self._publication = Publication(self._ledger.folder, self._ledger.database, self._fatal)
            opened.callback(self._publication.close)
            for head in heads:
                self._take_up(head, closed=closed, last=head is heads[-1])
            # Tiles that contradict the database are found before the first signature over something new.
            await self.publish()
            self._opened = opened.pop_all()
        self._committer = Committer(self._connection, self._reader, self._head_file, self._from_thread)
        self._committer.start()
        self._stopping = False
        if not heads:
            await self._outcome(self._enqueue(None, ()))
            await self.publish()

    async def publish(self) -> None:
        """Write the tiles of what is durable at once, for who reads the files; on a full disk they follow later.

        Raises:
            LedgerBroken, OSError: they cannot be written; the ledger ends.
        """
        try:
            await self._publication.now()
        except OSError as problem:
            if not lacks_space(problem):
                raise

    def _take_up(self, head: Head, *, closed: bytes, last: bool) -> None:
        """Go on with a shard. One that was closed under a former key stays as it was published.

        Raises:
            LedgerBroken: the log goes on under another key than the node has.
        """
        shard = open_shard(head, self._ledger.keys)
        named = named_key(self._connection, head)
        if named is not None and named != shard.signer.key:
            if last and not closed:
                raise LedgerBroken(
                    f"{head.origin} is signed with the key {named.id.hex()}, the key file holds"
                    f" {shard.signer.key.id.hex()}: put the right file back; a new key begins a new log"
                    " (xdsnode audit rotate-key)"
                )
            self._writer.shard, self._writer.checkpoint = shard, closed
            return
        self._writer.shard = shard
        self._writer.checkpoint = shard.signer.sign(head.size, head.root)
        self._publication.offer(head, shard.signer.key, self._writer.checkpoint)

    async def stop(self) -> None:
        """Take nothing more, finish what was taken, write the last tiles."""
        if self._stopping:
            return
        self._stopping = True
        if self.broken is None and (self._queue or self._flight):
            self._drained = self._loop.create_future()
            self._consider()
            await self._drained
        self._committer.close()
        await self._publication.stop()
        self._opened.close()

    async def transact(
        self, work: Callable[[sqlite3.Connection], tuple[T, Sequence[NewRecord]]]
    ) -> tuple[T, AuditProof]:
        """Run `work` in the next batch; its effect and its records are committed together.

        Jobs run in the order in which they came. What `work` raises undoes this job alone and is raised here.
        When this is cancelled before a batch took the job up, nothing of it happens; later, it waits until the
        outcome is settled and then ends as cancelled: nothing is lost and nothing is done twice.

        Raises:
            LedgerBusy: the queue is full or the node stops; nothing was done.
            StorageFailed: the disk is full; nothing of it took effect.
            LedgerBroken: the ledger cannot be trusted any more; whether it took effect is known after the next start.
            ValueError: `work` gave no record, or one that cannot be entered.
        """
        result, proof = await self._outcome(self._enqueue(work, ()))
        return result, proof

    async def record(self, records: Sequence[NewRecord]) -> AuditProof:
        """Make records durable; errors as for `transact`."""
        if not records:
            raise ValueError("nothing to record: no answer is without a record")
        _, proof = await self._outcome(self._enqueue(None, records))
        return proof

    def break_off(self, broken: LedgerBroken) -> None:
        """Stop for good: somebody outside has shown that this ledger must not go on."""
        self._fatal(broken)

    @property
    def head(self) -> Head | None:
        """The newest durable head."""
        return self._writer.shard.head if self._writer.shard else None

    def warn(self, warnings: Mapping[str, str]) -> None:
        """From now on every record about one of these peers (by homeCommunityId) carries its warning."""
        self._warnings = warnings
        if not self._stopping:
            self._writer.warnings = warnings

    @property
    def checkpoint(self) -> bytes:
        """The newest signed checkpoint."""
        return self._writer.checkpoint

    @property
    def queued(self) -> int:
        """Number of records that wait."""
        return self._queue.records

    @property
    def published(self) -> int:
        """Number of entries of the current shard whose tiles are on disk."""
        return self._publication.published(self.head.origin) if self.head else 0

    def _enqueue(self, work: Work | None, records: Sequence[NewRecord]) -> Job:
        if self.broken is not None:
            raise LedgerBroken(str(self.broken))
        job = Job(asyncio.get_running_loop().create_future(), work, records)
        if self._stopping or self._queue.records + job.weight > QUEUE_RECORDS:
            raise LedgerBusy("too much waits to be recorded; nothing was done, come again")
        self._queue.push(job)
        self._consider()
        return job

    async def _outcome(self, job: Job) -> tuple[Any, AuditProof]:
        try:
            return await job.future  # type: ignore[no-any-return]
        except asyncio.CancelledError:
            while job.settled is not None and not job.settled.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([job.settled])
            raise

    def _consider(self) -> None:
        """Begin to look for a moment to flush."""
        if self._queue and self._flight is None and not self._scheduled and self.broken is None:
            self._scheduled, self._seen, self._quiet = True, 0, 0
            self._loop.call_soon(self._decide)

    def _decide(self) -> None:
        """Flush when the loop has nobody else who is about to come: a batch costs much the same whatever is in it."""
        first = None if self._flight is not None or self.broken is not None else self._queue.first()
        if first is None:
            self._scheduled = False
            self._tell_drained()
            return
        waiting = len(self._queue)
        self._quiet = 0 if waiting > self._seen else self._quiet + 1
        self._seen = waiting
        if self._quiet >= QUIET_TURNS or self._stopping or monotonic() >= first.queued + WAIT_SECONDS:
            self._scheduled = False
            self._flush()
        else:
            self._loop.call_soon(self._decide)

    def _flush(self) -> None:
        flight = Flight(self._loop.create_future())
        try:
            pending = self._writer.write(self._queue, flight)
        except Exception as failure:  # noqa: BLE001  a fault of this program must not leave requests waiting
            self._refuse(flight, failure)
        else:
            if pending is not None:
                self._flight = flight
                self._committer.submit(pending)
                return
        self._settle(flight)

    def _from_thread(self, outcome: Committed) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has gone: nobody waits any more
            self._loop.call_soon_threadsafe(self._committed, outcome)

    def _committed(self, outcome: Committed) -> None:
        flight, self._flight = self._flight, None
        assert flight is not None  # noqa: S101  one batch at a time is with the thread
        failure = self.broken or outcome.failure
        if failure is not None:
            self._refuse(flight, failure)
        else:
            shard = self._writer.accept(flight, outcome.checkpoint)
            assert flight.batch is not None  # noqa: S101  it was accepted
            growth = flight.batch.growth
            for job in flight.jobs:
                if not job.future.done():
                    proof = AuditProof(_ISSUED, job.first_index, job.entries, outcome.checkpoint, growth)
                    job.future.set_result((job.result, proof))
            self._publication.offer(shard.head, shard.signer.key, outcome.checkpoint)
        self._settle(flight)

    def _settle(self, flight: Flight) -> None:
        flight.settled.set_result(None)
        self._consider()
        self._tell_drained()

    def _refuse(self, flight: Flight, failure: Exception) -> None:
        """A batch that did not come about. On a full disk the service goes on, after anything else it does not."""
        try:
            self._writer.undo()
            full = isinstance(failure, StorageFailed) or (isinstance(failure, sqlite3.Error) and is_full(failure))
            if full and self._writer.unchanged():
                for job in flight.jobs:
                    job.fail(StorageFailed("the disk is full; nothing of this was stored"))
                return
        except sqlite3.Error as worse:
            failure = worse
        broken = failure if isinstance(failure, LedgerBroken) else LedgerBroken(f"the batch failed: {failure!r}")
        self._fatal(broken, flight.jobs)

    def _fatal(self, broken: LedgerBroken, jobs: Sequence[Job] = ()) -> None:
        """Nothing is signed or answered any more."""
        first, self.broken = self.broken is None, self.broken or broken
        waiting = [*jobs, *(self._queue.pop() for _ in range(len(self._queue)))]
        for job in waiting:
            job.fail(LedgerBroken(str(broken)))
        self._tell_drained()
        if first:
            self._on_fatal(broken)

    def _tell_drained(self) -> None:
        if self._drained is not None and not self._drained.done() and not self._queue and self._flight is None:
            self._drained.set_result(None)
