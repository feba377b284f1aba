"""Three real nodes, faults on their lines and kill -9: two logs explain every exchange, and what a liar hides is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.exchanges import Federation, behind_lines, explained, reconciled, through_faults
from tests.end_to_end.liar import started_as_liar

TIMES = 6


@pytest.fixture
def federation(tmp_path: Path) -> Iterator[Federation]:
    """One for each test: a log that was lied in is of no use to another one."""
    with behind_lines(tmp_path / "federation") as made:
        yield made


def test_no_fault_leaves_a_row_unexplained(federation: Federation) -> None:
    through_faults(federation, TIMES)
    federation.stop()
    assert explained(federation) >= federation.exchanges > 150


def test_a11_what_one_side_hides_or_makes_up_is_named_exactly(federation: Federation, tmp_path: Path) -> None:
    federation.stop()
    one, liar, three = federation.nodes
    for node in (one, three):
        node.start()
    started_as_liar(liar, tmp_path / "lies")
    federation.ask(12)
    federation.stop()
    lies = [json.loads(line) for line in (tmp_path / "lies").read_text().splitlines()]
    assert {lie["what"] for lie in lies} == {"asked", "outcome", "answer", "invented"}
    for other in (one, three):
        status, found = reconciled(liar, other)
        named = {row["cid"] for row in found["rows"] if row["verdict"] == "unexplained"}
        assert named == {lie["cid"] for lie in lies if lie["peer"] == other.home}
        assert status == 1
    status, found = reconciled(one, three)
    assert (status, found["unexplained"]) == (0, 0)
