"""Turns: how many requests of one other community are worked on at once, so that none takes the node from the others.

What is beyond waits in a queue of its own; beyond that it is told to come again. Applications of the institution itself
are not held: while they wait for other communities they take nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

AT_ONCE: Final = 8  # of one community: enough for one commit to serve several
WAITING: Final = 128  # of one community, before it is told to come again


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
        queue.inside += 1
        try:
            async with queue.turns:
                yield
        finally:
            queue.inside -= 1
            if not queue.inside:
                self._queues.pop(home, None)


class _Queue:
    __slots__ = ("inside", "turns")

    def __init__(self) -> None:
        self.inside = 0
        self.turns = asyncio.Semaphore(AT_ONCE)
