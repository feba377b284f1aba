"""XAD-PID Link Change carried out (ITI-64, `patient move | unmove`): the registry, consents, the audit records.

Source: ITI TF-2: 3.64.4.1.3, 3.64.5.1.2.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from node.consents.documents import follow_patient
from node.records import patient_object, submission_set_object
from registry.link_change import LinkChange, Moved
from registry.relinking import Recording
from trust.audit.event import AuditedObject

if TYPE_CHECKING:
    from node.exchange import Actors
    from registry.document_registry import DocumentRegistry

_KIND: Final = "urn:ihe:iti:xpid:2017:patientIdentifierType"
_MADE, _GONE = "1", "14"  # life cycle: origination, logical deletion


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanger:
    """What a change needs of the node. `source_id` is this node's OID, for senders that have none."""

    registry: Callable[[sqlite3.Connection], DocumentRegistry]
    source_id: str
    new_uuid: Callable[[], str]

    @classmethod
    def of(cls, actors: Actors) -> LinkChanger:
        """The one of a node."""
        source_id = actors.own.home.removeprefix("urn:oid:")
        return cls(registry=actors.registry_on, source_id=source_id, new_uuid=actors.new_uuid)

    def carry_out(
        self, connection: sqlite3.Connection, change: LinkChange, *, source_id: str, by: str, now: datetime
    ) -> Moved:
        """Move what the local id brought, consents with their documents. For a write job.

        Raises:
            PatientIdentityError: one of the patients is not known, or was subsumed.
        """
        registry = self.registry(connection)
        moved = registry.relinking().change(change, self._recording(source_id, now))
        return self._followed(connection, registry, moved, by, now)

    def take_back(self, connection: sqlite3.Connection, submission_set: str, *, by: str, now: datetime) -> Moved | None:
        """Undo a change, known by the submission set that records it; None where there is nothing to undo."""
        registry = self.registry(connection)
        moved = registry.relinking().undo(submission_set, self._recording("", now))
        return moved and self._followed(connection, registry, moved, by, now)

    def _recording(self, source_id: str, now: datetime) -> Recording:
        return Recording(source_id=source_id or self.source_id, now=f"{now:%Y%m%d%H%M%S}", new_uuid=self.new_uuid)

    def _followed(
        self, connection: sqlite3.Connection, registry: DocumentRegistry, moved: Moved, by: str, now: datetime
    ) -> Moved:
        for unique_id in moved.unique_ids:
            follow_patient(connection, unique_id, moved.patient, by=by, now=now, new_uuid=self.new_uuid)
        return moved


def audited_objects(change: LinkChange, moved: Moved, *details: tuple[str, str]) -> tuple[AuditedObject, ...]:
    """The patients of a change as its audit message names them, and the submission set that records it."""
    crosses = change.patient != change.previous
    rows = (
        (change.patient, "newPatientId", _MADE if crosses else ""),
        (change.previous, "previousPatientId", _GONE if crosses else ""),
        (change.local, "localPatientId", _MADE if change.subsumed else ""),
        (change.subsumed, "subsumedPatientId", _GONE),
    )
    patients = [
        replace(patient_object(patient), life_cycle=life, details=(*details, (_KIND, kind)))
        for patient, kind, life in rows
        if patient
    ]
    return (*patients, *((submission_set_object(moved.submission_set),) if moved.submission_set else ()))


def note_of(moved: Moved) -> dict[str, str]:
    """What became of it, for the record."""
    return {"documents": str(len(moved.unique_ids)), "folders": str(moved.folders), "lost": " ".join(moved.lost)}


def in_words(moved: Moved) -> str:
    """What became of it, for people: nothing where all went as asked."""
    if not moved.submission_set:
        return "no approved document has this local id; nothing was moved"
    if moved.lost:
        return (
            f"{len(moved.lost)} relations would join two patients and stay with the versions before: "
            f"submission set {moved.submission_set}"
        )
    return ""
