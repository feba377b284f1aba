"""Other communities for the fan-out, as light as honest ones can be: mutual TLS, 20 KB of entries, each at its time.

One process without a framework, a listener for each community. An answer is made and encrypted while its time runs, so
that then nothing is left to do but to give it to the kernel. What each took is kept: from the time stamp that the
kernel gave the last bytes of the question (waiting for this process, busy with another one, is the peers' time) until
it had the answer. A line on standard input is answered with those since the line before: [arrived, left] in ns of
`perf_counter`.
"""

from __future__ import annotations

import heapq
import json
import re
import selectors
import socket
import ssl
import struct
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from lxml import etree

from tests.end_to_end.wire import SUCCESS, Document
from tests.simulator.community import SOAP_TYPE, Asked, Community, Held, Keys, query_answer

_ENTRIES: Final = 6  # about 20 KB
_BLOCK: Final = 1 << 18
_STAMPED: Final = 35  # SO_TIMESTAMPNS of Linux, which the socket module does not name
_NOTHING: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\nContent-Length: *(\d+)", re.IGNORECASE)
_ID: Final = re.compile(rb"<(?:\w+:)?MessageID[^>]*>([^<]+)<")
_TELLS: Final = re.compile(rb"(?<=MessageID>)[^<]+|(?<=RelatesTo>)[^<]+")


class _Peer:
    """One community: its keys, and its answer but for the ids."""

    def __init__(self, home: str, folder: Path, patient: str) -> None:
        keys = Keys(folder / "keys" / "tls.pem", folder / "keys" / "tls.key", folder / "keys" / "trust.pem")
        self.context = keys.server_context()
        community = Community(home, keys)
        held = [Held(patient, Document(b"x", mime="text/plain")) for _ in range(_ENTRIES)]
        entries = "".join(community.entry(item, home=home) for item in held)
        answer = query_answer(Asked("iti-38", "its id", etree.Element("none")), SUCCESS, entries)
        assert isinstance(answer.body, bytes)
        self._head, self._middle, self._rest = _TELLS.split(answer.body)

    def answer(self, message_id: bytes) -> bytes:
        """The whole HTTP answer to a question."""
        body = b"".join((self._head, uuid4().urn.encode(), self._middle, message_id, self._rest))
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {SOAP_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body


class _Line:
    """One connection of the asking node, which has one question under way at a time."""

    def __init__(self, peer: _Peer, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BLOCK)  # an answer leaves at once
        sock.setsockopt(socket.SOL_SOCKET, _STAMPED, 1)
        self.sock = sock
        self._peer = peer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = peer.context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._text = bytearray()

    def take(self) -> int | None:
        """Read; when the question is whole its answer is ready to `leave`, and this is when the question was there.

        Raises:
            OSError, EOFError: the other side has gone.
        """
        data, stamps, _, _ = self.sock.recvmsg(_BLOCK, 256)
        arrived = _arrived(stamps)
        if not data:
            raise EOFError
        self._incoming.write(data)
        try:
            while True:  # the first read shakes hands
                self._text += self._tls.read(_BLOCK)
        except ssl.SSLWantReadError:
            self.leave()  # what belongs to the handshake
        head, blank, body = self._text.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not blank or len(body) < (int(length[1]) if length else 0):
            return None
        self._text.clear()
        if found := _ID.search(body):
            self._tls.write(self._peer.answer(found[1]))
            return arrived
        self._tls.write(_NOTHING)  # the node looks at times what else a community offers
        self.leave()
        return None

    def leave(self) -> None:
        """Give the kernel what is ready."""
        if self._outgoing.pending:
            self.sock.sendall(self._outgoing.read())


def _arrived(stamps: list[Any]) -> int:
    """When the kernel had what was read last."""
    now, real = time.perf_counter_ns(), time.time_ns()
    for level, kind, data in stamps:
        if (level, kind) == (socket.SOL_SOCKET, _STAMPED):
            seconds, rest = struct.unpack("qq", data[:16])
            return now - (real - seconds * 10**9 - rest)
    return now


class _Peers:
    """All of them, and what each answer took."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._delay = int(spec["seconds"] * 1e9)
        self._selector = selectors.SelectSelector()  # waits to the microsecond; epoll would to the millisecond
        self._due: list[tuple[int, int, _Line]] = []  # when the question was there, a number, and who answers it
        self._numbers = count()
        self._took: list[tuple[int, int]] = []
        for one in spec["peers"]:
            listener = socket.create_server(("127.0.0.1", one["port"]))
            peer = _Peer(one["home"], Path(one["folder"]), spec["patient"])
            self._selector.register(listener, selectors.EVENT_READ, peer)
        self._selector.register(sys.stdin.buffer.raw, selectors.EVENT_READ)  # type: ignore[attr-defined]

    def run(self) -> None:
        """Until the orders end."""
        while True:
            while self._due and self._due[0][0] + self._delay <= time.perf_counter_ns():
                self._answer()
            wait = (self._due[0][0] + self._delay - time.perf_counter_ns()) / 1e9 if self._due else None
            for key, _ in self._selector.select(wait):
                if isinstance(key.data, _Peer):
                    sock, _ = key.fileobj.accept()  # type: ignore[union-attr]
                    self._selector.register(sock, selectors.EVENT_READ, _Line(key.data, sock))
                elif isinstance(key.data, _Line):
                    self._take(key.data)
                elif not self._obey():
                    return

    def _take(self, line: _Line) -> None:
        try:
            arrived = line.take()
        except (OSError, EOFError):
            self._selector.unregister(line.sock)
            line.sock.close()
        else:
            if arrived is not None:
                heapq.heappush(self._due, (arrived, next(self._numbers), line))

    def _answer(self) -> None:
        arrived, _, line = heapq.heappop(self._due)
        try:
            line.leave()
        except OSError:  # given up in the meantime
            return
        self._took.append((arrived, time.perf_counter_ns()))

    def _obey(self) -> bool:
        if not sys.stdin.buffer.raw.read(_BLOCK):  # type: ignore[attr-defined]
            return False
        print(json.dumps({"took": self._took}), flush=True)
        self._took = []
        return True


if __name__ == "__main__":
    peers = _Peers(json.loads(sys.argv[1]))
    print(json.dumps({"ready": True}), flush=True)
    peers.run()
