"""Rows of the stored documents: uniqueId to blob. A uniqueId has one content, for ever (ITI TF-3: 4.2.3.2.26)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from repository.store.staging import Staged

_COLUMNS: Final = "unique_id, mime_type, size, sha1, sha256, blob"
_INSERT: Final = (
    f"INSERT INTO stored_document ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) "  # noqa: S608  names only
    "ON CONFLICT (unique_id) DO NOTHING"
)
_LOCATE: Final = f"SELECT {_COLUMNS} FROM stored_document WHERE unique_id = ?"  # noqa: S608
_PAGE: Final = f"SELECT {_COLUMNS} FROM stored_document WHERE unique_id > ? ORDER BY unique_id LIMIT 200"  # noqa: S608
_IN_BLOB: Final = f"SELECT {_COLUMNS} FROM stored_document WHERE blob = ? ORDER BY unique_id"  # noqa: S608
_REFERENCES: Final = "SELECT 1 FROM stored_document WHERE blob = ? LIMIT 1"


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """One document that can be retrieved."""

    unique_id: str
    mime_type: str
    size: int  # octets
    sha1: str  # 40 hex digits
    sha256: bytes
    blob: str  # name in the BlobStore


@dataclass(frozen=True, slots=True)
class OtherContent:
    """The uniqueId is taken by another content; nothing was changed."""

    stored: StoredDocument
    offered: Staged


class Catalogue:
    """The table `stored_document` on one connection. Writes belong to whoever holds the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def keep(self, unique_id: str, mime_type: str, staged: Staged) -> StoredDocument | OtherContent:
        """Add a row; the row that is there already when the same content was stored under this uniqueId before."""
        offered = StoredDocument(unique_id, mime_type, staged.size, staged.sha1, staged.sha256, staged.name)
        values = (unique_id, mime_type, staged.size, staged.sha1, staged.sha256, bytes.fromhex(staged.name))
        if self._connection.execute(_INSERT, values).rowcount == 1:
            return offered
        stored = self.locate(unique_id)
        assert stored is not None  # noqa: S101  it was in the way
        return stored if stored.sha256 == staged.sha256 else OtherContent(stored, staged)

    def locate(self, unique_id: str) -> StoredDocument | None:
        """The document of this uniqueId, None when there is none."""
        row = self._connection.execute(_LOCATE, (unique_id,)).fetchone()
        return _document(row) if row else None

    def rename(self, unique_id: str, as_: str) -> StoredDocument | None:
        """Give a document another uniqueId; None where that has another content already (same content: it stays one).

        Raises:
            LookupError: there is none to be renamed.
        """
        stored, there = self.locate(unique_id), self.locate(as_)
        if stored is None:
            raise LookupError(unique_id)
        if there is not None and there.sha256 != stored.sha256:
            return None
        if there is None:
            values = (as_, stored.mime_type, stored.size, stored.sha1, stored.sha256, bytes.fromhex(stored.blob))
            self._connection.execute(_INSERT, values)
        self._connection.execute("DELETE FROM stored_document WHERE unique_id = ?", (unique_id,))
        return self.locate(as_)

    def references(self, blob: str) -> bool:
        """Whether any row refers to the blob of this name."""
        return self._connection.execute(_REFERENCES, (bytes.fromhex(blob),)).fetchone() is not None

    def remove(self, unique_id: str) -> StoredDocument | None:
        """Take the row of a document away; None when there is none."""
        stored = self.locate(unique_id)
        if stored is not None:
            self._connection.execute("DELETE FROM stored_document WHERE unique_id = ?", (unique_id,))
            if not self.references(stored.blob):
                self.note(stored.blob, damaged=False, now="")
        return stored

    def documents(self, after: str = "") -> Iterator[StoredDocument]:
        """Every row in order of uniqueId, read in short steps: nothing is held open between them.

        `after`: only those that follow this uniqueId.
        """
        last = after
        while rows := self._connection.execute(_PAGE, (last,)).fetchall():
            yield from map(_document, rows)
            last = rows[-1][0]

    def in_blob(self, blob: str) -> list[StoredDocument]:
        """The documents whose content lies in the blob of this name."""
        return [_document(row) for row in self._connection.execute(_IN_BLOB, (bytes.fromhex(blob),))]

    def damaged(self) -> list[str]:
        """Names of the blobs that were found damaged and not yet sound again."""
        return [blob.hex() for (blob,) in self._connection.execute("SELECT blob FROM damaged_blob")]

    def note(self, blob: str, *, damaged: bool, now: str) -> None:
        """Write down that a blob was found damaged, or sound again."""
        if damaged:
            values = (bytes.fromhex(blob), now)
            self._connection.execute("INSERT OR IGNORE INTO damaged_blob (blob, found) VALUES (?, ?)", values)
        else:
            self._connection.execute("DELETE FROM damaged_blob WHERE blob = ?", (bytes.fromhex(blob),))


def _document(row: tuple[str, str, int, str, bytes, bytes]) -> StoredDocument:
    unique_id, mime_type, size, sha1, sha256, blob = row
    return StoredDocument(unique_id, mime_type, size, sha1, sha256, blob.hex())
