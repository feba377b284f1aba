"""Who has connected and not shown who it is yet: silence costs a socket, and nobody keeps the others out.

A connection is nothing but a socket until it says something; then it waits for one of few places for handshakes, each
of which costs a quarter of a megabyte. Addresses share the places: the one that has fewest is next, and where there are
none left the one that has most loses its oldest. Nobody else has to go before its handshake took `patience` seconds, so
that honest ones who come together do not end one another.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

_PAUSE = 0.1  # seconds before a connection is taken again when that failed
Shake = Callable[[socket.socket], Awaitable[object]]


@dataclass(slots=True, eq=False, kw_only=True)
class _Arrival:
    connection: socket.socket
    address: str
    turn: asyncio.Future[None]
    since: float = 0.0  # when its handshake began
    task: asyncio.Task[None] | None = None
    handed_over: bool = False  # whether the socket is that of the handshake


@dataclass(slots=True)
class _Shares:
    """Arrivals in the order in which they came, of all and of each address."""

    all: dict[_Arrival, None] = field(default_factory=dict)
    of: dict[str, dict[_Arrival, None]] = field(default_factory=dict)

    def add(self, one: _Arrival) -> None:
        self.all[one] = self.of.setdefault(one.address, {})[one] = None

    def discard(self, one: _Arrival) -> None:
        if one in self.all:
            del self.all[one], self.of[one.address][one]
            if not self.of[one.address]:
                del self.of[one.address]

    def count(self, address: str) -> int:
        return len(self.of.get(address, ()))

    def fullest(self) -> str:
        return max(self.of, key=self.count)

    def oldest(self, address: str | None = None) -> _Arrival:
        return next(iter(self.all if address is None else self.of[address]))


class Arrivals:
    """Connections from the moment they are accepted to the end of their handshake.

    Args:
        most: how many there may be, whether they said something or not.
        together: how many handshakes are under way at once.
        seconds: how long one may take to say something and have its turn.
        patience: seconds after which a handshake ends when another one waits for its place.
    """

    def __init__(self, *, most: int, together: int, seconds: float, patience: float) -> None:
        self._most = most
        self._together = together
        self._seconds = seconds
        self._patience = patience
        self._silent = _Shares()
        self._ready = _Shares()
        self._under_way = _Shares()
        self._leaving: _Arrival | None = None  # its place is free in a moment
        self._looking_again: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._silent.all) + len(self._ready.all) + len(self._under_way.all)

    @property
    def under_way(self) -> int:
        """How many handshakes have begun and not ended."""
        return len(self._under_way.all)

    async def take(self, connection: socket.socket, address: str, shake: Shake) -> None:
        """Begin with one that has connected; `shake` makes its handshake and owns the socket from then on."""
        loop = asyncio.get_running_loop()
        one = _Arrival(connection=connection, address=address, turn=loop.create_future())
        try:
            while len(self) >= self._most and not self._make_room(address):
                await asyncio.wait(self._tasks(), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            connection.close()
            raise
        self._silent.add(one)
        one.task = loop.create_task(self._arrive(one, shake))
        one.task.add_done_callback(lambda task: self._ended(one, task))
        await asyncio.sleep(0)  # so that it is noticed what those say who are here

    async def stop(self) -> None:
        """End all of them."""
        while tasks := self._tasks():
            for one in (*self._silent.all, *self._ready.all):
                self._dismiss(one)
            for one in self._under_way.all:
                _hang_up(one)
            await asyncio.wait(tasks)

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [one.task for shares in (self._silent, self._ready, self._under_way) for one in shares.all if one.task]

    async def _arrive(self, one: _Arrival, shake: Shake) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._seconds):
                if await _speaks(one.connection):
                    self._silent.discard(one)
                    self._ready.add(one)
                    self._proceed()
                    await one.turn
                    one.handed_over = True
        if one.handed_over:
            await shake(one.connection)

    def _ended(self, one: _Arrival, task: asyncio.Task[None]) -> None:
        for shares in (self._silent, self._ready, self._under_way):
            shares.discard(one)
        if self._leaving is one:
            self._leaving = None
        one.task = None
        if not one.handed_over:
            one.connection.close()
        elif not task.cancelled() and (problem := task.exception()) is not None:  # the context counts it, and says why
            problem.__traceback__ = None  # else its frames keep themselves, and the buffer of this handshake
        self._proceed()

    def _proceed(self) -> None:
        """Let those begin for whom there is a place, and take one from somebody where that is right."""
        while self._ready.all and len(self._under_way.all) < self._together:
            one = self._next()
            self._ready.discard(one)
            self._under_way.add(one)
            one.since = asyncio.get_running_loop().time()
            if not one.turn.done():
                one.turn.set_result(None)
        if self._ready.all and self._leaving is None:
            self._make_way(self._next().address)

    def _next(self) -> _Arrival:
        return self._ready.oldest(min(self._ready.of, key=self._under_way.count))

    def _make_way(self, address: str) -> None:
        """End the handshake that is most in the way of one from `address`, now or when it took long enough."""
        loop, under_way = asyncio.get_running_loop(), self._under_way
        greedy = under_way.fullest()
        unfair = under_way.count(greedy) > under_way.count(address) + 1
        oldest = under_way.oldest(greedy if unfair else None)
        if unfair or loop.time() - oldest.since >= self._patience:
            self._leaving = oldest
            _hang_up(oldest)
        elif self._looking_again is None:
            self._looking_again = loop.call_at(oldest.since + self._patience, self._look_again)

    def _look_again(self) -> None:
        self._looking_again = None
        self._proceed()

    def _make_room(self, address: str) -> bool:
        """End somebody who waits, so that one from `address` can be there instead; whether that was possible."""
        waiting = self._silent if self._silent.all else self._ready
        if not waiting.all:
            return False
        greedy = waiting.fullest()
        if waiting is self._ready and waiting.count(greedy) <= waiting.count(address) + 1:
            return False
        self._dismiss(waiting.oldest(greedy))
        return True

    def _dismiss(self, one: _Arrival) -> None:
        for shares in (self._silent, self._ready):
            shares.discard(one)
        if one.task is not None:
            one.task.cancel()


def _hang_up(one: _Arrival) -> None:
    """The transport that has the socket sees its end, and ends itself."""
    with contextlib.suppress(OSError):
        one.connection.shutdown(socket.SHUT_RDWR)


async def _speaks(connection: socket.socket) -> bool:
    """Wait until something comes; False when it is the end."""
    loop = asyncio.get_running_loop()
    heard = asyncio.Event()
    loop.add_reader(connection, heard.set)
    try:
        await heard.wait()
    finally:
        loop.remove_reader(connection)
    return bool(connection.recv(1, socket.MSG_PEEK))


async def accept(listening: socket.socket, take: Callable[[socket.socket, str], Awaitable[object]]) -> None:
    """Hand over whoever connects, with the address, until this is cancelled; closes the socket then."""
    loop = asyncio.get_running_loop()
    listening.setblocking(False)  # noqa: FBT003
    with listening:
        while True:
            try:
                connection, peer = await loop.sock_accept(listening)
            except OSError:  # no descriptor is left, most likely
                await asyncio.sleep(_PAUSE)
                continue
            try:
                await take(connection, str(peer[0]))
            except OSError:
                connection.close()
