"""One TLS connection to an Audit Record Repository, and what the kernel knows of it.

Syslog over TLS has no acknowledgement (RFC 5425). The kernel knows at least which bytes the other machine's kernel has
taken, and the connection is probed for its end before each write: a closed one would swallow messages.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import ssl
import struct
import termios
from collections.abc import Iterable
from time import sleep
from typing import Final

from trust.pki.tls import HANDSHAKE_SECONDS, ClientContext

STALL_SECONDS: Final = 30.0  # without a byte taken the connection counts as dead
_PIECE: Final = 16 * 1024  # one TLS record: the longest piece that has to be taken within STALL_SECONDS
_FIRST_LOOK: Final = 0.001
_LAST_LOOK: Final = 0.05
_MOST_SAID: Final = 64  # reads in a row; a receiver has nothing to say


class Line:
    """A connection that has shaken hands with the right machine.

    Raises:
        OSError: it cannot be reached, or is not who it should be (ssl.SSLError).
        BadCertificate: its certificate is not acceptable here.
    """

    def __init__(self, host: str, port: int, context: ClientContext) -> None:
        plain = socket.create_connection((host, port), timeout=HANDSHAKE_SECONDS)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALL_SECONDS * 1000))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise
        try:
            if context.judge is not None:
                context.judge(self._socket.getpeercert(binary_form=True) or b"", host)
        except BaseException:
            self.close()
            raise

    def probe(self) -> None:
        """See whether the other side has ended the connection; what it says is passed over.

        Raises:
            OSError: it has, or it refused this node's certificate.
        """
        self._socket.settimeout(0.0)
        try:
            for _ in range(_MOST_SAID):
                if not self._socket.recv(4096):
                    raise ConnectionResetError("it closed the connection")
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        finally:
            self._socket.settimeout(STALL_SECONDS)
        raise ConnectionAbortedError("it talks without end")

    def send(self, frames: Iterable[bytes]) -> None:
        """Hand frames to the kernel.

        Raises:
            OSError: the connection ended, or took nothing for STALL_SECONDS.
        """
        waiting = bytearray()
        for frame in frames:
            waiting += frame
            while len(waiting) >= _PIECE:
                self._socket.sendall(waiting[:_PIECE])
                del waiting[:_PIECE]
        if waiting:
            self._socket.sendall(waiting)

    def settle(self) -> None:
        """Wait until the other kernel has acknowledged every byte.

        Raises:
            OSError: the connection ended; after STALL_SECONDS without an acknowledgement our kernel ends it.
        """
        pause = _FIRST_LOOK
        while self._unacknowledged():
            sleep(pause)
            pause = min(2 * pause, _LAST_LOOK)
            self.probe()

    def _unacknowledged(self) -> int:
        """Bytes in the kernel that the other side has not acknowledged (SIOCOUTQ)."""
        found = fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, bytes(4))
        return int(struct.unpack("i", found)[0])

    def abort(self) -> None:
        """End the connection at once, from another thread: whoever waits on it gets an OSError."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Say goodbye and close."""
        with contextlib.suppress(OSError, ValueError):
            self._socket.settimeout(1.0)
            self._socket.unwrap()
        self._socket.close()
