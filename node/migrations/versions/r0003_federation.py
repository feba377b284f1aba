"""What a federation of institutions, the patients it shares and the whole registry need."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what is new."""
    _subscriptions()
    _patient_index()
    _membership()
    _correlations()
    _metadata_versions()


def _subscriptions() -> None:
    op.create_table(
        "subscription",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("filter", sa.String(), nullable=False),
        sa.Column("consumer", sa.String(), nullable=False),
        sa.Column("subscriber", sa.String(), nullable=False),
        sa.Column("created", sa.String(length=14), nullable=False),
        sa.Column("ends", sa.String(length=14), nullable=False),
        sa.PrimaryKeyConstraint("no"),
        sa.UniqueConstraint("id"),
    )
    op.create_table(
        "subscription_key",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("subscription", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["subscription"], ["subscription.no"]),
        sa.PrimaryKeyConstraint("key", "subscription"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_subscription_key_subscription"), "subscription_key", ["subscription"], unique=False)
    op.create_table(
        "notification",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("subscription", sa.Integer(), nullable=False),
        sa.Column("objects", sa.String(), nullable=False),
        sa.Column("queued", sa.String(length=14), nullable=False),
        sa.ForeignKeyConstraint(["subscription"], ["subscription.no"]),
        sa.PrimaryKeyConstraint("no"),
    )
    op.create_index(op.f("ix_notification_subscription"), "notification", ["subscription"], unique=False)


def _patient_index() -> None:
    op.create_table(
        "patient_identity",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("authority", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), server_default="", nullable=False),
        sa.Column("subsumed_by", sa.Integer(), nullable=True),
        sa.Column("changed", sa.String(length=14), nullable=False),
        sa.ForeignKeyConstraint(["subsumed_by"], ["patient_identity.no"]),
        sa.PrimaryKeyConstraint("no"),
    )
    op.create_index("ix_patient_identity_subsumed_by", "patient_identity", ["subsumed_by"], unique=False)
    op.create_index("patient_identity_pair", "patient_identity", ["authority", "id"], unique=True)
    _filed("patient_identifier", sa.Column("authority", sa.String(), nullable=False), "id")
    _filed("patient_key", sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False))
    _filed("patient_word", sa.Column("word", sa.String(), nullable=False))
    op.create_table(
        "patient_pair",
        sa.Column("low", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("high", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("origin", sa.String(length=9), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("since", sa.String(length=14), nullable=False),
        sa.PrimaryKeyConstraint("low", "high"),
        sa.ForeignKeyConstraint(["low"], ["patient_identity.no"]),
        sa.ForeignKeyConstraint(["high"], ["patient_identity.no"]),
        sqlite_with_rowid=False,
    )
    op.create_index("patient_pair_high", "patient_pair", ["high"], unique=False)
    op.create_index(
        "patient_pair_state", "patient_pair", ["state"], unique=False, sqlite_where=sa.text("state = 'review'")
    )
    # Patients that are known already are in the index with nothing but their identifier and their merges.
    op.execute(
        "INSERT INTO patient_identity (no, authority, id, subsumed_by, changed) "
        "SELECT no, replace(substr(cx, instr(cx, '^^^&') + 4), '&ISO', ''), substr(cx, 1, instr(cx, '^^^&') - 1), "
        "subsumed_by, coalesce(subsumed, added) FROM patient"
    )


def _filed(name: str, first: sa.Column[Any], *more: str) -> None:
    further = [sa.Column(column, sa.String(), nullable=False) for column in more]
    op.create_table(
        name,
        first,
        *further,
        sa.Column("identity", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["identity"], ["patient_identity.no"]),
        sa.PrimaryKeyConstraint(first.name, *more, "identity"),
        sqlite_with_rowid=False,
    )


def _membership() -> None:
    op.add_column("community", sa.Column("federation", sa.String(length=64), server_default="", nullable=False))
    op.create_table(
        "federation",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("directory", sa.LargeBinary(), nullable=False),
        sa.Column("joined", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "invitation",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("expires", sa.String(length=20), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint"),
    )


def _correlations() -> None:
    op.create_table(
        "patient_correlation",
        sa.Column("patient", sa.String(), nullable=False),
        sa.Column("home", sa.String(), nullable=False),
        sa.Column("theirs", sa.String(), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("since", sa.String(length=14), nullable=False),
        sa.Column("until", sa.String(length=14), nullable=False),
        sa.PrimaryKeyConstraint("patient", "home"),
        sqlite_with_rowid=False,
    )


def _metadata_versions() -> None:
    """Versions of a folder share its uniqueId: the constraint goes, and with it the old table."""
    op.create_table(
        "object_version",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", "version"),
        sa.UniqueConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.rename_table("folder", "folder_before")
    op.create_table(
        "folder",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("deprecated", sa.Integer(), nullable=False),
        sa.Column("last_update_time", sa.BigInteger(), nullable=False),
        sa.Column("codes", sa.String(), nullable=False),
        sa.Column("entry_uuid", sa.String(), nullable=False),
        sa.Column("unique_id", sa.String(), nullable=False),
        sa.Column("template", sa.LargeBinary(), nullable=False),
        sa.Column("hidden", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    columns = "id, deprecated, last_update_time, codes, entry_uuid, unique_id, template"
    op.execute(f"INSERT INTO folder ({columns}) SELECT {columns} FROM folder_before")  # noqa: S608  names only
    op.drop_table("folder_before")
    op.create_index("folder_unique_id", "folder", ["unique_id"], unique=False)
