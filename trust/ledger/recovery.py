"""What is checked before the first signature after a start (audit-ledger 2.7).

Incremental: the frontier against the root, the last leaves against the frontier, the database against the remembered
head. The whole log is verified by `hdn_verify`.
"""

from __future__ import annotations

import sqlite3
from itertools import pairwise

from trust.errors import LedgerBroken, RolledBack
from trust.ledger import store
from trust.ledger.head import HeadFile, RememberedHead
from trust.ledger.merkle import Frontier
from trust.ledger.numbering import place_of
from trust.ledger.store import Head
from trust.ledger.tiles import WIDTH


def recover(connection: sqlite3.Connection, remembered: HeadFile) -> list[Head]:
    """The heads of all shards, oldest first, after database and memory agree; none for a log that never began.

    A database that is ahead holds a batch that was durable and never acknowledged: it is hashed anew from the
    remembered head on, and the memory moves forward.

    Raises:
        RolledBack: the remembered head is ahead, or not a prefix of what the database holds.
        LedgerBroken: the database contradicts itself.
    """
    heads = store.heads(connection)
    memory = remembered.all()
    _check_known(heads, memory)
    _check_shards(connection, heads)
    for head in heads:
        found = memory.get(head.origin)
        if found is None:
            raise RolledBack(
                f"{remembered.path} does not know {head.origin}; it was replaced. Put the right file back; if it is"
                " lost, ask who has seen the last checkpoint before you make a new one"
            )
        _forward(connection, head, found, remembered)
    return heads


def _check_known(heads: list[Head], memory: dict[str, RememberedHead]) -> None:
    """A log that the memory has seen grow must be there."""
    origins = {head.origin for head in heads}
    for found in memory.values():
        if found.size and found.origin not in origins:
            raise RolledBack(
                f"the database has no entry of {found.origin}, of which {found.size} were signed: it is older than its"
                " last signed head; do not start this copy"
            )


def _check_shards(connection: sqlite3.Connection, heads: list[Head]) -> None:
    """Each shard begins where the one before ends, and the leaves end with the last."""
    expected = 1
    for head in heads:
        if head.first_seq != expected:
            raise LedgerBroken(f"{head.origin} begins at entry {head.first_seq}, not {expected}")
        expected = head.first_seq + head.size
    last = store.last_leaf(connection)
    if (last or 0) != expected - 1:
        raise LedgerBroken(f"the last leaf is number {last}, the heads end at {expected - 1}")
    if any(place_of(later.shard) <= place_of(earlier.shard) for earlier, later in pairwise(heads)):
        raise LedgerBroken("the shards are not in the order of their years")


def frontier_of(head: Head) -> Frontier:
    """The stored frontier of a head.

    Raises:
        LedgerBroken: it does not give the stored root.
    """
    try:
        frontier = Frontier.from_bytes(head.size, head.frontier)
    except ValueError as wrong:
        raise LedgerBroken(f"the frontier of {head.origin} is damaged: {wrong}") from wrong
    if frontier.root() != head.root:
        raise LedgerBroken(f"the frontier of {head.origin} does not give its root")
    return frontier


def _check_tail(connection: sqlite3.Connection, head: Head, frontier: Frontier) -> None:
    """The leaves after the last full tile, hashed anew, are those of the frontier."""
    start = head.size - head.size % WIDTH
    tail = store.grow(connection, Frontier(), head.first_seq + start, head.first_seq + head.size)
    peaks = frontier.peaks[len(frontier.peaks) - len(tail.peaks) :] if tail.peaks else []
    if tail.size != head.size - start or tail.peaks != peaks:
        raise LedgerBroken(f"a leaf of {head.origin} from {start} on is missing or changed; restore it from a backup")


def _forward(connection: sqlite3.Connection, head: Head, found: RememberedHead, remembered: HeadFile) -> None:
    frontier = frontier_of(head)
    _check_tail(connection, head, frontier)
    if found.size > head.size:
        raise RolledBack(
            f"the database ends {head.origin} at {head.size} entries, {found.size} were signed: it was put back to an"
            " older state; do not start this copy"
        )
    if found.size == head.size:
        if found.root != head.root:
            raise RolledBack(f"{head.origin} has another root at {head.size} entries than the one that was signed")
        return
    signed = frontier_of(Head(head.shard, head.origin, head.first_seq, found.size, found.root, found.frontier))
    grown = store.grow(connection, signed, head.first_seq + found.size, head.first_seq + head.size)
    if grown.size != head.size or grown.root() != head.root:
        raise RolledBack(f"the {found.size} signed entries of {head.origin} are not the first ones of the database")
    remembered.swap((found.size, found.root), RememberedHead(head.origin, head.size, head.root, head.frontier))
