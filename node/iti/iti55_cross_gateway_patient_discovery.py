"""ITI-55 Cross Gateway Patient Discovery, the Responding Gateway's side: does anybody fit, and under which id.

Every case of the profile: one match, several, more attributes wanted, none, failure (ITI TF-2: 3.55.4.2). A community
that gave an identifier of its own in an answer may take it back: what was learned from it is forgotten.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from lxml import etree

from node.bindings import AuditFact
from node.discovery.deciding import BUSY, INTERNAL, Decided, decide, refusal
from node.discovery.known_here import candidates
from node.discovery.noting import noted
from node.exchange import Exchange
from node.hl7v3.answer import write_answer
from node.hl7v3.correlation import write_time_to_live
from node.hl7v3.datatypes import Ii
from node.hl7v3.query import DemographicsQuery, read_query
from node.hl7v3.revocation import REVOKE_ROOT, Revocation, read_revocation
from node.hl7v3.wrapper import BadMessage, Party, Wrapper, accept_acknowledgement, acknowledgement, read_wrapper
from node.records import DOCUMENT_HOME, parameters_object
from node.soap.faults import receiver
from registry.errors import ErrorCode, RegistryError, XdsErrors
from registry.store import correlations
from trust.audit.event import Action, EventId, NewRecord

Request = DemographicsQuery | Revocation
_NAME = "Cross Gateway Patient Discovery"


@dataclass(frozen=True, slots=True)
class DiscoveryResult:
    """A finished answer: who it names, and how long that may be kept (SOAP header).

    Of a revocation `patients` are ours (CX) who were known under the identifiers that are taken back.
    """

    body: bytes
    decided: Decided
    patients: tuple[str, ...] = ()
    header: bytes = b""
    errors: tuple[RegistryError, ...] = ()
    documents: tuple[()] = ()


def decode(body: etree._Element) -> Request:
    """Read PRPA_IN201305UV02 or PRPA_IN201303UV02.

    Raises:
        XdsErrors: what no answer could refer to.
    """
    try:
        if body.tag == REVOKE_ROOT:
            return read_revocation(body)
        return read_query(read_wrapper(body))
    except BadMessage as problem:
        raise XdsErrors([RegistryError(ErrorCode.REGISTRY_ERROR, str(problem))]) from None


def encode(result: DiscoveryResult) -> bytes:
    """The answer is finished."""
    return result.body


def headers(result: DiscoveryResult) -> bytes:
    """How long a correlation may be kept."""
    return result.header


async def forget(request: Request, _incoming: object, exchange: Exchange) -> tuple[str, ...]:
    """Drop what was learned under identifiers that the caller takes back: those of nobody else. Our patients (CX).

    Raises:
        SoapFault: too many in a short time.
    """
    if isinstance(request, DemographicsQuery):
        return ()  # a gateway never asks on for another gateway
    actors, caller = exchange.actors, exchange.caller
    if not actors.discovery.admits(caller, asyncio.get_running_loop().time()):
        raise receiver("too many messages; try again later", "wsa:EndpointUnavailable", status=503)

    def work(connection: sqlite3.Connection) -> tuple[tuple[str, ...], Sequence[NewRecord]]:
        gone = correlations.revoke(connection, caller.home, [one.cx for one in request.ids])
        what = f"{caller.name} took back under which identifiers it knows {len(gone)} patients"
        return tuple(gone), [noted(what, actors, caller.name)]

    gone, _ = await actors.sequencer.transact(work)
    return gone


def cross_gateway_patient_discovery(
    query: Request, forgotten: tuple[str, ...], exchange: Exchange, _reader: sqlite3.Connection
) -> DiscoveryResult:
    """Whether anybody is known here who fits; or that a revocation is taken, whether it was of any use or not."""
    if isinstance(query, Revocation):
        return DiscoveryResult(_acknowledged(query.wrapper, "CA", exchange), Decided(code=""), forgotten)
    discovery = exchange.actors.discovery
    decided = refusal(query, deferred=bool(exchange.reply_to))
    if not discovery.admits(exchange.caller, asyncio.get_running_loop().time()):
        decided = Decided(code="AE", failure=BUSY, detail="too many questions; ask again later")
    if decided is None:
        decided = decide(query, candidates(query.person, exchange))
    errors: tuple[RegistryError, ...] = ()
    if decided.failure:
        errors = (RegistryError(ErrorCode.REGISTRY_ERROR, f"{decided.failure}: {decided.detail}"),)
    kept = write_time_to_live(discovery.days) if decided.subjects else b""
    return DiscoveryResult(_written(query, decided, exchange), decided, header=kept, errors=errors)


def _written(query: DemographicsQuery, decided: Decided, exchange: Exchange) -> bytes:
    own = exchange.actors.own.home.removeprefix("urn:oid:")
    return write_answer(
        query,
        id_=Ii(exchange.actors.new_uuid().removeprefix("urn:uuid:")),
        now=exchange.now,
        sender=Party(device=Ii(own), organization=own),
        code=decided.code,
        subjects=decided.subjects,
        requested=decided.requested,
        failure=decided.failure,
        detail=decided.detail,
    )


def _acknowledged(wrapper: Wrapper, code: str, exchange: Exchange, detail: str = "") -> bytes:
    own = exchange.actors.own.home.removeprefix("urn:oid:")
    return accept_acknowledgement(
        wrapper,
        id_=Ii(exchange.actors.new_uuid().removeprefix("urn:uuid:")),
        now=exchange.now,
        sender=Party(device=Ii(own), organization=own),
        acknowledged=acknowledgement(code, wrapper.id, detail=detail, code="INTERR"),
    )


def refuse(body: etree._Element, errors: Sequence[RegistryError], exchange: Exchange) -> bytes:
    """Case 5: nothing could be decided, for this node's sake or since the message is not what it should be."""
    detail = "; ".join(error.context for error in errors)
    try:
        if body.tag == REVOKE_ROOT:
            return _acknowledged(DemographicsQuery.unread(body).wrapper, "CE", exchange, detail)
        query = read_query(read_wrapper(body))
    except BadMessage:
        query = DemographicsQuery.unread(body)
    return _written(query, Decided(code="AE", failure=INTERNAL, detail=detail), exchange)


def audited(query: Request, result: DiscoveryResult | None, exchange: Exchange) -> list[AuditFact]:
    """One record for each patient who was named, or one for none: the query as it came (federation-wire 5.5).

    A revocation deletes what was known of patients of ours: one record for each of them, or one for none.
    """
    if isinstance(query, Revocation):
        fact = partial(AuditFact, event=EventId.PATIENT_RECORD, action=Action.DELETE)
        details = (("II", query.wrapper.id.text),)
        return (
            [fact(patient=one, details=details) for one in result.patients] if result and result.patients else [fact()]
        )
    asked = parameters_object(
        "ITI-55",
        _NAME,
        query.wrapper.id.text,
        etree.tostring(query.element, with_tail=False),
        (DOCUMENT_HOME, exchange.actors.own.home),
    )
    errors = result.errors if result else ()
    named = [one.id.cx for one in result.decided.subjects] if result else []
    return [AuditFact(patient=patient, objects=(asked,), errors=errors) for patient in named or [""]]
