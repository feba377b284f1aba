"""`kill -9` in the middle of changes and removals (ITI-57, 62, 86): whole or not at all, and what went stays away.

A few cycles of what `scripts/test --faults` does for hours (tests/faults).
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.nodes import AUTHORITY, Node, free_base
from tests.faults.changes import Changer
from tests.faults.run import Run

pytestmark = pytest.mark.long

CYCLES, MOST = 6, 40  # more than six where a busy machine lets too little happen in each


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path / "node", free_base(), "Changes")
    made.init(tmp_path / "ca")
    made.start()
    try:
        yield made
    finally:
        made.stop()


def test_changes_and_removals_are_whole_or_not_at_all(node: Node) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    run = Run(node, [f"CHANGE{number}^^^&{AUTHORITY}&ISO" for number in range(3)], chance, (Changer, Changer))
    for cycle in range(MOST):
        if cycle >= CYCLES and not run.never_done():
            break
        first = len(run.history.submissions)
        run.under_load(chance.uniform(0.6, 1.2))
        run.start(command=False)
        run.check(first)
    run.check(len(run.history.submissions), everything=True)
    assert run.never_done() == []
    run.verify()
    print(run)
