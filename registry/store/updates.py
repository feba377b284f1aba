"""Metadata updates in the tables: what one refers to, and writing what it changes. Never commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from registry.ebrim.fragments import Fragments
from registry.ebrim.renaming import renamed
from registry.errors import RegistryOutOfResources
from registry.lifecycle import Changes, Stored
from registry.metadata.objects import UPDATE_AVAILABILITY_STATUS
from registry.metadata.values import is_symbolic
from registry.store import labels, versions, visibility
from registry.store.codes import CodeBook
from registry.store.conditions import one_of
from registry.store.keys import (
    ASSOCIATION_NUMBER,
    ASSOCIATION_TYPES,
    MOST_OBJECTS,
    Hidden,
    ObjectKind,
    kind_of_id,
    object_id,
    uuid_key,
)
from registry.store.objects import ids_by_uuid
from registry.store.references import References
from registry.store.submissions import take_numbers, write
from registry.update_changes import Inherited, UpdateChanges
from registry.update_conflicts import Latest, Link, UpdateReferred
from registry.updates import Update, needs_registered

_TABLE: Final = {
    ObjectKind.DOCUMENT: "document_entry",
    ObjectKind.FOLDER: "folder",
    ObjectKind.ASSOCIATION: "association",
}
_DOCUMENT: Final = (
    "SELECT mime_type, repository_unique_id, hidden, confidentiality_codes FROM document_entry WHERE id = ?"
)
_LINKS: Final = """
SELECT id, entry_uuid, type, source, target FROM association
WHERE (source = :id OR target = :id) AND deprecated = 0 AND type != :order
"""
_TEMPLATE: Final = "SELECT template, type FROM association WHERE id = ?"
_INSERT: Final = """
INSERT INTO association (id, hidden, deprecated, type, source, target, entry_uuid, source_uuid, target_uuid, template)
VALUES (?, 0, 0, ?, ?, ?, ?, ?, ?, ?)
"""
_ORDER: Final = ASSOCIATION_NUMBER[UPDATE_AVAILABILITY_STATUS]


class UpdateReferences:
    """Reads what is stored, over the connection that will write."""

    def __init__(self, connection: sqlite3.Connection, codes: CodeBook, fragments: Fragments) -> None:
        self._connection = connection
        self._codes = codes
        self._fragments = fragments
        self._references = References(connection)

    def load(self, update: Update, *, authority: str) -> UpdateReferred:
        """Everything stored that the operations name."""
        named = self._references.load_named(update.submission, needs_registered(update), authority=authority)
        logical_ids = [item.obj.logical_id or "" for item in update.versions]
        latest = {one.lower(): found for one in logical_ids if (found := self._latest(one)) is not None}
        keys = [stored.key for stored in named.objects.values() if stored.kind == "association"]
        return UpdateReferred(
            named=named,
            latest=latest,
            links={
                found.stored.key: tuple(links_of(self._connection, self._references, found.stored.key))
                for found in latest.values()
            },
            ends={key: self._ends(key) for key in keys},
            joined=self._joined(update),
        )

    def _latest(self, logical_id: str) -> Latest | None:
        if is_symbolic(logical_id):
            return None
        found = versions.of_logical_id(self._connection, logical_id)
        if not found:
            return None
        version, id_ = max(found.items())
        (stored,) = self._references.by_id([id_])
        latest = Latest(stored=stored, version=version, first=found[min(found)])
        if stored.kind != "document":
            return latest
        mime_type, repository, hidden, packed = self._connection.execute(_DOCUMENT, (id_,)).fetchone()
        return Latest(
            stored=stored,
            version=version,
            first=found[min(found)],
            mime_type=mime_type,
            repository_unique_id=repository,
            source_patient_id=tuple(
                labels.slot_values(self._connection, self._fragments.expand, id_, "sourcePatientId")
            ),
            offline=bool(hidden & Hidden.AWAY),
            confidentiality=self._codes.codes(self._connection, packed),
        )

    def _ends(self, id_: int) -> tuple[Stored, Stored]:
        row = self._connection.execute("SELECT source, target FROM association WHERE id = ?", (id_,)).fetchone()
        source, target = self._references.by_id(row)
        return source, target

    def _joined(self, update: Update) -> frozenset[tuple[str, int, int]]:
        ids = ids_by_uuid(self._connection, {item.source for item in update.associations})
        clause = one_of("source", list(ids.values()) or [-1])
        rows = self._connection.execute(
            f"SELECT type, source, target FROM association WHERE deprecated = 0 AND {clause.text}",  # noqa: S608
            clause.values,
        )
        return frozenset((ASSOCIATION_TYPES[type_], source, target) for type_, source, target in rows)


def links_of(connection: sqlite3.Connection, references: References, id_: int) -> Iterable[Link]:
    """The Approved associations of an object that its next version may inherit."""
    for key, entry_uuid, type_, source, target in connection.execute(_LINKS, {"id": id_, "order": _ORDER}).fetchall():
        if kind_of_id(source) != ObjectKind.SUBMISSION_SET:
            ends = references.by_id([source, target])
            yield Link(key=key, entry_uuid=entry_uuid, type=type_, source=ends[0], target=ends[1])


def write_update(
    connection: sqlite3.Connection,
    book: CodeBook,
    fragments: Fragments,
    changes: UpdateChanges,
    referred: UpdateReferred,
    *,
    patient: int,
) -> None:
    """Write everything `changes` says. `patient` is the number of the submission's patient.

    Raises:
        XdsErrors: XDSRegistryOutOfResources, the patient has as many objects as can be numbered.
    """
    plain = Changes(submission=changes.submission, now=changes.now, updated_folders=changes.updated_folders)
    write(connection, book, fragments, plain, referred.named, patient=patient)
    touched: list[int] = []
    for item in changes.successions:
        before = item.before.stored.key
        new = ids_by_uuid(connection, [item.entry_uuid])[item.entry_uuid]
        versions.keep(connection, item.logical_id, {item.before.version: before, item.before.version + 1: new})
        table = _TABLE[ObjectKind(kind_of_id(before))]
        connection.execute(
            f"UPDATE {table} SET deprecated = 1, hidden = hidden | {Hidden.OLD} WHERE id = ?",  # noqa: S608
            (before,),
        )
        if item.deprecated:
            connection.execute(f"UPDATE {table} SET deprecated = 1 WHERE id = ?", (new,))  # noqa: S608  own names
        touched += [before, new]
    inherit(connection, fragments, changes.inherited, patient)
    for entry_uuid, deprecated in changes.statuses.items():
        touched.append(_change_status(connection, entry_uuid, deprecated=deprecated))
    own = [item.entry_uuid for item in changes.submission.associations]
    visibility.follow(connection, [*touched, *ids_by_uuid(connection, own).values()])


def _change_status(connection: sqlite3.Connection, entry_uuid: str, *, deprecated: bool) -> int:
    id_ = ids_by_uuid(connection, [entry_uuid])[entry_uuid]
    kind = ObjectKind(kind_of_id(id_))
    connection.execute(f"UPDATE {_TABLE[kind]} SET deprecated = ? WHERE id = ?", (int(deprecated), id_))  # noqa: S608
    if kind is ObjectKind.FOLDER:
        change = f"hidden | {Hidden.AWAY}" if deprecated else f"hidden & ~{Hidden.AWAY}"
        connection.execute(f"UPDATE folder SET hidden = {change} WHERE id = ?", (id_,))  # noqa: S608  a number
    return id_


def inherit(connection: sqlite3.Connection, fragments: Fragments, inherited: Sequence[Inherited], patient: int) -> None:
    """Copies of associations between other ends, with ids of their own, among the objects of `patient`."""
    if not inherited:
        return
    last = take_numbers(connection, patient, len(inherited))
    if last > MOST_OBJECTS:
        raise RegistryOutOfResources("the registry cannot hold more objects of this patient")
    ends = ids_by_uuid(connection, {end for item in inherited for end in (item.source, item.target)})
    for number, item in enumerate(inherited, start=last - len(inherited) + 1):
        stored, type_ = connection.execute(_TEMPLATE, (item.link.key,)).fetchone()
        id_ = object_id(patient, 0, number, ObjectKind.ASSOCIATION)
        template = fragments.expand(stored)
        for before, after in (
            (item.link.entry_uuid, item.entry_uuid),
            (item.link.source.entry_uuid, item.source),
            (item.link.target.entry_uuid, item.target),
        ):
            template = renamed(template, before, after)
        connection.execute("INSERT INTO registry_object (key, id) VALUES (?, ?)", (uuid_key(item.entry_uuid), id_))
        row = (id_, type_, ends[item.source], ends[item.target], item.entry_uuid, item.source, item.target)
        connection.execute(_INSERT, (*row, fragments.compress(template)))
