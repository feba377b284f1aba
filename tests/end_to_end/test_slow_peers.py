"""A slow institution answers on a connection of its own (WS-Addressing), long after whoever asked stopped waiting.

Both sides are real nodes. The line on which answers come back is cut until the deadline is over, and one side may be
killed meanwhile: an answer that was promised arrives once, and each exchange has one outcome on record at both ends.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.line import Line, Mode
from tests.end_to_end.nodes import AUTHORITY, Node, connect, free_base
from tests.end_to_end.wire import SUCCESS, Document, find_documents, provide, retrieve

pytestmark = [pytest.mark.xdist_group("slow peers"), pytest.mark.long]
_numbers = itertools.count(1)
TAKEN = "took the question and has not answered within"


@dataclass
class Slow:
    """Who asks, who answers late, and the line that answers come back on."""

    asking: Node
    answering: Node
    line: Line

    def held(self) -> tuple[str, Document]:
        """A patient of both, and a document that the slow one has."""
        patient, document = f"SLOW{next(_numbers)}^^^&{AUTHORITY}&ISO", Document(b"late, but whole" * 9000)
        for node in (self.asking, self.answering):
            node.know(patient)
        body, parts = provide(patient, [document])
        assert self.answering.client().send("iti-41", body, parts).status == SUCCESS
        return patient, document

    def asked(self) -> str:
        """MessageID of the newest request that left."""
        database = f"file:{self.asking.folder / 'data' / 'node.db'}?mode=ro"
        with contextlib.closing(sqlite3.connect(database, uri=True)) as connection:
            query = "SELECT body FROM audit_record WHERE kind = 1 ORDER BY seq DESC LIMIT 1"
            return str(json.loads(connection.execute(query).fetchone()[0])["cid"])

    def settled(self, cid: str, here: set[int], there: set[int]) -> None:
        """Wait until an exchange has these records, and no others, at both ends."""
        until = time.monotonic() + 30
        found: tuple[set[int], set[int]] = (set(), set())
        while found != (here, there) and time.monotonic() < until:
            found = {*self.asking.records(cid)}, {*self.answering.records(cid)}
        assert found == (here, there)

    def says(self, text: str) -> None:
        """Wait until the log of the slow one says this."""
        database = f"file:{self.answering.folder / 'data' / 'node.db'}?mode=ro"
        until = time.monotonic() + 30
        with contextlib.closing(sqlite3.connect(database, uri=True)) as connection:
            query = "SELECT 1 FROM audit_record WHERE instr(body, ?)"
            while connection.execute(query, (text.encode(),)).fetchone() is None:
                assert time.monotonic() < until, text


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slow]:
    folder = Path(tmp_path_factory.mktemp("slow"))
    base = free_base(3)
    asking, answering = Node(folder / "asking", base, "Asking"), Node(folder / "slow", base + 10, "Slow")
    line = Line(base + 20, base + 1)
    for node in (asking, answering):
        node.init(folder / "ca")
    asking.set("public_url", f'"https://localhost:{line.port}"')
    asking.set("deadline", "1.2")
    line.start()
    try:
        for node in (asking, answering):
            node.start()
        connect([asking, answering])
        export = answering.folder / "export.json"
        known = ("--fingerprint", json.loads(export.read_text())["fingerprint"], "--replace")
        asking.run("peer", "add", str(export), *known, "--quirk", "exchange=asynchronous")
        yield Slow(asking, answering, line)
    finally:
        line.stop()
        for node in (asking, answering):
            node.stop()


def query(slow: Slow, patient: str) -> tuple[set[str], str]:
    """ITI-18 at the asking node: what was found, and what is said of the slow one."""
    answer = slow.asking.client().send("iti-18", find_documents(patient))
    return {*answer.unique_ids()}, " ".join(str(error) for error in answer.errors)


def fetch(slow: Slow, document: Document) -> tuple[set[str], str]:
    """The same with ITI-43."""
    wanted = (slow.answering.home, slow.answering.repository, document.unique_id)
    answer = slow.asking.client().send("iti-43", retrieve(wanted))
    return {*answer.documents()}, " ".join(str(error) for error in answer.errors)


@pytest.mark.parametrize("transaction", ["ITI-38", "ITI-39"])
@pytest.mark.parametrize("killed", ["nobody", "who answers"])
def test_an_answer_after_the_deadline_arrives_once_whoever_answers_is_killed(
    slow: Slow, transaction: str, killed: str
) -> None:
    patient, document = slow.held()
    ask: Callable[[], tuple[set[str], str]] = lambda: query(slow, patient)  # noqa: E731
    if transaction == "ITI-39":
        assert query(slow, patient) == ({document.unique_id}, ""), "known before it is fetched"
        ask = lambda: fetch(slow, document)  # noqa: E731
    slow.line.mode = Mode.CUT
    found, said = ask()
    assert (found, TAKEN in said) == (set(), True), said
    cid = slow.asked()
    slow.settled(cid, {1}, {2, 3})  # the answer is made, once, and waits
    if killed == "who answers":
        slow.answering.stop(signal.SIGKILL)
        slow.answering.start()
    slow.line.mode = Mode.PASS
    slow.settled(cid, {1, 4}, {2, 3})
    assert ask() == ({document.unique_id}, "")


def test_whoever_asked_and_is_killed_was_promised_nothing_and_has_an_outcome_on_record(slow: Slow) -> None:
    """Its question is forgotten, so the late answer is refused; who asks again gets everything."""
    patient, document = slow.held()
    slow.line.mode = Mode.CUT
    _, said = query(slow, patient)
    assert TAKEN in said
    cid = slow.asked()
    slow.asking.stop(signal.SIGKILL)
    slow.asking.start()
    slow.settled(cid, {1, 6}, {2, 3})
    slow.line.mode = Mode.PASS
    slow.says(f"the answer to {cid}: it was given up: the community refused it with HTTP status 400")
    slow.settled(cid, {1, 6}, {2, 3})
    assert query(slow, patient) == ({document.unique_id}, "")
