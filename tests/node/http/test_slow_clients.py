"""F15: thousands who connect and say nothing, or half a word at a time, and one who has a question.

How fast the others are answered meanwhile is measured by `scripts/bench full --only scenarios`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from node.http.limits import HttpLimits
from tests.attacks.test_http_attacks import authority, client_tls, server_tls  # noqa: F401
from tests.node.http.edge import Edge, edge, envelope, read_answer, request, send

LIMITS = HttpLimits(connections=6, connections_per_address=4, watch=0.05, patience=0.05, head=30.0)
HALF = b"POST /iti-18 HTTP/1.1\r\nHost: localhost\r\nX"


@asynccontextmanager
async def crowd(server: Edge, said: bytes, addresses: tuple[str, ...]) -> AsyncIterator[list[asyncio.StreamReader]]:
    """As many as there may be, from these addresses, each of which has said this much."""
    held = [await asyncio.open_connection("127.0.0.1", server.port, local_addr=(address, 0)) for address in addresses]
    for _, writer in held:
        writer.write(said)
    while server.server.connections < len(held):
        await asyncio.sleep(0.01)
    await asyncio.sleep(2 * LIMITS.patience)  # they have had their chance
    try:
        yield [reader for reader, _ in held]
    finally:
        for _, writer in held:
            writer.transport.abort()


@pytest.mark.parametrize(
    "addresses",
    [
        pytest.param(("127.0.0.1",) * 4, id="F15-of-one-address"),
        pytest.param(("127.0.0.2",) * 3 + ("127.0.0.3",) * 3, id="F15-of-many-addresses"),
    ],
)
@pytest.mark.parametrize("said", [b"", HALF], ids=["nothing", "half-a-head"])
async def test_who_has_a_question_takes_the_place_of_one_who_says_nothing(said, addresses):
    async with edge(limits=LIMITS) as server, crowd(server, said, addresses) as slow:
        for _ in range(2 * len(addresses)):
            assert (await send(server.port, request(envelope()))).status == 200
        assert server.server.connections <= len(addresses)
        assert await asyncio.wait_for(slow[0].read(), 5) == b""  # the one that waited longest had to go


async def test_f15_nobody_who_is_being_answered_has_to_go():
    done = asyncio.Event()

    async def wait(incoming):
        await done.wait()
        raise TimeoutError

    async with edge(limits=LIMITS, dispatch=wait) as server:
        asking = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(4)]
        for _, writer in asking:
            writer.write(request(envelope()))
        await asyncio.sleep(3 * LIMITS.patience)
        assert (await send(server.port, request(envelope()))).status == 0
        done.set()
        for reader, writer in asking:
            assert (await read_answer(reader)).status == 503
            writer.close()


async def test_f15_handshakes_that_never_begin_are_few_and_keep_nobody_out(server_tls, client_tls):  # noqa: F811
    """Each would hold a quarter of a megabyte for ten seconds, for somebody who has shown no certificate."""
    async with edge(tls=server_tls, limits=HttpLimits(handshakes=5, watch=0.05)) as server:
        silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(40)]
        for _ in range(10):
            assert (await send(server.port, request(envelope()), tls=client_tls)).status == 200
        assert len(server.server._handshakes) <= 5
        assert await asyncio.wait_for(silent[0][0].read(), 5) == b""
        for _, writer in silent:
            writer.close()
