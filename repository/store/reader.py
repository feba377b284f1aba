"""One stored document on its way out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from repository.errors import BlobDamaged
from repository.store.encryption import HEADER_SIZE, Digest, FileKey, open_header, read_frames, sealed_size
from repository.store.files import reading
from repository.store.keys import BlobKeys

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class BlobReader:
    """A document whose header held: its size is certain, its frames are checked as they are read.

    The file is open only while `frames` runs, so that an answer may consist of any number of documents.
    """

    name: str
    size: int  # octets of the content
    path: Path
    key: FileKey = field(repr=False)

    @classmethod
    def open(cls, path: Path, name: str, keys: BlobKeys) -> Self:
        """Check header and length of the file at `path`.

        Raises:
            BlobDamaged: it is not the whole file that was stored under `name`.
        """
        with reading(name):
            descriptor = os.open(path, _FLAGS)
            try:
                header = os.pread(descriptor, HEADER_SIZE, 0)
                length = os.fstat(descriptor).st_size
            finally:
                os.close(descriptor)
        key, size = open_header(keys, name, header)
        if length != HEADER_SIZE + sealed_size(size, key.frame_size):
            raise BlobDamaged(f"document {name} is shorter or longer than it was")
        return cls(name, size, path, key)

    @property
    def is_small(self) -> bool:
        """Whether one frame holds it all, so that `verify` costs next to nothing."""
        return self.size <= self.key.frame_size

    def frames(self) -> Iterator[bytes]:
        """The content, a frame at a time.

        Raises:
            BlobDamaged: a frame is not what was stored; nothing of it was given out. What was given out before is
                right, but the document is not complete: the answer must break off so that its reader sees it.
        """
        with reading(self.name):
            descriptor = os.open(self.path, _FLAGS)
            try:
                yield from read_frames(self.key, self.size, descriptor, HEADER_SIZE, self.name)
            finally:
                os.close(descriptor)

    def verify(self) -> None:
        """Check every frame. Blocking; some ten gigabytes a second and processor.

        Raises:
            BlobDamaged: a frame is not what was stored.
        """
        for _ in self.frames():
            pass

    def digest(self, pace: Callable[[int], None] = lambda _: None) -> Digest:
        """Size and hashes of the content, computed anew. Blocking; raises BlobDamaged as `frames` does.

        `pace` is called with the octets of each frame, and may wait.
        """
        sha1, sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
        for frame in self.frames():
            sha1.update(frame)
            sha256.update(frame)
            pace(len(frame))
        return Digest(self.size, sha1.hexdigest(), sha256.digest())
