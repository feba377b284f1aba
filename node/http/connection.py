"""One connection and the set of them: aiohttp's protocol with limits in time, number and rate (threats M15 to M17).

A watch looks at all connections once in a while, so that a request costs no timer of its own. aiohttp's own bound
(32 parsed requests waiting on a connection) keeps pipelining below the limit of 100.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from node.http.limits import HttpLimits
from node.http.overriding import override

log = logging.getLogger("node.http")

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class SlowBody(Exception):  # noqa: N818  it becomes a 408, not an error of this node
    """A request's body arrives below the floor."""


class MalformedRequest(Exception):  # noqa: N818  it becomes a 400
    """What came is not HTTP as this node reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """Who is at the other end of a connection, as TLS established it.

    `certificate` is the client's certificate (DER), b"" without TLS; `fingerprint` its SHA-256 in lower-case hex.
    `sni` is the server name the client asked for, "" when it asked for none.
    """

    address: str
    sni: str
    certificate: bytes
    fingerprint: str


class Connection(RequestHandler):
    """aiohttp's protocol, with what the watch needs to see."""

    __slots__ = (
        "_body_mark",
        "_not_before",
        "_peer",
        "_sent_mark",
        "_server",
        "_stalled_since",
        "accepted_host",
        "head_since",
        "received",
        "written",
    )

    def __init__(self, server: Server, **options: Any) -> None:  # noqa: ANN401  aiohttp's own options
        super().__init__(server, **options)
        self._server = server
        self._peer: Connected | None = None
        self._body_mark: tuple[float, int] | None = None  # since when a body is waited for, bytes received by then
        self._sent_mark: tuple[float, int] | None = None  # beginning of a window, bytes sent by then
        self._stalled_since: float | None = None
        self._not_before = 0.0
        self.head_since: float | None = None
        self.accepted_host: str | None = None  # the Host header that was found to be ours
        self.received = 0
        self.written = 0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the connection, or end it when there are too many."""
        if not self._server.admit(self, _address(transport)):
            cast(asyncio.Transport, transport).abort()
            return
        self.head_since = self._loop.time()
        super().connection_made(transport)

    @override
    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        self._server.gone(self)
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        """Take bytes; note since when a head is incomplete."""
        self.received += len(data)
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self.head_since = None
        elif self.head_since is None and self._waiter is not None:
            self.head_since = self._loop.time()

    @override
    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002  as aiohttp declares it
        """Nothing to resume when nothing was paused: aiohttp would feed its parser with nothing for every read."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    @property
    def peer(self) -> Connected:
        """Who is at the other end; read from TLS once."""
        if self._peer is None:
            self._peer = _connected(self.transport)
        return self._peer

    def is_told_to_come_again(self, seconds: float) -> None:
        """Whoever is there earlier waits for it here: an answer at once would only bring the next request."""
        self._not_before = self._loop.time() + seconds

    async def as_told(self) -> None:
        """Wait for what is left of the time."""
        if (left := self._not_before - self._loop.time()) > 0:
            await asyncio.sleep(left)

    def waits_for_body(self) -> None:
        """From now on the client is expected to send."""
        self._body_mark = (self._loop.time(), self.received)

    def has_body(self) -> None:
        """The client sent what was waited for."""
        self._body_mark = None

    def watch(self, now: float, limits: HttpLimits) -> None:
        """Judge this connection: head, body, answer."""
        if self.transport is None:
            return
        if self.head_since is not None and now - self.head_since > limits.head:
            self.transport.abort()
            return
        if self._body_mark is not None:
            since, received = self._body_mark
            if now - since >= limits.window and self.received - received < limits.floor * (now - since):
                self._slow_body()
        self._judge_writing(self.transport, now, limits)

    def _judge_writing(self, transport: asyncio.Transport, now: float, limits: HttpLimits) -> None:
        buffered = transport.get_write_buffer_size()
        sent = self.written - buffered
        if not buffered:
            self._sent_mark = self._stalled_since = None
            return
        if self._sent_mark is None:
            self._sent_mark = (now, sent)
        since, before = self._sent_mark
        if now - since >= limits.window:
            moving = sent - before >= limits.floor * (now - since)
            self._stalled_since = None if moving else self._stalled_since or since
            self._sent_mark = (now, sent)
        if self._stalled_since is not None and now - self._stalled_since >= limits.write_stall:
            transport.abort()

    def give_up_body(self) -> None:
        """What is left of a body is of no use: it is not read after the answer."""
        self._lingering_time = 0.0

    def _slow_body(self) -> None:
        self.give_up_body()
        if self._current_request is not None:
            self._current_request.content.set_exception(SlowBody())

    @override
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What aiohttp answers on its own: a bare status, never a trace or the offending bytes."""
        if exc is not None:
            log.error("unexpected failure at the edge", exc_info=exc)
        response = web.Response(status=status)
        response.force_close()
        return response

    @override
    def _make_error_handler(self, err_info: Any) -> Handler:  # noqa: ANN401
        """Requests that aiohttp's parser refuses go to our handler too, so that they are on record."""
        too_long = type(err_info.exc).__name__ == "LineTooLong"

        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            return await self._server.malformed(request, 431 if too_long else 400)

        return handler


