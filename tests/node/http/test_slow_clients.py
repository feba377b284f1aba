"""F15: thousands who connect and say nothing, or half a word at a time, and one who has a question.

How fast the others are answered meanwhile is measured by `scripts/bench full --only scenarios`.
"""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import gc
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

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


FEW = HttpLimits(handshakes=5, arrivals=40, watch=0.05)
PATIENT = replace(FEW, patience=30.0, handshake=30.0)
Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def saying(server: Edge, said: bytes, count: int, address: str = "127.0.0.1") -> AsyncIterator[list[Line]]:
    """So many who connect, say this much of a handshake, and no more."""
    lines = []
    for _ in range(count):
        line = await asyncio.open_connection("127.0.0.1", server.port, local_addr=(address, 0))
        line[1].write(said)
        lines.append(line)
    try:
        yield lines
    finally:
        for _, writer in lines:
            writer.transport.abort()


class Handshake:
    """The client's side of a handshake, as slow as one likes."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._received, self._sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._client = tls.wrap_bio(self._received, self._sent, server_hostname="localhost")
        self.hello = self._go_on()

    def _go_on(self) -> bytes:
        with suppress(ssl.SSLWantReadError):
            self._client.do_handshake()
        return self._sent.read()

    async def finish(self, line: Line) -> bytes:
        """Ends the handshake, sends a request; the first bytes of the answer."""
        reader, writer = line
        while self._client.version() is None or self._sent.pending:
            self._received.write(await reader.read(65536))
            writer.write(self._go_on())
        self._client.write(request(envelope()))
        writer.write(self._sent.read())
        while True:
            try:
                return self._client.read(12)
            except ssl.SSLWantReadError:
                self._received.write(await reader.read(65536))


async def test_f15_honest_ones_who_come_together_do_not_end_one_another(server_tls, client_tls):  # noqa: F811
    """More than there are places for handshakes, at the same moment, as when a whole federation starts again."""
    async with edge(tls=server_tls, limits=PATIENT) as server:
        asked = [send(server.port, request(envelope()), tls=client_tls) for _ in range(8 * FEW.handshakes)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [getattr(answer, "status", answer) for answer in answers] == [200] * len(answers)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"], ids=["F15-of-its-address", "F15-of-another-address"])
async def test_a_slow_handshake_outlives_any_number_who_say_nothing(server_tls, client_tls, address):  # noqa: F811
    slow = Handshake(client_tls)
    async with edge(tls=server_tls, limits=FEW) as server, saying(server, slow.hello[:20], 1) as (line,):
        await until(lambda: server.server.arrivals.under_way == 1)
        async with saying(server, b"", 3 * FEW.arrivals, address) as silent:
            assert await asyncio.wait_for(silent[0][0].read(), 10) == b""  # they make room for one another
            assert len(server.server.arrivals) <= FEW.arrivals
            assert server.server.arrivals.under_way == 1  # and hold no memory of TLS
            line[1].write(slow.hello[20:])
            assert await asyncio.wait_for(slow.finish(line), 10) == b"HTTP/1.1 200"
            assert (await send(server.port, request(envelope()), tls=client_tls)).status == 200


async def test_f15_one_address_that_begins_handshakes_and_stops_holds_no_place_of_another(server_tls, client_tls):  # noqa: F811
    """However long each of them may take."""
    begun = Handshake(client_tls).hello
    async with (
        edge(tls=server_tls, limits=PATIENT) as server,
        saying(server, begun, 4 * FEW.handshakes, "127.0.0.2"),
    ):
        await until(lambda: server.server.arrivals.under_way == FEW.handshakes)
        for _ in range(2 * FEW.handshakes):
            assert (await send(server.port, request(envelope()), tls=client_tls)).status == 200
        assert server.server.arrivals.under_way <= FEW.handshakes


async def test_f15_handshakes_that_stop_give_way_to_others_of_their_address(server_tls, client_tls):  # noqa: F811
    begun = Handshake(client_tls).hello
    limits = replace(PATIENT, patience=0.05)
    async with edge(tls=server_tls, limits=limits) as server, saying(server, begun, 4 * FEW.handshakes) as lines:
        assert (await send(server.port, request(envelope()), tls=client_tls)).status == 200
        await asyncio.wait_for(lines[0][0].read(), 10)
        assert server.server.arrivals.under_way <= FEW.handshakes


async def test_f15_so_many_that_wait_with_a_word_give_way_to_another_address(server_tls, client_tls):  # noqa: F811
    """All places for those who have come are taken by one address, which has begun as many handshakes."""
    begun = Handshake(client_tls).hello
    async with (
        edge(tls=server_tls, limits=PATIENT) as server,
        saying(server, begun, FEW.arrivals, "127.0.0.2"),
    ):
        await until(lambda: len(server.server.arrivals) == FEW.arrivals)
        assert (await send(server.port, request(envelope()), tls=client_tls)).status == 200


async def test_f15_nothing_is_left_of_a_handshake_that_came_to_nothing(server_tls, client_tls):  # noqa: F811
    """Its quarter of a megabyte does not wait for the collector of cycles, which comes rarely."""
    begun = Handshake(client_tls).hello
    async with edge(tls=server_tls, limits=PATIENT) as server:
        gc.collect()
        gc.disable()
        try:
            for said in (begun, begun[:20], b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"):
                async with saying(server, said, 1) as (line,):
                    await until(lambda line=line: line[0].at_eof() or len(server.server.arrivals) == 1)
                await until(lambda: len(server.server.arrivals) == 0)
            await asyncio.sleep(0)
            assert [kept for kept in gc.get_objects() if isinstance(kept, asyncio.sslproto.SSLProtocol)] == []
        finally:
            gc.enable()


async def test_who_goes_before_a_word_leaves_nothing(server_tls):  # noqa: F811
    async with edge(tls=server_tls, limits=PATIENT) as server:
        async with saying(server, b"", 3):
            await until(lambda: len(server.server.arrivals) == 3)
        await until(lambda: len(server.server.arrivals) == 0)


async def test_the_end_does_not_wait_for_those_who_have_not_shown_who_they_are(server_tls, client_tls):  # noqa: F811
    async with (
        edge(tls=server_tls, limits=PATIENT) as server,
        saying(server, b"", 3),
        saying(server, Handshake(client_tls).hello, 7) as begun,
    ):
        await until(lambda: len(server.server.arrivals) == 10)
        await asyncio.wait_for(server.server.stop(), 10)
        assert len(server.server.arrivals) == 0
        await asyncio.wait_for(begun[0][0].read(), 10)
