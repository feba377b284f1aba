"""Audit records as the node writes them, one function for each thing that somebody does (ITI TF-2: 3.20)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

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

AUTHORITY = "2.999.1"
HOME = "urn:oid:2.999.10"
ENDPOINT = "https://node.riverside.example:8001"
_ANONYMOUS = "http://www.w3.org/2005/08/addressing/anonymous"
_SOURCE = Coded("110153", "DCM", "Source Role ID")
_DESTINATION = Coded("110152", "DCM", "Destination Role ID")
_ACT_REASON = "2.16.840.1.113883.5.8"
_PURPOSES = {
    code: Coded(code, _ACT_REASON, text)
    for code, text in {
        "TREAT": "treatment", "ETREAT": "emergency treatment", "HPAYMT": "healthcare payment", "HMARKT": "marketing",
        "HRESCH": "healthcare research", "PATRQT": "patient requested", "HOPERAT": "healthcare operations",
    }.items()
}  # fmt: skip
_TYPES = {
    "ITI-18": (EventId.QUERY, Action.EXECUTE, "Registry Stored Query"),
    "ITI-38": (EventId.QUERY, Action.EXECUTE, "Cross Gateway Query"),
    "ITI-43": (EventId.EXPORT, Action.READ, "Retrieve Document Set"),
    "ITI-39": (EventId.EXPORT, Action.READ, "Cross Gateway Retrieve"),
    "ITI-41": (EventId.IMPORT, Action.CREATE, "Provide and Register Document Set-b"),
}
_REPORT = Coded("9", "RFC-3881", "Report Number")


@dataclass(frozen=True)
class Person:
    """Somebody who uses the exchange: `user` as assertions name them, `name` for people, `system` what they sit at."""

    user: str
    name: str
    role: Coded
    system: str = "ehr"
    address: str = "10.1.0.10"
    home: str = ""  # of another institution


def clock(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def patient_of(number: str) -> AuditedObject:
    cx = f"{number}^^^&{AUTHORITY}&ISO"
    return AuditedObject(id=cx, type_code="1", role="1", id_type=Coded("2", "RFC-3881", "Patient Number"))


def _document(name: str) -> AuditedObject:
    return AuditedObject(
        id=name, type_code="2", role="3", id_type=_REPORT, details=(("Repository Unique Id", "2.999.10.1"),)
    )


def exchange(
    when: float,
    transaction: str,
    patient: str,
    who: Person | None,
    *,
    purpose: str = "TREAT",
    documents: tuple[str, ...] = (),
    system: str = "ehr",
    address: str = "",
    home: str = "",
    outcome: Outcome = Outcome.SUCCESS,
    kind: Kind | None = None,
) -> NewRecord:
    """A transaction about one patient, asked by a person or by a machine."""
    id_, action, text = _TYPES[transaction]
    home = who.home if who else home
    caller = f"{who.system if who else system} ({'peer' if home else 'application'})"
    there = Participant(
        user_id=_ANONYMOUS,
        user_name=caller,
        requestor=who is None,
        role=_SOURCE if transaction == "ITI-41" else _DESTINATION,
        address=address or (who.address if who else "10.1.0.10"),
        address_type="2",
    )
    here = Participant(
        user_id=f"{ENDPOINT}/{transaction.lower()}",
        requestor=False,
        role=_DESTINATION if transaction == "ITI-41" else _SOURCE,
        address="node.riverside.example",
        address_type="1",
    )
    human = (
        (
            Participant(
                user_id=who.user, user_name=who.user, alternative_user_id=who.name, requestor=True, role=who.role
            ),
        )
        if who
        else ()
    )
    subject = patient_of(patient)
    time = clock(when)
    event = AuditEvent(
        id=id_,
        action=action,
        outcome=outcome,
        outcome_text="XDSRegistryError" if outcome else "",
        time=time,
        type=Coded(transaction, "IHE Transactions", text),
        participants=(there, here, *human),
        objects=(subject, *map(_document, documents)),
        purposes=(_PURPOSES[purpose],) if who else (),
        patient=subject.id,
        incident=f"i-{int(when * 1000):x}",
    )
    kind = kind or (Kind.RESPONSE_SENT if home else Kind.LOCAL)
    return NewRecord(kind=kind, time=time, event=event, subject=f"{AUTHORITY}|{patient}", peer=home)


def received(when: float, patient: str, home: str, documents: tuple[str, ...]) -> NewRecord:
    """Another institution gave documents that somebody here asked for."""
    record = exchange(when, "ITI-39", patient, None, documents=documents, home=home, kind=Kind.RESPONSE_RECEIVED)
    assert record.event is not None
    return replace(record, event=replace(record.event, id=EventId.IMPORT, action=Action.CREATE))


def came(when: float, patient: str, unit: str, *, new: bool = True) -> NewRecord:
    """The hospital's administration says that the patient is here, and in which unit (ITI-8 with PV1-3)."""
    details = (("MSH-10", f"m{int(when)}"), *((("PV1-3", unit),) if unit else ()))
    subject = replace(patient_of(patient), details=details)
    time = clock(when)
    event = AuditEvent(
        id=EventId.PATIENT_RECORD,
        action=Action.CREATE if new else Action.UPDATE,
        outcome=Outcome.SUCCESS,
        time=time,
        type=Coded("ITI-8", "IHE Transactions", "Patient Identity Feed"),
        participants=(
            Participant(user_id="RIVERSIDE|ADT", requestor=True, role=_SOURCE, address="10.1.0.2", address_type="2"),
            Participant(user_id="XDS|NODE", requestor=False, role=_DESTINATION),
        ),
        objects=(subject,),
        patient=subject.id,
    )
    return NewRecord(kind=Kind.LOCAL, time=time, event=event, subject=f"{AUTHORITY}|{patient}")


def broke(when: float, patient: str, who: Person, reason: str) -> NewRecord:
    """Somebody breaks the glass."""
    what = f"3 documents shown in an emergency: {reason}"
    subject = replace(patient_of(patient), details=(("Alert Description", what),))
    time = clock(when)
    event = AuditEvent(
        id=EventId.SECURITY_ALERT,
        action=Action.EXECUTE,
        outcome=Outcome.SUCCESS,
        outcome_text=what,
        time=time,
        type=Coded("110127", "DCM", "Emergency Override Started"),
        participants=(
            Participant(user_id=who.user, user_name=who.name, requestor=True, role=who.role),
            Participant(user_id=HOME, requestor=False, role=Coded("110150", "DCM", "Application")),
        ),
        objects=(subject,),
        patient=subject.id,
    )
    return NewRecord(kind=Kind.SECURITY, time=time, event=event, subject=f"{AUTHORITY}|{patient}", peer=who.home)
