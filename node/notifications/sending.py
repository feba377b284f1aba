"""Posting one notification to its subscriber over mutual TLS; nothing is believed but the status."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Final

import aiohttp

from node.federation.resolver import ForbiddenAddress, GuardedResolver
from node.http.reply import SOAP_CONTENT
from trust.addresses import host_of
from trust.errors import BadCertificate

SECONDS: Final = 30.0  # that a subscriber has for taking one notification


class Sender:
    """One for the node. `context` and `resolver` are asked once the event loop runs, for each connection anew."""

    def __init__(self, context: Callable[[], ssl.SSLContext], resolver: Callable[[], GuardedResolver]) -> None:
        self._context = context
        self._new_resolver = resolver

    async def send(self, address: str, envelope: bytes) -> str:
        """Post an envelope; "" when it was taken, else why not."""
        resolver = self._new_resolver()
        connector = aiohttp.TCPConnector(resolver=resolver, force_close=True)
        try:
            resolver.check_literal(host_of(address))
            async with (
                aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=SECONDS),
                    trust_env=False,
                ) as session,
                session.post(
                    address,
                    data=envelope,
                    headers={"Content-Type": SOAP_CONTENT},
                    ssl=self._context(),
                    allow_redirects=False,
                ) as response,
            ):
                return "" if 200 <= response.status < 300 else f"answered HTTP status {response.status}"
        except (aiohttp.ClientError, OSError, EOFError, ForbiddenAddress, BadCertificate, ValueError) as problem:
            return f"{type(problem).__name__}: {str(problem)[:120]}"
        finally:
            await connector.close()
