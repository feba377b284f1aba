"""Table of what each user of the pages has been shown, in the node's one database."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

shown_entry = Table(
    "shown_entry",
    metadata,
    Column("user", String(64), primary_key=True),
    Column("patient", Text, primary_key=True),  # CX
    Column("entry", LargeBinary, primary_key=True),  # digest of the document's number and content
    Column("shown", String(20), nullable=False),  # YYYY-MM-DDThh:mm:ssZ, the first time
    sqlite_with_rowid=False,
)
