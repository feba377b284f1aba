"""The table of answers that are owed, in the node's one database."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

# A question stands here from the commit in which it was taken until that which says what became of its answer.
owed_answer = Table(
    "owed_answer",
    metadata,
    Column("no", Integer, primary_key=True),
    Column("peer", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("reply_to", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("packaging", String(8), nullable=False),
    Column("root_id", Text, nullable=False),
    Column("request", LargeBinary, nullable=False),  # the envelope as it came
    Column("certificate", LargeBinary, nullable=False),  # DER, of who asked
    Column("address", Text, nullable=False),
    Column("proof", Text, nullable=False),  # the Audit-Proof header that came with it
    Column("received", String(40), nullable=False),
    Column("answer", LargeBinary),  # the envelope as it leaves; NULL until it is made, together with its record
    Column("documents", Text, nullable=False),  # JSON: content id, uniqueId, media type, size
    Index("owed_answer_question", "peer", "message_id", unique=True),
)
