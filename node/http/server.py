"""The listener of a node: TLS, limits, one handler; and its graceful end (threats 3.1, 3.3)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import web

from node.arrivals import Arrivals, accept
from node.http.connection import Handler, Server
from node.http.limits import DEFAULT, HttpLimits

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
        self.arrivals = Arrivals(
            most=limits.arrivals,
            together=limits.handshakes,
            seconds=limits.handshake,
            patience=limits.patience,
        )
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
        await self.arrivals.stop()
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
        take = partial(self._connect, self._server, tls)
        self._listening = asyncio.get_running_loop().create_task(accept(self._socket.dup(), take))

    async def _connect(
        self, server: Server, tls: ssl.SSLContext | None, connection: socket.socket, address: str
    ) -> None:
        loop = asyncio.get_running_loop()
        if tls is None:
            await loop.connect_accepted_socket(server, connection)
            return
        shake = partial(
            loop.connect_accepted_socket,
            server,
            ssl=tls,
            ssl_handshake_timeout=self._limits.handshake,
            ssl_shutdown_timeout=2.0,
        )
        await self.arrivals.take(connection, address, shake)


def _remember_name(tls: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
    """Keep the name that was asked for: the request's Host is compared with it."""
    with contextlib.suppress(AttributeError):
        tls.asked_name = name  # type: ignore[attr-defined]
