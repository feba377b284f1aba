"""What can go wrong with trust. Each error says, in its message, what an administrator does next."""

# ruff: noqa: N818  errors are named after what went wrong
from __future__ import annotations

from collections.abc import Sequence


class TrustError(Exception):
    """Base of everything this package raises on purpose."""


class NotAuthenticated(TrustError):
    """The certificate (or later the assertion) does not establish who is calling."""


class TokenRefused(NotAuthenticated):
    """An access token is not accepted. `code` is that of RFC 6750: `invalid_token` or `insufficient_scope`.

    The text is for the record, not for the sender.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class AssertionRefused(NotAuthenticated):
    """A user assertion is not accepted. `code` is the fault's subcode; the text is for the record, not for the sender.

    Source: ITI TF-2: 3.40; federation-wire 4.7
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class NotPermitted(TrustError):
    """The caller is known and may not do this."""


class BadCertificate(TrustError):
    """A certificate or request that this node will not use or accept."""


class BadSignature(TrustError):
    """A signature does not verify."""


class LedgerBroken(TrustError):
    """The audit ledger contradicts itself, its head or its files; the node must not start or go on."""


class RolledBack(LedgerBroken):
    """The ledger is older than what its head remembers: a restored copy, or a fork."""


class LedgerBusy(TrustError):
    """The queue of records to be made durable is full; nothing was done."""


class StorageFailed(TrustError):
    """The database refused to commit (disk full, I/O error); nothing of this batch took effect."""


class BadRecord(TrustError):
    """A record of a certificate or community that contradicts itself or what is already kept."""


class BadCommunity(TrustError):
    """A description of a community that cannot be used. `faults` names everything that is wrong with it."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)
