"""What is fuzzed: each reader with the recorded messages to begin with, and what may come of any bytes.

A target returns when the bytes were read, or refused in the way the standard has for it, and the answer to it can be
written. Anything it raises is a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from lxml import etree

from node import asserted
from node.hl7v3.answer import read_answer as read_demographics
from node.hl7v3.location import read_locations
from node.hl7v3.wrapper import BadMessage
from node.http.reading import PackageReader
from node.mllp import END, START, Framer, FrameTooLarge
from node.soap.faults import SoapFault, write_fault
from node.soap.limits import MimeLimits
from node.soap.message import parse, read_answer, read_envelope
from node.soap.mime import read_media_type
from node.transactions import TRANSACTIONS
from registry.ebrim.messages import AdhocQuery, registry_response
from registry.ebrim.reader import read_query_answer, read_registry_response
from registry.errors import RegistryError, XdsErrors
from registry.metadata.affinity_domain import ANY
from registry.metadata.rules import violations
from registry.metadata.submission import Submission
from registry.patients.acknowledgement import acknowledge, refuse
from registry.patients.hl7v2 import MessageRefused, read
from registry.queries.criteria import criteria
from repository.messages import read_retrieve_response
from repository.provide import pairing_faults
from trust.errors import AssertionRefused, TokenRefused
from trust.identity import access_token, saml
from trust.identity.issuers import EVERYBODY, Issuers

ROOT: Final = Path(__file__).resolve().parents[2]
VECTORS: Final = ROOT / "tests" / "vectors"
NOW: Final = datetime(2026, 3, 1, tzinfo=UTC)
ACTIONS: Final = {operation.root: operation.action for row in TRANSACTIONS for operation in row.binding.operations()}


@dataclass(frozen=True, slots=True)
class Target:
    """One reader. `words` are what its messages are made of."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()


def envelope(body: bytes) -> bytes:
    """A recorded body as a complete message."""
    body = body.partition(b"?>")[2] if body.startswith(b"<?xml") else body
    action = ACTIONS.get(str(etree.fromstring(body).tag), "urn:x").encode()
    return (
        b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://www.w3.org/2005/08/addressing">'
        b"<s:Header><wsa:To>https://x/</wsa:To><wsa:MessageID>urn:uuid:1c6d5c4e-0f6a-4d3b-8a3e-2b7f1f1f9c01"
        b'</wsa:MessageID><wsa:Action s:mustUnderstand="1">' + action + b"</wsa:Action></s:Header><s:Body>"
        + body.strip() + b"</s:Body></s:Envelope>"
    )  # fmt: skip


BODIES: Final = tuple(path.read_bytes() for path in sorted(VECTORS.glob("iti*/*.xml")))
ENVELOPES: Final = tuple(envelope(body) for body in BODIES)


def _fault(fault: SoapFault) -> None:
    """The answer to what cannot be read must itself be readable."""
    parse(write_fault(fault))


def soap(data: bytes) -> None:
    """An envelope as a request and as an answer."""
    for reader in (read_envelope, read_answer):
        try:
            reader(data)
        except SoapFault as fault:
            _fault(fault)


class _Place:
    """A place in memory for parts that come early."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> None:
        self._data += data

    def finish(self) -> None:
        """Nothing to do."""

    def frames(self) -> list[bytes]:
        return [bytes(self._data)]

    def close(self) -> None:
        self._data.clear()


def _driven(work: Coroutine[Any, Any, None]) -> None:
    """Run something that never really waits."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise AssertionError("the reader waited for something")


def package(data: bytes) -> None:
    """A whole request: its Content-Type up to the first line feed, then the body, cut anew at every length."""
    head, _, body = data.partition(b"\n")
    size = 1 + len(head) * 7 % 97
    pieces = [body[place : place + size] for place in range(0, len(body), size)][::-1]

    async def chunk() -> bytes:
        return pieces.pop() if pieces else b""

    async def work() -> None:
        try:
            media_type = read_media_type(head.decode("latin-1"))
            reader = PackageReader(chunk, media_type, _Place, mime=MimeLimits())  # type: ignore[arg-type]
            message = await reader.message()
            async for _, chunks in reader.documents():
                async for _ in chunks:
                    pass
            _decoded(message.body)
        except SoapFault as fault:
            _fault(fault)

    _driven(work())


def requests(data: bytes) -> None:
    """Any body, as every transaction reads it that has such a message."""
    try:
        _decoded(parse(data))
    except SoapFault as fault:
        _fault(fault)


def _decoded(body: etree._Element) -> None:
    for row in TRANSACTIONS:
        if body.tag not in {operation.root for operation in row.binding.operations()}:
            continue
        errors: list[RegistryError] = []
        with suppress(SoapFault, BadMessage):
            try:
                errors = _judged(row.binding.decode(body))
            except XdsErrors as refused:
                errors = list(refused.errors)
        parse(registry_response(errors))


def _judged(request: Any) -> list[RegistryError]:
    """What is judged of a request before anything is looked up."""
    submission = getattr(request, "submission", None)
    if isinstance(submission, Submission):
        found = [*request.faults, *pairing_faults(submission, getattr(request, "documents", ()))]
        return [
            *found,
            *violations(submission, ANY, transaction="ITI-42"),
            *violations(submission, ANY, transaction="XDR"),
        ]
    if isinstance(request, AdhocQuery):
        criteria(request)
    return []


def answers(data: bytes) -> None:
    """Any body, as the answer of another community."""
    try:
        body = parse(data)
    except SoapFault:
        return
    for reader in (
        read_query_answer,
        read_registry_response,
        read_retrieve_response,
        read_demographics,
        read_locations,
    ):
        with suppress(BadMessage, XdsErrors, SoapFault, ValueError):
            reader(body)


