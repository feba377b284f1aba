"""Figures of repository/README.md, in MB per CPU second: python -m tests.repository.blobs_bench [FOLDER].

Medians of interleaved rounds; every document differs, so that none is kept already.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from repository.store import encryption, staging
from repository.store.blobs import BlobStore
from repository.store.keys import BlobKeys

SIZE = 10 << 20
CHUNK = 256 << 10
ROUNDS = 15
FRAMES = (64, 128, 256, 512, 1024)

times: dict[str, list[float]] = defaultdict(list)


@contextmanager
def measured(name: str) -> Iterator[None]:
    start = time.process_time()
    yield
    times[name].append(time.process_time() - start)


def chunks(content: bytes) -> Iterator[memoryview]:
    view = memoryview(content)
    return (view[at : at + CHUNK] for at in range(0, SIZE, CHUNK))


def control(content: bytes, folder: Path) -> None:
    """Both hashes and a plain file: what there is no way around."""
    path = folder / "plain"
    with measured("sha1 + sha256"):
        sha1, sha256 = hashlib.sha1(), hashlib.sha256()
        for chunk in chunks(content):
            sha1.update(chunk)
            sha256.update(chunk)
    with measured("sha1 + sha256 + write"):
        sha1, sha256 = hashlib.sha1(), hashlib.sha256()
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL)
        for chunk in chunks(content):
            sha1.update(chunk)
            sha256.update(chunk)
            os.write(descriptor, chunk)
    with measured("fsync alone"):
        os.fsync(descriptor)
    os.close(descriptor)
    path.unlink()


async def one(content: bytes, store: BlobStore, name: str) -> None:
    start = time.process_time()
    document = store.begin()
    for chunk in chunks(content):
        document.write(chunk)
    times[f"{name}: staged"].append(time.process_time() - start)
    staged = await document.finish()
    times[f"{name}: staged, durable, named"].append(time.process_time() - start)
    with measured(f"{name}: read"):
        for _ in store.open(staged.name).frames():
            pass
    store.path(staged.name).unlink()


async def main(base: str | None) -> None:
    with tempfile.TemporaryDirectory(dir=base) as folder:
        store = BlobStore(Path(folder) / "blobs", BlobKeys.derive(os.urandom(32)))
        for _ in range(ROUNDS):
            content = os.urandom(SIZE)
            control(content, Path(folder))
            for size in FRAMES:
                key = encryption.FileKey(data=os.urandom(32), id=os.urandom(16), frame_size=size << 10)
                staging.FileKey = type("Fixed", (), {"new": staticmethod(lambda key=key: key)})
                await one(content, store, f"frames of {size:4} KiB")
        store.close()
    for name in sorted(times):
        print(f"{name:45} {SIZE / 1e6 / median(times[name]):8.0f} MB/s  {median(times[name]) * 1e3:6.2f} ms")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
