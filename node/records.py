"""From what a transaction did to the audit records of it (ITI TF-2: 3.20; federation-wire 5.4, 5.5)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from node.bindings import AuditFact, AuditProfile
from node.exchange import Exchange
from registry.errors import RegistryError, Severity
from registry.metadata.values import Cx
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

ANONYMOUS = "http://www.w3.org/2005/08/addressing/anonymous"
IHE_TRANSACTIONS = "IHE Transactions"
_SOURCE = Coded("110153", "DCM", "Source Role ID")
_DESTINATION = Coded("110152", "DCM", "Destination Role ID")
_PATIENT_NUMBER = Coded("2", "RFC-3881", "Patient Number")
_REPORT_NUMBER = Coded("9", "RFC-3881", "Report Number")
_CONSENT = Coded("12", "RFC-3881", "URI")
_SUBMISSION_SET = Coded(
    "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd", "IHE XDS Metadata", "submission set classificationNode"
)
_OBJECT_REF = Coded("urn:ihe:iti:2017:ObjectRef", "IHE XDS Metadata", "registry object reference")
DESTROYED = "15"  # life cycle: permanent erasure
QUERY_HOME = "urn:ihe:iti:xca:2010:homeCommunityId"
DOCUMENT_HOME = "ihe:homeCommunityID"


def instant(now: datetime) -> str:
    """A record's time: UTC with milliseconds."""
    return now.isoformat(timespec="milliseconds")[:23] + "Z"


@lru_cache(4096)
def subject(patient: str) -> str:
    """The subject of a record, `<assigning authority OID>|<id>`, from a CX; "" where there is no patient."""
    cx = Cx.parse(patient) if patient else None
    return f"{cx.authority}|{cx.id}" if cx else ""


def patient_object(patient: str, details: tuple[tuple[str, str], ...] = ()) -> AuditedObject:
    """The patient of a record (type 1, role 1)."""
    return AuditedObject(id=patient, type_code="1", role="1", id_type=_PATIENT_NUMBER, details=details)


def query_object(transaction: str, name: str, query_id: str, request: bytes, home: str | None) -> AuditedObject:
    """A stored query as it was asked (type 2, role 24)."""
    details = [("QueryEncoding", "UTF-8")]
    if home:
        details.append((QUERY_HOME, home))
    return AuditedObject(
        id=query_id or "none",
        type_code="2",
        role="24",
        id_type=Coded(transaction, IHE_TRANSACTIONS, name),
        query=request,
        details=tuple(details),
    )


def parameters_object(
    transaction: str, name: str, id_: str, parameters: bytes, *details: tuple[str, str]
) -> AuditedObject:
    """A query by parameters as it was asked, ITI-55 (type 2, role 24)."""
    return AuditedObject(
        id=id_ or "none",
        type_code="2",
        role="24",
        id_type=Coded(transaction, IHE_TRANSACTIONS, name),
        query=parameters,
        details=details,
    )


def document_object(
    unique_id: str, repository_unique_id: str, home: str | None, facts: Sequence[tuple[str, str]] = (), life: str = ""
) -> AuditedObject:
    """A document that was fetched, asked for or, with its life cycle, removed (type 2, role 3)."""
    details = [("Repository Unique Id", repository_unique_id)]
    if home:
        details.append((DOCUMENT_HOME, home))
    details += facts
    return AuditedObject(
        id=unique_id, type_code="2", role="3", id_type=_REPORT_NUMBER, life_cycle=life, details=tuple(details)
    )


def submission_set_object(unique_id: str) -> AuditedObject:
    """The submission set of a registration (type 2, role 20)."""
    return AuditedObject(id=unique_id or "none", type_code="2", role="20", id_type=_SUBMISSION_SET)


def removed_object(entry_uuid: str, facts: Sequence[tuple[str, str]]) -> AuditedObject:
    """Metadata that was removed (type 2, role 3, life cycle 15), with what it was: the record is all that is left."""
    return AuditedObject(
        id=entry_uuid, type_code="2", role="3", id_type=_OBJECT_REF, life_cycle=DESTROYED, details=tuple(facts)
    )


def outcome(errors: Sequence[RegistryError]) -> Outcome:
    """Any error is serious, warnings alone are minor."""
    if not errors:
        return Outcome.SUCCESS
    return Outcome.SERIOUS if any(error.severity is Severity.ERROR for error in errors) else Outcome.MINOR


class End(NamedTuple):
    """One end of an exchange: its UserID, host name or IP address, name for people, and its process if it is ours."""

    user: str
    address: str = ""
    name: str = ""
    process: str = ""


PROCESS: Final = str(os.getpid())


@lru_cache(64)
def serving_end(endpoint: str) -> End:
    """This node as it is called: UserID is the address of the endpoint (federation-wire 5.4)."""
    return End(endpoint, urlsplit(endpoint).hostname or "", process=PROCESS)


@lru_cache(64)
def calling_end(endpoint: str, name: str) -> End:
    """This node as it calls others: UserID is the wsa:ReplyTo of its requests; `endpoint` is one of its own."""
    return End(ANONYMOUS, urlsplit(endpoint).hostname or "", name, PROCESS)


