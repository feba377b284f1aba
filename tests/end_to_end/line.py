"""A line between two nodes that can be bad: it lets bytes pass, loses them, cuts, or says something else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from enum import Enum, auto


class Mode(Enum):
    PASS = auto()
    HOLE = auto()  # what is sent never arrives, and nobody says so
    SWALLOW = auto()  # requests arrive, the line breaks when an answer comes
    GARBAGE = auto()  # random bytes come instead of an answer
    CUT = auto()  # the line breaks when something is sent
    ONE_WAY = auto()  # requests arrive, answers never do, and nobody says so
    LATE = auto()  # each way takes two seconds
    THIN = auto()  # a thousand bytes a second
    LOSSY = auto()  # every third piece is lost once and comes again after 200 ms, as TCP does it
    RESET = auto()  # a reset in the middle of the answer


LATENCY = 2.0
PAUSE = 0.2
BYTES = 1000


class Line:
    """Listens on `port` and leads to `target`, both on loopback."""

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self.mode = Mode.PASS
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()
        serving = asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        pumps = [
            asyncio.create_task(self._pump(reader, there[1], writer, up=True)),
            asyncio.create_task(self._pump(there[0], writer, writer, up=False)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # the line is taken down
            pass
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for end in (writer, there[1]):
                end.transport.abort()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, caller: asyncio.StreamWriter, *, up: bool
    ) -> None:
        """Until one side ends or the mode ends it."""
        pieces = 0
        with contextlib.suppress(ConnectionError):
            while data := await source.read(BYTES if self.mode is Mode.THIN else 65536):
                pieces += 1
                if self.mode is Mode.HOLE or (self.mode is Mode.ONE_WAY and not up):
                    continue
                if self.mode is Mode.LATE or self.mode is Mode.THIN:
                    await asyncio.sleep(LATENCY if self.mode is Mode.LATE else 1.0)
                if self.mode is Mode.LOSSY and pieces % 3 == 0:
                    await asyncio.sleep(PAUSE)
                if self.mode is Mode.RESET and not up and pieces > 1:  # the first one is of the handshake
                    caller.write(data[: len(data) // 2])
                    await caller.drain()
                    caller.get_extra_info("socket").setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
                    caller.transport.abort()
                    return
                if self.mode is Mode.GARBAGE and up:
                    caller.write(b"\x00\x01garbage" * 100)
                    await caller.drain()
                    return
                if (self.mode is Mode.CUT and up) or (self.mode is Mode.SWALLOW and not up):
                    return
                sink.write(data)
                await sink.drain()
