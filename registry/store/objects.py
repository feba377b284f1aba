"""Registered objects by entryUUID: where each lies."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from registry.store.keys import uuid_key

_AT_ONCE: Final = 500  # SQLite limits the number of parameters


def ids_by_uuid(connection: sqlite3.Connection, entry_uuids: Iterable[str]) -> dict[str, int]:
    """The id of each entryUUID that is registered, as the entryUUID was given."""
    by_key: dict[bytes, str] = {uuid_key(entry_uuid): entry_uuid for entry_uuid in entry_uuids}
    keys = list(by_key)
    found: dict[str, int] = {}
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        query = f"SELECT key, id FROM registry_object WHERE key IN ({', '.join('?' * len(some))})"  # noqa: S608
        found |= {by_key[key]: id_ for key, id_ in connection.execute(query, some)}
    return found
