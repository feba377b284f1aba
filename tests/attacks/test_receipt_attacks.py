"""A10: a peer sends a forged, foreign or old Audit-Proof, or none: it is on record, and nothing passes where one must be.

A real node; the peer is simulated, asks and answers with the keys of a node that does not run, and keeps a log of its own.
"""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from aiohttp import web

from tests.end_to_end.nodes import AUTHORITY, Node, free_base
from tests.end_to_end.wire import ACTIONS, PARTIAL, SUCCESS, Answer, Client, Document, envelope, find_documents, urn
from tests.simulator.audit_log import AuditLog, digest
from tests.simulator.community import Asked, Community, Keys, running, truthful
from trust.audit.event import Kind
from trust.communities import AuditIdentity
from trust.ledger.checkpoint import VerificationKey
from trust.ledger.keys import read_key
from trust.ledger.receipt import from_header, parse, to_header, verify
from trust.ledger.record import exchange_tag

PATIENT = f"A10^^^&{AUTHORITY}&ISO"


@dataclass
class World:
    """A node, and a community that can say what it likes."""

    node: Node
    peer: Node
    community: Community
    export: Path
    log: AuditLog

    def trusts(self, choice: str) -> None:
        fingerprint = json.loads(self.export.read_text())["fingerprint"]
        words = ("peer", "add", str(self.export), "--fingerprint", fingerprint, "--replace", "--audit-proof", choice)
        self.node.run(*words)

    def asks(self, cid: str, header: Callable[[bytes], str]) -> Answer:
        """ITI-38 by the community; the receipt is made of the digest of what is sent."""
        url = self.node.described["endpoints"]["iti-38"]
        sent = envelope(ACTIONS["iti-38"], find_documents(PATIENT), to=url, message_id=cid)
        keys = self.peer.folder / "keys"
        client = Client({}, self.node.described["tls"]["ca"], str(keys / "tls.pem"), str(keys / "tls.key"))
        given = header(digest(sent))
        headers = {"Audit-Proof": given} if given else {}
        return client.post(url, "application/soap+xml; charset=UTF-8", sent, headers)

    def answers(self, header: Callable[[str, bytes], str]) -> Answer:
        """ITI-18 at the node, which asks the community."""

        async def behave(community: Community, request: web.Request, asked: Asked) -> web.StreamResponse:
            response = await truthful(community, request, asked)
            assert isinstance(response, web.Response)
            given = header(asked.message_id, digest(response.body))
            if given:
                response.headers["Audit-Proof"] = given
            return response

        self.community.behaves(behave)
        return self.node.client().send("iti-18", find_documents(PATIENT))

    def kept(self, cid: str) -> list[bytes]:
        connection = sqlite3.connect(f"file:{self.node.folder / 'data' / 'node.db'}?mode=ro", uri=True)
        rows = connection.execute("SELECT proof FROM audit_receipt WHERE cid = ?", (cid,)).fetchall()
        connection.close()
        return [proof for (proof,) in rows]

    def counted(self, outcome: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.node.base + 9}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        start = f'xdsnode_audit_proofs_total{{community="{self.community.home}",outcome="{outcome}"}} '
        return sum(float(line.removeprefix(start)) for line in text.splitlines() if line.startswith(start))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = Path(tmp_path_factory.mktemp("receipts"))
    base = free_base(2)
    node, peer = (Node(folder / f"node{k}", base + 10 * k, f"Institution {k}").init(folder / "ca") for k in range(2))
    keys = peer.folder / "keys"
    community = Community(peer.home, Keys(keys / "tls.pem", keys / "tls.key", keys / "trust.pem"))
    community.port = peer.base + 1
    community.holds(PATIENT, Document(b"elsewhere"))
    export = json.loads(peer.run("endpoints", "--export").stdout)
    export["endpoints"] = {key: community.endpoint(key) for key in ("iti-38", "iti-39")}
    path = folder / "peer.json"
    path.write_text(json.dumps(export))
    node.run("peer", "add", str(path), "--fingerprint", export["fingerprint"])
    node.know(PATIENT)
    (key,) = keys.rglob("ledger*")
    log = AuditLog(f"{export['audit']['log']}/{datetime.now(UTC).year}", read_key(key))
    with running(community):
        try:
            node.start()
            yield World(node, peer, community, path, log)
        finally:
            node.stop()


@pytest.fixture(params=["optional", "required"])
def choice(world: World, request: pytest.FixtureRequest) -> str:
    world.trusts(request.param)
    return request.param


Forge = Callable[[AuditLog, int, str, str, bytes], str]  # log, kind, leg, cid, payload -> header


def _of_another_key(log: AuditLog, *about: object) -> str:
    return to_header(AuditLog(log.signer.key.name, bytes(32)).receipt(*about))


def _not_in_the_log(log: AuditLog, kind: int, leg: str, cid: str, payload: bytes) -> str:
    return to_header(log.proof(3, b"\x01" + bytes([kind]) + exchange_tag(leg, cid, payload) + bytes(64)))


def _of_another_log(_: AuditLog, *about: object) -> str:
    return to_header(AuditLog(f"elsewhere.example/audit/{datetime.now(UTC).year}", bytes(32)).receipt(*about))


def _of_a_closed_log(log: AuditLog, *about: object) -> str:
    return to_header(AuditLog(f"{log.signer.key.name[:-4]}2024", bytes(32)).receipt(*about))


