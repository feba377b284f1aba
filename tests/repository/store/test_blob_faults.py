"""When the disk fails at the n-th operation, for every n: nothing half visible, no retry, a clear answer."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from registry.errors import RepositoryOutOfResources
from repository.errors import BlobStorageFailed
from repository.store.blobs import BlobStore
from repository.store.encryption import FRAME_SIZE
from repository.store.keys import BlobKeys
from tests.repository.helpers import failing, files, read

CONTENT = os.urandom(3 * FRAME_SIZE + 77)


async def provide(store: BlobStore) -> str:
    staging = store.begin()
    try:
        for start in range(0, len(CONTENT), 100_000):
            staging.write(CONTENT[start : start + 100_000])
        return (await staging.finish()).name
    finally:
        staging.discard()


def fresh(tmp_path: Path, number: int) -> BlobStore:
    return BlobStore(tmp_path / str(number), BlobKeys.derive(bytes(range(32))))


def nothing_half(store: BlobStore) -> bool:
    """Nothing is left, or a whole document that nobody was told of: `sweep` removes it."""
    return [checked.damage for checked in store.scrub()] in ([], [""]) and not [
        path for path in files(store) if path.parent.name == "staging"
    ]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
@pytest.mark.parametrize("operation", ["write", "open", "mkdir", "rename", "replace"])
async def test_the_nth_operation_fails(tmp_path: Path, operation: str, code: int) -> None:
    expected = BlobStorageFailed if code == errno.EIO else RepositoryOutOfResources
    for number in range(1, 100):
        store = fresh(tmp_path, number)
        with failing(operation, number, code) as calls:
            try:
                name = await provide(store)
            except expected:
                assert nothing_half(store), f"{operation} {number} leaves something"
                name = ""
        if not name:  # the same store goes on: nothing was broken by the failure
            if code != errno.EIO:
                assert read(store, await provide(store)) == CONTENT
            store.close()
            continue
        assert read(store, name) == CONTENT
        assert calls[0] < number
        store.close()
        return
    pytest.fail("the operation never passed")


async def test_a_failed_fsync_is_final(tmp_path: Path) -> None:
    for number in range(1, 20):
        store = fresh(tmp_path, number)
        with failing("fsync", number, errno.EIO) as calls:
            try:
                name = await provide(store)
            except BlobStorageFailed:
                assert calls[0] == number, "it was tried again"
                assert store.failure
                with pytest.raises(BlobStorageFailed):
                    store.begin()
                assert nothing_half(store)
                store.close()
                continue
        assert read(store, name) == CONTENT
        assert number > 3  # the file, its folder, the folders above
        store.close()
        return
    pytest.fail("fsync never passed")


async def test_a_short_write_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = fresh(tmp_path, 0)
    real = os.write
    monkeypatch.setattr(
        os, "write", lambda descriptor, data: real(descriptor, memoryview(data)[: max(1, len(data) // 3)])
    )
    name = await provide(store)
    monkeypatch.undo()
    assert read(store, name) == CONTENT
    store.close()


LIMITED = """
import asyncio, sys
from pathlib import Path
from registry.errors import RepositoryOutOfResources
from repository.store.blobs import BlobStore
from repository.store.keys import BlobKeys

async def main(folder):
    store = BlobStore(Path(folder), BlobKeys.derive(bytes(range(32))))
    staging = store.begin()
    try:
        for _ in range(40):
            staging.write(bytes(100_000))
        await staging.finish()
    except RepositoryOutOfResources:
        assert not [path for path in Path(folder).rglob("*") if path.is_file()]
        small = store.begin()
        small.write(b"still here")
        print((await small.finish()).size)

asyncio.run(main(sys.argv[1]))
"""


def test_a_real_limit_of_the_system(tmp_path: Path) -> None:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    ended = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "blobs")],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        preexec_fn=limit,
    )
    assert ended.stdout == "10\n"
