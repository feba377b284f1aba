"""XAD-PID Link Change in the tables: what it concerns, and writing what it changes. Never commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from registry.ebrim.fragments import Fragments
from registry.ebrim.renaming import logical_id_of, next_version
from registry.errors import RegistryOutOfResources
from registry.lifecycle import Changes, Referred, Stored
from registry.link_change import LinkChange, LinkChanges, Versioned, following
from registry.metadata.objects import HAS_MEMBER
from registry.metadata.submission import Submission
from registry.patients.identity import PatientIdentityError, Refusal, identifier_refusal
from registry.store import labels, versions, visibility
from registry.store.codes import CodeBook
from registry.store.keys import (
    ASSOCIATION_NUMBER,
    MOST_OBJECTS,
    Hidden,
    ObjectKind,
    cluster_of_id,
    id_range,
    kind_of_id,
    object_id,
    uuid_key,
)
from registry.store.objects import ids_by_uuid
from registry.store.patients import PatientDirectory
from registry.store.references import References
from registry.store.submissions import DOCUMENT_COLUMNS, FOLDER_COLUMNS, take_numbers, write
from registry.store.updates import inherit, links_of
from registry.update_conflicts import Link

_MEMBER: Final = ASSOCIATION_NUMBER[HAS_MEMBER]
_CURRENT: Final = f"""
SELECT id FROM document_entry
WHERE id BETWEEN ? AND ? AND deprecated = 0 AND hidden & {Hidden.QUARANTINED | Hidden.NOT_LATEST} = 0 ORDER BY id
"""  # noqa: S608  a number
_MEMBERS: Final = f"SELECT target FROM association WHERE source = ? AND type = {_MEMBER} AND deprecated = 0"  # noqa: S608
_FROM_SETS: Final = f"""
SELECT id, entry_uuid, type, source, target, template FROM association
WHERE target = ? AND type = {_MEMBER} AND deprecated = 0
"""  # noqa: S608  a number
_BROUGHT: Final = f"SELECT target FROM association WHERE source = ? AND type = {_MEMBER} ORDER BY id"  # noqa: S608
_REFERENCE: Final = b'<rim:Slot name="SubmissionSetStatus"><rim:ValueList><rim:Value>Reference<'
_TABLE: Final = {ObjectKind.DOCUMENT: "document_entry", ObjectKind.FOLDER: "folder"}
_COLUMNS: Final = {ObjectKind.DOCUMENT: DOCUMENT_COLUMNS, ObjectKind.FOLDER: FOLDER_COLUMNS}
# An Offline document stays that; everything else about visibility begins anew.
_CHANGED: Final = {"hidden": f"hidden & {Hidden.AWAY}", "deprecated": "0"}


class Concerned:
    """Reads what a link change is about, over the connection that will write."""

    def __init__(self, connection: sqlite3.Connection, fragments: Fragments, authority: str) -> None:
        self._connection = connection
        self._fragments = fragments
        self._references = References(connection)
        self._directory = PatientDirectory(connection)
        self._authority = authority

    def check(self, change: LinkChange) -> None:
        """Both patients are known and survive.

        Raises:
            PatientIdentityError: one is not.
        """
        rows = (
            (change.patient, Refusal.UNKNOWN_SURVIVOR, Refusal.SURVIVOR_SUBSUMED),
            (change.previous, Refusal.UNKNOWN_SUBSUMED, Refusal.ALREADY_SUBSUMED),
        )
        for patient, unknown, subsumed in rows:
            if refusal := identifier_refusal(patient, self._authority):
                raise PatientIdentityError(refusal, patient)
            identity = self._directory.show(patient)
            if identity is None or identity.subsumed_by is not None:
                raise PatientIdentityError(unknown if identity is None else subsumed, patient)

    def documents(self, patient: str, source: str) -> list[int]:
        """Approved documents of a patient, and of all that it subsumes, with this sourcePatientId."""
        return [
            id_
            for number in self._directory.chain(patient)
            for (id_,) in self._connection.execute(_CURRENT, id_range(number)).fetchall()
            if source in self.source_patients(id_)
        ]

    def source_patients(self, id_: int) -> Sequence[str]:
        """The sourcePatientId values of a document."""
        return labels.slot_values(self._connection, self._fragments.expand, id_, "sourcePatientId")

    def brought(self, submission_set: str) -> Iterable[tuple[int, int]]:
        """What a link change brought and may still be taken back: (document, the version before it)."""
        row = self._connection.execute(
            "SELECT id FROM submission_set WHERE unique_id = ?", (submission_set,)
        ).fetchone()
        for (id_,) in self._connection.execute(_BROUGHT, row).fetchall() if row else ():
            kept = versions.siblings(self._connection, id_) if kind_of_id(id_) == ObjectKind.DOCUMENT else None
            if kept and kept[1][max(kept[1])] == id_ and self._references.by_id([id_])[0].approved:
                yield id_, kept[1][max(kept[1]) - 1]

    def moving(self, documents: Iterable[int]) -> list[Versioned]:
        """These documents and the folders that follow them."""
        found = [self._versioned(stored) for stored in self._references.by_id(documents)]
        keys = frozenset(item.stored.key for item in found)
        shelves = {
            link.source.key: link.source for item in found for link in item.links if link.source.kind == "folder"
        }
        folders = [
            (self._versioned(shelf), self._held(shelf.key))
            for shelf in shelves.values()
            if shelf.approved and not shelf.superseded
        ]
        return [*found, *following(folders, keys)]

    def _held(self, folder: int) -> frozenset[int]:
        targets = [id_ for (id_,) in self._connection.execute(_MEMBERS, (folder,)).fetchall()]
        return frozenset(stored.key for stored in self._references.by_id(targets) if stored.approved)

    def _versioned(self, stored: Stored) -> Versioned:
        table = _TABLE[ObjectKind(kind_of_id(stored.key))]
        (template,) = self._connection.execute(
            f"SELECT template FROM {table} WHERE id = ?",  # noqa: S608  own names
            (stored.key,),
        ).fetchone()
        kept = versions.siblings(self._connection, stored.key)
        return Versioned(
            stored=stored,
            logical_id=logical_id_of(self._fragments.expand(template)) or stored.entry_uuid,
            version=max(kept[1]) if kept else versions.FIRST,
            links=tuple(links_of(self._connection, self._references, stored.key)),
            references=tuple(self._referring(stored.key)),
        )

    def _referring(self, id_: int) -> Iterable[Link]:
        for key, entry_uuid, type_, source, target, template in self._connection.execute(_FROM_SETS, (id_,)).fetchall():
            if kind_of_id(source) == ObjectKind.SUBMISSION_SET and _REFERENCE in self._fragments.expand(template):
                ends = self._references.by_id([source, target])
                yield Link(key=key, entry_uuid=entry_uuid, type=type_, source=ends[0], target=ends[1])


def write_link_changes(
    connection: sqlite3.Connection,
    book: CodeBook,
    fragments: Fragments,
    changes: LinkChanges,
    *,
    patient: int,
    now: str,
) -> None:
    """Write everything `changes` says. `patient` is the number of the patient that things are moved to.

    Raises:
        XdsErrors: XDSRegistryOutOfResources, the patient has as many objects as can be numbered.
    """
    new = _write_versions(connection, fragments, changes, patient)
    inherit(connection, fragments, changes.inherited, patient)
    connection.executemany(
        "UPDATE association SET deprecated = 1 WHERE id = ?", [(link.key,) for link in changes.superseded]
    )
    made = Submission(submission_sets=(changes.submission_set,), associations=changes.members)
    targets = ids_by_uuid(connection, {item.target for item in changes.members})
    referred = References(connection).by_id(targets.values())
    objects = {stored.entry_uuid.lower(): stored for stored in referred}
    folders = [stored for stored in referred if stored.kind == "folder"]
    plain = Changes(submission=made, now=now, updated_folders=tuple(folders))
    write(connection, book, fragments, plain, Referred(objects=objects), patient=patient)
    touched = [key for step in changes.steps for key in (step.old.stored.key, new[step.new])]
    visibility.follow(connection, [*touched, *(link.key for link in changes.superseded)])


def _write_versions(
    connection: sqlite3.Connection, fragments: Fragments, changes: LinkChanges, patient: int
) -> Mapping[str, int]:
    """The rows of the new versions, and what becomes of those before; new ids by entryUUID."""
    last = take_numbers(connection, patient, len(changes.steps))
    if last > MOST_OBJECTS:
        raise RegistryOutOfResources("the registry cannot hold more objects of this patient")
    new: dict[str, int] = {}
    for number, step in enumerate(changes.steps, start=last - len(changes.steps) + 1):
        before, kind = step.old.stored, ObjectKind(kind_of_id(step.old.stored.key))
        id_ = new[step.new] = object_id(patient, cluster_of_id(before.key), number, kind)
        table, columns = _TABLE[kind], [name.strip() for name in _COLUMNS[kind].split(",")]
        (stored,) = connection.execute(f"SELECT template FROM {table} WHERE id = ?", (before.key,)).fetchone()  # noqa: S608
        template = next_version(
            fragments.expand(stored),
            before.entry_uuid,
            step.new,
            logical_id=step.old.logical_id,
            version=step.old.version + 1,
            source=step.source,
        )
        values = {"id": ":id", "entry_uuid": ":entry_uuid"} | _CHANGED
        connection.execute("INSERT INTO registry_object (key, id) VALUES (?, ?)", (uuid_key(step.new), id_))
        connection.execute(
            f"INSERT INTO {table} ({', '.join(columns)}, template) "  # noqa: S608  own names
            f"SELECT {', '.join(values.get(name, name) for name in columns)}, :template "
            f"FROM {table} WHERE id = :before",
            {
                "id": id_,
                "entry_uuid": step.new,
                "template": fragments.compress(template),
                "before": before.key,
            },
        )
        connection.execute(
            f"UPDATE {table} SET deprecated = 1, hidden = hidden | {Hidden.LEFT} WHERE id = ?",  # noqa: S608
            (before.key,),
        )
        versions.keep(connection, step.old.logical_id, {step.old.version: before.key, step.old.version + 1: id_})
    return new
