"""What locators and others need beyond the first releases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what is new."""
    _locations_heard()


def _locations_heard() -> None:
    op.add_column("location_source", sa.Column("heard", sa.String(length=8), server_default="", nullable=False))
    op.execute("UPDATE location_source SET heard = strftime('%Y%m%d', 'now')")
    # The words of some names are others than before: names in one field, digits in names.
    op.execute("INSERT INTO location_due (identity) SELECT DISTINCT identity FROM location_told")
