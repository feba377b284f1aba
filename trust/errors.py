"""What can go wrong with trust. Each error says, in its message, what an administrator does next."""

from __future__ import annotations


class TrustError(Exception):
    """Base of everything this package raises on purpose."""


class NotAuthenticated(TrustError):
    """The certificate (or later the assertion) does not establish who is calling."""


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
