"""This node as a witness, inside a real node: what is durable, on record, passed on, and how often one may ask."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from hashlib import sha256

import pytest

from node.administration.exports import own_export
from node.configuration.config import Config
from node.http.resources import Asked, Given
from node.operations import execute
from node.services import Services, open_services
from node.witness.forks import GRACE
from node.witness.server import BURST, Rate
from trust.identity.caller import Caller, Role
from trust.ledger import witness_store
from trust.ledger.checkpoint import Checkpoint, NoteSigner, parse_note, verified_by
from trust.ledger.keys import read_key
from trust.ledger.merkle import consistency_proof, leaf_hash, root_of, subtree_of
from trust.ledger.witness import AddCheckpoint, Evidence, Grade, write_evidence, write_request

LEAVES = [leaf_hash(bytes([number])) for number in range(30)]


class Peer:
    """Another institution: its log, and how it calls."""

    def __init__(self, config: Config) -> None:
        self.home = config.node.home_community_id
        self.origin = f"{config.log_node}/audit/2026"
        self.signer = NoteSigner(self.origin, read_key(config.folder.ledger_key))
        self.export = own_export(
            config, {key: f"https://localhost:8001/{key}" for key in ("iti-38", "iti-39", "iti-55", "iti-56")}
        )

    def note(self, size: int, root: bytes | None = None) -> bytes:
        return self.signer.sign(Checkpoint(self.origin, size, root or root_of(LEAVES[:size])).text())

    def asked(self, body: bytes, caller: str = "") -> Asked:
        home = caller or self.home
        who = Caller(
            role=Role.PEER, name="peer", fingerprint=sha256(home.encode()).hexdigest(), address="::1", home=home
        )
        return Asked(
            caller=who, parameters={}, query=(), headers={}, content_type="", body=body, endpoint="/x", incident="i"
        )

    def add(self, old: int, size: int, root: bytes | None = None) -> bytes:
        proof = consistency_proof(old, size, subtree_of(LEAVES)) if old <= size else []
        return write_request(AddCheckpoint(old, tuple(proof), self.note(size, root)))


@pytest.fixture
async def services(made_node: Callable[..., Config]) -> AsyncIterator[Services]:
    async with open_services(made_node("Here")) as found:
        yield found


@pytest.fixture
async def peer(services: Services, made_node: Callable[..., Config]) -> Peer:
    config = made_node("There", base=8010)
    found = Peer(config)
    fingerprint = json.loads(found.export)["fingerprint"]
    await execute(services, "peer add", {"export": found.export, "fingerprint": fingerprint}, "tester")
    return found


def records(services: Services, kind: int) -> list[dict]:
    rows = services.reader.execute("SELECT body FROM audit_record WHERE kind = ? ORDER BY seq", (kind,))
    return [json.loads(row[0]) for row in rows]


async def add(services: Services, peer: Peer, body: bytes, caller: str = "") -> Given:
    return await services.witnessing.server.add(peer.asked(body, caller))


async def test_memory_and_record_are_durable_before_the_cosignature(services: Services, peer: Peer) -> None:
    given = await add(services, peer, peer.add(0, 10))
    assert given.status == 200
    note = parse_note(peer.note(10) + given.body)
    assert verified_by(note, services.witnessing.server._signer.key)
    seen = witness_store.seen(services.reader, peer.origin)
    assert seen is not None
    assert seen.note == peer.note(10) + given.body
    (record,) = records(services, 11)
    assert record["peer"] == peer.home
    assert record["event"]["note"]["checkpoint_sha256"] == sha256(seen.note).hexdigest()
    digest = sha256(peer.origin.encode()).hexdigest()
    assert services.witnessing.server.remembered(digest).body == seen.note
    assert services.witnessing.server.remembered("0" * 64).status == 404
    # The same once more changes nothing and is not recorded again.
    assert (await add(services, peer, peer.add(10, 10))).status == 200
    assert len(records(services, 11)) == 1


async def test_a_missing_witness_that_calls_is_asked_at_once(services: Services, peer: Peer) -> None:
    server = services.witnessing.server
    assert server.news.is_set()  # a peer was added: there is a quorum to find
    server.news.clear()
    assert (await add(services, peer, peer.add(0, 10))).status == 200
    assert not server.news.is_set()
    server.missing.add(peer.home)
    assert (await add(services, peer, peer.add(10, 12))).status == 200
    assert server.news.is_set()
    server.news.clear()
    assert (await add(services, peer, peer.add(12, 14))).status == 200
    assert not server.news.is_set()  # once: two nodes that miss a third do not keep each other awake


async def test_two_requests_at_once_do_not_roll_back(services: Services, peer: Peer) -> None:
    """The lost update of the specification: both were consistent with the memory when they came."""
    assert (await add(services, peer, peer.add(0, 10))).status == 200
    answers = await asyncio.gather(
        add(services, peer, peer.add(10, 20)),
        add(services, peer, peer.add(10, 15)),
        add(services, peer, peer.add(10, 12)),
    )
    assert [given.status for given in answers] == [200, 409, 409]
    assert answers[1].body == b"20\n"
    seen = witness_store.seen(services.reader, peer.origin)
    assert seen is not None
    assert seen.checkpoint.size == 20


@pytest.mark.parametrize("refused", ["403", "422"])
async def test_what_does_not_verify_is_on_record(services: Services, peer: Peer, refused: str) -> None:
    assert (await add(services, peer, peer.add(0, 10))).status == 200
    before = len(records(services, 7))
    forged = NoteSigner(peer.origin, bytes(32)).sign(Checkpoint(peer.origin, 12, bytes(32)).text())
    body = write_request(AddCheckpoint(10, (), forged)) if refused == "403" else peer.add(10, 20, bytes(32))
    assert (await add(services, peer, body)).status == int(refused)
    assert len(records(services, 7)) > before
    seen = witness_store.seen(services.reader, peer.origin)
    assert seen is not None
    assert seen.checkpoint.size == 10


async def test_a_peer_that_comes_every_minute_with_a_wrong_key_does_not_fill_the_log(
    services: Services, peer: Peer
) -> None:
    before = len(records(services, 7))
    forged = NoteSigner(peer.origin, bytes(32)).sign(Checkpoint(peer.origin, 12, bytes(32)).text())
    body = write_request(AddCheckpoint(0, (), forged))
    statuses = [(await add(services, peer, body)).status for _ in range(BURST)]
    assert statuses == [403] * BURST
    assert len(records(services, 7)) == before + 5
    assert b'xdsnode_refused_total{reason="403"} 10.0' in services.metrics.render()


async def test_a_folder_of_an_older_version_gets_its_witness_key(made_node: Callable[..., Config]) -> None:
    config = made_node("Old")
    config.folder.witness_key.unlink()
    urls = {key: f"https://localhost:8001/{key}" for key in ("iti-38", "iti-39", "iti-55", "iti-56")}
    assert "witness" not in json.loads(own_export(config, urls))["audit"]
    async with open_services(config) as services:
        key = services.witnessing.server._signer.key
    assert json.loads(own_export(config, urls))["audit"]["witness"] == key.render()
    assert config.folder.witness_key.stat().st_mode & 0o777 == 0o400


async def test_nobody_else_can_bring_a_log_under_suspicion(services: Services, peer: Peer) -> None:
    """Anybody has B's signed checkpoint and can send it with a wrong proof: that says nothing about B."""
    assert (await add(services, peer, peer.add(0, 10))).status == 200
    wrong = write_request(AddCheckpoint(10, (bytes(32),), peer.note(20)))
    assert (await add(services, peer, wrong, caller="urn:oid:2.999.66")).status == 422
    assert witness_store.evidence(services.reader) == []
    assert (await add(services, peer, wrong)).status == 422
    (kept,) = witness_store.evidence(services.reader)
    assert kept.evidence.grade is Grade.E2
    assert services.witnessing.forks.by_home == {}
    assert (await add(services, peer, peer.add(10, 20))).status == 200  # the right proof is still taken


