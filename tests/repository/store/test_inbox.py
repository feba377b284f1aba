"""What waits of one sender is bounded, in number and in octets."""

import sqlite3

import pytest
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from repository.store import inbox
from repository.store.inbox import Inbox, held_name
from repository.store.tables import metadata


@pytest.fixture
def connection():
    found = sqlite3.connect(":memory:")
    for table in metadata.sorted_tables:
        found.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))
        for index in table.indexes:
            found.execute(str(CreateIndex(index).compile(dialect=sqlite.dialect())))
    return found


def received(connection: sqlite3.Connection, sender: str, number: int, *sizes: int) -> int:
    kept = Inbox(connection)
    no = kept.add(sender=sender, unique_id=f"1.2.{number}", submission=b"x", documents=len(sizes), now="20260101000000")
    for place, size in enumerate(sizes):
        row = (held_name(no, place), "text/plain", size, "", b"", number.to_bytes(4) + place.to_bytes(4))
        connection.execute("INSERT INTO stored_document VALUES (?, ?, ?, ?, ?, ?)", row)
    return no


def test_octets_of_one_sender_are_bounded_and_those_of_others_are_others(connection, monkeypatch):
    monkeypatch.setattr(inbox, "MOST_OCTETS", 1000)
    numbers = [received(connection, "urn:oid:1.1", number, 90) for number in range(1, 12)]  # 1 and 10 share a beginning
    assert not Inbox(connection).is_full("urn:oid:1.1")
    last = received(connection, "urn:oid:1.1", 12, 5, 5)
    assert Inbox(connection).is_full("urn:oid:1.1")
    assert not Inbox(connection).is_full("urn:oid:1.2")
    Inbox(connection).decide(last, "rejected", by="x", now="20260101000000")
    assert not Inbox(connection).is_full("urn:oid:1.1")
    assert len(numbers) == 11


def test_metadata_of_one_sender_are_bounded(connection, monkeypatch):
    monkeypatch.setattr(inbox, "MOST_METADATA", 3)
    for number in (1, 2):
        received(connection, "urn:oid:1.1", number)
    assert not Inbox(connection).is_full("urn:oid:1.1")
    last = received(connection, "urn:oid:1.1", 3)
    assert Inbox(connection).is_full("urn:oid:1.1")
    assert not Inbox(connection).is_full("urn:oid:1.2")
    Inbox(connection).decide(last, "rejected", by="x", now="20260101000000")
    assert not Inbox(connection).is_full("urn:oid:1.1")


def test_nobody_hides_what_others_sent(connection):
    flood = [received(connection, "urn:oid:1.1", number) for number in range(20)]
    other = received(connection, "urn:oid:1.2", 99)
    shown = [one.no for one in Inbox(connection).waiting(3)]
    assert shown == [*flood[:2], other]
    assert [one.no for one in Inbox(connection).waiting(100)] == [*flood, other]


def test_the_number_of_one_sender_is_bounded(connection, monkeypatch):
    monkeypatch.setattr(inbox, "MOST_WAITING", 2)
    received(connection, "urn:oid:1.1", 1)
    assert not Inbox(connection).is_full("urn:oid:1.1")
    received(connection, "urn:oid:1.1", 2)
    assert Inbox(connection).is_full("urn:oid:1.1")
