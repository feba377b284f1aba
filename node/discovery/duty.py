"""Which locator answers for whom: one rule over the members that accept the duty, the same at every member. Pure.

A word about a person (`registry.patients.location`) becomes a token, 16 octets that only members can make and nobody
can turn back. The token goes to the member with the highest hash of both (rendezvous hashing): one that joins takes an
even share of everybody, one that leaves gives its own away, nothing else moves.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

from trust.communities import Community
from trust.directory.content import ACTIVE, Content

LOCATOR: Final = "locator"  # the capability of a member that accepts the duty
NEEDED: Final = ("iti-56", "locations")  # endpoints of one that can carry it
LEAST: Final = 3  # locators below which there are none: one would hold too large a share
TOKEN: Final = 16


@dataclass(frozen=True)
class Duty:
    """The locators of one federation ("" for communities that administrators connected one by one), in order."""

    federation: str = ""
    homes: tuple[str, ...] = ()

    @property
    def exists(self) -> bool:
        """Whether there are locators at all."""
        return len(self.homes) >= LEAST

    @cached_property
    def root(self) -> str:
        """OID of this very set of locators: what was told under another one is not complete under this."""
        text = "\0".join(("patient locators", self.federation, *self.homes))
        return f"2.25.{int.from_bytes(sha256(text.encode()).digest()[:16])}"

    def token(self, word: str) -> bytes:
        """What stands for a word."""
        return hmac.digest(b"patient location " + self.federation.encode(), word.encode(), "sha256")[:TOKEN]

    def locator(self, token: bytes) -> str:
        """Who answers for a token."""
        return max(self.homes, key=lambda home: (sha256(token + home.encode()).digest(), home))


def of_directory(federation: str, content: Content) -> Duty:
    """The locators that a signed directory names."""
    rows = (row for row in content.members if row["status"] == ACTIVE)
    return _duty(federation, ((row["home_community_id"], row) for row in rows))


def of_peers(own: str, communities: Iterable[Community], *, accepts: bool) -> Duty:
    """The locators among communities that were connected one by one, and this node if it accepts."""
    found = [
        (one.home, {"capabilities": one.capabilities, "endpoints": one.endpoints})
        for one in communities
        if not one.federation
    ]
    if accepts:
        found.append((own, {"capabilities": (LOCATOR,), "endpoints": NEEDED}))
    return _duty("", found)


def _duty(federation: str, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Duty:
    homes = (
        home
        for home, row in rows
        if LOCATOR in row.get("capabilities", ()) and all(name in row.get("endpoints", ()) for name in NEEDED)
    )
    return Duty(federation, tuple(sorted(homes)))
