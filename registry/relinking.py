"""XAD-PID Link Change over one connection: carried out, and taken back (ITI TF-2: 3.64.4.1.3). Never commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from registry.ebrim.fragments import Fragments
from registry.link_change import LinkChange, Moved, link_changes, submission_set_of
from registry.store.codes import CodeBook
from registry.store.keys import patient_of_id
from registry.store.link_changes import Concerned, write_link_changes
from registry.store.patients import PatientDirectory


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """How the submission set of a change is made: OID of who says so, 14 digits (UTC), what gives UUID URNs."""

    source_id: str
    now: str
    new_uuid: Callable[[], str]


class Relinking:
    """Moves what a local patient id brought. The connection is in a writing transaction."""

    def __init__(self, connection: sqlite3.Connection, codes: CodeBook, fragments: Fragments, authority: str) -> None:
        self._connection = connection
        self._codes = codes
        self._fragments = fragments
        self._concerned = Concerned(connection, fragments, authority)
        self._directory = PatientDirectory(connection)

    def change(self, change: LinkChange, recording: Recording) -> Moved:
        """Move the Approved documents with this sourcePatientId to the patient that it belongs to.

        Raises:
            PatientIdentityError: one of the patients is not known, or was subsumed.
            XdsErrors: XDSRegistryOutOfResources.
        """
        self._concerned.check(change)
        ids = self._concerned.documents(change.previous, change.carried)
        if change.patient == change.previous and not change.subsumed:
            ids = []
        sources = dict.fromkeys(ids, change.local) if change.subsumed else {}
        return self._moved(change.patient, change.previous, sources, ids, recording)

    def undo(self, submission_set: str, recording: Recording) -> Moved | None:
        """Take a change back: documents that it moved, and that nothing was done to since, are again as they were.

        `submission_set` is the uniqueId of the one that records it; None where there is nothing to take back.
        """
        before = dict(self._concerned.brought(submission_set))
        if not before:
            return None
        survivors = self._directory.survivors(patient_of_id(id_) for id_ in (*before.keys(), *before.values()))
        patient, previous = (survivors[patient_of_id(next(iter(ids)))] for ids in (before.values(), before.keys()))
        sources = {id_: self._concerned.source_patients(old)[0] for id_, old in before.items()}
        return self._moved(patient, previous, sources, list(before), recording)

    def _moved(
        self, patient: str, previous: str, sources: Mapping[int, str], ids: Sequence[int], recording: Recording
    ) -> Moved:
        if not ids:
            return Moved(patient=patient, previous=previous)
        made = submission_set_of(
            patient,
            unique_id=f"2.25.{UUID(recording.new_uuid()).int}",
            source_id=recording.source_id,
            now=recording.now,
            entry_uuid=recording.new_uuid(),
        )
        moving = self._concerned.moving(ids)
        changes = link_changes(patient, sources, moving, made=made, new_uuid=recording.new_uuid)
        number = self._directory.chain(patient)[0]
        write_link_changes(self._connection, self._codes, self._fragments, changes, patient=number, now=recording.now)
        documents = [item.stored for item in moving if item.stored.kind == "document"]
        return Moved(
            patient=patient,
            previous=previous,
            submission_set=made.unique_id or "",
            unique_ids=tuple(dict.fromkeys(stored.unique_id for stored in documents)),
            folders=len(moving) - len(documents),
            lost=tuple(link.entry_uuid for link in changes.lost),
        )
