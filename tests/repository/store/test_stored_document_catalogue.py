"""Rows of stored documents: one content for each uniqueId."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.dialects import sqlite

from repository.store.blobs import Staged
from repository.store.catalogue import Catalogue, OtherContent, StoredDocument
from repository.store.tables import stored_document


def staged(number: int = 1, size: int = 10) -> Staged:
    return Staged(name=f"{number:064x}", size=size, sha1=f"{number:040x}", sha256=number.to_bytes(32, "big"))


@pytest.fixture
def catalogue(database: sqlite3.Connection) -> Catalogue:
    return Catalogue(database)


def test_what_is_kept_is_found(catalogue: Catalogue) -> None:
    kept = catalogue.keep("1.2.3", "text/plain", staged())
    assert kept == StoredDocument("1.2.3", "text/plain", 10, f"{1:040x}", (1).to_bytes(32, "big"), f"{1:064x}")
    assert catalogue.locate("1.2.3") == kept
    assert catalogue.locate("1.2.30") is None


def test_the_same_content_again_is_the_same_row(catalogue: Catalogue) -> None:
    first = catalogue.keep("1.2.3", "text/plain", staged())
    assert catalogue.keep("1.2.3", "text/xml", staged()) == first
    assert list(catalogue.documents()) == [first]


def test_another_content_is_a_value_and_changes_nothing(catalogue: Catalogue) -> None:
    first = catalogue.keep("1.2.3", "text/plain", staged(1))
    offered = staged(2)
    assert catalogue.keep("1.2.3", "text/plain", offered) == OtherContent(first, offered)
    assert list(catalogue.documents()) == [first]


def test_documents_of_one_content_share_a_file(catalogue: Catalogue) -> None:
    catalogue.keep("1.2.3", "text/plain", staged())
    catalogue.keep("1.2.4", "text/plain", staged())
    assert catalogue.references(f"{1:064x}")
    assert not catalogue.references(f"{2:064x}")


def test_a_row_follows_its_transaction(database: sqlite3.Connection, reader: sqlite3.Connection) -> None:
    database.execute("BEGIN IMMEDIATE")
    Catalogue(database).keep("1.2.3", "text/plain", staged())
    assert Catalogue(reader).locate("1.2.3") is None
    assert not Catalogue(reader).references(f"{1:064x}")
    database.execute("COMMIT")
    assert Catalogue(reader).locate("1.2.3")


def test_all_rows_are_walked_in_order(catalogue: Catalogue, database: sqlite3.Connection) -> None:
    names = sorted(f"2.999.{number}" for number in range(450))
    database.execute("BEGIN")
    for name in reversed(names):
        catalogue.keep(name, "text/plain", staged())
    database.execute("COMMIT")
    assert [document.unique_id for document in catalogue.documents()] == names


def test_the_texts_use_the_columns_of_the_table(database: sqlite3.Connection) -> None:
    Catalogue(database).keep("1.2.3", "text/plain", staged(7, size=1 << 40))
    row = database.execute(str(select(stored_document).compile(dialect=sqlite.dialect()))).fetchone()
    assert row == ("1.2.3", "text/plain", 1 << 40, f"{7:040x}", (7).to_bytes(32, "big"), (7).to_bytes(32, "big"))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_identifiers_are_opaque(unique_id: str) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    columns = "unique_id TEXT PRIMARY KEY, mime_type, size, sha1, sha256, blob"
    connection.execute(f"CREATE TABLE stored_document ({columns})")
    catalogue = Catalogue(connection)
    kept = catalogue.keep(unique_id, "text/plain", staged())
    assert catalogue.locate(unique_id) == kept
    assert catalogue.locate(unique_id + " ") is None
    connection.close()
