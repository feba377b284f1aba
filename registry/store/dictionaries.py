"""Dictionaries that a registry learned from its own metadata: when another one is worth it, and of what it is made."""

from __future__ import annotations

import sqlite3
from typing import Final

_WORTH_IT: Final = (2_000, 50_000, 1_000_000)  # documents at which the first, second and third one is learned
_SAMPLES: Final = {"document_entry": 1_200, "submission_set": 300, "association": 300, "folder": 100}
_BITS: Final = 63
_GOLDEN: Final = 0x9E3779B97F4A7C15  # multiples of it spread evenly over any range


def learned(connection: sqlite3.Connection) -> list[bytes]:
    """Every dictionary, oldest first."""
    return [bytes(content) for (content,) in connection.execute("SELECT content FROM fragment_dictionary ORDER BY no")]


def keep(connection: sqlite3.Connection, content: bytes, now: str) -> None:
    """Add a dictionary. The connection is in a transaction."""
    connection.execute("INSERT INTO fragment_dictionary (content, learned) VALUES (?, ?)", (content, now))


def sample(connection: sqlite3.Connection) -> list[bytes]:
    """Stored templates from all over the registry; none while another dictionary would be of no use."""
    (known,) = connection.execute("SELECT count(*) FROM fragment_dictionary").fetchone()
    if known == len(_WORTH_IT):
        return []
    documents = "SELECT count(*) FROM (SELECT unique_id FROM document_entry LIMIT ?)"
    (found,) = connection.execute(documents, (_WORTH_IT[known],)).fetchone()
    if found < _WORTH_IT[known]:
        return []
    return [template for table, count in _SAMPLES.items() for template in _spread(connection, table, count)]


def _spread(connection: sqlite3.Connection, table: str, count: int) -> list[bytes]:
    """Templates of up to `count` rows of a table, found from evenly spread ids on; ids cluster, so some come twice."""
    first, last = connection.execute(f"SELECT min(id), max(id) FROM {table}").fetchone()  # noqa: S608  own names only
    if first is None:
        return []
    nearest = f"SELECT id, template FROM {table} WHERE id >= ? LIMIT 1"  # noqa: S608  own names only
    places = (first + (number * _GOLDEN % (1 << _BITS)) * (last - first) // (1 << _BITS) for number in range(count))
    return list(dict(connection.execute(nearest, (place,)).fetchone() for place in places).values())
