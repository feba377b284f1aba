"""Whether a connected institution can be reached, step by step: name, address, TLS with the right certificate, HTTP.

Nothing is asked about any patient here; the query that shows whether the other side knows this node is the running
node's to send (`administration.peers.test`), because every call is on record.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from urllib.parse import SplitResult, urlsplit

from node import database
from node.config import Config
from node.faults import refused
from trust.addresses import resolved_fault
from trust.community_store import Communities
from trust.errors import BadCertificate
from trust.pki.tls import client_context

_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way."""

    good: bool
    what: str
    next_step: str = ""

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return asdict(self)


async def probe(config: Config, home: str) -> list[Step]:
    """Every step up to the first that fails, for the places where the community `home` is queried and retrieved from.

    Raises:
        Faults: the community is not connected.
    """
    connection = database.open_reader(config.folder.database)
    try:
        community = Communities(connection).get(home)
    finally:
        connection.close()
    if community is None:
        raise refused("peer.unknown", home, "this institution is not connected", "xdsnode peer list")
    urls = [urlsplit(community.endpoints[key]) for key in ("iti-38", "iti-39")]
    steps: list[Step] = []
    for url in {url.netloc: url for url in reversed(urls)}.values():
        async for step in _steps(config, url, community.pins):
            steps.append(step)
            if not step.good:
                return steps
    return steps


async def _steps(config: Config, url: SplitResult, pins: str) -> AsyncIterator[Step]:
    host, port = url.hostname or "", url.port or 443
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as problem:
        yield Step(
            good=False, what=f"name {host}: {problem}", next_step="is the name right? ask the other administrator"
        )
        return
    addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
    yield Step(good=True, what=f"name {host}: {', '.join(addresses)}")
    for address in addresses:
        fault = resolved_fault(
            host,
            ipaddress.ip_address(address),
            development=config.node.development,
            permitted=config.federation.permitted_hosts,
        )
        if fault:
            step = "when this is right, name the network in [federation] permitted_hosts"
            yield Step(good=False, what=f"address: {fault}", next_step=step)
            return
    try:
        context = client_context(str(config.folder.tls_chain), str(config.folder.tls_key), pins, None)
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
    except (ssl.SSLError, BadCertificate) as problem:
        step = "has its certificate changed? ask for a new export, then: xdsnode peer add FILE --replace"
        yield Step(good=False, what=f"TLS to {host}:{port}: {problem}", next_step=step)
        return
    except (OSError, TimeoutError) as problem:
        step = "does it run? does a firewall between the institutions let this port through?"
        yield Step(good=False, what=f"connection to {host}:{port}: {_text(problem)}", next_step=step)
        return
    yield Step(good=True, what=f"TLS to {host}:{port}: its certificate is the one that was added")
    yield await _answer(reader, writer, url)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: SplitResult) -> Step:
    """A GET gets some HTTP answer; with TLS 1.3 a refusal of our own certificate shows only here."""
    request = f"GET {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(_SECONDS):
            writer.write(request.encode())
            await writer.drain()
            line = (await reader.readline()).decode("ascii", "replace").strip()
    except (OSError, TimeoutError) as problem:
        line, why = "", _text(problem)
    else:
        why = "it closed the connection"
    finally:
        writer.close()
    if line.startswith("HTTP/1."):
        return Step(good=True, what=f"answer: {line}")
    step = "it may not know this node's certificate: has its administrator added our export?"
    return Step(good=False, what=f"answer: {line or why}", next_step=step)


def _text(problem: BaseException) -> str:
    return str(problem) or type(problem).__name__