def hl7v2(data: bytes) -> None:
    """A connection of the patient identity feed: frames, messages, one acknowledgement for each."""
    framer = Framer(100_000)
    try:
        messages = [one for piece in (START + data, END, data, END) for one in framer.feed(piece)]
    except FrameTooLarge:
        return
    for message in messages:
        try:
            change = read(message, authority="2.999.1", others=("2.999.2",))
            answer = acknowledge(change.header, now="20260301000000", control_id="K", text="x")
        except MessageRefused as refusal:
            answer = refuse(refusal, now="20260301000000", control_id="K")
        segments = answer.split(b"\r")
        if not answer.startswith(b"MSH|^~\\&|") or sum(one.startswith(b"MSA|") for one in segments) != 1:
            raise AssertionError(f"no standard acknowledgement: {answer!r}")


def tokens(data: bytes) -> None:
    """An access token, or an assertion."""
    if data.lstrip().startswith(b"<"):
        with suppress(AssertionRefused):
            saml.authentic(data, Issuers({}), NOW, asserted.parse)
        return
    expected = access_token.ExpectedToken(
        home="urn:oid:2.999.1", audiences=frozenset({"x"}), skew=timedelta(0), roles=EVERYBODY, purposes=EVERYBODY
    )
    with suppress(TokenRefused):
        access_token.accept(data.decode("latin-1"), {}, expected, NOW)


_TYPE: Final = (
    b'multipart/related; boundary="B"; type="application/xop+xml"; start="<r@x>"; start-info="application/soap+xml"'
)
_PROVIDE: Final = (
    b'<xds:ProvideAndRegisterDocumentSetRequest xmlns:xds="urn:ihe:iti:xds-b:2007" '
    b'xmlns:xop="http://www.w3.org/2004/08/xop/include">'
    + (VECTORS / "iti42" / "submit_objects_request.xml").read_bytes().partition(b"?>")[2]
    + b'<xds:Document id="Document01"><xop:Include href="cid:d@x"/></xds:Document>'
    b"</xds:ProvideAndRegisterDocumentSetRequest>"
)
_PACKAGE: Final = (
    _TYPE + b"\n--B\r\nContent-Type: application/xop+xml; charset=UTF-8\r\nContent-ID: <r@x>\r\n\r\n"
    + envelope(_PROVIDE)
    + b"\r\n--B\r\nContent-Transfer-Encoding: base64\r\nContent-ID: <d@x>\r\n\r\nSGVsbG8gWERT\r\n--B--\r\n"
)  # fmt: skip
_MSH: Final = b"MSH|^~\\&|ADT|A|PIX|B|20260301101500||ADT^%s|M1|P|2.5||||||UNICODE UTF-8\r"
_EVENTS: Final = (b"A01", b"A08", b"A40", b"A43", b"A24", b"A28")
_PID: Final = b"PID|||1^^^N&2.999.1&ISO~L^^^&2.999.5&ISO||Halvorsen^Nora^^^^^L||19720415|F|||7 Quay Road^^Norwick\r"
_ASSERTION: Final = (
    b'<Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion" ID="_1" Version="2.0" '
    b'IssueInstant="2026-03-01T00:00:00Z">'
    b"<Issuer>https://idp</Issuer><Subject><NameID>jane</NameID><SubjectConfirmation "
    b'Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"/></Subject><Conditions NotBefore="2026-03-01T00:00:00Z" '
    b'NotOnOrAfter="2026-03-01T01:00:00Z"><AudienceRestriction><Audience>urn:oid:2.999.1</Audience></AudienceRestriction>'
    b'</Conditions><AuthnStatement AuthnInstant="2026-03-01T00:00:00Z"><AuthnContext><AuthnContextClassRef>x'
    b"</AuthnContextClassRef></AuthnContext></AuthnStatement></Assertion>"
)
_XML_WORDS: Final = (
    b"<",
    b"</",
    b"/>",
    b'"',
    b"&amp;",
    b"&#0;",
    b"]]>",
    b"<!--",
    b"<!DOCTYPE x>",
    b'xmlns:a="a"',
    b"\xef\xbf\xbf",
)

TARGETS: Final[Mapping[str, Target]] = {
    "soap": Target(soap, ENVELOPES, (*_XML_WORDS, b"mustUnderstand", b"wsa:Action")),
    "package": Target(
        package,
        (_PACKAGE, *(b"application/soap+xml\n" + one for one in ENVELOPES)),
        (*_XML_WORDS, b"\r\n", b"--B", b"--B--", b"Content-ID: <d@x>", b"quoted-printable", b"cid:", b"=0"),
    ),
    "requests": Target(requests, (_PROVIDE, *BODIES), (*_XML_WORDS, b"urn:uuid:", b"^^^&2.999&ISO", b"('", b"$XDS")),
    "answers": Target(answers, BODIES, _XML_WORDS),
    "hl7v2": Target(
        hl7v2,
        tuple(
            _MSH % event + _PID + b"MRG|2^^^&2.999.1&ISO\r"
            for event in (b"A01", b"A08", b"A40", b"A43", b"A24", b"A28")
        ),
        (b"|", b"^", b"~", b"\\", b"&", b"\r", b"\x0b", b"\x1c", b"PID|", b"MRG|", b'""', b"GB 18030-2000"),
    ),
    "tokens": Target(
        tokens, (_ASSERTION, b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln"), (*_XML_WORDS, b".", b"eyJ", b"ID=", b"e30")
    ),
}
