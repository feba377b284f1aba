"""A real server on loopback with a trivial dispatch, and a raw client, for tests of the edge."""

from __future__ import annotations

import asyncio
import ssl
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from node.http.connection import Connected
from node.http.incoming import Incoming, Outgoing, Refusal
from node.http.limits import HttpLimits
from node.http.resources import Resources
from node.http.server import NodeServer
from node.http.soap_endpoint import SoapEndpoint
from node.soap.limits import MIB, MimeLimits
from node.soap.message import write_envelope
from trust.identity.caller import Caller, Role
from trust.ledger.sequencer import AuditProof

QUERY = "urn:ihe:iti:2007:RegistryStoredQuery"
PROVIDE = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
XDS = "urn:ihe:iti:xds-b:2007"
XOP = "http://www.w3.org/2004/08/xop/include"
# Stands for one of the sequencer, which alone can make a real one: of a local access, so that no receipt goes with it.
PROOF = object.__new__(AuditProof)
object.__setattr__(PROOF, "entries", (b"\x01\x05" + bytes(96),))


class MemorySpool:
    """Stands in for the encrypted spool: what it holds is small here."""

    open: int = 0

    def __init__(self) -> None:
        MemorySpool.open += 1
        self.pieces: list[bytes] = []

    def write(self, chunk: bytes) -> None:
        self.pieces.append(chunk)

    def finish(self) -> None:
        pass

    def frames(self) -> Iterator[bytes]:
        return iter(self.pieces)

    def close(self) -> None:
        MemorySpool.open -= 1


@dataclass
class Edge:
    """The server and what reached its inside."""

    server: NodeServer
    refusals: list[Refusal]
    received: list[Received] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.server.port


@dataclass
class Received:
    """One request that was dispatched."""

    incoming: Incoming
    documents: dict[str, bytes]

    @property
    def leniencies(self) -> set[str]:
        return {str(item) for item in self.incoming.message.leniencies}


@dataclass
class Document:
    content_id: str
    mime_type: str
    size: int | None
    frames: Any


Dispatch = Callable[[Incoming], Awaitable[Outgoing]]


def known(peer: Connected) -> Caller:
    return Caller(role=Role.APPLICATION, name="test", fingerprint=peer.fingerprint, address=peer.address)


@asynccontextmanager
async def edge(
    *,
    dispatch: Dispatch | None = None,
    authenticate: Callable[[Connected], Caller] = known,
    limits: HttpLimits | None = None,
    mime: MimeLimits | None = None,
    tls: ssl.SSLContext | None = None,
    most: int = 64 * MIB,
    refused: Callable[[Refusal], Awaitable[Any]] | None = None,
    resources: Resources | None = None,
):
    refusals: list[Refusal] = []
    received: list[Received] = []

    async def record(refusal: Refusal) -> Any:
        refusals.append(refusal)
        return PROOF

    async def echo(incoming: Incoming) -> Outgoing:
        documents = {}
        async for document_id, chunks in incoming.documents():
            documents[document_id] = b"".join([chunk async for chunk in chunks])
        received.append(Received(incoming, documents))
        message = incoming.message
        body = write_envelope(message.action + "Response", b"<ok/>", relates_to=message.message_id)
        return Outgoing(proof=PROOF, action=message.action + "Response", body=body, packaging=message.packaging)

    endpoint = SoapEndpoint(
        routes={"/iti-18": most, "/iti-41": most},
        hosts={"localhost", "127.0.0.1"},
        authenticate=authenticate,
        dispatch=dispatch or echo,
        refused=refused or record,
        spool=MemorySpool,
        new_uuid=lambda: f"urn:uuid:{uuid.uuid4()}",
        mime=mime,
        resources=resources,
    )
    server = NodeServer(
        endpoint, endpoint.malformed, host="127.0.0.1", port=0, tls=tls, limits=limits or HttpLimits(watch=0.05)
    )
    await server.start()
    try:
        yield Edge(server, refusals, received)
    finally:
        await server.stop(grace=2.0)


def envelope(
    body: str = "<x xmlns='urn:x'/>",
    *,
    action: str = QUERY,
    message_id: str = "urn:uuid:1c6d5c4e-0f6a-4d3b-8a3e-2b7f1f1f9c01",
    headers: str = "",
    to: str = "",
) -> bytes:
    to = f"<wsa:To>{to}</wsa:To>" if to else ""
    message_id = f"<wsa:MessageID>{message_id}</wsa:MessageID>" if message_id else ""
    return (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:wsa="{WSA}"><s:Header>{message_id}{to}{headers}'
        f'<wsa:Action s:mustUnderstand="1">{action}</wsa:Action><wsa:ReplyTo><wsa:Address>{WSA}/anonymous</wsa:Address>'
        f"</wsa:ReplyTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def provide(*documents: tuple[str, str]) -> bytes:
    """An ITI-41 envelope; each document is (id, content of the element)."""
    inside = "".join(f'<xds:Document id="{name}">{content}</xds:Document>' for name, content in documents)
    body = f'<xds:ProvideAndRegisterDocumentSetRequest xmlns:xds="{XDS}">{inside}</xds:ProvideAndRegisterDocumentSetRequest>'
    return envelope(body, action=PROVIDE)


def include(href: str) -> str:
    return f'<xop:Include xmlns:xop="{XOP}" href="{href}"/>'


def part(content: bytes, content_id: str = "", *, mime: str = "text/plain", headers: str = "") -> bytes:
    head = f"Content-Type: {mime}\r\n" if mime else ""
    head += f"Content-ID: <{content_id}>\r\n" if content_id else ""
    return (head + headers + "\r\n").encode() + content


ROOT = 'application/xop+xml; charset=UTF-8; type="application/soap+xml"'


def package(*parts: bytes, boundary: str = "B") -> bytes:
    return b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), item) for item in parts) + f"--{boundary}--\r\n".encode()


def package_type(boundary: str = "B", start: str | None = "<root@x>", more: str = "") -> str:
    start = f'; start="{start}"' if start is not None else ""
    return f'multipart/related; boundary="{boundary}"; type="application/xop+xml"{start}; start-info="application/soap+xml"{more}'


def request(
    body: bytes,
    *,
    content_type: str = "application/soap+xml; charset=UTF-8",
    path: str = "/iti-18",
    method: str = "POST",
    headers: str = "",
    host: str = "localhost",
) -> bytes:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n{headers}\r\n"
    ).encode() + body


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    closed: bool = False

    @property
    def text(self) -> str:
        return self.body.decode()


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    line = await reader.readline()
    while b" 100 " in line:
        await reader.readline()
        line = await reader.readline()
    if not line:
        return Answer(0, {}, b"", closed=True)
    headers = {}
    while (item := await reader.readline()).strip():
        name, _, value = item.decode().partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    closed = headers.get("connection") == "close"
    return Answer(int(line.split()[1]), headers, body, closed)


async def send(port: int, data: bytes, *, tls: ssl.SSLContext | None = None, name: str | None = None) -> Answer:
    """Send bytes on a connection of its own and read one answer; status 0 when the connection just ends."""
    server_hostname = (name or "localhost") if tls else None
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=server_hostname)
    try:
        writer.write(data)
        return await asyncio.wait_for(read_answer(reader), 10)
    except ConnectionError:
        return Answer(0, {}, b"", closed=True)
    finally:
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
