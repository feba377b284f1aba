"""Subscriptions on a real database: what is queued with a submission, in which order it leaves, what ending one takes along."""

from __future__ import annotations

import re

import pytest

from registry.ebrim.messages import LEAF_CLASS, AdhocQuery
from registry.errors import XdsErrors
from registry.metadata.objects import Slot
from registry.queries import subscriptions as filters
from registry.queries.subscriptions import Topic
from registry.store.subscriptions import Subscription, Subscriptions
from tests.registry.registry_bench import LATER, NOW, P1, P2, Bench, coded, entry, submission, submission_set, uuid

FOREVER = "99991231235959"


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path / "registry.db")
    yield made
    made.close()


def subscription(number: int, patient: str = P1, *, consumer: str = "https://a.example/", ends: str = FOREVER, **also):
    slots = [Slot(name="$XDSDocumentEntryPatientId", values=(coded(patient),))] if patient else []
    slots += [Slot(name=f"${name}", values=(coded(value),)) for name, value in also.items()]
    row = filters.DOCUMENTS_OF_PATIENT if patient else filters.DOCUMENTS_OF_ANYBODY
    return Subscription(
        id=uuid(700 + number),
        topic=Topic.FULL_DOCUMENT_ENTRY,
        filter=AdhocQuery(row.id, LEAF_CLASS, None, tuple(slots)),
        consumer=consumer,
        subscriber='{"name": "records"}',
        created=NOW,
        ends=ends,
    )


def submitted(bench: Bench, number: int, patient: str = P1, now: str = NOW):
    document = entry(uuid(number), patient=patient, unique_id=f"2.999.4.1.{number}")
    own = submission_set(uuid(5000 + number), patient=patient, unique_id=f"2.999.4.2.{number}")
    registered = bench.register(submission(document, set_=own))
    kept = Subscriptions(bench.connection)
    return kept.note(bench.registry.identities_of(patient), registered.documents, registered.submission_set, now)


def drained(kept: Subscriptions, consumer: str = "https://a.example/"):
    found = []
    while (one := kept.next(consumer)) is not None:
        found.append((one.subscription.id, one.objects))
        kept.done(one.no)
    return found


def test_what_was_kept_comes_back(bench):
    kept = Subscriptions(bench.connection)
    wanted = subscription(1, XDSDocumentEntryTypeCode="PROG^^2.999.8.1")
    kept.add(wanted)
    got = kept.get(wanted.id)
    assert (got.filter, got.topic, got.consumer, got.subscriber, got.ends) == (
        wanted.filter,
        wanted.topic,
        wanted.consumer,
        wanted.subscriber,
        wanted.ends,
    )
    assert [one.id for one in kept.all()] == [wanted.id]


def test_an_invalid_filter_is_not_kept(bench):
    kept = Subscriptions(bench.connection)
    with pytest.raises(XdsErrors):
        kept.add(subscription(1, patient=""))
    assert kept.all() == []


def test_each_subscriber_gets_what_matched_in_order(bench):
    kept = Subscriptions(bench.connection)
    kept.add(subscription(1))
    kept.add(subscription(2, P2))
    kept.add(subscription(3, "", XDSDocumentEntryTypeCode="PROG^^2.999.8.1"))
    kept.add(subscription(4, consumer="https://b.example/"))
    kept.add(subscription(5, XDSDocumentEntryTypeCode="OTHER^^2.999.8.1"))
    assert [submitted(bench, 1), submitted(bench, 2, P2), submitted(bench, 3)] == [3, 2, 3]
    assert sorted(kept.consumers()) == ["https://a.example/", "https://b.example/"]
    assert kept.waiting() == (8, NOW)
    assert drained(kept) == [
        (uuid(701), (uuid(1),)),
        (uuid(703), (uuid(1),)),
        (uuid(702), (uuid(2),)),
        (uuid(703), (uuid(2),)),
        (uuid(701), (uuid(3),)),
        (uuid(703), (uuid(3),)),
    ]
    assert drained(kept, "https://b.example/") == [(uuid(704), (uuid(1),)), (uuid(704), (uuid(3),))]
    assert kept.waiting() == (0, "")


def test_a_subscription_follows_its_patient_through_a_merge(bench):
    kept = Subscriptions(bench.connection)
    kept.add(subscription(1, P1))
    bench.patients.merge(P2, P1, NOW)
    assert submitted(bench, 1, P2) == 1


def test_one_that_has_ended_gets_nothing(bench):
    kept = Subscriptions(bench.connection)
    kept.add(subscription(1, ends=LATER))
    assert submitted(bench, 1, now=NOW) == 1
    assert submitted(bench, 2, now=LATER) == 0


def test_ending_one_takes_along_what_waits(bench):
    kept = Subscriptions(bench.connection)
    kept.add(subscription(1))
    kept.add(subscription(2))
    submitted(bench, 1)
    assert kept.end(uuid(701))
    assert not kept.end(uuid(701))
    assert drained(kept) == [(uuid(702), (uuid(1),))]
    assert bench.connection.execute("SELECT count(*) FROM subscription_key").fetchone() == (1,)


def test_looking_for_candidates_uses_the_keys(bench):
    kept = Subscriptions(bench.connection)
    kept.add(subscription(1))
    seen = []
    bench.connection.set_trace_callback(seen.append)
    submitted(bench, 1)
    bench.connection.set_trace_callback(None)
    looked = next(text for text in seen if "subscription_key AS k" in text)
    plan = " ".join(row[3] for row in bench.connection.execute(f"EXPLAIN QUERY PLAN {looked}"))
    assert re.search(r"SEARCH k USING PRIMARY KEY \(key=\?\)", plan)
    assert "SCAN k" not in plan
    assert re.search(r"SEARCH subscription USING INTEGER PRIMARY KEY", plan)
