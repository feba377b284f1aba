"""What one call to one community leaves on record, and what is remembered of it.

Each call is recorded twice: that it is about to be made (kind 1, before bytes leave), and how it ended (kind 4, or 6
when nothing usable came back) in the commit of the answer (interfaces: Audit entries).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from node.bindings import AuditFact
from node.exchange import Exchange
from node.federation.calls import Call
from node.records import (
    DOCUMENT_HOME,
    End,
    calling_end,
    document_object,
    event,
    instant,
    parameters_object,
    participants,
    query_object,
    subject,
    submission_set_object,
)
from registry.ebrim.reader import RemoteObject
from registry.errors import ErrorCode, RegistryError
from registry.metadata.values import is_size
from repository.messages import DocumentRequest
from trust.audit.event import Action, AuditedObject, AuditEvent, Coded, EventId, Kind, NewRecord

if TYPE_CHECKING:
    from node.federation.answered import Answered
    from node.federation.client import PeerAnswer


class KnownDocument(NamedTuple):
    """What the metadata of a remote document said: SHA-1 (hex; "" when made on demand), octets, patient (CX)."""

    sha1: str
    size: int
    patient: str


class Known:
    """Some metadata of remote documents, from query answers that passed by; bounded, in memory, nothing else."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._facts: OrderedDict[tuple[str, str, str], KnownDocument] = OrderedDict()

    def remember(self, objects: Iterable[RemoteObject], patient: str = "") -> None:
        """Keep hash, size and patient of every document entry of an answer; `patient` is our identifier of theirs."""
        for item in objects:
            if item.kind == "document" and item.home and (item.on_demand or (item.hash and is_size(item.size))):
                key = (item.home, item.repository_unique_id, item.unique_id)
                said = ("", 0) if item.on_demand else (item.hash.lower(), int(item.size))
                self._facts[key] = KnownDocument(*said, patient or item.patient_id)
                self._facts.move_to_end(key)
        while len(self._facts) > self._most:
            self._facts.popitem(last=False)

    def of(self, home: str, repository_unique_id: str, unique_id: str) -> KnownDocument | None:
        """What its metadata said, or None when it never passed by."""
        return self._facts.get((home, repository_unique_id, unique_id))


def sent_record(call: Call, exchange: Exchange) -> NewRecord:
    """Kind 1: this node is about to ask."""
    return NewRecord(
        kind=Kind.REQUEST_SENT,
        time=instant(exchange.now),
        subject=subject(call.patient or call.named),
        peer=call.community.home,
        cid=call.message_id,
        leg="q",
        payload=call.digest,
        note={"transaction": call.transaction, "incident": exchange.incident},
    )


def outcome_record(outcome: Answered, exchange: Exchange) -> list[NewRecord]:
    """Kind 4 with what came back, or kind 6 with why nothing did; one AuditMessage each.

    Documents that came and documents that did not are two messages (federation-wire 5.5, partial retrieve).
    """
    call, answer = outcome.call, outcome.answer if outcome.received else None
    return [
        NewRecord(
            kind=Kind.RESPONSE_RECEIVED if answer else Kind.EXCHANGE_FAILED,
            time=instant(exchange.now),
            event=_event(call, exchange, fact),
            subject=subject(call.patient or fact.patient),
            peer=call.community.home,
            cid=call.message_id,
            leg="s" if answer else "q",
            payload=answer.digest if answer else call.digest,
            receipt=outcome.receipt.proof,
            note=_note(outcome, answer),
        )
        for fact in _facts(outcome, exchange, broken=answer is None)
    ]


def _note(outcome: Answered, answer: PeerAnswer | None) -> dict[str, str]:
    word = {"outcome": str(outcome.outcome.word)} if outcome.outcome else {}
    if answer:
        found = sorted(map(str, answer.leniencies))
        tolerated = {"tolerated": " ".join(found)} if found else {}
        return {**outcome.receipt.note(), **tolerated, **word}
    return {"reason": "; ".join(error.context for error in outcome.faults()), **word}


