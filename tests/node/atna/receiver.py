"""An Audit Record Repository in the test's process: TLS with client certificates, strict about frames, and ill-behaved
on demand."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import threading
from dataclasses import dataclass, field
from pathlib import Path

from tests.trust.pki.making import House, Issued

FRAME_HEAD = re.compile(rb"([1-9]\d{0,8}) ")
MESSAGE = re.compile(
    rb"<85>1 (?P<time>\S+Z) (?P<host>\S+) xdsnode - (?P<id>\S+) (?P<sd>-|\[audit@\d+ .*?\]) \xef\xbb\xbf(?P<text>.*)",
    re.S,
)


@dataclass(frozen=True)
class Message:
    """One syslog message, taken apart."""

    raw: bytes
    id: str
    time: str
    text: str
    data: dict[str, str]

    @classmethod
    def of(cls, raw: bytes) -> Message:
        found = MESSAGE.fullmatch(raw)
        assert found, raw[:200]
        data = dict(re.findall(r'(\w+)="((?:[^"\\\]]|\\.)*)"', found["sd"].decode()))
        return cls(raw, found["id"].decode(), found["time"].decode(), found["text"].decode(), data)


def frames(data: bytes) -> tuple[list[bytes], bytes]:
    """Every whole frame of a stream, and what is left of it."""
    found = []
    while head := FRAME_HEAD.match(data):
        end = head.end() + int(head[1])
        if len(data) < end:
            break
        found.append(data[head.end() : end])
        data = data[end:]
    return found, data


@dataclass
class Receiver:
    """Listens on a port of its own. `reading` cleared: takes connections and reads nothing. `most` bytes: then it closes
    (`reset`: without reading what is left). `deaf`: reads nothing and resets the connection after so many seconds."""

    context: ssl.SSLContext
    port: int = 0
    most: int | None = None
    reset: bool = False
    deaf: float | None = None
    reading: threading.Event = field(default_factory=threading.Event)
    streams: list[bytearray] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> Receiver:
        self.reading.set()
        self._ended = threading.Event()
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)  # its kernel takes little
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the port and every connection."""
        if self._ended.is_set():
            return
        self._ended.set()
        self.reading.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            self._open.append(plain)
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            secure = self.context.wrap_socket(plain, server_side=True)
        except (ssl.SSLError, OSError) as problem:
            self.failures.append(str(problem))
            plain.close()
            return
        self._open.append(secure)
        stream = bytearray()
        self.streams.append(stream)
        try:
            if self.deaf is not None:
                self._ended.wait(self.deaf)
            while not self._ended.is_set() and self.deaf is None:
                self.reading.wait()
                piece = secure.recv(65536 if self.most is None else max(0, min(65536, self.most - len(stream))))
                if not piece:
                    break
                stream += piece
                if self.most is not None and len(stream) >= self.most:
                    break
        except OSError:
            pass
        finally:
            if self.reset or self.deaf is not None:
                secure.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            secure.close()

    @property
    def messages(self) -> list[Message]:
        """Every whole message of every connection, in the order of the connections."""
        return [Message.of(raw) for stream in list(self.streams) for raw in frames(bytes(stream))[0]]

    @property
    def audit(self) -> list[Message]:
        return [message for message in self.messages if message.id == "IHE+RFC-3881"]


def server_context(house: House, issued: Issued, name: str = "arr", anchors: str | None = None) -> ssl.SSLContext:
    """What a receiver would use: it demands a certificate below `anchors` (the institution's CA)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*issued.write(Path(house.folder), name))
    context.load_verify_locations(cadata=anchors or house.authority.pem)
    context.verify_mode = ssl.CERT_REQUIRED
    return context
