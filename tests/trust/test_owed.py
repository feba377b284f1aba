"""What is kept for communities that wait for answers."""

import json
import sqlite3
from datetime import UTC, datetime

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from trust.owed import store
from trust.owed.store import Owed, Part
from trust.owed.tables import owed_answer


def question(number: int, request: bytes, peer: str = "urn:oid:2.999.1") -> Owed:
    return Owed(
        peer=peer, message_id=f"urn:uuid:{number}", reply_to="https://a.example/", path="/iti-38", packaging="soap",
        root_id="body", request=request, certificate=b"", address="", proof="", received=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


def test_how_much_one_community_makes_this_node_keep():
    connection = sqlite3.connect(":memory:")
    connection.execute(str(CreateTable(owed_answer).compile(dialect=sqlite.dialect())))
    assert store.held(connection, "urn:oid:2.999.1") == (0, 0)
    store.take(connection, question(1, b"x" * 1000))
    store.take(connection, question(2, b"x" * 500))
    store.take(connection, question(3, b"x" * 7, peer="urn:oid:2.999.2"))
    made = [Part("c", "2.25.1", "text/xml", 300, "z" * 400)]  # one that lies in no repository
    store.made(connection, 1, b"y" * 250, made)
    count, octets = store.held(connection, "urn:oid:2.999.1")
    assert (count, octets - len(json.dumps(made)) - len("[]")) == (2, 1750)
