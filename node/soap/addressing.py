"""WS-Addressing headers and mustUnderstand of one message (ITI TF-2: V.3.2; xds-wire 2.1, 2.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from node.soap import names
from node.soap.faults import FaultCode, SoapFault, elsewhere, invalid_header, sender
from node.soap.leniencies import Leniency
from node.soap.tree import children, text_of

_WSA: Final = f"{{{names.WSA}}}"
_ACTION: Final = _WSA + "Action"
_MESSAGE_ID: Final = _WSA + "MessageID"
_TO: Final = _WSA + "To"
_RELATES_TO: Final = _WSA + "RelatesTo"
_REPLY_TO: Final = _WSA + "ReplyTo"
_FAULT_TO: Final = _WSA + "FaultTo"
_FROM: Final = _WSA + "From"
_ADDRESS: Final = _WSA + "Address"
_AT_MOST_ONCE: Final = frozenset({_ACTION, _MESSAGE_ID, _TO, _REPLY_TO, _FAULT_TO, _FROM})
_TRUE: Final = frozenset({"1", "true"})
# A header without a role is for the ultimate receiver.
_FOR_US: Final = frozenset({"", f"{names.SOAP12}/role/next", f"{names.SOAP12}/role/ultimateReceiver"})
_UUID = re.compile(r"urn:uuid:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LONGEST: Final = 1024  # of an address, action or MessageID


@dataclass(slots=True)
class Addressing:
    """The headers that matter, filled while they are read so that a fault can name the MessageID."""

    action: str = ""
    message_id: str = ""
    reply_to: str = names.ANONYMOUS
    to: str = ""
    relates_to: str = ""
    security: list[etree._Element] = field(default_factory=list)
    leniencies: set[Leniency] = field(default_factory=set)


def read_addressing(header: etree._Element | None, into: Addressing) -> None:
    """Read the headers of a request.

    Raises:
        SoapFault: a header is missing, doubled, wrong, or must be understood and is not; or the answer is to go where
            none ever goes. Whether it may go to the https address that is named is the dispatcher's to decide.
    """
    found: dict[str, etree._Element] = {}
    for block in () if header is None else children(header):
        tag = str(block.tag)
        if tag in _AT_MOST_ONCE:
            if tag in found:
                raise invalid_header(f"the header {tag.rpartition('}')[2]} stands twice", "InvalidCardinality")
            found[tag] = block
            if tag == _MESSAGE_ID:
                into.message_id = _value(block, into)
        elif tag == names.SECURITY:
            if block.get(names.ROLE, "") in _FOR_US:
                into.security.append(block)
        elif tag.startswith(_WSA):
            if tag == _RELATES_TO and not into.relates_to:
                into.relates_to = _value(block, into)
        else:
            _foreign(block)
    _check(found, into)


def read_relaxed(header: etree._Element | None) -> Addressing:
    """Read the headers of an answer: nothing is demanded of them."""
    into = Addressing()
    places = {_ACTION: "action", _MESSAGE_ID: "message_id", _RELATES_TO: "relates_to", _TO: "to"}
    for block in () if header is None else children(header):
        tag = str(block.tag)
        if tag in places:
            setattr(into, places[tag], _value(block, into))
            if tag == _ACTION and block.get(names.MUST_UNDERSTAND) not in _TRUE:
                into.leniencies.add(Leniency.ACTION_NOT_MUST_UNDERSTAND)
        elif block.tag == names.SECURITY:
            into.security.append(block)
    if not into.relates_to:
        into.leniencies.add(Leniency.RELATES_TO_MISSING)
    return into


def _check(found: dict[str, etree._Element], into: Addressing) -> None:
    action = found.get(_ACTION)
    if action is None:
        raise sender("the header wsa:Action is missing", "wsa:MessageAddressingHeaderRequired")
    into.action = _value(action, into)
    if not into.action:
        raise sender("the header wsa:Action is empty", "wsa:MessageAddressingHeaderRequired")
    if action.get(names.MUST_UNDERSTAND) not in _TRUE:
        into.leniencies.add(Leniency.ACTION_NOT_MUST_UNDERSTAND)
    if not into.message_id:
        into.leniencies.add(Leniency.MESSAGE_ID_MISSING)
    elif not _UUID.fullmatch(into.message_id):
        into.leniencies.add(Leniency.MESSAGE_ID_NOT_UUID)
    if _TO in found:
        into.to = _value(found[_TO], into)
    _check_endpoints(found, into)


def _check_endpoints(found: dict[str, etree._Element], into: Addressing) -> None:
    """Where the answer is to go, and a fault with it."""
    if _REPLY_TO in found:
        into.reply_to = _address(found[_REPLY_TO], into)
        if into.reply_to != names.ANONYMOUS and not into.reply_to.startswith("https://"):
            raise elsewhere()
    elif not into.relates_to:  # an answer on a connection of its own has none
        into.leniencies.add(Leniency.REPLY_TO_MISSING)
    if _FAULT_TO in found and _address(found[_FAULT_TO], into) not in (names.ANONYMOUS, into.reply_to):
        raise elsewhere()


def _address(reference: etree._Element, into: Addressing) -> str:
    """The address of ReplyTo or FaultTo."""
    address = next(reference.iterchildren(_ADDRESS), None)
    if address is None:
        raise invalid_header("an endpoint reference has no wsa:Address", "MissingAddressInEPR")
    return _value(address, into)


def _foreign(block: etree._Element) -> None:
    """A header that is not ours: ignored, unless it must be understood or wants something included."""
    if block.tag == names.INCLUDE:
        return
    if block.get(names.MUST_UNDERSTAND) in _TRUE and block.get(names.ROLE, "") in _FOR_US:
        name = etree.QName(block)
        raise SoapFault(
            FaultCode.MUST_UNDERSTAND,
            "a header that must be understood is not",
            not_understood=[(name.namespace or "", name.localname)],
        )
    if next(block.iter(f"{{{names.XINCLUDE}}}*"), None) is not None:
        raise sender("XInclude is not allowed in headers")


def _value(element: etree._Element, into: Addressing) -> str:
    """The text of a header; comments inside it do not cut it."""
    text = text_of(element)
    value = text.strip()
    if len(value) != len(text):
        into.leniencies.add(Leniency.PADDED_ADDRESS)
    if len(value) > _LONGEST:
        raise invalid_header("a header is longer than 1024 characters", "InvalidAddress")
    return value
