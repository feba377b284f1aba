"""ITI-56 Patient Location Query, the Responding Gateway's side: a locator says which communities know a patient.

It is asked by a token of the set of locators that both sides know (`discovery.duty`). By a patient's identifier nothing
is found: who else knows a patient of ours is for those to say. Source: ITI TF-2: 3.56 (trial implementation).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from lxml import etree

from node.bindings import AuditFact
from node.discovery.duty import TOKEN
from node.discovery.locating import as_locations, holders
from node.exchange import Exchange
from node.hl7v3.datatypes import Ii
from node.hl7v3.location import Location, read_location_query, write_locations
from node.records import parameters_object, patient_object
from node.soap.faults import receiver, sender
from registry.errors import RegistryError

_NAME: Final = "Patient Location Query"


@dataclass(frozen=True, slots=True)
class Request:
    """Who is asked for, and the element of the body, for the record."""

    requested: Ii
    element: etree._Element


@dataclass(frozen=True, slots=True)
class Located:
    """Who knows the patient."""

    locations: tuple[Location, ...]
    errors: tuple[()] = ()
    documents: tuple[()] = ()


def decode(body: etree._Element) -> Request:
    """Read PatientLocationQueryRequest.

    Raises:
        SoapFault: nobody is asked for; this transaction has no other form for an error.
    """
    requested = read_location_query(body)
    if not requested.root:
        raise sender("the query has no RequestedPatientId")
    return Request(requested, body)


def encode(result: Located) -> bytes:
    """The body of the answer."""
    return write_locations(result.locations)


def encode_errors(errors: Sequence[RegistryError]) -> NoReturn:
    """This transaction has faults and no errors.

    Raises:
        SoapFault: always.
    """
    raise receiver("; ".join(error.context for error in errors))


async def nothing(_request: Request, _incoming: object, _exchange: Exchange) -> None:
    """A gateway never asks on for another gateway."""


def patient_location_query(
    request: Request, _prepared: None, exchange: Exchange, _reader: sqlite3.Connection
) -> Located:
    """Which communities know the patient of a token.

    Raises:
        SoapFault: this node is not the locator for it, or it is asked too often.
    """
    actors, requested = exchange.actors, request.requested
    if not actors.discovery.admits(exchange.caller, asyncio.get_running_loop().time()):
        raise receiver("too many questions; ask again later", "wsa:EndpointUnavailable", status=503)
    duty = actors.discovery.duty()
    if not duty.exists or actors.own.home not in duty.homes:
        raise receiver("this community is no locator")
    if not requested.root.startswith("2.25."):
        return Located(())
    token = _token(requested.extension)
    if requested.root != duty.root or duty.locator(token) != actors.own.home:
        raise receiver("the directories differ, or another community is the locator for this patient")
    homes = holders(token, duty, exchange.caller.home, actors)
    return Located(tuple(as_locations(homes, requested)))


def _token(text: str) -> bytes:
    try:
        token = bytes.fromhex(text)
    except ValueError:
        token = b""
    if len(token) != TOKEN:
        raise sender("the extension of RequestedPatientId is no token")
    return token


def audited(request: Request, _result: Located | None, _exchange: Exchange) -> list[AuditFact]:
    """One record: the token stands for the patient, whom this node does not know (federation-wire 5.5)."""
    requested = request.requested
    body = etree.tostring(request.element, with_tail=False)
    asked = parameters_object("ITI-56", _NAME, requested.text, body)
    return [AuditFact(objects=(patient_object(f"{requested.extension}^^^&{requested.root}&ISO"), asked))]
