"""The edges of the doctor: sockets, TLS and HTTP. Nothing is judged here and nothing is asked about any patient."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import SplitResult

from node.doctor.observations import CONNECT_SECONDS, SECONDS, Connected, Heard, Named, Seen, Shaken
from trust.addresses import Address
from trust.pki.tls import ClientContext

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]  # addresses of a name; raises OSError
Connect = Callable[[str, int], Awaitable[socket.socket]]  # a connected socket; raises OSError
_ERRORS = {
    getattr(socket, name): name
    for name in ("EAI_NONAME", "EAI_NODATA", "EAI_AGAIN", "EAI_FAIL")
    if hasattr(socket, name)
}
_MOST_HEADERS = 100


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of `host`, as the operating system finds them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(item[4][0]) for item in found))


async def connect(address: str, port: int) -> socket.socket:
    """A connection to one address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setblocking(False)  # noqa: FBT003
    try:
        await asyncio.get_running_loop().sock_connect(found, (address, port))
    except BaseException:
        found.close()
        raise
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Prober:
    """Looks at addresses of one institution.

    `context` is the context of the running node for it, None where the node has no usable certificate, and `own` says
    why. `forbidden` judges an address that a name resolved to. `files` are this node's chain and key.
    """

    context: ClientContext | None
    own: tuple[str, str]
    files: tuple[Path, Path]
    forbidden: Callable[[str, Address], str]
    clock: Callable[[], datetime]
    synchronised: bool
    resolve: Resolve = resolve
    connect: Connect = connect
    patience: float = SECONDS

    async def look(self, url: SplitResult) -> Seen:
        """Everything up to the first thing that does not work."""
        host, port = url.hostname or "", url.port or 443
        named = await self._name(host, port)
        connected = tuple([await self._attempt(host, address, port) for address in named.addresses])
        good = next((one.address for one in connected if not one.trouble), None)
        shaken, heard = None, None
        if good is not None and self.context is not None:
            shaken, heard = await self._talk(url, good, self.context)
            if shaken.trouble:
                shaken = await self._second_look(shaken, host, good, port)
        return Seen(
            host=host,
            port=port,
            named=named,
            connected=connected,
            own=self.own,
            shaken=shaken,
            heard=heard,
            at=self.clock(),
            synchronised=self.synchronised,
        )

    async def _name(self, host: str, port: int) -> Named:
        try:
            async with asyncio.timeout(self.patience):
                return Named(addresses=tuple(await self.resolve(host, port)))
        except TimeoutError:
            return Named(trouble="timeout")
        except socket.gaierror as problem:
            return Named(trouble=_ERRORS.get(problem.errno or 0, "other"), words=problem.strerror or "")
        except (OSError, UnicodeError) as problem:
            return Named(trouble="other", words=str(problem))

    async def _attempt(self, host: str, address: str, port: int) -> Connected:
        if why := self.forbidden(host, ipaddress.ip_address(address)):
            return Connected(address=address, trouble="forbidden", words=why)
        loop = asyncio.get_running_loop()
        before = loop.time()
        try:
            async with asyncio.timeout(min(CONNECT_SECONDS, self.patience)):
                found = await self.connect(address, port)
        except TimeoutError:
            return Connected(address=address, trouble="timeout", words="no answer")
        except OSError as problem:
            name = errno.errorcode.get(problem.errno or 0, "other")
            return Connected(address=address, trouble=name, words=os.strerror(problem.errno or 0).lower())
        found.close()
        return Connected(address=address, seconds=loop.time() - before)

    async def _talk(self, url: SplitResult, address: str, context: ClientContext) -> tuple[Shaken, Heard | None]:
        """The handshake as the node itself makes it, then one GET."""
        host, port = url.hostname or "", url.port or 443
        try:
            async with asyncio.timeout(self.patience):
                reader, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=host)
        except (OSError, EOFError) as problem:
            return _shaken(problem), None
        try:
            return _shown(writer.get_extra_info("ssl_object")), await self._get(url, reader, writer)
        finally:
            writer.transport.abort()

    async def _get(self, url: SplitResult, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Heard:
        request = f"GET {url.path or '/'} HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n\r\n"
        try:
            async with asyncio.timeout(self.patience):
                writer.write(request.encode())
                await writer.drain()
                line = (await reader.readline()).decode("ascii", "replace").strip()
                date = await _date(reader) if line.startswith("HTTP/") else ""
        except (OSError, EOFError, ValueError) as problem:
            shaken = _shaken(problem)
            return Heard(trouble=shaken.trouble, words=shaken.words)
        return Heard(line=line, date=date)

    async def _second_look(self, shaken: Shaken, host: str, address: str, port: int) -> Shaken:
        """What a tolerant client is shown where the node itself was not content: for the diagnosis alone.

        Nothing follows the handshake on this connection.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.options &= ~(ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        try:
            context.load_cert_chain(*self.files)
            async with asyncio.timeout(self.patience):
                _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=host)
        except (OSError, EOFError):
            return shaken
        seen = _shown(writer.get_extra_info("ssl_object"))
        writer.transport.abort()
        return Shaken(
            trouble=shaken.trouble, words=shaken.words, version=seen.version, cipher=seen.cipher, shown=seen.shown
        )


async def _date(reader: asyncio.StreamReader) -> str:
    for _ in range(_MOST_HEADERS):
        name, _, value = (await reader.readline()).decode("ascii", "replace").partition(":")
        if name.lower() == "date":
            return value.strip()
        if not name.strip():
            break
    return ""


def _shown(connection: ssl.SSLObject) -> Shaken:
    cipher = connection.cipher()
    der = connection.getpeercert(binary_form=True) or b""
    return Shaken(version=connection.version() or "", cipher=cipher[0] if cipher else "", shown=der)


def _shaken(problem: Exception) -> Shaken:
    if isinstance(problem, ssl.SSLCertVerificationError):
        words = getattr(problem, "verify_message", "") or str(problem.args[-1])
        return Shaken(trouble="CERTIFICATE", words=words)
    if isinstance(problem, ssl.SSLEOFError | ConnectionError | EOFError):
        return Shaken(trouble="closed", words=str(problem))
    if isinstance(problem, ssl.SSLError):
        return Shaken(trouble=problem.reason or "other", words=problem.reason or str(problem))
    if isinstance(problem, TimeoutError):
        return Shaken(trouble="timeout")
    return Shaken(trouble="other", words=str(problem))
