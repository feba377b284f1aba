"""Tables of findings and of what was written about them, in the node's one database."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

finding = Table(
    "finding",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False),  # `Finding.key`: one of several with the same key is open at most
    Column("rule", String(24), nullable=False),
    Column("version", Integer, nullable=False),  # of the rule
    Column("sentence", String(32), nullable=False),
    Column("severity", String(8), nullable=False),
    Column("user", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("peer", String(64), nullable=False),
    Column("patients", Text, nullable=False),  # JSON
    Column("first", BigInteger, nullable=False),  # seconds since 1970, UTC
    Column("last", BigInteger, nullable=False),
    Column("entries", Text, nullable=False),  # JSON: numbers of records
    Column("facts", Text, nullable=False),  # JSON: values of the sentence
    Column("found", String(20), nullable=False),  # YYYY-MM-DDThh:mm:ssZ
    Column("state", String(12), nullable=False),
    Index("finding_key", "key"),
    Index("finding_state", "state", "severity", "last"),
)

# Nothing here is ever changed.
finding_note = Table(
    "finding_note",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("finding", Integer, nullable=False),
    Column("written", String(20), nullable=False),
    Column("by", Text, nullable=False),
    Column("state", String(12), nullable=False),  # what the finding became; "" for a note alone
    Column("text", Text, nullable=False),
    Index("finding_note_finding", "finding"),
)
