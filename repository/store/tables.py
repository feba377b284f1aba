"""The tables of the repository: which document lies in which blob, which blobs are damaged.

SQL elsewhere uses these names as text.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table

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

damaged_blob = Table(
    "damaged_blob",
    metadata,
    Column("blob", LargeBinary, primary_key=True),  # no document in it is given out until it is found sound again
    Column("found", String, nullable=False),  # when, UTC
    sqlite_with_rowid=False,
)
