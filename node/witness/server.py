"""This node as a witness of its peers' logs, as C2SP tlog-witness says, and the evidence that witnesses pass on.

Memory and answer go together: what was judged is stored in the same transaction, durable before the cosignature leaves.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from hashlib import sha256
from time import monotonic
from typing import Final

from node.exchange import Actors, Desk
from node.http.resources import REVALIDATE, TEXT, Asked, Given
from node.records import instant
from node.security_records import refusal
from node.witness.forks import Forks, owner_of
from trust.audit.event import Kind, NewRecord
from trust.communities import AuditIdentity, Community
from trust.errors import BadSignature
from trust.identity.caller import Caller
from trust.ledger import witness_store
from trust.ledger.checkpoint import BadNote, CosignatureSigner, VerificationKey
from trust.ledger.witness import AddCheckpoint, Evidence, Grade, Judged, Seen, judge, judge_evidence, read_request

BURST: Final = 10  # requests of one caller at once
REFILL: Final = 5.0  # seconds for one more
_MOST_CALLERS: Final = 4096
_PROVED: Final = "evidence of a fork"


class Rate:
    """So many requests of one caller at once, then one every few seconds."""

    def __init__(self, burst: int = BURST, refill: float = REFILL) -> None:
        self._burst = burst
        self._refill = refill
        self._until: dict[str, float] = {}  # caller -> when its bucket is full again

    def take(self, caller: str, now: float) -> bool:
        """Whether one more is within the limit."""
        full = max(self._until.get(caller, now), now) + self._refill
        if full - now > self._burst * self._refill:
            return False
        if len(self._until) >= _MOST_CALLERS:
            self._until = {name: until for name, until in self._until.items() if until > now}
        self._until[caller] = full
        return True


class _Unchanged(Exception):  # noqa: N818  ends a job that found nothing to store
    def __init__(self, judged: Judged) -> None:
        self.judged = judged


class Witness:
    """Judges checkpoints and evidence.

    Args:
        signer: this node's cosigning key.
        own: the identity of this node's own log: evidence against it is believed like any other.
        directory: the connected communities.
        forks: told when evidence is new.
    """

    def __init__(
        self,
        *,
        signer: CosignatureSigner,
        own: AuditIdentity,
        directory: Callable[[], Sequence[Community]],
        actors: Actors,
        forks: Forks,
    ) -> None:
        self._signer = signer
        self._own = own
        self._directory = directory
        self._actors = actors
        self._forks = forks
        self._rate = Rate()
        self._records = Rate(burst=5, refill=900.0)  # of refusals with the same status of one caller
        self.news = asyncio.Event()  # the cosigner has something to do at once
        self.missing: set[str] = set()  # witnesses that gave this node no signature in the last round

    def key_of(self, origin: str) -> VerificationKey | None:
        """What verifies the checkpoints of a connected community's log, or of the own one."""
        owner = owner_of(origin, self._directory())
        identity = owner.audit if owner is not None else self._own
        return identity.key_of(origin) if identity is not None else None

    async def add(self, asked: Asked) -> Given:
        """add-checkpoint."""
        if not self._rate.take(asked.caller.fingerprint, monotonic()):
            return _later()
        try:
            request = read_request(asked.body)
        except BadNote:
            return Given(status=400)
        judged = self._judge(request, self._actors.reader, asked.caller)
        if judged.advanced or judged.evidence is not None:
            judged = await self._durable(request, asked.caller)
        if judged.status == 200 and asked.caller.home in self.missing:
            self.missing.discard(asked.caller.home)
            self.news.set()  # it is there again: a start need not wait a minute for its quorum
        if judged.status in (403, 422):
            await self._refused(asked, judged.status)
        return Given(status=judged.status, body=judged.body, content_type=judged.content_type)

    async def evidence(self, asked: Asked) -> Given:
        """Evidence of a fork that another witness found: verified, kept, passed on; once."""
        if not self._rate.take(asked.caller.fingerprint, monotonic()):
            return _later()
        try:
            found = judge_evidence(asked.body, self.key_of)
        except BadSignature as problem:
            await self._refused(asked, 422, str(problem))
            return Given(status=422)
        await self.keep(found, asked.caller.name)
        return Given(status=200)

    async def keep(self, found: Evidence, source: str) -> None:
        """Make evidence durable and tell everybody who must know; nothing happens when it is known."""

        def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
            records = self._kept(connection, found, source)
            if not records:
                raise _Unchanged(Judged(200))
            return None, records

        try:
            await self._actors.sequencer.transact(work)
        except _Unchanged:
            return
        self._tell(found)

    def remembered(self, digest: str) -> Given:
        """The note cosigned last of the log whose origin has this SHA-256."""
        note = witness_store.by_digest(self._actors.reader, digest)
        return Given(status=404) if note is None else Given(body=note, content_type=TEXT, cache=REVALIDATE)

    def _judge(self, request: AddCheckpoint, connection: sqlite3.Connection, caller: Caller) -> Judged:
        now = int(self._actors.clock().timestamp())
        judged = judge(
            request, lambda origin: witness_store.seen(connection, origin), self._cosigned_key, self._signer, now
        )
        if judged.seen is not None and self._forked(judged.seen.checkpoint.origin):
            return Judged(403)  # its key is not believed any more
        found = judged.evidence
        if found is not None and found.grade is Grade.E2:
            # Only the log itself can be expected to have the right proof; of anybody else it says nothing.
            owner = owner_of(found.origin, self._directory())
            if owner is None or owner.home != caller.home:
                return Judged(judged.status, judged.body, judged.content_type)
        return judged

    def _forked(self, origin: str) -> bool:
        owner = owner_of(origin, self._directory())
        return owner is not None and owner.home in self._forks.by_home

    def _cosigned_key(self, origin: str) -> VerificationKey | None:
        """Of the logs of others only: nobody is a witness of its own log."""
        owner = owner_of(origin, self._directory())
        return owner.audit.key_of(origin) if owner is not None and owner.audit is not None else None

    async def _durable(self, request: AddCheckpoint, caller: Caller) -> Judged:
        """Judge again inside the transaction that stores the outcome."""

        def work(connection: sqlite3.Connection) -> tuple[Judged, Sequence[NewRecord]]:
            judged = self._judge(request, connection, caller)
            records: list[NewRecord] = []
            if judged.seen is not None and judged.advanced:
                witness_store.remember(connection, judged.seen)
                records.append(self._seen_record(judged.seen))
            if judged.evidence is not None:
                records += self._kept(connection, judged.evidence, caller.name)
            if not records:
                raise _Unchanged(judged)
            return judged, records

        try:
            judged, _ = await self._actors.sequencer.transact(work)
        except _Unchanged as same:
            return same.judged
        if judged.evidence is not None:
            self._tell(judged.evidence)
        return judged

    def _seen_record(self, seen: Seen) -> NewRecord:
        """Kind 11: the log of a peer has been seen to grow."""
        stated = seen.checkpoint
        owner = owner_of(stated.origin, self._directory())
        note = {
            "event": "peer checkpoint seen",
            "origin": stated.origin,
            "size": str(stated.size),
            "root": stated.root.hex(),
            "checkpoint_sha256": sha256(seen.note).hexdigest(),
        }
        time = instant(self._actors.clock())
        return NewRecord(kind=Kind.PEER_CHECKPOINT, time=time, peer=owner.home if owner else "", note=note)

    def _kept(self, connection: sqlite3.Connection, found: Evidence, source: str) -> list[NewRecord]:
        """Store evidence; its record when it is new."""
        if not witness_store.add_evidence(connection, found, instant(self._actors.clock())):
            return []
        reason = f"{_PROVED} ({found.grade}) of {found.origin}, from {source}"
        return [self._security(reason, None, self._actors.new_uuid(), "")]

    def _tell(self, found: Evidence) -> None:
        self._forks.reload(self._actors.reader)
        self._actors.sequencer.warn(self._forks.warnings())
        self._actors.alarm(f"audit.fork {found.grade} {found.origin}")
        if found.grade is Grade.E1:
            self.news.set()

    async def _refused(self, asked: Asked, status: int, why: str = "") -> None:
        """A checkpoint or evidence that does not verify is on record; what a witness answers every day is not.

        A peer with another key than the one known here comes every minute: it is counted each time and recorded again
        after a while.
        """
        self._actors.metrics.refused.labels(str(status)).inc()
        if not self._records.take(f"{asked.caller.fingerprint} {status}", monotonic()):
            return
        reason = f"{asked.endpoint} {status} {why}".strip()
        await self._actors.sequencer.record(
            [self._security(reason, asked.caller, asked.incident, asked.caller.address)]
        )

    def _security(self, reason: str, caller: Caller | None, incident: str, address: str) -> NewRecord:
        node = self._actors.own.home
        return refusal(
            self._actors.clock(), incident=incident, caller=caller, address=address, node=node, reason=reason
        )


def _later() -> Given:
    return Given(status=429, headers=(("Retry-After", str(int(REFILL))),))


async def add_checkpoint(asked: Asked, desk: Desk) -> Given:
    """POST <audit>/witness/add-checkpoint."""
    return await desk.witness.add(asked)


async def remembered(asked: Asked, desk: Desk) -> Given:
    """GET <audit>/witness/<SHA-256 of origin>/checkpoint."""
    return desk.witness.remembered(asked.parameters["digest"])


async def evidence(asked: Asked, desk: Desk) -> Given:
    """POST <audit>/evidence: two notes that contradict each other."""
    return await desk.witness.evidence(asked)
