"""Who hears of each outcome of a request while it is under way: the application that asked, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from node.outcome_words import Outcome

MOST: Final = 256  # watchers at once; who comes later hears nothing, and gets the answer all the same


class Watcher:
    """What one listener still has to hear."""

    def __init__(self) -> None:
        self._told: asyncio.Queue[Outcome | None] = asyncio.Queue()

    def tell(self, outcome: Outcome) -> None:
        """One more community has ended."""
        self._told.put_nowait(outcome)

    def end(self) -> None:
        """Nothing more comes."""
        self._told.put_nowait(None)

    async def outcomes(self, seconds: float) -> AsyncIterator[Outcome]:
        """Each outcome as it comes, until the end or until nothing came for so long."""
        while True:
            try:
                async with asyncio.timeout(seconds):
                    outcome = await self._told.get()
            except TimeoutError:
                return
            if outcome is None:
                return
            yield outcome


class Watching:
    """Watchers by the certificate that asks and the MessageID of its request."""

    def __init__(self) -> None:
        self._watchers: dict[tuple[str, str], Watcher] = {}

    def of(self, fingerprint: str, message_id: str) -> Watcher | None:
        """Who watches this request."""
        return self._watchers.get((fingerprint, message_id))

    def end(self) -> None:
        """Nobody hears any more: the node stops, and does not wait for who only listens."""
        for watcher in self._watchers.values():
            watcher.end()

    @contextmanager
    def watch(self, fingerprint: str, message_id: str) -> Iterator[Watcher | None]:
        """Watch a request that is about to be sent; None when too many watch already, or it is watched."""
        key = (fingerprint, message_id)
        if len(self._watchers) >= MOST or key in self._watchers:
            yield None
            return
        self._watchers[key] = watcher = Watcher()
        try:
            yield watcher
        finally:
            del self._watchers[key]
