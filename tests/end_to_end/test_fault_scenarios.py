"""F9, F10, F13: a node that is stopped and goes on, lines to others that are bad in every way, and far too many requests.

The figures of time (F10, F13, F14, F15) are measured by `scripts/bench full --only scenarios`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from node import control_call
from node.configuration.config import load
from node.faults import Faults
from node.http.turns import AT_ONCE, WAITING
from node.lock import Locked, exclusive
from tests.end_to_end.crowd import BAD, PATIENT, as_peer, told, words
from tests.end_to_end.line import Line, Mode
from tests.end_to_end.nodes import AUTHORITY, Node
from tests.end_to_end.wire import ACTIONS, SUCCESS, Answer, Document, envelope, find_documents, provide

PAUSE = 1.0  # seconds that the process stands still
pytestmark = pytest.mark.long


@contextmanager
def bad(lines: list[Line]) -> Iterator[None]:
    for line, mode in zip(lines, BAD, strict=True):
        line.mode = mode
    try:
        yield
    finally:
        for line in lines:
            line.mode = Mode.PASS


@pytest.mark.parametrize("opened", [False, True], ids=["F10-new-connections", "F10-open-connections"])
def test_bad_lines_cost_their_own_result_each_by_its_name(world, opened: bool) -> None:
    node, population, lines = world
    if opened:
        assert set(words(told(node)).values()) == {"found"}
    with bad(lines):
        found = told(node)
    expected = dict(zip((member.described.home for member in population), BAD.values(), strict=False))
    assert words(found) == {member.described.home: "found" for member in population} | expected
    sick = sorted(home for home, word in expected.items() if word != "found")
    assert sorted(error["location"] for error in found["errors"]) == sick
    assert len(found["documents"]) == len(population) - len(sick)
    assert set(words(told(node)).values()) == {"found"}  # when the lines are good again, so is the answer


@contextmanager
def stopped(node: Node, seconds: float = PAUSE) -> Iterator[None]:
    """The process stands still, for so long at least."""
    assert node.process is not None
    node.process.send_signal(signal.SIGSTOP)
    until = time.monotonic() + seconds
    try:
        yield
        time.sleep(max(0.0, until - time.monotonic()))
    finally:
        node.process.send_signal(signal.SIGCONT)


def test_f9_what_was_acknowledged_is_there_and_nobody_takes_the_place_of_a_node_that_stands_still(world) -> None:
    node, _, _ = world
    acknowledged: list[str] = []
    first = threading.Event()

    def submit(number: int) -> None:
        document = Document(f"during a pause {number}".encode())
        body, parts = provide(PATIENT, [document])
        if node.client().send("iti-41", body, parts).status == SUCCESS:
            acknowledged.append(document.unique_id)
        first.set()

    with ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(submit, number) for number in range(12)]
        first.wait(20)
        with stopped(node):
            with (
                pytest.raises(Locked),
                exclusive(load(node.folder).folder),
            ):  # what `serve` and every command begin with
                pass
            with pytest.raises(Faults) as hanging:
                control_call.call(node.folder / "run" / "control.sock", "patient list", {}, seconds=0.2)
        for one in waiting:
            one.result(30)
    assert hanging.value.faults[0].code == "node.no-answer"
    found = node.client().send("iti-18", find_documents(PATIENT), query="?scope=local").unique_ids()
    assert len(acknowledged) == 12
    assert set(acknowledged) <= set(found)
    assert node.run("audit", "verify").returncode == 0


def test_f9_a_denial_that_began_during_the_pause_holds_for_what_was_asked_before_it(world) -> None:
    """Nothing is decided with the time of a moment ago: 0 answers with a consent that has ended."""
    node, population, _ = world
    patient = f"FAULTS2^^^&{AUTHORITY}&ISO"
    node.know(patient)
    body, parts = provide(patient, [Document(b"shared until then")])
    assert node.client().send("iti-41", body, parts).codes == []

    asker = as_peer(node, population[-1])

    def ask() -> Answer:
        return asker.send("iti-38", find_documents(patient))

    assert len(ask().entries()) == 1
    begins = datetime.now(UTC) + timedelta(seconds=PAUSE)
    node.run("consent", "add", "--patient", patient, "--deny", "--from", begins.isoformat())
    with ThreadPoolExecutor(1) as pool:
        with stopped(node):
            asked = pool.submit(ask)
        assert asked.result(30).entries() == []


def _records(node: Node) -> Counter[str]:
    """How many requests of communities are on record as answered, and as turned away."""
    with contextlib.closing(sqlite3.connect(f"file:{node.folder / 'data' / 'node.db'}?mode=ro", uri=True)) as reader:
        rows = reader.execute("SELECT kind, body FROM audit_record WHERE kind IN (3, 7)").fetchall()
    texts = [json.loads(body)["event"].get("outcome_text", "") for kind, body in rows if kind == 7]
    turned_away = sum(int(text.split()[0]) for text in texts if "were told to come again" in text)
    return Counter({"answered": sum(kind == 3 for kind, _ in rows), "turned away": turned_away})


FLOOD = AT_ONCE + WAITING + 24


def test_f13_too_many_at_once_are_told_to_come_again_and_nothing_acknowledged_is_missing(world) -> None:
    """More than the queue of one community holds: each gets its answer or a 503, and both are on record."""
    node, population, _ = world
    client = as_peer(node, population[-1])
    before = _records(node)
    answers = asyncio.run(_flood(node, client.context(), client.endpoints["iti-38"]))
    counts = Counter(status for status, _ in answers)
    assert set(counts) == {200, 503}
    assert counts[200] >= AT_ONCE + WAITING
    assert all("retry-after: 1" in head.lower() for status, head in answers if status == 503)
    assert client.send("iti-38", find_documents(PATIENT)).status == SUCCESS
    node.stop()  # what was not told yet of those who were turned away is on record then
    told = _records(node) - before
    node.start()
    assert told["turned away"] == counts[503]
    assert told["answered"] == FLOOD + counts[200] + 1


async def _flood(node: Node, tls: ssl.SSLContext, url: str) -> list[tuple[int, str]]:
    """As many requests at the same moment, each on a connection of its own."""
    host, _, path = url.removeprefix("https://").partition("/")
    name, _, port = host.partition(":")
    message = envelope(ACTIONS["iti-38"], find_documents(PATIENT), to=url)
    head = (
        f"POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/soap+xml\r\n"
        f"Content-Length: {len(message)}\r\nConnection: close\r\n\r\n"
    ).encode()
    opened = []
    for _ in range(FLOOD):  # each is in use at once: one that says nothing for long would be ended
        opened.append(await asyncio.open_connection(name, int(port), ssl=tls))
        status, _ = await _asked(opened[-1], head.replace(b"close", b"keep-alive") + message)
        assert status == 200

    with stopped(node, 0.1):  # so that all of them are there when it looks
        for _, writer in opened:
            writer.write(head + message)
            await writer.drain()

    answers = await asyncio.gather(*(_answered(reader) for reader, _ in opened))
    for _, writer in opened:
        writer.close()
    return answers


async def _asked(line: tuple[asyncio.StreamReader, asyncio.StreamWriter], message: bytes) -> tuple[int, str]:
    line[1].write(message)
    return await _answered(line[0])


async def _answered(reader: asyncio.StreamReader) -> tuple[int, str]:
    """Status and head of one answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    await reader.readexactly(int(head.lower().partition("content-length:")[2].partition("\r\n")[0]))
    return int(head.split()[1]), head
