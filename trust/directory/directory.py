"""The signed directory of a federation: `accept` is the one way into force, and says why it refuses.

Safe against rollback in the manner of TUF: the root of trust is pinned when a node joins, versions only grow, the keys
change by a chain of signed statements, and every directory ends. One document, signed anew each day with the next
version, is what TUF's snapshot and timestamp are for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

from trust.directory.content import Content, as_json, from_json, read_time, write_time
from trust.directory.root import Root, Untrusted, follow, read_root
from trust.directory.signing import (
    DIRECTORY,
    Malformed,
    Signed,
    Signer,
    fields,
    items,
    number,
    read_canonical,
    signed,
)
from trust.ledger.record import canonical

FORMAT: Final = 1
MOST_BYTES: Final = 64 << 20
LIFE: Final = timedelta(days=14)
SKEW: Final = timedelta(minutes=5)
STALE: Final = timedelta(days=3)  # not signed anew for so long: the signer is away
SOON: Final = timedelta(days=7)
_MOST_LINKS: Final = 256


class Reason(StrEnum):
    """Why a directory is refused. The word is the code in records, metrics and messages."""

    MALFORMED = "malformed"
    WRONG_KEYS = "wrong-keys"
    UNSIGNED = "unsigned"
    WRONG_FEDERATION = "wrong-federation"
    MIXED = "mixed"
    ROLLED_BACK = "rolled-back"
    FORKED = "forked"
    EXPIRED = "expired"
    NOT_YET = "not-yet"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is wrong with a directory that was offered."""

    reason: Reason
    text: str


@dataclass(frozen=True, slots=True)
class Pin:
    """What a node that joins knows of a federation: its id, and the digest of the statement of its keys."""

    federation: str
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """A directory that was accepted. `text` are the bytes as they were offered, for those who ask this node."""

    root: Root
    version: int
    issued: datetime
    expires: datetime
    content: Content
    text: bytes
    digest: str  # SHA-256 of the signed statement, hex

    @property
    def federation(self) -> str:
        """The id of the federation, `urn:uuid:…`."""
        return self.root.federation

    @property
    def pin(self) -> Pin:
        """What somebody pins who joins now."""
        return Pin(self.federation, self.root.digest)

    @property
    def keys(self) -> tuple[Signed, ...]:
        """The chain of statements of its keys, for the next version."""
        return _envelope(self.text)[0]


def seal(
    content: Content,
    *,
    keys: Sequence[Signed],
    root: Root,
    signers: Sequence[Signer],
    version: int,
    now: datetime,
    life: timedelta = LIFE,
) -> bytes:
    """A directory, signed: the bytes that every member gets."""
    statement = {
        "format": FORMAT,
        "federation": root.federation,
        "keys": root.number,
        "version": version,
        "issued": write_time(now),
        "expires": write_time(now + life),
        **as_json(content),
    }
    directory = signed(DIRECTORY, statement, signers)
    return canonical({"keys": [one.as_json() for one in keys], "directory": directory.as_json()})


def accept(current: Directory | Pin, offered: bytes, now: datetime) -> Directory | Refusal:
    """The directory in force after `offered` came, or why it stays what it is. Pure.

    1. It has the form of a directory in canonical JSON (malformed).
    2. It is of this federation (wrong-federation), and its keys are those that are trusted here, or follow from them
       (wrong-keys; older ones: rolled-back).
    3. Enough of them have signed exactly these bytes (unsigned).
    4. What was signed is of this federation, and made under those keys (mixed).
    5. Its version is not below the one in force (rolled-back), and the same version is the same statement (forked).
    6. It is valid now (not-yet, expired).

    The directory in force, offered again, is accepted as itself.
    """
    try:
        return _accept(current, offered, now)
    except Malformed as fault:
        return Refusal(Reason.MALFORMED, str(fault))
    except Untrusted as fault:
        return Refusal(Reason.WRONG_KEYS, str(fault))


