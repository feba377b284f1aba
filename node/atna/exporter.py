"""Every AuditMessage of the ledger to one Audit Record Repository, in order, without end (audit-ledger 2.12).

A thread of its own with a reading connection of its own: a repository that is slow, dead or hostile costs the requests
of the node nothing. The database is the queue, so nothing is lost and memory stays bounded whatever the outage.

Delivery is a belief: bytes that the other kernel acknowledged on a connection that lived on for SETTLED_SECONDS. Since
an application may still lose what its kernel took, each new connection begins with the messages of the last 120 seconds
or the last 10,000, whichever is more; receivers recognise them by their entry.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import sqlite3
import ssl
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, thread_time
from typing import Final

from node.atna import batches, cursor
from node.atna.line import Line
from node.configuration.settings import AuditRepository
from node.metrics import Metrics
from trust.audit import syslog
from trust.errors import BadCertificate
from trust.ledger import store
from trust.pki.tls import ClientContext

log = logging.getLogger("node.atna")

ALARM_SECONDS: Final = 15 * 60.0
CHECKPOINT_SECONDS: Final = 60.0
REPEATED_SECONDS: Final = 120.0
SETTLED_SECONDS: Final = 2.0  # long enough for a refusal of our certificate, or a reset, to come back
ALARM: Final = "audit-repository-unreachable"
_IDLE_SECONDS: Final = 0.25
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
_SAVE_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an exporter needs of its node; it calls everything here from its thread."""

    database: Path
    data: Path
    host: str
    now: Callable[[], str]  # as records tell time
    context: Callable[[AuditRepository], ClientContext]
    checkpoint: Callable[[], bytes]
    metrics: Metrics


Tell = Callable[[str], None]


