"""ITI-55 Cross Gateway Patient Discovery, the Responding Gateway's side: does anybody fit, and under which id.

Every case of the profile: one match, several, more attributes wanted, none, failure (ITI TF-2: 3.55.4.2).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from node.bindings import AuditFact
from node.discovery.deciding import BUSY, INTERNAL, Decided, decide, refusal
from node.discovery.known_here import candidates
from node.exchange import Exchange
from node.hl7v3.answer import write_answer
from node.hl7v3.correlation import write_time_to_live
from node.hl7v3.datatypes import Ii
from node.hl7v3.query import DemographicsQuery, read_query
from node.hl7v3.wrapper import BadMessage, Party, read_wrapper
from node.records import DOCUMENT_HOME, parameters_object
from registry.errors import ErrorCode, RegistryError, XdsErrors

_NAME = "Cross Gateway Patient Discovery"


@dataclass(frozen=True, slots=True)
class DiscoveryResult:
    """A finished answer: who it names, and how long that may be kept (SOAP header)."""

    body: bytes
    decided: Decided
    header: bytes = b""
    errors: tuple[RegistryError, ...] = ()
    documents: tuple[()] = ()


def decode(body: etree._Element) -> DemographicsQuery:
    """Read PRPA_IN201305UV02.

    Raises:
        XdsErrors: what no answer could refer to.
    """
    try:
        return read_query(read_wrapper(body))
    except BadMessage as problem:
        raise XdsErrors([RegistryError(ErrorCode.REGISTRY_ERROR, str(problem))]) from None


def encode(result: DiscoveryResult) -> bytes:
    """The answer is finished."""
    return result.body


def headers(result: DiscoveryResult) -> bytes:
    """How long a correlation may be kept."""
    return result.header


async def nothing(_request: DemographicsQuery, _incoming: object, _exchange: Exchange) -> None:
    """A gateway never asks on for another gateway."""


def cross_gateway_patient_discovery(
    query: DemographicsQuery, _prepared: None, exchange: Exchange, _reader: sqlite3.Connection
) -> DiscoveryResult:
    """Whether anybody is known here who fits."""
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
    return DiscoveryResult(_written(query, decided, exchange), decided, kept, errors)


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


def refuse(body: etree._Element, errors: Sequence[RegistryError], exchange: Exchange) -> bytes:
    """Case 5: nothing could be decided, for this node's sake or since the message is not what it should be."""
    try:
        query = read_query(read_wrapper(body))
    except BadMessage:
        query = DemographicsQuery.unread(body)
    detail = "; ".join(error.context for error in errors)
    return _written(query, Decided(code="AE", failure=INTERNAL, detail=detail), exchange)


def audited(query: DemographicsQuery, result: DiscoveryResult | None, exchange: Exchange) -> list[AuditFact]:
    """One record for each patient who was named, or one for none: the query as it came (federation-wire 5.5)."""
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
