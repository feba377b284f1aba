"""The MLLP listener of the patient identity feed (ITI-8, ITI-30; HL7 v2.3.1 appendix C): frames in, one ACK for each.

`Framer` is pure. The listener speaks TLS with client certificates, or plain on loopback; a connection is handled one
message at a time, so the order of a sender's messages is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from node.arrivals import Arrivals, accept

START: Final = b"\x0b"
END: Final = b"\x1c\x0d"

_HANDSHAKE: Final = 10.0  # seconds
_ARRIVALS: Final = 256  # connections without a handshake, or in the middle of it
_TOGETHER: Final = 16  # handshakes under way

log = logging.getLogger("node.mllp")

Handle = Callable[[bytes, str, str], Awaitable[bytes]]
Admit = Callable[[bytes | None, str], str]


class FrameTooLarge(Exception):  # noqa: N818  what happened
    """More bytes than one message may have, or as many that belong to none."""


class Framer:
    """Bytes of a connection -> messages. Holds at most `most` bytes beside what one call brings."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._pending = bytearray()
        self._inside = False
        self._searched = 0

    @property
    def inside(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._inside

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that `data` completes.

        Raises:
            FrameTooLarge: the connection cannot be used any more.
        """
        self._pending += data
        messages: list[bytes] = []
        while self._pending:
            if not self._inside and not self._begin():
                break
            end = self._pending.find(END, max(0, self._searched - 1))
            if end < 0:
                self._searched = len(self._pending)
                break
            messages.append(bytes(self._pending[:end]))
            del self._pending[: end + len(END)]
            self._inside, self._searched = False, 0
        if len(self._pending) > self._most or any(len(message) > self._most for message in messages):
            raise FrameTooLarge
        return messages

    def _begin(self) -> bool:
        start = self._pending.find(START)
        if start < 0:
            # Line ends between frames are common and harmless; anything else counts towards the bound.
            if not self._pending.strip(b"\r\n \x00"):
                self._pending.clear()
            return False
        del self._pending[: start + 1]
        self._inside, self._searched = True, 0
        return True


@dataclass(slots=True, eq=False)
class _Feeder:
    """A connection: who serves it, and since when no message is under way on it."""

    task: asyncio.Task[None]
    waits_since: float | None
    handling: bool = False


class MllpListener:
    """Accepts connections and hands their messages to `handle`, which answers each.

    `handle(message, address, name)` must not raise: whatever is wrong with a message is an acknowledgement. `admit(der,
    address)` names the client with this certificate (None without TLS), or gives "" where it may not feed; it is asked
    when the client connects and for each message. Without it everybody may, nameless. Where there are
    `most_connections`, the one that is without a message longest makes room for another, but not before `patience`
    seconds.
    """

    def __init__(
        self,
        handle: Handle,
        *,
        admit: Admit | None = None,
        most_bytes: int = 1_000_000,
        most_connections: int = 100,
        message_seconds: float = 30.0,
        idle_seconds: float = 3600.0,
        patience: float = 1.0,
    ) -> None:
        self._handle = handle
        self._admit = admit
        self._most_bytes = most_bytes
        self._most_connections = most_connections
        self._message_seconds = message_seconds
        self._idle_seconds = idle_seconds
        self._patience = patience
        self.arrivals = Arrivals(most=_ARRIVALS, together=_TOGETHER, seconds=_HANDSHAKE, patience=patience)
        self._listening: list[asyncio.Task[None]] = []
        self._feeders: dict[asyncio.Task[None], _Feeder] = {}

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> list[tuple[str, int]]:
        """Listen; returns the addresses. Without `tls`, `host` must be loopback (the configuration sees to it)."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        with contextlib.ExitStack() as opened:
            sockets = [
                opened.enter_context(socket.create_server(address[:2], family=family))
                for family, _, _, _, address in dict.fromkeys(found)
            ]
            opened.pop_all()
        self._listening = [loop.create_task(accept(one, partial(self._connect, tls))) for one in sockets]
        return [one.getsockname()[:2] for one in sockets]

    async def stop(self, seconds: float = 5.0) -> None:
        """Accept nothing more, let messages that are being handled finish, close."""
        listening, self._listening = self._listening, []
        for one in listening:
            one.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        await self.arrivals.stop()
        busy = [task for task, feeder in self._feeders.items() if feeder.handling]
        for task in self._feeders.keys() - set(busy):
            task.cancel()
        if busy:
            await asyncio.wait(busy, timeout=seconds)
        for task in self._feeders:
            task.cancel()
        await asyncio.gather(*self._feeders, return_exceptions=True)

    async def _connect(self, tls: ssl.SSLContext | None, connection: socket.socket, address: str) -> None:
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(asyncio.StreamReader(loop=loop), self._accept, loop=loop)

        if tls is None:
            await loop.connect_accepted_socket(protocol, connection)
        else:
            shake = partial(loop.connect_accepted_socket, protocol, ssl=tls, ssl_handshake_timeout=_HANDSHAKE)
            await self.arrivals.take(connection, address, shake)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = str((writer.get_extra_info("peername") or ("unknown",))[0])
        if self._admitted(writer, address) is None:
            writer.close()
            return
        loop = asyncio.get_running_loop()
        if len(self._feeders) >= self._most_connections and not self._make_room(loop.time()):
            log.warning("patient feed refused: too many connections", extra={"address": address})
            writer.close()
            return
        task = loop.create_task(self._serve(reader, writer, address))
        self._feeders[task] = _Feeder(task, loop.time())
        task.add_done_callback(lambda ended: self._feeders.pop(ended, None))

    def _make_room(self, now: float) -> bool:
        """End the connection that is without a message longest; whether there is one."""
        idle = [(one.waits_since, one) for one in self._feeders.values() if one.waits_since is not None]
        since, longest = min(idle, key=lambda pair: pair[0], default=(now, None))
        if longest is None or now - since < self._patience:
            return False
        log.info("patient feed closed: another one needs the place")
        del self._feeders[longest.task]
        longest.task.cancel()
        return True

    def _admitted(self, writer: asyncio.StreamWriter, address: str) -> str | None:
        """Who feeds, None for whoever may not."""
        if self._admit is None:
            return ""
        if name := self._admit(_certificate(writer), address):
            return name
        log.warning("patient feed refused: this certificate may not feed", extra={"address": address})
        return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str) -> None:
        framer = Framer(self._most_bytes)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        feeder = self._feeders[task]
        loop = asyncio.get_running_loop()
        # A message that has begun must end within seconds; between messages a sender may be silent for long.
        deadline = loop.time() + self._idle_seconds
        try:
            while self._listening:
                async with asyncio.timeout_at(deadline):
                    data = await reader.read(65_536)
                if not data:
                    break
                was_inside, feeder.waits_since = framer.inside, None
                messages = framer.feed(data)
                for message in messages:
                    name = self._admitted(writer, address)
                    if name is None:  # withdrawn since the connection began
                        return
                    feeder.handling = True
                    answer = await self._handle(message, address, name)
                    writer.write(START + answer + END)
                    async with asyncio.timeout(self._message_seconds):
                        await writer.drain()
                    feeder.handling = False
                if messages or framer.inside != was_inside:
                    deadline = loop.time() + (self._message_seconds if framer.inside else self._idle_seconds)
                feeder.waits_since = None if framer.inside else loop.time()
        except FrameTooLarge:
            log.warning("patient feed closed: message too large", extra={"address": address})
        except TimeoutError:
            log.info("patient feed closed: silent or slow", extra={"address": address})
        except OSError:
            log.debug("patient feed closed by the sender", extra={"address": address})
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(2):
                    await writer.wait_closed()


def _certificate(writer: asyncio.StreamWriter) -> bytes | None:
    tls = writer.get_extra_info("ssl_object")
    return tls.getpeercert(binary_form=True) if tls else None
