"""The keys of the document store, all made from one key file (interfaces: Blobs)."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from repository.errors import BadBlobKey
from repository.store.files import sync_folder, write_all

KEY_SIZE: Final = 32
KEY_ID_SIZE: Final = 8
_SALT: Final = b"xdsnode document store, version 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobKeys:
    """Two independent 256-bit keys and a public mark that tells which node key they come from."""

    id: bytes
    wrap: bytes = field(repr=False)  # AES-256-GCM: wraps the data key of each blob
    name: bytes = field(repr=False)  # HMAC-SHA-256: makes the name of a blob from the hash of its content

    @classmethod
    def derive(cls, node_key: bytes) -> Self:
        """Derive the keys from the 32 octets of a node key.

        Source: RFC 5869 (HKDF with SHA-256)
        """
        if len(node_key) != KEY_SIZE:
            raise BadBlobKey(f"a node key has {KEY_SIZE} octets, not {len(node_key)}")

        def one(purpose: bytes, length: int) -> bytes:
            return HKDF(algorithm=SHA256(), length=length, salt=_SALT, info=purpose).derive(node_key)

        return cls(id=one(b"id", KEY_ID_SIZE), wrap=one(b"wrap", KEY_SIZE), name=one(b"name", KEY_SIZE))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the key file that `create_key_file` made.

        Raises:
            BadBlobKey: the file is absent, readable by others, or not a key.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as problem:
            raise BadBlobKey(
                f"{path}: {problem.strerror}; restore the key, without it no stored document can be read"
            ) from problem
        with os.fdopen(descriptor, "rb") as file:
            if os.fstat(descriptor).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise BadBlobKey(f"{path} is open to others; run: chmod 0400 {path}")
            text = file.read(2 * KEY_SIZE + 2)
        try:
            return cls.derive(bytes.fromhex(text.decode("ascii")))
        except ValueError:
            raise BadBlobKey(f"{path} is not a key of {2 * KEY_SIZE} hex digits") from None


def create_key_file(path: Path) -> None:
    """Write a new random key to `path`, mode 0400, durable.

    Raises:
        FileExistsError: there is one already; it is never replaced.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
    try:
        write_all(descriptor, os.urandom(KEY_SIZE).hex().encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)
