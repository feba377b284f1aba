"""Delivery against real services: what a subscriber gets, when, in which order, and what is on record of it."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from node.iti import iti57_update_document_set as iti57
from node.notifications.delivery import ALARM, Deliverer
from node.updates import UpdateRequest
from registry.metadata.objects import LocalizedString, Slot
from registry.store.subscriptions import Subscriptions
from tests.node import policy_bench
from tests.node.policy_bench import ANNA, NOW, Bench
from tests.registry.registry_bench import entry, submission, submission_set, uuid
from trust.identity.caller import Caller, Role

CLIENT = "records"
TO = "https://practice.example/notify"
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    config = policy_bench.config(tmp_path_factory.mktemp("delivery"))
    for bench in policy_bench.bench(config):
        bench.order("init", name=CLIENT, certificate=config.folder.client_cert.read_text())
        yield bench


class Told:
    """The deliverer of a node with a subscriber: how it answers by the time of a clock that only waiting moves."""

    def __init__(self, bench: Bench, *, down_until: timedelta = timedelta()) -> None:
        self.bench, self.began = bench, NOW
        self.elapsed, self.down_until = timedelta(), down_until
        self.envelopes: list[str] = []
        self.alarms: list[str] = []
        self.admitted = True
        actors = bench.services.actors
        actors.clock = bench.services.clock = self.clock
        actors.alarm = self.alarms.append

    def clock(self) -> datetime:
        return self.began + self.elapsed

    async def send(self, address: str, envelope: bytes) -> str:
        assert address == TO
        if self.elapsed < self.down_until:
            return "answered HTTP status 503"
        self.envelopes.append(envelope.decode())
        return ""

    async def nap(self, seconds: float) -> None:
        self.elapsed += timedelta(seconds=seconds)

    def deliver(self) -> list[str]:
        """Titles, or else ids, of what the subscriber gets until nothing waits any more."""
        deliverer = Deliverer(
            actors=self.bench.services.actors,
            send=self.send,
            admitted=lambda _: self.admitted,
            base_url="https://localhost:8001",
            nap=self.nap,
        )
        before = len(self.envelopes)
        self.bench.loop.run_until_complete(deliverer.serve(TO))
        return [title_of(one) for one in self.envelopes[before:]]


def title_of(envelope: str) -> str:
    return re.search(r'<rim:Name><rim:LocalizedString[^>]*value="([^"]*)"', envelope)[1]


def subscribed(bench: Bench, **given: object) -> str:
    bench.services.actors.recipient_faults = lambda _: []
    arguments = {"client": CLIENT, "consumer": TO, "patient": "ANNA"} | given
    return bench.order("subscription add", **arguments)["subscription"]["id"]


@pytest.fixture
def bench(made: Bench) -> Iterator[Bench]:
    """Nobody has subscribed yet."""
    before = made.services.clock
    yield made
    made.services.actors.clock = made.services.clock = before
    for one in Subscriptions(made.services.reader).all():
        made.order("subscription remove", id=one.id)


def submit(bench: Bench, title: str, **given: object):
    number = next(bench.numbers)
    values = {"patient": ANNA, "unique_id": f"2.999.6.{number}", "title": (LocalizedString(value=title),)} | given
    document = entry(uuid(number), **values)
    bench.submit(document, None)
    return document


def records(bench: Bench, id_: str) -> list[str]:
    rows = bench.services.reader.execute("SELECT body FROM audit_record ORDER BY seq").fetchall()
    notes = [json.loads(body)["event"].get("note") or {} for (body,) in rows]
    return [note["notification"] for note in notes if note.get("subscription") == id_]


def test_a_day_of_silence_costs_nothing(bench):
    told = Told(bench, down_until=DAY)
    id_ = subscribed(bench)
    for title in ("one", "two", "three"):
        submit(bench, title)
    assert told.deliver() == ["one", "two", "three"]
    assert DAY <= told.elapsed <= DAY + timedelta(minutes=10)  # within the longest pause of the recipient's return
    assert told.alarms == [ALARM]
    assert records(bench, id_) == ["about to be sent", "it arrived"] * 3
    assert Subscriptions(bench.services.reader).waiting() == (0, "")
    assert len({re.search(r"MessageID>([^<]*)<", one)[1] for one in told.envelopes}) == 3


def test_one_that_ends_meanwhile_and_one_whose_certificate_is_withdrawn_get_nothing(bench):
    told = Told(bench, down_until=DAY)
    id_ = subscribed(bench, until=(NOW + timedelta(hours=12)).isoformat())
    submit(bench, "too late")
    assert told.deliver() == []
    assert records(bench, id_) == ["about to be sent", "the subscription has ended"]
    told = Told(bench)
    id_ = subscribed(bench)
    submit(bench, "for nobody")
    told.admitted = False
    assert told.deliver() == []
    assert records(bench, id_) == ["the subscription has ended"]


def test_a_new_version_is_told_of_once_and_alone(bench):
    """ITI-57 while the subscriber is down: it gets the metadata that is in force when it comes back."""
    told = Told(bench)
    subscribed(bench)
    document = submit(bench, "before")
    update(bench, document, "after")
    assert told.deliver() == ["after"]


def update(bench: Bench, document, title: str) -> None:
    number = next(bench.numbers)
    set_ = submission_set(uuid(number), patient=ANNA, unique_id=f"2.999.5.{number}")
    new = entry(
        "NewVersion", patient=ANNA, unique_id=document.unique_id, title=(LocalizedString(value=title),),
        logical_id=document.entry_uuid,
    )  # fmt: skip
    brought = submission(new, set_=set_)
    (member,) = brought.associations
    previous = replace(member, extra=(Slot(name="PreviousVersion", values=("1",)),))
    request = UpdateRequest(replace(brought, associations=(previous,)))
    exchange = bench.exchange(Caller(role=Role.APPLICATION, name=CLIENT, fingerprint="f", address=""), NOW)

    def work(connection: sqlite3.Connection):
        return iti57.update_document_set(request, None, exchange, connection), [bench.record()]

    bench.loop.run_until_complete(bench.services.sequencer.transact(work))


def test_the_command_and_its_refusals(bench):
    id_ = subscribed(bench, types=["PROG^2.999.8.1"], topic="minimal")
    (found,) = bench.order("subscription list")["subscriptions"]
    assert (found["id"], found["subscriber"], found["patient"]) == (id_, CLIENT, ANNA)
    assert found["filter"]["$XDSDocumentEntryTypeCode"] == ["('PROG^^2.999.8.1')"]
    submit(bench, "typed")
    assert bench.order("subscription list")["subscriptions"][0]["waiting"] == 1
    assert bench.order("subscription remove", id=id_.removeprefix("urn:uuid:"))["subscription"]["id"] == id_
    for given, code in (
        ({"client": "nobody"}, "client.unknown"),
        ({"patient": ""}, "subscription.filter"),
        ({"topic": "everything"}, "usage"),
        ({"types": ["PROG"]}, "subscription.code"),
        ({"until": "2001-01-01"}, "usage"),
        ({"topic": "set", "types": ["PROG^2.999.8.1"]}, "usage"),
    ):
        with pytest.raises(Exception) as refusal:  # noqa: PT011  its code is looked at
            subscribed(bench, **given)
        assert refusal.value.faults[0].code == code
    with pytest.raises(Exception) as refusal:  # noqa: PT011
        bench.order("subscription remove", id=id_)
    assert refusal.value.faults[0].code == "subscription.unknown"


def test_one_that_cannot_be_made_holds_its_place_and_somebody_is_told(bench, monkeypatch, caplog):
    told = Told(bench)
    subscribed(bench)
    submit(bench, "one")
    content = Deliverer._content

    def fails(self, *given):
        if told.elapsed < timedelta(minutes=5):
            raise RuntimeError("a name is secret")
        return content(self, *given)

    monkeypatch.setattr(Deliverer, "_content", fails)
    assert told.deliver() == ["one"]
    assert told.alarms == [ALARM]
    assert "a notification cannot be made" in caplog.text
