"""A relay between two nodes, or a command and its node, that ends TLS on both sides and keeps every HTTP message."""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email.message import Message
from pathlib import Path

from tests.end_to_end.wire import Answer, read_answer

_MESSAGE_ID = re.compile(rb"MessageID[^>]*>([^<]+)<")


@dataclass(frozen=True)
class Keys:
    """PEM files of one side."""

    certificate: Path
    key: Path


@dataclass
class Recorder:
    """Listens as the target, calls it as the source: both believe that they speak to each other."""

    port: int
    target: int
    shown: Keys  # to who calls
    own: Keys  # to the target
    requests: list[bytes] = field(default_factory=list)  # one stream for each connection
    answers: list[bytes] = field(default_factory=list)

    def start(self) -> Recorder:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def stop(self) -> None:
        self._listener.close()

    def sent(self) -> list[Answer]:
        """Every request that went through, complete ones only."""
        return [message for stream in self.requests for message in _messages(stream, requests=True)]

    def places(self) -> dict[str, str]:
        """Where each request went, by its MessageID; also of requests that are no messages."""
        return {
            found[1].decode(): _path(line)
            for stream in self.requests
            for line, _, body in _http(stream)
            if (found := _MESSAGE_ID.search(body))
        }

    def answered(self) -> list[Answer]:
        """Every answer that came back."""
        return [message for stream in self.answers for message in _messages(stream, requests=False)]

    def _accept(self) -> None:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(self.shown.certificate, self.shown.key)
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.verify_mode = ssl.CERT_NONE  # the target is known by its port, in this test
        client.load_cert_chain(self.own.certificate, self.own.key)
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(plain, server, client), daemon=True).start()

    def _relay(self, plain: socket.socket, server: ssl.SSLContext, client: ssl.SSLContext) -> None:
        with contextlib.suppress(OSError):
            caller = server.wrap_socket(plain, server_side=True)
            target = client.wrap_socket(
                socket.create_connection(("127.0.0.1", self.target)), server_hostname="localhost"
            )
            number = len(self.requests)
            self.requests.append(b"")
            self.answers.append(b"")
            back = threading.Thread(target=self._pump, args=(target, caller, self.answers, number), daemon=True)
            back.start()
            self._pump(caller, target, self.requests, number)

    @staticmethod
    def _pump(source: ssl.SSLSocket, sink: ssl.SSLSocket, kept: list[bytes], number: int) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                kept[number] += data
                sink.sendall(data)
        with contextlib.suppress(OSError):
            # Of the socket below: SSLSocket.shutdown would turn a recv that waits in the other thread into a plain one.
            socket.socket.shutdown(sink, socket.SHUT_RDWR)


def _messages(stream: bytes, *, requests: bool) -> Iterator[Answer]:
    """The SOAP messages of one direction of one connection."""
    for line, headers, body in _http(stream):
        # Notes of witnesses and a query's outcomes as they come are no SOAP.
        if body and not headers["Content-Type"].startswith(("text/plain", "application/x-ndjson")):
            status = 0 if requests else int(line.split()[1])
            yield replace(read_answer(status, headers["Content-Type"], body), path=_path(line) if requests else "")


def _path(line: bytes) -> str:
    return line.split()[1].decode().partition("?")[0]


def _http(stream: bytes) -> Iterator[tuple[bytes, Message, bytes]]:
    """First line, headers and body of every whole HTTP message."""
    rest = io.BytesIO(stream)
    while line := rest.readline():
        headers = http.client.parse_headers(rest)
        if headers.get("Transfer-Encoding", "") == "chunked":
            body = b"".join(_chunks(rest))
        else:
            length = int(headers.get("Content-Length", "0"))
            body = rest.read(length)
            if len(body) < length:
                return
        yield line, headers, body


def _chunks(rest: io.BytesIO) -> Iterator[bytes]:
    while size := int(rest.readline().split(b";")[0], 16):
        yield rest.read(size)
        rest.readline()
    rest.readline()
