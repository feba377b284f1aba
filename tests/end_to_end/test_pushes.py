"""XDR between real nodes: pushed, waiting, accepted or rejected; on record at both ends, and never past the policy."""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.documents.received import SENDER
from tests.end_to_end.nodes import Node
from tests.end_to_end.pages import Browser, Page, account
from tests.end_to_end.wire import find_documents

pytestmark = pytest.mark.long

_NUMBERS = itertools.count(1)
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


def looked(node: Node, patient: str) -> list[dict]:
    """Records of looks into the inbox about a patient."""
    found = json.loads(node.run("audit", "search", "--patient", patient, "--json").stdout)["entries"]
    return [one for one in found if "inbox show" in json.dumps(one)]


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
    looks = len(looked(recipient, patient))
    again = recipient.run("inbox", "show", number, "--output", str(tmp_path / "read"), check=False)
    assert again.returncode, "the file is there already"
    assert len(looked(recipient, patient)) == looks + 1, "who looks is on record before a byte is written"
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


NORA = (
    *("--family", "Halvorsen", "--given", "Nora", "--birth-date", "1972-04-15", "--sex", "F"),
    *("--street", "7 Quay Road", "--city", "Norwick", "--phone", "+47 55 55 10 00"),
)


@pytest.fixture
def administrator(nodes: list[Node]) -> Iterator[Browser]:
    one = Browser(nodes[1])
    name = f"o.berg{next(_NUMBERS)}"
    one.sign_in(account(nodes[1], name, "--role", "administrator"))
    yield one
    one.submit(one.get("/node"), "/sign-out")


def about_nora(nodes: list[Node], patient: str, tmp_path: Path) -> str:
    """A pushed letter about somebody both institutions know, and a namesake of hers at the recipient; its uniqueId."""
    sender, recipient = nodes[:2]
    number, rest = patient.partition("^")[0], patient.partition("^")[2]
    for node in (sender, recipient):
        node.run("patient", "add", patient, *NORA)
    younger = [one.replace("1972-04-15", "2001-01-02") for one in NORA]
    recipient.run("patient", "add", f"{number}Y^{rest}", *younger)
    path = tmp_path / "letter.txt"
    path.write_text(f"about {patient}")
    unique_id = data(sender, "submit", "--patient", patient, "--title", 'Letter <信> & "more"', str(path))
    unique_id = unique_id["documents"][0]["unique_id"]
    sender.run("push", "--patient", patient, "--to", recipient.name, unique_id)
    return unique_id


def number_of(recipient: Node, patient: str) -> str:
    (waiting,) = [one for one in data(recipient, "inbox", "list")["received"] if one["patient"] == patient]
    return str(waiting["no"])


def test_an_administrator_sees_whose_it_may_be_and_decides(
    nodes: list[Node], patient: str, administrator: Browser, tmp_path: Path
):
    unique_id = about_nora(nodes, patient, tmp_path)
    recipient = nodes[1]
    no = number_of(recipient, patient)
    assert "pushed submissions wait" in administrator.get("/node").text
    listed = administrator.get("/node/inbox")
    assert f"/node/inbox/{no}" in listed.links("/node/inbox/")
    assert nodes[0].name in listed.text
    assert 'Letter <信> & "more"' in listed.text
    page = administrator.get(f"/node/inbox/{no}")
    assert "Halvorsen" in page.text
    assert choices(page).keys() == {patient}
    assert "another" not in choices(page)[patient]
    assert "same name" in choices(page)[patient]
    number, _, rest = patient.partition("^")
    looked_up = administrator.submit(page, f"/{no}/patient", number=f"{number}Y")
    assert "another date of birth" in choices(looked_up)[f"{number}Y^{rest}"]
    # Nothing is chosen for the person, and what is chosen is seen first.
    assert page.tree.xpath("//input[@name='patient'][@checked]") == []
    looked_up = administrator.submit(page, f"/{no}/patient", number="no such number")
    assert "No patient here has this number." in looked_up.text
    assert administrator.post(f"/node/inbox/{no}", token=token(page), answer="accept").status == 422
    done = administrator.post(f"/node/inbox/{no}", token=token(page), answer="accept", patient=patient)
    assert done.address == "/node/inbox"
    assert [one["unique_id"] for one in held_at(recipient, patient)] == [unique_id]
    again = administrator.get(f"/node/inbox/{no}")
    assert (again.status, "inbox.unknown" in again.text) == (422, True)
    found = recipient.run("audit", "search", "--patient", patient, "--json").stdout
    for what in ("patients shown who may be meant", "pushed documents looked at", f"documents of {nodes[0].name} acc"):
        assert what in found


def test_an_administrator_refuses_with_a_reason(
    nodes: list[Node], patient: str, administrator: Browser, tmp_path: Path
):
    about_nora(nodes, patient, tmp_path)
    recipient = nodes[1]
    no = number_of(recipient, patient)
    page = administrator.get(f"/node/inbox/{no}")
    short = administrator.post(f"/node/inbox/{no}", token=token(page), answer="reject", reason="no")
    assert (short.status, "ten characters" in short.text) == (422, True)
    done = administrator.post(
        f"/node/inbox/{no}", token=token(page), answer="reject", reason="sent to the wrong clinic"
    )
    assert done.address == "/node/inbox"
    assert held_at(recipient, patient) == []
    assert (
        "rejected: sent to the wrong clinic" in recipient.run("audit", "search", "--patient", patient, "--json").stdout
    )


def choices(page: Page) -> dict[str, str]:
    """What is said of each patient who can be chosen, by identifier."""
    return {one.get("value"): one.getparent().text_content() for one in page.tree.xpath("//input[@name='patient']")}


def token(page: Page) -> str:
    return page.tree.xpath("//main//input[@name='token']/@value")[0]


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
