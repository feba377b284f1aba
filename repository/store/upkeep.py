"""Walking over the files of a BlobStore: which are its own, how old they are, whose writer is dead."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NAME: Final = re.compile(r"[0-9a-f]{64}")
_HEX: Final = frozenset("0123456789abcdef")
STAGING: Final = "staging"


@dataclass(frozen=True, slots=True)
class Swept:
    """How many files `sweep` removed, and the entries of the folder that are none of its own."""

    documents: int = 0
    staged: int = 0
    strange: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """One stored document as a scrub found it; `damage` is empty when it is sound."""

    name: str
    damage: str = ""


def place(folder: Path, name: str) -> Path:
    """Where a blob lies: 256 folders of 16, so that ten million lie 2400 to a folder, and a few make few folders.

    Raises:
        ValueError: anything but 64 hex digits.
    """
    if not NAME.fullmatch(name):
        raise ValueError("this is not the name of a stored document")
    return folder / name[:2] / name[2] / name


def folders(folder: Path, strange: list[str]) -> Iterator[Path]:
    """The folders that hold blobs, in order of name; what else lies about is added to `strange`."""
    for first in _listed(folder):
        if first.name == STAGING:
            continue
        if not (_is_hex(first.name, 2) and first.is_dir(follow_symlinks=False)):
            strange.append(first.name)
            continue
        for second in _listed(Path(first.path)):
            if _is_hex(second.name, 1) and second.is_dir(follow_symlinks=False):
                yield Path(second.path)
            else:
                strange.append(f"{first.name}/{second.name}")


def blobs_in(folder: Path, strange: list[str]) -> Iterator[str]:
    """The names of the blobs in one of `folders`; what else lies in it is added to `strange`."""
    begin = folder.parent.name + folder.name
    for entry in _listed(folder):
        if NAME.fullmatch(entry.name) and entry.name.startswith(begin) and entry.is_file(follow_symlinks=False):
            yield entry.name
        else:
            strange.append(f"{folder.parent.name}/{folder.name}/{entry.name}")


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_hex(name: str, digits: int) -> bool:
    return len(name) == digits and set(name) <= _HEX


def file_system_time(folder: Path) -> float:
    """Now, by the clock that stamps the files in `folder`, which may be another machine's."""
    path = folder / f"{os.urandom(16).hex()}.now"
    path.touch(mode=0o600)
    try:
        return path.stat().st_mtime
    finally:
        path.unlink()


def remove_if_dead(path: Path, before: float) -> bool:
    """Remove a staged file not touched since `before` whose writer is gone: a living one holds its lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        if os.fstat(descriptor).st_mtime > before:
            return False
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        path.unlink(missing_ok=True)
        return True
    finally:
        os.close(descriptor)
