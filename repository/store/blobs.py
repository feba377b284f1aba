"""Documents as encrypted files, written once, named by a keyed hash of their content (README: How a document is kept).

A file goes through `staging/`, becomes durable, and only then gets its name; rows come later. A crash in between leaves
a file that `sweep` removes. One process uses a folder at a time: whoever holds the node's lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from weakref import WeakSet

from registry.errors import RepositoryOutOfResources
from repository.errors import BlobDamaged, BlobStorageFailed
from repository.store.encryption import blob_name
from repository.store.files import sync, sync_folder, writing
from repository.store.keys import BlobKeys
from repository.store.reader import BlobReader
from repository.store.staging import Staged, Staging, Written
from repository.store.upkeep import STAGING, Checked, Swept, blobs_in, file_system_time, folders, place, remove_if_dead

__all__ = ["BlobDamaged", "BlobReader", "BlobStorageFailed", "BlobStore", "Checked", "Staged", "Staging", "Swept"]

_THREADS: Final = 4  # they wait for the disk, and the file system joins their commits; more only take turns

_CLOCK_GRAIN: Final = 2.0  # seconds; file systems stamp with the grain of their clock


class BlobStore:
    """Encrypted documents below one folder."""

    def __init__(self, folder: Path, keys: BlobKeys, *, min_free_bytes: int = 0) -> None:
        self._folder = folder
        self._staging = folder / STAGING
        self._keys = keys
        self._min_free_bytes = min_free_bytes
        self._failure = ""
        self._durable_folders = {folder}
        self._staged: WeakSet[Staged] = WeakSet()
        self._naming = threading.Lock()  # making a file or giving it its name, against sweeping it
        self._swept_at = 0.0  # by the file system's clock
        self._released: dict[str, int] = {}  # blobs that lost a row, and for how many more sweeps that is looked at
        self._sweep_again: set[Path] = set()  # folders with files that were too young to be judged
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="documents")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._staging.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)

    def close(self) -> None:
        """Wait for the threads: what they were making durable becomes so."""
        self._threads.shutdown()

    # --- in ---------------------------------------------------------------------------------------------------------

    @property
    def failure(self) -> str:
        """Why no more documents are taken; empty while all is well."""
        return self._failure

    def free_bytes(self) -> int:
        """Octets that the file system has left for this process."""
        space = os.statvfs(self._folder)
        return space.f_bavail * space.f_frsize

    def begin(self) -> Staging:
        """Start a new document.

        Raises:
            RepositoryOutOfResources: less than the configured space is free.
            BlobStorageFailed: the storage failed, now or before; the process must stop.
        """
        if self._failure:
            raise BlobStorageFailed(self._failure)
        self._refuse_when_full()
        path = self._staging / f"{os.urandom(16).hex()}.part"
        with self._naming:  # between making the file and locking it, it would look like one whose writer is dead
            return Staging(path, self._keys, self._keep, self._refuse_when_full)

    def _refuse_when_full(self) -> None:
        if self.free_bytes() < self._min_free_bytes:
            raise RepositoryOutOfResources("the disk is nearly full; nothing was stored")

    async def _keep(self, written: Written) -> Staged:
        kept: list[Staged] = []  # not the result of the future, which would hold on to it: see `sweep`
        work = self._threads.submit(self._make_durable, written, kept)
        work.add_done_callback(_seen)
        # A cancelled request must not close the file under the fsync: a thread ends what it began, also unobserved.
        await asyncio.shield(asyncio.wrap_future(work))
        return kept.pop()

    def _make_durable(self, written: Written, kept: list[Staged]) -> None:
        moved = False
        try:
            with writing():
                sync(written.descriptor)
                target = self.path(written.name)
                self._make_folder(target.parent)
                moved = self._name(written, target, kept)
                sync_folder(target.parent)  # also for a file that another thread has only just named
        except BlobStorageFailed as failure:
            self._failure = self._failure or str(failure)
            raise
        finally:
            with contextlib.suppress(OSError):
                os.close(written.descriptor)
                if not moved:
                    written.path.unlink()

    def _name(self, written: Written, target: Path, kept: list[Staged]) -> bool:
        """Write-once rename. An intact file of that name has this content; a damaged one is replaced, so healed."""
        digest = written.digest
        kept.append(Staged(name=written.name, size=digest.size, sha1=digest.sha1, sha256=digest.sha256))
        sound = target.exists() and self._is_sound(written.name)
        with self._naming:
            self._staged.add(kept[0])
            moved = not (sound and target.exists())
            if moved:
                written.path.replace(target)
        return moved

    def _make_folder(self, folder: Path) -> None:
        """Once in each process for each folder: who made it may have died before it was durable."""
        if folder not in self._durable_folders:
            self._make_folder(folder.parent)
            folder.mkdir(mode=0o700, exist_ok=True)
            sync_folder(folder.parent)
            self._durable_folders.add(folder)

    def _is_sound(self, name: str) -> bool:
        try:
            self.open(name).verify()
        except BlobDamaged:
            return False
        return True

    # --- out --------------------------------------------------------------------------------------------------------

    def path(self, name: str) -> Path:
        """Where the blob `name` lies or would lie; ValueError for what is no name that this store made."""
        return place(self._folder, name)

    def holds(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return self.path(name).is_file()

    def open(self, name: str) -> BlobReader:
        """The stored document `name`, header and length checked; no file stays open.

        Raises:
            BlobDamaged: it is absent, shorter or longer than it was, or its header does not hold.
        """
        return BlobReader.open(self.path(name), name, self._keys)

    # --- upkeep, blocking: run it in a thread -------------------------------------------------------------------------

    def sweep(self, referenced: Callable[[str], bool], older_than_seconds: float) -> Swept:
        """Remove what no row refers to: documents whose registration failed, files of dead processes.

        A file stays as long as it is young by the file system's own clock, or a `Staged` for it lives: its row may be
        on the way. `referenced` is called in this thread and must see every committed row. The first sweep of a
        process looks at every file, later ones where something has changed: a row, once there, stays, unless `release`
        was told that it goes.
        """
        now, since, again = file_system_time(self._staging), self._swept_at, self._sweep_again
        before = now - older_than_seconds
        staged, documents, strange, young = 0, 0, list[str](), set[Path]()
        for path in sorted(self._staging.iterdir()):
            with self._naming:
                staged += remove_if_dead(path, before)
        with self._naming:
            again = again | {self.path(name).parent for name in self._released}
        for folder in folders(self._folder, strange):
            # A clock that went back makes every folder look unchanged.
            if folder in again or folder.stat().st_mtime >= since - _CLOCK_GRAIN or now < since:
                documents += self._sweep_folder(folder, before, referenced, strange, young)
        self._swept_at, self._sweep_again = now, young
        with self._naming:  # a transaction that was under way has ended by the sweep after this one
            self._released = {name: left - 1 for name, left in self._released.items() if left > 1}
        return Swept(documents, staged, tuple(strange))

    def release(self, name: str) -> None:
        """A row that refers to this blob is about to go: the next sweeps look whether it was the last one."""
        with self._naming:
            self._released[name] = 2

    def _sweep_folder(
        self, folder: Path, before: float, referenced: Callable[[str], bool], strange: list[str], young: set[Path]
    ) -> int:
        removed = 0
        for name in blobs_in(folder, strange):
            if referenced(name):
                continue
            path = folder / name
            with self._naming:
                if any(item.name == name for item in self._staged) or path.lstat().st_mtime > before:
                    young.add(folder)
                # Once more, and in this order: a Staged dies when its row is committed, or will never be.
                elif not referenced(name):
                    path.unlink()
                    removed += 1
        return removed

    def scrub(self) -> Iterator[Checked]:
        """Read every stored document and compare its content with its name; one result each."""
        for folder in folders(self._folder, []):
            for name in blobs_in(folder, []):
                yield Checked(name, self._damage(name))

    def _damage(self, name: str) -> str:
        try:
            digest = self.open(name).digest()
        except BlobDamaged as damage:
            return str(damage)
        if blob_name(self._keys, digest.sha256) != name:
            return f"document {name} has another content than its name says"
        return ""


def _seen(work: Future[Any]) -> None:
    """Take notice of an exception that nobody waits for any more."""
    if not work.cancelled():
        work.exception()
