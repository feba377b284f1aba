"""Servers on loopback that are wrong in one way each, and the node that looks at them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from node.doctor.diagnosis import diagnose
from node.doctor.observations import Expected
from node.doctor.probing import Prober
from node.doctor.steps import Row
from tests.trust.pki.making import NOW, House, Issued, address, authority, crooked
from trust.addresses import resolved_fault
from trust.pki.certificates import to_pem

THEIR_CA = authority("Their CA")
NAMES = (x509.DNSName("localhost"), address("127.0.0.1"))
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def theirs(**wrong: object) -> Issued:
    """The certificate of the other institution, wrong in one way."""
    return crooked(wrong.pop("issuer", THEIR_CA), **{"name": "their node", "names": NAMES, **wrong})


def said(status: str = "405 Method Not Allowed", *, date: object = NOW) -> bytes:
    """An answer to a GET."""
    when = f"Date: {format_datetime(date, usegmt=True)}\r\n" if date else ""
    return f"HTTP/1.1 {status}\r\n{when}Content-Length: 0\r\n\r\n".encode()


def answering(answer: bytes) -> Handler:
    """Reads a request and answers these bytes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    return handle


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads until the other side has gone and says nothing."""
    try:
        while await reader.read(1000):
            pass
    except OSError:
        pass
    finally:
        writer.close()


def saying(raw: bytes) -> Handler:
    """Answers the first bytes with these, without TLS."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(1000)
            writer.write(raw)
            await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    return handle


def alert(number: int) -> Handler:
    """Answers the ClientHello with a fatal alert (RFC 8446: 6)."""
    return saying(b"\x15\x03\x03\x00\x02\x02" + bytes([number]))


@asynccontextmanager
async def served(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on 127.0.0.1; its port."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@contextlib.contextmanager
def blocking(context: ssl.SSLContext) -> Iterator[int]:
    """OpenSSL as other servers use it: unlike asyncio's, it sends the alert that says why it refuses."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                raw, _ = listener.accept()
                with context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False) as connection:
                    with contextlib.suppress(OSError):
                        connection.do_handshake()
                    with contextlib.suppress(OSError):
                        while socket.socket.recv(connection, 1000):  # so that no reset overtakes the alert
                            pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@dataclass
class Stage:
    """This node, and how the other institution's server is made."""

    house: House
    folder: Path

    def context(self, issued: Issued, *, callers: str = "", ciphers: str = "", newest: object = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers(ciphers or "DEFAULT:@SECLEVEL=0")
        if newest is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what is tested
                context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
                context.maximum_version = newest
        context.load_cert_chain(*issued.write(self.folder, f"server-{issued.fingerprint[:8]}"))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=callers or self.house.authority.pem)
        return context

    def prober(self, pins: str, **changed: object) -> Prober:
        usual = Prober(
            context=self.house.tls.client(pins),
            own=("", ""),
            files=(self.folder / "tls.pem", self.folder / "tls.key"),
            forbidden=lambda host, one: resolved_fault(host, one, development=True),
            clock=self.house.clock,
            synchronised=True,
        )
        return replace(usual, **changed)

    async def rows(
        self,
        port: int,
        added: Issued,
        *,
        host: str = "localhost",
        chain: str = "",
        bound: bool = True,
        withdrawn: dict[str, str] | None = None,
        **changed: object,
    ) -> list[Row]:
        """What the doctor says of a server for which `added` was recorded."""
        seen = await self.prober(added.pem, **changed).look(urlsplit(f"https://{host}:{port}/iti-38"))
        expected = Expected(
            chain=chain or to_pem([added.certificate, THEIR_CA.certificate]),
            pins=added.pem,
            now=self.house.clock(),
            own=self.house.tls.fingerprint,
            lists=self.house.tls.lists.configured,
            bound=frozenset({added.fingerprint} if bound else ()),
            withdrawn=withdrawn or {},
        )
        return diagnose(seen, expected)
