"""A line between two nodes that can be bad: it lets bytes pass, loses them, cuts, or says something else."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from enum import Enum, auto


class Mode(Enum):
    PASS = auto()
    HOLE = auto()  # what is sent never arrives, and nobody says so
    SWALLOW = auto()  # requests arrive, the line breaks when an answer comes
    GARBAGE = auto()  # random bytes come instead of an answer
    CUT = auto()  # the line breaks when something is sent


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
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                if self.mode is Mode.HOLE:
                    continue
                if self.mode is Mode.GARBAGE and up:
                    caller.write(b"\x00\x01garbage" * 100)
                    await caller.drain()
                    return
                if (self.mode is Mode.CUT and up) or (self.mode is Mode.SWALLOW and not up):
                    return
                sink.write(data)
                await sink.drain()
