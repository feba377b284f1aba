"""Documents on their way through: complete, unreadable for others, gone afterwards."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.errors import RepositoryOutOfResources
from repository.errors import BlobDamaged
from repository.store.encryption import FRAME_SIZE
from repository.store.spool import Spool
from tests.repository.helpers import failing

LONG = 200_000


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def written(spool: Spool, *chunks: bytes):
    part = spool.create()
    for chunk in chunks:
        part.write(chunk)
    return part


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.binary(max_size=200), st.integers(1, FRAME_SIZE * 2).map(os.urandom)), max_size=6))
def test_bytes_out_are_bytes_in(spool: Spool, chunks: list[bytes]) -> None:
    content = b"".join(chunks)
    with written(spool, *chunks) as part:
        assert part.finish() == (len(content), hashlib.sha1(content).hexdigest(), hashlib.sha256(content).digest())
        assert b"".join(part.frames()) == content
        assert b"".join(part.frames()) == content, "as often as wanted"


@pytest.mark.parametrize("size", [10, LONG])
def test_nothing_is_left(spool: Spool, tmp_path: Path, size: int) -> None:
    before = descriptors()
    part = written(spool, os.urandom(size))
    assert list((tmp_path / "spool").iterdir()) == [], "no name while it is written"
    part.finish()
    assert descriptors() - before == (size == LONG)
    part.close()
    part.close()
    assert descriptors() == before
    assert spool.in_memory == 0
    with pytest.raises(ValueError, match="closed"):
        part.frames()


def test_what_lies_on_the_disk_is_sealed(spool: Spool) -> None:
    part = written(spool, b"secret diagnosis " * 20_000)
    part.finish()
    path = next(
        f"/proc/self/fd/{number}"
        for number in os.listdir("/proc/self/fd")
        if ".spool" in os.path.realpath(f"/proc/self/fd/{number}")
    )
    with open(path, "rb") as file:
        assert b"secret" not in file.read()
    part.close()


def test_a_changed_disk_is_found(spool: Spool) -> None:
    part = written(spool, os.urandom(LONG))
    part.finish()
    os.pwrite(part._descriptor, b"XX", 5)
    with pytest.raises(BlobDamaged):
        next(part.frames())
    part.close()


def test_short_parts_stay_in_memory_up_to_a_limit_for_all(spool: Spool) -> None:
    before = descriptors()
    parts = [written(spool, bytes(60_000)) for _ in range(300)]
    assert 15 << 20 < spool.in_memory <= 16 << 20
    assert descriptors() - before == 300 - spool.in_memory // 60_000
    for part in parts:
        part.finish()
        assert b"".join(part.frames()) == bytes(60_000)
        part.close()
    assert (spool.in_memory, descriptors()) == (0, before)


def test_a_part_that_grows_leaves_the_memory(spool: Spool) -> None:
    with written(spool, bytes(50_000)) as part:
        assert spool.in_memory == 50_000
        part.write(bytes(50_000))
        assert spool.in_memory == 0
        assert part.finish()[0] == 100_000


@pytest.mark.parametrize("operation", ["open", "write"])
def test_a_full_disk(spool: Spool, tmp_path: Path, operation: str) -> None:
    before = descriptors()
    with failing(operation, 1, errno.ENOSPC), spool.create() as part, pytest.raises(RepositoryOutOfResources):
        part.write(bytes(10 * FRAME_SIZE))
    assert (descriptors(), spool.in_memory) == (before, 0)
    assert list((tmp_path / "spool").iterdir()) == []


def test_what_a_dead_process_left_is_removed_at_start(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    (folder / "ab.spool").write_bytes(b"x")
    Spool(folder)
    assert list(folder.iterdir()) == []