CORPUS: dict[str, tuple[Forge, str]] = {
    "A10 none at all": (lambda *_: "", "missing"),
    "A10 garbage": (lambda *_: "AAAA", "malformed"),
    "A10 forged: signed with another key": (_of_another_key, "not-signed"),
    "A10 forged: not in the log": (_not_in_the_log, "not-included"),
    "A10 foreign: another log": (_of_another_log, "foreign-log"),
    "A10 foreign: another exchange": (
        lambda log, kind, leg, cid, payload: to_header(log.receipt(kind, leg, cid + "0", payload)),
        "other-exchange",
    ),
    "A10 foreign: another message": (
        lambda log, kind, leg, cid, _payload: to_header(log.receipt(kind, leg, cid, bytes(32))),
        "other-exchange",
    ),
    "A10 foreign: of what it received, not of what it sent": (
        lambda log, kind, leg, cid, payload: to_header(log.receipt({1: 2, 3: 4}[kind], leg, cid, payload)),
        "other-kind",
    ),
    "A10 old: a log that is closed": (_of_a_closed_log, "foreign-log"),
}


def test_a_good_receipt_of_a_question_is_kept_and_committed_to(world: World, choice: str) -> None:
    cid, good = urn(), world.counted("good")
    given: list[bytes] = []

    def header(payload: bytes) -> str:
        given.append(world.log.receipt(1, "q", cid, payload))
        return to_header(given[0])

    answer = world.asks(cid, header)
    assert answer.status == SUCCESS
    received = world.node.records(cid)[2]
    assert received["peer_receipt"] == sha256_hex(given[0])
    assert "receipt" not in received["event"]["note"]
    assert world.kept(cid) == given
    assert world.counted("good") == good + 1
    proved(world, answer, cid)


def test_a_good_receipt_of_an_answer_is_kept_and_committed_to(world: World, choice: str) -> None:
    given: dict[str, bytes] = {}

    def header(cid: str, payload: bytes) -> str:
        given[cid] = world.log.receipt(3, "s", cid, payload)
        return to_header(given[cid])

    assert world.answers(header).status == SUCCESS
    ((cid, receipt),) = given.items()
    assert world.node.records(cid)[4]["peer_receipt"] == sha256_hex(receipt)
    assert world.kept(cid) == [receipt]


@pytest.mark.parametrize("name", CORPUS)
def test_a_question(world: World, choice: str, name: str) -> None:
    forge, flaw = CORPUS[name]
    cid, counted = urn(), world.counted(flaw)
    answer = world.asks(cid, lambda payload: forge(world.log, 1, "q", cid, payload))
    records = world.node.records(cid)
    assert sorted(records) == [2, 3]
    assert (records[2]["peer_receipt"], world.kept(cid)) == ("", [])
    assert world.counted(flaw) == counted + 1
    if choice == "required":
        assert (answer.http_status, answer.body.tag.rpartition("}")[2]) == (403, "Fault")
        assert "Audit-Proof" not in answer.raw.decode()
        assert "no good Audit-Proof" in json.dumps(records[3]["event"])
    else:
        assert answer.status == SUCCESS
        assert records[2]["event"]["note"]["receipt"].startswith(flaw + ": ")
    proved(world, answer, cid)


@pytest.mark.parametrize("name", CORPUS)
def test_an_answer(world: World, choice: str, name: str) -> None:
    forge, flaw = CORPUS[name]
    counted = world.counted(flaw)
    answer = world.answers(lambda cid, payload: forge(world.log, 3, "s", cid, payload))
    cid = world.community.asked[-1].message_id
    records = world.node.records(cid)
    assert sorted(records) == [1, 4]
    assert (records[4]["peer_receipt"], world.kept(cid)) == ("", [])
    assert records[4]["event"]["note"]["receipt"].startswith(flaw + ": ")
    assert world.counted(flaw) == counted + 1
    if choice == "required":
        assert answer.status == PARTIAL
        ((code, location, context),) = answer.errors
        assert (code, location) == ("XDSUnavailableCommunity", world.community.home)
        assert "Audit-Proof" in context
        assert answer.entries() == []
    else:
        assert answer.status == SUCCESS
        assert len(answer.entries()) == 1


def test_a10_old_a_receipt_that_was_accepted_before(world: World, choice: str) -> None:
    cid = urn()
    given: list[str] = []

    def header(payload: bytes) -> str:
        given.append(given[0] if given else to_header(world.log.receipt(1, "q", cid, payload)))
        return given[-1]

    assert world.asks(cid, header).status == SUCCESS
    again, counted = world.counted("used-before"), world.asks(cid, header)
    assert (counted.http_status == 403) is (choice == "required")
    assert world.counted("used-before") == again + 1
    assert len(world.kept(cid)) == 1


def test_a_wrong_receipt_raises_an_alarm_and_a_missing_one_does_not(world: World) -> None:
    world.trusts("optional")

    def alarms() -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{world.node.base + 9}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return sum(
            int(float(line.split()[1])) for line in lines if 'alarm="audit-proof-invalid"' in line and "_total" in line
        )

    before = alarms()
    world.asks(urn(), lambda _: "")
    assert alarms() == before
    world.asks(urn(), lambda _: "AAAA")
    assert alarms() == before + 1


def sha256_hex(data: bytes) -> str:
    return sha256(data).hexdigest()


def proved(world: World, answer: Answer, cid: str) -> None:
    """Whatever the node answers, a fault too, comes with its own receipt."""
    exported = json.loads(world.node.run("endpoints", "--export").stdout)["audit"]
    year = datetime.now(UTC).year
    (folder,) = (world.node.folder / "audit").glob(f"{year}*")
    key = VerificationKey.parse((folder / "vkey").read_text())
    identity = AuditIdentity(log=exported["log"], key=key.public)
    tag = exchange_tag("s", cid, digest(answer.raw))
    verify(
        parse(from_header(answer.audit_proof)), identity.key_of, kind=Kind.RESPONSE_SENT, tag=tag, now=datetime.now(UTC)
    )
