"""Tables of certificates and communities: small, read whole into memory, changed in write jobs only."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

certificate_binding = Table(
    "certificate_binding",
    metadata,
    Column("fingerprint", String(64), primary_key=True),  # SHA-256 of the DER form, lower-case hex
    Column("role", String(16), nullable=False),
    Column("name", String(100), nullable=False),
    Column("home", String(64), nullable=False),  # urn:oid:… of a peer or of the test community, else empty
    Column("clearance", String(1), nullable=False),
    Column("test_community", Integer, nullable=False),  # 1: the development client
    Column("added", String(20), nullable=False),  # YYYY-MM-DDThh:mm:ssZ, as all times here
    Column("not_after", String(20), nullable=False),
    Column("revoked", String(20), nullable=False),  # empty: in force
    Index("certificate_binding_home", "home"),
)

used_assertion = Table(  # that count once: see trust.one_time
    "used_assertion",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("until", String(20), nullable=False),
    sqlite_with_rowid=False,
)

community = Table(
    "community",
    metadata,
    Column("home", String(64), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("description", Text, nullable=False),  # what `peer add` read: communities.export
    Column("clearance", String(1), nullable=False),
    Column("previous", Text, nullable=False),  # PEM of a certificate that still counts during a change, or empty
    Column("added", String(20), nullable=False),
    Column("audit_proof", String(8), nullable=False, server_default="optional"),  # or required: see Community
    Column("federation", String(64), nullable=False, server_default=""),  # whose directory lists it; "": `peer add`
)
