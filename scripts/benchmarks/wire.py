"""HTTP/1.1 over TLS without a framework: one keep-alive connection of the load generator, sans selector.

Memory BIOs rather than an SSL socket: many TLS records then cost one system call, as with the servers under test.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

_BLOCK = 1 << 18
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


class WireError(Exception):
    """The server closed the connection or answered what is no HTTP."""


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files of the client and of the CA behind the server."""

    ca: str
    cert: str
    key: str

    def context(self) -> ssl.SSLContext:
        """TLS 1.3 with a client certificate, session tickets unused."""
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self.cert, self.key)
        return context


@dataclass(slots=True)
class Response:
    """What is kept of an answer: always its status and length, the body only when asked for."""

    status: int
    length: int
    body: bytes | None


class Connection:
    """One connection: `begin` a request, then `advance` whenever the socket is ready, until it returns a Response."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        """Connect and shake hands; blocking, because the clock does not run yet."""
        self.sock = socket.create_connection((host, port), timeout=30)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._raw, self._plain = bytearray(_BLOCK), bytearray(_BLOCK)
        self._to_send: list[memoryview] = []
        self._pending = memoryview(b"")
        self._handshake()
        self.sock.setblocking(False)
        self._reset()

    def _handshake(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self.sock.sendall(self._outgoing.read())
                got = self.sock.recv(_BLOCK)
                if not got:
                    raise WireError("closed during the handshake") from None
                self._incoming.write(got)
            else:
                self.sock.sendall(self._outgoing.read())
                return

    def close(self) -> None:
        """Leave without ceremony."""
        self.sock.close()

    def _reset(self) -> None:
        self._head = bytearray()
        self._body: list[bytes] | None = None
        self._status = 0
        self._length = 0  # bytes of the body seen so far
        self._left = -1  # bytes of the body or chunk to come; -1: the head is not complete
        self._chunked = False
        self._line = bytearray()

    def begin(self, segments: Sequence[bytes], *, keep: bool = False) -> None:
        """Start one request, given as the pieces of its bytes."""
        self._reset()
        self._body = [] if keep else None
        self._to_send = [memoryview(segment) for segment in segments]
        self._push()

    @property
    def wants_write(self) -> bool:
        """Whether part of the request could not leave yet."""
        return bool(self._pending) or bool(self._to_send)

    def _push(self) -> None:
        while True:
            if not self._pending:
                while self._to_send and self._outgoing.pending < _BLOCK:
                    view = self._to_send.pop(0)
                    done = self._tls.write(view[:_BLOCK])
                    if done < len(view):
                        self._to_send.insert(0, view[done:])
                if not self._outgoing.pending:
                    return
                self._pending = memoryview(self._outgoing.read())
            try:
                self._pending = self._pending[self.sock.send(self._pending) :]
            except BlockingIOError:
                return

    def advance(self) -> Response | None:
        """Send and receive what is possible without waiting; the answer once it is complete."""
        if self.wants_write:
            self._push()
        try:
            count = self.sock.recv_into(self._raw)
        except BlockingIOError:
            return None
        if count == 0:
            raise WireError("the server closed the connection")
        self._incoming.write(memoryview(self._raw)[:count])
        while True:
            try:
                got = self._tls.read(_BLOCK, self._plain)
            except ssl.SSLWantReadError:
                return None
            if not got:
                raise WireError("the server closed the connection")
            if self._feed(memoryview(self._plain)[: int(got)]):
                body = b"".join(self._body) if self._body is not None else None
                return Response(self._status, self._length, body)

    def _feed(self, data: memoryview) -> bool:
        if self._left < 0 and not self._chunked:
            self._head += data
            if self._head[:2] == b"\r\n":  # the end of a chunked answer before this one
                del self._head[:2]
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return False
            rest = bytes(self._head[end + 4 :])
            self._read_head(bytes(self._head[: end + 2]))
            data = memoryview(rest)
        return self._feed_chunks(data) if self._chunked else self._take(data)

    def _read_head(self, head: bytes) -> None:
        if not head.startswith(b"HTTP/1.1 "):
            raise WireError(f"not HTTP: {head[:40]!r}")
        self._status = int(head[9:12])
        length = _LENGTH.search(head)
        if length:
            self._left = int(length[1])
        elif _CHUNKED.search(head):
            self._chunked, self._left = True, 0
        else:
            self._left = 0

    def _take(self, data: memoryview) -> bool:
        self._left -= len(data)
        self._length += len(data)
        if self._body is not None:
            self._body.append(bytes(data))
        return self._left <= 0

    def _feed_chunks(self, data: memoryview) -> bool:
        while data:
            if self._left > 2:  # inside a chunk; the last two bytes are its line end
                part = data[: self._left - 2]
                data = data[len(part) :]
                self._take(part)
            elif self._left > 0:
                skipped = min(self._left, len(data))
                self._left -= skipped
                data = data[skipped:]
            else:
                raw = bytes(data)
                end = raw.find(b"\n")
                self._line += raw[: end + 1] if end >= 0 else raw
                data = data[end + 1 :] if end >= 0 else data[len(data) :]
                if end >= 0:
                    size, self._line = int(self._line, 16), bytearray()
                    if size == 0:
                        return True
                    self._left = size + 2
        return False
