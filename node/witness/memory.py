"""Peers as the memory of one's own log: does a witness remember more than this node has (audit-ledger 2.7)?

Only a note that this node's own key has signed can say so; a witness that claims anything else is not believed.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from node.federation.client import PeerClient, PeerFault
from node.witness.directory import url_of
from trust.communities import Community
from trust.errors import BadSignature, RolledBack
from trust.ledger import store
from trust.ledger.checkpoint import Checkpoint, VerificationKey, open_checkpoint
from trust.ledger.merkle import EMPTY_ROOT, Frontier
from trust.ledger.store import Head
from trust.ledger.tile_tree import subtree_of_tiles

log = logging.getLogger("node.witness")

SECONDS: Final = 4.0  # that all witnesses together have when the node starts
MOST: Final = 64 * 1024


async def remembered(client: PeerClient, witness: Community, key: VerificationKey) -> Checkpoint | None:
    """What a witness cosigned last of the log of `key`; None when it never saw it.

    Raises:
        PeerFault: no usable answer.
    """
    digest = sha256(key.name.encode()).hexdigest()
    status, _, body = await client.plain(witness, "GET", url_of(witness, f"witness/{digest}/checkpoint"), most=MOST)
    if status == 404:
        return None
    if status != 200:
        raise PeerFault(f"answered HTTP status {status}")
    try:
        return open_checkpoint(body, key)
    except BadSignature as problem:
        raise PeerFault("remembers what this node has not signed", str(problem)) from None


class OwnLog:
    """This node's log as its database holds it, to be compared with what others remember.

    Args:
        head: None when there is none yet.
        folder: the tiles of its shard; where they are behind, the leaves of the database are hashed.
    """

    def __init__(self, head: Head | None, reader: sqlite3.Connection, folder: Path) -> None:
        self._head = head
        self._reader = reader
        self._folder = folder

    def check(self, stated: Checkpoint, witness: str) -> None:
        """Compare.

        Raises:
            RolledBack: the witness has cosigned what this log does not continue.
        """
        if stated.size > self._size:
            raise RolledBack(
                f"{witness} has cosigned {stated.size} entries of {stated.origin}, this node has {self._size}: it was"
                " put back to an older state. Do not start this copy while a newer one exists; if the newer one is"
                " lost: xdsnode audit recover"
            )
        if not self.continues(stated):
            raise RolledBack(
                f"{witness} has cosigned another history of the first {stated.size} entries of {stated.origin}: keep"
                " this node's folder as it is and find out which copy is the right one"
            )

    def continues(self, stated: Checkpoint) -> bool:
        """Whether this log begins with what was stated."""
        return stated.size <= self._size and self._root(stated.size) == stated.root

    @property
    def _size(self) -> int:
        return self._head.size if self._head else 0

    def _root(self, size: int) -> bytes:
        if not size or self._head is None:
            return EMPTY_ROOT
        if size == self._head.size:
            return self._head.root
        try:
            return subtree_of_tiles(self._folder, size)(0, size)
        except (OSError, ValueError):
            first = self._head.first_seq
            return store.grow(self._reader, Frontier(), first, first + size).root()


async def ask_all(
    client: PeerClient, witnesses: Sequence[Community], key: VerificationKey, own: OwnLog, seconds: float = SECONDS
) -> list[Community]:
    """Ask every witness, all at once, before this node signs anything; those that could not be asked.

    Raises:
        RolledBack: one of them has cosigned what this log does not continue.
    """
    told, silent = await recollect(client, witnesses, key, seconds)
    for name, stated in told:
        own.check(stated, name)
    return silent


async def recollect(
    client: PeerClient, witnesses: Sequence[Community], key: VerificationKey, seconds: float = SECONDS
) -> tuple[list[tuple[str, Checkpoint]], list[Community]]:
    """What each witness remembers of the log of `key`, by its name; and those that could not be asked."""
    told: list[tuple[str, Checkpoint]] = []
    silent: list[Community] = []

    async def one(witness: Community) -> Checkpoint | PeerFault | None:
        try:
            async with asyncio.timeout(seconds):
                return await remembered(client, witness, key)
        except (PeerFault, TimeoutError) as fault:
            return fault if isinstance(fault, PeerFault) else PeerFault("gave no answer in time")

    for witness, found in zip(witnesses, await asyncio.gather(*map(one, witnesses)), strict=True):
        if isinstance(found, PeerFault):
            log.info("a witness could not be asked", extra={"community": witness.name, "reason": found.what})
            silent.append(witness)
        elif found is not None:
            told.append((witness.name, found))
    return told, silent
