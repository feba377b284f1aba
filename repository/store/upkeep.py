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
_FAN_OUT: Final = re.compile(r"[0-9a-f]{1,2}")


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


def entries(folder: Path, staging: Path) -> Iterator[tuple[Path, bool]]:
    """Everything below `folder` but `staging`, in order of name, each with whether it is a blob at its place."""
    for first in sorted(folder.iterdir()):
        if first == staging:
            continue
        if not _is_fan_out(first):
            yield first, False
            continue
        for second in sorted(first.iterdir()):
            if not _is_fan_out(second):
                yield second, False
                continue
            for path in sorted(second.iterdir()):
                ours = NAME.fullmatch(path.name) and path == place(folder, path.name) and _is_plain(path)
                yield path, bool(ours)


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


def _is_fan_out(path: Path) -> bool:
    return bool(_FAN_OUT.fullmatch(path.name)) and path.is_dir() and not path.is_symlink()


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
