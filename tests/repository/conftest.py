"""A document store in a folder of its own, and a database with the repository's table."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from repository.document_repository import DocumentRepository
from repository.store.blobs import BlobStore, Staged
from repository.store.keys import BlobKeys
from repository.store.tables import metadata

KEYS = BlobKeys.derive(bytes(range(32)))


@pytest.fixture
def keys() -> BlobKeys:
    return KEYS


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[BlobStore]:
    store = BlobStore(tmp_path / "blobs", KEYS)
    yield store
    store.close()


@pytest.fixture
def stage(blobs: BlobStore) -> Callable[..., AsyncIterator[Staged]]:
    async def one(*chunks: bytes) -> Staged:
        staging = blobs.begin()
        for chunk in chunks:
            staging.write(chunk)
        return await staging.finish()

    return one


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "node.db", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    for table in metadata.sorted_tables:
        connection.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))
        for index in table.indexes:
            connection.execute(str(CreateIndex(index).compile(dialect=sqlite.dialect())))
    yield connection
    connection.close()


@pytest.fixture
def reader(database: sqlite3.Connection, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(
        f"file:{tmp_path}/node.db?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    yield connection
    connection.close()


@pytest.fixture
def repository(reader: sqlite3.Connection, blobs: BlobStore) -> DocumentRepository:
    return DocumentRepository(reader, blobs, "2.999.3.1")
