"""Versions of documents and folders: which objects are one logical object, and which of them is the latest.

Only what was ever updated stands in the table; an object that was not is its own first and only version.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from registry.store.conditions import one_of
from registry.store.keys import uuid_key
from registry.store.objects import ids_by_uuid

FIRST: Final = 1
_OF_KEY: Final = "SELECT version, id FROM object_version WHERE key = ? ORDER BY version"
_LATEST: Final = """
SELECT v.id, (SELECT w.id FROM object_version AS w WHERE w.key = v.key ORDER BY w.version DESC LIMIT 1) AS latest
FROM object_version AS v WHERE """
_KEEP: Final = "INSERT OR IGNORE INTO object_version (key, version, id) VALUES (?, ?, ?)"


def of_logical_id(connection: sqlite3.Connection, logical_id: str) -> dict[int, int]:
    """Version -> id of every version of a logicalID, the oldest first; empty for none."""
    found = dict(connection.execute(_OF_KEY, (uuid_key(logical_id),)).fetchall())
    if found:
        return found
    alone = ids_by_uuid(connection, [logical_id]).get(logical_id)
    # What has a logicalID of another object is not named by its own entryUUID.
    return {} if alone is None or _is_kept(connection, alone) else {FIRST: alone}


def _is_kept(connection: sqlite3.Connection, id_: int) -> bool:
    return connection.execute("SELECT 1 FROM object_version WHERE id = ?", (id_,)).fetchone() is not None


def latest_of(connection: sqlite3.Connection, ids: Iterable[int]) -> dict[int, int]:
    """The latest version of each of these objects that is not the latest itself."""
    wanted = list(ids)
    if not wanted:
        return {}
    clause = one_of("v.id", wanted)
    rows = connection.execute(_LATEST + clause.text, clause.values)
    return {id_: latest for id_, latest in rows if id_ != latest}


def siblings(connection: sqlite3.Connection, id_: int) -> tuple[bytes, dict[int, int]] | None:
    """The key of the logicalID of an object and all its versions (version -> id); None for one never updated."""
    row = connection.execute("SELECT key FROM object_version WHERE id = ?", (id_,)).fetchone()
    return None if row is None else (row[0], dict(connection.execute(_OF_KEY, (row[0],)).fetchall()))


def keep(connection: sqlite3.Connection, logical_id: str, versions: dict[int, int]) -> None:
    """Write down versions (version -> id) of a logicalID; those that are known already stay. Never commits."""
    key = uuid_key(logical_id)
    connection.executemany(_KEEP, [(key, version, id_) for version, id_ in versions.items()])
