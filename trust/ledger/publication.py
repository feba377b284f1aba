"""Publishes checkpoints and tiles beside the traffic, at most twice a second (audit-ledger 2.4, 2.6)."""

from __future__ import annotations

import asyncio
import errno
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from trust.errors import LedgerBroken
from trust.ledger import store
from trust.ledger.checkpoint import VerificationKey
from trust.ledger.numbering import shard_name
from trust.ledger.publisher import Publisher
from trust.ledger.store import Head

log = logging.getLogger("trust.ledger")

INTERVAL: Final = 0.5  # seconds; a checkpoint is on disk one second after it was signed, at the latest
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def lacks_space(problem: OSError) -> bool:
    """Whether this only means that the disk is full: tiles may lag."""
    return problem.errno in _NO_SPACE


class Publication:
    """Newest heads in, files out. Used on the event loop; the work is done in one thread."""

    def __init__(self, folder: Path, database: Path, on_broken: Callable[[LedgerBroken], None]) -> None:
        self._folder = folder
        self._reader = store.open_reader(database)
        self._on_broken = on_broken
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit-publish")
        self._publishers: dict[str, Publisher] = {}
        self._waiting: dict[str, tuple[Head, bytes]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._running: asyncio.Future[None] | None = None

    def offer(self, head: Head, key: VerificationKey, checkpoint: bytes) -> None:
        """A new checkpoint; of those of one shard only the newest is written."""
        if head.origin not in self._publishers:
            self._publishers[head.origin] = Publisher(self._folder / shard_name(head.shard), self._reader, key)
        self._waiting[head.origin] = (head, checkpoint)
        if self._timer is None and self._running is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._start)

    def published(self, origin: str) -> int:
        """Number of entries of a shard whose tiles are on disk."""
        publisher = self._publishers.get(origin)
        return publisher.size if publisher else 0

    async def now(self) -> None:
        """Write what waits.

        Raises:
            LedgerBroken: see `Publisher.publish`.
            OSError: the disk; what lacks space goes on waiting (`lacks_space`).
        """
        while self._running is not None:  # again: another caller may have begun with what waited
            await asyncio.wait([self._running])
        if self._timer is not None:
            self._timer.cancel()
        if self._waiting:
            await self._start()

    async def stop(self) -> None:
        """Write what waits, as far as the disk allows."""
        try:
            await self.now()
        except (OSError, sqlite3.Error, LedgerBroken):
            log.exception("audit tiles are behind; the next start makes them anew")

    def close(self) -> None:
        """End the thread."""
        if self._timer is not None:
            self._timer.cancel()
        self._thread.shutdown()
        self._reader.close()

    def _start(self) -> asyncio.Future[None]:
        self._timer = None
        batch, self._waiting = self._waiting, {}
        loop = asyncio.get_running_loop()
        self._running = loop.run_in_executor(self._thread, self._publish, batch)
        self._running.add_done_callback(lambda done: self._done(done, batch))
        return self._running

    def _publish(self, batch: dict[str, tuple[Head, bytes]]) -> None:
        for origin, (head, checkpoint) in batch.items():
            self._publishers[origin].publish(head, checkpoint)

    def _done(self, done: asyncio.Future[None], batch: dict[str, tuple[Head, bytes]]) -> None:
        self._running = None
        failure = None if done.cancelled() else done.exception()
        if isinstance(failure, OSError) and failure.errno in _NO_SPACE:
            log.warning("no space for audit tiles; they follow when there is")
            self._waiting = batch | self._waiting
        elif isinstance(failure, LedgerBroken):
            self._on_broken(failure)
        elif failure is not None:
            # After a failed fsync nobody knows what the disk holds: stop, never retry.
            self._on_broken(LedgerBroken(f"audit tiles cannot be written ({failure}); check the disk"))
        if self._waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._start)
