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