def restored(text: bytes) -> Directory:
    """A directory that was accepted and kept here: nothing is judged again, its end least of all.

    Raises:
        Malformed: what was kept is damaged.
    """
    chain, statement = _envelope(text)
    try:
        root = follow(chain, sha256(chain[-1].payload).hexdigest())[-1]
    except Untrusted as fault:
        raise Malformed(str(fault)) from fault
    found = _read(root, statement, text)
    if isinstance(found, Refusal):
        raise Malformed(found.text)
    return found


def _accept(current: Directory | Pin, offered: bytes, now: datetime) -> Directory | Refusal:
    chain, statement = _envelope(offered)
    root = _root(current, chain)
    if isinstance(root, Refusal):
        return root
    if not root.vouches(statement, DIRECTORY):
        return Refusal(Reason.UNSIGNED, "not signed by enough of the keys that are trusted here")
    found = _read(root, statement, offered)
    if isinstance(found, Refusal):
        return found
    if isinstance(current, Directory):
        if found.digest == current.digest:
            return current
        if older := _older(current, found):
            return older
    if found.issued > now + SKEW:
        return Refusal(Reason.NOT_YET, f"it was issued on {found.issued:%Y-%m-%d %H:%M:%SZ}: compare the clocks")
    if found.expires <= now:
        return Refusal(Reason.EXPIRED, f"it ended on {found.expires:%Y-%m-%d %H:%M:%SZ}")
    return found


def _older(current: Directory, found: Directory) -> Refusal | None:
    """Why `found`, another one, does not come after `current`."""
    if found.version < current.version or (found.version > current.version and found.issued < current.issued):
        text = f"version {found.version} is older than version {current.version} in force"
        return Refusal(Reason.ROLLED_BACK, text)
    if found.version == current.version:
        return Refusal(Reason.FORKED, f"two directories have the version {found.version}")
    return None


def _root(current: Directory | Pin, chain: Sequence[Signed]) -> Root | Refusal:
    """The keys that count for what was offered."""
    if chain and (other := read_root(chain[-1]).federation) != current.federation:
        return Refusal(Reason.WRONG_FEDERATION, f"it is of the federation {other[:64]}")
    if isinstance(current, Pin):
        return follow(chain, current.root)[-1]
    pinned = current.root.digest
    digests = [sha256(one.payload).hexdigest() for one in chain]
    if pinned not in digests:
        known = [sha256(one.payload).hexdigest() for one in current.keys]
        if chain and digests[-1] in known:
            return Refusal(Reason.ROLLED_BACK, f"it is from before the keys {current.root.number} of the federation")
    return follow(chain, pinned)[-1]


def _envelope(data: bytes) -> tuple[tuple[Signed, ...], Signed]:
    if len(data) > MOST_BYTES:
        raise Malformed(f"it has more than {MOST_BYTES} bytes")
    found = fields(read_canonical(data), "keys", "directory")
    chain = tuple(Signed.read(one) for one in items(found["keys"], _MOST_LINKS))
    return chain, Signed.read(found["directory"])


def _read(root: Root, statement: Signed, offered: bytes) -> Directory | Refusal:
    value = fields(read_canonical(statement.payload), "format", "federation", "keys", "version", "issued", "expires")
    if value["format"] != FORMAT:
        raise Malformed("it has a format that this version does not know")
    if value["federation"] != root.federation:
        return Refusal(Reason.WRONG_FEDERATION, "its members are those of another federation than its keys")
    if value["keys"] != root.number:
        return Refusal(Reason.MIXED, "its members were signed under other keys than those that it carries")
    issued, expires = read_time(value["issued"]), read_time(value["expires"])
    if expires <= issued:
        raise Malformed("it ends before it begins")
    return Directory(
        root=root,
        version=number(value["version"]),
        issued=issued,
        expires=expires,
        content=from_json(value),
        text=offered,
        digest=sha256(statement.payload).hexdigest(),
    )


def standing(directory: Directory, now: datetime) -> str:
    """How a directory stands: "" good, "stale" not signed anew for days, "ending" soon, "ended"."""
    if now >= directory.expires:
        return "ended"
    if directory.expires - now < SOON:
        return "ending"
    return "stale" if now - directory.issued > STALE else ""
