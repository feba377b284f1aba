"""Every request that was sent gets an outcome on record, also when the node died before it knew one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import pytest

from node.configuration.config import Config
from node.federation.unfinished import _AT_ONCE, Unfinished
from node.services import Services, open_services
from trust.audit.event import Kind, NewRecord

TIME = "2026-11-30T01:02:03.000Z"


@pytest.fixture
async def services(made_node: Callable[..., Config]) -> AsyncIterator[Services]:
    async with open_services(made_node()) as opened:
        yield opened


def sent(cid: str, transaction: str = "ITI-38") -> NewRecord:
    return NewRecord(
        kind=Kind.REQUEST_SENT,
        time=TIME,
        cid=cid,
        leg="q",
        payload=bytes(32),
        peer="urn:oid:2.999.2",
        subject="2.999.1|P 7",
        note={"transaction": transaction, "incident": "i-1"},
    )


def failures(services: Services) -> dict[str, dict]:
    rows = services.reader.execute("SELECT body FROM audit_record WHERE kind = 6")
    return {body["cid"]: body for body in (json.loads(data) for (data,) in rows)}


def tags(services: Services, kind: int) -> list[bytes]:
    return [entry[2:34] for (entry,) in services.reader.execute("SELECT entry FROM audit_leaf") if entry[1] == kind]


@pytest.mark.parametrize(
    ("transaction", "event", "action"),
    [
        ("ITI-38", "110112", "E"),
        ("ITI-39", "110107", "C"),
        ("ITI-41", "110106", "R"),
        ("ITI-53", "110106", "R"),
        ("ITI-92", "110106", "U"),
    ],
    ids=["a query", "a retrieve", "a push", "a notification", "an update"],
)
async def test_what_a_crash_left_is_recorded_as_failed(
    services: Services, transaction: str, event: str, action: str
) -> None:
    await services.sequencer.record([sent("urn:uuid:1", transaction)])
    await Unfinished(services).settle()
    (failed,) = failures(services).values()
    assert tags(services, 6) == tags(services, 1)
    assert (failed["peer"], failed["subject"], failed["cid"]) == ("urn:oid:2.999.2", "2.999.1|P 7", "urn:uuid:1")
    assert (failed["event"]["id"][0], failed["event"]["outcome"], failed["event"]["incident"]) == (event, 12, "i-1")
    assert (failed["event"]["type"][0], failed["event"]["action"]) == (transaction, action)
    assert [one["requestor"] for one in failed["event"]["participants"]] == [
        transaction != "ITI-39",
        transaction == "ITI-39",
    ]
    assert "P 7^^^&amp;2.999.1&amp;ISO" in failed["dicom"]
    await Unfinished(services).settle()
    assert len(failures(services)) == 1


async def test_nothing_that_somebody_waits_for_is_called_failed(services: Services) -> None:
    await services.sequencer.record([sent("urn:uuid:1"), sent("urn:uuid:2")])
    unfinished, under_way = Unfinished(services), services.actors.gateway.under_way
    under_way |= {"urn:uuid:1", "urn:uuid:2"}
    for _ in range(3):
        await unfinished.sweep()
    assert failures(services) == {}
    under_way -= {"urn:uuid:2"}
    await unfinished.sweep()
    assert failures(services) == {}  # its outcome may be about to be recorded
    await unfinished.sweep()
    assert list(failures(services)) == ["urn:uuid:2"]


async def test_more_than_one_batch(services: Services) -> None:
    await services.sequencer.record([sent(f"urn:uuid:{number}") for number in range(1200)])
    await Unfinished(services).settle()
    assert len(failures(services)) == 1200


async def test_a_sweep_comes_back_for_what_it_left_and_is_not_kept_from_it_by_what_is_under_way(
    services: Services,
) -> None:
    """The oldest are those that somebody waits for: more of them than one sweep takes."""
    waited = {f"urn:uuid:{number}" for number in range(_AT_ONCE + 100)}
    await services.sequencer.record([sent(cid) for cid in sorted(waited)])
    await services.sequencer.record([sent(f"urn:uuid:left-{number}") for number in range(_AT_ONCE + 1)])
    services.actors.gateway.under_way.update(waited)
    unfinished = Unfinished(services)
    for found in (0, _AT_ONCE, _AT_ONCE, _AT_ONCE + 1):
        await unfinished.sweep()
        assert len(failures(services)) == found
    assert not waited & failures(services).keys()
