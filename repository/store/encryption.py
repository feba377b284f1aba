"""The format of an encrypted file: a header, then frames (interfaces: Blobs; README: The format of a blob).

A random data key for each file seals its frames with AES-256-GCM. Frames carry the file's random id; the header,
written last, binds that id to the name and the size under the wrap key. So no file, frame or header can stand in for
another, and neither a missing nor an added octet goes unnoticed.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import Struct
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from repository.errors import BlobDamaged
from repository.store.files import read_at, write_all
from repository.store.keys import KEY_SIZE, BlobKeys

FRAME_SIZE: Final = 256 * 1024  # octets of plaintext; chosen by measuring, see README
TAG_SIZE: Final = 16
VERSION: Final = 1

_MAGIC: Final = b"xdsblob" + bytes([VERSION])
_ID_SIZE: Final = 16
_NONCE_SIZE: Final = 12
_FACTS: Final = Struct(f">8s8s{_ID_SIZE}sIQ")  # magic, key id, file id, frame size, content size
_WRAPPED_SIZE: Final = KEY_SIZE + TAG_SIZE
HEADER_SIZE: Final = _FACTS.size + _NONCE_SIZE + _WRAPPED_SIZE
_FRAME_SIZES: Final = range(1, (1 << 20) + 1)

_NONCE: Final = Struct(">4xQ")
_FRAME_FACTS: Final = Struct(f">B{_ID_SIZE}sQ?")  # version, file id, counter, last


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKey:
    """The key of one file, its random id and the length of its frames."""

    data: bytes = field(repr=False)
    id: bytes
    frame_size: int = FRAME_SIZE

    @classmethod
    def new(cls) -> Self:
        """A fresh key. Every nonce is used once, because no other file has this key."""
        return cls(data=os.urandom(KEY_SIZE), id=os.urandom(_ID_SIZE))


@dataclass(frozen=True, slots=True)
class Digest:
    """Size in octets and both hashes of a content."""

    size: int
    sha1: str  # 40 hex digits
    sha256: bytes


def blob_name(keys: BlobKeys, sha256: bytes) -> str:
    """The name of a content, 64 hex digits: who has no key cannot tell from it whether a known document is stored."""
    return hmac.digest(keys.name, sha256, "sha256").hex()


# --- header ---------------------------------------------------------------------------------------------------------


def seal_header(keys: BlobKeys, key: FileKey, name: str, size: int) -> bytes:
    """The header of a finished file: who opens it learns key, name and size together or not at all."""
    facts = _FACTS.pack(_MAGIC, keys.id, key.id, key.frame_size, size)
    nonce = os.urandom(_NONCE_SIZE)
    return facts + nonce + AESGCM(keys.wrap).encrypt(nonce, key.data, facts + bytes.fromhex(name))


def open_header(keys: BlobKeys, name: str, header: bytes) -> tuple[FileKey, int]:
    """Key and content size of the file that is called `name`.

    Raises:
        BlobDamaged: this is not its header.
    """
    if len(header) != HEADER_SIZE or not header.startswith(_MAGIC):
        raise BlobDamaged(f"document {name} does not begin as a document does")
    facts, nonce, wrapped = header[: _FACTS.size], header[_FACTS.size : -_WRAPPED_SIZE], header[-_WRAPPED_SIZE:]
    _, key_id, file_id, frame_size, size = _FACTS.unpack(facts)
    if key_id != keys.id:
        raise BlobDamaged(f"document {name} was stored under another node key")
    try:
        data = AESGCM(keys.wrap).decrypt(nonce, wrapped, facts + bytes.fromhex(name))
    except InvalidTag:
        raise BlobDamaged(f"the header of document {name} was changed") from None
    if frame_size not in _FRAME_SIZES:
        raise BlobDamaged(f"document {name} has frames of {frame_size} octets")
    return FileKey(data=data, id=file_id, frame_size=frame_size), size


def frame_count(size: int, frame_size: int) -> int:
    """How many frames hold `size` octets; an empty content has one empty frame."""
    return max(1, -(-size // frame_size))


def sealed_size(size: int, frame_size: int) -> int:
    """Octets that all frames of a content take."""
    return size + TAG_SIZE * frame_count(size, frame_size)


# --- frames ---------------------------------------------------------------------------------------------------------


class FrameWriter:
    """Seals a content that arrives in pieces; one pass makes SHA-1, SHA-256 and the frames.

    Holds at most one frame of plaintext: the last frame is marked, so it cannot leave before more or the end arrives.
    """

    __slots__ = ("_cipher", "_count", "_descriptor", "_pending", "_sealed", "_sha1", "_sha256", "key", "size")

    def __init__(self, key: FileKey, descriptor: int) -> None:
        self.key = key
        self._descriptor = descriptor
        self._cipher = AESGCM(key.data)
        self._count = 0
        self._pending = bytearray()
        self._sealed = bytearray()  # grows to one frame, and is used for every frame
        self._sha1 = hashlib.sha1(usedforsecurity=False)  # the hash attribute of XDS metadata
        self._sha256 = hashlib.sha256()
        self.size = 0

    @property
    def frames_written(self) -> int:
        """Frames that are in the file."""
        return self._count

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next octets; writes the frames that they complete. OSError is the caller's to translate."""
        self._sha1.update(data)
        self._sha256.update(data)
        self.size += len(data)
        frame_size, pending = self.key.frame_size, self._pending
        if len(pending) + len(data) <= frame_size:
            pending += data
            return
        view = memoryview(data)
        if pending:
            missing = frame_size - len(pending)
            pending += view[:missing]
            view = view[missing:]
            self._seal(pending, last=False)
            pending.clear()
        while len(view) > frame_size:
            self._seal(view[:frame_size], last=False)
            view = view[frame_size:]
        pending += view

    def finish(self) -> Digest:
        """Write the last frame; the digest of everything."""
        self._seal(self._pending, last=True)
        self._pending = self._sealed = bytearray()
        return self.digest()

    def digest(self) -> Digest:
        """Size and hashes of what was written so far."""
        return Digest(self.size, self._sha1.hexdigest(), self._sha256.digest())

    def _seal(self, plaintext: bytearray | memoryview, *, last: bool) -> None:
        length = len(plaintext) + TAG_SIZE
        if len(self._sealed) < length:
            self._sealed = bytearray(length)
        nonce, facts = _NONCE.pack(self._count), _FRAME_FACTS.pack(VERSION, self.key.id, self._count, last)
        with memoryview(self._sealed)[:length] as sealed:
            self._cipher.encrypt_into(nonce, plaintext, facts, sealed)
            write_all(self._descriptor, sealed)
        self._count += 1


def read_frames(key: FileKey, size: int, descriptor: int, offset: int, name: str) -> Iterator[bytes]:
    """The plaintext of each frame, in order, each only after its tag was checked. Reads from `offset` on.

    Raises:
        BlobDamaged: a frame is not what was written there; nothing of it is given out.
    """
    cipher = AESGCM(key.data)
    last = frame_count(size, key.frame_size) - 1
    buffer = memoryview(bytearray(min(size, key.frame_size) + TAG_SIZE))
    for count in range(last + 1):
        length = (size - last * key.frame_size if count == last else key.frame_size) + TAG_SIZE
        with buffer[:length] as sealed:
            if read_at(descriptor, sealed, offset) != length:
                raise BlobDamaged(f"document {name} ends within frame {count}")
            facts = _FRAME_FACTS.pack(VERSION, key.id, count, count == last)
            try:
                plaintext = cipher.decrypt(_NONCE.pack(count), sealed, facts)
            except InvalidTag:
                raise BlobDamaged(f"frame {count} of document {name} was changed") from None
        offset += length
        yield plaintext