class Exporter:
    """The delivery to one repository, from `start` to `stop`."""

    def __init__(self, repository: AuditRepository, surroundings: Surroundings) -> None:
        self._to = repository
        self._node = surroundings
        self._file = cursor.path(surroundings.data, repository.name)
        self._position = cursor.read(self._file)
        self._saved = self._position
        self._saved_at = 0.0
        self._settling: deque[tuple[float, int]] = deque()  # when it was acknowledged, the seq after it
        self._sent: deque[tuple[float, int]] = deque()  # when a batch was sent, its first seq; one a second at most
        self._good_at = monotonic()
        self._alarmed = False
        self._refusal_told = False
        self._pause = _FIRST_PAUSE
        self._alarm: Tell = log.error
        self._refused: Tell = log.error
        self._stopping = threading.Event()
        self._line: Line | None = None
        self._thread = threading.Thread(target=self._run, name=f"atna-{repository.name}", daemon=True)

    def start(self, alarm: Tell, refused: Tell) -> None:
        """Begin where the last run of the node ended; called on the event loop, where the callbacks are called too.

        Args:
            alarm: told that nothing was delivered for ALARM_SECONDS, once for each outage.
            refused: told why one side does not accept the other's certificate, once for each outage.
        """
        loop = asyncio.get_running_loop()
        self._alarm = lambda text: _tell(loop, alarm, text)
        self._refused = lambda text: _tell(loop, refused, text)
        self._thread.start()

    def stop(self) -> None:
        """Send what is there, for a moment, then end; called from another thread, returns when the thread has ended."""
        self._stopping.set()
        self._thread.join(_STOP_SECONDS if self._line else 0.0)
        if line := self._line:
            line.abort()
        self._thread.join(_STOP_SECONDS if self._line else 0.5)

    def _run(self) -> None:
        with contextlib.closing(store.open_reader(self._node.database)) as reader:
            while not self._stopping.is_set():
                try:
                    self._connection(reader)
                except (OSError, BadCertificate, sqlite3.Error) as problem:
                    self._failed(reader, problem)
                except Exception as problem:  # a thread that ends would end the delivery without a word
                    log.exception("the delivery of audit records failed", extra={"reason": self._to.name})
                    self._failed(reader, problem)
            self._save(hurry=True)

    def _connection(self, reader: sqlite3.Connection) -> None:
        """One connection, until it fails or the node stops."""
        self._settling.clear()
        line = Line(self._to.host, self._to.port, self._node.context(self._to))
        self._line = line
        try:
            if not self._stopping.wait(_IDLE_SECONDS):  # a refusal of our certificate comes after the handshake
                line.probe()
                self._deliver(line, reader)
        finally:
            self._line = None
            line.close()

    def _deliver(self, line: Line, reader: sqlite3.Connection) -> None:
        start = self._first(reader)
        checkpoint_at = monotonic()
        while True:
            stopping, began = self._stopping.is_set(), thread_time()
            batch = batches.read(reader, start, host=self._node.host, number=self._to.enterprise_number)
            line.probe()
            self._sending(start)
            line.send(batch.frames)
            if self._to.checkpoints and monotonic() >= checkpoint_at:
                line.send([self._checkpoint()])
                checkpoint_at = monotonic() + CHECKPOINT_SECONDS
            line.settle()
            start = batch.end
            self._settling.append((monotonic(), start))
            self._settle(reader, complete=batch.last)
            if batch.frames:
                self._node.metrics.audit_sent.labels(self._to.name).inc(len(batch.frames))
            if batch.last:
                if stopping:
                    return
                self._stopping.wait(_IDLE_SECONDS)
            else:  # who catches up rests as long as it works: the requests of the node come first
                self._stopping.wait(thread_time() - began)

    def _checkpoint(self) -> bytes:
        text = syslog.checkpoint(self._node.checkpoint())
        return syslog.frame(
            syslog.message(text, time=self._node.now(), host=self._node.host, message_id=syslog.CHECKPOINT)
        )

    def _first(self, reader: sqlite3.Connection) -> int:
        """Where a new connection begins: what the last one may have lost is sent again."""
        # A database that was put back may be shorter than what was delivered of it.
        end = min(self._position.next, batches.end_of(reader))
        self._position = replace(self._position, next=end)
        self._forget_old()
        return min(end, self._recent(), batches.earlier(reader, end, batches.REPEATED))

    def _sending(self, start: int) -> None:
        now = monotonic()
        if not self._sent or now - self._sent[-1][0] >= 1.0:
            self._sent.append((now, start))
        self._forget_old()

    def _forget_old(self) -> None:
        # The newest of those that are old enough stays: it says where the last 120 seconds begin.
        while len(self._sent) > 1 and self._sent[1][0] < monotonic() - REPEATED_SECONDS:
            self._sent.popleft()

    def _recent(self) -> int:
        """The first seq of what was sent in the last 120 seconds; before anything was, what the last run left."""
        return min((seq for _, seq in self._sent), default=self._position.recent)

    def _settle(self, reader: sqlite3.Connection, *, complete: bool) -> None:
        """Move the position over what has been acknowledged for long enough; `complete`: nothing else waits."""
        before = self._position.next
        while self._settling and self._settling[0][0] <= monotonic() - SETTLED_SECONDS:
            _, reached = self._settling.popleft()
            if reached > self._position.next:
                self._position = replace(self._position, next=reached, recent=self._recent())
        backlog = batches.waiting(reader, self._position.next)
        self._node.metrics.audit_backlog.labels(self._to.name).set(backlog)
        if self._position.next > before or (complete and not backlog):
            self._good_at = monotonic()
            self._alarmed = self._refusal_told = False
            self._pause = _FIRST_PAUSE
            if self._position.failing:
                log.info("an Audit Record Repository is served again", extra={"reason": self._to.name})
            self._position = replace(self._position, delivered=self._node.now(), failing="", reason="")
        self._save()
        self._consider_alarm(backlog)

    def _failed(self, reader: sqlite3.Connection, problem: Exception) -> None:
        if self._stopping.is_set():
            return
        reason = explained(problem)
        if self._position.reason != reason:
            log.warning("an Audit Record Repository is out of reach", extra={"reason": f"{self._to.name}: {reason}"})
        since = self._position.failing or self._node.now()
        self._position = replace(self._position, failing=since, reason=reason, recent=self._recent())
        self._save(hurry=True)
        if isinstance(problem, ssl.SSLError | BadCertificate) and not self._refusal_told:
            self._refusal_told = True
            self._refused(f"audit repository {self._to.name} at {self._to.host}: {reason}")
        with contextlib.suppress(sqlite3.Error):
            backlog = batches.waiting(reader, self._position.next)
            self._node.metrics.audit_backlog.labels(self._to.name).set(backlog)
            self._consider_alarm(backlog)
        # Jitter: the nodes of a region must not all come back in the same second.
        self._stopping.wait(self._pause * (0.5 + secrets.randbelow(501) / 1000))
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _consider_alarm(self, backlog: int) -> None:
        if backlog and not self._alarmed and monotonic() - self._good_at >= ALARM_SECONDS:
            self._alarmed = True
            self._alarm(ALARM)

    def _save(self, *, hurry: bool = False) -> None:
        if self._position == self._saved or (not hurry and monotonic() - self._saved_at < _SAVE_SECONDS):
            return
        # `delivered` alone is worth no write each second.
        if not hurry and replace(self._position, delivered=self._saved.delivered) == self._saved:
            return
        try:
            cursor.write(self._file, self._position)
        except OSError as problem:  # the position is older then: more is sent twice, nothing is lost
            log.warning("a position could not be saved", extra={"reason": f"{self._to.name}: {problem.strerror}"})
        self._saved, self._saved_at = self._position, monotonic()


def _tell(loop: asyncio.AbstractEventLoop, who: Tell, text: str) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended, and with it whoever would listen
        loop.call_soon_threadsafe(who, text)


def explained(problem: Exception) -> str:
    """Why a connection failed, for people; nothing of a message is in it."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {problem.verify_message or problem.reason or problem}"
    if isinstance(problem, ssl.SSLError):
        return f"TLS failed, it may not accept our certificate: {problem.reason or problem}"
    if isinstance(problem, OSError):
        return problem.strerror or str(problem) or type(problem).__name__
    return str(problem)[:200]
