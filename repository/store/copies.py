"""Rows of documents of other communities that are kept for a while: whose they are, who may use them, until when.

Their files lie in a BlobStore of their own; nothing here is a document of this repository.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_COLUMNS: Final = (
    "home, repository, unique_id, asker, patient, community, mime_type, size, sha1, sha256, blob, fetched, until"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCopy:
    """One copy for one asker. `asker` is a digest, `patient` ours (CX), `blob` the file; times are 14 digits, UTC."""

    home: str
    repository: str
    unique_id: str
    asker: str
    patient: str
    community: str
    mime_type: str
    size: int
    sha1: str
    sha256: bytes
    blob: str
    fetched: str
    until: str


def keep(connection: sqlite3.Connection, copies: Iterable[KeptCopy]) -> None:
    """Add copies; a newer one takes the place of an older. For a write job."""
    connection.executemany(
        f"INSERT OR REPLACE INTO kept_copy ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        [
            (
                *(one.home, one.repository, one.unique_id, one.asker, one.patient, one.community, one.mime_type),
                *(one.size, one.sha1, one.sha256, bytes.fromhex(one.blob), one.fetched, one.until),
            )
            for one in copies
        ],
    )


def of(
    connection: sqlite3.Connection, home: str, repository: str, unique_id: str, *, asker: str, now: str
) -> KeptCopy | None:
    """The copy that this asker may use now, None when there is none."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM kept_copy"  # noqa: S608  names only
        " WHERE home = ? AND repository = ? AND unique_id = ? AND asker = ? AND until > ?",
        (home, repository, unique_id, asker, now),
    ).fetchone()
    if row is None:
        return None
    *names, size, sha1, sha256, blob, fetched, until = row
    home_, repository_, unique_id_, asker_, patient, community, mime_type = names
    return KeptCopy(
        home=home_,
        repository=repository_,
        unique_id=unique_id_,
        asker=asker_,
        patient=patient,
        community=community,
        mime_type=mime_type,
        size=size,
        sha1=sha1,
        sha256=sha256,
        blob=blob.hex(),
        fetched=fetched,
        until=until,
    )


def forget(connection: sqlite3.Connection, home: str, repository: str, unique_id: str) -> int:
    """Drop every copy of a document; how many there were. For a write job."""
    return connection.execute(
        "DELETE FROM kept_copy WHERE home = ? AND repository = ? AND unique_id = ?", (home, repository, unique_id)
    ).rowcount


def kept(connection: sqlite3.Connection, home: str, repository: str, unique_id: str) -> bool:
    """Whether anybody has a copy of a document."""
    found = connection.execute(
        "SELECT 1 FROM kept_copy WHERE home = ? AND repository = ? AND unique_id = ? LIMIT 1",
        (home, repository, unique_id),
    )
    return found.fetchone() is not None


def ended(connection: sqlite3.Connection, now: str) -> int:
    """How many have ended."""
    return int(connection.execute("SELECT count(*) FROM kept_copy WHERE until <= ?", (now,)).fetchone()[0])


def expire(connection: sqlite3.Connection, now: str) -> int:
    """Drop what has ended; how many. For a write job."""
    return connection.execute("DELETE FROM kept_copy WHERE until <= ?", (now,)).rowcount


def references(connection: sqlite3.Connection, blob: str) -> bool:
    """Whether any row refers to the file of this name."""
    found = connection.execute("SELECT 1 FROM kept_copy WHERE blob = ? LIMIT 1", (bytes.fromhex(blob),))
    return found.fetchone() is not None
