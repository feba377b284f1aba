"""Table of local accounts, in the node's one database."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

account = Table(
    "account",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("full_name", Text, nullable=False),
    Column("role", String(24), nullable=False),
    Column("profession", String(160), nullable=False),  # CODE^OID of the functional role; empty: none is asserted
    Column("password", Text, nullable=False),  # Argon2id, with its parameters and salt
    Column("code_secret", LargeBinary, nullable=False),  # sealed; empty: signs in without a one-time code
    Column("code_step", Integer, nullable=False),  # newest 30-second step whose code was used
    Column("certificate", String(64), nullable=False, server_default=""),  # SHA-256, hex; empty: none is bound
    Column("changed", String(20), nullable=False),  # YYYY-MM-DDThh:mm:ssZ
    Column("closed", String(20), nullable=False),  # empty: in force
)
