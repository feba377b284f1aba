"""What is noticed outside of transactions is on record: bounded, alarms first, and kept when it cannot be now."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest

from node.configuration.config import Config
from node.noticed import AT_ONCE, EACH, Noticed, TurnedAway
from node.services import Services, open_services
from trust.errors import LedgerBusy

NOW = datetime(2026, 11, 30, tzinfo=UTC)
LOUD, OTHER = "urn:oid:2.999.1", "urn:oid:2.999.2"


@pytest.fixture
async def services(made_node: Callable[..., Config]) -> AsyncIterator[Services]:
    async with open_services(made_node()) as opened:
        yield opened


def said(services: Services) -> list[dict]:
    rows = services.reader.execute("SELECT body FROM audit_record")
    return [{"outcome_text": "", **json.loads(body)["event"]} for (body,) in rows]


def test_f14_the_first_one_is_told_at_once_and_then_one_record_a_minute_says_how_many() -> None:
    turned = TurnedAway()
    turned.count(LOUD)
    assert turned.due(NOW) == {LOUD: 1}
    for _ in range(1000):
        turned.count(LOUD)
    turned.count(OTHER)
    assert turned.due(NOW + EACH - timedelta(seconds=1)) == {OTHER: 1}
    assert turned.due(NOW + EACH) == {LOUD: 1000}
    assert turned.due(NOW + 9 * EACH) == {}
    turned.count(LOUD)
    assert turned.due(NOW + 9 * EACH) == {LOUD: 1}
    turned.count(LOUD)
    assert turned.due(NOW + 9 * EACH, all_=True) == {LOUD: 1}


async def test_f14_a_community_that_is_turned_away_is_on_record_with_the_count(services: Services) -> None:
    noticed = Noticed(services)
    for _ in range(7):
        noticed.turned_away(LOUD)
    await noticed.put_on_record()
    (event,) = [one for one in said(services) if "come again" in one["outcome_text"]]
    assert event["outcome_text"].startswith(f"7 requests of {LOUD}")
    assert event["outcome"] == 8


async def test_no_flood_of_handshakes_keeps_an_alarm_from_the_record(services: Services) -> None:
    services.refusals += [f"nonsense {number}" for number in range(3 * AT_ONCE)]
    services.actors.alarm("something-serious")
    await Noticed(services).put_on_record()
    assert [one for one in said(services) if one["outcome_text"] == "something-serious"]
    assert len(said(services)) <= AT_ONCE + 5
    assert [one for one in said(services) if one["outcome_text"].startswith(f"{2 * AT_ONCE} more refusals")]


async def test_what_cannot_be_recorded_now_is_recorded_later(services: Services) -> None:
    noticed = Noticed(services)
    services.actors.alarm("something-serious")
    noticed.turned_away(LOUD)
    services.sequencer._stopping = True
    with pytest.raises(LedgerBusy):
        await noticed.put_on_record()
    assert services.alarms == ["something-serious"]
    services.sequencer._stopping = False
    await noticed.put_on_record()
    told = [one["outcome_text"] for one in said(services)]
    assert "something-serious" in told
    assert any(text.startswith("1 requests") for text in told)
