"""This node's log and its witnesses, good ones and bad ones, over real HTTP; row A12 of the attack catalogue."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from node.federation.client import PeerClient
from node.federation.resolver import GuardedResolver
from node.metrics import Metrics
from node.soap.limits import MimeLimits
from node.witness import cosigner
from node.witness.cosigner import Cosigner, newest
from node.witness.memory import recollect
from repository.store.spool import Spool
from tests.trust.ledger.ledgers import KEYS, NODE, Place, local
from trust.communities import AuditIdentity, Community
from trust.errors import BadCertificate, LedgerBroken
from trust.ledger import hdn_verify, store, witness_store
from trust.ledger.checkpoint import (
    Checkpoint,
    CosignatureSigner,
    NoteSigner,
    VerificationKey,
    parse_checkpoint,
    parse_note,
)
from trust.ledger.policy import policy_of
from trust.ledger.sequencer import Sequencer
from trust.ledger.witness import Evidence, Grade, Seen, judge, read_request

ORIGIN = f"{NODE}/audit/2026"
LOG = NoteSigner(ORIGIN, KEYS.seed)
NOW = datetime(2026, 11, 23, 10, 2, 17, tzinfo=UTC)

Answer = Callable[["Peer", web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Peer:
    """A witness that listens on loopback; `answer` is how it treats add-checkpoint, honest by default."""

    name: str
    answer: Answer | None = None
    memory: bytes | None = None
    seen: dict[str, Seen] = field(default_factory=dict)
    evidence: list[bytes] = field(default_factory=list)
    asked: int = 0
    now: datetime = NOW
    port: int = 0

    @property
    def signer(self) -> CosignatureSigner:
        return CosignatureSigner(f"{self.name}.example/witness", self.name.encode().ljust(32, b"."))

    @property
    def community(self) -> Community:
        identity = AuditIdentity(log=f"{self.name}.example/audit", key=bytes(32), witness=self.signer.key)
        return Community(
            home=f"urn:oid:2.999.{ord(self.name[0])}",
            name=self.name,
            endpoints={"audit": f"http://127.0.0.1:{self.port}/audit"},
            certificates="",
            fingerprint="",
            audit=identity,
        )

    async def add(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        return await (self.answer or honest)(self, request)

    async def remembered(self, _request: web.Request) -> web.StreamResponse:
        found = self.memory if self.memory is not None else (self.seen[ORIGIN].note if ORIGIN in self.seen else None)
        return web.Response(status=404) if found is None else web.Response(body=found)

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.evidence.append(await request.read())
        return web.Response()


async def honest(peer: Peer, request: web.Request) -> web.StreamResponse:
    def keys(origin: str) -> VerificationKey | None:
        return LOG.key if origin == ORIGIN else None

    asked = read_request(await request.read())
    judged = judge(asked, peer.seen.get, keys, peer.signer, int(peer.now.timestamp()))
    if judged.seen is not None:
        peer.seen[ORIGIN] = judged.seen
    return web.Response(status=judged.status, body=judged.body, headers={"Content-Type": judged.content_type})


@dataclass
class Bench:
    """A ledger, its cosigner, and what it said."""

    place: Place
    ledger: Sequencer
    cosigner: Cosigner
    alarms: list[str]
    metrics: Metrics
    now: list[datetime]

    @property
    def cosigned(self) -> Checkpoint | None:
        path = self.place.shard() / "cosigned"
        return parse_checkpoint(parse_note(path.read_bytes()).text) if path.exists() else None

    async def grow(self) -> None:
        await self.ledger.record([local()])
        await self.ledger._publication.now()


@asynccontextmanager
async def bench(tmp_path: Path, peers: list[Peer], *, quorum: int = 0, silent: bool = False):
    runners = []
    for peer in peers:
        app = web.Application()
        app.router.add_post("/audit/witness/add-checkpoint", peer.add)
        app.router.add_get("/audit/witness/{digest}/checkpoint", peer.remembered)
        app.router.add_post("/audit/evidence", peer.take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        peer.port = runner.addresses[0][1]
        runners.append(runner)
    place = Place(tmp_path / "node")
    place.root.mkdir()
    (tmp_path / "spool").mkdir()
    client = PeerClient(
        lambda _community: ssl.create_default_context(),
        Spool(tmp_path / "spool"),
        MimeLimits(),
        lambda: GuardedResolver(development=True, permitted=()),
    )
    await client.start()
    alarms: list[str] = []
    now = [NOW]
    metrics = Metrics()
    communities = [peer.community for peer in peers]
    try:
        async with place.running() as ledger:
            reader = store.open_reader(place.database)
            await ledger.record([local() for _ in range(5)])
            await ledger._publication.now()
            yield Bench(
                place,
                ledger,
                Cosigner(
                    client=client,
                    directory=lambda: communities,
                    own=lambda: newest(place.shard(), LOG.key),
                    sequencer=ledger,
                    reader=reader,
                    clock=lambda: now[0],
                    alarm=alarms.append,
                    metrics=metrics,
                    wanted=(),
                    quorum=quorum,
                    seconds=60.0,
                    silent=communities if silent else (),
                    news=asyncio.Event(),
                    missing=set(),
                ),
                alarms,
                metrics,
                now,
            )
            reader.close()
    finally:
        await client.stop()
        for runner in runners:
            await runner.cleanup()


async def test_a_quorum_of_honest_witnesses(tmp_path):
    peers = [Peer(name) for name in "bcd"]
    async with bench(tmp_path, peers) as here:
        await here.cosigner.round()
        first = here.cosigned
        assert first is not None
        assert first.size == 6
        for _ in range(3):
            await here.grow()
        await here.cosigner.round()
        assert here.cosigned is not None
        assert here.cosigned.size == 10  # three records, and the anchor after the first quorum
        assert [peer.asked for peer in peers] == [2, 2, 2]  # its size was remembered: no second question
        assert here.alarms == []
        policy = policy_of([peer.signer.key for peer in peers])
        assert policy.signers((here.place.shard() / "cosigned").read_bytes()) == [
            peer.signer.key.name for peer in peers
        ]
        assert (here.place.shard() / "policy").read_text() == policy.render([LOG.key])


async def test_a_witness_that_remembers_another_size_names_it(tmp_path):
    peer = Peer("b")
    async with bench(tmp_path, [peer]) as here:
        await here.cosigner.round()
        here.cosigner._sizes.clear()  # as after a start
        await here.grow()
        await here.cosigner.round()
        assert peer.asked == 3
        assert here.cosigned is not None
        assert here.cosigned.size == 8


async def test_a_log_of_several_tiles(tmp_path):
    """Proofs come from the published tiles, full ones and partial ones, across their borders."""
    peers = [Peer("b"), Peer("c")]
    async with bench(tmp_path, peers) as here:
        for count in (1, 248, 1, 1, 255, 300, 7):
            await here.ledger.record([local() for _ in range(count)])
            await here.ledger._publication.now()
            await here.cosigner.round()
            own = newest(here.place.shard(), LOG.key)
            assert own is not None
            assert here.cosigned == own.checkpoint or here.cosigned.size == own.checkpoint.size - 1  # and the anchor
            assert all(peer.seen[ORIGIN].checkpoint == here.cosigned for peer in peers)
        assert here.cosigned.size > 800
    policy = here.place.shard() / "policy"
    assert hdn_verify.main(["verify", str(here.place.shard()), "--policy", str(policy)]) == 0


def signing(change: Callable[[bytes], bytes] = bytes, *, later: int = 0, name: str = "", again: bool = False) -> Answer:
    async def answer(peer: Peer, request: web.Request) -> web.StreamResponse:
        asked = read_request(await request.read())
        signer = CosignatureSigner(name, bytes(32)) if name else peer.signer
        line = signer.line(parse_note(asked.note).text, int(NOW.timestamp()) + later)
        return web.Response(body=change(line) * (20 if again else 1))

    return answer


def status(code: int, body: bytes = b"", kind: str = "text/plain") -> Answer:
    async def answer(_peer: Peer, _request: web.Request) -> web.StreamResponse:
        return web.Response(status=code, body=body, headers={"Content-Type": kind})

    return answer


async def moved_text(peer: Peer, request: web.Request) -> web.StreamResponse:
    """An empty line before the signature, which is over all that stands above it."""
    asked = read_request(await request.read())
    note = asked.note.decode()
    return web.Response(body=b"\n" + peer.signer.line(note, int(NOW.timestamp())))


async def ten_megabytes(_peer: Peer, _request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"x" * 10_000_000)


async def endless(_peer: Peer, request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"\xe2\x80\x94 x" * 1000)
        await asyncio.sleep(0)


async def never(_peer: Peer, _request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def elsewhere(peer: Peer, _request: web.Request) -> web.StreamResponse:
    raise web.HTTPTemporaryRedirect(f"http://127.0.0.1:{peer.port}/audit/evidence")


BAD = {
    "A12 bad signature": (signing(lambda line: line[:-9] + b"AAAAAAA=\n"), True),
    "A12 over another text": (moved_text, True),
    "A12 signed with an unknown key": (signing(name="nobody.example/witness"), True),
    "A12 future time": (signing(later=3600), True),
    "A12 time long past": (signing(later=-3600), True),
    "A12 more lines than a note has": (signing(again=True), True),
    "A12 nothing": (status(200), True),
    "A12 not text": (status(200, b"\xff\xfe"), True),
    "A12 a page": (status(200, b"<html>"), True),
    "A12 ten megabytes": (ten_megabytes, False),
    "A12 an answer without end": (endless, False),
    "A12 no answer": (never, False),
    "A12 a redirect": (elsewhere, False),
    "A12 unknown origin": (status(404), False),
    "A12 refused": (status(403), False),
    "A12 proof refused": (status(422), False),
    "A12 too often": (status(429), False),
    "A12 remembers more, without showing it": (status(409, b"99999\n", "text/x.tlog.size"), False),
    "A12 a size that is none": (status(409, b"-1\n", "text/x.tlog.size"), True),
    "A12 another size each time": (status(409, b"3\n", "text/x.tlog.size"), False),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_witness_is_ignored_and_bounded(tmp_path, monkeypatch, case):
    """The honest ones count all the same; what is a lie raises an alarm; the ledger goes on."""
    answer, lies = BAD[case]
    monkeypatch.setattr(cosigner, "SECONDS", 1.0)
    peers = [Peer("b"), Peer("c"), Peer("x", answer)]
    async with bench(tmp_path, peers) as here:
        await here.cosigner.round()
        assert here.cosigned is not None  # two of three
        signers = policy_of([peer.signer.key for peer in peers]).signers((here.place.shard() / "cosigned").read_bytes())
        assert signers == ["b.example/witness", "c.example/witness"]
        assert here.alarms == (["audit.bad-witness x"] if lies else [])
        assert here.ledger.broken is None
        assert peers[2].evidence == []  # a redirect is not followed
        await here.grow()
        said = list(here.alarms)
        await here.cosigner.round()
        assert here.alarms == said  # not every minute


class Deaf(Peer):
    """Takes no evidence, and does not say so either."""

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.evidence.append(await request.read())
        await asyncio.Event().wait()
        raise AssertionError


async def test_who_does_not_take_evidence_holds_up_nobody(tmp_path, monkeypatch):
    """Each such peer would cost the round as long as a peer may take, for each proof: nothing was cosigned meanwhile."""
    monkeypatch.setattr(cosigner, "SECONDS", 1.0)
    deaf, peer = Deaf("a"), Peer("b")
    proofs = [
        Evidence(ORIGIN, Grade.E1, tuple(LOG.sign(Checkpoint(ORIGIN, size, bytes([n] * 32)).text()) for n in (1, 2)))
        for size in (1, 2)
    ]
    async with bench(tmp_path, [deaf, peer]) as here:

        def work(connection):
            return None, [local() for one in proofs if witness_store.add_evidence(connection, one, "2026-11-23")]

        await here.ledger.transact(work)
        await here.cosigner.round()
        assert (len(deaf.evidence), len(peer.evidence)) == (1, 2)
        await here.cosigner.round()
        assert (len(deaf.evidence), len(peer.evidence)) == (2, 2)


async def test_a_node_without_a_certificate_can_ask_nobody(tmp_path):
    def none(_community):
        raise BadCertificate("this node has no certificate yet")

    (tmp_path / "spool").mkdir()
    resolver = GuardedResolver(development=True, permitted=())
    client = PeerClient(none, Spool(tmp_path / "spool"), MimeLimits(), lambda: resolver)
    await client.start()
    told, silent = await recollect(client, [Peer("b").community], LOG.key)
    await client.stop()
    assert (told, [one.name for one in silent]) == ([], ["b"])


async def test_without_a_quorum_nothing_is_called_cosigned_and_an_alarm_follows(tmp_path):
    peer = Peer("b")
    async with bench(tmp_path, [peer, Peer("x", status(503)), Peer("y", status(503))]) as here:
        await here.cosigner.round()
        assert here.cosigned is None
        here.now[0] = peer.now = NOW + timedelta(minutes=14)
        await here.cosigner.round()
        assert here.alarms == []
        here.now[0] = peer.now = NOW + timedelta(minutes=15)
        await here.cosigner.round()
        await here.cosigner.round()
        assert here.alarms == ["audit.quorum-missing"]
        assert b"xdsnode_audit_quorum_age_seconds 900.0" in here.metrics.render()
        await here.grow()  # and work goes on


async def test_an_anchor_each_quarter_of_an_hour(tmp_path):
    peer = Peer("b")
    async with bench(tmp_path, [peer]) as here:
        for minutes in (0, 5, 14, 15, 20, 31):
            here.now[0] = peer.now = NOW + timedelta(minutes=minutes)
            await here.grow()
            await here.cosigner.round()
        reader = store.open_reader(here.place.database)
        times = [row[0] for row in reader.execute("SELECT time FROM audit_record WHERE kind = 8 ORDER BY seq")]
        reader.close()
        assert [time[11:16] for time in times] == ["10:02", "10:17", "10:33"]


@pytest.mark.parametrize("silent", [True, False], ids=["asked for the first time", "in a later answer"])
async def test_a7_a_witness_that_proves_a_newer_state_stops_the_node(tmp_path, silent):
    """Nobody could be asked at the start; the first witness that is reached holds this node's own signature over more."""
    peer = Peer(
        "b", status(409, b"50\n", "text/x.tlog.size"), memory=LOG.sign(Checkpoint(ORIGIN, 50, bytes(32)).text())
    )
    async with bench(tmp_path, [peer], silent=silent) as here:
        await here.cosigner.round()
        assert here.ledger.broken is not None
        assert "older state" in str(here.ledger.broken)
        assert here.place.fatal
        with pytest.raises(LedgerBroken):
            await here.ledger.record([local()])
        assert here.alarms == ["audit.rolled-back"]


async def test_a7_another_history_of_the_same_size_stops_the_node(tmp_path):
    peer = Peer("b", status(422), memory=LOG.sign(Checkpoint(ORIGIN, 3, bytes(32)).text()))
    async with bench(tmp_path, [peer]) as here:
        await here.cosigner.round()
        assert "another history" in str(here.ledger.broken)


async def test_a12_a_memory_that_this_node_has_not_signed_proves_nothing(tmp_path):
    forged = NoteSigner(ORIGIN, bytes(32)).sign(Checkpoint(ORIGIN, 50, bytes(32)).text())
    peer = Peer("b", status(409, b"50\n", "text/x.tlog.size"), memory=forged)
    async with bench(tmp_path, [peer], silent=True) as here:
        await here.cosigner.round()
        assert here.ledger.broken is None
        await here.grow()
