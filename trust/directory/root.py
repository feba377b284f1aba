"""Which keys may sign the directory of a federation, and how they are replaced: a chain that begins at a pinned one.

A statement names the keys, how many of them must sign, and its number. The next one is signed by enough keys of the one
before and by enough of its own, as in TUF. Today's nodes make statements of one key; they verify any threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from trust.directory.signing import (
    KEY_BYTES,
    KEYS,
    Malformed,
    Signed,
    Signer,
    decode,
    encode,
    fields,
    items,
    number,
    read_canonical,
    signed,
    text,
)

FORMAT: Final = 1
_MOST_KEYS: Final = 16
_MOST_LINKS: Final = 256


class Untrusted(Exception):  # noqa: N818  it becomes a refusal
    """The keys of what was offered do not follow from those that are trusted here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """One statement of keys. `digest` is the SHA-256 (hex) of its bytes: an invitation carries it, a member pins it."""

    federation: str  # urn:uuid:…
    number: int
    keys: tuple[bytes, ...]  # raw Ed25519 public keys
    threshold: int
    digest: str

    def vouches(self, statement: Signed, context: bytes) -> bool:
        """Whether enough of these keys have signed."""
        return statement.signers(context, self.keys) >= self.threshold


def first(federation: str, signers: Sequence[Signer]) -> Signed:
    """The statement with which a federation begins."""
    return signed(KEYS, _statement(federation, 1, signers), signers)


def successor(before: Root, old: Sequence[Signer], new: Sequence[Signer]) -> Signed:
    """The statement that hands over from the keys of `before` to `new`."""
    return signed(KEYS, _statement(before.federation, before.number + 1, new), (*old, *new))


def _statement(federation: str, count: int, signers: Sequence[Signer]) -> dict[str, Any]:
    keys = [encode(signer.public) for signer in signers]
    return {"format": FORMAT, "federation": federation, "number": count, "keys": keys, "threshold": len(keys)}


def read_root(statement: Signed) -> Root:
    """What a statement says, and that its own keys have signed it.

    Raises:
        Malformed: it is none.
        Untrusted: they have not.
    """
    content = fields(read_canonical(statement.payload), "format", "federation", "number", "keys", "threshold")
    if content["format"] != FORMAT:
        raise Malformed("its keys have a format that this version does not know")
    keys = tuple(decode(key, KEY_BYTES) for key in items(content["keys"], _MOST_KEYS))
    root = Root(
        federation=text(content["federation"], 64),
        number=number(content["number"]),
        keys=keys,
        threshold=number(content["threshold"]),
        digest=sha256(statement.payload).hexdigest(),
    )
    if len(set(keys)) != len(keys) or root.threshold > len(keys):
        raise Malformed("a key stands twice, or fewer keys are named than must sign")
    if not root.vouches(statement, KEYS):
        raise Untrusted("the keys that it names have not signed it themselves")
    return root


def follow(chain: Sequence[Signed], pinned: str) -> tuple[Root, ...]:
    """The trusted statements of `chain`, from the one whose digest is `pinned` to its end.

    Raises:
        Malformed: it is no chain.
        Untrusted: the pinned one is not in it, or a later one is not signed by the one before.
    """
    if not 0 < len(chain) <= _MOST_LINKS:
        raise Malformed(f"1 to {_MOST_LINKS} statements of keys are missing")
    at = next((k for k, one in enumerate(chain) if sha256(one.payload).hexdigest() == pinned), None)
    if at is None:
        raise Untrusted("the keys that are pinned here are not among its own: another federation, or forged")
    trusted = [read_root(chain[at])]
    for statement in chain[at + 1 :]:
        before, found = trusted[-1], read_root(statement)
        if found.federation != before.federation or found.number != before.number + 1:
            raise Untrusted(f"statement {found.number} of its keys does not follow statement {before.number}")
        if not before.vouches(statement, KEYS):
            raise Untrusted(f"the change to its keys {found.number} is not signed by the keys before")
        trusted.append(found)
    return tuple(trusted)
