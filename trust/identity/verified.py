"""Assertions that were verified a short time ago, by the SHA-256 of their exact bytes.

A hit saves the signature and the reading, never the checks of time, audience, caller and value sets: those are made on
every request. An entry ends with its assertion, with the oldest age that its issuer allows, and with every change of an
issuer's keys.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from hashlib import sha256
from typing import Final

from trust.identity.assertion import Assertion
from trust.identity.issuers import Issuer, Issuers
from trust.identity.saml import authentic
from trust.identity.signature import Parse

_MOST: Final = 2048


class Verified:
    """A bounded memory; what was asked for longest ago makes room."""

    def __init__(self, issuers: Issuers, parse: Parse, most: int = _MOST) -> None:
        self._issuers = issuers
        self._parse = parse
        self._most = most
        self._known: OrderedDict[bytes, tuple[Assertion, Issuer]] = OrderedDict()

    def trust(self, issuers: Issuers) -> None:
        """Other issuers count from now on, and nothing that was verified under the former ones."""
        self._issuers = issuers
        self._known.clear()

    def authentic(self, raw: bytes, now: datetime) -> tuple[Assertion, Issuer]:
        """As `saml.authentic`, from memory where these very bytes were verified before.

        Raises:
            AssertionRefused: they are not authentic.
        """
        digest = sha256(raw).digest()
        found = self._known.get(digest)
        if found is not None and self._still_counts(found, now):
            self._known.move_to_end(digest)
            return found
        self._known.pop(digest, None)
        found = authentic(raw, self._issuers, now, self._parse)
        self._known[digest] = found
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return found

    @staticmethod
    def _still_counts(found: tuple[Assertion, Issuer], now: datetime) -> bool:
        assertion, issuer = found
        signer_in_force = any(one.not_valid_before_utc <= now <= one.not_valid_after_utc for one in issuer.certificates)
        return signer_in_force and now < assertion.not_on_or_after and now - assertion.issued < issuer.maximum_age
