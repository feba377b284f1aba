"""What a federation of institutions, the patients it shares and the whole registry need."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what is new."""
    _subscriptions()


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
