"""What is stored of all that a submission refers to, as `lifecycle` wants to see it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final, Literal

from registry.lifecycle import REPLACEMENTS, Referred, Stored, identified
from registry.metadata.objects import APND, HAS_MEMBER, XFRM
from registry.metadata.submission import Submission
from registry.metadata.values import is_symbolic
from registry.patients.identity import identifier_refusal
from registry.store.keys import ASSOCIATION_NUMBER, Hidden, ObjectKind, kind_of_id, patient_of_id
from registry.store.objects import ids_by_uuid
from registry.store.patients import PatientDirectory

_KIND: Final[dict[int, Literal["document", "submission_set", "folder", "association"]]] = {
    ObjectKind.DOCUMENT: "document",
    ObjectKind.SUBMISSION_SET: "submission_set",
    ObjectKind.FOLDER: "folder",
    ObjectKind.ASSOCIATION: "association",
}
_SELECT: Final = {
    ObjectKind.DOCUMENT: (
        "SELECT id, entry_uuid, deprecated, hidden, unique_id, on_demand, hash, size FROM document_entry"
    ),
    ObjectKind.SUBMISSION_SET: "SELECT id, entry_uuid, deprecated, 0, unique_id, 0, '', NULL FROM submission_set",
    ObjectKind.FOLDER: "SELECT id, entry_uuid, deprecated, hidden, unique_id, 0, '', NULL FROM folder",
    ObjectKind.ASSOCIATION: "SELECT id, entry_uuid, deprecated, hidden, '', 0, '', NULL FROM association",
}
_UNIQUE: Final = (ObjectKind.DOCUMENT, ObjectKind.SUBMISSION_SET, ObjectKind.FOLDER)
_MEMBER: Final = ASSOCIATION_NUMBER[HAS_MEMBER]
_XFRM, _APND = ASSOCIATION_NUMBER[XFRM], ASSOCIATION_NUMBER[APND]
_AT_ONCE: Final = 500

_Row = tuple[int, str, int, int, str, int, str, int | None]


class References:
    """Reads stored objects as `lifecycle` sees them, over the connection that will write."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._directory = PatientDirectory(connection)

    def load(self, submission: Submission, *, authority: str) -> Referred:
        """Everything stored that `submission` names: by entryUUID, by uniqueId, by patient."""
        named = {item.entry_uuid for item in submission.objects()}
        ends = {end for item in submission.associations for end in (item.source, item.target)}
        objects = self._by_uuid(uuid for uuid in named | ends if uuid and not is_symbolic(uuid))
        replaced = self._targets(submission, objects, REPLACEMENTS)
        folders = {stored.key: self._folders(stored.key) for stored in replaced}
        objects |= {folder.entry_uuid.lower(): folder for held in folders.values() for folder in held}
        objects |= self._transformed(self._targets(submission, objects, {APND}))
        return Referred(
            objects=objects,
            unique_ids=self._unique_ids(submission),
            known_patients=self._known_patients(submission, authority),
            folders=folders,
            descendants={stored.key: self._descendants(stored.key) for stored in replaced},
        )

    def load_named(self, submission: Submission, entry_uuids: Iterable[str], *, authority: str) -> Referred:
        """What is stored under these entryUUIDs and under ids of `submission`; its patients; nothing that follows."""
        named = {item.entry_uuid for item in submission.objects() if not is_symbolic(item.entry_uuid)}
        objects = self._by_uuid({*entry_uuids, *named})
        objects |= self._transformed([stored for stored in objects.values() if stored.kind == "document"])
        return Referred(
            objects=objects,
            unique_ids=self._unique_ids(submission),
            known_patients=self._known_patients(submission, authority),
        )

    def _unique_ids(self, submission: Submission) -> dict[str, tuple[Stored, ...]]:
        unique_ids: dict[str, list[Stored]] = {}
        for stored in self._by_unique_id(submission):
            unique_ids.setdefault(stored.unique_id, []).append(stored)
        return {unique_id: tuple(found) for unique_id, found in unique_ids.items()}

    def _known_patients(self, submission: Submission, authority: str) -> dict[str, int]:
        return {
            patient: number
            for patient in {item.patient_id for item in identified(submission) if item.patient_id}
            if (number := self._directory.number(patient)) is not None
            and identifier_refusal(patient, authority) is None
        }

    def _targets(self, submission: Submission, objects: dict[str, Stored], types: Iterable[str]) -> list[Stored]:
        found = (objects.get(item.target.lower()) for item in submission.associations if item.association_type in types)
        return [stored for stored in found if stored is not None and stored.kind == "document"]

    def _by_uuid(self, entry_uuids: Iterable[str]) -> dict[str, Stored]:
        ids = ids_by_uuid(self._connection, entry_uuids).values()
        return {stored.entry_uuid.lower(): stored for stored in self.by_id(ids)}

    def by_id(self, ids: Iterable[int]) -> list[Stored]:
        """What is stored of these objects, in their order."""
        return self._stored(
            self._connection.execute(f"{_SELECT[ObjectKind(kind_of_id(id_))]} WHERE id = ?", (id_,)).fetchone()
            for id_ in ids
        )

    def _by_unique_id(self, submission: Submission) -> list[Stored]:
        unique_ids = list({item.unique_id for item in identified(submission) if item.unique_id})
        rows: list[_Row] = []
        for start in range(0, len(unique_ids), _AT_ONCE):
            some = unique_ids[start : start + _AT_ONCE]
            rows += self._connection.execute(_by_unique_ids(len(some)), some * len(_UNIQUE))
        return self._stored(rows)

    def _folders(self, document: int) -> tuple[Stored, ...]:
        """Approved folders that hold the document."""
        query = "SELECT source FROM association WHERE target = ? AND type = ? AND deprecated = 0"
        sources = {id_ for (id_,) in self._connection.execute(query, (document, _MEMBER))}
        folders = self.by_id(sorted(id_ for id_ in sources if kind_of_id(id_) == ObjectKind.FOLDER))
        return tuple(folder for folder in folders if folder.approved)

    def _descendants(self, document: int) -> tuple[Stored, ...]:
        """Approved documents that are XFRM or APND of the document or of one another, each once."""
        query = "SELECT source FROM association WHERE target = ? AND type IN (?, ?)"
        reached, waiting = {document}, [document]
        while waiting:
            sources = {id_ for (id_,) in self._connection.execute(query, (waiting.pop(), _XFRM, _APND))}
            waiting += sources - reached
            reached |= sources
        return tuple(stored for stored in self.by_id(sorted(reached - {document})) if stored.approved)

    def _transformed(self, targets: Sequence[Stored]) -> dict[str, Stored]:
        query = "SELECT 1 FROM association WHERE source = ? AND type = ?"
        return {
            stored.entry_uuid.lower(): replace(stored, transformed=True)
            for stored in targets
            if self._connection.execute(query, (stored.key, _XFRM)).fetchone()
        }

    def _stored(self, rows: Iterable[_Row]) -> list[Stored]:
        rows = list(rows)
        patients = self._directory.survivors(patient_of_id(row[0]) for row in rows) if rows else {}
        return [
            Stored(
                key=id_,
                kind=_KIND[kind_of_id(id_)],
                entry_uuid=entry_uuid,
                patient=patients[patient_of_id(id_)],
                approved=not deprecated,
                quarantined=bool(hidden & Hidden.QUARANTINED),
                superseded=bool(hidden & Hidden.NOT_LATEST),
                unique_id=unique_id,
                on_demand=bool(on_demand),
                hash=hash_,
                size=size,
            )
            for id_, entry_uuid, deprecated, hidden, unique_id, on_demand, hash_, size in rows
        ]


@lru_cache(maxsize=64)
def _by_unique_ids(count: int) -> str:
    marks = ", ".join("?" * count)
    return " UNION ALL ".join(f"{_SELECT[kind]} WHERE unique_id IN ({marks})" for kind in _UNIQUE)
