"""Audit records of what happens on pages beside the transactions (ITI TF-2: 3.20; federation-wire 5.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from node.records import PROCESS, human, instant, kind_of_address, patient_object, subject
from node.web.view import View
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
from trust.identity.caller import Caller

_APPLICATION: Final = Coded("110150", "DCM", "Application")
LOGIN: Final = Coded("110122", "DCM", "Login")
LOGOUT: Final = Coded("110123", "DCM", "Logout")
_PAGES: Final = "xdsnode pages"


def authentication(view: View, type_: Coded, user: str, name: str, what: str, *, good: bool = True) -> NewRecord:
    """Somebody signed in or out, or tried to; `user` is a keyed name where no account has it."""
    now = instant(view.desk.services.clock())
    return NewRecord(
        kind=Kind.SECURITY,
        time=now,
        event=AuditEvent(
            id=EventId.USER_AUTHENTICATION,
            action=Action.EXECUTE,
            outcome=Outcome.SUCCESS if good else Outcome.MINOR,
            outcome_text=what,
            time=now,
            type=type_,
            participants=(
                Participant(
                    user_id=user,
                    user_name=user,
                    alternative_user_id=name,
                    requestor=True,
                    address=view.address,
                    address_type=kind_of_address(view.address),
                ),
                _node(view),
            ),
            incident=view.desk.services.new_uuid(),
        ),
    )


def patient_page(
    view: View,
    caller: Caller,
    what: str,
    patients: Sequence[str],
    *,
    action: Action = Action.READ,
    objects: Sequence[AuditedObject] = (),
    why: str = "",
) -> list[NewRecord]:
    """Something of patients (CX) is about to be shown, or was decided about them: a record for each.

    `objects` are the documents that are named besides, `why` is a reason that was given.
    """
    now = instant(view.desk.services.clock())
    incident = view.desk.services.new_uuid()
    return [
        NewRecord(
            kind=Kind.LOCAL,
            time=now,
            event=AuditEvent(
                id=EventId.PATIENT_RECORD,
                action=action,
                outcome=Outcome.SUCCESS,
                outcome_text=why or what,
                time=now,
                type=Coded(what.partition(":")[0][:60], _PAGES, what[:200]),
                participants=(human(caller), _node(view)),
                objects=(patient_object(patient), *objects) if patient else _nobody(view),
                purposes=(caller.purpose,) if caller.purpose else (),
                patient=patient,
                incident=incident,
            ),
            subject=subject(patient),
        )
        for patient in (patients or [""])
    ]


def _nobody(view: View) -> tuple[AuditedObject, ...]:
    return (AuditedObject(id=view.desk.home, type_code="2", role="13", id_type=Coded("110182", "DCM", "Node ID")),)


def _node(view: View) -> Participant:
    return Participant(user_id=view.desk.home, alternative_user_id=PROCESS, requestor=False, role=_APPLICATION)
