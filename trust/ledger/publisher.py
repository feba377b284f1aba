"""Writes tiles, bundles and the checkpoint of one shard as files (C2SP tlog-tiles; audit-ledger 2.4).

All of it can be derived from the database, so it may lag; a checkpoint is replaced only after its tiles are on disk.
A tile never changes: one that exists is compared byte for byte.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from trust.errors import BadSignature, LedgerBroken, RolledBack
from trust.ledger import store, tiles
from trust.ledger.checkpoint import Checkpoint, VerificationKey, open_checkpoint
from trust.ledger.merkle import Frontier, leaf_hash, root_of
from trust.ledger.store import Head
from trust.ledger.tiles import ENTRIES, LEVEL_BITS, WIDTH
from trust.pki.keyfiles import sync_folder

_MODE: Final = 0o444
_FOLDER_MODE: Final = 0o755


class Publisher:
    """The files of one shard. Not for two threads at once."""

    def __init__(self, folder: Path, reader: sqlite3.Connection, key: VerificationKey) -> None:
        self.folder = folder
        self._reader = reader
        self._key = key
        self._rows: list[list[bytes]] = [[]]  # for each level the hashes of its last, not yet full tile
        self._entries: list[bytes] = []
        self._size = 0  # leaves taken up in `_rows`
        self._stale = True  # memory and files may differ: nothing was read yet, or a write failed

    @property
    def size(self) -> int:
        """Number of leaves whose tiles are on disk."""
        return self._size

    def publish(self, head: Head, checkpoint: bytes) -> None:
        """Write what is missing up to `head`, then the checkpoint.

        The first call, and one after a failure, continues after what the files hold, or makes them anew from the
        database where they are incomplete.

        Raises:
            RolledBack: a checkpoint was published that `head` contradicts.
            LedgerBroken: a file that must not change differs, or database and head disagree.
            OSError: the disk.
        """
        if self._stale:
            self._resume(head)
        self._stale = True
        for entry in store.leaves(self._reader, head.first_seq + self._size, head.first_seq + head.size):
            self._add(entry)
        if self._size != head.size or self._root() != head.root:
            raise LedgerBroken(f"the leaves of {head.origin} do not give the root of its {head.size} entries")
        self._write_partial()
        self._replace(self.folder / "checkpoint", checkpoint)
        self._stale = False

    def _resume(self, head: Head) -> None:
        self.folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        key = self._key.render()
        self._replace(self.folder / "vkey", f"{key}\n".encode())
        self._replace(self.folder / "policy", f"log {key}\nquorum none\n".encode())
        opening = store.record(self._reader, head.first_seq)
        if opening is not None:  # it is about nobody, and lets everybody check what this year continues
            self._write_once("genesis.json", opening[0])
            self._write_once("genesis.salt", opening[1])
        published = self._published()
        if published is not None:
            if published.size > head.size or (published.size == head.size and published.root != head.root):
                raise RolledBack(
                    f"{self.folder} holds a signed checkpoint of {published.size} entries that the database does not"
                    " have: it was put back to an older state; do not start this copy"
                )
            with contextlib.suppress(FileNotFoundError, ValueError):
                self._load(head, published.size)
                if self._root() == published.root:
                    return
        self._rows, self._entries, self._size = [[]], [], 0

    def _published(self) -> Checkpoint | None:
        """What the checkpoint file states, None when there is none that this log has signed."""
        try:
            return open_checkpoint((self.folder / "checkpoint").read_bytes(), self._key)
        except (FileNotFoundError, BadSignature):
            return None

    def _add(self, entry: bytes) -> None:
        self._entries.append(entry)
        self._rows[0].append(leaf_hash(entry))
        self._size += 1
        level = 0
        while len(self._rows[level]) == WIDTH:
            number = (self._size >> (LEVEL_BITS * (level + 1))) - 1
            if level == 0:
                self._write_once(tiles.path(ENTRIES, number), tiles.bundle(self._entries))
                self._entries.clear()
            self._write_once(tiles.path(level, number), b"".join(self._rows[level]))
            if level + 1 == len(self._rows):
                self._rows.append([])
            self._rows[level + 1].append(root_of(self._rows[level]))
            self._rows[level].clear()
            level += 1

    def _root(self) -> bytes:
        """The root over everything taken up, from the unfinished tiles of all levels."""
        peaks = [peak for row in reversed(self._rows) for peak in _peaks(row)]
        return Frontier(self._size, peaks).root()

    def _write_partial(self) -> None:
        if self._entries:
            self._write_once(tiles.path(ENTRIES, self._size // WIDTH, len(self._entries)), tiles.bundle(self._entries))
        for level, row in enumerate(self._rows):
            if row:
                number = self._size >> (LEVEL_BITS * (level + 1))
                self._write_once(tiles.path(level, number, len(row)), b"".join(row))

    def _load(self, head: Head, size: int) -> None:
        """Take up `size` leaves from the files of the last tiles and, for entries, from the database."""
        self._size = size
        self._rows = []
        level = 0
        while level == 0 or size >> (LEVEL_BITS * level):
            width = (size >> (LEVEL_BITS * level)) % WIDTH
            path = tiles.path(level, size >> (LEVEL_BITS * (level + 1)), width)
            self._rows.append(tiles.read_hashes((self.folder / path).read_bytes()) if width else [])
            if len(self._rows[-1]) != width:
                raise ValueError(f"{path} has another width")
            level += 1
        begin = head.first_seq + size - size % WIDTH
        self._entries = list(store.leaves(self._reader, begin, head.first_seq + size))

    def _write_once(self, name: str, data: bytes) -> None:
        """A file that never changes, on disk with its name when this returns."""
        path = self.folder / name
        try:
            found = path.read_bytes()
        except FileNotFoundError:
            self._replace(path, data)
        else:
            if found != data:
                raise LedgerBroken(f"{path} is not what the database gives; one of them was changed")
        if path.parent.suffix != ".p":
            self._drop_partial(path)

    def _drop_partial(self, full: Path) -> None:
        """Partial tiles stay until the full one is there."""
        folder = full.with_name(full.name + ".p")
        with contextlib.suppress(FileNotFoundError):
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()

    def _replace(self, path: Path, data: bytes) -> None:
        made = list(_missing(path.parent, self.folder))
        path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        replace_file(path, data)
        for one in made:
            sync_folder(one.parent)


def replace_file(path: Path, data: bytes) -> None:
    """Write, fsync, rename, fsync the folder: after a crash the old file is there or the new one."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    beside.replace(path)
    sync_folder(path.parent)


def _peaks(row: list[bytes]) -> list[bytes]:
    """Roots of the complete subtrees over these hashes."""
    frontier = Frontier()
    for one in row:
        frontier.append(one)
    return frontier.peaks


def _missing(folder: Path, top: Path) -> Iterator[Path]:
    """Folders between `top` and `folder` that do not exist yet; their parents must be synced once they do."""
    while folder != top and not folder.exists():
        yield folder
        folder = folder.parent
