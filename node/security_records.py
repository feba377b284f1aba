"""Audit records of security and administration (ITI TF-2: 3.20; federation-wire 5.5, security events)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from node.records import IHE_TRANSACTIONS, PROCESS, document_object, instant, kind_of_address, patient_object, subject
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

_APPLICATION = Coded("110150", "DCM", "Application")
_LAUNCHER = Coded("110151", "DCM", "Application Launcher")
_URI = Coded("12", "RFC-3881", "URI")
_NODE_AUTHENTICATION = Coded("110126", "DCM", "Node Authentication")
_RESTRICTED_FUNCTION = Coded("110132", "DCM", "Use of Restricted Function")
SECURITY_CONFIGURATION = Coded("110129", "DCM", "Security Configuration")
_LOGIN = Coded("110122", "DCM", "Login")
_NODE_ID = Coded("110182", "DCM", "Node ID")


def refusal(  # noqa: PLR0913  one fact each
    now: datetime,
    *,
    incident: str,
    caller: Caller | None,
    address: str,
    node: str,
    reason: str,
    forbidden: bool = False,
    user: bool = False,
) -> NewRecord:
    """A request that was refused before it became a transaction.

    Without a caller node authentication failed. `forbidden`: the caller is known and may not do this. `user`: the
    assertion about the user is not accepted (federation-wire 4.8).
    """
    who = caller.name if caller else address or "unknown"
    return NewRecord(
        kind=Kind.SECURITY,
        time=instant(now),
        event=AuditEvent(
            id=EventId.USER_AUTHENTICATION if user else EventId.SECURITY_ALERT,
            action=Action.EXECUTE,
            outcome=Outcome.SERIOUS,
            outcome_text=reason[:200],
            time=instant(now),
            type=_LOGIN
            if user
            else _RESTRICTED_FUNCTION
            if forbidden and caller
            else None
            if caller
            else _NODE_AUTHENTICATION,
            participants=(
                Participant(user_id=node, requestor=False),
                Participant(user_id=who, requestor=True, address=address, address_type=kind_of_address(address)),
            ),
            objects=(
                AuditedObject(
                    id=caller.fingerprint if caller else address or "unknown",
                    type_code="2",
                    role="13",
                    id_type=_NODE_ID,
                    details=(("Alert Description", reason[:500]),),
                ),
            ),
            incident=incident,
        ),
    )


def alarm(now: datetime, *, incident: str, node: str, name: str, what: str) -> NewRecord:
    """The node raised an alarm about itself."""
    return NewRecord(
        kind=Kind.SECURITY,
        time=instant(now),
        event=AuditEvent(
            id=EventId.SECURITY_ALERT,
            action=Action.EXECUTE,
            outcome=Outcome.SERIOUS,
            outcome_text=what,
            time=instant(now),
            type=Coded(name, "xdsnode alarms", "alarm of the node"),
            participants=(Participant(user_id=node, requestor=True, role=_APPLICATION),),
            objects=(
                AuditedObject(
                    id=node, type_code="2", role="13", id_type=_NODE_ID, details=(("Alert Description", what),)
                ),
            ),
            incident=incident,
        ),
    )


def emergency_override(
    now: datetime, *, incident: str, node: str, caller: Caller, patient: str, documents: int
) -> NewRecord:
    """Somebody broke the glass for a patient, and why (federation-wire 7.7). It ends with the answer it is part of."""
    what = f"{documents} documents shown in an emergency: {caller.reason.strip()[:200]}"
    return NewRecord(
        kind=Kind.SECURITY,
        time=instant(now),
        event=AuditEvent(
            id=EventId.SECURITY_ALERT,
            action=Action.EXECUTE,
            outcome=Outcome.SUCCESS,
            outcome_text=what,
            time=instant(now),
            type=Coded("110127", "DCM", "Emergency Override Started"),
            participants=(
                Participant(user_id=caller.user, user_name=caller.user_name, requestor=True, role=caller.user_role),
                Participant(user_id=node, requestor=False, role=_APPLICATION),
            ),
            objects=(replace(patient_object(patient), details=(("Alert Description", what),)),),
            patient=patient,
            incident=incident,
        ),
        subject=subject(patient),
        peer=caller.home,
    )


def document_alert(
    now: datetime, *, incident: str, node: str, document: tuple[str, str], what: str, serious: bool
) -> NewRecord:
    """A stored document (uniqueId, repositoryUniqueId) turned out to be damaged, or sound again."""
    return NewRecord(
        kind=Kind.SECURITY,
        time=instant(now),
        event=AuditEvent(
            id=EventId.SECURITY_ALERT,
            action=Action.EXECUTE,
            outcome=Outcome.SERIOUS if serious else Outcome.SUCCESS,
            outcome_text=what,
            time=instant(now),
            type=Coded("110135", "DCM", "Object Security Attributes Changed"),
            participants=(Participant(user_id=node, requestor=True),),
            objects=(document_object(*document, node),),
            incident=incident,
        ),
    )


def refused_exchange(
    refused: NewRecord, *, peer: str, cid: str, asked: bytes, answered: bytes, incident: str
) -> list[NewRecord]:
    """Kinds 2 and 3 for a request of a community that was answered with a fault; `refused` is its `refusal`."""
    received = NewRecord(
        kind=Kind.REQUEST_RECEIVED,
        time=refused.time,
        peer=peer,
        cid=cid,
        leg="q",
        payload=asked,
        note={"transaction": "refused", "incident": incident},
    )
    return [received, replace(refused, kind=Kind.RESPONSE_SENT, peer=peer, cid=cid, leg="s", payload=answered)]


def activity(
    now: datetime, *, node: str, user: str, type_: Coded, event_id: EventId, action: Action, what: str
) -> NewRecord:
    """An administrator's or the node's own act: start, stop, a change of patients, clients, peers or documents."""
    local = event_id is EventId.PATIENT_RECORD
    return NewRecord(
        kind=Kind.LOCAL if local else Kind.SECURITY,
        time=instant(now),
        event=AuditEvent(
            id=event_id,
            action=action,
            outcome=Outcome.SUCCESS,
            outcome_text=what,
            time=instant(now),
            type=type_,
            participants=(
                Participant(user_id=node, alternative_user_id=PROCESS, requestor=False, role=_APPLICATION),
                Participant(user_id=user, requestor=True, role=_LAUNCHER),
            ),
        ),
    )


def signed_in(now: datetime, *, node: str, user: str, name: str, by: str, what: str) -> NewRecord:
    """A user was authenticated: an assertion was issued (`by` an operator), or one that counts once was used."""
    return NewRecord(
        kind=Kind.SECURITY,
        time=instant(now),
        event=AuditEvent(
            id=EventId.USER_AUTHENTICATION,
            action=Action.EXECUTE,
            outcome=Outcome.SUCCESS,
            outcome_text=what,
            time=instant(now),
            type=_LOGIN,
            participants=(
                Participant(user_id=user, user_name=user, alternative_user_id=name, requestor=True),
                Participant(user_id=by, requestor=False, role=_LAUNCHER),
                Participant(user_id=node, alternative_user_id=PROCESS, requestor=False, role=_APPLICATION),
            ),
        ),
    )


def audit_log_used(  # noqa: PLR0913  one fact each
    now: datetime,
    *,
    node: str,
    user: str,
    what: str,
    patient: str = "",
    details: Mapping[str, str] | None = None,
    address: str = "",
    incident: str = "",
    outcome: Outcome = Outcome.SUCCESS,
) -> NewRecord:
    """Somebody looks at the audit log: by which command or transaction, of which patient (CX), and what for.

    Source: ITI TF-2: 3.20; federation-wire 5.5.
    """
    time = instant(now)
    transaction = what.startswith("ITI-")
    log_object = AuditedObject(
        id=node,
        type_code="2",
        role="13",
        id_type=_URI,
        name="Security Audit Log",
        details=tuple((key, str(value)) for key, value in (details or {}).items()),
    )
    event = AuditEvent(
        id=EventId.AUDIT_LOG_USED,
        action=Action.READ,
        outcome=outcome,
        outcome_text="" if transaction else what,
        time=time,
        type=Coded(what, IHE_TRANSACTIONS, "Retrieve ATNA Audit Event") if transaction else None,
        participants=(
            Participant(
                user_id=user,
                requestor=True,
                role=None if transaction else _LAUNCHER,
                address=address,
                address_type=kind_of_address(address),
            ),
            Participant(user_id=node, alternative_user_id=PROCESS, requestor=False, role=_APPLICATION),
        ),
        objects=(*((patient_object(patient),) if patient else ()), log_object),
        patient=patient,
        incident=incident,
    )
    note = {} if transaction else {"transaction": what}  # the AuditMessage of this event has no EventTypeCode
    return NewRecord(kind=Kind.SECURITY, time=time, event=event, subject=subject(patient), note=note)