class Server(web.Server):
    """All connections of a listener, counted by address and watched."""

    def __init__(
        self,
        handler: Handler,
        malformed: Callable[[web.BaseRequest, int], Awaitable[web.StreamResponse]],
        limits: HttpLimits,
    ) -> None:
        super().__init__(
            handler,
            handler_cancellation=False,
            keepalive_timeout=limits.keep_alive,
            access_log=None,
            auto_decompress=False,
            max_line_size=limits.line,
            max_field_size=limits.line,
            max_headers=limits.headers,
            lingering_time=limits.lingering,
            read_bufsize=limits.read_buffer,
        )
        self.malformed = malformed
        self._limits = limits
        self._addresses: Counter[str] = Counter()
        self._admitted: dict[Connection, str] = {}
        self._watching: asyncio.Task[None] | None = None

    @override
    def __call__(self) -> Connection:
        """Make the protocol of a new connection."""
        return Connection(self, loop=self._loop, **self._kwargs)

    def __len__(self) -> int:
        return len(self._admitted)

    def admit(self, connection: Connection, address: str) -> bool:
        """Whether one more connection from `address` is possible, perhaps in the place of one that says nothing."""
        if self._addresses[address] >= self._limits.connections_per_address and not self._make_room(address):
            return False
        if len(self._admitted) >= self._limits.connections and not self._make_room():
            return False
        self._addresses[address] += 1
        self._admitted[connection] = address
        return True

    def _make_room(self, address: str = "") -> bool:
        """End the connection, of `address` or of any, that has kept us waiting for a head longest; whether one did."""
        begun = self._loop.time() - self._limits.patience
        waited = [
            (one.head_since, one)
            for one, from_ in self._admitted.items()
            if one.head_since is not None and one.head_since <= begun and (not address or from_ == address)
        ]
        if not waited:
            return False
        _, slowest = min(waited, key=lambda pair: pair[0])
        self.gone(slowest)  # its place is free at once; the transport tells it a moment later
        if slowest.transport is not None:
            slowest.transport.abort()
        return True

    def gone(self, connection: Connection) -> None:
        """A connection has ended."""
        address = self._admitted.pop(connection, None)
        if address is not None:
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]

    def start_watch(self) -> None:
        """Begin to look at the connections."""
        self._watching = self._loop.create_task(self._watch())

    async def stop_watch(self) -> None:
        """End the watch."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
            self._watching = None

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._limits.watch)
            now = self._loop.time()
            for connection in list(self._admitted):
                connection.watch(now, self._limits)


def _address(transport: asyncio.BaseTransport) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if peer else ""


def _connected(transport: asyncio.Transport | None) -> Connected:
    if transport is None:
        return Connected(address="", sni="", certificate=b"", fingerprint="")
    tls = transport.get_extra_info("ssl_object")
    certificate = (tls.getpeercert(binary_form=True) or b"") if tls is not None else b""
    return Connected(
        address=_address(transport),
        sni=getattr(tls, "asked_name", "") or "",
        certificate=certificate,
        fingerprint=sha256(certificate).hexdigest() if certificate else "",
    )
