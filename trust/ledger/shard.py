"""One shard of the log, a calendar year of one node: its name, keys and first entry (audit-ledger 2.5)."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from hashlib import sha256

from trust.audit.event import Kind, NewRecord
from trust.errors import BadSignature, LedgerBroken
from trust.ledger import store
from trust.ledger.batch import Subjects
from trust.ledger.checkpoint import Checkpoint, VerificationKey
from trust.ledger.keys import CheckpointSigner, LedgerKeys
from trust.ledger.merkle import Frontier
from trust.ledger.numbering import shard_name
from trust.ledger.record import shard_master
from trust.ledger.recovery import frontier_of
from trust.ledger.store import Head


@dataclass(slots=True)
class Shard:
    """A shard that is being written. `head` and `frontier` are what was last committed."""

    head: Head
    frontier: Frontier
    signer: CheckpointSigner
    subjects: Subjects


def log_of(node: str) -> str:
    """What the names of all shards of a node begin with, `<node DNS name>/audit`."""
    return f"{node}/audit"


def origin_of(node: str, shard: int) -> str:
    """The name of a shard and of the key that signs it, `<node DNS name>/audit/<year>`."""
    return f"{log_of(node)}/{shard_name(shard)}"


def named_key(connection: sqlite3.Connection, head: Head) -> VerificationKey | None:
    """The key that a shard's first record names; None for a shard that has no record yet.

    Raises:
        LedgerBroken: the first record cannot be read.
    """
    opening = store.record(connection, head.first_seq)
    if opening is None:
        return None
    try:
        return VerificationKey.parse(json.loads(opening[0])["event"]["note"]["vkey"])
    except (ValueError, KeyError, TypeError, BadSignature) as damaged:
        raise LedgerBroken(f"the first record of {head.origin} names no key: {damaged}") from damaged


def open_shard(head: Head, keys: LedgerKeys) -> Shard:
    """The shard that stands at `head`.

    Raises:
        LedgerBroken: the frontier of `head` does not give its root.
    """
    subjects = Subjects(head.shard, shard_master(keys.subject_master, head.origin))
    return Shard(head, frontier_of(head), CheckpointSigner(head.origin, keys.seed), subjects)


def genesis(shard: Shard, previous: tuple[Checkpoint, bytes] | None, now: str) -> NewRecord:
    """The first record of a shard: names its key and commits to the final checkpoint of the shard before.

    The digest is over the exact bytes of that checkpoint, because a note's bytes are not canonical.
    """
    note = {"event": "genesis", "origin": shard.head.origin, "vkey": shard.signer.key.render()}
    if previous is not None:
        checkpoint, data = previous
        note |= {
            "previous_origin": checkpoint.origin,
            "previous_size": str(checkpoint.size),
            "previous_checkpoint_sha256": sha256(data).hexdigest(),
        }
    return NewRecord(kind=Kind.KEY, time=now, note=note)
