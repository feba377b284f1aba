"""MLLP: frames are found whatever the chunks, bounds hold, each message gets exactly one answer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from node.mllp import END, START, Framer, FrameTooLarge, MllpListener


def frame(message: bytes) -> bytes:
    return START + message + END


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param([frame(b"a")], [b"a"], id="one frame"),
        pytest.param([frame(b"a") + frame(b"b")], [b"a", b"b"], id="two frames at once"),
        pytest.param([bytes([byte]) for byte in frame(b"abc")], [b"abc"], id="byte by byte"),
        pytest.param([b"\x0ba\x1c", b"\x0d"], [b"a"], id="end split"),
        pytest.param([b"\x0ba\x1cb\x0dc\x1c\x0d"], [b"a\x1cb\x0dc"], id="lone end bytes belong to the message"),
        pytest.param([b"\r\n", frame(b"a"), b"\r\n", frame(b"b")], [b"a", b"b"], id="line ends between frames"),
        pytest.param([b"noise" + frame(b"a")], [b"a"], id="noise before a frame"),
        pytest.param([frame(b"")], [b""], id="empty message"),
        pytest.param([b"\x0bx"], [], id="unfinished"),
    ],
)
def test_framing(chunks: list[bytes], expected: list[bytes]) -> None:
    framer = Framer(100)
    assert [message for chunk in chunks for message in framer.feed(chunk)] == expected


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([b"\x0b" + b"x" * 101], id="unfinished message too large"),
        pytest.param([frame(b"x" * 101)], id="finished message too large"),
        pytest.param([b"y" * 60, b"y" * 60], id="bytes that belong to no message"),
    ],
)
def test_bounds(chunks: list[bytes]) -> None:
    framer = Framer(100)
    for chunk in chunks[:-1]:
        assert framer.feed(chunk) == []
    with pytest.raises(FrameTooLarge):
        framer.feed(chunks[-1])


@given(st.lists(st.binary(max_size=30).filter(lambda m: END not in m + END[:1])), st.lists(st.integers(1, 7)))
def test_messages_survive_any_chunking(messages: list[bytes], sizes: list[int]) -> None:
    wire = b"".join(frame(message) for message in messages)
    framer, found = Framer(1000), []
    while wire:
        size = sizes.pop() if sizes else 5
        found += framer.feed(wire[:size])
        wire = wire[size:]
    assert found == messages


@asynccontextmanager
async def listening(
    handle: Callable, tls: ssl.SSLContext | None = None, **options
) -> AsyncIterator[tuple[MllpListener, int]]:
    listener = MllpListener(handle, **options)
    addresses = await listener.start("127.0.0.1", 0, tls)
    try:
        yield listener, addresses[0][1]
    finally:
        await listener.stop()


async def upper(message: bytes, _address: str, _name: str) -> bytes:
    return message.upper()


async def ask(port: int, data: bytes, tls: ssl.SSLContext | None = None) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    writer.write(data)
    writer.write_eof() if writer.can_write_eof() else None
    try:
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


async def test_each_message_has_one_answer_in_order() -> None:
    async with listening(upper) as (_, port):
        assert await ask(port, frame(b"a") + frame(b"b")) == frame(b"A") + frame(b"B")


async def test_a_message_that_is_too_large_ends_the_connection_and_nothing_else() -> None:
    async with listening(upper, most_bytes=100) as (_, port):
        assert await ask(port, b"\x0b" + b"x" * 200) == b""
        assert await ask(port, frame(b"a")) == frame(b"A")


async def test_too_many_connections_are_refused() -> None:
    async with listening(upper, most_connections=1) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(frame(b"a"))
        await reader.readexactly(len(frame(b"A")))
        try:
            refused = await ask(port, frame(b"b"))
        except OSError:
            refused = b""
        assert refused == b""
        writer.write(frame(b"c"))
        assert await reader.readexactly(4) == frame(b"C")
        writer.close()


async def test_f15_who_says_nothing_makes_room_and_who_is_in_a_message_does_not() -> None:
    async with listening(upper, most_connections=2, patience=0.0) as (_, port):
        idle, idle_writer = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(frame(b"a") + b"\x0bb")
        await reader.readexactly(len(frame(b"A")))
        for _ in range(3):
            assert await ask(port, frame(b"c")) == frame(b"C")
        assert await asyncio.wait_for(idle.read(), 10) == b""
        writer.write(END)
        assert await reader.readexactly(len(frame(b"B"))) == frame(b"B")
        idle_writer.close()
        writer.close()


async def test_f15_handshakes_that_never_begin_are_none_and_keep_no_feeder_out() -> None:
    inside, outside = contexts()
    async with listening(upper, tls=inside) as (listener, port):
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
        assert await asyncio.wait_for(silent[0][0].read(), 10) == b""
        assert listener.arrivals.under_way == 0
        feeders = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port, ssl=outside) for _ in range(20)))
        for reader, writer in feeders:
            writer.write(frame(b"a"))
            assert await reader.readexactly(len(frame(b"A"))) == frame(b"A")
        assert len(listener.arrivals) <= 256
        for _, writer in silent + feeders:
            writer.transport.abort()


async def test_a_message_that_is_not_finished_in_time_ends_the_connection() -> None:
    async with listening(upper, message_seconds=0.05) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x0bx")
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


async def test_stop_lets_a_message_finish() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(message: bytes, _address: str, _name: str) -> bytes:
        begun.set()
        await go_on.wait()
        return message

    async with listening(slow) as (listener, port):
        asking = asyncio.create_task(ask(port, frame(b"a")))
        await begun.wait()
        stopping = asyncio.create_task(listener.stop())
        await asyncio.sleep(0)
        go_on.set()
        assert await asking == frame(b"a")
        await stopping


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of the listener and of a feeder."""
    ca = trustme.CA()
    inside = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    inside.verify_mode = ssl.CERT_REQUIRED
    ca.issue_cert("127.0.0.1").configure_cert(inside)
    ca.configure_trust(inside)
    outside = ssl.create_default_context()
    ca.issue_cert("feeder@example.org").configure_cert(outside)
    ca.configure_trust(outside)
    return inside, outside


async def test_tls_admits_by_certificate() -> None:
    inside, outside = contexts()
    seen: list[bytes | None] = []

    def admit(certificate: bytes | None, _address: str) -> str:
        seen.append(certificate)
        return "ward" if len(seen) < 3 else ""

    async def named(message: bytes, _address: str, name: str) -> bytes:
        assert name == "ward"
        return message.upper()

    async with listening(named, tls=inside, admit=admit) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=outside)
        writer.write(frame(b"a"))
        assert await reader.readexactly(4) == frame(b"A")
        writer.write(frame(b"b"))  # withdrawn meanwhile
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=outside)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
    assert all(certificate and certificate[0] == 0x30 for certificate in seen)
