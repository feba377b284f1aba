"""One order of an administrator: who gave it, what it says, and how it becomes an audit entry."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from node.cx import patient_cx
from node.exchange import Exchange
from node.faults import misused
from node.records import instant, patient_object, subject
from node.security_records import SECURITY_CONFIGURATION
from trust.audit.event import (
    Action,
    AuditedObject,
    AuditEvent,
    Coded,
    EventId,
    Kind,
    NewRecord,
    Outcome,
    Participant,
)
from trust.identity.caller import Caller, Role

if TYPE_CHECKING:
    from node.services import Services

T = TypeVar("T")
Result = dict[str, Any]

_COMMANDS: Final = "xdsnode commands"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A command with its arguments, on its way through one operation."""

    services: Services
    command: str
    arguments: Mapping[str, Any]
    operator: str  # login name

    def text(self, name: str, default: str | None = None) -> str:
        """One argument.

        Raises:
            Faults: it is missing or not text.
        """
        value = self.arguments.get(name, default)
        if not isinstance(value, str):
            raise misused("usage", self.command, f"the argument {name} is missing", f"xdsnode {self.command} --help")
        return value

    def flag(self, name: str) -> bool:
        """One argument that is true or false; absent is false."""
        return self.arguments.get(name) is True

    def patient(self, name: str = "patient") -> str:
        """A patient as CX: `ID` alone is of the own assigning authority."""
        return patient_cx(self.text(name), self.services.config.node.assigning_authority)

    @property
    def now(self) -> str:
        """This instant as 14 digits, UTC."""
        return f"{self.services.clock():%Y%m%d%H%M%S}"

    def exchange(self) -> Exchange:
        """The order as the exchange that it is where transactions are used."""
        services = self.services
        return Exchange(
            actors=services.actors,
            caller=Caller(role=Role.OPERATOR, name=self.operator, fingerprint="", address=""),
            message_id=services.new_uuid(),
            endpoint=services.config.base_url,
            now=services.clock(),
            deadline=0.0,
            incident=services.new_uuid(),
        )

    async def change(self, work: Callable[[sqlite3.Connection], tuple[T, Sequence[NewRecord]]]) -> T:
        """Do `work` in the writer's transaction, its audit records with it; returns when all is durable."""
        result, _ = await self.services.sequencer.transact(work)
        return result

    async def record(self, records: Sequence[NewRecord]) -> None:
        """Put on record what was only looked at."""
        await self.services.sequencer.record(records)

    def patient_record(
        self,
        action: Action,
        what: str,
        patient: str,
        *objects: AuditedObject,
        event: EventId = EventId.PATIENT_RECORD,
    ) -> NewRecord:
        """The audit record of something about a patient."""
        found = self._event(event, action, Coded(self.command, _COMMANDS, what), objects, patient)
        return NewRecord(kind=Kind.LOCAL, time=found.time, event=found, subject=subject(patient))

    def security_record(self, what: str, *objects: AuditedObject) -> NewRecord:
        """The audit record of a change of who may connect."""
        described = tuple(replace(one, details=(*one.details, ("Alert Description", what))) for one in objects)
        event = self._event(EventId.SECURITY_ALERT, Action.EXECUTE, SECURITY_CONFIGURATION, described, "", what)
        return NewRecord(kind=Kind.SECURITY, time=event.time, event=event, note={"command": self.command})

    def _event(
        self,
        id_: EventId,
        action: Action,
        type_: Coded,
        objects: tuple[AuditedObject, ...],
        patient: str,
        what: str = "",
    ) -> AuditEvent:
        return AuditEvent(
            id=id_,
            action=action,
            outcome=Outcome.SUCCESS,
            outcome_text=what,
            time=instant(self.services.clock()),
            type=type_,
            participants=(
                Participant(user_id=self.operator, requestor=True, role=Coded("110151", "DCM", "Application Launcher")),
                Participant(
                    user_id=self.services.config.node.home_community_id,
                    user_name=self.services.config.node.name,
                    requestor=False,
                    role=Coded("110150", "DCM", "Application"),
                ),
            ),
            objects=(*((patient_object(patient),) if patient else ()), *objects),
            patient=patient,
        )


def node_object(name: str, fingerprint: str) -> AuditedObject:
    """Another system, named by its certificate's fingerprint."""
    return AuditedObject(id=fingerprint, type_code="2", role="13", id_type=Coded("110182", "DCM", "Node ID"), name=name)
