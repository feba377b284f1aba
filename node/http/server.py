"""The listener of a node: TLS, limits, one handler; and its graceful end (threats 3.1, 3.3)."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import web

from node.http.connection import Handler, Server
from node.http.limits import DEFAULT, HttpLimits

_PAUSE = 0.1  # seconds before a connection is taken again when that failed
Malformed = Callable[[web.BaseRequest, int], Awaitable[web.StreamResponse]]


class NodeServer:
    """One listening address.

    Args:
        handler: answers every request (`SoapEndpoint`).
        malformed: answers what aiohttp's parser refused (`SoapEndpoint.malformed`).
        host, port: address to listen on; port 0 takes a free one.
        tls: context that demands a client certificate; None only in tests where TLS does not matter. Its
            `sni_callback` is set here.
    """

    def __init__(
        self,
        handler: Handler,
        malformed: Malformed,
        *,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        limits: HttpLimits = DEFAULT,
    ) -> None:
        self._handler = handler
        self._malformed = malformed
        self._host = host
        self._port = port
        self._tls = tls
        self._limits = limits
        self._socket: socket.socket | None = None
        self._listening: asyncio.Task[None] | None = None
        self._failed = 0  # handshakes, since garbage was collected
        self._handshakes: dict[asyncio.Task[object], None] = {}  # the oldest first
        self._server: Server | None = None

    @property
    def port(self) -> int:
        """The port that is listened on, once started."""
        return int(self._socket.getsockname()[1]) if self._socket is not None else self._port

    @property
    def connections(self) -> int:
        """Number of open connections."""
        return len(self._server) if self._server is not None else 0

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is taken or not of this machine.
        """
        self._server = Server(self._handler, self._malformed, self._limits)
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        self._socket = socket.create_server((self._host, self._port), family=family, backlog=self._limits.backlog)
        self._server.start_watch()
        self._listen(self._tls)

    async def reload(self, tls: ssl.SSLContext) -> None:
        """Use another context for new connections; the socket stays open, so that nobody is turned away."""
        before = self._listening
        self._listen(tls)
        if before is not None:
            before.cancel()

    async def stop(self, grace: float = 10.0) -> None:
        """Accept nothing more, let requests in flight finish within `grace` seconds, close everything."""
        if self._server is None:
            return
        if self._listening is not None:
            self._listening.cancel()
        if self._socket is not None:
            self._socket.close()
        for handshake in list(self._handshakes):
            handshake.cancel()
        await asyncio.sleep(0)  # what was accepted a moment ago becomes a connection first
        self._server.pre_shutdown()
        await self._server.shutdown(grace)
        await self._server.stop_watch()
        self._server = self._listening = self._socket = None

    def _listen(self, tls: ssl.SSLContext | None) -> None:
        if self._socket is None or self._server is None:
            raise RuntimeError("the server is not started")
        self._tls = tls
        if tls is not None:
            tls.sni_callback = _remember_name
        self._listening = asyncio.get_running_loop().create_task(self._accept(self._socket.dup(), self._server, tls))

    async def _accept(self, listening: socket.socket, server: Server, tls: ssl.SSLContext | None) -> None:
        """Take connections, with few handshakes under way: whoever begins none makes room for the next one."""
        loop = asyncio.get_running_loop()
        listening.setblocking(False)  # noqa: FBT003
        with listening:
            while True:
                try:
                    connection, _ = await loop.sock_accept(listening)
                except OSError:  # no descriptor is left, most likely
                    await asyncio.sleep(_PAUSE)
                    continue
                if len(self._handshakes) >= self._limits.handshakes:
                    oldest = next(iter(self._handshakes))
                    del self._handshakes[oldest]
                    oldest.cancel()
                    await asyncio.wait({oldest})
                options = self._handshake_times() if tls is not None else {}
                task = loop.create_task(loop.connect_accepted_socket(server, connection, ssl=tls, **options))
                self._handshakes[task] = None
                task.add_done_callback(partial(self._shaken, connection))

    def _handshake_times(self) -> dict[str, float]:
        return {"ssl_handshake_timeout": self._limits.handshake, "ssl_shutdown_timeout": 2.0}

    def _shaken(self, connection: socket.socket, task: asyncio.Task[object]) -> None:
        """A handshake has ended; why it failed is told by the context, which counts it."""
        self._handshakes.pop(task, None)
        if task.cancelled():
            connection.close()
        elif task.exception() is None:
            return
        # A connection that came to nothing is a cycle with its buffer in it, and cycles are looked for rarely (tuning).
        self._failed += 1
        if self._failed >= self._limits.handshakes:
            self._failed = 0
            gc.collect()


def _remember_name(tls: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
    """Keep the name that was asked for: the request's Host is compared with it."""
    with contextlib.suppress(AttributeError):
        tls.asked_name = name  # type: ignore[attr-defined]
