"""Documents as files: written once, kept once, found again; and nothing of them when they are given up."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import stat
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.errors import RepositoryOutOfResources
from repository.errors import BlobDamaged
from repository.store.blobs import BlobStore
from repository.store.encryption import FRAME_SIZE, HEADER_SIZE
from repository.store.keys import BlobKeys
from tests.repository.helpers import files, read

MIB = 1 << 20


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.binary(max_size=300), st.integers(1, 2 * FRAME_SIZE + 9).map(os.urandom)), max_size=5))
def test_bytes_out_are_bytes_in(blobs: BlobStore, stage, chunks: list[bytes]) -> None:
    content = b"".join(chunks)
    staged = asyncio.run(stage(*chunks))
    assert read(blobs, staged.name) == content
    assert blobs.open(staged.name).size == staged.size == len(content)
    assert (staged.sha1, staged.sha256) == (hashlib.sha1(content).hexdigest(), hashlib.sha256(content).digest())
    digest = blobs.open(staged.name).digest()
    assert (digest.size, digest.sha1, digest.sha256) == (staged.size, staged.sha1, staged.sha256)


async def test_a_file_lies_in_its_folder_for_its_owner_alone(blobs: BlobStore, stage) -> None:
    staged = await stage(b"content")
    path = blobs.path(staged.name)
    assert files(blobs) == [path]
    assert path.parts[-3:] == (staged.name[:2], staged.name[2], staged.name)
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert stat.S_IMODE(path.parents[2].stat().st_mode) == 0o700


async def test_equal_content_is_kept_once(blobs: BlobStore, stage) -> None:
    first = await stage(b"same ", b"content")
    before = blobs.path(first.name).read_bytes()
    second = await stage(b"same content")
    assert second.name == first.name
    assert files(blobs) == [blobs.path(first.name)]
    assert blobs.path(first.name).read_bytes() == before, "written once"


async def test_equal_content_at_the_same_time_is_kept_once(blobs: BlobStore, stage) -> None:
    content = os.urandom(FRAME_SIZE + 5)
    staged = await asyncio.gather(*[stage(content) for _ in range(12)])
    assert len({item.name for item in staged}) == 1
    assert files(blobs) == [blobs.path(staged[0].name)]
    assert read(blobs, staged[0].name) == content


async def test_a_damaged_file_is_healed_when_its_content_comes_again(blobs: BlobStore, stage) -> None:
    staged = await stage(b"content")
    path = blobs.path(staged.name)
    raw = bytearray(path.read_bytes())
    raw[HEADER_SIZE] ^= 1
    path.unlink()
    path.write_bytes(raw)
    with pytest.raises(BlobDamaged):
        read(blobs, staged.name)
    await stage(b"content")
    assert read(blobs, staged.name) == b"content"
    assert files(blobs) == [path]


async def test_a_discarded_document_leaves_nothing(blobs: BlobStore) -> None:
    staging = blobs.begin()
    staging.write(b"x" * (FRAME_SIZE + 1))
    assert len(files(blobs)) == 1
    staging.discard()
    assert files(blobs) == []
    staging.discard()
    with pytest.raises(ValueError, match="finished or discarded"):
        staging.write(b"more")
    with pytest.raises(ValueError, match="finished or discarded"):
        await staging.finish()


async def test_discarding_a_finished_document_does_nothing(blobs: BlobStore) -> None:
    staging = blobs.begin()
    staging.write(b"kept")
    staged = await staging.finish()
    staging.discard()
    assert read(blobs, staged.name) == b"kept"


async def test_a_cancelled_finish_leaves_a_whole_file_or_none(blobs: BlobStore, stage) -> None:
    for number in range(20):
        staging = blobs.begin()
        staging.write(b"content %d" % number)
        task = asyncio.create_task(staging.finish())
        for _ in range(number % 4):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        staging.discard()
    await stage(b"the threads go on")
    blobs.close()
    assert all(checked.damage == "" for checked in blobs.scrub())
    assert [path for path in files(blobs) if path.parent.name == "staging"] == []


async def test_an_absent_document_is_damage(blobs: BlobStore) -> None:
    with pytest.raises(BlobDamaged):
        blobs.open("0" * 64)
    assert not blobs.holds("0" * 64)


async def test_a_file_that_vanishes_before_it_is_read_is_damage(blobs: BlobStore, stage) -> None:
    reader = blobs.open((await stage(b"content")).name)
    reader.path.unlink()
    with pytest.raises(BlobDamaged):
        next(reader.frames())


async def test_reading_leaves_no_descriptor_open(blobs: BlobStore, stage) -> None:
    staged = await stage(os.urandom(3 * FRAME_SIZE))
    before = len(os.listdir("/proc/self/fd"))
    readers = [blobs.open(staged.name) for _ in range(5)]
    assert len(os.listdir("/proc/self/fd")) == before
    half = readers[0].frames()
    next(half)
    half.close()
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_nearly_full_disk_takes_no_document(tmp_path: Path, keys: BlobKeys) -> None:
    store = BlobStore(tmp_path / "full", keys, min_free_bytes=1 << 62)
    with pytest.raises(RepositoryOutOfResources):
        store.begin()
    assert files(store) == []
    assert store.free_bytes() > 0
    store.close()


async def test_a_disk_that_becomes_nearly_full_ends_a_long_document(
    blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    staging = blobs.begin()
    free = iter([0])
    monkeypatch.setattr(blobs, "_min_free_bytes", 1)
    monkeypatch.setattr(blobs, "free_bytes", lambda: next(free))
    with pytest.raises(RepositoryOutOfResources):
        staging.write(bytes(300 * FRAME_SIZE))
    assert files(blobs) == []


async def test_memory_stays_flat(blobs: BlobStore) -> None:
    chunk = os.urandom(MIB)
    staging = blobs.begin()
    staging.write(chunk)
    tracemalloc.start()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(63):
        staging.write(chunk)
    staged = await staging.finish()
    for _ in blobs.open(staged.name).frames():
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert staged.size == 64 * MIB
    assert peak < 2 * MIB
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024  # KiB; the interpreter's own noise
