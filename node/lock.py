"""One writer for each node: whoever holds the lock on `run/lock` is the only process that writes its database.

SQLite before 3.51.3 can lose committed data when two connections of one file write; this lock is what rules that out.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from node.faults import Fault, Faults
from node.folder import Folder


class Locked(Faults):
    """Another process holds the node."""


@contextlib.contextmanager
def exclusive(folder: Folder) -> Iterator[None]:
    """Hold the node's lock; it ends with the process, however that dies.

    Raises:
        Locked: another process holds it.
    """
    folder.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked([_held(folder, descriptor)]) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _held(folder: Folder, descriptor: int) -> Fault:
    owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
    return Fault(
        "node.running",
        str(folder.lock),
        f"process {owner} works with this node already; a node has one writer",
        "use the running node, or stop it first",
    )
