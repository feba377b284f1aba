"""Alembic scripts of the node's one database, newest last."""

from __future__ import annotations

from typing import Final

# Kept here so that a start can tell an up-to-date database without importing Alembic; a test compares both.
REVISIONS: Final = ("0001",)
