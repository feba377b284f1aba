#!/usr/bin/env python3
"""Offline verifier of an audit log of format hdn-audit/v1: one file, Python 3.10 or newer, standard library only.

It can be copied out and run on another machine by somebody who trusts neither the institution nor this program's other
parts: it shares no code with them. Formats: C2SP signed-note, tlog-checkpoint, tlog-tiles, tlog-policy; RFC 6962,
RFC 8032, RFC 9162.

  verify DIR                      all entries, tiles, root, signature (also called: log)
  since OLD_CHECKPOINT DIR        the log still begins with what an older checkpoint stated
  open INDEX RECORD SALT DIR      one record belongs to its entry in the log
  receipt CID DATABASE            what the other side proved of an exchange; receipt FILE --vkey KEY verifies that
  reconcile A B                   two logs, exchange by exchange: what one side has omitted or made up
  report ZIP                      a disclosure report: its events are in the log, and none is left out
  fork NOTE NOTE                  two checkpoints that contradict each other prove a fork
  list DATABASE                   what is recorded, by patient, user, transaction or time

DIR is the folder of one year (audit/2026), the folder of all years (audit) or the node's folder, whose database is then
checked too. Exit status: 0 good, 1 invalid (the first bad index is named), 2 incomplete input, 3 evidence of a fork,
4 quorum of witnesses not met.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import contextlib
import hashlib
import hmac
import json
import re
import sqlite3
import sys
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from html import escape
from pathlib import Path
from typing import Any

GOOD, INVALID, INCOMPLETE, FORK, NO_QUORUM = 0, 1, 2, 3, 4

WIDTH = 256
ENTRY_BYTES = 98
KINDS = {
    1: "request sent",
    2: "request received",
    3: "response sent",
    4: "response received",
    5: "local access or change",
    6: "exchange failed",
    7: "security, administration",
    8: "anchor",
    9: "key event",
    10: "recovery statement",
    11: "peer checkpoint",
    12: "padding",
}
EXCHANGE_KINDS = {1, 2, 3, 4, 6}


class Verdict(Exception):  # noqa: N818  an outcome, with its exit status
    """Why the verification ends here, with its exit status."""

    status = INVALID


class Invalid(Verdict):
    """Something contradicts something that is signed."""


class Incomplete(Verdict):
    """What is needed is not there."""

    status = INCOMPLETE


class Fork(Verdict):
    """Two signed statements of one log that cannot both be true."""

    status = FORK


class NoQuorum(Verdict):
    """Fewer witnesses have signed than the policy asks for."""

    status = NO_QUORUM


def sha256(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


# ---------------------------------------------------------------- Ed25519, verification only (RFC 8032: 5.1)

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)

Point = tuple[int, int, int, int]  # extended homogeneous coordinates: x = X/Z, y = Y/Z, T = XY/Z
_NEUTRAL: Point = (0, 1, 1, 0)


def _add(one: Point, two: Point) -> Point:
    a = (one[1] - one[0]) * (two[1] - two[0]) % _P
    b = (one[1] + one[0]) * (two[1] + two[0]) % _P
    c = 2 * one[3] * two[3] * _D % _P
    d = 2 * one[2] * two[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar: int, point: Point) -> Point:
    result = _NEUTRAL
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result


def _decode(data: bytes) -> Point | None:
    """The point with this encoding, None when there is none."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if x * x % _P != square:
        x = x * _ROOT_OF_MINUS_ONE % _P
    if x * x % _P != square or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


def _encode(point: Point) -> bytes:
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _base() -> Point:
    point = _decode((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))
    if point is None:  # pragma: no cover  the curve has its base point
        raise ArithmeticError
    return point


_BASE = _base()


def ed25519_verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this is the key's signature over the message."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, scalar = _decode(public), int.from_bytes(signature[32:], "little")
    if key is None or scalar >= _ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _ORDER
    minus_key = (_P - key[0], key[1], key[2], _P - key[3])
    return _encode(_add(_times(scalar, _BASE), _times(challenge, minus_key))) == signature[:32]


# ---------------------------------------------------------------- notes, checkpoints, keys, policy


@dataclass(frozen=True)
class Key:
    """A verification key: algorithm 1 signs notes, 4 cosigns them."""

    name: str
    algorithm: int
    public: bytes

    @property
    def id(self) -> bytes:
        """The key id of signature lines."""
        return sha256(self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public)[:4]

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Whether this is the key's signature over a note text."""
        if self.algorithm == 4:
            text = b"cosignature/v1\ntime %d\n" % int.from_bytes(signature[:8], "big") + text
            signature = signature[8:]
        return ed25519_verifies(self.public, text, signature)


@dataclass(frozen=True)
class Checkpoint:
    """The statement of a note and whose signatures it carries."""

    origin: str
    size: int
    root: bytes
    signers: frozenset[str]
    time: int = 0  # of the latest cosignature, seconds since 1970
    first: int = 0  # of the earliest one


@dataclass
class Policy:
    """Which logs and witnesses count, and what makes a quorum (C2SP tlog-policy)."""

    logs: list[Key] = field(default_factory=list)
    witnesses: dict[str, Key] = field(default_factory=dict)
    groups: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    quorum: str = "none"

    def met(self, name: str, signers: frozenset[str]) -> bool:
        """Whether a witness or group has signed."""
        if name == "none":
            return True
        if name in self.witnesses:
            return self.witnesses[name].name in signers
        threshold, members = self.groups[name]
        needed = {"all": len(members), "any": 1}.get(threshold)
        return sum(self.met(member, signers) for member in members) >= (int(threshold) if needed is None else needed)


def _base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as wrong:
        raise Invalid("not base64") from wrong
    if base64.b64encode(data).decode() != text:
        raise Invalid("base64 not in its canonical form")
    return data


def _name(text: str) -> str:
    if not text or "+" in text or any(mark.isspace() or not mark.isprintable() for mark in text):
        raise Invalid(f"{text!r} cannot be the name of a key")
    return text


def read_key(text: str) -> Key:
    """A vkey line, `<name>+<key id>+<base64>`."""
    parts = text.strip().split("+", 2)
    if len(parts) != 3:
        raise Invalid("not a verification key")
    data = _base64(parts[2])
    if len(data) != 33 or data[0] not in (1, 4):
        raise Invalid("only Ed25519 keys are known here")
    key = Key(_name(parts[0]), data[0], data[1:])
    if key.id.hex() != parts[1]:
        raise Invalid("the key id does not fit the key")
    return key


def read_policy(text: str) -> Policy:
    """A policy file: lines `log`, `witness`, `group` and `quorum`; a group names what stands above it."""
    policy = Policy()
    quorums = 0
    for line in text.splitlines():
        words = line.split("#", 1)[0].split()
        known = {*policy.witnesses, *policy.groups}
        if not words:
            continue
        if words[0] == "log" and len(words) >= 2:
            policy.logs.append(read_key(words[1]))
        elif words[0] == "witness" and len(words) >= 3 and words[1] not in {"none", *known}:
            policy.witnesses[words[1]] = read_key(words[2])
        elif words[0] == "group" and len(words) >= 4 and words[1] not in {"none", *known} and known >= {*words[3:]}:
            if not re.fullmatch(r"all|any|[1-9][0-9]{0,3}", words[2]):
                raise Invalid(f"policy: cannot read {line!r}")
            policy.groups[words[1]] = (words[2], words[3:])
        elif words[0] == "quorum" and len(words) == 2 and words[1] in {"none", *known}:
            policy.quorum = words[1]
            quorums += 1
        else:
            raise Invalid(f"policy: cannot read {line!r}, or what it names is not defined above it")
    if quorums != 1:
        raise Invalid("policy: one line says what the quorum is")
    _check_counting(policy)
    return policy


def _check_counting(policy: Policy) -> None:
    """Nobody counts twice: not under two names, and not in two groups."""
    members = [member for _, names in policy.groups.values() for member in names]
    publics = [key.public for key in policy.witnesses.values()]
    if len(set(members)) != len(members) or len(set(publics)) != len(publics):
        raise Invalid("policy: a witness or group counts more than once")


def read_note(data: bytes, keys: Sequence[Key]) -> Checkpoint:
    """A checkpoint and who of `keys` has signed it.

    Raises:
        Invalid: malformed, or a line names a known key and does not verify.
    """
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise Invalid("checkpoint: not UTF-8") from wrong
    text, blank, lines = whole.rpartition("\n\n")
    if any(mark < " " and mark != "\n" for mark in whole) or not blank or not lines.endswith("\n"):
        raise Invalid("checkpoint: not a signed note")
    text += "\n"
    rows = lines[:-1].split("\n")
    if len(rows) > 16:
        raise Invalid("checkpoint: more than 16 signatures")
    signers = {name: time for row in rows for name, time in _signer(row, text.encode(), keys)}
    statement = text.split("\n")
    if len(statement) != 4 or not re.fullmatch(r"0|[1-9][0-9]{0,18}", statement[1], re.ASCII):
        raise Invalid("checkpoint: three lines are origin, size and root")
    root = _base64(statement[2])
    if len(root) != 32 or int(statement[1]) >= 1 << 63:
        raise Invalid("checkpoint: a root is 32 bytes, a size less than 2^63")
    times = [time for time in signers.values() if time] or [0]
    return Checkpoint(_name(statement[0]), int(statement[1]), root, frozenset(signers), max(times), min(times))


def _signer(row: str, text: bytes, keys: Sequence[Key]) -> Iterator[tuple[str, int]]:
    if not row.startswith("\u2014 "):
        raise Invalid("checkpoint: malformed signature line")
    name, _, encoded = row[2:].partition(" ")
    value = _base64(encoded)
    if len(value) < 5:
        raise Invalid("checkpoint: malformed signature line")
    for key in keys:
        if key.name == _name(name) and key.id == value[:4]:
            if not key.verifies(text, value[4:]):
                raise Invalid(f"checkpoint: the signature of {name} does not verify")
            yield name, int.from_bytes(value[4:12], "big") if key.algorithm == 4 else 0


# ---------------------------------------------------------------- tree


def leaf_hash(entry: bytes) -> bytes:
    """RFC 6962: 2.1."""
    return sha256(b"\x00" + entry)


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962: 2.1."""
    return sha256(b"\x01" + left + right)


class Tree:
    """The root of a growing list of leaf hashes, in a few hashes of memory."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Append one leaf hash."""
        size = self.size
        while size & 1:
            leaf = node_hash(self._peaks.pop(), leaf)
            size >>= 1
        self._peaks.append(leaf)
        self.size += 1

    def put(self, peak: bytes) -> None:
        """Put the root of a complete subtree, smaller than those before it, at the end."""
        self._peaks.append(peak)

    def root(self) -> bytes:
        """The Merkle tree hash."""
        if not self._peaks:
            return sha256(b"")
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash over leaf hashes."""
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def proven_root(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to, None when it has too many or too few hashes (RFC 9162: 2.1.3.2)."""
    first, last, found = index, size - 1, leaf
    for one in proof:
        if last == 0:
            return None
        if first & 1 or first == last:
            found = node_hash(one, found)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            found = node_hash(found, one)
        first, last = first >> 1, last >> 1
    return found if last == 0 else None


# ---------------------------------------------------------------- the files of one shard


