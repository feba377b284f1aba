"""XDR between real nodes: pushed, waiting, accepted or rejected; on record at both ends, and never past the policy."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from node.documents.received import SENDER
from tests.end_to_end.nodes import Node
from tests.end_to_end.wire import find_documents

pytestmark = pytest.mark.long

RIM = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"


def data(node: Node, *arguments: str, check: bool = True):
    return json.loads(node.run(*arguments, "--json", check=check).stdout)


@pytest.fixture
def letter(nodes: list[Node], patient: str, tmp_path: Path) -> str:
    """A document at the first node; its uniqueId."""
    path = tmp_path / "letter.txt"
    path.write_text(f"Dear colleague, about {patient}")
    return data(nodes[0], "submit", "--patient", patient, str(path))["documents"][0]["unique_id"]


def held_at(node: Node, patient: str) -> list[dict]:
    """Documents of a patient that this node itself holds."""
    return [
        one for one in data(node, "find", "--patient", patient)["documents"] if one["home_community_id"] == node.home
    ]


def exchanges(node: Node, kind: int) -> list[dict]:
    """Records of one kind about ITI-41 with another institution, the newest last."""
    connection = sqlite3.connect(f"file:{node.folder / 'data' / 'node.db'}?mode=ro", uri=True)
    with contextlib.closing(connection):
        rows = connection.execute("SELECT body FROM audit_record WHERE kind = ? ORDER BY seq", (kind,)).fetchall()
    found = [json.loads(body) for (body,) in rows]
    return [one for one in found if '"ITI-41"' in json.dumps(one["event"])]


def test_a_pushed_document_waits_and_is_registered_when_it_is_accepted(
    nodes: list[Node], patient: str, letter: str, tmp_path: Path
):
    sender, recipient = nodes[:2]
    pushed = data(sender, "push", "--patient", patient, "--to", recipient.name, letter)
    assert (pushed["documents"], [one["code"] for one in pushed["notes"]]) == ([letter], ["DocumentQueued"])
    (waiting,) = [one for one in data(recipient, "inbox", "list")["received"] if one["patient"] == patient]
    assert (waiting["sender"], waiting["submission_set"]) == (sender.name, pushed["submission_set"])
    assert held_at(recipient, patient) == []
    number = str(waiting["no"])
    shown = data(recipient, "inbox", "show", number, "--output", str(tmp_path / "read"))
    assert Path(shown["files"][0]).read_text() == f"Dear colleague, about {patient}"
    accepted = data(recipient, "inbox", "accept", number, "--patient", patient)
    assert accepted["documents"] == [letter]
    (here,) = held_at(recipient, patient)
    fetched = tmp_path / "fetched"
    recipient.run("fetch", "--home", recipient.home, "--repository", recipient.repository, "--unique-id", letter, "--output", str(fetched))  # fmt: skip
    assert fetched.read_text() == f"Dear colleague, about {patient}"
    assert here["unique_id"] == letter
    found = recipient.client().send("iti-18", find_documents(patient))
    (entry,) = [one for one in found.entries() if one.get("home") == recipient.home]
    slots = {slot.get("name"): "".join(slot.itertext()).strip() for slot in entry.iter(f"{RIM}Slot")}
    assert slots[SENDER] == sender.home
    again = recipient.run("inbox", "accept", number, "--patient", patient, check=False)
    assert (again.returncode, "it was accepted by" in again.stderr) == (1, True)


def test_both_ends_put_the_same_exchange_on_record(nodes: list[Node], patient: str, letter: str):
    sender, recipient = nodes[:2]
    sender.run("push", "--patient", patient, "--to", recipient.name, letter)
    asked, answered = exchanges(sender, 1)[-1], exchanges(sender, 4)[-1]
    received, sent = exchanges(recipient, 2)[-1], exchanges(recipient, 3)[-1]
    assert asked["cid"] == answered["cid"] == received["cid"] == sent["cid"]
    assert asked["payload"] == received["payload"]
    assert answered["payload"] == sent["payload"]
    assert received["peer_receipt"], "the sender proved that its question is in its log"
    assert (answered["event"]["id"][0], sent["event"]["id"][0]) == ("110106", "110107")
    assert answered["event"]["patient"] == sent["event"]["patient"] == patient
    assert answered["event"]["objects"][1]["id"] == sent["event"]["objects"][1]["id"]


def test_what_is_rejected_is_gone(nodes: list[Node], patient: str, letter: str):
    sender, recipient = nodes[:2]
    sender.run("push", "--patient", patient, "--to", recipient.name, letter)
    (waiting,) = [one for one in data(recipient, "inbox", "list")["received"] if one["patient"] == patient]
    recipient.run("inbox", "reject", str(waiting["no"]))
    assert [one for one in data(recipient, "inbox", "list")["received"] if one["patient"] == patient] == []
    assert held_at(recipient, patient) == []
    connection = sqlite3.connect(f"file:{recipient.folder / 'data' / 'node.db'}?mode=ro", uri=True)
    with contextlib.closing(connection):
        name = f"urn:x-xdsnode:received:{waiting['no']}:%"
        assert connection.execute("SELECT 1 FROM stored_document WHERE unique_id LIKE ?", (name,)).fetchall() == []


def test_what_the_policy_keeps_from_them_is_not_pushed(nodes: list[Node], patient: str, letter: str):
    sender, recipient = nodes[:2]
    sender.run("consent", "add", "--patient", patient, "--deny")
    refused = sender.run("push", "--patient", patient, "--to", recipient.name, letter, check=False)
    assert (refused.returncode, "push.denied" in refused.stderr) == (1, True)
    assert [one for one in data(recipient, "inbox", "list")["received"] if one["patient"] == patient] == []


@pytest.mark.parametrize(
    ("to", "document", "code"),
    [("nobody", "", "peer.unknown"), ("", "2.25.404", "document.unknown")],
)
def test_what_cannot_be_pushed_is_named(
    nodes: list[Node], patient: str, letter: str, to: str, document: str, code: str
):
    refused = nodes[0].run("push", "--patient", patient, "--to", to or nodes[1].name, document or letter, check=False)
    assert (refused.returncode, code in refused.stderr) == (1, True), refused.stderr
