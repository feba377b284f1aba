"""Clock and source of ids of a command that runs for itself; in a node they come from its services."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4  # noqa: TID251  the one source of ids of a command


def now() -> datetime:
    """This instant, UTC."""
    return datetime.now(UTC)  # noqa: TID251  the one clock of a command


def new_uuid() -> UUID:
    """A random UUID."""
    return uuid4()
