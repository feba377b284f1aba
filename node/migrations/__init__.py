"""Alembic scripts of the node's one database, newest last.

To change the schema: change the tables (`*/store/tables.py`, `trust/*/tables.py`), add a module `versions/rNNNN_….py`
whose `upgrade` does the same to an older database, and its revision below. A test compares the outcome of both.
"""

from __future__ import annotations

from typing import Final

# Kept here so that a start can tell an up-to-date database without importing Alembic; a test compares both.
REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005")
