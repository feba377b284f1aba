"""Turns: how many requests of one other community are worked on at once, so that none takes the node from the others.

What is beyond waits in a queue of its own; beyond that it is told to come again. Applications of the institution itself
are not held: while they wait for other communities they take nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

AT_ONCE: Final = 8  # of one community that is here alone: enough for one commit to serve several
BESIDE: Final = 2  # of one community while others are here: each of the others waits for so many of it
FLOODING: Final = 1  # likewise, when more than `AT_ONCE` of it are here
WAITING: Final = 128  # of one community, before it is told to come again
# Seconds for which a community counts as here after its last answer: its next question is on its way.
LINGER: Final = 0.1


class TooMany(Exception):  # noqa: N818  what happened, not a failure of this node
    """A community has more requests under way than wait here for it."""


class Turns:
    """One queue for each community. `refused` is told its name each time that one is full."""

    def __init__(self, refused: Callable[[str], None] = lambda _: None) -> None:
        self._refused = refused
        self._queues: dict[str, _Queue] = {}

    @asynccontextmanager
    async def turn(self, home: str) -> AsyncIterator[None]:
        """Wait for the turn of a community and keep it.

        Raises:
            TooMany: its queue is full; nothing was done.
        """
        queue = self._queues.setdefault(home, _Queue())
        if queue.inside >= AT_ONCE + WAITING:
            self._refused(home)
            raise TooMany(home)
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        queue.inside += 1
        queue.waiting.append(turn)
        self._call(queue)
        try:
            await turn
            yield
        finally:
            queue.inside -= 1
            if turn.done() and not turn.cancelled():
                queue.working -= 1
            if not queue.inside:
                queue.left = loop.time()
                loop.call_at(queue.left + LINGER, self._leave, home, queue, queue.left)
            self._call(queue)

    def _leave(self, home: str, queue: _Queue, left: float) -> None:
        """A community has gone, if it has not asked since; another may be alone now."""
        if queue.inside or queue.left != left or self._queues.get(home) is not queue:
            return
        del self._queues[home]
        if len(self._queues) == 1:
            self._call(next(iter(self._queues.values())))

    def _most(self, queue: _Queue) -> int:
        if len(self._queues) == 1:
            return AT_ONCE
        return BESIDE if queue.inside <= AT_ONCE else FLOODING

    def _call(self, queue: _Queue) -> None:
        """Give the turns that are free to those who wait longest."""
        while queue.waiting and queue.working < self._most(queue):
            turn = queue.waiting.popleft()
            if not turn.done():  # it was given up
                queue.working += 1
                turn.set_result(None)


@dataclass(slots=True)
class _Queue:
    inside: int = 0
    working: int = 0
    left: float = 0.0  # when it was empty last, in the time of the loop
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
