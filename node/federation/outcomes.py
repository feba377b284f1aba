"""What one call to one community leaves on record, and what is remembered of it.

Each call is recorded twice: that it is about to be made (kind 1, before bytes leave), and how it ended (kind 4, or 6
when nothing usable came back) in the commit of the answer (interfaces: Audit entries).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from node.bindings import AuditFact
from node.exchange import Exchange
from node.federation.calls import Call
from node.records import document_object, event, instant, participants, query_object, subject
from registry.ebrim.reader import RemoteObject
from registry.errors import RegistryError
from registry.queries.catalogue import patient_of
from trust.audit.event import Action, AuditEvent, Coded, EventId, Kind, NewRecord

if TYPE_CHECKING:
    from node.federation.gateway import Answered


class Known:
    """Hash and size of remote documents, from query answers that passed by; bounded, in memory, nothing else."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._facts: OrderedDict[tuple[str, str, str], tuple[str, int]] = OrderedDict()

    def remember(self, objects: Iterable[RemoteObject]) -> None:
        """Keep hash and size of every document entry of an answer."""
        for item in objects:
            if item.kind == "document" and item.home and item.hash and item.size and item.size.isdigit():
                key = (item.home, item.repository_unique_id, item.unique_id)
                self._facts[key] = (item.hash.lower(), int(item.size))
                self._facts.move_to_end(key)
        while len(self._facts) > self._most:
            self._facts.popitem(last=False)

    def of(self, home: str, repository_unique_id: str, unique_id: str) -> tuple[str, int] | None:
        """(SHA-1 hex, size in octets) as its metadata gave them, or None when they never passed by."""
        return self._facts.get((home, repository_unique_id, unique_id))


def sent_record(call: Call, exchange: Exchange) -> NewRecord:
    """Kind 1: this node is about to ask."""
    return NewRecord(
        kind=Kind.REQUEST_SENT,
        time=instant(exchange.now),
        subject=subject(_patient(call)),
        peer=call.community.home,
        cid=call.message_id,
        leg="q",
        payload=call.digest,
        note={"transaction": call.transaction, "incident": exchange.incident},
    )


def outcome_record(outcome: Answered, exchange: Exchange) -> list[NewRecord]:
    """Kind 4 with what came back, or kind 6 with why nothing did; one AuditMessage each."""
    call, answer = outcome.call, outcome.answer if outcome.received else None
    errors = outcome.faults()
    return [
        NewRecord(
            kind=Kind.RESPONSE_RECEIVED if answer else Kind.EXCHANGE_FAILED,
            time=instant(exchange.now),
            event=_event(outcome, exchange, errors),
            subject=subject(_patient(call)),
            peer=call.community.home,
            cid=call.message_id,
            leg="s" if answer else "q",
            payload=answer.digest if answer else call.digest,
            receipt=outcome.receipt.proof,
            note=outcome.receipt.note() if answer else {"reason": "; ".join(error.context for error in errors)},
        )
    ]


def _event(outcome: Answered, exchange: Exchange, errors: tuple[RegistryError, ...]) -> AuditEvent:
    call = outcome.call
    type_ = Coded(call.transaction, "IHE Transactions", call.name)
    here, there = exchange.endpoint, call.url
    if call.query is not None:
        fact = AuditFact(
            patient=_patient(call),
            objects=(query_object(call.transaction, call.name, call.query.query_id, call.body(), call.community.home),),
            errors=errors,
        )
        ends = participants(source=here, source_address="", destination=there, destination_address=call.host)
        return event(exchange, event_id=EventId.QUERY, action=Action.EXECUTE, type_=type_, fact=fact, ends=ends)
    fact = AuditFact(
        objects=tuple(
            document_object(item.document_unique_id, item.repository_unique_id, call.community.home)
            for item in call.requests
        ),
        errors=errors,
    )
    ends = participants(source=there, source_address=call.host, destination=here, destination_address="")
    return event(exchange, event_id=EventId.IMPORT, action=Action.CREATE, type_=type_, fact=fact, ends=ends)


def _patient(call: Call) -> str:
    return patient_of(call.query) if call.query is not None else ""
