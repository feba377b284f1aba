"""F1: `kill -9` at random times under mixed load. Nothing acknowledged is lost, nothing takes effect by halves."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

from tests.end_to_end.nodes import AUTHORITY, XDSNODE, Node, free_base
from tests.faults.checker import Checker
from tests.faults.clients import Worker
from tests.faults.history import History, Submission
from tests.faults.records import unaudited

WORKERS = 4
VERIFY_EVERY = 25
OLD_SAMPLE = 20


def started_node(folder: Path) -> Node:
    node = Node(folder / "node", free_base(), "Fault suite").init(folder / "ca")
    return node.start()


def under_load(
    node: Node, history: History, patients: list[str], chance: random.Random, seconds: float
) -> list[Worker]:
    """Keep the node busy for `seconds`, then kill it in the middle of it."""
    workers = [
        Worker(node.described, patients, history, random.Random(chance.random()), node.repository)
        for _ in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    time.sleep(seconds)
    node.stop(signal.SIGKILL)
    for worker in workers:
        worker.stopped.set()
    for worker in workers:
        worker.join(30)
        assert not worker.is_alive()
    return workers


def killed_while_starting(node: Node, chance: random.Random) -> None:
    """Recovery itself is interrupted too."""
    process = subprocess.Popen(
        [XDSNODE, "serve", "--dir", str(node.folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(chance.uniform(0.0, 1.5))
    process.kill()
    process.wait()


def verify(node: Node) -> None:
    done = node.run("audit", "verify", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def chosen(history: History, first: int, chance: random.Random) -> list[Submission]:
    """This cycle's submissions, and some of the earlier ones."""
    old = history.submissions[:first]
    return history.submissions[first:] + chance.sample(old, min(OLD_SAMPLE, len(old)))


def test_kill_9_under_mixed_load(tmp_path: Path, cycles: int, chance: random.Random) -> None:
    node, history = started_node(tmp_path), History()
    patients = [f"KILL{number}^^^&{AUTHORITY}&ISO" for number in range(5)]
    for patient in patients:
        node.know(patient)
    began = time.monotonic()
    try:
        for cycle in range(1, cycles + 1):
            first = len(history.submissions)
            workers = under_load(node, history, patients, chance, chance.uniform(0.02, 0.7))
            assert [found for worker in workers for found in worker.wrong] == []
            if chance.random() < 0.15:
                killed_while_starting(node, chance)
            node.start()
            broken = Checker(node.described).check(chosen(history, first, chance), history)
            assert not broken, f"cycle {cycle}: {broken}"
            if cycle % VERIFY_EVERY == 0 or cycle == cycles:
                verify(node)
                assert unaudited(node.folder / "data" / "node.db", history) == []
                print(
                    f"cycle {cycle} of {cycles}: {len(history.done())} acknowledged, {len(history.uncertain())} "
                    f"uncertain, {len(history.read_markers)} queries, {len(history.read_documents)} retrieves, "
                    f"{time.monotonic() - began:.0f} s",
                    flush=True,
                )
        assert not Checker(node.described).check(history.submissions, history)
        assert history.done()
    finally:
        node.stop()


def blobs(node: Node) -> list[Path]:
    return [path for path in (node.folder / "data" / "blobs").rglob("*") if path.is_file()]


def test_what_a_kill_leaves_in_the_blob_store_is_swept(tmp_path: Path, cycles: int, chance: random.Random) -> None:
    """Files that no catalogue entry names go away by themselves; those that one names stay."""
    node, history = started_node(tmp_path), History()
    patient = f"SWEEP^^^&{AUTHORITY}&ISO"
    node.know(patient)
    try:
        for _ in range(min(cycles, 10)):
            under_load(node, history, [patient], chance, chance.uniform(0.1, 0.4))
            node.start()
        node.stop(signal.SIGKILL)
        for path in blobs(node):
            os.utime(path, (time.time() - 7200,) * 2)  # only what is old enough is swept
        before = len(blobs(node))
        node.start()
        until = time.monotonic() + 150
        while time.monotonic() < until and any("staging" in path.parts for path in blobs(node)):
            time.sleep(1)
        assert [path for path in blobs(node) if "staging" in path.parts] == []
        assert not Checker(node.described).check(history.submissions, history)
        print(f"{before - len(blobs(node))} of {before} files were swept", flush=True)
    finally:
        node.stop()
