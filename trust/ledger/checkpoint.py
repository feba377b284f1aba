"""Checkpoints as signed notes: render, parse, sign and verify (C2SP signed-note, tlog-checkpoint; audit-ledger 2.5)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from trust.errors import BadSignature

ED25519: Final = 0x01
COSIGNATURE: Final = 0x04
MAX_SIGNATURES: Final = 16
MAX_NOTE_BYTES: Final = 1 << 20
MAX_SIZE: Final = (1 << 63) - 1
_DASH: Final = "\u2014 "
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


class BadNote(BadSignature):
    """Not a well-formed signed note or checkpoint."""


def check_name(name: str) -> str:
    """A key name: not empty, without `+`, space of any kind or control characters. Source: C2SP signed-note.

    Raises:
        BadNote: the name cannot stand in a note.
    """
    if not name or "+" in name or any(mark.isspace() or not mark.isprintable() for mark in name):
        raise BadNote(f"{name!r} cannot be the name of a key")
    return name


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """The public half of a key that signs notes: what a `vkey` line says."""

    name: str
    algorithm: int
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that announce this key in a signature line."""
        return sha256(self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public).digest()[:4]

    def render(self) -> str:
        """`<name>+<hex key id>+<base64 of algorithm and key>`."""
        return f"{self.name}+{self.id.hex()}+{_encoded(bytes([self.algorithm]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> VerificationKey:
        """Read a vkey line.

        Raises:
            BadNote: malformed, or the key id is not that of the key.
        """
        name, _, rest = text.strip().partition("+")
        stated, _, encoded = rest.partition("+")
        key = _decoded(encoded)
        if len(key) != 33 or key[0] not in (ED25519, COSIGNATURE):
            raise BadNote("only Ed25519 keys are known here")
        found = cls(check_name(name), key[0], key[1:])
        if found.id.hex() != stated:
            raise BadNote("the key id does not fit the key")
        return found

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Whether `signature` (without the key id) is this key's over the note text."""
        if self.algorithm == COSIGNATURE:
            time = int.from_bytes(signature[:8], "big")
            text, signature = b"cosignature/v1\ntime %d\n" % time + text, signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line of a note."""

    name: str
    key_id: bytes
    value: bytes

    def render(self) -> str:
        """The line, with its newline."""
        return f"{_DASH}{self.name} {_encoded(self.key_id + self.value)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A signed note: the text that is signed (it ends in a newline) and its signatures, not yet verified."""

    text: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The statement of a checkpoint: this log has `size` leaves and this root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text that is signed. Source: C2SP tlog-checkpoint."""
        return f"{self.origin}\n{self.size}\n{_encoded(self.root)}\n"


def parse_note(data: bytes) -> Note:
    """Split a signed note; strict, because two readers must never see two statements in the same bytes.

    Raises:
        BadNote: not UTF-8, control characters (so no CR), no blank line, no or too many signatures, a malformed line.

    Source: C2SP signed-note.
    """
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise BadNote("a note is UTF-8") from wrong
    if len(data) > MAX_NOTE_BYTES or any(mark < " " and mark != "\n" for mark in whole):
        raise BadNote("a note is short and has no control characters but newlines")
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not text or not lines.endswith("\n"):
        raise BadNote("a note is a text, an empty line and signature lines, each ended by a newline")
    rows = lines[:-1].split("\n")
    if len(rows) > MAX_SIGNATURES:
        raise BadNote(f"more than {MAX_SIGNATURES} signatures")
    return Note(text + "\n", tuple(_signature(row) for row in rows))


def _signature(row: str) -> Signature:
    name, space, encoded = row.removeprefix(_DASH).partition(" ")
    if not row.startswith(_DASH) or not space:
        raise BadNote("a signature line is a dash, a name and base64")
    value = _decoded(encoded)
    if len(value) < 5:
        raise BadNote("a signature is longer than its key id")
    return Signature(check_name(name), value[:4], value[4:])


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint note; extension lines are not part of this log's format.

    Raises:
        BadNote: anything but origin, size and root, each in its one canonical form.
    """
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise BadNote("a checkpoint has three lines")
    origin, size, root = lines[:3]
    if not _SIZE.fullmatch(size) or int(size) > MAX_SIZE:
        raise BadNote("the size of a log is a plain number")
    hash_ = _decoded(root)
    if len(hash_) != 32:
        raise BadNote("a root is 32 bytes")
    return Checkpoint(check_name(origin), int(size), hash_)


def verified_by(note: Note, key: VerificationKey) -> bool:
    """Whether the note carries a signature of `key`.

    A signature that names the key and does not verify condemns the note, also beside a good one: signers make no bad
    signatures, forgers do.

    Raises:
        BadSignature: a line names the key and does not verify.
    """
    found = False
    for line in note.signatures:
        if (line.name, line.key_id) == (key.name, key.id):
            if not key.verifies(note.text.encode(), line.value):
                raise BadSignature(f"the signature of {key.name} does not verify")
            found = True
    return found


def open_checkpoint(data: bytes, key: VerificationKey) -> Checkpoint:
    """The statement of a checkpoint that the log itself signed.

    Raises:
        BadSignature: malformed, of another log, or not signed by `key`.
    """
    note = parse_note(data)
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != key.name:
        raise BadSignature(f"a checkpoint of {checkpoint.origin}, not of {key.name}")
    if not verified_by(note, key):
        raise BadSignature(f"{key.name} has not signed this checkpoint")
    return checkpoint


class NoteSigner:
    """An Ed25519 key under a name; signs note texts."""

    __slots__ = ("_private", "_start", "key")

    def __init__(self, name: str, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = VerificationKey(check_name(name), ED25519, self._private.public_key().public_bytes_raw())
        self._start = f"\n{_DASH}{name} "

    def sign(self, text: str) -> bytes:
        """The signed note over `text`: about 25 us."""
        line = _encoded(self.key.id + self._private.sign(text.encode()))
        return f"{text}{self._start}{line}\n".encode()


class CosignatureSigner:
    """The Ed25519 key of a witness; signs that it saw a checkpoint, and when (C2SP tlog-cosignature)."""

    __slots__ = ("_private", "key")

    def __init__(self, name: str, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = VerificationKey(check_name(name), COSIGNATURE, self._private.public_key().public_bytes_raw())

    def line(self, text: str, time: int) -> bytes:
        """The signature line over a note text; `time` in seconds since 1970."""
        signature = self._private.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
        return Signature(self.key.name, self.key.id, time.to_bytes(8, "big") + signature).render().encode()


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decoded(text: str) -> bytes:
    """Base64 in its one canonical form: padded, no foreign characters, no stray bits at the end."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as wrong:
        raise BadNote("not base64") from wrong
    if _encoded(data) != text:
        raise BadNote("base64 not in its canonical form")
    return data
