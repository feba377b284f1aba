"""What `check` and `status` say of witnesses and forks, from the files and the database alone."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from node import database
from node.configuration.config import Config
from node.health import Finding, Level
from node.rotation import compromised
from node.witness.directory import witnesses_of
from node.witness.forks import Forks
from trust.communities import Community
from trust.community_store import Communities
from trust.errors import BadSignature
from trust.ledger import store, witness_store
from trust.ledger.checkpoint import VerificationKey, parse_checkpoint, parse_note
from trust.ledger.numbering import shard_name
from trust.ledger.policy import Policy, policy_of
from trust.ledger.store import Head
from trust.ledger.witness import Grade

_SUBJECT: Final = "witnesses"
_TELLING: Final = timedelta(days=30)  # for so long everybody is reminded of a stolen key (audit-ledger 2.5)
_LATE: Final = timedelta(minutes=15)
_CONNECT: Final = "connect more institutions, or have them export again: xdsnode peer add FILE --replace"


def witnesses(config: Config, now: datetime) -> Iterator[Finding]:
    """Who cosigns this node's log, when a quorum last did, and who has forked."""
    if database.revision(config.folder.database) is None:
        return
    with contextlib.closing(database.open_reader(config.folder.database)) as reader:
        communities = Communities(reader).all()
        heads = store.heads(reader)
        found = witnesses_of(communities, config.audit.witnesses)
        policy = policy_of(_keys(found), config.audit.quorum)
        if heads and policy.witnesses:
            yield from _quorum(config, policy, heads[-1], now)
        elif communities:
            what = "no connected institution cosigns this node's audit log: only this institution vouches for it"
            yield Finding(Level.WARN, _SUBJECT, what, _CONNECT)
        if communities:
            yield from _stolen(reader, heads, now)
        for fork in Forks(lambda: communities, reader).by_home.values():
            level = Level.FAIL if fork.closed(now) else Level.WARN
            step = f'find out why; then: xdsnode peer decide "{fork.community.name}" continue|stop --reason TEXT'
            state = fork.decision or ("nothing is exchanged any more" if fork.closed(now) else "exchanges still go on")
            yield Finding(level, f"peer {fork.community.name}", f"{fork.text}; {state}", step)
        own = [kept for kept in witness_store.evidence(reader) if kept.evidence.origin in {one.origin for one in heads}]
        for kept in own:
            if kept.evidence.grade is Grade.E1:
                what = f"there is proof that this node has signed two histories of {kept.evidence.origin}"
                yield Finding(Level.FAIL, "audit log", what, "two copies of this node were in use: find the other one")


def _stolen(reader: sqlite3.Connection, heads: list[Head], now: datetime) -> Iterator[Finding]:
    """Whether others have to be told that a former key is in other hands: they cannot know by themselves."""
    for closed in heads[:-1]:
        last = store.record(reader, closed.first_seq + closed.size - 1)
        moment = compromised(json.loads(last[0])) if last else None
        if moment and now - moment < _TELLING:
            what = (
                f"the key of {closed.origin} may be in other hands since {moment:%Y-%m-%d}: others believe what"
                f" it signs, also beyond entry {closed.size}, until they have this node's new description"
            )
            step = "xdsnode endpoints --export; there, compared by telephone: xdsnode peer add FILE --replace"
            yield Finding(Level.WARN, "audit log", what, step)


def _keys(communities: list[Community]) -> list[VerificationKey]:
    return [one.audit.witness for one in communities if one.audit is not None and one.audit.witness is not None]


def _quorum(config: Config, policy: Policy, head: Head, now: datetime) -> Iterator[Finding]:
    count = len(policy.witnesses)
    rule = f"{policy.needed} of {count} must sign, {policy.tolerated} of them may be dishonest"
    if count < 4:
        rule += " (from four witnesses on one may be)"
    found = _last(config.folder.audit / shard_name(head.shard) / "cosigned")
    if found is None:
        yield Finding(Level.WARN, _SUBJECT, f"no quorum has signed this log yet; {rule}", "see `xdsnode peer test`")
        return
    size, moment = found
    text = f"a quorum signed {size} of {head.size} entries at {moment:%Y-%m-%d %H:%M:%S} UTC; {rule}"
    if now - moment > _LATE + timedelta(seconds=config.audit.cosign_seconds):
        step = "witnesses cannot be reached or refuse: xdsnode peer test PEER, and the node's log (node.witness)"
        yield Finding(Level.WARN, _SUBJECT, text, step)
    else:
        yield Finding(Level.OK, _SUBJECT, text)


def _last(path: Path) -> tuple[int, datetime] | None:
    """Size and time of the cosigned checkpoint, None when there is none."""
    try:
        note = parse_note(path.read_bytes())
        times = [int.from_bytes(line.value[:8], "big") for line in note.signatures[1:] if len(line.value) == 72]
        return parse_checkpoint(note.text).size, datetime.fromtimestamp(max(times), UTC)
    except (OSError, BadSignature, ValueError):
        return None
