"""Receipts, exchanges without an outcome, what a witness remembers (audit-ledger 2.8, 2.10); damaged documents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what is new."""
    _audit_receipt()
    _audit_open()
    _community()
    _damaged_blob()
    _witness()
    _fragment_dictionary()
    _consent()
    _used_assertion()


def _audit_receipt() -> None:
    op.create_table(
        "audit_receipt",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("cid", sa.Text(), nullable=False),
        sa.Column("proof", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index(op.f("ix_audit_receipt_cid"), "audit_receipt", ["cid"], unique=False)


def _audit_open() -> None:
    op.create_table(
        "audit_open",
        sa.Column("cid", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("cid"),
        sqlite_with_rowid=False,
    )


def _community() -> None:
    op.add_column("community", sa.Column("audit_proof", sa.String(length=8), server_default="optional", nullable=False))


def _damaged_blob() -> None:
    op.create_table(
        "damaged_blob",
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.Column("found", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("blob"),
        sqlite_with_rowid=False,
    )


def _witness() -> None:
    op.create_table(
        "audit_witness",
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("origin"),
    )
    op.create_table(
        "audit_evidence",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("grade", sa.Text(), nullable=False),
        sa.Column("time", sa.Text(), nullable=False),
        sa.Column("note_1", sa.LargeBinary(), nullable=False),
        sa.Column("note_2", sa.LargeBinary(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _fragment_dictionary() -> None:
    op.create_table(
        "fragment_dictionary",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("learned", sa.String(length=14), nullable=False),
        sa.PrimaryKeyConstraint("no"),
    )


def _consent() -> None:
    op.create_table(
        "consent",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("newest", sa.Integer(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", "version"),
    )
    op.create_index("consent_patient", "consent", ["patient"], unique=False)
    op.create_index("consent_document", "consent", ["document"], unique=False)
    op.create_table(
        "emergency_access",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("home", sa.String(length=64), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("first", sa.String(length=20), nullable=False),
        sa.Column("last", sa.String(length=20), nullable=False),
        sa.Column("accesses", sa.Integer(), nullable=False),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reviewed_by", sa.Text(), nullable=False),
        sa.Column("reviewed", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("emergency_access_open", "emergency_access", ["user", "home"], unique=False)


def _used_assertion() -> None:
    op.create_table(
        "used_assertion",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("until", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "id"),
        sqlite_with_rowid=False,
    )
