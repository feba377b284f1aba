"""Erasing what a record says while its place in the log stays provable (audit-ledger 2.2).

Record and salt go, with what another community proved about it; the leaf, its tags and the patient's number stay, so
that the tree, every proof and the count of a patient's entries are what they were. The log itself states which entries
were erased, and the verifier accepts no other gap.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from trust.audit.event import Kind
from trust.ledger import store
from trust.ledger.numbering import shard_name

EVENT: Final = "erasure"  # `event` in the note of a record that states an erasure
# What explains the log itself stays: keys, anchors, losses, and the statements of erasures.
_LASTING: Final = (Kind.ANCHOR, Kind.KEY, Kind.RECOVERY)
_STATEMENT: Final = b'"note":{"entries":'
_MOST_RANGES: Final = 500  # of one statement
_CANDIDATES: Final = f"""
SELECT r.seq FROM audit_record AS r WHERE r.kind NOT IN ({", ".join(str(int(kind)) for kind in _LASTING)})
AND NOT (r.kind = {int(Kind.SECURITY)} AND instr(r.body, ?))
"""  # noqa: S608  numbers of this module only


@dataclass(frozen=True, slots=True)
class Range:
    """Entries `first` to `last` of one shard by their index, and their number over all shards from `seq` on."""

    shard: str
    first: int
    last: int
    seq: int

    @property
    def text(self) -> str:
        """As statements have it: `2026:5-7`."""
        return f"{self.shard}:{self.first}" if self.first == self.last else f"{self.shard}:{self.first}-{self.last}"

    def __len__(self) -> int:
        return self.last - self.first + 1


def select(
    connection: sqlite3.Connection, *, subjects: Sequence[str] = (), shard: str = "", before: str = ""
) -> list[Range]:
    """Entries whose record can be erased, in the order of the log.

    Args:
        connection: reads the node's database.
        subjects: only those about one of these patients (`<OID>|<id>`).
        shard: only those of one shard, `2026`.
        before: only those older than this instant, as it stands in records.
    """
    query, values = _CANDIDATES, [_STATEMENT]  # type: tuple[str, list[object]]
    if subjects:
        query += f" AND r.seq IN (SELECT seq FROM audit_subject WHERE subject IN ({', '.join('?' * len(subjects))}))"  # noqa: S608  question marks
        values += subjects
    if before:
        query += " AND r.time < ?"
        values.append(before)
    chosen = [seq for (seq,) in connection.execute(f"{query} ORDER BY r.seq", values)]
    return [found for found in _ranges(connection, chosen) if not shard or found.shard == shard]


def _ranges(connection: sqlite3.Connection, chosen: Sequence[int]) -> Iterator[Range]:
    heads = iter(store.heads(connection))
    head = next(heads, None)
    start = previous = None
    for seq in [*chosen, None]:
        ends = head is not None and seq is not None and seq >= head.first_seq + head.size
        if start is not None and previous is not None and head is not None and (seq != previous + 1 or ends):
            yield Range(shard_name(head.shard), start - head.first_seq, previous - head.first_seq, start)
            start = None
        while head is not None and seq is not None and seq >= head.first_seq + head.size:
            head = next(heads, None)
        start = seq if start is None else start
        previous = seq


def erase(connection: sqlite3.Connection, ranges: Sequence[Range]) -> None:
    """Erase the records of these entries. The connection is in a transaction; `statements` go into the same one."""
    for one in ranges:
        between = (one.seq, one.seq + len(one) - 1)
        connection.execute("DELETE FROM audit_record WHERE seq BETWEEN ? AND ?", between)
        connection.execute("DELETE FROM audit_receipt WHERE seq BETWEEN ? AND ?", between)


def statements(ranges: Sequence[Range], reason: str) -> list[dict[str, str]]:
    """What the log says about an erasure: the notes of its records. `entries` comes first in canonical order."""
    parts = [ranges[at : at + _MOST_RANGES] for at in range(0, len(ranges), _MOST_RANGES)]
    return [{"entries": ",".join([one.text for one in part]), "event": EVENT, "reason": reason} for part in parts]


def stated(connection: sqlite3.Connection) -> Iterator[tuple[int, bytes]]:
    """Number and body of each record that states an erasure."""
    query = "SELECT seq, body FROM audit_record WHERE kind = ? AND instr(body, ?) ORDER BY seq"
    yield from connection.execute(query, (int(Kind.SECURITY), _STATEMENT))
