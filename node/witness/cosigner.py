"""Has this node's log cosigned by its peers, and tells them of forks; beside the traffic, never in its way.

Every minute the newest published checkpoint goes to each witness with the proof that it continues what the witness saw
last. When a quorum has signed, checkpoint and signatures become the file `cosigned` of the shard (audit-ledger 2.10).
What a witness answers is bounded and believed only as far as its signature goes.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from node.federation.client import PeerClient, PeerFault
from node.records import instant
from node.witness.directory import url_of, witnesses_of
from node.witness.memory import MOST, OwnLog, remembered
from trust.audit.event import Kind, NewRecord
from trust.communities import Community
from trust.errors import BadSignature, RolledBack
from trust.ledger import witness_store
from trust.ledger.checkpoint import Checkpoint, VerificationKey, open_checkpoint, parse_note, verified_by
from trust.ledger.merkle import consistency_proof
from trust.ledger.policy import Policy, policy_of
from trust.ledger.publisher import replace_file
from trust.ledger.tile_tree import subtree_of_tiles
from trust.ledger.witness import SIZE_TYPE, AddCheckpoint, Evidence, Grade, write_evidence, write_request

if TYPE_CHECKING:
    import sqlite3

    from node.metrics import Metrics
    from trust.ledger.sequencer import Sequencer

log = logging.getLogger("node.witness")

SECONDS: Final = 10.0  # that one witness has for its answer
ALARM: Final = timedelta(minutes=15)
ANCHOR: Final = timedelta(minutes=15)
SKEW: Final = 300  # seconds that a witness's clock may be off
_ATTEMPTS: Final = 2  # with the size that was remembered, then with the one that the witness names


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """The newest published checkpoint of this node."""

    key: VerificationKey
    folder: Path
    note: bytes
    checkpoint: Checkpoint


class BadWitness(Exception):  # noqa: N818  it is ignored, with an alarm
    """A witness that does not keep to the protocol."""


class Cosigner:
    """One for the node. `round` does everything once; `run` repeats it.

    Args:
        own: the newest published checkpoint, None while there is none.
        wanted: the witnesses that the configuration names, empty for all; `quorum` 0 for more than half.
        silent: witnesses that were not yet asked what they remember of this log.
        news: set when there is evidence to pass on at once, or when a missing witness is there again.
        missing: homes of the witnesses that gave no signature in the last round.
    """

    def __init__(  # noqa: PLR0913  what it needs, each by name
        self,
        *,
        client: PeerClient,
        directory: Callable[[], Sequence[Community]],
        own: Callable[[], Own | None],
        sequencer: Sequencer,
        reader: sqlite3.Connection,
        clock: Callable[[], datetime],
        alarm: Callable[[str], None],
        metrics: Metrics,
        wanted: Sequence[str],
        quorum: int,
        seconds: float,
        silent: Sequence[Community],
        news: asyncio.Event,
        missing: set[str],
    ) -> None:
        self._client = client
        self._directory = directory
        self._own = own
        self._sequencer = sequencer
        self._reader = reader
        self._clock = clock
        self._alarm = alarm
        self._metrics = metrics
        self._wanted = wanted
        self._quorum = quorum
        self._seconds = seconds
        self._unasked = {one.home for one in silent}
        self._sizes: dict[str, int] = {}  # what each witness is thought to remember
        self._told: set[tuple[str, str]] = set()  # (evidence, community) that was passed on
        self._alarmed: datetime = clock()
        self._met: datetime = clock()
        self._anchored: datetime | None = None
        self._complained: dict[str, datetime] = {}
        self._news = news
        self._missing = missing

    async def run(self) -> None:
        """Round after round, not in step with other nodes; at once when there is news of a fork."""
        while True:
            try:
                await self.round()
            except Exception:  # a witness must never end this; the failure is in the log
                log.exception("cosigning failed")
            pause = self._seconds * (0.8 + secrets.randbelow(400) / 1000)
            try:
                async with asyncio.timeout(pause):
                    await self._news.wait()
            except TimeoutError:
                continue
            self._news.clear()

    async def round(self) -> None:
        """Ask every witness once; write what a quorum has signed; pass on what proves a fork."""
        witnesses = witnesses_of(self._directory(), self._wanted)
        own = self._own()
        if own is not None and own.checkpoint.size:
            policy = _policy(witnesses, self._quorum)
            lines = await asyncio.gather(*(self._cosigned(witness, own) for witness in witnesses))
            self._missing.clear()
            self._missing |= {witness.home for witness, line in zip(witnesses, lines, strict=True) if not line}
            await self._keep(own, policy, b"".join(line for line in lines if line))
            await asyncio.to_thread(_write_policy, own, policy)
        await self._pass_on()

    async def _keep(self, own: Own, policy: Policy, lines: bytes) -> None:
        """Write the cosigned checkpoint when the quorum is there; say so when it has been missing for long."""
        now = self._clock()
        note = own.note + lines
        count = len(policy.signers(note))
        self._metrics.witnesses.labels("known").set(len(policy.witnesses))
        self._metrics.witnesses.labels("signed").set(count)
        if policy.met(note):
            await asyncio.to_thread(replace_file, own.folder / "cosigned", note)
            self._metrics.cosigned_size.set(own.checkpoint.size)
            self._met = self._alarmed = now
            await self._anchor(note, now)
        elif policy.witnesses and now - max(self._met, self._alarmed) >= ALARM:
            self._alarmed = now
            self._alarm("audit.quorum-missing")
        self._metrics.quorum_age.set((now - self._met).total_seconds())

    async def _anchor(self, note: bytes, now: datetime) -> None:
        """Commit to what witnesses have signed: whatever comes later was not there before (audit-ledger 2.3)."""
        if self._anchored is not None and now - self._anchored < ANCHOR:
            return
        digest = sha256(note).hexdigest()
        facts = {"event": "anchor", "checkpoint": note.decode(), "checkpoint_sha256": digest}
        await self._sequencer.record([NewRecord(kind=Kind.ANCHOR, time=instant(now), note=facts)])
        self._anchored = now

    async def _cosigned(self, witness: Community, own: Own) -> bytes:
        """The signature line of one witness, b"" for none."""
        try:
            async with asyncio.timeout(SECONDS):
                if witness.home in self._unasked:
                    await self._compare(witness, own)
                    self._unasked.discard(witness.home)
                return await self._ask(witness, own)
        except (PeerFault, TimeoutError) as fault:
            log.info("a witness gave no signature", extra={"community": witness.name, "reason": _what(fault)})
        except BadWitness as fault:
            log.warning("a witness misbehaves", extra={"community": witness.name, "reason": str(fault)})
            self._complain(witness)
        except RolledBack as contradiction:
            log.critical("a witness contradicts this log", extra={"community": witness.name})
            self._alarm("audit.rolled-back")
            self._sequencer.break_off(contradiction)
        return b""

    def _complain(self, witness: Community) -> None:
        """An alarm about a witness, not more often than every quarter of an hour."""
        now = self._clock()
        before = self._complained.get(witness.home)
        if before is None or now - before >= ALARM:
            self._complained[witness.home] = now
            self._alarm(f"audit.bad-witness {witness.name}")

    async def _ask(self, witness: Community, own: Own) -> bytes:
        old = min(self._sizes.get(witness.home, 0), own.checkpoint.size)
        for _ in range(_ATTEMPTS):
            proof = await asyncio.to_thread(_proof, own, old)
            request = write_request(AddCheckpoint(old, tuple(proof), own.note))
            url = url_of(witness, "witness/add-checkpoint")
            status, kind, body = await self._client.plain(witness, "POST", url, request, most=MOST)
            if status == 200:
                line = self._verified(witness, own, body)
                self._sizes[witness.home] = own.checkpoint.size
                return line
            if status == 409 and kind == SIZE_TYPE:
                remembered_ = _size(body)
                if remembered_ <= own.checkpoint.size and remembered_ != old:
                    old = remembered_
                    continue
            if status in (403, 409, 422):
                await self._compare(witness, own)
            raise PeerFault(f"answered HTTP status {status}")
        raise PeerFault("names another size each time")

    async def _compare(self, witness: Community, own: Own) -> None:
        """Look at what the witness remembers: this log's own signature over more, or something else, ends it here."""
        found = await remembered(self._client, witness, own.key)
        if found is not None:
            OwnLog(self._sequencer.head, self._reader, own.folder).check(found, witness.name)

    def _verified(self, witness: Community, own: Own, body: bytes) -> bytes:
        """The witness's own line of its answer; lines of keys that are not known are passed over."""
        assert witness.audit is not None  # noqa: S101  witnesses_of
        key = witness.audit.witness
        assert key is not None  # noqa: S101
        try:
            note = parse_note(own.note + body)
            # An empty line in the answer would move where the signed text ends.
            good = note.text == own.checkpoint.text() and verified_by(note, key)
        except BadSignature:
            raise BadWitness("signed what does not verify") from None
        if not good:
            raise BadWitness("did not sign with the key that it is known by")
        line = next(one for one in note.signatures if (one.name, one.key_id) == (key.name, key.id))
        time = int.from_bytes(line.value[:8], "big")
        if abs(time - self._clock().timestamp()) > SKEW:
            raise BadWitness("signed for a time that is not now")
        return line.render().encode()

    async def _pass_on(self) -> None:
        """Give proof of a fork to every peer that can take it, all at once."""
        proofs = [one.evidence for one in witness_store.evidence(self._reader) if one.evidence.grade is Grade.E1]
        if proofs:
            await asyncio.gather(*(self._give(peer, proofs) for peer in witnesses_of(self._directory(), ())))

    async def _give(self, peer: Community, proofs: Sequence[Evidence]) -> None:
        """Give one peer what it does not have; the next round goes on where it does not answer."""
        for proof in proofs:
            mark = (proof.id, peer.home)
            if mark in self._told:
                continue
            try:
                async with asyncio.timeout(SECONDS):
                    body = write_evidence(proof)
                    status, _, _ = await self._client.plain(peer, "POST", url_of(peer, "evidence"), body, most=MOST)
            except (PeerFault, TimeoutError) as fault:
                log.info("evidence was not taken", extra={"community": peer.name, "reason": _what(fault)})
                return
            if status in (200, 422):
                self._told.add(mark)


