"""What `check` and `status` say about each Audit Record Repository, from files alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from node import health
from node.atna import cursor
from node.atna.assembly import exporters
from node.atna.findings import deliveries
from node.configuration.config import Config
from node.configuration.settings import AuditRepository
from node.health import Level
from node.security_records import refusal
from node.services import Services, clock, open_services
from tests.node.atna.test_exporter import until

NOW = clock()
EARLY, LATE = NOW + timedelta(minutes=14), NOW + timedelta(minutes=16)
ARR = AuditRepository(name="arr", host="arr.example")


def at(config: Config, *repositories: AuditRepository) -> Config:
    return replace(config, audit=replace(config.audit, repositories=repositories))


@pytest.fixture
async def services(made_node: Callable[..., Config]) -> AsyncIterator[Services]:
    """A node whose ledger has a record with a message: entries 1 (begin of the log) and 2."""
    async with open_services(made_node()) as opened:
        record = refusal(NOW, incident="i", caller=None, address="", node="n", reason="r")
        await opened.sequencer.record([record])
        yield opened


@pytest.mark.parametrize(
    ("position", "now", "level", "words"),
    [
        pytest.param(cursor.Position(next=3), LATE, Level.OK, "nothing waits", id="everything is there"),
        pytest.param(cursor.Position(), EARLY, Level.OK, "2 entries wait", id="on the way"),
        pytest.param(cursor.Position(), LATE, Level.FAIL, "2 entries wait, the oldest since", id="stands still"),
        pytest.param(
            cursor.Position(next=2, failing="2026-03-01T10:15:00.125Z", reason="Connection refused"),
            EARLY,
            Level.WARN,
            "arr.example:6514 is out of reach since 2026-03-01T10:15:00.125Z: Connection refused; 1 entries wait",
            id="out of reach",
        ),
        pytest.param(cursor.Position(failing="2026-03-01T10:15:00.125Z"), LATE, Level.FAIL, "2 entries", id="for long"),
        pytest.param(
            cursor.Position(next=3, failing="2026-03-01T10:15:00.125Z"), LATE, Level.WARN, "nothing waits", id="idle"
        ),
    ],
)
async def test_each_state_has_its_finding(
    services: Services, position: cursor.Position, now: object, level: Level, words: str
) -> None:
    config = at(services.config, ARR)
    cursor.write(cursor.path(config.folder.data, "arr"), position)
    (found,) = health.examine(config, now, (deliveries,))
    assert (found.level, found.subject) == (level, "audit repository arr")
    assert words in found.what
    assert found.next_step or level is Level.OK


def test_files_that_are_missing_or_no_certificates(made_node: Callable[..., Config]) -> None:
    config = made_node()
    (config.root / "wrong.pem").write_text("this is no certificate")
    wrong = replace(ARR, ca="nowhere.pem", certificate="wrong.pem", private_key="keys/none.key")
    found = health.examine(at(config, wrong), NOW, (deliveries,))
    assert [finding.level for finding in found] == [Level.FAIL] * 3 + [Level.OK]
    assert all(finding.next_step for finding in found[:3])
    assert ["nowhere.pem" in found[0].what, "wrong.pem" in found[1].what, "none.key" in found[2].what] == [True] * 3


async def test_an_unreadable_ca_is_a_failure_of_the_delivery_not_of_the_node(
    services: Services, tmp_path: Path
) -> None:
    config = at(services.config, replace(ARR, ca="nowhere.pem"))
    assert services.tls is not None
    (one,) = exporters(config, services.tls, services.sequencer, services.metrics, now=clock)
    one.start(lambda _: None, services.refusals.append)
    file = cursor.path(config.folder.data, "arr")

    await until(lambda: cursor.read(file).failing)
    one.stop()
    assert "nowhere.pem cannot be read" in cursor.read(file).reason