def _facts(outcome: Answered, exchange: Exchange, *, broken: bool) -> list[AuditFact]:
    call, errors = outcome.call, outcome.faults()
    if call.asked is not None:
        home = (DOCUMENT_HOME, call.community.home)
        asked = parameters_object(call.transaction, call.name, call.asked.id, call.asked.parameters, home)
        return [AuditFact(objects=(asked,), errors=errors or outcome.errors, broken=broken)]
    if call.revokes:
        return [AuditFact(patient=call.patient, errors=errors, broken=broken)]
    if call.sought is not None:
        looked_up = parameters_object(call.transaction, call.name, call.sought.id, call.sought.body)
        return [AuditFact(patient=call.patient, objects=(looked_up,), errors=errors, broken=broken)]
    if call.told:
        return [AuditFact(patient=call.patient, objects=call.told, errors=errors, broken=broken)]
    if call.pushed is not None:
        submitted = submission_set_object(call.pushed.submission_set)
        return [AuditFact(patient=call.patient, objects=(submitted,), errors=errors, broken=broken)]
    if call.updates is not None:
        updated = replace(submission_set_object(call.updates), details=((DOCUMENT_HOME, call.community.home),))
        return [AuditFact(patient=call.patient, objects=(updated,), errors=errors or outcome.errors, broken=broken)]
    if call.query is not None:
        query = query_object(call.transaction, call.name, call.query.query_id, call.body, call.community.home)
        return [AuditFact(patient=call.named or call.patient, objects=(query,), errors=errors, broken=broken)]
    delivered = {_key(item.request) for item in outcome.retrieve.documents}
    came = [item for item in call.requests if _key(item) in delivered]
    missing = [item for item in call.requests if _key(item) not in delivered]
    silent = (RegistryError(ErrorCode.DOCUMENT_UNIQUE_ID, "not delivered, without a reason"),)
    return [
        *_of_patients(call, came, exchange, AuditFact()),
        *_of_patients(call, missing, exchange, AuditFact(errors=errors or silent, broken=broken)),
    ]


def _of_patients(
    call: Call, requests: Sequence[DocumentRequest], exchange: Exchange, like: AuditFact
) -> Iterator[AuditFact]:
    """One fact for each patient, as far as a query has told whose documents these are, and one for the rest."""
    home, gateway = call.community.home, exchange.actors.gateway
    groups: dict[str, list[AuditedObject]] = {}
    for item in requests:
        known = gateway.known(home, *_key(item))
        document = document_object(item.document_unique_id, item.repository_unique_id, home)
        groups.setdefault(known.patient if known else "", []).append(document)
    for patient, documents in groups.items():
        yield replace(like, patient=patient, objects=tuple(documents))


def _key(request: DocumentRequest) -> tuple[str, str]:
    return request.repository_unique_id, request.document_unique_id


def _event(call: Call, exchange: Exchange, fact: AuditFact) -> AuditEvent:
    type_ = Coded(call.transaction, "IHE Transactions", call.name)
    here = calling_end(exchange.endpoint, exchange.actors.own.name)
    here = here._replace(user=call.reply_to or here.user)
    there = End(call.url, call.host, call.community.name)
    if call.revokes:
        ends = participants(source=here, destination=there)
        return event(exchange, event_id=EventId.PATIENT_RECORD, action=Action.DELETE, type_=type_, fact=fact, ends=ends)
    if call.pushed is not None:
        ends = participants(source=here, destination=there)
        return event(exchange, event_id=EventId.EXPORT, action=Action.READ, type_=type_, fact=fact, ends=ends)
    if call.updates is not None:
        ends = participants(source=here, destination=there)
        return event(exchange, event_id=EventId.EXPORT, action=Action.UPDATE, type_=type_, fact=fact, ends=ends)
    if call.query is not None or call.asked is not None or call.sought is not None:
        ends = participants(source=here, destination=there)
        return event(exchange, event_id=EventId.QUERY, action=Action.EXECUTE, type_=type_, fact=fact, ends=ends)
    if call.told:
        ends = participants(source=here, destination=there)
        return event(exchange, event_id=EventId.EXPORT, action=Action.READ, type_=type_, fact=fact, ends=ends)
    ends = participants(source=there, destination=here, pulled=True)
    return event(exchange, event_id=EventId.IMPORT, action=Action.CREATE, type_=type_, fact=fact, ends=ends)
