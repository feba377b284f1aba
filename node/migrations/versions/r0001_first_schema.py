"""The first schema: registry, repository, audit ledger, certificates and communities."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    _association()
    _code()
    _document_entry()
    _folder()
    _patient()
    _registry_object()
    _submission_set()
    _stored_document()
    _audit_head()
    _audit_leaf()
    _audit_record()
    _audit_subject()
    _certificate_binding()
    _community()


def _association() -> None:
    op.create_table(
        "association",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("hidden", sa.Integer(), nullable=False),
        sa.Column("deprecated", sa.Integer(), nullable=False),
        sa.Column("type", sa.Integer(), nullable=False),
        sa.Column("source", sa.BigInteger(), nullable=False),
        sa.Column("target", sa.BigInteger(), nullable=False),
        sa.Column("entry_uuid", sa.String(), nullable=False),
        sa.Column("source_uuid", sa.String(), nullable=False),
        sa.Column("target_uuid", sa.String(), nullable=False),
        sa.Column("template", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_association_source"), "association", ["source"], unique=False)
    op.create_index(op.f("ix_association_target"), "association", ["target"], unique=False)


def _code() -> None:
    op.create_table(
        "code",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("scheme", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("no"),
    )
    op.create_index("code_pair", "code", ["code", "scheme"], unique=True)


def _document_entry() -> None:
    op.create_table(
        "document_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("hidden", sa.Integer(), nullable=False),
        sa.Column("deprecated", sa.Integer(), nullable=False),
        sa.Column("on_demand", sa.Integer(), nullable=False),
        sa.Column("class_code", sa.Integer(), nullable=True),
        sa.Column("type_code", sa.Integer(), nullable=True),
        sa.Column("practice_setting_code", sa.Integer(), nullable=True),
        sa.Column("healthcare_facility_type_code", sa.Integer(), nullable=True),
        sa.Column("format_code", sa.Integer(), nullable=True),
        sa.Column("creation_time", sa.BigInteger(), nullable=True),
        sa.Column("service_start_time", sa.BigInteger(), nullable=True),
        sa.Column("service_stop_time", sa.BigInteger(), nullable=True),
        sa.Column("confidentiality_codes", sa.String(), nullable=False),
        sa.Column("event_codes", sa.String(), nullable=False),
        sa.Column("author_persons", sa.String(), nullable=True),
        sa.Column("reference_id_list", sa.String(), nullable=True),
        sa.Column("entry_uuid", sa.String(), nullable=False),
        sa.Column("unique_id", sa.String(), nullable=False),
        sa.Column("repository_unique_id", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("mime_type", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("template", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("document_entry_unique_id", "document_entry", ["unique_id"], unique=False)


def _folder() -> None:
    op.create_table(
        "folder",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("deprecated", sa.Integer(), nullable=False),
        sa.Column("last_update_time", sa.BigInteger(), nullable=False),
        sa.Column("codes", sa.String(), nullable=False),
        sa.Column("entry_uuid", sa.String(), nullable=False),
        sa.Column("unique_id", sa.String(), nullable=False),
        sa.Column("template", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("unique_id"),
    )


def _patient() -> None:
    op.create_table(
        "patient",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("cx", sa.String(), nullable=False),
        sa.Column("added", sa.String(length=14), nullable=False),
        sa.Column("subsumed_by", sa.Integer(), nullable=True),
        sa.Column("subsumed", sa.String(length=14), nullable=True),
        sa.Column("objects", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["subsumed_by"],
            ["patient.no"],
        ),
        sa.PrimaryKeyConstraint("no"),
        sa.UniqueConstraint("cx"),
    )
    op.create_index(op.f("ix_patient_subsumed_by"), "patient", ["subsumed_by"], unique=False)


def _registry_object() -> None:
    op.create_table(
        "registry_object",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=False,
    )


def _submission_set() -> None:
    op.create_table(
        "submission_set",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("deprecated", sa.Integer(), nullable=False),
        sa.Column("content_type_code", sa.Integer(), nullable=True),
        sa.Column("submission_time", sa.BigInteger(), nullable=True),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("author_persons", sa.String(), nullable=True),
        sa.Column("entry_uuid", sa.String(), nullable=False),
        sa.Column("unique_id", sa.String(), nullable=False),
        sa.Column("template", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("unique_id"),
    )


def _stored_document() -> None:
    op.create_table(
        "stored_document",
        sa.Column("unique_id", sa.String(), nullable=False),
        sa.Column("mime_type", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha1", sa.String(length=40), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("unique_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_stored_document_blob"), "stored_document", ["blob"], unique=False)


def _audit_head() -> None:
    op.create_table(
        "audit_head",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("first_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("shard"),
        sa.UniqueConstraint("origin"),
    )


def _audit_leaf() -> None:
    op.create_table(
        "audit_leaf",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )


def _audit_record() -> None:
    op.create_table(
        "audit_record",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("time", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )


def _audit_subject() -> None:
    op.create_table(
        "audit_subject",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ctr", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("subject", "shard", "ctr"),
        sqlite_with_rowid=False,
    )


def _certificate_binding() -> None:
    op.create_table(
        "certificate_binding",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("home", sa.String(length=64), nullable=False),
        sa.Column("clearance", sa.String(length=1), nullable=False),
        sa.Column("test_community", sa.Integer(), nullable=False),
        sa.Column("added", sa.String(length=20), nullable=False),
        sa.Column("not_after", sa.String(length=20), nullable=False),
        sa.Column("revoked", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint"),
    )
    op.create_index("certificate_binding_home", "certificate_binding", ["home"], unique=False)


def _community() -> None:
    op.create_table(
        "community",
        sa.Column("home", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("clearance", sa.String(length=1), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("added", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("home"),
    )
