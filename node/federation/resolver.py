"""Names of other communities to addresses, each judged at the moment of the call (trust.addresses).

A description was checked when it was added; what its names resolve to is DNS's to change at any time.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from errno import EACCES
from functools import partial

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from node.http.overriding import override
from trust.addresses import host_faults, resolved_fault


class ForbiddenAddress(OSError):  # noqa: N818  the transport treats it as any address that cannot be reached
    """Where this node does not connect to."""


class GuardedResolver(AbstractResolver):
    """Gives only addresses that this node may call."""

    def __init__(self, *, development: bool, permitted: Sequence[str], inner: AbstractResolver | None = None) -> None:
        self._inner = inner or ThreadedResolver()
        self._fault = partial(resolved_fault, development=development, permitted=permitted)
        self._literal = partial(host_faults, development=development, permitted=permitted)

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of `host` that may be called.

        Raises:
            ForbiddenAddress: none of them may.
        """
        found = await self._inner.resolve(host, port, family)
        faults = [self._fault(host, ipaddress.ip_address(item["host"])) for item in found]
        good = [item for item, fault in zip(found, faults, strict=True) if not fault]
        if not good:
            raise ForbiddenAddress(EACCES, "; ".join(faults)[:200] or f"{host} has no address")
        return good

    def check_literal(self, host: str) -> None:
        """An address that stands in the URL itself is never resolved, so it is judged here.

        Raises:
            ForbiddenAddress: it may not be called.
        """
        if ":" in host or host.replace(".", "").isdigit():
            faults = self._literal(host)
            if faults:
                raise ForbiddenAddress(EACCES, faults[0])

    @override
    async def close(self) -> None:
        """Let the resolver inside go."""
        await self._inner.close()
