"""What the pages, documents made on demand, record location and housekeeping need."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what is new."""
    _accounts()
    _shown_entries()
    _locations()
    _revocations()
    _owed_answers()
    _findings()
    _made_on_demand()
    _subscriptions_elsewhere()
    _received_sets()
    _legal_holds()
    _kept_copies()


def _accounts() -> None:
    op.create_table(
        "account",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=24), nullable=False),
        sa.Column("profession", sa.String(length=160), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("code_secret", sa.LargeBinary(), nullable=False),
        sa.Column("code_step", sa.Integer(), nullable=False),
        sa.Column("certificate", sa.String(length=64), server_default="", nullable=False),
        sa.Column("changed", sa.String(length=20), nullable=False),
        sa.Column("closed", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _shown_entries() -> None:
    op.create_table(
        "shown_entry",
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("shown", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("user", "patient", "entry"),
        sqlite_with_rowid=False,
    )


def _revocations() -> None:
    op.create_index("patient_correlation_theirs", "patient_correlation", ["home", "theirs"], unique=False)
    op.create_table(
        "revocation_due",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("patient", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("no"),
    )


def _locations() -> None:
    op.create_table(
        "location_token",
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("home", sa.String(), nullable=False),
        sa.Column("only", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("token", "home"),
        sqlite_with_rowid=False,
    )
    op.create_index("location_token_home", "location_token", ["home"], unique=False)
    op.create_table(
        "location_source",
        sa.Column("home", sa.String(), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("home"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "location_due",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("identity", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["identity"], ["patient_identity.no"]),
        sa.PrimaryKeyConstraint("no"),
    )
    op.create_index("ix_location_due_identity", "location_due", ["identity"], unique=False)
    op.create_table(
        "location_told",
        sa.Column("identity", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("locator", sa.String(), nullable=False),
        sa.Column("only", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["identity"], ["patient_identity.no"]),
        sa.PrimaryKeyConstraint("identity", "token"),
        sqlite_with_rowid=False,
    )
    op.create_index("location_told_token", "location_told", ["token"], unique=False)
    op.create_table(
        "location_answer",
        sa.Column("patient", sa.String(), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("homes", sa.String(), nullable=False),
        sa.Column("until", sa.String(length=14), nullable=False),
        sa.PrimaryKeyConstraint("patient"),
        sqlite_with_rowid=False,
    )


def _owed_answers() -> None:
    op.create_table(
        "owed_answer",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("reply_to", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("packaging", sa.String(length=8), nullable=False),
        sa.Column("root_id", sa.Text(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("received", sa.String(length=40), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("documents", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("no"),
    )
    op.create_index("owed_answer_question", "owed_answer", ["peer", "message_id"], unique=True)


def _findings() -> None:
    op.create_table(
        "finding",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("rule", sa.String(length=24), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sentence", sa.String(length=32), nullable=False),
        sa.Column("severity", sa.String(length=8), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("peer", sa.String(length=64), nullable=False),
        sa.Column("patients", sa.Text(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("found", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("finding_key", "finding", ["key"], unique=False)
    op.create_index("finding_state", "finding", ["state", "severity", "last"], unique=False)
    op.create_table(
        "finding_note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("finding", sa.Integer(), nullable=False),
        sa.Column("written", sa.String(length=20), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("finding_note_finding", "finding_note", ["finding"], unique=False)


def _made_on_demand() -> None:
    op.create_table(
        "made_on_demand",
        sa.Column("unique_id", sa.String(), nullable=False),
        sa.Column("patient", sa.Integer(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["patient"], ["patient.no"]),
        sa.PrimaryKeyConstraint("unique_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_made_on_demand_patient"), "made_on_demand", ["patient"], unique=False)
    op.create_table(
        "snapshot_source",
        sa.Column("snapshot", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("snapshot", "source"),
        sqlite_with_rowid=False,
    )


def _subscriptions_elsewhere() -> None:
    op.add_column("subscription", sa.Column("reach", sa.String(length=10), server_default="federation", nullable=False))
    op.create_table(
        "notification_content",
        sa.Column("notification", sa.Integer(), nullable=False),
        sa.Column("producer", sa.String(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("notification"),
    )
    op.create_table(
        "received_notice",
        sa.Column("subscription", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("received", sa.String(length=14), nullable=False),
        sa.PrimaryKeyConstraint("subscription", "digest"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "remote_subscription",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("subscription", sa.Integer(), nullable=True),
        sa.Column("home", sa.String(), nullable=False),
        sa.Column("patient", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("ends", sa.String(length=14), nullable=False),
        sa.Column("next", sa.String(length=14), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("no"),
        sa.UniqueConstraint("token"),
    )
    op.create_index(op.f("ix_remote_subscription_next"), "remote_subscription", ["next"], unique=False)
    op.create_index(op.f("ix_remote_subscription_subscription"), "remote_subscription", ["subscription"], unique=False)


def _received_sets() -> None:
    op.create_table(
        "received_set",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("received", sa.String(length=14), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("unique_id", sa.String(), nullable=False),
        sa.Column("submission", sa.LargeBinary(), nullable=False),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("decided", sa.String(length=14), server_default="", nullable=False),
        sa.Column("decided_by", sa.String(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("no"),
    )
    op.create_index("received_set_sender", "received_set", ["sender", "unique_id"], unique=True)
    op.create_index(
        "received_set_waiting", "received_set", ["sender"], unique=False, sqlite_where=sa.text("state = 'waiting'")
    )


def _legal_holds() -> None:
    op.create_table(
        "legal_hold",
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("since", sa.String(length=14), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject"),
        sqlite_with_rowid=False,
    )


def _kept_copies() -> None:
    op.create_table(
        "kept_copy",
        sa.Column("home", sa.Text(), nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("unique_id", sa.Text(), nullable=False),
        sa.Column("asker", sa.String(length=64), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("community", sa.Text(), nullable=False),
        sa.Column("mime_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha1", sa.String(length=40), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.Column("fetched", sa.String(length=14), nullable=False),
        sa.Column("until", sa.String(length=14), nullable=False),
        sa.PrimaryKeyConstraint("home", "repository", "unique_id", "asker"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_kept_copy_blob", "kept_copy", ["blob"], unique=False)
    op.create_index("ix_kept_copy_until", "kept_copy", ["until"], unique=False)
