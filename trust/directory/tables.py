"""Tables of a node's membership: the directory in force, and invitations (at the node that signs)."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

federation = Table(
    "federation",
    metadata,
    Column("id", String(64), primary_key=True),  # urn:uuid:…
    Column("directory", LargeBinary, nullable=False),  # the bytes that were accepted last
    Column("joined", String(20), nullable=False),  # YYYY-MM-DDThh:mm:ssZ
)

invitation = Table(
    "invitation",
    metadata,
    Column("fingerprint", String(64), primary_key=True),  # of the certificate that whoever has the invitation shows
    Column("certificate", Text, nullable=False),  # PEM
    Column("state", String(10), nullable=False),  # see node.membership.inviting
    Column("expires", String(20), nullable=False),
    Column("data", Text, nullable=False),  # JSON: what came so far
)
