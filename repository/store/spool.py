"""Documents of other communities on their way through: complete before the answer begins, gone when it ends.

What is longer than 64 KiB lies in a file that has no name, sealed with a key that is nowhere but in memory; what is
shorter stays in memory, up to a limit for all together (interfaces: Federation on the wire).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

from repository.store.encryption import Digest, FileKey, FrameWriter, read_frames
from repository.store.files import writing

_SHORT: Final = 64 * 1024  # octets of a part that may stay in memory
_MEMORY: Final = 16 * 1024 * 1024  # octets of all parts that stay in memory


class Spool:
    """Makes parts in one folder, which is on the node's own disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.in_memory = 0  # octets that parts hold in memory just now
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.glob("*.spool"):  # a process died between making a file and taking its name away
            left.unlink(missing_ok=True)

    def create(self) -> SpooledPart:
        """Start a new part. Close it when the answer has left."""
        return SpooledPart(self)

    def new_file(self) -> int:
        """A descriptor of a new file without a name.

        Raises:
            RepositoryOutOfResources, BlobStorageFailed: it cannot be made.
        """
        path = self._folder / f"{os.urandom(16).hex()}.spool"
        with writing():
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            path.unlink()
        return descriptor

    def has_memory(self, size: int) -> bool:
        """Whether `size` more octets may stay in memory."""
        return self.in_memory + size <= _MEMORY


class SpooledPart:
    """One document on its way through."""

    __slots__ = ("_closed", "_descriptor", "_held", "_short", "_spool", "_writer")

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._short = bytearray()
        self._held = 0  # octets counted in the spool's `in_memory`
        self._descriptor: int | None = None
        self._closed = False
        self._writer: FrameWriter | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next octets.

        Raises:
            RepositoryOutOfResources, BlobStorageFailed: they cannot be written.
        """
        if self._writer is None:
            if len(self._short) + len(data) <= _SHORT and self._spool.has_memory(len(data)):
                self._short += data
                self._count(len(data))
                return
            self._to_file()
        assert self._writer is not None  # noqa: S101
        with writing():
            self._writer.write(data)

    def finish(self) -> tuple[int, str, bytes]:
        """Size in octets, SHA-1 (hex) and SHA-256 of the document, which is now complete."""
        if self._writer is None:
            sha1 = hashlib.sha1(self._short, usedforsecurity=False).hexdigest()
            digest = Digest(len(self._short), sha1, hashlib.sha256(self._short).digest())
        else:
            with writing():
                digest = self._writer.finish()
        return digest.size, digest.sha1, digest.sha256

    def frames(self) -> Iterator[bytes]:
        """The document; as often as wanted, after `finish` and before `close`.

        Raises:
            BlobDamaged: the disk gave back something else.
        """
        if self._closed:
            raise ValueError("this part is closed")
        if self._writer is None or self._descriptor is None:
            return iter([bytes(self._short)])
        return read_frames(self._writer.key, self._writer.size, self._descriptor, 0, "of another community")

    def close(self) -> None:
        """Let it go: with the key and the last descriptor nothing of the document is left."""
        self._count(-self._held)
        self._short = bytearray()
        self._writer = None
        self._closed = True
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _to_file(self) -> None:
        self._descriptor = self._spool.new_file()
        self._writer = FrameWriter(FileKey.new(), self._descriptor)
        with writing():
            self._writer.write(self._short)
        self._count(-self._held)
        self._short = bytearray()

    def _count(self, octets: int) -> None:
        self._held += octets
        self._spool.in_memory += octets
