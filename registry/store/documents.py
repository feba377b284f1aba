"""Documents by uniqueId, for retrieval and for the administrator: read, deprecate, quarantine (ITI TF-3: 4.2.3.2)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final

from registry.metadata.objects import APPROVED, DEPRECATED, IS_SNAPSHOT_OF
from registry.store import visibility
from registry.store.codes import CodeBook
from registry.store.conditions import Clause, one_of
from registry.store.found import RegisteredDocument
from registry.store.keys import ASSOCIATION_NUMBER, Hidden, ObjectKind, id_range, patient_of_id
from registry.store.patients import PatientDirectory
from registry.store.sight import Sight

_SELECT: Final = """
SELECT id, entry_uuid, unique_id, deprecated, confidentiality_codes, repository_unique_id, hash, size, mime_type,
       on_demand, hidden, title, creation_time
FROM document_entry WHERE {where} ORDER BY id
"""
_NEWEST: Final = """
SELECT id, entry_uuid, deprecated, confidentiality_codes FROM document_entry
WHERE ({where}) AND hidden = 0 AND deprecated = 0 AND on_demand = 0
AND NOT EXISTS (SELECT 1 FROM association WHERE source = document_entry.id AND type = ?)
ORDER BY creation_time DESC, id & 0x3ffffff DESC
"""
_SNAPSHOT: Final = ASSOCIATION_NUMBER[IS_SNAPSHOT_OF]


class UnknownDocument(LookupError):  # noqa: N818  the name others rely on
    """No DocumentEntry has this uniqueId."""


def documents(
    connection: sqlite3.Connection, book: CodeBook, unique_ids: Sequence[str]
) -> dict[str, list[RegisteredDocument]]:
    """Every entry of each uniqueId that is registered, those in quarantine too, in no order that means anything."""
    found: dict[str, list[RegisteredDocument]] = {}
    for document in _registered(connection, book, one_of("unique_id", unique_ids)):
        found.setdefault(document.unique_id, []).append(document)
    return found


def newest(
    connection: sqlite3.Connection, book: CodeBook, patients: Sequence[int], most: int, sight: Sight | None
) -> list[RegisteredDocument]:
    """The newest stable documents of these patients, as far as they are in sight; snapshots are none of them."""
    ranges = [id_range(patient) for patient in patients]
    where = " OR ".join(["id BETWEEN ? AND ?"] * len(ranges))
    values = (*chain.from_iterable(ranges), _SNAPSHOT)
    rows: Iterable[tuple[int, str, int, str]] = connection.execute(_NEWEST.format(where=where or "0"), values)
    seen = rows if sight is None else sight.shown(ObjectKind.DOCUMENT, rows)
    wanted = [row[0] for row in islice(seen, most)]
    found = {document.id: document for document in _registered(connection, book, one_of("id", wanted))}
    return [found[id_] for id_ in wanted]


def _registered(connection: sqlite3.Connection, book: CodeBook, clause: Clause) -> Iterator[RegisteredDocument]:
    rows = connection.execute(_SELECT.format(where=clause.text), clause.values).fetchall()
    patients = PatientDirectory(connection).survivors(patient_of_id(row[0]) for row in rows)
    for row in rows:
        id_, entry_uuid, unique_id, deprecated, packed, repository, hash_, size, mime, made, hidden, *shown = row
        title, created = shown
        yield RegisteredDocument(
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