@lru_cache(maxsize=1024)  # an application and an endpoint meet again and again
def participants(*, source: End, destination: End, pulled: bool = False) -> tuple[Participant, ...]:
    """The two ends of an exchange. Whoever began it is the requestor: with `pulled` documents the destination."""
    return (
        _participant(source, _SOURCE, requestor=not pulled),
        _participant(destination, _DESTINATION, requestor=pulled),
    )


def _participant(end: End, role: Coded, *, requestor: bool) -> Participant:
    return Participant(
        user_id=end.user,
        alternative_user_id=end.process,
        user_name=end.name,
        requestor=requestor,
        role=role,
        address=end.address,
        address_type=kind_of_address(end.address),
    )


def kind_of_address(address: str) -> str:
    """NetworkAccessPointTypeCode: 2 for an IP address, 1 for a host name, "" for nothing."""
    if not address:
        return ""
    return "2" if address.replace(".", "").isdigit() or ":" in address else "1"


def event(
    exchange: Exchange,
    *,
    event_id: EventId,
    action: Action,
    type_: Coded,
    fact: AuditFact,
    ends: tuple[Participant, ...],
) -> AuditEvent:
    """One AuditEvent of this exchange; the user behind it, when there is one, stands beside the two ends."""
    objects = fact.objects
    caller = exchange.caller
    if fact.patient:
        objects = (patient_object(fact.patient, fact.details), *objects)
    return AuditEvent(
        id=event_id,
        action=action,
        outcome=Outcome.MAJOR if fact.broken else outcome(fact.errors),
        outcome_text="; ".join(error.code for error in fact.errors[:8]),
        time=instant(exchange.now),
        type=type_,
        participants=_with_user(ends, caller) if caller.user else ends,
        objects=(*objects, *consent_objects(exchange.consents)),
        purposes=(caller.purpose,) if caller.purpose else (),
        patient=fact.patient,
        incident=exchange.incident,
    )


def _with_user(ends: tuple[Participant, ...], caller: Caller) -> tuple[Participant, ...]:
    """A user is the requestor; the system that speaks for him only when nobody is named (federation-wire 5.4)."""
    return (*(replace(end, requestor=False) for end in ends), human(caller))


def human(caller: Caller) -> Participant:
    """The user behind a request (federation-wire 4.8); the name for people is the alternative id."""
    return Participant(
        user_id=caller.user,
        user_name=caller.user,
        alternative_user_id=caller.user_name,
        requestor=True,
        role=caller.user_role,
    )


def consent_objects(consents: Sequence[str]) -> tuple[AuditedObject, ...]:
    """The consent documents and policies that an assertion names (type 2, role 13; Authz-Consent option)."""
    return tuple(AuditedObject(id=one, type_code="2", role="13", id_type=_CONSENT) for one in consents)


def of_answer(
    exchange: Exchange,
    transaction_id: str,
    name: str,
    profile: AuditProfile[Any],
    facts: Sequence[AuditFact],
    *,
    payload: bytes,
    notes: Sequence[Mapping[str, str]] = (),
) -> list[NewRecord]:
    """The records of one answered request: kind 5 for an application, kinds 2 and 3 for a peer.

    `notes` say for each fact what policy kept back and why: for the record, not for who asked.
    """
    here = serving_end(exchange.endpoint)
    # UserID is the caller's wsa:ReplyTo: the anonymous address when the answer leaves on the connection of its request.
    there = End(
        exchange.reply_to or ANONYMOUS, exchange.caller.address, f"{exchange.caller.name} ({exchange.caller.role})"
    )
    if profile.caller_is_source:
        ends = participants(source=there, destination=here)
    else:
        ends = participants(source=here, destination=there, pulled=True)
    from_peer = exchange.caller.role is Role.PEER
    time = instant(exchange.now)
    tolerated = {"tolerated": " ".join(sorted(map(str, exchange.leniencies)))} if exchange.leniencies else {}
    type_ = Coded(transaction_id, IHE_TRANSACTIONS, name)
    records = [_received(exchange, transaction_id, fact) for fact in facts] if from_peer else []
    records += [
        NewRecord(
            kind=Kind.RESPONSE_SENT if from_peer else Kind.LOCAL,
            time=time,
            event=event(
                exchange,
                event_id=fact.event or profile.event,
                action=fact.action or profile.action,
                type_=type_,
                fact=fact,
                ends=ends,
            ),
            subject=subject(fact.patient),
            peer=exchange.caller.home,
            cid=exchange.message_id if from_peer else "",
            leg="s" if from_peer else "",
            payload=payload,
            note={**(notes[number] if notes else {}), **tolerated},
        )
        for number, fact in enumerate(facts)
    ]
    return records


def _received(exchange: Exchange, transaction_id: str, fact: AuditFact) -> NewRecord:
    """Kind 2: a peer's request arrived; in the same commit as the answer to it."""
    return NewRecord(
        kind=Kind.REQUEST_RECEIVED,
        time=instant(exchange.now),
        subject=subject(fact.patient),
        peer=exchange.caller.home,
        cid=exchange.message_id,
        leg="q",
        payload=exchange.payload,
        receipt=exchange.receipt.proof,
        note={"transaction": transaction_id, "incident": exchange.incident, **exchange.receipt.note()},
    )
