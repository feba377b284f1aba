"""What the transactions about patients (ITI-44, ITI-45, ITI-47) share: their result, this node as a party, refusals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from lxml import etree

from node.exchange import Exchange
from node.hl7v3.datatypes import Ii
from node.hl7v3.wrapper import (
    BadMessage,
    Party,
    Wrapper,
    accept_acknowledgement,
    acknowledgement,
    control_act,
    error_detail,
    read_wrapper,
    write_message,
)
from registry.errors import ErrorCode, RegistryError, XdsErrors

T = TypeVar("T")
UNKNOWN_KEY: Final = "204"  # Unknown Key Identifier, HL7 table 0357
_BLANK: Final = Party(device=Ii(""))


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientAnswer:
    """A finished message, and the patients (CX) that it is about."""

    message: bytes
    patients: tuple[str, ...] = ()
    errors: tuple[RegistryError, ...] = ()
    documents: tuple[Any, ...] = ()


def encode(answer: PatientAnswer) -> bytes:
    """The body of the answer."""
    return answer.message


def encode_errors(errors: Sequence[RegistryError]) -> bytes:
    """Never called: every row has a `refuse`, which repeats the request."""
    raise NotImplementedError(", ".join(error.code for error in errors))


async def nothing(_request: object, _incoming: object, _exchange: Exchange) -> None:
    """Nothing to wait for."""


def decoded(read: Callable[[etree._Element], T], body: etree._Element) -> T:
    """Read a message.

    Raises:
        XdsErrors: it lacks what its transaction needs.
    """
    try:
        return read(body)
    except BadMessage as problem:
        raise XdsErrors([RegistryError(ErrorCode.REGISTRY_ERROR, str(problem))]) from None


def unknown_key(text: str, place: str) -> RegistryError:
    """An identifier or a domain that is not known here; `place` is its XPath in the request."""
    return RegistryError(ErrorCode.UNKNOWN_PATIENT_ID, text, place)


def party(exchange: Exchange) -> Party:
    """This node: the OID of its community."""
    return Party(device=Ii(exchange.actors.own.home.removeprefix("urn:oid:")))


def fresh_id(exchange: Exchange) -> Ii:
    """The id of a new message."""
    return Ii(party(exchange).device.root, exchange.actors.new_uuid().removeprefix("urn:uuid:"))


def details(errors: Sequence[RegistryError]) -> str:
    """Errors as acknowledgementDetails."""
    return "".join(
        error_detail(
            error.context,
            code=UNKNOWN_KEY if error.code == ErrorCode.UNKNOWN_PATIENT_ID else "INTERR",
            location=error.location,
        )
        for error in errors
    )


def envelope_of(body: etree._Element) -> Wrapper:
    """The wrapper of a request that is refused, as far as it has one."""
    try:
        return read_wrapper(body)
    except BadMessage:
        return Wrapper(interaction=etree.QName(body).localname, id=Ii(""), sender=_BLANK, receiver=_BLANK)


def accepted(request: Wrapper, exchange: Exchange) -> bytes:
    """MCCI_IN000002UV01 with CA: what was asked is durable."""
    return _acknowledged(request, exchange, acknowledgement("CA", request.id))


def refuse(body: etree._Element, errors: Sequence[RegistryError], exchange: Exchange) -> bytes:
    """MCCI_IN000002UV01 with CE: nothing was done, and why."""
    request = envelope_of(body)
    return _acknowledged(request, exchange, acknowledgement("CE", request.id, more=details(errors)))


def refuse_query(
    body: etree._Element, errors: Sequence[RegistryError], exchange: Exchange, *, answer: str, event: str
) -> bytes:
    """AE in acknowledgement and queryAck of a query that cannot be repeated, because it cannot be read.

    `answer` is the interaction, `event` the code of its trigger event.
    """
    request = envelope_of(body)
    return write_message(
        answer,
        id_=fresh_id(exchange),
        now=exchange.now,
        sender=party(exchange),
        receiver=request.sender,
        accept="NE",
        acknowledgement=acknowledgement("AE", request.id, more=details(errors)),
        act=control_act(event, '<queryAck><queryResponseCode code="AE"/></queryAck>'),
    )


def _acknowledged(request: Wrapper, exchange: Exchange, written: str) -> bytes:
    return accept_acknowledgement(
        request, id_=fresh_id(exchange), now=exchange.now, sender=party(exchange), acknowledged=written
    )