def newest(folder: Path, key: VerificationKey) -> Own | None:
    """The checkpoint that is published in a shard's folder."""
    try:
        note = (folder / "checkpoint").read_bytes()
        return Own(key=key, folder=folder, note=note, checkpoint=open_checkpoint(note, key))
    except (OSError, BadSignature):
        return None


def _what(fault: PeerFault | TimeoutError) -> str:
    return fault.what if isinstance(fault, PeerFault) else "gave no answer in time"


def _policy(witnesses: Sequence[Community], quorum: int) -> Policy:
    keys = [one.audit.witness for one in witnesses if one.audit is not None and one.audit.witness is not None]
    return policy_of(keys, quorum)


def _write_policy(own: Own, policy: Policy) -> None:
    text = policy.render([own.key]).encode()
    path = own.folder / "policy"
    if (policy.witnesses and not path.exists()) or (path.exists() and path.read_bytes() != text):
        replace_file(path, text)


def _proof(own: Own, old: int) -> list[bytes]:
    size = own.checkpoint.size
    try:
        return consistency_proof(old, size, subtree_of_tiles(own.folder, size))
    except (OSError, ValueError) as problem:
        raise PeerFault(f"cannot be given a proof from {old} to {size} out of the tiles") from problem


def _size(body: bytes) -> int:
    text = body.decode("ascii", "replace")
    if not text.endswith("\n") or not text[:-1].isdecimal() or len(text) > 20:
        raise BadWitness("names a size that is none")
    return int(text)
