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

from tests.end_to_end.nodes import AUTHORITY, Node, free_base
from tests.faults.run import Run

TELL_EVERY = 10
LONG_ENOUGH = 60  # cycles after which every kind of change must have been acknowledged
VERIFY_EVERY = 25
COMMAND_EVERY = 10  # this often the node is started as `xdsnode serve`, not forked


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path / "node", free_base(), "Fault suite")
    made.init(tmp_path / "ca")
    made.start()
    try:
        yield made
    finally:
        made.stop()


def test_kill_9_under_mixed_load(node: Node, cycles: int, seed: int, chance: random.Random) -> None:
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
    if cycles >= LONG_ENOUGH:
        assert run.never_done() == []


def blobs(node: Node) -> dict[str, Path]:
    return {path.name: path for path in (node.folder / "data" / "blobs").rglob("*") if path.is_file()}


def named(node: Node) -> set[str]:
    """The blobs that a row of the catalogue names."""
    with closing(sqlite3.connect(f"file:{node.folder}/data/node.db?mode=ro", uri=True)) as connection:
        return {blob.hex() for (blob,) in connection.execute("SELECT blob FROM stored_document")}


def test_what_a_kill_leaves_in_the_blob_store_is_swept(node: Node, cycles: int, chance: random.Random) -> None:
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
