"""Searches of the audit log: newest first, page by page (ITI TF-2: 3.81)."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from trust.ledger import store
from trust.ledger.record import commitment
from trust.ledger.store import Head
from trust.search.criteria import Criteria, facts, holds
from trust.search.index import AuditIndex

MOST: Final = 10_000  # entries of one page


@dataclass(frozen=True, slots=True)
class Found:
    """One entry: its place, and its record as the ledger keeps it."""

    seq: int
    origin: str
    index: int
    record: dict[str, Any]
    body: bytes  # the record's exact bytes

    @classmethod
    def read(cls, seq: int, head: Head, body: bytes) -> Found:
        """An entry from what the database holds of it."""
        return cls(seq, head.origin, seq - head.first_seq, orjson.loads(body), body)

    @property
    def label(self) -> str:
        """How people name it: year and index."""
        return f"{self.origin.rpartition('/')[2]}/{self.index}"

    def commits(self, entry: bytes, salt: bytes) -> bool:
        """Whether a leaf of the log commits to this record. Source: audit-ledger: 2.3."""
        return entry[-32:] == commitment(salt, self.body)


@dataclass(frozen=True, slots=True)
class Page:
    """Entries of one page, newest first; `size` is how many entries the log had when the search began.

    `erased` counts proposed entries whose record was erased, so that nobody takes the page for more than it is.
    """

    entries: list[Found]
    more: bool
    size: int
    erased: int = 0


def search(
    index: AuditIndex, ledger: Path, criteria: Criteria, *, limit: int, before: str = "", scan: bool = False
) -> Page:
    """One page of what fits.

    The index is brought up to the head of the log first, so that nothing committed before this call is missing.

    Args:
        index: the index; it is not touched with `scan`.
        ledger: the node's database.
        criteria: what to look for.
        limit: most entries of the page, 1 to `MOST`.
        before: label of an entry; the page begins with the next older one.
        scan: look through the whole log instead of the index: slow, and independent of it.

    Raises:
        LookupError: no such `before`.
        TooManyUsers: a part of a user's name that fits too many.
        sqlite3.Error: disk or database.
    """
    with contextlib.closing(store.open_reader(ledger)) as reader:
        heads = store.heads(reader)
        end = heads[-1].first_seq + heads[-1].size if heads else 1
        start = min(end, place(heads, before)) if before else end
        if scan:
            return _page(reader, heads, criteria, range(start - 1, 0, -1), limit)
        index.catch_up()
        with index.reading() as proposals:
            return _page(reader, heads, criteria, proposals.newest_first(criteria, start), limit)


def _page(
    reader: sqlite3.Connection, heads: list[Head], criteria: Criteria, proposed: Iterable[int], limit: int
) -> Page:
    entries: list[Found] = []
    erased = 0
    for seq in proposed:
        stored = store.record(reader, seq)
        if stored is None:
            erased += 1
            continue
        record = orjson.loads(stored[0])
        if holds(criteria, facts(record)):
            if len(entries) == limit:
                return Page(entries, True, _size(heads), erased)  # noqa: FBT003
            head = next(one for one in reversed(heads) if one.first_seq <= seq)
            entries.append(Found(seq, head.origin, seq - head.first_seq, record, stored[0]))
    return Page(entries, False, _size(heads), erased)  # noqa: FBT003


def _size(heads: list[Head]) -> int:
    return sum(head.size for head in heads)


def look_up(ledger: Path, label: str) -> tuple[Found, bytes]:
    """One entry with its salt.

    Raises:
        LookupError: there is no such entry, or its record was erased.
        sqlite3.Error: disk or database.
    """
    with contextlib.closing(store.open_reader(ledger)) as reader:
        heads = store.heads(reader)
        seq = place(heads, label)
        stored = store.record(reader, seq)
    if stored is None:
        raise LookupError(f"the record of {label} was erased: that there was an entry can be proved, not what it said")
    head = next(one for one in reversed(heads) if one.first_seq <= seq)
    return Found.read(seq, head, stored[0]), stored[1]


def place(heads: list[Head], label: str) -> int:
    """The number of an entry in the database from its label: `2026/137`, or `137` of the newest year.

    Raises:
        LookupError: there is no such entry.
    """
    year, _, index = label.rpartition("/")
    shards = [one for one in heads if not year or one.origin.rpartition("/")[2] == year]
    if not shards or not index.isdecimal() or int(index) >= shards[-1].size:
        raise LookupError(f"there is no entry {label}: write year/index as in a listing, 2026/137")
    return shards[-1].first_seq + int(index)


def labels(reader: sqlite3.Connection, numbers: Iterable[int]) -> list[str]:
    """How people name entries, from their numbers in the database."""
    heads = store.heads(reader)
    found = []
    for seq in numbers:
        head = next((one for one in reversed(heads) if one.first_seq <= seq), None)
        if head:
            found.append(f"{head.origin.rpartition('/')[2]}/{seq - head.first_seq}")
    return found
