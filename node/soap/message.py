"""SOAP 1.2 messages with WS-Addressing headers: the one place where bytes become XML (ITI TF-2: Appendix V).

No document type declaration, no entity, no network; caps of `node.soap.limits`; a fault for everything else.
What is written is built as text (`node.soap.writing`).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, cast

from lxml import etree

from node.soap import names
from node.soap.addressing import Addressing, read_addressing, read_relaxed
from node.soap.faults import FaultCode, SoapFault, sender, too_large, write_fault
from node.soap.leniencies import Leniency
from node.soap.limits import ANSWER, REQUEST, XmlLimits
from node.soap.scan import Scanned, Vocabulary, as_utf8
from node.soap.tree import children, text_of
from node.soap.writing import write_envelope
from node.soap.xop import DocumentReference, take_documents

__all__ = [
    "Message",
    "PeerFaultDetail",
    "SoapFault",
    "parse",
    "read_answer",
    "read_envelope",
    "write_envelope",
    "write_fault",
]

_VOCABULARY: Final = Vocabulary()
_TOO_DEEP: Final = {depth: etree.XPath("boolean(" + "/*" * (depth + 1) + ")") for depth in (REQUEST.depth,)}
_INSTRUCTIONS: Final = etree.XPath("boolean(//processing-instruction())")
_IDS: Final = etree.XPath("//@ID | //@Id | //@xml:id | //@wsu:Id", namespaces={"wsu": names.WSU})


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerFaultDetail:
    """A soap:Fault found in an answer, as plain values."""

    code: str
    subcodes: tuple[str, ...]
    reason: str


@dataclass(slots=True, kw_only=True)
class Message:
    """One SOAP message.

    `body` is the single child of soap:Body (None only in an answer without content). `security` holds the
    wsse:Security headers for this node as they stood. `documents` names every xds:Document in document order: each of
    them holds an xop:Include, also where the sender had put base64. `root` is the root part as it arrived, unless
    documents were taken out of it while it streamed; `root_size` and `root_sha256` always describe what arrived.
    """

    action: str
    message_id: str
    reply_to: str
    to: str
    relates_to: str
    body: etree._Element
    element: etree._Element
    security: tuple[etree._Element, ...]
    packaging: str = "soap"
    documents: tuple[DocumentReference, ...] = ()
    leniencies: set[Leniency] = field(default_factory=set)
    fault: PeerFaultDetail | None = None
    root: bytes = b""
    root_content_id: str = "body"
    root_size: int = 0
    digest: bytes = b""

    @property
    def root_sha256(self) -> bytes:
        """SHA-256 of the root part as it arrived."""
        if not self.digest:
            self.digest = sha256(self.root).digest()
        return self.digest


def parse(data: bytes, *, charset: str = "", limits: XmlLimits = REQUEST) -> etree._Element:
    """Parse one XML document and return its root element.

    Args:
        data: UTF-8 or UTF-16 bytes.
        charset: charset parameter of the Content-Type; it must agree.
        limits: caps on size, nodes, depth and width.

    Raises:
        SoapFault: the document is not well formed, exceeds a cap, or holds what no message of this node may hold.
    """
    if not data or data.isspace():
        raise sender("the message is empty")
    data = as_utf8(data, charset)
    scanned = _VOCABULARY.scan(data, limits)
    try:
        apart = scanned.foreign or limits.long_texts
        root = _parsed_apart(data, limits) if apart else etree.fromstring(data, _PARSER)  # noqa: TID251  this is the place
    except etree.XMLSyntaxError as error:
        raise sender(f"the message is not well-formed XML: {_first_line(error)}") from None
    _check_tree(root, scanned, limits)
    return root


def read_envelope(data: bytes, *, charset: str = "", placeholders: Sequence[str] = ()) -> Message:
    """Read a request.

    Args:
        data: the root part.
        charset: charset parameter of its Content-Type.
        placeholders: texts that stand for documents which were taken out while the root arrived.

    Raises:
        SoapFault: with `message_id` set as far as it could be read.

    Source: ITI TF-2: V.3.2
    """
    root = parse(data, charset=charset)
    header, body = _envelope(root)
    addressing = Addressing()
    try:
        read_addressing(header, addressing)
        child = _only_child(body)
        if b"encodingStyle" in data:
            _check_encoding_style(root)
        leniencies = set(addressing.leniencies)
        documents = take_documents(root, placeholders, leniencies)
    except SoapFault as fault:
        fault.message_id = addressing.message_id
        raise
    return _message(data, root, child, addressing, documents, leniencies)


def read_answer(data: bytes, *, charset: str = "", placeholders: Sequence[str] = ()) -> Message:
    """Read another system's answer; a soap:Fault in it, under whatever HTTP status, is `Message.fault`.

    Raises:
        SoapFault: what came is not a SOAP 1.2 message that can be read.
    """
    root = parse(data, charset=charset, limits=ANSWER)
    header, body = _envelope(root)
    addressing = read_relaxed(header)
    child = _only_child(body)
    leniencies = set(addressing.leniencies)
    documents = take_documents(root, placeholders, leniencies)
    message = _message(data, root, child, addressing, documents, leniencies)
    if child.tag == names.FAULT:
        message.fault = _fault_detail(child)
    return message


def _message(
    data: bytes,
    root: etree._Element,
    child: etree._Element,
    addressing: Addressing,
    documents: tuple[DocumentReference, ...],
    leniencies: set[Leniency],
) -> Message:
    return Message(
        action=addressing.action,
        message_id=addressing.message_id,
        reply_to=addressing.reply_to,
        to=addressing.to,
        relates_to=addressing.relates_to,
        body=child,
        element=root,
        security=tuple(addressing.security),
        documents=documents,
        leniencies=leniencies,
        root=data,
        root_size=len(data),
    )


def _new_parser(limits: XmlLimits = REQUEST) -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=limits.long_texts,
        remove_comments=False,
        remove_pis=False,
        collect_ids=False,
    )


_PARSER: Final = _new_parser()


def _parsed_apart(data: bytes, limits: XmlLimits) -> etree._Element:
    """Parse in a thread of its own, whose dictionary of names is freed with the document."""
    outcome: list[etree._Element | etree.XMLSyntaxError] = []

    def work() -> None:
        try:
            outcome.append(etree.fromstring(data, _new_parser(limits)))  # noqa: TID251  and this is the other
        except etree.XMLSyntaxError as error:
            outcome.append(error)

    thread = threading.Thread(target=work, name="xml")
    thread.start()
    thread.join()
    if not outcome:
        raise too_large("the message cannot be parsed")
    if isinstance(outcome[0], etree.XMLSyntaxError):
        raise outcome[0]
    return outcome[0]


def _check_tree(root: etree._Element, scanned: Scanned, limits: XmlLimits) -> None:
    """What the bytes could not exclude is looked at in the tree."""
    if scanned.deep and _TOO_DEEP[limits.depth](root):
        raise too_large(f"the message is nested deeper than {limits.depth} elements")
    if scanned.ids:
        found = [str(value) for value in cast(list[str], _IDS(root))]
        if len(found) != len(set(found)):
            raise sender("two elements have the same ID")
    if scanned.instructions and _INSTRUCTIONS(root):
        raise sender("processing instructions are not allowed in a SOAP message")
    if scanned.namespaces:
        _check_namespaces(root)
    if root.getroottree().docinfo.internalDTD is not None:  # the bytes were searched for it already
        raise sender("a document type declaration is not allowed")


def _check_namespaces(root: etree._Element) -> None:
    for element in root.iter("*"):
        if any(uri and ":" not in uri for uri in element.nsmap.values()):
            raise sender("a namespace name is not an absolute URI")


def _envelope(root: etree._Element) -> tuple[etree._Element | None, etree._Element]:
    """The header (if any) and the body of an envelope."""
    if root.tag != names.ENVELOPE:
        if etree.QName(root).localname == "Envelope":
            raise SoapFault(FaultCode.VERSION_MISMATCH, "the envelope is not one of SOAP 1.2")
        raise sender("the message is not a SOAP envelope")
    parts = children(root)
    header = parts[0] if parts and parts[0].tag == names.HEADER else None
    rest = parts if header is None else parts[1:]
    if len(rest) != 1 or rest[0].tag != names.BODY:
        raise sender("an envelope holds one header and one body")
    return header, rest[0]


def _only_child(body: etree._Element) -> etree._Element:
    inside = children(body)
    if len(inside) != 1:
        raise sender("the body holds exactly one element")
    return inside[0]


def _check_encoding_style(root: etree._Element) -> None:
    none = names.SOAP12 + "/encoding/none"
    for element in root.iter("*"):
        if element.get(names.ENCODING_STYLE, none) != none:
            raise SoapFault(FaultCode.DATA_ENCODING_UNKNOWN, "no encodingStyle is supported")


def _fault_detail(fault: etree._Element) -> PeerFaultDetail:
    values = [text_of(value).strip() for value in fault.iter(f"{{{names.SOAP12}}}Value")]
    reason = next((text_of(text).strip() for text in fault.iter(f"{{{names.SOAP12}}}Text")), "")
    return PeerFaultDetail(
        code=values[0].rpartition(":")[2] if values else "",
        subcodes=tuple(value.rpartition(":")[2] for value in values[1:8]),
        reason=reason[:500],
    )


def _first_line(error: etree.XMLSyntaxError) -> str:
    return (error.msg or "").split("\n", 1)[0][:160]