@dataclass
class Shard:
    """The files of one year, and what verifying them gave."""

    folder: Path
    policy: Policy
    own_key: bool  # the key came from the folder itself
    checkpoint: Checkpoint = field(init=False)
    cosigned: Checkpoint | None = None  # the newest one that witnesses have signed
    entries: list[bytes] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    levels: list[list[bytes]] = field(default_factory=list)  # of the tiles; the first is `hashes`

    def verify(self) -> None:
        """Everything that the files alone can show.

        Raises:
            Invalid, Incomplete: as they say.
        """
        cosigned = self.read_checkpoints()
        self._read_entries()
        self._check_tiles()
        self._check_root()
        self._check_genesis()
        self._check_cosigned(cosigned)

    def read_checkpoints(self) -> Checkpoint | None:
        """Take the newest checkpoint; give what witnesses have signed, if that lies here.

        Raises:
            Invalid, Incomplete: as they say.
        """
        # The cosigned one first: a log that is being written has the newer one afterwards.
        cosigned = self._note("cosigned") if (self.folder / "cosigned").exists() else None
        self.checkpoint = self._note("checkpoint")
        return cosigned

    def read_leaves(self, cosigned: Checkpoint | None) -> None:
        """The entries alone, without the tiles above them: they give the root that was signed, and the cosigned one.

        Raises:
            Invalid, Incomplete, Fork: as they say.
        """
        self._read_entries()
        self._check_root()
        self._check_cosigned(cosigned)

    def _check_root(self) -> None:
        if self.root(self.checkpoint.size) != self.checkpoint.root:
            raise Invalid(f"the {self.checkpoint.size} entries do not give the signed root; first bad index unknown")

    def _note(self, name: str) -> Checkpoint:
        """A checkpoint file of this log."""
        found = read_note(_read(self.folder / name), [*self.policy.logs, *self.policy.witnesses.values()])
        if found.origin not in {key.name for key in self.policy.logs}:
            raise Invalid(f"{name}: of {found.origin}, for which no key was given")
        if found.origin not in found.signers:
            raise Invalid(f"{name}: not signed by {found.origin}")
        return found

    def _check_cosigned(self, found: Checkpoint | None) -> None:
        """What witnesses have signed is the beginning of what the folder holds."""
        self.cosigned = self.checkpoint if found is None or self._met(self.checkpoint) else found
        if found is None:
            return
        if found.origin != self.checkpoint.origin:
            raise Invalid(f"cosigned: of {found.origin}, the log is {self.checkpoint.origin}")
        if found.size > self.checkpoint.size:
            raise Invalid(
                f"index {self.checkpoint.size}: the log ends here, witnesses have signed {found.size} entries: its tail"
                " was cut off"
            )
        if self.root(found.size) != found.root:
            if found.size == self.checkpoint.size:
                raise Fork(f"two signed checkpoints of {found.size} entries with different roots: keep both files")
            raise Invalid(f"the first {found.size} entries are not those that witnesses have signed: keep both files")

    def _met(self, checkpoint: Checkpoint) -> bool:
        return self.policy.met(self.policy.quorum, checkpoint.signers)

    def check_quorum(self) -> None:
        """Whether enough witnesses have signed."""
        if self.cosigned is None or not self._met(self.cosigned):
            count = len(self.cosigned.signers) - 1 if self.cosigned else 0
            raise NoQuorum(f"quorum {self.policy.quorum} not met: {count} witnesses have signed")

    def _read_entries(self) -> None:
        for number, width in _tiles(self.checkpoint.size, 0):
            data = self._tile("entries", number, width)
            at = 0
            for index in range(number * WIDTH, number * WIDTH + width):
                length = int.from_bytes(data[at : at + 2], "big")
                entry = data[at + 2 : at + 2 + length]
                if length != ENTRY_BYTES or len(entry) != length or entry[0] != 1:
                    raise Invalid(f"index {index}: not an entry of {ENTRY_BYTES} bytes of version 1")
                self.entries.append(entry)
                at += 2 + length
            if len(data) != at and not self._longer("entries", number, width):
                raise Invalid(f"index {number * WIDTH + width}: more entries than the checkpoint states")
        self.set_hashes([leaf_hash(entry) for entry in self.entries])

    def set_hashes(self, hashes: list[bytes]) -> None:
        """Take the leaf hashes, and make those of the levels above them."""
        self.hashes = hashes
        self.levels = [hashes]
        while len(self.levels[-1]) >= WIDTH:
            last = self.levels[-1]
            self.levels.append([root_of(last[at : at + WIDTH]) for at in range(0, len(last) // WIDTH * WIDTH, WIDTH)])

    def root(self, size: int) -> bytes:
        """The root over the first `size` entries, from the hashes of all levels: no entry is hashed again."""
        peaks, start = Tree(), 0
        while start < size:
            height = (size - start).bit_length() - 1
            level, above = divmod(height, 8)  # a level is eight heights: 256 hashes make one of the next
            first = start >> (8 * level)
            peaks.put(root_of(self.levels[level][first : first + (1 << above)]))
            start += 1 << height
        return peaks.root()

    def _check_tiles(self) -> None:
        below = 1
        for level, hashes in enumerate(self.levels):
            for number, width in _tiles(len(hashes), 0):
                data = self._tile(str(level), number, width)
                for offset in range(width):
                    index = number * WIDTH + offset
                    if data[32 * offset : 32 * offset + 32] != hashes[index]:
                        what = "entry and tile" if level == 0 else f"the tile of level {level} and the entries below it"
                        raise Invalid(f"index {index * below}: {what} do not agree")
                if len(data) != 32 * width and not self._longer(str(level), number, width):
                    raise Invalid(f"index {(number * WIDTH + width) * below}: a tile of level {level} is too long")
            below *= WIDTH
        self._check_rest(self.levels)

    def _check_rest(self, levels: list[list[bytes]]) -> None:
        """Older and newer partial tiles that lie beside: they say the same about what the checkpoint covers."""
        top = self.folder / "tile"
        for path in sorted(top.rglob("*.p/*")):
            name = re.fullmatch(r"(\d+|entries)/((?:x\d{3}/)*\d{3})\.p/(\d+)", path.relative_to(top).as_posix())
            if name is None or (name[1] != "entries" and int(name[1]) >= len(levels)):
                continue
            first = int(re.sub("[x/]", "", name[2])) * WIDTH
            end = first + int(name[3])
            if name[1] == "entries":
                parts, below = [len(entry).to_bytes(2, "big") + entry for entry in self.entries[first:end]], 1
            else:
                parts, below = levels[int(name[1])][first:end], WIDTH ** int(name[1])
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                continue  # the log is being written, and the full tile is there now
            for index, part in enumerate(parts, first):
                if data[: len(part)] != part:
                    raise Invalid(f"index {index * below}: {path} differs from the entries")
                data = data[len(part) :]

    def _check_genesis(self) -> None:
        """The first entry of a year commits to the last checkpoint of the year before."""
        note = self.genesis()
        origin = (note or {}).get("previous_origin", "")
        before = self.folder.parent / origin.rpartition("/")[2] / "checkpoint"
        if (
            note
            and origin
            and before.exists()
            and sha256(before.read_bytes()).hex() != note.get("previous_checkpoint_sha256")
        ):
            raise Invalid(f"index 0: this log does not continue {origin} as it is published")

    def genesis(self) -> dict[str, str] | None:
        """What the first entry says, None where its record is not at hand.

        Raises:
            Invalid: that record does not belong to the entry, or begins another log.
        """
        record, salt = self.folder / "genesis.json", self.folder / "genesis.salt"
        if not record.exists() or not salt.exists() or not self.entries:
            return None
        body = check_opening(0, self.entries[0], record.read_bytes(), salt.read_bytes())
        note = body.get("event", {}).get("note", {})
        if self.entries[0][1] != 9 or note.get("origin") != self.checkpoint.origin:
            raise Invalid("index 0: the first entry does not begin this log")
        return dict(note)

    def _tile(self, level: str, number: int, width: int) -> bytes:
        """A tile of at least this width; a wider one may have taken the place of a partial one."""
        exact = self.folder / _path(level, number, width)
        for _ in range(3):  # a log that is being written drops partial tiles when the full one is there
            with contextlib.suppress(FileNotFoundError):
                return (exact if exact.exists() else self._longer(level, number, width) or exact).read_bytes()
        return _read(exact)

    def _longer(self, level: str, number: int, width: int) -> Path | None:
        full = self.folder / _path(level, number, WIDTH)
        if width == WIDTH:
            return None
        if full.exists():
            return full
        partial = full.with_name(full.name + ".p")
        names = sorted((int(path.name), path) for path in partial.glob("*") if path.name.isdigit())
        exact = self.folder / _path(level, number, width)
        return None if exact.exists() else next((path for wide, path in names if wide > width), None)


def _tiles(size: int, start: int) -> Iterator[tuple[int, int]]:
    for number in range(start, (size + WIDTH - 1) // WIDTH):
        yield number, min(WIDTH, size - number * WIDTH)


def _path(level: str, number: int, width: int) -> str:
    name = f"{number % 1000:03d}"
    number //= 1000
    while number:
        name = f"x{number % 1000:03d}/{name}"
        number //= 1000
    return f"tile/{level}/{name}" + ("" if width == WIDTH else f".p/{width}")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as missing:
        raise Incomplete(f"{path}: {missing.strerror}") from missing


# ---------------------------------------------------------------- records


def check_opening(index: int, entry: bytes, record: bytes, salt: bytes) -> dict[str, Any]:
    """The record that an entry commits to, after everything in it was compared with the entry.

    Raises:
        Invalid: it is not the record of this entry, or contradicts it.
    """
    if sha256(b"hdn-audit/v1 commit\n" + salt + sha256(record)) != entry[66:98]:
        raise Invalid(f"index {index}: the entry does not commit to this record and salt")
    try:
        body = json.loads(record)
    except ValueError as wrong:
        raise Invalid(f"index {index}: the record is not JSON") from wrong
    if not isinstance(body, dict) or body.get("i") != index or body.get("kind") != entry[1]:
        raise Invalid(f"index {index}: the record states another index or kind")
    if body.get("cid") and body.get("payload") and entry[1] in EXCHANGE_KINDS and exchange_tag(body) != entry[2:34]:
        raise Invalid(f"index {index}: the exchange tag is not that of the record")
    return body


def exchange_tag(body: dict[str, Any]) -> bytes:
    """The tag that both sides of an exchange compute from what they sent or received."""
    leg = body.get("leg") or ("q" if body["kind"] in (1, 2) else "s")
    cid, payload = body["cid"].encode(), bytes.fromhex(body["payload"])
    return sha256(b"hdn-audit/v1 exchange\n" + leg.encode() + len(cid).to_bytes(2, "big") + cid + payload)


def subject_tag(key: bytes, counter: int) -> bytes:
    """The tag of a patient's leaf number `counter`; `key` is the patient's key for the year."""
    return hmac.new(key, b"hdn-audit/v1 subject-tag\n" + counter.to_bytes(8, "big"), hashlib.sha256).digest()


def _open_database(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise Incomplete(f"{path}: there is no such database")
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def check_database(shard: Shard, path: Path) -> int:
    """The database holds the published entries and, for each, the record that it commits to.

    Returns how many records are not there because the log states that they were erased.

    Raises:
        Invalid: the first index where it does not.
    """
    connection = _open_database(path)
    try:
        origin = shard.checkpoint.origin
        head = connection.execute(
            "SELECT shard, first_seq, size, root FROM audit_head WHERE origin = ?", (origin,)
        ).fetchone()
        if head is None:
            raise Incomplete(f"{path}: has no log {origin}")
        year, first, size, root = head
        if size < shard.checkpoint.size:
            raise Invalid(f"index {size}: the database ends here, {shard.checkpoint.size} entries are signed")
        tree, counters = Tree(), Counter[str]()
        erased = stated_erasures(connection, origin.rpartition("/")[2])
        rows = connection.execute(
            "SELECT l.seq, l.entry, r.kind, r.time, r.salt, r.body FROM audit_leaf l"
            " LEFT JOIN audit_record r ON r.seq = l.seq WHERE l.seq >= ? AND l.seq < ? ORDER BY l.seq",
            (first, first + size),
        )
        # Both in the order of the log and read side by side: a join would look through all subjects for each entry.
        about = connection.execute("SELECT seq, subject, ctr FROM audit_subject WHERE shard = ? ORDER BY seq", (year,))
        upcoming = next(about, None)
        for row in rows:
            subject: tuple[Any, ...] = (None, None)
            if upcoming is not None and upcoming[0] == row[0]:
                subject, upcoming = upcoming[1:], next(about, None)
            if upcoming is not None and upcoming[0] <= row[0]:
                raise Invalid(f"index {tree.size}: the subjects of the database do not fit its entries")
            _check_row(shard, tree, counters, (*row, *subject), first, erased)
        if tree.size != size or tree.root() != root:
            raise Invalid(f"index {tree.size}: the entries of the database do not give the root of its head")
        _check_receipts(connection, first, size)
        return len(erased)
    finally:
        connection.close()


def _check_receipts(connection: sqlite3.Connection, first: int, size: int) -> None:
    """The receipts of other communities are those that the records of kinds 2 and 4 commit to."""
    there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'audit_receipt'").fetchone()
    kept = "audit_receipt" if there else "(SELECT NULL AS seq, NULL AS proof)"  # an older database has none
    for seq, record, proof in connection.execute(
        f"SELECT r.seq, r.body, x.proof FROM audit_record r LEFT JOIN {kept} x ON x.seq = r.seq"  # noqa: S608  fixed texts
        " WHERE r.kind IN (2, 4) AND r.seq >= ? AND r.seq < ? ORDER BY r.seq",
        (first, first + size),
    ):
        if json.loads(record).get("peer_receipt", "") != (sha256(proof).hex() if proof is not None else ""):
            raise Invalid(f"index {seq - first}: the receipt that the record commits to is missing or another one")


def stated_erasures(connection: sqlite3.Connection, shard: str) -> set[int]:
    """Indexes of the entries of one shard whose records the log says were erased."""
    rows = connection.execute(
        "SELECT body FROM audit_record WHERE kind = 7 AND instr(body, ?)", (b'"note":{"entries":',)
    )
    found: set[int] = set()
    for (body,) in rows:
        for name, places in erasures(json.loads(body)):
            if name == shard:
                found.update(places)
    return found


def erasures(body: dict[str, Any]) -> Iterator[tuple[str, range]]:
    """Which entries of which shard a record says were erased."""
    note = body["event"].get("note", {})
    for one in note["entries"].split(",") if note.get("event") == "erasure" else ():
        name, _, place = one.partition(":")
        first, _, last = place.partition("-")
        yield name, range(int(first), int(last or first) + 1)


def _check_row(
    shard: Shard, tree: Tree, counters: Counter[str], row: tuple[Any, ...], first: int, erased: set[int]
) -> None:
    seq, entry, kind, time, salt, record, subject, counter = row
    index = tree.size
    if seq != first + index:
        raise Invalid(f"index {index}: the entry is missing in the database")
    if index < shard.checkpoint.size and entry != shard.entries[index]:
        raise Invalid(f"index {index}: the database has another entry than the published one")
    if record is None or salt is None:
        if index not in erased:
            raise Invalid(f"index {index}: the record is missing in the database, and no erasure of it is stated")
        number = counter
    else:
        body = check_opening(index, entry, record, salt)
        number = body["subject_ctr"]
        if (kind, time, subject or "") != (body["kind"], body["time"], body["subject"]):
            raise Invalid(f"index {index}: the columns of the database are not what the record says")
    if subject:
        if counter != number or counter != counters[subject]:
            raise Invalid(f"index {index}: the number of this subject's entry is used twice or leaves a gap")
        counters[subject] += 1
    tree.add(leaf_hash(entry))


# ---------------------------------------------------------------- when an entry was made

TOLERANCE = 900  # seconds: clocks that differ, and requests that took long


@dataclass(frozen=True)
class Bracket:
    """When an entry was appended, as witnesses bear out; seconds since 1970, 0 for not known."""

    not_before: int = 0
    not_after: int = 0

    def check(self, index: int, claimed: str) -> None:
        """Whether the time that the record claims can be true.

        Raises:
            Invalid: it cannot.
        """
        moment = datetime.fromisoformat(claimed.replace("Z", "+00:00")).timestamp()
        if self.not_before and moment < self.not_before - TOLERANCE:
            raise Invalid(
                f"index {index}: back-dated: it claims {claimed} and was appended after {_utc(self.not_before)}"
            )
        if self.not_after and moment > self.not_after + TOLERANCE:
            raise Invalid(f"index {index}: it claims {claimed} and was there before {_utc(self.not_after)}")


def bracket(shard: Shard, database: Path, index: int) -> Bracket:
    """The last anchor below an entry, and the first cosigned checkpoint above it.

    An anchor (kind 8) commits to a cosigned checkpoint, whose signatures nobody could foretell.

    Raises:
        Invalid: an anchor does not belong to this log.
    """
    below = _anchors(shard, database, "< ?", index, "DESC LIMIT 1")
    above = [note for note in _anchors(shard, database, "> ?", index, "LIMIT 4") if note.size > index]
    if not above and shard.cosigned is not None and shard.cosigned.size > index:
        above = [shard.cosigned]
    return Bracket(below[0].first if below else 0, above[0].time if above else 0)


def _anchors(shard: Shard, database: Path, condition: str, index: int, order: str) -> list[Checkpoint]:
    keys = [*shard.policy.logs, *shard.policy.witnesses.values()]
    connection = _open_database(database)
    try:
        rows = connection.execute(
            "SELECT r.seq - h.first_seq, r.body, r.salt FROM audit_head h JOIN audit_record r ON r.kind = 8"  # noqa: S608  fixed texts
            " AND r.seq >= h.first_seq AND r.seq < h.first_seq + h.size"
            f" WHERE h.origin = ? AND r.seq - h.first_seq {condition} ORDER BY r.seq {order}",
            (shard.checkpoint.origin, index),
        ).fetchall()
    finally:
        connection.close()
    return [_anchor(shard, keys, *row) for row in rows if row[0] < len(shard.entries)]


def _anchor(shard: Shard, keys: Sequence[Key], index: int, record: bytes, salt: bytes) -> Checkpoint:
    body = check_opening(index, shard.entries[index], record, salt)
    note = read_note(body["event"].get("note", {}).get("checkpoint", "").encode(), keys)
    if note.origin != shard.checkpoint.origin or note.size > index:
        raise Invalid(f"index {index}: the anchor is not of this log")
    if shard.root(note.size) != note.root or note.origin not in note.signers:
        raise Invalid(f"index {index}: the anchor commits to another history")
    return note


# ---------------------------------------------------------------- listing


@dataclass(frozen=True)
class Listed:
    """One record as it is listed."""

    origin: str
    index: int
    body: dict[str, Any]

    @property
    def transaction(self) -> str:
        """EventTypeCode, else EventID, or the name of the kind where there is no event."""
        event = self.body["event"]
        code = event.get("type") or event.get("id") or [KINDS.get(self.body["kind"], str(self.body["kind"]))]
        return str(code[0])

    @property
    def users(self) -> list[str]:
        """Who acted: the requestors, or all participants where none is marked."""
        people = self.body["event"].get("participants", [])
        asked = [one for one in people if one["requestor"]] or people
        return [one.get("name") or one["user"] for one in asked]

    def line(self) -> str:
        """One line for people; control characters are shown, not sent to the terminal."""
        outcome = {0: "ok", 4: "warning", 8: "refused", 12: "failed"}.get(self.body["event"].get("outcome", 0), "?")
        cells = (
            f"{self.origin.rpartition('/')[2]}/{self.index:<8}",
            self.body["time"],
            f"{self.transaction:<8}",
            f"{outcome:<7}",
            ", ".join(self.users) or self.body["peer"] or "-",
            self.body["subject"] or "-",
        )
        return "".join(mark if mark.isprintable() else "\ufffd" for mark in "  ".join(cells))


@dataclass(frozen=True)
class Filter:
    """What to list; an empty field filters nothing. `patient` is `OID|id`, `id^^^&OID&ISO` or a bare id."""

    patient: str = ""
    user: str = ""
    transaction: str = ""
    since: str = ""
    until: str = ""
    kind: int = 0
    limit: int = 0

    def subject(self) -> tuple[str, str]:
        """The patient as it stands in records, and the condition that selects it."""
        cx = re.fullmatch(r"([^^]*)\^\^\^&([0-9.]+)&ISO", self.patient)
        text = f"{cx[2]}|{cx[1]}" if cx else self.patient
        if "|" in text:
            return text, "s.subject = ?"
        return f"|{text}", "substr(s.subject, instr(s.subject, '|')) = ?"

    def holds(self, listed: Listed) -> bool:
        """Whether a record passes the conditions that are not in SQL."""
        if self.transaction and listed.transaction.lower() != self.transaction.lower():
            return False
        wanted = self.user.lower()
        people = listed.body["event"].get("participants", [])
        return not wanted or any(wanted in f"{one['user']} {one.get('name', '')}".lower() for one in people)


def listing(database: Path, wanted: Filter) -> Iterator[Listed]:
    """The records of a database that pass the filter, oldest first."""
    join, conditions, values = "", ["1 = 1"], []
    if wanted.patient:
        subject, condition = wanted.subject()
        join, conditions, values = "JOIN audit_subject s ON s.seq = r.seq", [condition], [subject]
    for condition, value in (("r.time >= ?", wanted.since), ("r.time < ?", wanted.until), ("r.kind = ?", wanted.kind)):
        if value:
            conditions.append(condition)
            values.append(value)  # type: ignore[arg-type]
    connection = _open_database(database)
    try:
        heads = connection.execute("SELECT first_seq, origin FROM audit_head ORDER BY first_seq DESC").fetchall()
        found = 0
        for seq, data in connection.execute(
            f"SELECT r.seq, r.body FROM audit_record r {join} WHERE {' AND '.join(conditions)} ORDER BY r.seq",  # noqa: S608  fixed texts
            values,
        ):
            first, origin = next((first, origin) for first, origin in heads if first <= seq)
            listed = Listed(origin, seq - first, json.loads(data))
            if wanted.holds(listed):
                yield listed
                found += 1
                if found == wanted.limit:
                    return
    finally:
        connection.close()


# ---------------------------------------------------------------- two logs, exchange by exchange

COMPLETE, EXPLAINED, UNEXPLAINED, UNDECIDED, OTHERS = "complete", "explained", "unexplained", "undecided", "others"
Spot = tuple[int, int]  # number of the shard, index in it


@dataclass
class Served:
    """What a responder has in one place: a request that it received and what it answered; one record per patient."""

    asked: bytes
    received: list[Spot] = field(default_factory=list)
    answer: bytes = b""
    answered: list[Spot] = field(default_factory=list)


class Side:
    """One of the two logs; its records too, where they may be opened."""

    def __init__(self, letter: str, shards: list[Shard], database: Path | None, home: str) -> None:
        self.letter = letter
        self.shards = shards
        self.name = shards[-1].checkpoint.origin.rpartition("/")[0]
        self.home = home
        self._database = _open_database(database) if database else None
        self._tags: dict[int, dict[bytes, list[Spot]]] = {kind: {} for kind in EXCHANGE_KINDS}
        for number, shard in enumerate(shards):
            for index, entry in enumerate(shard.entries):
                if entry[1] in EXCHANGE_KINDS:
                    self._tags[entry[1]].setdefault(entry[2:34], []).append((number, index))

    @property
    def opened(self) -> bool:
        """Whether its records are at hand."""
        return self._database is not None

    def at(self, kind: int, tag: bytes) -> list[Spot]:
        """Where entries of this kind and exchange tag stand."""
        return self._tags[kind].get(tag, [])

    def tags(self, kind: int) -> Iterable[tuple[bytes, list[Spot]]]:
        """Every exchange tag of a kind, and where it stands."""
        return self._tags[kind].items()

    def served(self) -> Iterator[Served]:
        """Received requests with their answers: they are committed together, so that they stand one after the other."""
        for number, shard in enumerate(self.shards):
            current: Served | None = None
            for index, entry in enumerate(shard.entries):
                kind, tag = entry[1], entry[2:34]
                fits = current is not None and (
                    (kind == 2 and current.asked == tag and not current.answered)
                    or (kind == 3 and current.answer in (b"", tag))
                )
                if not fits:
                    if current is not None:
                        yield current
                    current = Served(tag if kind == 2 else b"") if kind in (2, 3) else None
                if current is not None and kind == 2:
                    current.received.append((number, index))
                elif current is not None:
                    current.answer = tag
                    current.answered.append((number, index))
            if current is not None:
                yield current

    def record(self, spot: Spot) -> dict[str, Any] | None:
        """The opened record of an entry; None when it is not at hand.

        Raises:
            Invalid: the record does not belong to the entry.
        """
        number, index = spot
        row = self._row("SELECT r.body, r.salt FROM audit_head h JOIN audit_record r", spot)
        return check_opening(index, self.shards[number].entries[index], row[0], row[1]) if row else None

    def receipt(self, spot: Spot) -> bytes | None:
        """The other side's receipt that is kept beside a record."""
        row = self._row("SELECT r.proof FROM audit_head h JOIN audit_receipt r", spot)
        return row[0] if row else None

    def _row(self, select: str, spot: Spot) -> tuple[Any, ...] | None:
        if self._database is None:
            return None
        found: tuple[Any, ...] | None = self._database.execute(
            f"{select} ON r.seq = h.first_seq + ? WHERE h.origin = ?", (spot[1], self.shards[spot[0]].checkpoint.origin)
        ).fetchone()
        return found

    def words(self, spots: Sequence[Spot]) -> list[str]:
        """Places as year and index."""
        return [f"{self.shards[number].checkpoint.origin.rpartition('/')[2]}/{index}" for number, index in spots]


@dataclass
class Row:
    """One exchange as both logs have it: kinds 1, 6, 4 of the asking side, 2, 3 of the answering one."""

    asking: Side
    answering: Side
    sent: list[Spot] = field(default_factory=list)
    failed: list[Spot] = field(default_factory=list)
    got: list[Spot] = field(default_factory=list)
    received: list[Spot] = field(default_factory=list)
    answered: list[Spot] = field(default_factory=list)
    repeated: bool = False
    altered: bool = False
    verdict: str = ""
    meaning: str = ""
    evidence: str = ""
    fork: bool = False
    facts: dict[str, Any] = field(default_factory=dict)  # the record that names this exchange

    def asked_places(self) -> list[Spot]:
        """Entries of the asking side."""
        return [*self.sent, *self.failed, *self.got]

    def answered_places(self) -> list[Spot]:
        """Entries of the answering side."""
        return [*self.received, *self.answered]

    def places(self, side: Side) -> list[Spot]:
        """Entries of one of the two logs."""
        return self.asked_places() if side is self.asking else self.answered_places()

    @property
    def whole(self) -> bool:
        """All that there should be: 1 and 4, 2 and 3."""
        return bool(self.sent and self.got and self.received and self.answered) and not self.repeated

    def open(self) -> None:
        """Look for a record that names this exchange."""
        for side, spots in ((self.asking, self.asked_places()), (self.answering, self.answered_places())):
            for spot in spots[:1]:
                self.facts = self.facts or side.record(spot) or {}

    def absorb(self, other: Row) -> None:
        """Another row turned out to be of the same exchange; where both know one leg, their tags differ."""
        for one, two in ((self, other), (other, self)):
            if ((one.sent or one.failed) and two.received) or (one.got and two.answered):
                self.altered = True
        self.sent += other.sent
        self.failed += other.failed
        self.got += other.got
        self.received += other.received
        self.answered += other.answered

    def judge(self) -> None:
        """What this row means (audit-ledger 2.8)."""
        asking, answering = self.asking.name, self.answering.name
        self.verdict, self.meaning = _meaning(self, asking, answering)
        if self.asked_places() and self.answered_places():
            return
        owner, other = (self.asking, self.answering) if self.asked_places() else (self.answering, self.asking)
        if self.facts and other.home and self.facts["peer"] != other.home:
            self.verdict, self.meaning = OTHERS, f"an exchange with {self.facts['peer']}"
        elif self.verdict == UNEXPLAINED and not (self.facts and other.home):
            self.verdict = UNDECIDED
            self.meaning = f"an exchange with somebody else, or: {self.meaning}; the records of {owner.name} tell"


# What a row means, the first line that holds; {0} asks, {1} answers.
_MEANINGS: tuple[tuple[Callable[[Row], object], str, str], ...] = (
    (lambda row: row.altered, UNEXPLAINED, "the message was changed on its way, or one side lies: open both records"),
    (lambda row: row.repeated, UNEXPLAINED, "{0} has one record of the request, {1} received it more than once"),
    (
        lambda row: row.answered_places() and not row.sent,
        UNEXPLAINED,
        "{0} omitted that it asked, or {1} made the exchange up",
    ),
    (lambda row: row.answered and not row.received, UNEXPLAINED, "{1} omitted that it was asked"),
    (lambda row: row.got and row.answered, COMPLETE, "complete"),
    (lambda row: row.got and row.received, UNEXPLAINED, "{1} omitted what it answered"),
    (lambda row: row.got, UNEXPLAINED, "{1} omitted the exchange"),
    (
        lambda row: row.answered and not row.failed,
        UNEXPLAINED,
        "{0} omitted that it received the answer, or what became of it",
    ),
    (lambda row: not row.failed, UNEXPLAINED, "{0} omitted what became of its request"),
    (lambda row: row.answered, EXPLAINED, "the answer was lost or of no use: {0} recorded a failure"),
    (lambda row: row.received, EXPLAINED, "no answer was given: {0} recorded a failure"),
    (lambda row: row.sent, EXPLAINED, "the request did not arrive, or {1} omitted it: {0} recorded a failure"),
    (lambda _: True, UNEXPLAINED, "{0} recorded a failure of a request that it has no record of"),
)


def _meaning(row: Row, asking: str, answering: str) -> tuple[str, str]:
    """Verdict and meaning of a row, as if it were between these two."""
    verdict, text = next((verdict, text) for holds, verdict, text in _MEANINGS if holds(row))
    return verdict, text.format(asking, answering)


def rows_of(asking: Side, answering: Side) -> Iterator[Row]:
    """Every exchange in which the one side asks the other, as far as tags tell."""
    times, answers = Counter[bytes](), set()
    for one in answering.served():
        times[one.asked] += 1
        answers.add(one.answer)
        sent, failed = asking.at(1, one.asked), asking.at(6, one.asked)
        row = Row(asking, answering, [*sent], [*failed], [*asking.at(4, one.answer)], one.received, one.answered)
        row.repeated = bool(sent) and times[one.asked] > len(sent)
        yield row
    for tag, spots in asking.tags(1):
        if tag not in times:
            yield Row(asking, answering, sent=[*spots], failed=[*asking.at(6, tag)])
    for tag, spots in asking.tags(6):
        if tag not in times and not asking.at(1, tag):
            yield Row(asking, answering, failed=[*spots])
    for tag, spots in asking.tags(4):
        if tag not in answers:
            yield Row(asking, answering, got=[*spots])


def reconcile(one: Side, two: Side, wanted: Callable[[Row], bool] = lambda _: True) -> tuple[list[Row], Counter[str]]:
    """All exchanges of two logs in both directions: those that are not whole, judged; and the number of whole ones.

    Args:
        one: a side.
        two: the other.
        wanted: which exchanges are to be reported.

    Raises:
        Invalid: an opened record does not belong to its entry.
    """
    found: list[Row] = []
    whole = Counter[str]()
    for asking, answering in ((one, two), (two, one)):
        named: dict[str, Row] = {}
        for row in rows_of(asking, answering):
            _learn_homes(row)
            if row.whole:
                whole[asking.letter] += wanted(row)
                continue
            row.open()
            cid = str(row.facts.get("cid", ""))
            if cid in named and not row.repeated:
                named[cid].absorb(row)
                continue
            if cid:
                named[cid] = row
            found.append(row)
    for row in found:
        row.judge()
        if row.verdict == UNEXPLAINED:
            _find_evidence(row)
    return [row for row in found if wanted(row)], whole


def _learn_homes(row: Row) -> None:
    """How each side's records name the other: as in an exchange that both have."""
    if not row.received or not row.sent:
        return
    for side, other, spot in ((row.asking, row.answering, row.sent[0]), (row.answering, row.asking, row.received[0])):
        if side.opened and not other.home:
            other.home = (side.record(spot) or {}).get("peer", "")


def _find_evidence(row: Row) -> None:
    """The signed receipt of the other side that whoever is left alone with an exchange holds."""
    for holder, spots, other in ((row.asking, row.got, row.answering), (row.answering, row.received, row.asking)):
        if row.altered or row.places(other):
            continue
        for spot in spots[:1]:
            proof = holder.receipt(spot)
            row.evidence = f"{holder.name} holds no receipt of {other.name}"
            if proof is not None:
                row.evidence, row.fork, newer = _against(proof, other)
                row.evidence = f"{holder.name} holds a receipt: {row.evidence}"
                if newer:
                    row.verdict, row.meaning = UNDECIDED, f"newer than the log of {other.name} that is shown here"


def read_receipt(proof: bytes, keys: Sequence[Key]) -> tuple[bytes, int, Checkpoint]:
    """The entry that a receipt proves, its index, and the signed statement that it is in (C2SP tlog-proof).

    Raises:
        Invalid: malformed, not in the tree that it states, or not signed by the log that it names.
    """
    head, _, note = proof.partition(b"\n\n")
    lines = head.decode("ascii", "replace").split("\n")
    if (
        len(lines) < 3
        or lines[0] != "c2sp.org/tlog-proof@v1"
        or not re.fullmatch("index (0|[1-9][0-9]{0,18})", lines[2])
    ):
        raise Invalid("not a receipt")
    entry, index = _base64(lines[1].removeprefix("extra ")), int(lines[2][6:])
    hashes = [_base64(line) for line in lines[3:]]
    if len(entry) != ENTRY_BYTES or len(hashes) > 63 or any(len(one) != 32 for one in hashes):
        raise Invalid("not a receipt")
    stated = read_note(note, keys)
    if stated.origin not in stated.signers:
        raise Invalid(f"a receipt of {stated.origin} that it has not signed, or whose key was not given")
    if not 0 <= index < stated.size or proven_root(index, stated.size, leaf_hash(entry), hashes) != stated.root:
        raise Invalid("the entry is not in the tree that the receipt states")
    return entry, index, stated


def _against(proof: bytes, side: Side) -> tuple[str, bool, bool]:
    """What a receipt says against the log shown here; whether both cannot be true; whether it is of a newer one."""
    try:
        entry, index, stated = read_receipt(proof, [key for shard in side.shards for key in shard.policy.logs])
    except Invalid as wrong:
        return f"no evidence against the logs shown here: {wrong}", False, False
    shard = next(one for one in side.shards if one.checkpoint.origin == stated.origin)
    where = f"{stated.origin} has signed this exchange at index {index}"
    if index >= shard.checkpoint.size:
        return f"{where}; the log shown here ends before that, ask for a newer copy", False, True
    if shard.entries[index] == entry:
        return f"{where}, and it stands there", False, False
    return f"{where}; the log shown here has another entry there: PROOF OF A FORK, keep both", True, False


def _side(letter: str, folder: Path, args: argparse.Namespace) -> Side:
    given = {name: getattr(args, f"{name}_{letter}") for name in ("vkey", "records", "home")}
    folders, database = _folders(folder)
    keys = argparse.Namespace(policy=args.policy, vkey=given["vkey"])
    shards = [_shard(one, keys) for one in folders]
    return Side(letter.upper(), shards, Path(given["records"]) if given["records"] else database, given["home"])


def _reconcile(args: argparse.Namespace) -> int:
    one, two = sides = (_side("a", Path(args.a), args), _side("b", Path(args.b), args))
    if (args.first or args.last is not None) and len(one.shards) > 1:
        raise Incomplete("--from and --to are indexes of one year: give the folder of that year as A")
    rows, whole = reconcile(one, two, lambda row: _in_range(row, one, args))
    if args.json:
        _say(json.dumps(_as_json(rows, whole, sides), indent=1, ensure_ascii=True))
    else:
        _print_rows(rows, whole, sides)
    count = Counter(row.verdict for row in rows)
    if any(row.fork for row in rows):
        raise Fork("a receipt contradicts the log that is shown: keep the receipt and both logs, they are proof")
    if count[UNEXPLAINED]:
        raise Invalid(f"{count[UNEXPLAINED]} unexplained rows")
    if count[UNDECIDED]:
        raise Incomplete(f"{count[UNDECIDED]} undecided rows: give --records-a, --records-b, or newer copies")
    return GOOD


def _in_range(row: Row, side: Side, args: argparse.Namespace) -> bool:
    """Whether an entry of A is in the range asked for; without one everything is."""
    if not args.first and args.last is None:
        return True
    return any(index >= args.first and (args.last is None or index < args.last) for _, index in row.places(side))


def _as_json(rows: Sequence[Row], whole: Counter[str], sides: Sequence[Side]) -> dict[str, Any]:
    count = Counter(row.verdict for row in rows)
    count[COMPLETE] += sum(whole.values())
    return {
        **{
            side.letter.lower(): {
                "log": side.name,
                "home": side.home,
                "records": side.opened,
                "entries": {shard.checkpoint.origin: shard.checkpoint.size for shard in side.shards},
            }
            for side in sides
        },
        "counts": {verdict: count[verdict] for verdict in (COMPLETE, EXPLAINED, UNEXPLAINED, UNDECIDED, OTHERS)},
        "unexplained": count[UNEXPLAINED],
        "rows": [
            {
                "verdict": row.verdict,
                "meaning": row.meaning,
                "evidence": row.evidence,
                "asking": row.asking.letter.lower(),
                "cid": row.facts.get("cid", ""),
                "time": row.facts.get("time", ""),
                **{side.letter.lower(): _kinds(row, side) for side in sides},
            }
            for row in rows
            if row.verdict in (EXPLAINED, UNEXPLAINED, UNDECIDED)
        ],
    }


def _kinds(row: Row, side: Side) -> dict[str, list[str]]:
    kinds = (("1", row.sent), ("6", row.failed), ("4", row.got))
    if side is row.answering:
        kinds = (("2", row.received), ("3", row.answered), ("", []))
    return {kind: side.words(spots) for kind, spots in kinds if spots}


def _print_rows(rows: Sequence[Row], whole: Counter[str], sides: Sequence[Side]) -> None:
    for side in sides:
        size = sum(shard.checkpoint.size for shard in side.shards)
        opened = "with its records" if side.opened else "leaves alone"
        _say(f"{side.letter}  {side.name}: good, {size} entries, {opened}")
        for shard in side.shards:
            if shard.own_key:
                _say(f"   the key {shard.policy.logs[0].id.hex()} was read from the folder itself: compare it")
    for verdict in (EXPLAINED, UNDECIDED, UNEXPLAINED):
        for row in rows:
            if row.verdict == verdict:
                _print_row(row, sides)
    for asking in sides:
        mine = Counter(row.verdict for row in rows if row.asking is asking)
        mine[COMPLETE] += whole[asking.letter]
        counts = ", ".join(f"{mine[verdict]} {verdict}" for verdict in (COMPLETE, EXPLAINED, UNDECIDED, UNEXPLAINED))
        _say(f"asked by {asking.letter}: {counts}; {mine[OTHERS]} with others")
    _say(f"unexplained rows: {sum(row.verdict == UNEXPLAINED for row in rows)}")


def _print_row(row: Row, sides: Sequence[Side]) -> None:
    where = []
    for side in sides:
        kinds = _kinds(row, side)
        found = " ".join(f"{kind} at {','.join(spots)}" for kind, spots in kinds.items()) or "nothing"
        where.append(f"{side.letter}: {found}")
    name = f"{row.facts.get('time', 'time unknown')}  {row.facts.get('cid', 'exchange unknown')}"
    _say("".join(mark if mark.isprintable() else "\ufffd" for mark in f"{row.verdict}  {name}"))
    _say(f"    {'; '.join(where)}")
    _say(f"    {row.meaning}")
    if row.evidence:
        _say(f"    {row.evidence}")


# ---------------------------------------------------------------- what a record says, and the page of a report
#
# English and Chinese; values in, text out. The page of a bundle is made again from the opened records and every byte is
# compared, so a page cannot say anything else than the records do. A change of what `page` gives needs a new `PAGE`.

PAGE = "hdn-report/v1"
_LANG = {"en": "en", "zh": "zh-Hans"}
_LANGUAGE_NAMES = {"en": "English", "zh": "中文"}
_PERIOD = (("from", "since"), ("to", "until"))
_COLUMNS = ("when", "who", "what", "why", "outcome", "entry")
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905  one line is read best
LANGUAGES = ("en", "zh")

_CALLER = re.compile(r"(.*) \((application|peer|operator|auditor)\)", re.DOTALL)
ASKED, ARRIVED, ANSWERED, GOT, FAILED = 1, 2, 3, 4, 6  # kinds of the two sides of an exchange
_OF_IDENTITY = re.compile(r"ITI-(8|30|44|64)|patient .*")
_OUTGOING, _STEPS = {ASKED, GOT, FAILED}, {ASKED, ARRIVED}

# Every text once, as (English, Chinese). `{peer}` is the other institution.
_KINDS = {
    8: ("sealed the state of the log", "封存日志状态"),
    9: ("began or changed a key of the log", "启用或更换日志密钥"),
    10: ("stated a gap or recovery of the log", "声明日志的缺失或恢复"),
    11: ("kept a sealed state of another log", "保存了其他机构日志的封存状态"),
    12: ("padding without meaning", "无含义的填充条目"),
}
_ACTS = {
    "ITI-18": ("looked for documents", "查找了文档"),
    "ITI-41": ("stored new documents", "存入了新文档"),
    "ITI-42": ("registered new documents", "登记了新文档"),
    "ITI-43": ("opened documents", "打开了文档"),
    "ITI-57": ("changed how documents are described", "更改了文档的描述信息"),
    "ITI-62": ("removed the description of documents for good", "永久删除了文档的描述信息"),
    "ITI-86": ("removed documents for good", "永久删除了文档"),
    "ITI-92": ("changed how documents are described", "更改了文档的描述信息"),
    "in ITI-38": ("asked which documents this institution holds", "询问本机构存有哪些文档"),
    "in ITI-39": ("fetched documents from this institution", "从本机构取走了文档"),
    "in ITI-41": ("sent documents to this institution", "向本机构发送了文档"),
    "in ITI-92": ("asked this institution to change how documents are described", "请求本机构更改文档的描述信息"),
    "in": ("sent a request to this institution", "向本机构发出请求"),
    "out ITI-38": ("asked {peer} which documents it holds", "向{peer}询问存有哪些文档"),
    "out ITI-39": ("fetched documents from {peer}", "从{peer}取得了文档"),
    "out ITI-41": ("sent documents to {peer}", "向{peer}发送了文档"),
    "out ITI-92": ("asked {peer} to change how documents are described", "请求{peer}更改文档的描述信息"),
    "out": ("sent a request to {peer}", "向{peer}发出请求"),
    "C 110110": ("made the patient known", "登记了患者"),
    "R 110110": ("looked up the patient", "查看了患者条目"),
    "U 110110": ("changed the patient's entry", "更改了患者条目"),
    "D 110110": ("merged the patient into another", "将患者并入另一身份"),
    "patient unmerge": ("undid a merge of the patient", "撤销了患者合并"),
    "document deprecate": ("marked a document as out of date", "将文档标记为已作废"),
    "document quarantine": ("took a document out of use", "停用了文档"),
    "publishing confirmed": ("looked at a document and confirmed that it is published", "预览并确认发布文档"),
    "document taken back": ("took back a document that was published by mistake", "撤回了误发布的文档"),
    "inbox accept": ("took documents that were sent here into the patient's record", "将收到的文档归入患者记录"),
    "inbox reject": ("refused and removed documents that were sent here", "拒收并删除了收到的文档"),
    "audit report": ("made a report of all accesses", "制作了访问报告"),
    "110101": ("read the access log", "查阅了访问记录"),
    "110120": ("started the node", "启动了节点"),
    "110121": ("stopped the node", "停止了节点"),
    "110126": ("tried to connect, and was turned away", "尝试连接，但未被接受"),
    "110129": ("changed who may connect", "更改了可连接的对象"),
}
_OUTCOMES = {
    None: ("under way", "进行中", "off"),
    0: ("done", "完成", "ok"),
    4: ("done, with a warning", "完成，有警告", "warn"),
    8: ("refused or failed", "被拒绝或失败", "deny"),
    12: ("failed", "失败", "bad"),
}
_ROLES = {
    "application": ("application of this institution", "本机构的应用程序"),
    "peer": ("connected institution", "已连接的机构"),
    "operator": ("administrator", "管理员"),
    "auditor": ("auditor", "审计人员"),
    "node": ("this institution's node", "本机构的节点"),
    "": ("not stated", "未说明"),
}
_PURPOSES = {
    "TREAT": ("treatment", "治疗"),
    "ETREAT": ("emergency treatment", "紧急治疗"),
    "BTG": ("emergency access", "紧急访问"),
    "HPAYMT": ("payment", "费用结算"),
    "PUBHLTH": ("public health", "公共卫生"),
    "HOPERAT": ("operation of the institution", "机构运营"),
    "HRESCH": ("research", "研究"),
    "PATRQT": ("the patient's own request", "患者本人要求"),
    "HSYSADMIN": ("administration of the system", "系统管理"),
    "": ("not stated", "未说明"),
}
_TEXTS = {
    "title": ("Who looked at the health documents of this patient?", "谁查看过该患者的健康文档？"),
    "patient": ("Patient", "患者"),
    "institution": ("Institution", "机构"),
    "period": ("Period", "时间范围"),
    "all": ("everything on record", "全部记录"),
    "from": ("from {since}", "自 {since} 起"),
    "to": ("until {until}", "至 {until}"),
    "made": ("Made", "制作时间"),
    "utc": ("All times are UTC.", "所有时间均为协调世界时（UTC）。"),
    "sum": (
        "{accesses} accesses by {who} persons or systems, recorded in {entries} entries. Refused or failed: {refused}.",
        "共 {accesses} 次访问，访问者（人员或系统）{who} 个，记录于 {entries} 个条目；被拒绝或失败：{refused} 次。",
    ),
    "nothing": ("Nothing about this patient is on record in this period.", "该时间范围内没有关于该患者的记录。"),
    "when": ("When", "时间"),
    "who": ("Who", "访问者"),
    "what": ("What", "做了什么"),
    "why": ("Reason given", "访问理由"),
    "outcome": ("Outcome", "结果"),
    "entry": ("Entry", "条目"),
    "address": ("from {address}", "来自 {address}"),
    "documents": ("{n} documents", "{n} 份文档"),
    "merged": (
        "These numbers are one person; the report covers all of them.",
        "以上编号属于同一人，本报告涵盖全部编号。",
    ),
    "erased": ("Of {n} further entries the content was erased.", "另有 {n} 个条目的内容已被删除。"),
    "proof": ("How do I know that this is complete and unchanged?", "如何确认本报告完整且未被更改？"),
    "how": (
        "Each entry is committed to a log that nobody can quietly change. The folder or zip file of this report holds"
        " the proof. Anybody can check it, on any computer with Python and without a network:",
        "每个条目都已写入任何人都无法悄然更改的日志。本报告的文件夹或压缩包内含证明，任何人均可在装有 Python"
        " 的计算机上离线核验：",
    ),
    "sealed": ("{origin}: state of {size} entries", "{origin}：{size} 个条目的状态"),
    "names": (
        "Names of institutions are from this institution's directory; everything else is as it stands in the log.",
        "机构名称来自本机构的目录，其余内容均与日志一致。",
    ),
}


@dataclass(frozen=True)
class Told:
    """One record in plain words. `time` is as recorded; `tone` is ok, warn, deny, bad or off."""

    time: str
    who: str
    role: str
    institution: str
    address: str
    purpose: str
    what: str
    documents: tuple[str, ...]
    outcome: str
    tone: str
    detail: str


def describe(record: Mapping[str, Any], language: str, names: Mapping[str, str], own: str) -> Told:
    """A record in "en" or "zh"; `names` are those of institutions by homeCommunityId, `own` that of the log's owner."""
    event, kind = record["event"], record["kind"]
    peer = names.get(record["peer"], record["peer"])
    who, role, address = _actor(record, event, language, own=own, peer=peer)
    outside = kind in (ARRIVED, ANSWERED)
    outcome = _OUTCOMES.get(event.get("outcome"), _OUTCOMES[12])
    objects = event.get("objects", ())
    return Told(
        time=record["time"],
        who=who,
        role=role,
        institution=peer if outside else own,
        address=address,
        purpose=_purpose(event, language),
        what=_what(record, event, language).replace("{peer}", peer),
        documents=tuple(one["id"] for one in objects if one["type"] == "2" and one.get("role") == "3"),
        outcome=outcome[_at(language)],
        tone=outcome[2],
        detail="" if event.get("outcome_text") in event.get("type", ()) else event.get("outcome_text", ""),
    )


def _at(language: str) -> int:
    return LANGUAGES.index(language)


def _actor(
    record: Mapping[str, Any], event: Mapping[str, Any], language: str, *, own: str, peer: str
) -> tuple[str, str, str]:
    """Who acted, in which role, from which address. An endpoint's URL without a name is nobody."""
    people = [one for one in event.get("participants", ()) if one.get("name") or not re.match(r"\w+://", one["user"])]
    codes = {id(one): one.get("role", ("", "", ""))[0] for one in people}
    humans = [one for one in people if one["requestor"] and codes[id(one)] not in ("110152", "110153")]
    found = humans or [one for one in people if codes[id(one)] != "110150"] or people
    if not humans and record["kind"] == ARRIVED:
        return peer, _ROLES["peer"][_at(language)], ""
    if not humans and (record["kind"] in _OUTGOING or not found):
        return own, _ROLES["node"][_at(language)], ""
    one = found[0]
    name = one.get("name") or one["user"]
    calling = next((each for each in people if _CALLER.fullmatch(each["user"])), one)  # what a human sits at
    address = one.get("address") or calling.get("address", "")
    ends = _CALLER.fullmatch(name)
    if ends:
        return ends[1], _ROLES[ends[2]][_at(language)], address
    known = {"110151": _ROLES["operator"][_at(language)], "": _ROLES[""][_at(language)]}
    role = "node" if name == own else codes[id(one)]
    words = _ROLES["node"][_at(language)] if role == "node" else known.get(role) or one["role"][2]
    return ", ".join(map(_human, humans)) or name, words, address


def _human(one: Mapping[str, Any]) -> str:
    """A user of an assertion is `<id@issuer>`, with the name for people as the other id (federation-wire 4.8)."""
    name: str = one.get("name") or one["user"]
    return f"{one['alternative']} {name}" if name.startswith("<") and one.get("alternative") else name


def _purpose(event: Mapping[str, Any], language: str) -> str:
    codes = event.get("purpose") or [["", "", ""]]
    return ", ".join(_PURPOSES[code][_at(language)] if code in _PURPOSES else text for code, _, text in codes)


def _what(record: Mapping[str, Any], event: Mapping[str, Any], language: str) -> str:
    kind = record["kind"]
    code, _, text = event.get("type") or (event.get("note", {}).get("transaction", ""), "", "")
    event_id = event.get("id", ("",))[0]
    if kind in (ARRIVED, ANSWERED) or kind in _OUTGOING:
        side = "out" if kind in _OUTGOING else "in"
        return (_ACTS.get(f"{side} {code}") or _ACTS[side])[_at(language)]
    action = event.get("action", "")
    # Only a feed of patients makes one known, or merges two, when it creates or removes something about a patient.
    of_identity = action == "R" or _OF_IDENTITY.fullmatch(code)
    for key in (code, f"{action} {event_id}" if of_identity else "", event_id):
        if key in _ACTS:
            return _ACTS[key][_at(language)]
    return _KINDS[kind][_at(language)] if kind in _KINDS else text or code


# ---------------------------------------------------------------- the page


@dataclass(frozen=True)
class _Row:
    label: str  # year/index
    record: Mapping[str, Any]
    told: Told


def page(report: Mapping[str, Any], languages: Sequence[str] = LANGUAGES) -> str:
    """The report as one HTML page without scripts or outside files; of two languages the reader chooses one.

    `report` is what `report.json` of the bundle holds.
    """
    several = len(languages) > 1
    switch = "".join(
        f'<input type="radio" name="language" id="in-{one}"{" checked" if one == languages[0] else ""}>'
        f'<label for="in-{one}">{_LANGUAGE_NAMES[one]}</label>'
        for one in languages
        if several
    )
    return (
        f'<!DOCTYPE html>\n<html lang="{_LANG[languages[0]]}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(_TEXTS['title'][_at(languages[0])])}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"{switch}\n{''.join(_part(report, one) for one in languages)}</body>\n</html>\n"
    )


def _part(report: Mapping[str, Any], language: str) -> str:
    def text(name: str, **values: object) -> str:
        return _TEXTS[name][_at(language)].format(**values)

    events = [(shard, event) for shard in report["shards"] for event in shard["events"]]
    rows = [_row(report, shard, event, language) for shard, event in events if event["shown"]]
    erased = sum(not event["record"] for _, event in events)
    groups = _grouped(rows)
    lines = [line for group in groups for line in group if line.record["kind"] not in _OUTGOING or len(group) == 1]
    people = {(line.told.who, line.told.institution) for line in lines}
    refused = sum(line.told.tone in ("deny", "bad") for line in lines)
    summary = text("sum", accesses=len(lines), who=len(people), entries=len(rows), refused=refused)
    period = " ".join(text(name, **{key: report[key]}) for name, key in _PERIOD if report[key]) or text("all")
    facts = [
        (text("patient"), "<br>".join(escape(_patient(one)) for one in report["patients"])),
        (text("institution"), escape(report["institution"]["name"])),
        (text("period"), escape(period)),
        (text("made"), escape(_time(report["made"], language))),
    ]
    heads = "".join(f'<th scope="col">{text(name)}</th>' for name in _COLUMNS)
    table = f"<table><thead><tr>{heads}</tr></thead>{''.join(_body(one, language, text) for one in groups)}</table>"
    sealed = "".join(
        f"<li>{escape(text('sealed', origin=one['origin'], size=one['size']))}</li>" for one in report["shards"]
    )
    return (
        f'<main class="{language}" lang="{_LANG[language]}">\n<h1>{text("title")}</h1>\n'
        f"<dl>{''.join(f'<div><dt>{name}</dt><dd>{value}</dd></div>' for name, value in facts)}</dl>\n"
        + (f"<p>{text('merged')}</p>\n" if len(report["patients"]) > 1 else "")
        + f'<p class="sum">{summary if groups else text("nothing")} {text("utc")}</p>\n'
        + (f"{table}\n" if groups else "")
        + (f"<p>{text('erased', n=erased)}</p>\n" if erased else "")
        + f"<section><h2>{text('proof')}</h2><p>{text('how')}</p><p><code>python3 hdn_verify.py report .</code></p>"
        f"<ul>{sealed}</ul><p>{text('names')}</p></section>\n</main>\n"
    )


def _row(report: Mapping[str, Any], shard: Mapping[str, Any], event: Mapping[str, Any], language: str) -> _Row:
    record = json.loads(event["record"])
    told = describe(record, language, report["names"], report["institution"]["name"])
    return _Row(f"{shard['origin'].rpartition('/')[2]}/{event['index']}", record, told)


def _grouped(rows: Iterable[_Row]) -> list[list[_Row]]:
    """What belongs to one request together, its own line first; newest request first.

    The steps of an exchange (kinds 1 and 2) add nothing for a reader where its outcome is there: they only lend their
    number to the line of the outcome.
    """
    groups: dict[str, list[_Row]] = {}
    for row in rows:
        event = row.record["event"]
        key = event.get("incident") or event.get("note", {}).get("incident") or row.record["cid"] or row.label
        groups.setdefault(key, []).append(row)
    return [_folded(group) for group in reversed(groups.values())]


def _folded(group: list[_Row]) -> list[_Row]:
    outcomes = [row for row in group if row.record["kind"] not in _STEPS]
    kept = []
    for row in outcomes:
        steps = [one.label for one in group if one.record["kind"] in _STEPS and one.record["cid"] == row.record["cid"]]
        kept.append(replace(row, label=" ".join(dict.fromkeys([*steps, row.label]))))
    answered = {row.record["cid"] for row in outcomes}
    kept += [row for row in group if row.record["kind"] in _STEPS and row.record["cid"] not in answered]
    return sorted(kept, key=lambda row: row.record["kind"] in _OUTGOING)


def _body(group: Sequence[_Row], language: str, text: Callable[..., str]) -> str:
    lines = "".join(_line(row, language, text, below=at > 0) for at, row in enumerate(group))
    return f"<tbody>{lines}</tbody>"


def _line(row: _Row, language: str, text: Callable[..., str], *, below: bool) -> str:
    told = row.told
    place = told.institution if told.institution != told.who else ""
    who = [f"<b>{escape(told.who)}</b>", escape(told.role), escape(place)]
    if told.address:
        who.append(f"<small>{escape(text('address', address=told.address))}</small>")
    what = [escape(told.what)]
    if below:  # a part of the line above: asked for whoever stands there
        who = []
    if told.documents:
        what.append(f"<small>{text('documents', n=len(told.documents))}: {escape(', '.join(told.documents))}</small>")
    outcome = [f'<span class="tone">{escape(told.outcome)}</span>']
    if told.detail:
        outcome.append(f"<small>{escape(told.detail)}</small>")
    cells = (
        "" if below else escape(_time(told.time, language)),
        "<br>".join(part for part in who if part),
        "<br>".join(what),
        "" if below else escape(told.purpose),
        "<br>".join(outcome),
        f"<small>{'<br>'.join(row.label.split(' '))}</small>",
    )
    shown = "".join(
        f'<td data-name="{text(name)}"><div>{cell}</div></td>' for name, cell in zip(_COLUMNS, cells, strict=True)
    )
    return f'<tr class="{told.tone}{" below" if below else ""}">{shown}</tr>\n'


def _time(time: str, language: str) -> str:
    """`2026-11-23T10:02:17.000Z` for readers, to the second."""
    found = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z", time)
    if not found or not 1 <= int(found[2]) <= 12:
        return time
    if language == "zh":
        return f"{found[1]}年{int(found[2])}月{int(found[3])}日 {found[4]}"
    return f"{int(found[3])} {_MONTHS[int(found[2]) - 1]} {found[1]}, {found[4]}"


def _patient(subject: str) -> str:
    authority, _, number = subject.partition("|")
    return f"{number} ({authority})"


_STYLE = """
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1.5rem;color:#1b1f24;background:#fff;font:1rem/1.5 system-ui,
"Segoe UI",Roboto,"Noto Sans","PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif}
h1{font-size:1.6rem;line-height:1.25;margin:1rem 0;text-wrap:balance}h2{font-size:1.1rem;margin:0 0 .5rem}
input{position:absolute;opacity:0}label{display:inline-block;padding:.25rem .75rem;border:1px solid #d0d7de;
border-radius:1rem;margin-right:.4rem;cursor:pointer}input:checked+label{background:#1b1f24;color:#fff}
input:focus-visible+label{outline:2px solid #0969da;outline-offset:2px}
#in-en:checked~.zh,#in-zh:checked~.en{display:none}
dl,section{padding:1rem;border:1px solid #d0d7de;border-radius:.5rem;margin:1rem 0;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(14rem,1fr));gap:.75rem 1.5rem}
dt{color:#57606a;font-size:.85rem}dd{margin:0}.sum{font-size:1.1rem}
table{border-collapse:collapse;width:100%;table-layout:fixed;font-size:.92em;font-variant-numeric:tabular-nums}
th:nth-child(1){width:13%}th:nth-child(2){width:23%}th:nth-child(4){width:12%}th:nth-child(5){width:13%}
th:nth-child(6){width:9%}
th{text-align:left;border-bottom:2px solid;padding:.4rem .8rem .4rem 0;vertical-align:bottom}
td{border-top:1px solid #d0d7de;padding:.5rem .8rem .5rem 0;vertical-align:top;overflow-wrap:anywhere}
.below td{border-top-style:dotted;color:#57606a}small{color:#57606a;font-size:.82em}
.tone::before{content:"";display:inline-block;width:.6em;height:.6em;border-radius:50%;margin-right:.4em;
background:#6e7781;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.ok .tone::before{background:#1a7f37}.warn .tone::before{background:#bf8700}
.deny .tone,.bad .tone{font-weight:600}.deny .tone::before,.bad .tone::before{background:#cf222e;border-radius:0}
code{font:.9em ui-monospace,Menlo,Consolas,monospace;background:#f6f8fa;padding:.2rem .4rem;border-radius:.25rem}
@media screen and (max-width:46rem){body{padding:1rem}table,tbody,tr{display:block}thead{display:none}
tbody{border:1px solid #d0d7de;border-radius:.5rem;margin-bottom:.8rem;padding:.4rem .8rem}
td{display:grid;grid-template-columns:6rem 1fr;border:0;padding:.2rem 0}
td::before{content:attr(data-name);color:#57606a}
.below{border-top:1px dotted #d0d7de;margin-top:.4rem;padding-top:.4rem}td:has(div:empty){display:none}}
@media print{@page{margin:16mm 14mm}body{padding:0;max-width:none;font-size:9pt}.sum{font-size:1.1em}label{display:none}
thead{display:table-header-group}tbody,tr,section{break-inside:avoid}h1,h2{break-after:avoid}}
"""


# ---------------------------------------------------------------- disclosure report

_REPORT_FILE = re.compile(
    r"README\.txt|report\.(?:html|json)|hdn_(?:verify|report)\.py|log/[0-9]{4}[a-z]{0,2}/"
    r"(?:checkpoint|cosigned|vkey|policy|genesis\.(?:json|salt)|tile/entries/(?:x[0-9]{3}/)*[0-9]{3}(?:\.p/[0-9]{1,3})?)"
)
_LOOK_AHEAD = 100_000
_MOST_BYTES = 16 << 30
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True)
class Opened:
    """One event of a report. Of an erased one only the number is known: its record is None."""

    index: int
    number: int
    shown: bool
    subject: str
    record: dict[str, Any] | None


class ShardReport:
    """What a report says of one year, against the log of that year."""

    def __init__(self, stated: dict[str, Any], shard: Shard, patients: Sequence[str]) -> None:
        self.shard = shard
        self.keys = {one["subject"]: bytes.fromhex(one["key"]) for one in stated["subjects"]}
        if (stated["origin"], stated["size"]) != (shard.checkpoint.origin, shard.checkpoint.size):
            raise Invalid(f"{stated['origin']}: the checkpoint is of another log or size")
        if sorted(self.keys) != sorted(patients) or len(stated["subjects"]) != len(patients):
            raise Invalid(f"{stated['origin']}: it has not exactly one key for each identity of the patient")
        self.events = [self._open(event) for event in stated["events"]]
        self.erasures = [found for event in stated["erasures"] for found in erasures(self._statement(event))]
        places = [event.index for event in self.events]
        for before, after in zip(places, places[1:]):  # noqa: B905, RUF007  Python 3.10 alone
            if after <= before:
                raise Invalid(f"index {after}: shown twice or out of order")

    def _open(self, event: dict[str, Any]) -> Opened:
        index, number, shown = event["index"], event["n"], event["shown"]
        if type(index) is not int or type(number) is not int or type(shown) is not bool or not 0 <= number < 1 << 53:
            raise TypeError
        if not 0 <= index < self.shard.checkpoint.size:
            raise Invalid(f"index {index}: the log has {self.shard.checkpoint.size} entries")
        entry = self._entry(event)
        subject = next((one for one, key in self.keys.items() if subject_tag(key, number) == entry[34:66]), None)
        if subject is None:
            raise Invalid(f"index {index}: not number {number} of this patient's entries")
        if not event["record"]:
            if shown:
                raise Invalid(f"index {index}: shown, and not opened")
            return Opened(index, number, shown, subject, None)
        record = check_opening(index, entry, event["record"].encode(), bytes.fromhex(event["salt"]))
        if (record["subject"], record["subject_ctr"]) != (subject, number):
            raise Invalid(f"index {index}: the record is about somebody else, or has another number")
        return Opened(index, number, shown, subject, record)

    def _entry(self, event: dict[str, Any]) -> bytes:
        """The entry of an event, after it was found in the signed log."""
        index, entry = event["index"], bytes.fromhex(event["entry"])
        proof = [bytes.fromhex(one) for one in event["proof"]]
        root = proven_root(index, self.shard.checkpoint.size, leaf_hash(entry), proof)
        if len(entry) != ENTRY_BYTES or root != self.shard.checkpoint.root:
            raise Invalid(f"index {index}: the entry and its proof do not lead to the signed root")
        if self.shard.entries and self.shard.entries[index] != entry:
            raise Invalid(f"index {index}: the log has another entry here")
        return entry

    def _statement(self, event: dict[str, Any]) -> dict[str, Any]:
        """A record of the log that states an erasure."""
        record, salt = event["record"].encode(), bytes.fromhex(event["salt"])
        return check_opening(event["index"], self._entry(event), record, salt)

    def check_complete(self, since: str, until: str) -> None:
        """Every entry about the patient is shown, or lies outside of the period by an opened event that proves it.

        Raises:
            Invalid: the first index that is left out, or where numbers are used twice or leave a gap.
        """
        places: dict[bytes, list[int]] = {}
        for index, entry in enumerate(self.shard.entries):
            places.setdefault(entry[34:66], []).append(index)
        for subject, key in self.keys.items():
            indices = _walk(subject, key, places)
            self._check_period(subject, indices, since, until)

    def _check_period(self, subject: str, indices: list[int], since: str, until: str) -> None:
        opened = {event.number: event for event in self.events if event.subject == subject}
        borders = [event for event in opened.values() if event.record and not event.shown]
        low = max((one.number for one in borders if since and one.record["time"] < since), default=-1)  # type: ignore[index]
        high = min(
            (one.number for one in borders if until and one.record["time"] >= until),  # type: ignore[index]
            default=len(indices),
        )
        within = {number for number, event in opened.items() if event.shown or event.record is None}
        left_out = [indices[number] for number in range(low + 1, high) if number not in within]
        if left_out:
            more = f" (with it {', '.join(map(str, left_out[1:21]))})" if left_out[1:] else ""
            raise Invalid(f"index {left_out[0]}: an event about {subject} is in the log and not in this report{more}")
        for event in opened.values():
            if event.shown and not low < event.number < high:
                raise Invalid(f"index {event.index}: shown, and outside of the period")

    @property
    def erased(self) -> list[int]:
        """Entries whose record was erased."""
        return [event.index for event in self.events if event.record is None]


def _walk(subject: str, key: bytes, places: dict[bytes, list[int]]) -> list[int]:
    """The indices of all entries about a patient, in the order of their numbers 0, 1, 2 and so on."""
    indices: list[int] = []
    while found := places.get(subject_tag(key, len(indices))):
        if len(found) > 1:
            raise Invalid(f"index {found[1]}: number {len(indices)} of {subject} is used twice")
        indices.append(found[0])
    for number in range(len(indices) + 1, len(indices) + min(len(places), _LOOK_AHEAD)):
        if found := places.get(subject_tag(key, number)):
            raise Invalid(f"index {found[0]}: number {number} of {subject}, but there is no number {len(indices)}")
    return indices


@contextlib.contextmanager
def _unpacked(bundle: Path) -> Iterator[Path]:
    """The folder of a report: itself, or the files of a zip in a folder that is removed afterwards."""
    if bundle.is_dir():
        yield bundle
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(bundle) as packed:
                names = packed.namelist()
                if len(names) != len(set(names)):
                    raise Invalid("the zip holds two files of one name")
                if sum(one.file_size for one in packed.infolist()) > _MOST_BYTES:
                    raise Invalid(f"the zip unpacks to more than {_MOST_BYTES >> 30} GiB")
                packed.extractall(folder, [name for name in names if _REPORT_FILE.fullmatch(name)])
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as wrong:
            raise Invalid(f"{bundle}: not a zip that can be read ({wrong})") from wrong
        yield Path(folder)


def _log_of(folder: Path, year: str, log: str) -> Path:
    """Where the leaf layer of a year lies: in the bundle, or in a copy of the log that the reader trusts more."""
    if not log:
        return folder / "log" / year
    return next((one for one in _folders(Path(log))[0] if one.name == year), Path(log))


def _check_shards(
    folder: Path, report: dict[str, Any], args: argparse.Namespace
) -> tuple[list[ShardReport], list[str]]:
    """Each year of a report; and what could not be checked."""
    checked: list[ShardReport] = []
    open_points: list[str] = []
    before = ""
    for stated in report["shards"]:
        year = str(stated["origin"]).rpartition("/")[2]
        if not re.fullmatch(r"[0-9]{4}[a-z]{0,2}", year):
            raise Invalid("report.json: a log without its year")
        shard = _trusted(folder / "log" / year, args)
        if args.vkey:  # of one year; the key is the same in all years of one log
            log = str(stated["origin"]).rpartition("/")[0]
            given = [key for key in shard.policy.logs if key.name.rpartition("/")[0] == log]
            shard.policy.logs = [Key(stated["origin"], key.algorithm, key.public) for key in given]
        cosigned = shard.read_checkpoints()
        home, shard.folder = shard.folder, _log_of(folder, year, args.log)
        leaves = (shard.folder / "tile" / "entries").is_dir()
        if leaves:
            shard.read_leaves(cosigned)
        found = ShardReport(stated, shard, report["patients"])
        shard.folder = home
        checked.append(found)
        if leaves:
            found.check_complete(report["since"], report["until"])
            open_points += _check_order(shard, before, report["since"])
        else:
            open_points.append(f"{year}: inclusion only: without the entries of the log nobody can tell whether all")
            open_points[-1] += " events are here; give a copy of it with --log DIR"
        before = stated["origin"]
    return checked, [*open_points, *_check_erased(checked)]


def _check_erased(checked: list[ShardReport]) -> Iterator[str]:
    """Of an event whose record is not here the log itself states that it was erased."""
    places = [place for one in checked for place in one.erasures]
    for one in checked:
        year = one.shard.checkpoint.origin.rpartition("/")[2]
        for index in one.erased:
            if not any(name == year and index in indices for name, indices in places):
                yield f"{year}: index {index}: neither opened nor, as far as can be seen here, stated to be erased"


def _check_order(shard: Shard, before: str, since: str) -> Iterator[str]:
    """No year is left out between two others, nor before the first unless the period begins later."""
    note = shard.genesis()
    if note is None:
        yield f"{shard.checkpoint.origin}: genesis.json is missing, so a year before it may be left out"
        return
    previous = note.get("previous_origin", "")
    if previous != before and (before or not since or previous.rpartition("/")[2][:4] >= since[:4]):
        raise Invalid(f"index 0: {shard.checkpoint.origin} continues {previous}, which this report leaves out")


def _check_page(folder: Path, report: dict[str, Any]) -> Iterator[str]:
    """The page is made again from the opened records and must be the same."""
    if report["format"] != PAGE:
        yield f"report.html is a page of {report['format']}, here pages of {PAGE} are known: not compared"
    elif _read(folder / "report.html") != page(report, report["languages"]).encode():
        raise Invalid("report.html does not say what the records say: go by the records, and ask who changed the page")


def _report(args: argparse.Namespace) -> int:
    with _unpacked(Path(args.bundle)) as folder:
        try:
            report = json.loads(_read(folder / "report.json"))
            if not report["patients"] or not report["shards"]:
                raise Invalid("report.json: about nobody, or of no log")
            checked, open_points = _check_shards(folder, report, args)
            open_points += _check_page(folder, report)
        except _UNREADABLE as wrong:
            raise Invalid(f"report.json: not written as a report is ({type(wrong).__name__})") from wrong
        _say(f"report about {', '.join(report['patients'])}, {_period(report)}")
        for one in checked:
            _describe_report(one)
        if not open_points:
            _say("complete: nothing about this patient is left out; report.html says what the records say")
        for one in checked:
            if one.shard.entries:  # without them nothing leads from the cosigned state to the newest one
                one.shard.check_quorum()
        if open_points:
            raise Incomplete("; ".join(open_points))
    return GOOD


def _period(report: dict[str, Any]) -> str:
    words = [f"{word} {report[word]}" for word in ("since", "until") if report[word]]
    return " ".join(words) or "everything on record"


def _describe_report(one: ShardReport) -> None:
    checkpoint, shown = one.shard.checkpoint, sum(event.shown for event in one.events)
    _say(f"{checkpoint.origin}: {shown} events shown, each in the signed log of {checkpoint.size} entries")
    _describe_witnesses(one.shard)
    if one.erased:
        _say(f"  of {len(one.erased)} more the record was erased; that they are events about this patient is proved")
    unproved = sorted(set(one.keys) - {event.subject for event in one.events})
    if unproved:
        _say(f"  of {', '.join(unproved)} there is nothing, as far as the key in the report is that patient's")
    if one.shard.own_key:
        _say(f"  the key {one.shard.policy.logs[0].id.hex()} came with the report: compare it with one given to you")


# ---------------------------------------------------------------- commands


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _folders(folder: Path) -> tuple[list[Path], Path | None]:
    """The shards of a folder and, for a node's folder, its database."""
    if (folder / "checkpoint").exists() or (folder / "tile").exists():
        return [folder], None
    audit, database = folder / "audit", folder / "data" / "node.db"
    top = audit if audit.is_dir() else folder
    shards = sorted(path for path in top.glob("[0-9]*") if path.is_dir())
    if not shards:
        raise Incomplete(f"{folder}: no log here")
    return shards, database if database.exists() else None


def _text(given: str) -> str:
    """A value, or the content of the file that it names."""
    path = Path(given)
    return path.read_text(encoding="utf-8") if len(given) < 4096 and path.is_file() else given


def _shard(folder: Path, args: argparse.Namespace) -> Shard:
    shard = _trusted(folder, args)
    shard.verify()
    return shard


def _trusted(folder: Path, args: argparse.Namespace) -> Shard:
    """A shard that is not verified yet, with the keys that were given for it or else lie in it."""
    if args.policy:
        policy, own = read_policy(_read(Path(args.policy)).decode("utf-8", "replace")), False
        if args.vkey:
            policy.logs = [read_key(_text(args.vkey))]
    elif args.vkey:
        policy, own = Policy([read_key(_text(args.vkey))]), False
    else:
        policy, own = Policy([read_key(_read(folder / "vkey").decode("utf-8", "replace"))]), True
        if (folder / "policy").exists():
            stated = read_policy((folder / "policy").read_text(encoding="utf-8"))
            policy.witnesses, policy.groups, policy.quorum = stated.witnesses, stated.groups, stated.quorum
    return Shard(folder, policy, own)


def _describe(shard: Shard) -> None:
    checkpoint = shard.checkpoint
    _say(f"{checkpoint.origin}: good")
    _say(f"  size {checkpoint.size}  root {base64.b64encode(checkpoint.root).decode()}")
    _say("  signed by the log's key")
    _describe_witnesses(shard)
    for kind, count in sorted(Counter(entry[1] for entry in shard.entries).items()):
        _say(f"  {count:>9}  kind {kind}, {KINDS.get(kind, 'unknown to this verifier')}")
    if shard.own_key:
        key = shard.policy.logs[0]
        _say(
            f"  the key {key.id.hex()} was read from the folder itself: compare it with the one you were given (--vkey)"
        )


def _describe_witnesses(shard: Shard) -> None:
    cosigned = shard.cosigned or shard.checkpoint
    witnesses = sorted(cosigned.signers - {cosigned.origin})
    if not witnesses:
        _say("  witnesses: none has signed; only the institution itself vouches for this log")
        return
    newer = shard.checkpoint.size - cosigned.size
    _say(f"  the first {cosigned.size} entries are cosigned, last at {_utc(cosigned.time)}; {newer} newer ones not yet")
    for name in witnesses:
        _say(f"    by {name}")


def _utc(seconds: int) -> str:
    moment = datetime.fromtimestamp(min(seconds, 253402300799), timezone.utc)  # noqa: UP017  Python 3.10
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _verify(args: argparse.Namespace) -> int:
    folders, database = _folders(Path(args.dir))
    database = Path(args.db) if args.db else database
    lacking: NoQuorum | None = None
    for folder in folders:
        shard = _shard(folder, args)
        erased = check_database(shard, database) if database is not None else 0
        _describe(shard)
        if database is not None:
            _say("  every record of the database belongs to its entry")
        if erased:
            _say(f"  {erased} records were erased, as the log itself states; their entries are there")
        try:
            shard.check_quorum()
        except NoQuorum as failure:
            lacking = failure
    if lacking:
        raise lacking
    return GOOD


def _since(args: argparse.Namespace) -> int:
    data = _read(Path(args.old))
    origin = data.decode("utf-8", "replace").split("\n", 1)[0]
    folders, _ = _folders(Path(args.dir))
    year = origin.rpartition("/")[2]
    shard = _shard(next((folder for folder in folders if folder.name == year), folders[-1]), args)
    old = read_note(data, shard.policy.logs)
    new = shard.checkpoint
    if old.origin != new.origin:
        raise Incomplete(f"the old checkpoint is of {old.origin}, the folder holds {new.origin}")
    if old.origin not in old.signers:
        raise Invalid(f"the old checkpoint is not signed by {old.origin}")
    if old.size > new.size:
        raise Invalid(
            f"index {new.size}: the log ends here, {old.size} entries were signed before: its tail was cut off"
        )
    if shard.root(old.size) != old.root:
        if old.size == new.size:
            raise Fork(
                f"two signed checkpoints of {old.size} entries with different roots: keep both files, they are proof"
            )
        raise Invalid(f"the first {old.size} entries are not those that were signed before: keep both checkpoints")
    shard.check_quorum()
    _say(f"{new.origin}: the {new.size} entries begin with the {old.size} of the old checkpoint")
    return GOOD


def _open(args: argparse.Namespace) -> int:
    folder = Path(args.files[-1])
    folders, database = _folders(folder)
    shard = _shard(folders[-1], args)
    database = Path(args.db) if args.db else database
    if not 0 <= args.index < shard.checkpoint.size:
        raise Incomplete(f"index {args.index}: the log has {shard.checkpoint.size} entries")
    if len(args.files) == 3:
        record, salt = _read(Path(args.files[0])), _read(Path(args.files[1]))
    elif len(args.files) == 1 and database is not None:
        record, salt = _stored(database, shard.checkpoint.origin, args.index)
    else:
        raise Incomplete("give RECORD SALT DIR, or --db DATABASE and DIR")
    entry = shard.entries[args.index]
    body = check_opening(args.index, entry, record, salt)
    if args.subject_key:
        if subject_tag(bytes.fromhex(_text(args.subject_key).strip()), body["subject_ctr"]) != entry[34:66]:
            raise Invalid(f"index {args.index}: the subject tag is not that of this key and number")
        _say(f"subject tag: number {body['subject_ctr']} of this subject")
    _say(f"{shard.checkpoint.origin} index {args.index}: the record belongs to the entry, the entry to the signed log")
    found = bracket(shard, database, args.index) if database is not None else Bracket()
    _say(f"time {body['time']} is what the node claims")
    _say(
        f"  appended after {_utc(found.not_before)}, by an anchor below it"
        if found.not_before
        else "  no anchor below it"
    )
    _say(f"  and before {_utc(found.not_after)}, by witnesses" if found.not_after else "  no witness above it yet")
    found.check(args.index, body["time"])
    _say(json.dumps(body, indent=1, ensure_ascii=True))
    return GOOD


def _stored(database: Path, origin: str, index: int) -> tuple[bytes, bytes]:
    connection = _open_database(database)
    try:
        row = connection.execute(
            "SELECT r.body, r.salt FROM audit_head h JOIN audit_record r ON r.seq = h.first_seq + ? WHERE h.origin = ?",
            (index, origin),
        ).fetchone()
    finally:
        connection.close()
    if row is None:
        raise Incomplete(f"index {index}: no record of it in {database}")
    return row[0], row[1]


def _fork(args: argparse.Namespace) -> int:
    if args.policy:
        keys = read_policy(_read(Path(args.policy)).decode("utf-8", "replace")).logs
    elif args.vkey:
        keys = [read_key(_text(args.vkey))]
    else:
        raise Incomplete("whose checkpoints these are is only known with --vkey or --policy")
    one, two = (read_note(_read(Path(path)), keys) for path in (args.note1, args.note2))
    for note in (one, two):
        if note.origin not in note.signers:
            raise Invalid(f"a checkpoint of {note.origin} that it has not signed: no evidence")
    if one.origin != two.origin or one.size != two.size:
        raise Incomplete("checkpoints of different logs or sizes: compare the later one's files with `since`")
    if one.root != two.root:
        raise Fork(
            f"PROOF OF A FORK: {one.origin} has signed two roots for {one.size} entries:"
            f" {base64.b64encode(one.root).decode()} and {base64.b64encode(two.root).decode()}; keep both files"
        )
    _say(f"{one.origin}: both state the same root for {one.size} entries")
    return GOOD


def _receipt(args: argparse.Namespace) -> int:
    if args.database:
        connection = _open_database(Path(args.database))
        try:
            rows = connection.execute(
                "SELECT proof FROM audit_receipt WHERE cid = ? ORDER BY seq", (args.what,)
            ).fetchall()
        finally:
            connection.close()
        if not rows:
            raise Incomplete(f"{args.what}: no receipt of this exchange in {args.database}")
        _say("\n".join(proof.decode("utf-8", "replace") for (proof,) in rows).rstrip("\n"))
        return GOOD
    keys = read_policy(_read(Path(args.policy)).decode("utf-8", "replace")).logs if args.policy else []
    keys += [read_key(_text(args.vkey))] if args.vkey else []
    if not keys:
        raise Incomplete("whose receipt this is is only known with --vkey or --policy")
    entry, index, stated = read_receipt(_read(Path(args.what)), keys)
    _say(f"{stated.origin} has signed a log of {stated.size} entries with this one at index {index}")
    _say(f"  kind {entry[1]}, {KINDS.get(entry[1], 'unknown to this verifier')}; exchange tag {entry[2:34].hex()}")
    if args.record:
        body = check_opening(index, entry, _read(Path(args.record)), _read(Path(args.salt)))
        _say("  the record belongs to this entry:")
        _say(json.dumps(body, indent=1, ensure_ascii=True))
    return GOOD


def _list(args: argparse.Namespace) -> int:
    wanted = Filter(args.patient, args.user, args.transaction, args.since, args.until, args.kind, args.limit)
    for listed in listing(Path(args.database), wanted):
        if args.json:
            _say(json.dumps({"origin": listed.origin, "index": listed.index, **listed.body}, ensure_ascii=True))
        else:
            _say(listed.line())
    return GOOD


def _not_yet(args: argparse.Namespace) -> int:
    raise Incomplete(f"{args.command}: not available in this version")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hdn_verify", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    keys = argparse.ArgumentParser(add_help=False)
    keys.add_argument("--vkey", default="", help="verification key of the log, or a file that holds it")
    keys.add_argument("--policy", default="", help="policy file: keys of log and witnesses, quorum")
    for name in ("verify", "log"):
        command = commands.add_parser(name, parents=[keys], help="verify all entries, tiles, root and signature")
        command.add_argument("dir", metavar="DIR")
        command.add_argument("--db", default="", help="check the records of this database too")
        command.set_defaults(run=_verify)
    command = commands.add_parser("since", parents=[keys], help="the log still begins with an older checkpoint")
    command.add_argument("old", metavar="OLD_CHECKPOINT")
    command.add_argument("dir", metavar="DIR")
    command.set_defaults(run=_since)
    command = commands.add_parser("open", parents=[keys], help="one record belongs to its entry in the log")
    command.add_argument("index", type=int, metavar="INDEX")
    command.add_argument("files", nargs="+", metavar="RECORD SALT DIR | DIR")
    command.add_argument("--db", default="", help="take record and salt from this database")
    command.add_argument("--subject-key", default="", help="the patient's key for this year, hexadecimal or a file")
    command.set_defaults(run=_open)
    command = commands.add_parser("fork", parents=[keys], help="do two checkpoints contradict each other?")
    command.add_argument("note1", metavar="NOTE")
    command.add_argument("note2", metavar="NOTE")
    command.set_defaults(run=_fork)
    command = commands.add_parser("list", help="list what is recorded")
    command.add_argument("database", metavar="DATABASE")
    for option in ("patient", "user", "transaction", "since", "until"):
        command.add_argument(f"--{option}", default="")
    command.add_argument("--kind", type=int, default=0)
    command.add_argument("--limit", type=int, default=0)
    command.add_argument("--json", action="store_true", help="one JSON object on each line")
    command.set_defaults(run=_list)
    _add_reconcile(commands)
    _add_receipt(commands, keys)
    _add_report(commands, keys)
    command = commands.add_parser("sample", help="not available in this version")
    command.add_argument("rest", nargs=argparse.REMAINDER)
    command.set_defaults(run=_not_yet)
    return parser


def _add_receipt(commands: argparse._SubParsersAction[argparse.ArgumentParser], keys: argparse.ArgumentParser) -> None:
    command = commands.add_parser(
        "receipt", parents=[keys], help="what the other side proved of an exchange, or verify it"
    )
    command.add_argument("what", metavar="CID | FILE", help="message id of the request; or a receipt, with --vkey")
    command.add_argument("database", nargs="?", default="", metavar="DATABASE", help="where the receipts are kept")
    command.add_argument("--record", default="", metavar="FILE", help="with --salt: is this the record of the entry?")
    command.add_argument("--salt", default="salt", metavar="FILE", help="the salt of the record, 32 bytes")
    command.set_defaults(run=_receipt)


def _add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser], keys: argparse.ArgumentParser) -> None:
    command = commands.add_parser("report", parents=[keys], help="verify a disclosure report")
    command.add_argument("bundle", metavar="ZIP", help="the zip file, or the folder that it was unpacked into")
    command.add_argument("--log", default="", metavar="DIR", help="take the log's entries from this copy of the log")
    command.set_defaults(run=_report)


def _add_reconcile(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "reconcile",
        help="compare two logs, exchange by exchange",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=_RECONCILE,
    )
    command.add_argument("a", metavar="A", help="folder of one log: a year, all years, or a node's folder")
    command.add_argument("b", metavar="B", help="folder of the other")
    command.add_argument("--policy", default="", help="policy file with the keys of both logs")
    for letter in "ab":
        command.add_argument(f"--vkey-{letter}", default="", help=f"verification key of {letter.upper()}'s log")
        command.add_argument(f"--records-{letter}", default="", metavar="DATABASE", help=f"{letter.upper()}'s records")
        command.add_argument(f"--home-{letter}", default="", metavar="URN", help="its homeCommunityId")
    command.add_argument("--from", dest="first", type=int, default=0, metavar="INDEX", help="of A; B is searched whole")
    command.add_argument("--to", dest="last", type=int, default=None, metavar="INDEX", help="of A, not included")
    command.add_argument("--json", action="store_true", help="one JSON object")
    command.set_defaults(run=_reconcile)


_RECONCILE = """\
Compare two logs, exchange by exchange. Each side's log holds a tag of every message that it sent or received; both
sides compute the same tag, and it tells nobody else anything.

complete      1 request sent, 2 received, 3 answer sent, 4 received, all with their tags
explained     something is missing, and the side that asked recorded a failure (6)
unexplained   one side has omitted, made up or changed something; the row says which, as far as logs can tell
undecided     leaves alone do not say whether an exchange that only one side has was with the other side or with
              somebody else: records of the side that has it do (--records-a, --records-b; a node's folder has them);
              or the copy of a log ends before an entry that the other side holds a receipt of

The records name exchange and time, and hold the other side's signed receipts. Whom a record names as the other side is
the word of its owner: who hides an exchange as one with somebody else is found by comparing with that somebody.
Compare logs of nodes at rest, or leave the newest entries out with --to: what was under way when the copies were taken
is in one of them only. Exit status: 0 every row complete or explained, 1 unexplained rows, 2 undecided ones,
3 a receipt contradicts the log shown here, which proves a fork.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    args = _parser().parse_args(argv)
    try:
        return int(args.run(args))
    except Verdict as verdict:
        sys.stderr.write(f"{args.command}: {verdict}\n")
        return verdict.status
    except sqlite3.Error as failure:
        sys.stderr.write(f"{args.command}: the database cannot be read: {failure}\n")
        return INCOMPLETE
    except OSError as failure:
        sys.stderr.write(f"{args.command}: {failure}\n")
        return INCOMPLETE


if __name__ == "__main__":
    sys.exit(main())
