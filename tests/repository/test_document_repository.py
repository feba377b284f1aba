"""The Document Repository: a document is there with its row, whole or not at all."""

from __future__ import annotations

import asyncio
import os
import sqlite3

import pytest

from registry.errors import XdsErrors
from repository.document_repository import DocumentRepository
from repository.errors import BlobDamaged, BlobStorageFailed
from repository.store.blobs import BlobStore, Staged
from repository.store.encryption import FRAME_SIZE


async def provide(repository: DocumentRepository, content: bytes) -> Staged:
    staging = repository.begin()
    staging.write(content)
    return await staging.finish()


def damage(blobs: BlobStore, name: str, at: int) -> None:
    path = blobs.path(name)
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.chmod(0o600)
    path.write_bytes(raw)


@pytest.mark.parametrize("size", [0, 11, 3 * FRAME_SIZE + 1])
async def test_a_document_goes_in_and_comes_out(
    repository: DocumentRepository, database: sqlite3.Connection, size: int
) -> None:
    content = os.urandom(size)
    staged = await provide(repository, content)
    assert repository.locate("2.999.1") is None
    repository.keep(database, "2.999.1", "text/plain", staged)
    stored = repository.locate("2.999.1")
    assert stored is not None
    assert (stored.size, stored.mime_type, stored.sha1, stored.sha256) == (
        size,
        "text/plain",
        staged.sha1,
        staged.sha256,
    )
    reader = repository.open(stored)
    assert reader.size == size
    assert b"".join(reader.frames()) == content


async def test_the_same_document_again_is_no_error(
    repository: DocumentRepository, database: sqlite3.Connection
) -> None:
    first = repository.keep(database, "2.999.1", "text/plain", await provide(repository, b"content"))
    assert repository.keep(database, "2.999.1", "text/plain", await provide(repository, b"content")) == first


@pytest.mark.parametrize(
    ("other", "codes"),
    [
        pytest.param(b"CONTENT", ["XDSNonIdenticalHash"], id="other bytes of the same length"),
        pytest.param(b"longer content", ["XDSNonIdenticalSize", "XDSNonIdenticalHash"], id="another length"),
    ],
)
async def test_another_content_is_refused(
    repository: DocumentRepository, database: sqlite3.Connection, other: bytes, codes: list[str]
) -> None:
    repository.keep(database, "2.999.1", "text/plain", await provide(repository, b"content"))
    with pytest.raises(XdsErrors) as failure:
        repository.keep(database, "2.999.1", "text/plain", await provide(repository, other))
    assert [error.code for error in failure.value.errors] == codes
    assert all("2.999.1" in error.context for error in failure.value.errors)
    stored = repository.locate("2.999.1")
    assert stored is not None
    assert b"".join(repository.open(stored).frames()) == b"content"


async def test_no_row_without_a_file(
    repository: DocumentRepository, database: sqlite3.Connection, blobs: BlobStore
) -> None:
    staged = await provide(repository, b"content")
    blobs.path(staged.name).unlink()
    with pytest.raises(BlobStorageFailed):
        repository.keep(database, "2.999.1", "text/plain", staged)


async def test_a_damaged_short_document_is_known_before_the_answer_begins(
    repository: DocumentRepository, database: sqlite3.Connection, blobs: BlobStore
) -> None:
    stored = repository.keep(database, "2.999.1", "text/plain", await provide(repository, b"content"))
    damage(blobs, stored.blob, -1)
    with pytest.raises(BlobDamaged):
        repository.open(stored)


async def test_a_damaged_long_document_breaks_off_and_verify_knows_it_before(
    repository: DocumentRepository, database: sqlite3.Connection, blobs: BlobStore
) -> None:
    content = os.urandom(4 * FRAME_SIZE)
    stored = repository.keep(database, "2.999.1", "text/plain", await provide(repository, content))
    damage(blobs, stored.blob, 2 * FRAME_SIZE + 1000)
    reader = repository.open(stored)
    frames = reader.frames()
    assert next(frames) + next(frames) == content[: 2 * FRAME_SIZE]
    with pytest.raises(BlobDamaged):
        next(frames)
    with pytest.raises(BlobDamaged):
        reader.verify()


