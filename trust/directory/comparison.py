"""Two numbers of six digits that two people read to each other: they differ when somebody stands between the nodes.

Each side commits to a nonce before either is shown (as ZRTP does), so somebody in the middle has one guess in a
million, once. Each person types what the other reads aloud; nobody says "yes, they match". Pure.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from trust.ledger.record import canonical

NONCE_BYTES: Final = 32
_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Numbers:
    """`inviting` is read aloud by whoever invites, `joining` by whoever joins."""

    inviting: str
    joining: str


def commitment(nonce: bytes) -> str:
    """What a side says first."""
    return sha256(b"xdsnode join commitment 1\n" + nonce).hexdigest()


def kept(nonce: bytes, promised: str) -> bool:
    """Whether `nonce` is the one that was committed to."""
    return len(nonce) == NONCE_BYTES and hmac.compare_digest(commitment(nonce), promised)


def numbers(seen: Mapping[str, str], inviting: bytes, joining: bytes) -> Numbers:
    """Both numbers, from everything that the two nodes have `seen` of each other and from both nonces."""
    transcript = canonical({**seen, "inviting": inviting.hex(), "joining": joining.hex()})
    digest = sha256(b"xdsnode join numbers 1\n" + transcript).digest()
    return Numbers(*(f"{int.from_bytes(part, 'big') % 10**_DIGITS:06}" for part in (digest[:16], digest[16:])))


def same(number: str, typed: str) -> bool:
    """Whether somebody typed this number, with or without blanks."""
    return hmac.compare_digest(number.encode(), "".join(typed.split()).encode("utf-8"))
