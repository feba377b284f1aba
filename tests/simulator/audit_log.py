"""The audit log of a simulated community: entries in memory, signed as a node's are; it proves whatever it is told to."""

from __future__ import annotations

import os
from hashlib import sha256

from trust.ledger.checkpoint import Checkpoint, NoteSigner
from trust.ledger.merkle import inclusion_proof, leaf_hash, root_of, subtree_of
from trust.ledger.receipt import render
from trust.ledger.record import exchange_tag, payload_digest


class AuditLog:
    """One log under one name and key; `origin` is `<log>/<year>`."""

    def __init__(self, origin: str, seed: bytes) -> None:
        self.signer = NoteSigner(origin, seed)
        self.entries = [os.urandom(98) for _ in range(5)]

    def receipt(self, kind: int, leg: str, cid: str, payload: bytes) -> bytes:
        """Enter an exchange and prove it."""
        self.entries.append(b"\x01" + bytes([kind]) + exchange_tag(leg, cid, payload) + os.urandom(64))
        return self.proof(len(self.entries) - 1)

    def proof(self, index: int, entry: bytes | None = None) -> bytes:
        """The proof of an entry; with `entry` it says that another one stands there."""
        leaves = [leaf_hash(one) for one in self.entries]
        size = len(leaves)
        note = self.signer.sign(Checkpoint(self.signer.key.name, size, root_of(leaves)).text())
        return render(entry or self.entries[index], index, inclusion_proof(index, size, subtree_of(leaves)), note)


def digest(envelope: bytes, name: str = "body") -> bytes:
    """Payload digest of a message that is its envelope alone."""
    return payload_digest([(name, len(envelope), sha256(envelope).digest())])