async def test_another_sound_file_than_the_rows_is_damage(
    repository: DocumentRepository, database: sqlite3.Connection
) -> None:
    repository.keep(database, "2.999.1", "text/plain", await provide(repository, b"content"))
    other = await provide(repository, b"other content")
    database.execute("UPDATE stored_document SET blob = ?", (bytes.fromhex(other.name),))
    stored = repository.locate("2.999.1")
    assert stored is not None
    with pytest.raises(BlobDamaged, match="13 octets instead of 7"):
        repository.open(stored)
    assert [(item.stored.unique_id, bool(item.damage)) for item in repository.scrub(database)] == [("2.999.1", True)]


async def test_sweep_keeps_what_has_a_row(
    repository: DocumentRepository, database: sqlite3.Connection, reader: sqlite3.Connection
) -> None:
    repository.keep(database, "2.999.1", "text/plain", await provide(repository, b"kept"))
    await provide(repository, b"given up")
    swept = await asyncio.to_thread(repository.sweep, reader, 0)
    assert (swept.documents, swept.staged, swept.strange) == (1, 0, ())
    assert [(item.stored.unique_id, item.damage) for item in repository.scrub(reader)] == [("2.999.1", "")]


async def test_scrub_names_the_document(
    repository: DocumentRepository, database: sqlite3.Connection, blobs: BlobStore
) -> None:
    for number in range(3):
        repository.keep(database, f"2.999.{number}", "text/plain", await provide(repository, b"%d" % number))
    stored = repository.locate("2.999.1")
    assert stored is not None
    damage(blobs, stored.blob, -1)
    assert [item.stored.unique_id for item in repository.scrub(database) if item.damage] == ["2.999.1"]


async def _damaged_one(repository: DocumentRepository, database: sqlite3.Connection, blobs: BlobStore, content: bytes):
    stored = repository.keep(database, "2.999.1", "text/plain", await provide(repository, content))
    repository.keep(database, "2.999.2", "text/plain", await provide(repository, content))
    repository.keep(database, "2.999.3", "text/plain", await provide(repository, b"another"))
    damage(blobs, stored.blob, -1)
    return stored


async def test_what_was_found_damaged_is_given_out_under_no_name(
    repository: DocumentRepository, database: sqlite3.Connection, blobs: BlobStore
) -> None:
    stored = await _damaged_one(repository, database, blobs, os.urandom(3 * FRAME_SIZE))
    repository.open(stored)  # its header holds
    assert repository.found_damaged(stored)
    assert not repository.found_damaged(stored), "that is no news"
    for unique_id, known in (("2.999.1", True), ("2.999.2", True), ("2.999.3", False)):
        located = repository.locate(unique_id)
        assert located is not None
        if known:
            with pytest.raises(BlobDamaged):
                repository.open(located)
        else:
            repository.open(located)


async def test_what_is_noted_outlives_the_process(
    repository: DocumentRepository, database: sqlite3.Connection, reader: sqlite3.Connection, blobs: BlobStore
) -> None:
    stored = await _damaged_one(repository, database, blobs, os.urandom(3 * FRAME_SIZE))
    repository.note(database, stored, damaged=True, now="2026-01-01T00:00:00Z")
    with pytest.raises(BlobDamaged):
        DocumentRepository(reader, blobs, "2.999.3.1").open(stored)
    repository.note(database, stored, damaged=False, now="")
    DocumentRepository(reader, blobs, "2.999.3.1").open(stored)


async def test_the_same_content_again_heals_it(
    repository: DocumentRepository, database: sqlite3.Connection, reader: sqlite3.Connection, blobs: BlobStore
) -> None:
    content = os.urandom(3 * FRAME_SIZE)
    stored = await _damaged_one(repository, database, blobs, content)
    repository.found_damaged(stored)
    repository.note(database, stored, damaged=True, now="2026-01-01T00:00:00Z")
    repository.keep(database, "2.999.4", "text/plain", await provide(repository, content))
    assert b"".join(repository.open(stored).frames()) == content
    assert b"".join(DocumentRepository(reader, blobs, "2.999.3.1").open(stored).frames()) == content


async def test_scrub_goes_on_where_it_was_and_looks_at_the_damaged_first(
    repository: DocumentRepository, database: sqlite3.Connection, blobs: BlobStore
) -> None:
    stored = await _damaged_one(repository, database, blobs, b"content")
    repository.note(database, stored, damaged=True, now="2026-01-01T00:00:00Z")
    paced: list[int] = []
    seen = [
        (item.stored.unique_id, bool(item.damage), item.again)
        for item in repository.scrub(database, after="2.999.2", pace=paced.append)
    ]
    assert seen == [("2.999.1", True, True), ("2.999.2", True, True), ("2.999.3", False, False)]
    assert paced == [len(b"another")]
