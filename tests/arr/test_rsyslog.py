"""A18: the Audit Record Repository goes away, comes back, is killed; afterwards it has everything."""

from __future__ import annotations

import base64
import json
import random
import signal
import sqlite3
import threading
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from tests.arr.rsyslog import Rsyslog, missing
from tests.end_to_end.nodes import AUTHORITY, Node, connect, free_base
from tests.end_to_end.wire import Document, find_documents, provide, retrieve
from tests.faults.clients import Kept
from tests.node.atna.receiver import Message
from tests.shared import SHARED
from trust.ledger import hdn_verify
from trust.pki.authority import open_authority

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "installed")

REPOSITORY = """
[[audit.repositories]]
name = "regional"
host = "localhost"
port = {port}
enterprise_number = 32473
"""
SECONDS = 4.0  # of load around each fault


class Load(threading.Thread):
    """Queries and retrieves across two institutions until it is stopped."""

    def __init__(self, node: Node, other: Node, patient: str, unique_ids: list[str]) -> None:
        super().__init__(daemon=True)
        self.client = Kept.of(node.described)
        self.requests = [
            ("iti-18", find_documents(patient)),
            ("iti-43", retrieve((other.home, other.repository, unique_ids[1]))),
            ("iti-43", retrieve((None, node.repository, unique_ids[0]))),
        ]
        self.stopped = threading.Event()
        self.answered = 0
        self.wrong: list[str] = []

    def run(self) -> None:
        while not self.stopped.is_set():
            transaction, body = self.requests[self.answered % len(self.requests)]
            answer = self.client.send(transaction, body)
            if answer.http_status != 200:
                self.wrong.append(f"{transaction}: {answer.http_status}")
            self.answered += 1
        self.client.leave()


def recorded(node: Node) -> dict[str, str]:
    """Every entry that carries an AuditMessage, with its text."""
    connection = sqlite3.connect(f"file:{node.folder}/data/node.db?mode=ro", uri=True)
    rows = connection.execute("SELECT entry, body FROM audit_leaf JOIN audit_record USING (seq)").fetchall()
    connection.close()
    found = {base64.b64encode(entry).decode(): json.loads(body)["dicom"] for entry, body in rows}
    return {entry: text for entry, text in found.items() if text}


def backlog(node: Node) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{node.base + 9}/metrics", timeout=10) as answer:
        (line,) = (one for one in answer.read().decode().splitlines() if one.startswith("xdsnode_audit_backlog{"))
    return int(float(line.split()[-1]))


def caught_up(nodes: list[Node]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if not any(backlog(node) for node in nodes):
            return
        time.sleep(0.2)
    raise AssertionError([(node.name, backlog(node), node.run("status", check=False).stdout) for node in nodes])


@pytest.fixture
def institutions(tmp_path: Path):
    """Two connected nodes with one document each, both sending to one rsyslogd that is up already."""
    base = free_base(2)
    nodes = [Node(tmp_path / f"node{k + 1}", base + 10 * k, f"Institution {k + 1}", forked=False) for k in range(2)]
    now = datetime.now(UTC)
    authority = open_authority(tmp_path / "ca", "Development CA: not for patients", now=now, development=True)
    arr = Rsyslog(tmp_path / "arr", base + 5).certify(authority, now)
    for node in nodes:
        node.init(tmp_path / "ca")
        with (node.folder / "node.toml").open("a") as file:
            file.write(REPOSITORY.format(port=arr.port))
    connect(nodes)
    try:
        arr.start()
        for node in nodes:
            node.start()
        yield nodes, arr
    finally:
        for node in nodes:
            node.stop()
        arr.stop()


def disturb(arr: Rsyslog, node: Node) -> None:
    """Kill, stop, kill and freeze the repository while the nodes are busy."""
    chance = random.Random(18)
    for fault in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP):
        time.sleep(chance.uniform(SECONDS / 2, SECONDS))
        if fault == signal.SIGSTOP:  # alive for the kernel, dead for everybody else
            assert arr.process is not None
            arr.process.send_signal(fault)
            time.sleep(SECONDS / 2)
            arr.process.send_signal(signal.SIGCONT)
            continue
        arr.stop(fault)
        time.sleep(chance.uniform(SECONDS / 4, SECONDS / 2))
        if fault == signal.SIGTERM:
            status = node.run("status", check=False).stdout
            assert "audit repository regional: localhost" in status
            assert "is out of reach since" in status
        arr.start()


def assert_witnessed(checkpoints: list[Message], nodes: list[Node]) -> None:
    """What went out are checkpoints of these logs, and the logs still begin with them."""
    assert checkpoints
    notes = [base64.b64decode(message.text) for message in checkpoints]
    for node in nodes:
        (folder,) = (node.folder / "audit").iterdir()
        key = hdn_verify.read_key((folder / "vkey").read_text().strip())
        own = [note for note in notes if note.startswith(f"{key.name}\n".encode())]
        assert all(key.name in hdn_verify.read_note(note, [key]).signers for note in own)
        (folder.parent / "witnessed").write_bytes(own[-1])
        node.run("audit", "since", str(folder.parent / "witnessed"))


@pytest.mark.parametrize("row", ["A18"])
def test_nothing_is_missing_after_stops_and_kills(
    institutions: tuple[list[Node], Rsyslog], row: str, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes, arr = institutions
    patient = f"ARR^^^&{AUTHORITY}&ISO"
    unique_ids = []
    for node in nodes:
        node.know(patient)
        document = Document(b"progress " * 20)
        unique_ids.append(document.unique_id)
        assert node.client().send("iti-41", *provide(patient, [document])).http_status == 200
    loads = [Load(nodes[0], nodes[1], patient, unique_ids) for _ in range(2)]
    for load in loads:
        load.start()
    disturb(arr, nodes[0])
    for load in loads:
        load.stopped.set()
        load.join(60)
        assert not load.wrong
        assert load.answered > 50, "no load, no test"
    caught_up(nodes)
    for node in nodes:
        node.stop()  # the record of the stop is sent too
    arr.stop()

    expected = recorded(nodes[0]) | recorded(nodes[1])
    messages = [Message.of(line) for line in arr.lines() if line.startswith(b"<85>1 ")]
    audit = [message for message in messages if message.id == "IHE+RFC-3881"]
    seen = Counter(message.data["entry"] for message in audit)
    assert not expected.keys() - seen.keys(), "missing after catch-up"
    assert not seen.keys() - expected.keys(), "a message that nobody recorded"
    texts: dict[str, str] = {}
    for message in audit:
        assert texts.setdefault(message.data["entry"], message.text) == expected[message.data["entry"]]
    repeated = sum(seen.values()) - len(seen)
    assert repeated > 0, "after a kill the last messages come again"
    schema = etree.XMLSchema(etree.parse(SHARED / "schemas/atna/audit-message-dicom.xsd")) if SHARED else None
    kinds = Counter()
    for text in texts.values():
        element = etree.fromstring(text.encode())
        kinds[element.find("EventIdentification/EventTypeCode").get("csd-code")] += 1
        if schema is not None:
            schema.assertValid(element)
    assert {"ITI-18", "ITI-38", "ITI-39", "ITI-41", "ITI-43", "110120", "110121"} <= kinds.keys()
    checkpoints = [message for message in messages if message.id == "AUDIT-CHECKPOINT"]
    assert_witnessed(checkpoints, nodes)
    with capsys.disabled():
        print(
            f"\n{row}: {len(expected)} records of two nodes, 0 missing, {repeated} repeated, "
            f"{len(checkpoints)} checkpoints, {sum(load.answered for load in loads)} requests, by type {dict(kinds)}"
        )
