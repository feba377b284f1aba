"""The tables of the repository: which document lies in which blob, which blobs are damaged, what was received.

SQL elsewhere uses these names as text.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text, text

metadata = MetaData()

stored_document = Table(
    "stored_document",
    metadata,
    Column("unique_id", String, primary_key=True),  # an opaque identifier, compared as a whole
    Column("mime_type", String, nullable=False),  # as it was first submitted
    Column("size", BigInteger, nullable=False),
    Column("sha1", String(40), nullable=False),  # hex, lower case
    Column("sha256", LargeBinary, nullable=False),
    Column("blob", LargeBinary, nullable=False, index=True),  # name of the file; documents of equal content share it
    sqlite_with_rowid=False,
)

received_set = Table(
    "received_set",  # what other institutions pushed to this one (XDR), until and after somebody decides
    metadata,
    Column("no", Integer, primary_key=True),
    Column("received", String(14), nullable=False),  # UTC
    Column("sender", String, nullable=False),  # homeCommunityId
    Column("unique_id", String, nullable=False),  # of the submission set
    Column("submission", LargeBinary, nullable=False),  # lcm:SubmitObjectsRequest; empty when it was decided
    Column("documents", Integer, nullable=False),
    Column("state", String(8), nullable=False),  # waiting, accepted, rejected
    Column("decided", String(14), nullable=False, server_default=""),
    Column("decided_by", String, nullable=False, server_default=""),
    Index("received_set_sender", "sender", "unique_id", unique=True),
    Index("received_set_waiting", "sender", sqlite_where=text("state = 'waiting'")),
)

damaged_blob = Table(
    "damaged_blob",
    metadata,
    Column("blob", LargeBinary, primary_key=True),  # no document in it is given out until it is found sound again
    Column("found", String, nullable=False),  # when, UTC
    sqlite_with_rowid=False,
)

# Documents of other communities that are kept for a while, if the institution wants that: none of ours.
kept_copy = Table(
    "kept_copy",
    metadata,
    Column("home", Text, primary_key=True),
    Column("repository", Text, primary_key=True),
    Column("unique_id", Text, primary_key=True),
    Column("asker", String(64), primary_key=True),  # digest of who the community saw asking
    Column("patient", Text, nullable=False),
    Column("community", Text, nullable=False),
    Column("mime_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha1", String(40), nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("blob", LargeBinary, nullable=False, index=True),
    Column("fetched", String(14), nullable=False),
    Column("until", String(14), nullable=False, index=True),
    sqlite_with_rowid=False,
)
