"""What another community may subscribe to, what of its notifications is believed, what is kept of subscriptions there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from node.administration.exports import own_export
from node.commands.endpoints import endpoint_urls
from node.federation.answered import Answered
from node.federation.client import PeerAnswer
from node.iti import iti52_document_metadata_subscribe as iti52
from node.iti import iti53_document_metadata_notify as iti53
from node.notifications import notices, wsn
from node.notifications.content import read_content, told, write_content
from node.notifications.findings import untold
from node.notifications.reach import TOLD_AGAIN, Reach
from node.soap.faults import SoapFault
from node.soap.message import read_answer, write_envelope
from registry.ebrim.messages import LEAF_CLASS, AdhocQuery, filter_query
from registry.ebrim.writer import render
from registry.metadata.objects import Slot
from registry.queries import subscriptions as filters
from registry.queries.subscriptions import Topic
from registry.store.remote_subscriptions import ENDING, HELD, WANTED, RemoteSubscriptions
from registry.store.subscriptions import Subscriptions
from tests.node import policy_bench
from tests.node.policy_bench import ANNA, NOW, Bench
from tests.registry.registry_bench import author, code, entry, submission_set, uuid
from trust.identity.caller import Caller, Role

THEIRS = "B-1^^^&2.999.77&ISO"
CONSUMER = "https://practice.example/notify"
STAMP, LATER = (f"{NOW + timedelta(days=days):%Y%m%d%H%M%S}" for days in (0, 7))


class Pair:
    """A node, another one that it knows, and a subscription here that is held there."""

    def __init__(self, bench: Bench, home: str, base_url: str) -> None:
        self.bench, self.home, self.base_url = bench, home, base_url
        self.alarms: list[str] = []
        bench.services.actors.alarm = self.alarms.append
        bench.services.actors.recipient_faults = lambda _: []
        arguments = {"client": "records", "consumer": CONSUMER, "patient": "ANNA"}
        self.id = bench.order("subscription add", **arguments)["subscription"]["id"]
        self.no = Subscriptions(bench.services.reader).get(self.id).no
        bench.write(lambda one: RemoteSubscriptions(one).want(self.no, {home: THEIRS}, {home: "first"}, STAMP))
        self.address = f"{base_url}/iti-52-gateway?subscription=urn:uuid:1"
        bench.write(lambda one: self.made(one, "token", self.address))

    def made(self, connection, token: str, address: str) -> None:
        kept = RemoteSubscriptions(connection)
        (row,) = [one for one in kept.of(self.no) if one.state != ENDING]
        kept.made(row, token=token, address=address, ends=LATER, renew=LATER)

    def rows(self) -> list[tuple[str, str, str]]:
        return sorted((one.state, one.token, one.address) for one in self.remote.all())

    @property
    def remote(self) -> RemoteSubscriptions:
        return RemoteSubscriptions(self.bench.services.reader)

    def waiting(self) -> list[list[str]]:
        rows = self.bench.services.reader.execute("SELECT objects FROM notification ORDER BY no")
        return [json.loads(objects) for (objects,) in rows]

    def notified(self, *objects, token: str = "token", home: str = "", subscription: str = "") -> notices.Taken:
        """What becomes of an ITI-53 of the other community."""
        body = wsn.notify(subscription, self.home, Topic.FULL_DOCUMENT_ENTRY, [render(one) for one in objects])
        return self.handled(iti53.document_metadata_notify, notices.decode(etree.fromstring(body)), home, token)

    def handled(self, handle, request, home: str, token: str):
        exchange = self.bench.exchange(self.caller(home), NOW)
        exchange.query = f"token={token}"
        found = []
        self.bench.write(lambda connection: found.append(handle(request, None, exchange, connection)))
        return found[0]

    def caller(self, home: str = "") -> Caller:
        return Caller(role=Role.PEER, name="Hospital", fingerprint="f", address="", home=home or self.home)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    config = policy_bench.config(tmp_path_factory.mktemp("here"))
    other = policy_bench.config(tmp_path_factory.mktemp("there"))
    for bench in policy_bench.bench(config):
        bench.order("init", name="records", certificate=config.folder.client_cert.read_text())
        export = own_export(other, endpoint_urls(other))
        bench.order("peer add", export=export, fingerprint=json.loads(export)["fingerprint"])
        bench.other = other
        yield bench


@pytest.fixture
def pair(made: Bench) -> Iterator[Pair]:
    before = made.services.actors.alarm
    yield Pair(made, made.other.node.home_community_id, made.other.base_url)
    made.services.actors.alarm = before
    for one in Subscriptions(made.services.reader).all():
        made.order("subscription remove", id=one.id)
    made.write(lambda connection: connection.execute("DELETE FROM remote_subscription"))


def document(number: int, **given: object):
    return entry(uuid(number), patient=THEIRS, unique_id=f"2.999.8.{number}", **given)


def test_what_came_waits_for_the_subscriber_once(pair: Pair) -> None:
    assert len(pair.notified(document(1)).items) == 1
    assert pair.notified(document(1)).items == ()  # sent again, because the answer was lost
    assert len(pair.notified(document(1), document(2)).items) == 1
    assert pair.waiting() == [[uuid(1)], [uuid(2)]]
    waiting = Subscriptions(pair.bench.services.reader).next(CONSUMER)
    (item,) = read_content(waiting.content)
    assert (item.patient, item.home, waiting.producer) == (ANNA, pair.home, pair.home)
    assert f'home="{pair.home}"' in item.xml


@pytest.mark.parametrize(
    "given",
    [{"patient": "C-2^^^&2.999.77&ISO"}, {"patient": ANNA}, {"home_community_id": "urn:oid:2.999.404"}],
    ids=["another person", "our own identifier of the patient", "a third community"],
)
def test_one_object_that_must_not_be_believed_costs_the_whole_message(pair: Pair, given: dict) -> None:
    wrong = entry(uuid(3), unique_id="2.999.8.3", **({"patient": THEIRS} | given))
    taken = pair.notified(document(1), wrong)
    assert taken.errors
    assert pair.waiting() == []
    assert pair.alarms == [iti53.ALARM]


def test_what_came_for_nobody_is_dropped_and_ended_there(pair: Pair) -> None:
    stray = f"{pair.base_url}/iti-52-gateway?subscription=stray"
    assert pair.notified(document(1), token="guessed", subscription=stray).errors
    assert pair.notified(document(1), home="urn:oid:2.999.404", subscription=stray).errors  # the token of another
    assert pair.notified(document(1), token="guessed", subscription="https://elsewhere.example/x").errors
    assert pair.waiting() == []
    assert [row for row in pair.rows() if row[0] == ENDING] == [(ENDING, stray, stray)]


def test_a_renewal_ends_what_it_replaces_and_both_are_heard_meanwhile(pair: Pair) -> None:
    newer = pair.address + "0"
    pair.bench.write(lambda one: pair.made(one, "newer", newer))
    assert pair.rows() == [(ENDING, "token", pair.address), (HELD, "newer", newer)]
    assert pair.notified(document(1), token="token").items
    assert pair.notified(document(1), token="newer").items == ()
    assert pair.waiting() == [[uuid(1)]]


def test_what_came_before_it_was_known_to_be_made_ends_nothing(pair: Pair) -> None:
    newer = pair.address + "0"
    assert pair.notified(document(1), token="newer", subscription=newer).errors
    pair.bench.write(lambda one: pair.made(one, "newer", newer))
    assert pair.rows() == [(ENDING, "token", pair.address), (HELD, "newer", newer)]
    assert pair.notified(document(1), token="newer", subscription=newer).items  # it comes again


def test_what_was_told_long_ago_is_forgotten_although_no_subscription_ends(pair: Pair) -> None:
    assert pair.notified(document(1)).items
    services = pair.bench.services
    clock, left = services.actors.clock, []
    try:
        for moment in (NOW, NOW + 2 * TOLD_AGAIN):
            services.actors.clock = lambda moment=moment: moment
            reach = Reach(actors=services.actors, base_url="https://h", deadline=1.0)
            pair.bench.loop.run_until_complete(reach._tidy())
            left += services.reader.execute("SELECT count(*) FROM received_notice").fetchone()
    finally:
        services.actors.clock = clock
    assert left == [1, 0]


def test_the_end_here_while_the_answer_from_there_is_on_its_way(pair: Pair) -> None:
    (row,) = pair.remote.all()
    pair.bench.order("subscription remove", id=pair.id)
    assert pair.rows() == [(ENDING, "token", pair.address)]
    pair.bench.write(
        lambda one: RemoteSubscriptions(one).made(row, token="late", address="late", ends=LATER, renew=LATER)
    )
    assert {state for state, _, _ in pair.rows()} == {ENDING}
    assert {address for _, _, address in pair.rows()} == {pair.address, "late"}


@pytest.mark.parametrize(
    ("minutes", "asked", "counts"),
    [(60, 90, True), (0, 90, False), (None, 90, False), (-1, 0, False), (0.5, 0.5, True)],
    ids=["sooner", "at once", "before the Flood", "in the past", "as asked"],
)
def test_a_subscription_that_ends_at_once_is_none(
    pair: Pair, minutes: float | None, asked: float, counts: bool
) -> None:
    """Else it would be made anew each second, with its records, for as long as that community likes."""
    services = pair.bench.services
    reach = Reach(actors=services.actors, base_url="https://h", deadline=1.0)
    now, community = services.actors.clock(), services.actors.gateway.community(pair.home)
    ends = datetime(1, 1, 1, tzinfo=UTC) if minutes is None else now + timedelta(minutes=minutes)
    body = wsn.subscribe_response(pair.address, now, ends)
    answer = PeerAnswer(message=read_answer(write_envelope("urn:a", body)), digest=b"d" * 32)
    answered = Answered(community=community, call=None, answer=answer, received=True)
    assert bool(reach._made(answered, community, now + timedelta(minutes=asked))) is counts


def test_a_patient_who_is_known_under_another_identifier_is_followed(pair: Pair) -> None:
    pair.bench.write(
        lambda one: RemoteSubscriptions(one).want(pair.no, {pair.home: "B-9"}, {pair.home: "third"}, STAMP)
    )
    assert pair.rows() == [(ENDING, "token", pair.address), (WANTED, "third", "")]


def subscribing(pair: Pair, consumer: str, patient: str = THEIRS, row=filters.DOCUMENTS_OF_PATIENT, **slots: str):
    given = {"XDSDocumentEntryPatientId": patient, **slots} if patient else slots
    query = AdhocQuery(
        row.id, LEAF_CLASS, None, tuple(Slot(name=f"${k}", values=(f"('{v}')",)) for k, v in given.items())
    )
    ends = NOW + timedelta(days=900)
    body = etree.fromstring(wsn.subscribe_request(consumer, Topic.FULL_DOCUMENT_ENTRY, filter_query(query), ends))
    exchange = pair.bench.exchange(pair.caller(), NOW)
    return pair.bench.loop.run_until_complete(iti52.read(iti52.decode(body), None, exchange))


def test_another_community_subscribes_for_one_patient_at_its_own_node_for_a_month(pair: Pair) -> None:
    granted = subscribing(pair, f"{pair.base_url}/iti-53?token=1")
    assert granted.ends == NOW + timedelta(days=30)
    for consumer in (
        "https://elsewhere.example/iti-53",
        "https://localhost:1/iti-53",
        pair.base_url.replace("s:", ":"),
    ):
        with pytest.raises(SoapFault, match="not at that community's node"):
            subscribing(pair, consumer)
    with pytest.raises(SoapFault, match="one patient"):
        subscribing(
            pair, f"{pair.base_url}/iti-53", "", filters.DOCUMENTS_OF_ANYBODY, XDSDocumentEntryTypeCode="A^^2.999.8.1"
        )


def test_another_community_has_only_so_many_subscriptions(pair: Pair) -> None:
    """What another one has does not count, nor what has ended, nor a reason that names it."""
    wanted = subscribing(pair, f"{pair.base_url}/iti-53?token=1")
    now = NOW

    def subscribe(home: str = "", reason: str = "") -> iti52.Answer:
        caller = replace(pair.caller(home), reason=reason)
        exchange, found = pair.bench.exchange(caller, now), []
        pair.bench.write(lambda one: found.append(iti52.document_metadata_subscribe(None, wanted, exchange, one)))
        return found[0]

    before = pair.bench.services.actors.most_subscriptions
    pair.bench.services.actors.most_subscriptions = 2
    try:
        subscribe("urn:oid:2.999.404", reason=f'"home": "{pair.home}"')
        first, _ = subscribe(), subscribe()
        for _ in range(2):
            with pytest.raises(SoapFault, match="2 subscriptions") as raised:
                subscribe()
            assert "SubscribeCreationFailedFault" in raised.value.element
        pair.bench.order("subscription remove", id=first.subscription.id)
        subscribe()
        now = wanted.ends
        subscribe()
    finally:
        pair.bench.services.actors.most_subscriptions = before


def test_what_an_administrator_is_told(pair: Pair) -> None:
    config = pair.bench.services.config

    def found(hours: int) -> list[str]:
        return [one.what for one in untold(config, NOW + timedelta(hours=hours))]

    assert found(2) == []
    pair.notified(document(1))
    assert found(0) == []
    assert found(2) == [f"1 notifications wait, the oldest since {STAMP} UTC: their recipients do not take them"]
    (row,) = pair.remote.all()
    for _ in range(5):
        pair.bench.write(lambda one: RemoteSubscriptions(one).failed(row, STAMP))
    assert found(0) == ["1 cannot be made or ended at Alpha"]


def test_content_waits_as_it_came() -> None:
    full = document(
        1, event_codes=(code("E"),), authors=(author(),), confidentiality_codes=(code("R", "2.16.840.1.113883.5.25"),)
    )
    items = [
        told(full, ANNA, "urn:oid:2.999.2"),
        told(submission_set(uuid(2), patient=THEIRS), ANNA, "urn:oid:2.999.2"),
    ]
    assert read_content(write_content(items)) == items
    labels = items[0].labels()
    assert (labels.patient, labels.document) == (ANNA, "2.999.8.1")
    assert labels.confidentiality == (("R", "2.16.840.1.113883.5.25"),)
    assert [one for one, _ in labels.kinds] == ["NOTE", "PROG", "CARD", "HOSP", "E"]
    assert labels.author_institutions == ("Some Hospital", "2.999.7.1")
