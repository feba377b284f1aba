"""One document on its way in: encrypted and hashed while it arrives, durable when `finish` returns."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from repository.store.encryption import HEADER_SIZE, Digest, FileKey, FrameWriter, blob_name, seal_header
from repository.store.files import write_all, writing
from repository.store.keys import BlobKeys

_FRAMES_BETWEEN_LOOKS: Final = 256  # 64 MiB of a document between two looks at the free space


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Staged:
    """A durable document without a row. As long as this object lives, `sweep` leaves the file alone."""

    name: str
    size: int
    sha1: str  # 40 hex digits
    sha256: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A complete file that is neither durable nor named yet; whoever gets it closes and unlinks."""

    path: Path
    descriptor: int
    name: str
    digest: Digest


class Staging:
    """A document that is being written; the file is locked, which says that its writer lives."""

    __slots__ = ("_descriptor", "_keep", "_key", "_keys", "_look_at", "_path", "_refuse_when_full", "_writer")

    def __init__(
        self,
        path: Path,
        keys: BlobKeys,
        keep: Callable[[Written], Awaitable[Staged]],
        refuse_when_full: Callable[[], None],
    ) -> None:
        self._path = path
        self._keys = keys
        self._keep = keep
        self._refuse_when_full = refuse_when_full
        self._look_at = _FRAMES_BETWEEN_LOOKS
        self._descriptor: int | None = None
        self._key = FileKey.new()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with writing():
            descriptor = os.open(path, flags, 0o400)
            self._descriptor = descriptor
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                write_all(descriptor, bytes(HEADER_SIZE))
            except OSError:
                self.discard()
                raise
        self._writer = FrameWriter(self._key, descriptor)

    def write(self, chunk: bytes | bytearray | memoryview) -> None:
        """Take the next octets. On the event loop: about a millisecond for a megabyte.

        Raises:
            RepositoryOutOfResources: the disk is full, or nearly so.
            BlobStorageFailed: it cannot be written to.
        """
        self._open_descriptor()
        try:
            with writing():
                self._writer.write(chunk)
            if self._writer.frames_written >= self._look_at:
                self._look_at += _FRAMES_BETWEEN_LOOKS
                self._refuse_when_full()
        except BaseException:
            self.discard()  # a frame may be half written: nothing can follow it
            raise

    async def finish(self) -> Staged:
        """Wait until the document is durable under its name.

        When the caller is cancelled meanwhile, the file is kept without anybody knowing; `sweep` removes it.

        Raises:
            RepositoryOutOfResources: the disk is full.
            BlobStorageFailed: it could not be made durable; the process must stop.
        """
        descriptor = self._open_descriptor()
        try:
            with writing():
                digest = self._writer.finish()
                name = blob_name(self._keys, digest.sha256)
                # Known only now: until here the file has a header of zeros, which no reader accepts.
                os.lseek(descriptor, 0, os.SEEK_SET)
                write_all(descriptor, seal_header(self._keys, self._key, name, digest.size))
        except BaseException:
            self.discard()
            raise
        self._descriptor = None
        return await self._keep(Written(path=self._path, descriptor=descriptor, name=name, digest=digest))

    def discard(self) -> None:
        """Give the document up. Does nothing after `finish`."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            self._path.unlink(missing_ok=True)

    def _open_descriptor(self) -> int:
        if self._descriptor is None:
            raise ValueError("this document is finished or discarded")
        return self._descriptor
