"""The few file operations that the stores share: complete writes, durability, and what an error of each means."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from registry.errors import RepositoryOutOfResources
from repository.errors import BlobDamaged, BlobStorageFailed

_SCARCE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EIO})


def write_all(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    """Write everything: one `write` may take less than it is given."""
    written = os.write(descriptor, data)
    if written == len(data):
        return
    rest = memoryview(data)[written:]
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def read_at(descriptor: int, buffer: memoryview, offset: int) -> int:
    """Fill `buffer` from `offset`; fewer octets only at the end of the file."""
    filled = 0
    while filled < len(buffer):
        count = os.preadv(descriptor, [buffer[filled:]], offset + filled)
        if not count:
            break
        filled += count
    return filled


def sync(descriptor: int) -> None:
    """Make a file or folder durable.

    Raises:
        BlobStorageFailed: the file system could not; asking again would prove nothing.
    """
    try:
        os.fsync(descriptor)
    except OSError as problem:
        raise BlobStorageFailed(f"a document could not be made durable: {problem.strerror}") from problem


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def writing() -> Iterator[None]:
    """Turn what a failed file operation raises into what it means for the request.

    Raises:
        RepositoryOutOfResources: no space or no descriptors are left.
        BlobStorageFailed: anything else.
    """
    try:
        yield
    except OSError as problem:
        if problem.errno in _SCARCE:
            raise RepositoryOutOfResources(f"the document could not be stored: {problem.strerror}") from problem
        raise BlobStorageFailed(f"a document could not be written: {problem.strerror}") from problem


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn a file that is gone or cannot be read into BlobDamaged; want of descriptors or memory stays an OSError."""
    try:
        yield
    except OSError as problem:
        if problem.errno in _GONE:
            raise BlobDamaged(f"document {name} cannot be read: {problem.strerror}") from problem
        raise