async def test_a4_evidence_marks_the_community_once(services: Services, peer: Peer) -> None:
    assert (await add(services, peer, peer.add(0, 10))).status == 200
    services.witnessing.server.news.clear()
    evidence = Evidence(peer.origin, Grade.E1, (peer.note(7), peer.note(7, bytes(32))))
    for _ in range(2):
        given = await services.witnessing.server.evidence(peer.asked(write_evidence(evidence), "urn:oid:2.999.5"))
        assert given.status == 200
    assert len(witness_store.evidence(services.reader)) == 1
    told = [one for one in records(services, 7) if "evidence of a fork" in one["event"].get("outcome_text", "")]
    assert len(told) == 1
    assert services.witnessing.server.news.is_set()
    assert (await add(services, peer, peer.add(10, 20))).status == 403  # never cosigned again
    now = services.clock()
    forks = services.witnessing.forks
    assert forks.barred(peer.home, now) == ""
    assert "FORKED" in forks.barred(peer.home, now + GRACE + timedelta(seconds=1))
    assert services.actors.barred("urn:oid:2.999.5") == ""
    for decision, closed in (("continue", False), ("stop", True)):
        arguments = {"peer": "There", "decision": decision, "reason": "because"}
        await execute(services, "peer decide", arguments, "tester")
        assert bool(forks.barred(peer.home, now + 2 * GRACE)) is closed
        assert bool(forks.barred(peer.home, now)) is closed


