"""What a crash leaves, and how it goes away: sweep and scrub."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from repository.store.blobs import BlobStore, Swept
from repository.store.encryption import HEADER_SIZE
from tests.repository.helpers import files, folder_of, read

NOBODY: Callable[[str], bool] = lambda _name: False  # noqa: E731
EVERYBODY: Callable[[str], bool] = lambda _name: True  # noqa: E731

DIES = """
import asyncio, os, sys
from pathlib import Path
from repository.store.blobs import BlobStore
from repository.store.keys import BlobKeys

async def main(folder, step):
    store = BlobStore(Path(folder), BlobKeys.derive(bytes(range(32))))
    staging = store.begin()
    if step == "begun":
        os._exit(9)
    staging.write(b"content" * 100_000)
    if step == "written":
        os._exit(9)
    if step == "before the name":
        store._name = lambda *_: os._exit(9)
    await staging.finish()
    os._exit(9)  # named, no row

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("step", ["begun", "written", "before the name", "named"])
def test_a_crash_at_any_step_leaves_one_file_that_sweep_removes(blobs: BlobStore, step: str) -> None:
    folder = folder_of(blobs)
    ended = subprocess.run([sys.executable, "-c", DIES, str(folder), step], check=False, cwd=Path(__file__).parents[3])
    assert ended.returncode == 9
    assert len(files(blobs)) == 1
    swept = blobs.sweep(NOBODY, 0)
    assert (swept.documents, swept.staged) == ((1, 0) if step == "named" else (0, 1))
    assert files(blobs) == []


async def test_a_row_keeps_its_file(blobs: BlobStore, stage) -> None:
    name = (await stage(b"content")).name
    assert blobs.sweep(lambda asked: asked == name, 0) == Swept()
    assert read(blobs, name) == b"content"


async def test_a_young_file_stays(blobs: BlobStore, stage) -> None:
    name = (await stage(b"content")).name
    assert blobs.sweep(NOBODY, 60) == Swept()
    os.utime(blobs.path(name), (1, 1))
    assert blobs.sweep(NOBODY, 60) == Swept(documents=1)


async def test_a_document_on_its_way_to_its_row_stays_however_old(blobs: BlobStore, stage) -> None:
    staged = await stage(b"content")
    os.utime(blobs.path(staged.name), (1, 1))
    assert blobs.sweep(NOBODY, 0) == Swept()
    del staged
    assert blobs.sweep(NOBODY, 0) == Swept(documents=1)


async def test_an_old_orphan_that_comes_again_stays_for_its_row(blobs: BlobStore, stage) -> None:
    name = (await stage(b"content")).name
    os.utime(blobs.path(name), (1, 1))
    again = await stage(b"content")
    assert blobs.sweep(NOBODY, 0) == Swept()
    assert read(blobs, again.name) == b"content"


async def test_two_documents_of_one_content_on_their_way_count_each(blobs: BlobStore, stage) -> None:
    one, two = await stage(b"content"), await stage(b"content")
    del one
    assert blobs.sweep(NOBODY, 0) == Swept()
    del two
    assert blobs.sweep(NOBODY, 0) == Swept(documents=1)


async def test_a_document_that_is_being_written_stays(blobs: BlobStore) -> None:
    staging = blobs.begin()
    os.utime(files(blobs)[0], (1, 1))
    assert blobs.sweep(NOBODY, 0) == Swept()
    staging.write(b"content")
    assert read(blobs, (await staging.finish()).name) == b"content"


async def test_later_sweeps_look_only_where_something_changed(blobs: BlobStore, stage) -> None:
    asked: list[str] = []

    def referenced(name: str) -> bool:
        asked.append(name)
        return True

    names = {(await stage(b"content %d" % number)).name for number in range(30)}
    blobs.sweep(referenced, 0)
    assert set(asked) == names
    for folder in {blobs.path(name).parent for name in names}:
        os.utime(folder, (1, 1))
    asked.clear()
    blobs.sweep(referenced, 0)
    assert asked == []
    new = await stage(b"new")
    blobs.sweep(referenced, 0)
    assert new.name in asked
    assert len(asked) < 10


