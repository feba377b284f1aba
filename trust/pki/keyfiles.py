"""Files with private keys: how they are written, and what is wrong with those that lie there."""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PUBLIC: Final = frozenset({".pem", ".csr", ".crl", ".crt"})
_MOST_READ: Final = 1 << 20


def private_folder(folder: Path) -> None:
    """Make `folder` where it is missing, and closed to everybody else (mode 0700)."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def write_private(path: Path, content: bytes) -> None:
    """Write a new file of mode 0400 and make it durable. Never overwrites.

    Raises:
        FileExistsError: `path` exists.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o400)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def replace_private(path: Path, content: bytes) -> None:
    """Put a new file of mode 0400 in the place of `path`, whole or not at all."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    write_private(beside, content)
    beside.replace(path)
    sync_folder(path.parent)


def check_key_files(folder: Path) -> list[str]:
    """What is wrong with the keys in `folder`: open to others, changeable by others, or owned by another user.

    Certificates may be read by everybody. An empty list is good; the node does not start with any other.
    """
    try:
        mode = folder.stat().st_mode
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as fault:
        return [f"{folder} cannot be read: {fault.strerror}"]
    found = []
    if mode & 0o077:
        found.append(f"{folder} is open to others (mode {stat.S_IMODE(mode):04o}): chmod 0700")
    for path in files:
        found += _faults(path)
    return found


def harden_process() -> None:
    """Never write this process's memory, and the keys in it, into a core file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _faults(path: Path) -> Iterator[str]:
    facts = path.stat()
    mode = f"mode {stat.S_IMODE(facts.st_mode):04o}"
    if facts.st_uid not in (os.geteuid(), 0):
        yield f"{path} belongs to another user"
    if facts.st_mode & 0o022:
        yield f"{path} can be changed by others ({mode}): chmod 0400"
    if facts.st_mode & 0o044 and not _is_public(path, facts.st_size):
        yield f"{path} can be read by others ({mode}): chmod 0400"


def _is_public(path: Path, size: int) -> bool:
    return path.suffix in _PUBLIC and size <= _MOST_READ and b"PRIVATE KEY" not in path.read_bytes()


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
