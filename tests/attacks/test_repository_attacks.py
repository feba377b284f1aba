"""Rows M25, M26 (the repository's side) and I4 of the attack catalogue."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from registry.errors import XdsErrors
from registry.metadata.objects import DocumentEntry
from registry.metadata.submission import Submission
from repository.document_repository import DocumentRepository
from repository.messages import DocumentRequest
from repository.provide import complete
from repository.store.blobs import BlobStore
from repository.store.keys import BlobKeys
from repository.store.tables import metadata

HOSTILE = [
    "../../../etc/passwd",
    "..",
    "/etc/passwd",
    "..%2f..%2fnode.toml",
    "\\\\host\\share\\x",
    "C:\\boot.ini",
    "a/../../b",
    "x" * 300,
    "nul\0byte",
    "line\nbreak",
    "..\u2215..\u2215etc",
    "staging",
    "~root",
    "$(id)",
    "%s%s%n",
]


@pytest.fixture
def database(tmp_path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(tmp_path / "node.db", isolation_level=None)
    for table in metadata.sorted_tables:
        connection.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))
    return connection


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs", BlobKeys.derive(b"k" * 32))


@pytest.fixture
def repository(database: sqlite3.Connection, blobs: BlobStore) -> DocumentRepository:
    return DocumentRepository(database, blobs, "2.999.3.1")


async def stage(repository: DocumentRepository, content: bytes):
    staging = repository.begin()
    staging.write(content)
    return await staging.finish()


def files(tmp_path: Path) -> set[str]:
    return {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if not path.name.startswith("node.db")}


@pytest.mark.parametrize("row", [pytest.param(None, id="M25")])
@given(content=st.binary(max_size=60), declared=st.binary(max_size=60), which=st.sampled_from(["hash", "size"]))
def test_m25_a_declared_hash_or_size_that_is_not_the_contents(
    row: None, content: bytes, declared: bytes, which: str
) -> None:
    class Real:
        sha1, size = hashlib.sha1(content).hexdigest(), len(content)

    claimed = hashlib.sha1(declared).hexdigest() if which == "hash" else str(len(declared))
    assume(claimed not in (Real.sha1, str(Real.size)))
    entry = DocumentEntry(entry_uuid="D", **{which: (claimed,)})
    with pytest.raises(XdsErrors) as failure:
        complete(Submission(documents=(entry,)), {"D": Real()}, "2.999")
    assert [(error.code, error.location) for error in failure.value.errors] == [("XDSRepositoryMetadataError", "D")]


@pytest.mark.parametrize("row", [pytest.param(None, id="M25")])
async def test_m25_nothing_of_the_refused_document_stays(
    row: None, repository: DocumentRepository, blobs: BlobStore, database: sqlite3.Connection
) -> None:
    staged = await stage(repository, b"content")
    with pytest.raises(XdsErrors):
        complete(Submission(documents=(DocumentEntry(entry_uuid="D", hash=("0" * 40,)),)), {"D": staged}, "2.999")
    path = blobs.path(staged.name)
    del staged
    assert repository.locate("2.999.1") is None
    assert repository.sweep(database, 0).documents == 1
    assert not path.exists()


@pytest.mark.parametrize("row", [pytest.param(None, id="M26")])
async def test_m26_other_content_rolls_everything_back_and_leaves_no_orphan(
    row: None, repository: DocumentRepository, blobs: BlobStore, database: sqlite3.Connection
) -> None:
    first = await stage(repository, b"content one")
    repository.keep(database, "2.999.1", "text/plain", first)
    innocent, other = await stage(repository, b"innocent"), await stage(repository, b"CONTENT ONE")
    orphans = [innocent.name, other.name]
    database.execute("BEGIN IMMEDIATE")
    repository.keep(database, "2.999.2", "text/plain", innocent)
    with pytest.raises(XdsErrors) as failure:
        repository.keep(database, "2.999.1", "text/plain", other)
    database.execute("ROLLBACK")
    assert [error.code for error in failure.value.errors] == ["XDSNonIdenticalHash"]
    assert repository.locate("2.999.2") is None
    del innocent, other, failure
    assert repository.sweep(database, 0).documents == 2
    assert not any(blobs.holds(name) for name in orphans)
    stored = repository.locate("2.999.1")
    assert stored is not None
    assert b"".join(repository.open(stored).frames()) == b"content one"


@pytest.mark.parametrize("unique_id", [pytest.param(value, id=f"I4-{number}") for number, value in enumerate(HOSTILE)])
async def test_i4_an_identifier_never_becomes_a_path(
    repository: DocumentRepository, blobs: BlobStore, database: sqlite3.Connection, tmp_path: Path, unique_id: str
) -> None:
    assert repository.locate(unique_id) is None
    before = files(tmp_path)
    staged = await stage(repository, b"content")
    stored = repository.keep(database, unique_id, unique_id, staged)
    made = files(tmp_path) - before
    name = staged.name
    assert made == {f"blobs/{name[:2]}", f"blobs/{name[:2]}/{name[2]}", f"blobs/{name[:2]}/{name[2]}/{name}"}
    assert repository.locate(unique_id) == stored
    assert b"".join(repository.open(stored).frames()) == b"content"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.one_of(
        st.sampled_from(HOSTILE), st.text(max_size=70), st.from_regex(r"[0-9a-fA-F./]{60,68}", fullmatch=True)
    )
)
@pytest.mark.parametrize("row", [pytest.param(None, id="I4")])
def test_i4_only_names_that_the_store_made_are_opened(row: None, blobs: BlobStore, name: str) -> None:
    assume(not (len(name) == 64 and set(name) <= set("0123456789abcdef")))
    for use in (blobs.path, blobs.open, blobs.holds):
        with pytest.raises(ValueError, match="not the name"):
            use(name)


@pytest.mark.parametrize("row", [pytest.param(None, id="I4")])
async def test_i4_a_link_in_the_place_of_a_document_is_not_followed(
    row: None, repository: DocumentRepository, blobs: BlobStore, database: sqlite3.Connection, tmp_path: Path
) -> None:
    staged = await stage(repository, b"content")
    stored = repository.keep(database, "2.999.1", "text/plain", staged)
    path = blobs.path(staged.name)
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    from repository.errors import BlobDamaged

    with pytest.raises(BlobDamaged):
        repository.open(stored)
    assert repository.sweep(database, 0).documents == 0
    assert (tmp_path / "moved").exists()
    assert os.path.islink(path)


@pytest.mark.parametrize("unique_id", [pytest.param(value, id=f"I4-{number}") for number, value in enumerate(HOSTILE)])
def test_i4_requests_are_compared_as_text(repository: DocumentRepository, unique_id: str) -> None:
    request = DocumentRequest(repository_unique_id=unique_id, document_unique_id=unique_id)
    assert repository.repository_unique_id != request.repository_unique_id
    assert repository.locate(request.document_unique_id) is None
