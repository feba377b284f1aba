"""The scrub: every document read again, damage on record, restartable where it was."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from node import health
from node.configuration.config import Config
from node.documents.scrubbing import ROUND, Progress, Scrubber
from node.health import Level
from node.security_records import refusal
from node.services import Services, open_services
from repository.store.catalogue import StoredDocument

SIZE = 300_000


@pytest.fixture
async def services(made_node: Callable[..., Config]) -> AsyncIterator[Services]:
    async with open_services(made_node()) as opened:
        yield opened


async def stored(services: Services, *unique_ids: str) -> dict[str, StoredDocument]:
    found = {}
    for unique_id in unique_ids:
        staging = services.repository.begin()
        staging.write(os.urandom(SIZE))
        staged = await staging.finish()
        keep = partial(_keep, services, unique_id, staged)
        found[unique_id], _ = await services.sequencer.transact(keep)
    return found


def _keep(services: Services, unique_id: str, staged, connection):
    record = refusal(services.clock(), incident="i", caller=None, address="", node="n", reason="test")
    return services.repository.keep(connection, unique_id, "text/plain", staged), [record]


def scrubber(services: Services, **more: object) -> Scrubber:
    given = {"clock": services.clock, "bytes_per_second": 1e12} | more
    return Scrubber(
        database=services.config.folder.database,
        state=services.config.folder.scrub,
        repository=services.repository,
        damages=services.actors.damages,
        new_uuid=services.new_uuid,
        **given,
    )


def spoil(services: Services, document: StoredDocument) -> Path:
    path = services.blobs.path(document.blob)
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.chmod(0o600)
    path.write_bytes(raw)
    return path


def alerts(services: Services) -> list[tuple[str, str]]:
    """(document, what) of every record about a document's soundness."""
    rows = services.reader.execute("SELECT body FROM audit_record WHERE kind = 7 ORDER BY seq")
    events = [json.loads(row[0])["event"] for row in rows]
    return [(one["objects"][0]["id"], one["outcome_text"]) for one in events if one["type"][0] == "110135"]


def found(services: Services) -> list[tuple[Level, str]]:
    return [(one.level, one.what) for one in health.documents(services.config, services.clock())]


async def test_a_round_finds_what_is_damaged_and_what_was_put_right(services: Services) -> None:
    documents = await stored(services, "2.999.1", "2.999.2", "2.999.3")
    path = spoil(services, documents["2.999.2"])
    assert await asyncio.to_thread(scrubber(services).run)
    await services.actors.damages.put_on_record(services.sequencer)
    assert alerts(services) == [("2.999.2", "document-damaged: it is in no answer")]
    assert found(services) == [(Level.FAIL, "document 2.999.2 is damaged and in no answer")]

    spoil(services, documents["2.999.2"])  # the same bit again: the file is what it was
    assert path.exists()
    later = scrubber(services, clock=lambda: datetime.now(UTC) + ROUND)
    assert await asyncio.to_thread(later.run)
    await services.actors.damages.put_on_record(services.sequencer)
    assert alerts(services)[1:] == [("2.999.2", "document is sound again")]
    ((level, what),) = found(services)
    assert level is Level.OK
    assert "last read whole" in what
    services.repository.open(documents["2.999.2"])


async def test_a_round_a_week(services: Services) -> None:
    await stored(services, "2.999.1")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    rounds = []
    for days in (0, 1, 6.9, 7, 8, 14):
        moment = now + timedelta(days=days)
        rounds.append(scrubber(services, clock=lambda moment=moment: moment).run())
    assert rounds == [True, False, False, True, False, True]


async def test_it_goes_on_where_it_was(services: Services) -> None:
    documents = await stored(services, *(f"2.999.{number}" for number in range(1, 6)))
    first = scrubber(services)
    read: list[str] = []
    original = services.repository.scrub

    def stopping(connection, **given):
        for item in original(connection, **given):
            read.append(item.stored.unique_id)
            yield item
            if len(read) == 2:
                first.stop()

    services.repository.scrub = stopping
    first.run()
    progress = Progress.read(services.config.folder.scrub)
    assert (progress.position, progress.ended) == (read[-1], "")
    assert progress.documents == len(read) < len(documents)
    assert scrubber(services).run()
    assert sorted(set(read)) == sorted(documents)
    assert len(read) == len(documents), "something was read twice"
    done = Progress.read(services.config.folder.scrub)
    assert (done.position, done.documents) == ("", 5)
    assert done.ended


async def test_it_is_paced_and_stops_at_once(services: Services) -> None:
    """At one byte a second it would take days: it is in its first pause when it is told to stop."""
    await stored(services, *(f"2.999.{number}" for number in range(1, 9)))
    slow = scrubber(services, bytes_per_second=1.0)
    thread = threading.Thread(target=slow.run)
    thread.start()
    slow.stop()
    await asyncio.to_thread(thread.join)
    assert Progress.read(services.config.folder.scrub).documents < 8


@pytest.mark.parametrize("content", ["", "{", "[]", '{"strange": 1}'])
def test_a_state_that_cannot_be_read_begins_anew(tmp_path: Path, content: str) -> None:
    path = tmp_path / "scrub.json"
    assert Progress.read(path) == Progress()
    path.write_text(content)
    assert Progress.read(path) == Progress()
