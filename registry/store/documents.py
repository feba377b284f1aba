"""Documents by uniqueId, for retrieval and for the administrator: read, deprecate, quarantine (ITI TF-3: 4.2.3.2)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from registry.metadata.objects import APPROVED, DEPRECATED
from registry.store import visibility
from registry.store.codes import CodeBook
from registry.store.conditions import one_of
from registry.store.found import RegisteredDocument
from registry.store.keys import Hidden, patient_of_id
from registry.store.patients import PatientDirectory

_SELECT: Final = """
SELECT id, entry_uuid, unique_id, deprecated, confidentiality_codes, repository_unique_id, hash, size, mime_type,
       on_demand, hidden, title, creation_time
FROM document_entry WHERE {where} ORDER BY id
"""


class UnknownDocument(LookupError):  # noqa: N818  the name others rely on
    """No DocumentEntry has this uniqueId."""


def documents(
    connection: sqlite3.Connection, book: CodeBook, unique_ids: Sequence[str]
) -> dict[str, list[RegisteredDocument]]:
    """Every entry of each uniqueId that is registered, those in quarantine too, in no order that means anything."""
    clause = one_of("unique_id", unique_ids)
    rows = connection.execute(_SELECT.format(where=clause.text), clause.values).fetchall()
    patients = PatientDirectory(connection).survivors(patient_of_id(row[0]) for row in rows)
    found: dict[str, list[RegisteredDocument]] = {}
    for row in rows:
        id_, entry_uuid, unique_id, deprecated, packed, repository, hash_, size, mime, made, hidden, *shown = row
        title, created = shown
        document = RegisteredDocument(
            id=id_,
            entry_uuid=entry_uuid,
            unique_id=unique_id,
            patient_id=patients[patient_of_id(id_)],
            status=DEPRECATED if deprecated else APPROVED,
            confidentiality=book.codes(connection, packed),
            repository_unique_id=repository,
            hash=hash_,
            size=size,
            mime_type=mime,
            on_demand=bool(made),
            quarantined=bool(hidden & Hidden.QUARANTINED),
            superseded=bool(hidden & Hidden.NOT_LATEST),
            title=title,
            creation_time="" if created is None else str(created),
        )
        found.setdefault(unique_id, []).append(document)
    return found


def deprecate(connection: sqlite3.Connection, unique_id: str) -> None:
    """Deprecate every entry of a uniqueId.

    Raises:
        UnknownDocument: there is none.
    """
    changed = connection.execute("UPDATE document_entry SET deprecated = 1 WHERE unique_id = ?", (unique_id,))
    if changed.rowcount == 0:
        raise UnknownDocument(unique_id)


def quarantine(connection: sqlite3.Connection, unique_id: str, *, on: bool) -> None:
    """Take every entry of a uniqueId, with all associations that lead to it, out of every answer, or put it back.

    Raises:
        UnknownDocument: there is none.
    """
    ids = [id_ for (id_,) in connection.execute("SELECT id FROM document_entry WHERE unique_id = ?", (unique_id,))]
    if not ids:
        raise UnknownDocument(unique_id)
    change = f"hidden | {Hidden.QUARANTINED}" if on else f"hidden & ~{Hidden.QUARANTINED}"
    connection.execute(f"UPDATE document_entry SET hidden = {change} WHERE unique_id = ?", (unique_id,))  # noqa: S608
    visibility.follow(connection, ids)
