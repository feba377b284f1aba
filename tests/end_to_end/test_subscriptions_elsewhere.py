"""A family doctor learns of a discharge letter: subscriptions between two institutions with identifiers of their own."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator

import pytest
import trustme
from lxml import etree

from tests.end_to_end.nodes import Node, connect, free_base
from tests.end_to_end.test_discovery import cx, person
from tests.end_to_end.test_federation import put
from tests.end_to_end.test_subscriptions import RIM, Recipient, subscribed, unsubscribe
from tests.end_to_end.wire import Document, retrieve

pytestmark = pytest.mark.long


class Two:
    """The practice, the hospital, the doctor's server, and one patient under the identifier of each."""

    def __init__(self, folder) -> None:
        ca, base = trustme.CA(), free_base(2)
        self.doctor = Recipient(ca)
        self.practice = Node(folder / "practice", base, "Practice", "2.999.77.1").init(folder / "ca")
        self.hospital = Node(folder / "hospital", base + 10, "Hospital", "2.999.77.2").init(folder / "ca")
        ca.cert_pem.write_to_path(self.practice.folder / "keys" / "recipients.pem")
        (self.practice.folder / "keys" / "recipients.pem").chmod(0o400)
        config = self.practice.folder / "node.toml"
        config.write_text(config.read_text().replace("[subscriptions]", '[subscriptions]\nca = "keys/recipients.pem"'))
        config = self.hospital.folder / "node.toml"  # it wants to know in whose name others ask
        config.write_text(config.read_text().replace('\npeers = "accepted"', '\npeers = "required"'))
        assert '\npeers = "required"' in config.read_text()
        self.nodes = [self.practice, self.hospital]
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait_ready()
        connect(self.nodes)
        self.here, self.there = cx(self.practice, "A-1"), cx(self.hospital, "B-1")
        for node, patient in zip(self.nodes, (self.here, self.there), strict=True):
            node.run("patient", "add", patient, *person(1))

    def doctor_jane(self) -> str:
        """An assertion about the doctor, made by the practice's own issuer."""
        return self.practice.run("assertion", "--variant", "valid").stdout

    def letter(self, title: str) -> Document:
        document = Document(title.encode(), title=title)
        put(self.hospital, self.there, document)
        return document

    def told(self) -> tuple[str, etree._Element]:
        """Title and element of the document that the doctor is told of next."""
        envelope = self.doctor.got.get(timeout=30)
        (listed,) = envelope.iter(f"{RIM}RegistryObjectList")
        (document,) = listed
        return document.find(f"{RIM}Name/{RIM}LocalizedString").get("value"), document

    def subscriptions(self, node: Node) -> list[dict]:
        return json.loads(node.run("subscription", "list", "--json").stdout)["subscriptions"]

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()
        self.doctor.stop()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    made = Two(tmp_path_factory.mktemp("elsewhere"))
    made.address = subscribed(made.practice.client(), made.doctor.url, patient=made.here, security=made.doctor_jane())
    until(lambda: any(place["state"] == "held" for place in made.subscriptions(made.practice)[0]["elsewhere"]))
    try:
        yield made
    finally:
        made.stop()


def test_a_family_doctor_learns_of_a_discharge_letter(two: Two) -> None:
    (there,) = two.subscriptions(two.hospital)
    assert (there["subscriber"], there["role"], there["patient"]) == ("Practice", "peer", two.there)
    assert there["ends"]
    assert "jdoe" in there["user"]
    letter = two.letter("Discharge letter")
    title, document = two.told()
    assert (title, document.get("home")) == ("Discharge letter", two.hospital.home)
    wanted = (two.hospital.home, two.hospital.repository, letter.unique_id)
    answer = two.practice.client().send("iti-43", retrieve(wanted), security=two.doctor_jane())
    fetched = answer.documents()
    assert fetched[letter.unique_id][1] == b"Discharge letter"


def test_consent_is_decided_by_the_hospital_when_it_leaves(two: Two) -> None:
    two.hospital.run("consent", "add", "--patient", "B-1", "--deny", "--community", "Practice")
    two.letter("withheld")
    until(lambda: not any(one["waiting"] for one in two.subscriptions(two.hospital)))
    two.hospital.run("consent", "withdraw", "--patient", "B-1")
    two.letter("permitted again")
    assert two.told()[0] == "permitted again"


def test_nothing_is_lost_or_told_twice_when_both_ends_die(two: Two) -> None:
    two.doctor.status = 503
    two.letter("one")
    assert two.doctor.asked.acquire(timeout=30)
    assert two.practice.stop(9) is not None
    two.letter("two")
    assert two.hospital.stop(9) is not None
    two.doctor.status = 202
    two.practice.launch()
    two.hospital.launch()
    two.practice.wait_ready()
    two.hospital.wait_ready()
    two.letter("three")
    assert [two.told()[0] for _ in range(3)] == ["one", "two", "three"]
    assert two.doctor.got.empty()


def test_each_notification_is_on_record_at_both_ends(two: Two) -> None:
    sent, taken = (exchanges(node, kinds) for node, kinds in ((two.hospital, (1, 4)), (two.practice, (2, 3))))
    told = {cid for cid, (kinds, _) in sent.items() if kinds == {1, 4}}
    assert told
    assert told <= {cid for cid, (kinds, _) in taken.items() if kinds == {2, 3}}
    assert all(subject == "2.999.77.2|B-1" for _, subject in sent.values())
    assert all(subject == "2.999.77.1|A-1" for cid, (_, subject) in taken.items() if cid in told)


def exchanges(node: Node, kinds: tuple[int, int]) -> dict[str, tuple[set[int], str]]:
    """Kinds of record and subject of every ITI-53, by its message id."""
    connection = sqlite3.connect(f"file:{node.folder / 'data' / 'node.db'}?mode=ro", uri=True)
    with contextlib.closing(connection):
        rows = [json.loads(body) for (body,) in connection.execute("SELECT body FROM audit_record ORDER BY seq")]
    found: dict[str, tuple[set[int], str]] = {}
    mine = {row["cid"] for row in rows if row["event"].get("note", {}).get("transaction") == "ITI-53"}
    for row in rows:
        if row["cid"] in mine and row["kind"] in kinds:
            found.setdefault(row["cid"], (set(), row["subject"]))[0].add(row["kind"])
    return found


def test_the_end_here_is_the_end_there(two: Two) -> None:
    assert unsubscribe(two.practice.client(), two.address).http_status == 200
    until(lambda: two.subscriptions(two.hospital) == [])
    assert not re.search(r"held|ending", two.practice.run("subscription", "list").stdout)
