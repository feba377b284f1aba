"""A name that looks public may resolve to anything: no address of this network is ever called, whatever DNS says."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from node.federation.resolver import ForbiddenAddress, GuardedResolver


class Dns(AbstractResolver):
    """Says what it was told to say."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=one, port=port, family=family, proto=0, flags=0) for one in self.addresses
        ]

    async def close(self) -> None:
        self.closed = True


def guarded(*addresses: str, development: bool = False, permitted: Sequence[str] = ()) -> GuardedResolver:
    return GuardedResolver(development=development, permitted=permitted, inner=Dns(*addresses))


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "fd00::1", "::ffff:10.0.0.1", "100.100.100.200"],
)
async def test_a_public_name_with_an_address_inside(address: str) -> None:
    with pytest.raises(ForbiddenAddress):
        await guarded(address).resolve("node.example.org", 443)


async def test_good_ones_among_bad_ones_are_called() -> None:
    found = await guarded("10.0.0.1", "8.8.8.8").resolve("node.example.org", 443)
    assert [item["host"] for item in found] == ["8.8.8.8"]


async def test_a_name_without_an_address() -> None:
    with pytest.raises(ForbiddenAddress):
        await guarded().resolve("node.example.org", 443)


async def test_what_an_administrator_permitted() -> None:
    found = await guarded("10.1.2.3", permitted=["10.1.0.0/16"]).resolve("node.example.org", 443)
    assert [item["host"] for item in found] == ["10.1.2.3"]


@pytest.mark.parametrize(
    ("host", "development"), [("127.0.0.1", False), ("10.0.0.1", True), ("::1", False), ("fe80::1", True)]
)
def test_an_address_in_the_url_is_judged_too(host: str, development: bool) -> None:
    with pytest.raises(ForbiddenAddress):
        guarded(development=development).check_literal(host)


@pytest.mark.parametrize(
    ("host", "development"), [("8.8.8.8", False), ("127.0.0.1", True), ("node.example.org", False)]
)
def test_and_may_be_good(host: str, development: bool) -> None:
    guarded(development=development).check_literal(host)


async def test_the_transport_does_not_connect() -> None:
    """aiohttp asks this resolver and no other, and what it says is an error of the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        connector = aiohttp.TCPConnector(resolver=guarded("127.0.0.1"))
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(aiohttp.ClientConnectorError, match="this machine itself"):
                await session.get(f"http://node.example.org:{listener.getsockname()[1]}/")
        with pytest.raises(BlockingIOError):
            listener.accept()
