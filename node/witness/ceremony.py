"""After a real loss: the shard that lost entries is closed and another one begins that says so (audit-ledger 2.7).

Only a person decides this, once it is sure that no newer copy of the node exists. Two copies that both go on would be a
fork, which the witnesses can prove.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.faults import refused
from node.records import instant
from node.witness.cosigner import newest
from node.witness.memory import recollect
from node.witness.witnessing import Witnessing
from trust.audit.event import Kind, NewRecord
from trust.ledger import store
from trust.ledger.checkpoint import Checkpoint
from trust.ledger.head import HeadFile, RememberedHead
from trust.ledger.merkle import EMPTY_ROOT
from trust.ledger.numbering import shard_name, successor
from trust.ledger.shard import origin_of
from trust.ledger.store import Head

_LOST: Final = "lost-"  # a folder of tiles that no longer belongs to the log begins with this


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What is known of a loss. `remembered` names who remembers how much: witnesses, the head file, the tiles."""

    origin: str
    kept: int
    head: Head | None
    remembered: tuple[tuple[str, Checkpoint], ...]
    silent: tuple[str, ...]  # witnesses that could not be asked
    successor: int

    @property
    def most(self) -> int:
        """The most entries that anybody remembers."""
        return max((stated.size for _, stated in self.remembered), default=self.kept)


async def assess(witnessing: Witnessing) -> Loss:
    """Find out what is lost.

    Raises:
        Faults: nobody remembers more than this node has, or something else; then there is nothing to recover from.
    """
    folder, actors = witnessing.config.folder, witnessing.actors
    heads = store.heads(actors.reader)
    head = heads[-1] if heads else None
    key = witnessing.key(head)
    own = witnessing.own_log(head)
    told, silent = await recollect(witnessing.client, witnessing.witnesses, key)
    head_file = HeadFile(folder.head)
    found = head_file.all().get(key.name)
    head_file.close()
    if found is not None:
        told.append((str(folder.head), Checkpoint(key.name, found.size, found.root)))
    published = newest(witnessing.folder(head), key)
    if published is not None:
        told.append((str(published.folder), published.checkpoint))
    contradicting = tuple((name, stated) for name, stated in told if not own.continues(stated))
    shard = head.shard if head else actors.clock().year
    loss = Loss(
        origin=key.name,
        kept=head.size if head else 0,
        head=head,
        remembered=contradicting,
        silent=tuple(one.name for one in silent),
        successor=successor(shard),
    )
    if not contradicting:
        cause = f"nobody remembers more than the {loss.kept} entries that this node has"
        step = "start the node: xdsnode serve; without a loss there is nothing to state"
        raise refused("recover.no-loss", loss.origin, cause, step)
    return loss


async def carry_out(witnessing: Witnessing, loss: Loss, *, reason: str, operator: str) -> str:
    """Close the shard, begin its successor, and state the loss as its first records; the new origin.

    The caller holds the node's lock and has not started the sequencer.
    """
    folder = witnessing.config.folder
    tiles = folder.audit / loss.origin.rpartition("/")[2]
    published = newest(tiles, witnessing.key(loss.head))
    if published is not None and published.checkpoint in {stated for _, stated in loss.remembered}:
        tiles.rename(_free(tiles.with_name(_LOST + tiles.name)))
    head_file = HeadFile(folder.head)
    if loss.head is not None:
        head_file.put_back(RememberedHead(loss.origin, loss.head.size, loss.head.root, loss.head.frontier))
    else:
        head_file.put_back(RememberedHead(loss.origin, 0, EMPTY_ROOT, b""))
    head_file.close()
    sequencer = witnessing.actors.sequencer
    await sequencer.start(loss.successor)
    await sequencer.record([_statement(witnessing, loss, reason, operator)])
    return origin_of(witnessing.config.log_node, loss.successor)


def _statement(witnessing: Witnessing, loss: Loss, reason: str, operator: str) -> NewRecord:
    """Kind 10: which entries are lost, who remembers them, and what the operator says about it."""
    largest = max((stated for _, stated in loss.remembered), key=lambda stated: stated.size)
    note = {
        "event": "loss",
        "origin": loss.origin,
        "kept": str(loss.kept),
        "remembered": str(loss.most),
        "remembered_root": largest.root.hex(),
        "remembered_by": "; ".join(f"{name}: {stated.size}" for name, stated in loss.remembered),
        "not_asked": "; ".join(loss.silent),
        "reason": reason,
        "operator": operator,
    }
    return NewRecord(kind=Kind.RECOVERY, time=instant(witnessing.actors.clock()), note=note)


def _free(path: Path) -> Path:
    number = 1
    found = path
    while found.exists():
        number += 1
        found = path.with_name(f"{path.name}-{number}")
    return found


def describe(loss: Loss) -> list[str]:
    """The loss for people."""
    name = shard_name(loss.successor)
    lines = [f"{loss.origin}: this node has {loss.kept} entries"]
    lines += [f"  {who} remembers {stated.size}" for who, stated in loss.remembered]
    lines += [f"  {who} could not be asked" for who in loss.silent]
    lost = loss.most - loss.kept
    lines.append(f"  entries {loss.kept} to {loss.most - 1} are lost ({lost})" if lost > 0 else "  another history")
    lines.append(f"  the log goes on as {loss.origin.rpartition('/')[0]}/{name}; its first records state this loss")
    return lines
