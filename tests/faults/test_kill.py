"""F1: `kill -9` at random times under mixed load. Nothing acknowledged is lost, nothing takes effect by halves."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from node import control_call
from tests.end_to_end.nodes import AUTHORITY, free_base
from tests.faults.checker import Broken, Checker
from tests.faults.clients import Worker
from tests.faults.feeds import Busy, Clerk, Feed
from tests.faults.history import History
from tests.faults.launcher import ForkedNode, Launcher
from tests.faults.records import Records

WORKERS = 3
TELL_EVERY = 10
VERIFY_EVERY = 25
COMMAND_EVERY = 10  # this often the node is started as `xdsnode serve`, not forked
OLD_SAMPLE = 10


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    started = Launcher()
    yield started
    started.close()


@pytest.fixture
def node(tmp_path: Path, launcher: Launcher) -> Iterator[ForkedNode]:
    made = ForkedNode(tmp_path / "node", free_base(), "Fault suite")
    made.init(tmp_path / "ca")
    made.launcher = launcher
    made.start()
    try:
        yield made
    finally:
        made.stop()


class Run:
    """One node, everything that was said to it, and what must still hold."""

    def __init__(self, node: ForkedNode, patients: list[str], chance: random.Random) -> None:
        self.node, self.patients, self.chance = node, patients, chance
        self.history = History()
        self.records = Records(node.folder / "data" / "node.db")
        self.stated: list[Path] = []  # checkpoints that the node had published when it was killed
        for patient in patients:
            node.know(patient)

    def under_load(self, seconds: float) -> None:
        """Keep the node busy for `seconds`, then kill it in the middle of it."""
        workers: list[Worker | Busy] = [
            Worker(self.node.described, self.patients, self.history, self._own(), self.node.repository)
            for _ in range(WORKERS)
        ]
        workers += [kind(self.node, self.history, self._own()) for kind in (Feed, Clerk)]
        for worker in workers:
            worker.start()
        time.sleep(seconds)
        self.node.stop(signal.SIGKILL)
        for worker in workers:
            worker.stopped.set()
        for worker in workers:
            worker.join(30)
            assert not worker.is_alive()
        assert [found for worker in workers for found in worker.wrong] == []
        self._keep_checkpoints()

    def _own(self) -> random.Random:
        return random.Random(self.chance.random())

    def _keep_checkpoints(self) -> None:
        for path in (self.node.folder / "audit").glob("*/checkpoint"):
            kept = self.node.folder.parent / f"checkpoint-{len(self.stated)}"
            kept.write_bytes(path.read_bytes())
            self.stated.append(kept)

    def start(self, *, command: bool) -> None:
        """Start it again; sometimes recovery itself is interrupted too."""
        launcher = self.node.launcher
        self.node.launcher = None if command else launcher
        if self.chance.random() < 0.15:
            self.node.launch()
            time.sleep(self.chance.uniform(0.0, 1.5 if command else 0.15))
            self.node.stop(signal.SIGKILL)
        self.node.start()
        self.node.launcher = launcher

    def check(self, first: int, *, everything: bool = False) -> None:
        """This cycle's submissions and some of the earlier ones, all patients, all new records."""
        history, checker = self.history, Checker(self.node.described, self.history)
        old = history.submissions[:first]
        chosen = old if everything else self.chance.sample(old, min(OLD_SAMPLE, len(old)))
        listed = control_call.call(self.node.folder / "run" / "control.sock", "patient list", {})
        found: list[Broken | list[str]] = [
            checker.check(history.submissions[first:] + chosen),
            checker.people(history.people, listed["patients"]),
            self.records.refresh(),  # what was just asked is on record, too
            self.records.unaudited(history),
        ]
        checker.client.leave()
        assert not any(found), [str(one) for one in found if one]

    def verify(self) -> None:
        """The ledger as an auditor sees it: whole, and continuing every checkpoint that was seen."""
        for words in (["verify"], *(["since", str(path)] for path in self.chance.sample(self.stated, 3))):
            done = self.node.run("audit", *words, check=False)
            assert done.returncode == 0, (words, done.stdout, done.stderr)
        assert self.records.lost() == []

    def __str__(self) -> str:
        history = self.history
        return (
            f"{len(history.done())} submissions acknowledged, {len(history.uncertain())} uncertain, "
            f"{len(history.read_markers)} queries, {len(history.read_documents)} retrieves, "
            f"{len(history.people)} patients, {sum(bool(one.command) for one in history.submissions)} commands, "
            f"{self.records.read} entries"
        )


def test_kill_9_under_mixed_load(node: ForkedNode, cycles: int, seed: int, chance: random.Random) -> None:
    run = Run(node, [f"KILL{number}^^^&{AUTHORITY}&ISO" for number in range(5)], chance)
    began = time.monotonic()
    for cycle in range(1, cycles + 1):
        first = len(run.history.submissions)
        try:
            run.under_load(chance.uniform(0.02, 0.9))
            run.start(command=cycle % COMMAND_EVERY == 0)
            run.check(first)
            if cycle % VERIFY_EVERY == 0:
                run.verify()
        except AssertionError as failure:
            raise AssertionError(f"seed {seed}, cycle {cycle}: {failure}") from failure
        if cycle % TELL_EVERY == 0 or cycle == cycles:
            each = (time.monotonic() - began) / cycle
            print(f"seed {seed}, cycle {cycle} of {cycles}, {each:.1f} s each: {run}", flush=True)
    run.check(len(run.history.submissions), everything=True)
    if run.stated[3:]:
        run.verify()
    history = run.history
    assert history.done()
    assert history.read_markers
    assert history.read_documents
    assert history.people


def blobs(node: ForkedNode) -> dict[str, Path]:
    return {path.name: path for path in (node.folder / "data" / "blobs").rglob("*") if path.is_file()}


def named(node: ForkedNode) -> set[str]:
    """The blobs that a row of the catalogue names."""
    with closing(sqlite3.connect(f"file:{node.folder}/data/node.db?mode=ro", uri=True)) as connection:
        return {blob.hex() for (blob,) in connection.execute("SELECT blob FROM stored_document")}


def test_what_a_kill_leaves_in_the_blob_store_is_swept(node: ForkedNode, cycles: int, chance: random.Random) -> None:
    """Files that no catalogue entry names go away by themselves; those that one names stay."""
    run = Run(node, [f"SWEEP^^^&{AUTHORITY}&ISO"], chance)
    for _ in range(min(cycles, 10)):
        run.under_load(chance.uniform(0.1, 0.4))
        node.start()
    node.stop(signal.SIGKILL)
    for path in blobs(node).values():
        os.utime(path, (time.time() - 7200,) * 2)  # only what is old enough is swept
    before = len(blobs(node))
    node.start()
    until = time.monotonic() + 150
    while time.monotonic() < until and blobs(node).keys() != named(node):
        time.sleep(1)
    assert blobs(node).keys() == named(node)
    run.check(0)
    print(f"{before - len(blobs(node))} of {before} files were swept", flush=True)
