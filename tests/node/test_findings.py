"""Findings as an auditor meets them: the rules run over the node's own log, every look and decision is on record."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from node.configuration.config import Config
from node.faults import Faults
from node.operations import execute
from node.services import Services, open_services
from tests.misuse.entries import Person, broke, came, exchange
from tests.misuse.house import PHYSICIAN
from trust.audit.event import NewRecord

ROTH = Person("<roth@idp>", "Dr. Jan Roth", PHYSICIAN)
FOLDER = "audit findings"


@pytest.fixture
async def services(made_node: Callable[..., Config]) -> AsyncIterator[Services]:
    async with open_services(made_node()) as opened:
        yield opened


async def run(services: Services, command: str, **arguments: object) -> dict:
    return await execute(services, command, arguments, "tester")


async def broken_glass(services: Services) -> None:
    """Seven days ago somebody broke the glass and nobody has asked why."""
    then = (services.clock() - timedelta(days=7)).timestamp()
    records: list[NewRecord] = [
        came(then - 3600, "4711", "MED-A"),
        broke(then, "4711", ROTH, "unconscious"),
        exchange(then + 5, "ITI-43", "4711", ROTH, purpose="ETREAT", documents=("1.2.3",)),
    ]
    await services.sequencer.record(records)


def used(services: Services) -> list[tuple[str, str, dict]]:
    """(what, whom, details) of every use of the log that is on record."""
    rows = services.reader.execute("SELECT body FROM audit_record WHERE kind = 7 ORDER BY seq")
    events = [json.loads(row[0])["event"] for row in rows]
    return [
        (event["outcome_text"], event.get("patient", ""), dict(event["objects"][-1].get("details", ())))
        for event in events
        if event["id"][0] == "110101"
    ]


async def test_from_the_log_to_a_decision(services: Services) -> None:
    await broken_glass(services)
    assert await run(services, f"{FOLDER} look") == {"new": 1}
    assert await run(services, f"{FOLDER} look") == {"new": 0}
    (found,) = (await run(services, FOLDER))["findings"]
    assert (found["rule"], found["name"], found["patients"]) == ("break-glass", "Dr. Jan Roth", ["2.999.1|4711"])
    assert found["values"] == {"patients": "1", "days": "7"}
    shown = (await run(services, f"{FOLDER} show", finding=found["id"]))["finding"]
    assert len(shown["entries"]) == 1
    note = {"finding": found["id"], "note": "the patient was unconscious, says the ward"}
    noted = (await run(services, f"{FOLDER} close", **note, outcome=""))["finding"]
    assert (noted["state"], [one["by"] for one in noted["notes"]]) == ("open", ["tester"])
    closed = (await run(services, f"{FOLDER} close", **note, outcome="explained"))["finding"]
    assert (closed["state"], [one["outcome"] for one in closed["notes"]]) == ("explained", ["", "explained"])
    everything = await run(services, FOLDER, closed=True)
    assert [one["id"] for one in everything["findings"]] == [found["id"]]
    assert everything["rules"] == {"break-glass": {"explained": 1}}
    assert (await run(services, f"{FOLDER} look"), (await run(services, FOLDER))["findings"]) == ({"new": 0}, [])
    cx = "4711^^^&2.999.1&ISO"
    assert [one[:2] for one in used(services)] == [
        ("audit findings look", ""), ("audit findings look", ""), ("audit findings", ""), ("audit findings show", cx),
        ("audit findings note", cx), ("audit findings close", cx), ("audit findings", ""), ("audit findings look", ""),
        ("audit findings", ""),
    ]  # fmt: skip
    assert used(services)[5][2] == {"finding": "1", "outcome": "explained", "note": note["note"]}


REFUSED = [
    ("show", {"finding": 7}, "finding.unknown"),
    ("show", {"finding": 2**63}, "finding.unknown"),
    ("show", {"finding": "1"}, "finding.unknown"),
    ("close", {"finding": 1, "outcome": "explained", "note": "short"}, "finding.note"),
    ("close", {"finding": 1, "outcome": "explained", "note": "x" * 2001}, "finding.note"),
    ("close", {"finding": 1, "outcome": "forgotten", "note": "a good long note"}, "finding.outcome"),
]


async def test_what_cannot_be_decided(services: Services) -> None:
    await broken_glass(services)
    await run(services, f"{FOLDER} look")
    for command, arguments, code in REFUSED:
        with pytest.raises(Faults) as raised:
            await run(services, f"{FOLDER} {command}", **arguments)
        assert raised.value.faults[0].code == code
    assert (await run(services, FOLDER))["findings"][0]["state"] == "open"


async def test_a_review_that_finds_the_emergency_justified_ends_it(services: Services) -> None:
    await broken_glass(services)
    review = (
        "INSERT INTO emergency_access (patient, home, user, user_name, role, organisation, reason, first, last, accesses,"
        " documents, outcome, reviewed_by, reviewed) VALUES ('4711^^^&2.999.1&ISO', '', '<roth@idp>', '', '', '', '', '',"
        " '', 1, 1, 'justified', '', '')"
    )
    record = came(services.clock().timestamp(), "4711", "MED-A")
    await services.sequencer.transact(lambda connection: (connection.execute(review), [record]))
    assert await run(services, f"{FOLDER} look") == {"new": 0}
