"""Tables of consents and of accesses in an emergency, in the node's one database."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

# Every version that ever was; nothing but `newest` of a version is ever changed.
consent = Table(
    "consent",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("newest", Integer, nullable=False),  # 1: no later version
    Column("patient", Text, nullable=False),  # as it was recorded; merges are followed when it is read
    Column("status", String(12), nullable=False),
    Column("document", Text, nullable=False),  # uniqueId of the document it was read from, or empty
    Column("body", Text, nullable=False),  # JSON
    Index("consent_patient", "patient"),
    Index("consent_document", "document"),
)

# One row for each person, patient and asking community whose accesses wait for review together.
emergency_access = Table(
    "emergency_access",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("patient", Text, nullable=False),
    Column("home", String(64), nullable=False),
    Column("user", Text, nullable=False),
    Column("user_name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("first", String(20), nullable=False),  # YYYY-MM-DDThh:mm:ssZ, as all times here
    Column("last", String(20), nullable=False),
    Column("accesses", Integer, nullable=False),
    Column("documents", Integer, nullable=False),
    Column("outcome", Text, nullable=False),  # empty: not reviewed yet
    Column("reviewed_by", Text, nullable=False),
    Column("reviewed", String(20), nullable=False),
    Index("emergency_access_open", "user", "home"),
)
