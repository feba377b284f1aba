"""The listener: start, reload, graceful end; and the management listener."""

from __future__ import annotations

import asyncio
import ssl

import pytest
import trustme

from node.http.incoming import Outgoing
from node.http.management import ManagementServer
from node.soap.message import write_envelope
from tests.node.http.edge import PROOF, edge, envelope, read_answer, request, send


async def test_requests_in_flight_are_finished_before_the_end():
    gate = asyncio.Event()

    async def dispatch(_incoming):
        await gate.wait()
        return Outgoing(proof=PROOF, action="urn:r", body=write_envelope("urn:r", b"<r/>"), packaging="soap")

    async with edge(dispatch=dispatch) as server:
        port = server.port
        idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(envelope()))
        await asyncio.sleep(0.05)
        stopping = asyncio.create_task(server.server.stop(grace=5))
        await asyncio.sleep(0.05)
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(idle_reader.read(), 5) == b""
        gate.set()
        assert (await asyncio.wait_for(read_answer(reader), 5)).status == 200
        await asyncio.wait_for(stopping, 5)
        idle_writer.close()
        writer.close()


async def test_a_request_that_does_not_end_does_not_hold_the_node():
    async def dispatch(_incoming):
        await asyncio.Event().wait()

    async with edge(dispatch=dispatch) as server:
        _reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request(envelope()))
        await asyncio.sleep(0.05)
        await asyncio.wait_for(server.server.stop(grace=0.1), 5)
        writer.close()


async def test_stopping_twice_and_before_the_start():
    async with edge() as server:
        await server.server.stop()
        await server.server.stop()


async def test_a_taken_port_is_an_error():
    async with edge() as server:
        from node.http.server import NodeServer

        async def nothing(_request):
            raise AssertionError

        other = NodeServer(nothing, nothing, host="127.0.0.1", port=server.port, tls=None)
        with pytest.raises(OSError, match="in use"):
            await other.start()


def contexts(authority: trustme.CA) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(client)
    authority.issue_cert("client").configure_cert(client)
    return server, client


async def test_another_context_takes_over_without_a_gap():
    old_server, old_client = contexts(trustme.CA())
    new_server, new_client = contexts(trustme.CA())
    async with edge(tls=old_server) as server:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=old_client, server_hostname="localhost"
        )
        await server.server.reload(new_server)
        writer.write(request(envelope()))
        assert (await asyncio.wait_for(read_answer(reader), 5)).status == 200
        writer.close()
        for _ in range(5):
            assert (await send(server.port, request(envelope()), tls=new_client)).status == 200
        with pytest.raises(ssl.SSLError):
            await send(server.port, request(envelope()), tls=old_client)
        assert len(server.received[0].incoming.caller.fingerprint) == 64


async def get(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    answer = await send(port, f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    return answer.status, answer.body


async def test_management():
    states = {"live": True, "ready": False}
    server = ManagementServer(
        live=lambda: states["live"], ready=lambda: states["ready"], metrics=lambda: b"# HELP x\n", port=0
    )
    await server.start()
    try:
        assert await get(server.port, "/live") == (200, b"live\n")
        assert await get(server.port, "/ready") == (503, b"starting\n")
        states["ready"] = True
        assert await get(server.port, "/ready") == (200, b"ready\n")
        assert await get(server.port, "/metrics") == (200, b"# HELP x\n")
        states["live"] = False
        assert await get(server.port, "/live") == (503, b"broken\n")
        assert await get(server.port, "/other") == (404, b"")
        assert (await get(server.port, "/live", "POST"))[0] == 405
        assert (await send(server.port, b"x\r\n\r\n")).status == 400
    finally:
        await server.stop()