async def test_a_log_that_contradicts_itself_without_end_fills_nothing(services: Services, peer: Peer) -> None:
    """Whoever holds the key of a log can sign as many histories as it likes, each kept, alarmed and passed on to all."""
    server = services.witnessing.server
    before = len(records(services, 7))
    for number in range(1, witness_store.MOST + 4):
        evidence = Evidence(peer.origin, Grade.E1, (peer.note(number), peer.note(number, bytes(32))))
        asked = peer.asked(write_evidence(evidence), f"urn:oid:2.999.5.{number}")
        assert (await server.evidence(asked)).status == 200
    assert len(witness_store.evidence(services.reader)) == witness_store.MOST
    assert len(records(services, 7)) == before + witness_store.MOST


async def test_evidence_that_proves_nothing_is_refused_and_on_record(services: Services, peer: Peer) -> None:
    before = len(records(services, 7))
    given = await services.witnessing.server.evidence(peer.asked(peer.note(7) + b"\n" + peer.note(7)))
    assert given.status == 422
    assert len(records(services, 7)) == before + 1
    assert witness_store.evidence(services.reader) == []


async def test_proof_against_the_own_log_is_believed(services: Services, peer: Peer) -> None:
    """Whoever shows that this node's key signed two histories is right, whatever this node would like."""
    own = services.witnessing
    key = NoteSigner(own.key(None).name, own.keys.seed)
    notes = [key.sign(Checkpoint(key.key.name, 3, bytes([number]) * 32).text()) for number in (1, 2)]
    given = await own.server.evidence(peer.asked(notes[0] + b"\n" + notes[1]))
    assert given.status == 200
    assert len(witness_store.evidence(services.reader)) == 1


async def test_a_caller_asks_only_so_often(services: Services, peer: Peer) -> None:
    statuses = [(await add(services, peer, b"nonsense")).status for _ in range(BURST + 2)]
    assert statuses == [400] * BURST + [429] * 2
    assert (await add(services, peer, b"nonsense", "urn:oid:2.999.5")).status == 400  # others are not held up


def test_the_rate_comes_back() -> None:
    rate = Rate(burst=2, refill=5.0)
    assert [rate.take("a", now) for now in (0.0, 0.0, 0.0, 4.9, 5.0, 5.0, 100.0, 100.0, 100.0)] == [
        True,
        True,
        False,
        False,
        True,
        False,
        True,
        True,
        False,
    ]
