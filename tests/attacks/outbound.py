"""Proof that nothing left: a listener that nobody may reach, and the two doors of the socket module watched."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager


class Canary:
    """Addresses that were looked up or connected to, besides the server under test."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reached: list[object] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/canary"


@asynccontextmanager
async def canary(monkeypatch, allowed_port: int):
    reached: list[object] = []

    async def accept(_reader, writer):
        reached.append("connection")
        writer.close()

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    watched = Canary(listener.sockets[0].getsockname()[1])
    watched.reached = reached

    class Watched(socket.socket):
        def connect(self, address):
            if address[1] != allowed_port:
                reached.append(address)
            return super().connect(address)

        def connect_ex(self, address):
            if address[1] != allowed_port:
                reached.append(address)
            return super().connect_ex(address)

    looked_up = socket.getaddrinfo

    def getaddrinfo(host, port, *rest, **more):
        if port != allowed_port:
            reached.append((host, port))
        return looked_up(host, port, *rest, **more)

    monkeypatch.setattr(socket, "socket", Watched)
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    try:
        yield watched
        await asyncio.sleep(0)
    finally:
        monkeypatch.undo()
        listener.close()
        await listener.wait_closed()
