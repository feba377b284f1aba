"""Tables of the audit ledger in the node's one database (audit-ledger 2.2 to 2.9).

`seq` numbers the entries of all shards without a gap; the index in a shard is `seq - first_seq` of its head.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.schema import CreateIndex, CreateTable

metadata: Final = MetaData()

# SQLite makes only a column of type INTEGER the row's own number.
_BIG: Final = BigInteger().with_variant(Integer(), "sqlite")

audit_record: Final = Table(
    "audit_record",
    metadata,
    Column("seq", _BIG, primary_key=True, autoincrement=False),
    Column("kind", Integer, nullable=False),
    Column("time", Text, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),  # canonical JSON
)

audit_leaf: Final = Table(
    "audit_leaf",
    metadata,
    Column("seq", _BIG, primary_key=True, autoincrement=False),
    Column("entry", LargeBinary, nullable=False),  # 98 bytes
)

# Every record about somebody: the key gives a number of a subject once, the largest one is where the count stands, and
# all entries about a patient are found together.
audit_subject: Final = Table(
    "audit_subject",
    metadata,
    Column("subject", Text, primary_key=True),  # "<assigning authority OID>|<id>"
    Column("shard", Integer, primary_key=True, autoincrement=False),  # the year
    Column("ctr", _BIG, primary_key=True, autoincrement=False),
    Column("seq", _BIG, nullable=False),
    sqlite_with_rowid=False,
)

audit_head: Final = Table(
    "audit_head",
    metadata,
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False, unique=True),
    Column("first_seq", _BIG, nullable=False),
    Column("size", _BIG, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("frontier", LargeBinary, nullable=False),  # roots of the complete subtrees, largest first
)


# What another community has proved about its own log, beside the record that commits to it (`peer_receipt`).
audit_receipt: Final = Table(
    "audit_receipt",
    metadata,
    Column("seq", _BIG, primary_key=True, autoincrement=False),
    Column("cid", Text, nullable=False, index=True),  # wsa:MessageID of the request
    Column("proof", LargeBinary, nullable=False),  # C2SP tlog-proof, its exact bytes
)


# Exchanges that this node began and whose outcome is not on record yet: what a crash leaves here is recorded as failed
# at the next start, so that every record of kind 1 has one of kind 4 or 6.
audit_open: Final = Table(
    "audit_open",
    metadata,
    Column("cid", Text, primary_key=True),
    Column("seq", _BIG, nullable=False),  # of the record of kind 1
    sqlite_with_rowid=False,
)


# What this node, as a witness, saw last of the log of another community.
audit_witness: Final = Table(
    "audit_witness",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("size", _BIG, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),  # as it was cosigned: the log's signature and this node's
)

# Pairs of notes of one log that contradict each other.
audit_evidence: Final = Table(
    "audit_evidence",
    metadata,
    Column("id", Text, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("grade", Text, nullable=False),  # E1 proves a fork to anybody, E2 is this node's observation
    Column("time", Text, nullable=False),
    Column("note_1", LargeBinary, nullable=False),
    Column("note_2", LargeBinary, nullable=False),
    Column("decision", Text, nullable=False),  # what a person decided about the community, "" for nothing yet
)


def create_tables(connection: sqlite3.Connection) -> None:
    """Make the ledger's tables in a SQLite database that has none."""
    sqlite = dialect()
    for table in metadata.sorted_tables:
        connection.execute(str(CreateTable(table).compile(dialect=sqlite)))
        for index in table.indexes:
            connection.execute(str(CreateIndex(index).compile(dialect=sqlite)))