async def test_what_was_too_young_is_looked_at_again(blobs: BlobStore, stage) -> None:
    name = (await stage(b"content")).name
    assert blobs.sweep(NOBODY, 60) == Swept()
    os.utime(blobs.path(name), (1, 1))
    os.utime(blobs.path(name).parent, (1, 1))
    assert blobs.sweep(NOBODY, 60) == Swept(documents=1)


async def test_a_clock_that_went_back_makes_sweep_look_everywhere(blobs: BlobStore, stage) -> None:
    blobs.sweep(NOBODY, 0)
    blobs._swept_at += 1e9
    name = (await stage(b"content")).name
    os.utime(blobs.path(name), (1, 1))
    os.utime(blobs.path(name).parent, (1, 1))
    assert blobs.sweep(NOBODY, 0) == Swept(documents=1)


async def test_sweeping_while_documents_come_loses_none(blobs: BlobStore, stage) -> None:
    """The rows of half of them follow at once; the others are given up. Contents repeat."""
    rows: set[str] = set()

    async def one(number: int) -> None:
        staged = await stage(b"content %d" % (number % 7))
        await asyncio.sleep(0)
        if number % 2:
            rows.add(staged.name)

    for start in range(0, 60, 12):
        work = asyncio.gather(*[one(number) for number in range(start, start + 12)])
        while not work.done():
            await asyncio.to_thread(blobs.sweep, rows.__contains__, 0)
        await work
    assert {path.name for path in files(blobs)} >= rows
    blobs.sweep(rows.__contains__, 0)
    assert {path.name for path in files(blobs)} == rows


async def test_what_is_not_the_stores_own_is_named_and_left(blobs: BlobStore, stage, tmp_path: Path) -> None:
    folder = folder_of(blobs)
    name = (await stage(b"content")).name
    target = tmp_path / "elsewhere"
    target.write_text("untouched")
    (folder / "notes.txt").write_text("mine")
    (folder / name[:2] / "lost+found").mkdir()
    misplaced = folder / name[:2] / name[2] / ("0" * 64 if not name.startswith("000") else "f" * 64)
    misplaced.write_text("x")
    link = blobs.path("abc" + "0" * 61)
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    swept = blobs.sweep(NOBODY, 0)
    assert swept.documents == 1
    assert set(swept.strange) == {
        "notes.txt",
        f"{name[:2]}/lost+found",
        str(misplaced.relative_to(folder)),
        str(link.relative_to(folder)),
    }
    assert target.read_text() == "untouched"
    assert link.is_symlink()


async def test_scrub_names_every_damaged_document_and_no_other(blobs: BlobStore, stage) -> None:
    staged = [await stage(b"content %d" % number) for number in range(6)]
    names = {item.name for item in staged}
    assert {checked.name for checked in blobs.scrub()} == names
    assert not any(checked.damage for checked in blobs.scrub())
    bad = [item.name for item in staged[:3]]
    for name, change in zip(bad, (HEADER_SIZE, 20, -1), strict=True):
        raw = bytearray(blobs.path(name).read_bytes())
        raw[change] ^= 0x40
        blobs.path(name).chmod(0o600)
        blobs.path(name).write_bytes(raw)
    assert {checked.name for checked in blobs.scrub() if checked.damage} == set(bad)


async def test_scrub_finds_a_file_that_was_renamed(blobs: BlobStore, stage) -> None:
    one, two = await stage(b"one"), await stage(b"two")
    blobs.path(one.name).replace(blobs.path(two.name))
    assert [(checked.name, bool(checked.damage)) for checked in blobs.scrub()] == [(two.name, True)]
    assert blobs.sweep(EVERYBODY, 0).documents == 0
