"""The remembered head on a disk that fills up: a batch that is durable must not fail for the lack of a few pages."""

from __future__ import annotations

import os
from pathlib import Path

from trust.ledger.head import HeadFile, RememberedHead
from trust.ledger.merkle import EMPTY_ROOT

ORIGIN = "node-a.example/audit/2026"


def moved(head: HeadFile, before: tuple[int, bytes], size: int) -> tuple[int, bytes]:
    after = RememberedHead(ORIGIN, size, os.urandom(32), os.urandom(32 * size.bit_count()))
    head.swap(before, after)
    return after.size, after.root


def test_swaps_need_no_more_room_than_was_taken_at_the_start(tmp_path: Path) -> None:
    head = HeadFile(tmp_path / "head.db")
    head.begin(ORIGIN)

    def room() -> int:
        return sum(path.stat().st_blocks for path in tmp_path.iterdir())

    at, taken = (0, EMPTY_ROOT), room()
    for step in range(1, 600):
        at = moved(head, at, 1000 * step)
        assert room() <= taken
    assert head.all()[ORIGIN].size == at[0]
    head.close()


def test_a_file_of_an_older_version_takes_its_room_too(tmp_path: Path) -> None:
    head = HeadFile(tmp_path / "head.db")
    head.begin(ORIGIN)
    at = moved(head, (0, EMPTY_ROOT), 7)
    head._connection.execute("DROP TABLE room")
    head._connection.execute("VACUUM")
    head.close()
    again = HeadFile(tmp_path / "head.db")
    assert again.all()[ORIGIN].size == 7
    moved(again, at, 8)
    again.close()
