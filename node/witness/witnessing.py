"""The three sides of witnessing, put together: this node as a witness, its own witnesses, and forks."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from node.configuration.config import Config
from node.exchange import Actors
from node.federation.client import PeerClient
from node.witness.cosigner import Cosigner, newest
from node.witness.directory import witnesses_of
from node.witness.forks import Forks
from node.witness.memory import OwnLog, ask_all
from node.witness.server import Witness
from trust.communities import AuditIdentity, Community
from trust.ledger import store
from trust.ledger.checkpoint import CosignatureSigner, NoteSigner, VerificationKey
from trust.ledger.keys import LedgerKeys, read_key
from trust.ledger.numbering import shard_name
from trust.ledger.shard import log_of, origin_of
from trust.ledger.store import Head


@dataclass(slots=True, kw_only=True)
class Witnessing:
    """What a node has for it. `silent` are the witnesses that could not be asked at the start."""

    forks: Forks
    server: Witness
    config: Config
    keys: LedgerKeys
    actors: Actors
    client: PeerClient
    directory: Callable[[], Sequence[Community]]
    silent: list[Community] = field(default_factory=list)

    @property
    def witnesses(self) -> list[Community]:
        """The communities that cosign this node's log."""
        return witnesses_of(self.directory(), self.config.audit.witnesses)

    async def check_memory(self) -> None:
        """Before the first signature: no witness may remember more than this node has.

        Raises:
            RolledBack: one does.
        """
        heads = store.heads(self.actors.reader)
        head = heads[-1] if heads else None
        self.silent = await ask_all(self.client, self.witnesses, self.key(head), self.own_log(head))

    def reload_forks(self) -> None:
        """After a change of communities, of evidence, or a decision."""
        self.forks.reload(self.actors.reader)
        self.actors.sequencer.warn(self.forks.warnings())

    def own_log(self, head: Head | None) -> OwnLog:
        """This node's log, to be compared with what others remember."""
        return OwnLog(head, self.actors.reader, self.folder(head))

    def key(self, head: Head | None) -> VerificationKey:
        """What verifies the checkpoints of the shard that is being written, or that would be begun now."""
        origin = head.origin if head else origin_of(self.config.log_node, self.actors.clock().year)
        return NoteSigner(origin, self.keys.seed).key

    def cosigner(self) -> Cosigner:
        """What has this node's log cosigned, for a node that runs."""
        actors, audit = self.actors, self.config.audit
        return Cosigner(
            client=self.client,
            directory=self.directory,
            own=lambda: newest(self.folder(actors.sequencer.head), self.key(actors.sequencer.head)),
            sequencer=actors.sequencer,
            reader=actors.reader,
            clock=actors.clock,
            alarm=actors.alarm,
            metrics=actors.metrics,
            wanted=audit.witnesses,
            quorum=audit.quorum,
            seconds=audit.cosign_seconds,
            silent=self.silent,
            news=self.server.news,
            missing=self.server.missing,
        )

    def folder(self, head: Head | None) -> Path:
        """The tiles of that shard."""
        return self.config.folder.audit / shard_name(head.shard if head else self.actors.clock().year)


def assemble(
    config: Config,
    keys: LedgerKeys,
    actors: Actors,
    client: PeerClient,
    directory: Callable[[], Sequence[Community]],
    forks: Forks,
) -> Witnessing:
    """Put together what a node needs."""
    log = log_of(config.log_node)
    signer = CosignatureSigner(config.witness_name, read_key(config.folder.witness_key))
    own = AuditIdentity(log=log, key=NoteSigner(log, keys.seed).key.public, witness=signer.key)
    server = Witness(signer=signer, own=own, directory=directory, actors=actors, forks=forks)
    actors.sequencer.warn(forks.warnings())
    return Witnessing(
        forks=forks, server=server, config=config, keys=keys, actors=actors, client=client, directory=directory
    )


def forks_of(
    directory: Callable[[], Sequence[Community]], reader: sqlite3.Connection, clock: Callable[[], datetime]
) -> tuple[Forks, Callable[[str], str]]:
    """The forked communities, and why nothing is exchanged with one, at the time of the question."""
    forks = Forks(directory, reader)
    return forks, lambda home: forks.barred(home, clock())
