"""Removing objects for good: what depends on them, and their rows (RMD, 3.62). Never commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from registry.errors import ErrorCode, RegistryError, XdsErrors
from registry.lifecycle import Stored
from registry.metadata.objects import HAS_MEMBER
from registry.store import versions
from registry.store.conditions import one_of
from registry.store.holds import Holds
from registry.store.keys import ASSOCIATION_NUMBER, ASSOCIATION_TYPES, ObjectKind, kind_of_id, patient_of_id, uuid_key
from registry.store.objects import ids_by_uuid
from registry.store.patients import PatientDirectory
from registry.store.references import References

_TABLE: Final = {
    ObjectKind.DOCUMENT: "document_entry",
    ObjectKind.SUBMISSION_SET: "submission_set",
    ObjectKind.FOLDER: "folder",
    ObjectKind.ASSOCIATION: "association",
}
_MEMBER: Final = ASSOCIATION_NUMBER[HAS_MEMBER]
_JOINS: Final = "SELECT id, entry_uuid, type, source, target FROM association WHERE "
_AT_ONCE: Final = 500

_Join = tuple[int, str, int, int, int]  # id, entryUUID, type, source, target


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedObject:
    """What there was, for the record: `facts` say what it was in words that explain it without it."""

    kind: str
    entry_uuid: str
    unique_id: str
    patient: str
    facts: tuple[tuple[str, str], ...]
    key: int


class Removal:
    """Removes objects by entryUUID, all or nothing. `anything`: those in quarantine too."""

    def __init__(self, connection: sqlite3.Connection, *, anything: bool = False) -> None:
        self._connection = connection
        self._references = References(connection)
        self._anything = anything

    def plan(self, entry_uuids: Sequence[str]) -> tuple[RemovedObject, ...]:
        """The objects that would go.

        Raises:
            XdsErrors: an id that names nothing (UnresolvedReferenceException), an object that something outside the
                request leads to (ReferencesExistException), one that nothing would hold any more
                (XDSUnreferencedObjectException), a legal hold (XDSRegistryError); all that apply.
        """
        stored, errors = self._named(entry_uuids)
        removed = {item.key for item in stored}
        errors += self._referenced(stored, removed)
        errors += self._versions(stored, removed)
        errors += self._held(stored)
        if not errors:
            errors += self._orphans(removed)
        if errors:
            raise XdsErrors(errors[:100])
        return tuple(self._described(item) for item in stored)

    def carry_out(self, objects: Iterable[RemovedObject]) -> None:
        """Delete the rows of what `plan` gave."""
        for item in objects:
            table = _TABLE[ObjectKind(kind_of_id(item.key))]
            self._connection.execute(f"DELETE FROM {table} WHERE id = ?", (item.key,))  # noqa: S608  own names
            self._connection.execute("DELETE FROM object_version WHERE id = ?", (item.key,))
            self._connection.execute("DELETE FROM registry_object WHERE key = ?", (uuid_key(item.entry_uuid),))

    def closure(self, entry_uuids: Sequence[str]) -> list[str]:
        """These objects and all that has to go with them: versions, associations, what would be held by nothing."""
        waiting = list(ids_by_uuid(self._connection, entry_uuids).values())
        found: dict[int, str] = {}
        while waiting:
            new = [id_ for id_ in dict.fromkeys(waiting) if id_ not in found]
            found |= {item.key: item.entry_uuid for item in self._references.by_id(new)}
            waiting = [row[0] for row in self._joins("source", new)] + [row[0] for row in self._joins("target", new)]
            for id_ in new:
                waiting += (versions.siblings(self._connection, id_) or (b"", {}))[1].values()
            waiting = [id_ for id_ in waiting if id_ not in found] or list(self._left_alone(found))
        return list(found.values())

    def _named(self, entry_uuids: Sequence[str]) -> tuple[list[Stored], list[RegistryError]]:
        ids = ids_by_uuid(self._connection, entry_uuids)
        errors = [
            RegistryError(ErrorCode.UNRESOLVED_REFERENCE, f"{one} names nothing that is registered", one)
            for one in dict.fromkeys(entry_uuids)
            if one not in ids and one.lower() not in {known.lower() for known in ids}
        ]
        stored = self._references.by_id(dict.fromkeys(ids.values()))
        hidden = [item for item in stored if item.quarantined and not self._anything]
        errors += [
            RegistryError(
                ErrorCode.UNRESOLVED_REFERENCE, f"{one.entry_uuid} names nothing that is registered", one.entry_uuid
            )
            for one in hidden
        ]
        return [item for item in stored if item not in hidden], errors

    def _joins(self, end: str, ids: Sequence[int]) -> Iterator[_Join]:
        for start in range(0, len(ids), _AT_ONCE):
            clause = one_of(end, ids[start : start + _AT_ONCE])
            yield from self._connection.execute(_JOINS + clause.text, clause.values).fetchall()

    def _referenced(self, stored: Sequence[Stored], removed: set[int]) -> Iterator[RegistryError]:
        names = {item.key: item.entry_uuid for item in stored}
        for end in ("source", "target"):
            for key, entry_uuid, _, source, target in self._joins(end, list(removed)):
                if key not in removed:
                    name = names[source if end == "source" else target]
                    context = f"association {entry_uuid} leads {'from' if end == 'source' else 'to'} {name}"
                    yield RegistryError(ErrorCode.REFERENCES_EXIST, context, name)

    def _versions(self, stored: Sequence[Stored], removed: set[int]) -> Iterator[RegistryError]:
        """A chain of versions is kept whole or goes whole."""
        for item in stored:
            found = versions.siblings(self._connection, item.key)
            if found and not set(found[1].values()) <= removed:
                context = f"{item.entry_uuid} has other versions, which are not removed with it"
                yield RegistryError(ErrorCode.REFERENCES_EXIST, context, item.entry_uuid)

    def _held(self, stored: Sequence[Stored]) -> Iterator[RegistryError]:
        """A legal hold binds everybody, whatever they may see or do otherwise."""
        holds, directory = Holds(self._connection), PatientDirectory(self._connection)
        if not holds.any():
            return
        for item in stored:
            if holds.on(item.unique_id, directory.identities(patient_of_id(item.key))):
                context = f"{item.entry_uuid} is under legal hold and is not removed"
                yield RegistryError(ErrorCode.REGISTRY_ERROR, context, item.entry_uuid)

    def _orphans(self, removed: set[int]) -> Iterator[RegistryError]:
        for stored in self._references.by_id(sorted(self._left_alone(removed))):
            context = f"{stored.entry_uuid} would be held by nothing any more"
            yield RegistryError(ErrorCode.UNREFERENCED_OBJECT, context, stored.entry_uuid)

    def _left_alone(self, removed: Iterable[int]) -> set[int]:
        """Objects that stay and lose by the removal of these what every object of their kind has.

        A submission set has an association; a document, a folder, and a HasMember of a folder that came with one, is
        member of a submission set.
        """
        gone, alone = set(removed), set[int]()
        ids = [id_ for id_ in gone if kind_of_id(id_) == ObjectKind.ASSOCIATION]
        for id_, _, type_, source, target in list(self._joins("id", ids)):
            if kind_of_id(source) != ObjectKind.SUBMISSION_SET or type_ != _MEMBER:
                continue
            if source not in gone and not any(row[0] not in gone for row in self._joins("source", [source])):
                alone.add(source)
            holding = (row for row in self._joins("target", [target]) if row[0] not in gone and row[0] != id_)
            held = any(row[2] == _MEMBER and kind_of_id(row[3]) == ObjectKind.SUBMISSION_SET for row in holding)
            if target not in gone and not held:
                alone.add(target)
        return alone

    def _described(self, item: Stored) -> RemovedObject:
        status = "Approved" if item.approved else "Deprecated"
        facts = {"kind": item.kind, "availabilityStatus": status}
        if item.kind == "document":
            row = self._connection.execute(
                "SELECT repository_unique_id, mime_type FROM document_entry WHERE id = ?", (item.key,)
            ).fetchone()
            facts |= {"uniqueId": item.unique_id, "repositoryUniqueId": row[0], "mimeType": row[1]}
            facts |= {"hash": item.hash, "size": "" if item.size is None else str(item.size)}
        elif item.kind == "association":
            type_, source, target = self._connection.execute(
                "SELECT type, source_uuid, target_uuid FROM association WHERE id = ?", (item.key,)
            ).fetchone()
            facts |= {"type": ASSOCIATION_TYPES[type_], "source": source, "target": target}
        else:
            facts["uniqueId"] = item.unique_id
        return RemovedObject(
            kind=item.kind,
            entry_uuid=item.entry_uuid,
            unique_id=item.unique_id,
            patient=item.patient,
            facts=tuple((name, value) for name, value in facts.items() if value),
            key=item.key,
        )
