"""F14: one community that asks a hundred times as much takes its own turns, and none of anybody else."""

from __future__ import annotations

import asyncio

import pytest

from node.http.turns import AT_ONCE, WAITING, TooMany, Turns

LOUD, QUIET = "urn:oid:2.999.1", "urn:oid:2.999.2"


class Work:
    """Requests that are held inside until they are let go."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.turns = Turns(self.refused.append)
        self.inside: list[str] = []
        self.most: dict[str, int] = {}
        self.go = asyncio.Event()

    async def request(self, home: str) -> bool:
        try:
            async with self.turns.turn(home):
                self.inside.append(home)
                self.most[home] = max(self.most.get(home, 0), self.inside.count(home))
                await self.go.wait()
                self.inside.remove(home)
        except TooMany:
            return False
        return True


async def test_f14_the_flood_of_one_leaves_the_turn_of_another_free() -> None:
    work = Work()
    flood = [asyncio.create_task(work.request(LOUD)) for _ in range(100 * AT_ONCE)]
    await asyncio.sleep(0)
    quiet = [asyncio.create_task(work.request(QUIET)) for _ in range(AT_ONCE)]
    await asyncio.sleep(0)
    assert work.inside.count(QUIET) == AT_ONCE
    assert work.inside.count(LOUD) == AT_ONCE
    work.go.set()
    served = await asyncio.gather(*flood)
    assert sum(served) == AT_ONCE + WAITING
    assert all(await asyncio.gather(*quiet))
    assert work.most == {LOUD: AT_ONCE, QUIET: AT_ONCE}
    assert work.refused == [LOUD] * (100 * AT_ONCE - AT_ONCE - WAITING)


async def test_whoever_was_told_to_come_again_is_served_when_he_does() -> None:
    work = Work()
    flood = [asyncio.create_task(work.request(LOUD)) for _ in range(AT_ONCE + WAITING)]
    await asyncio.sleep(0)
    assert not await work.request(LOUD)
    work.go.set()
    await asyncio.gather(*flood)
    assert await work.request(LOUD)


async def test_a_request_that_fails_or_is_given_up_leaves_its_turn() -> None:
    work = Work()
    waiting = [asyncio.create_task(work.request(LOUD)) for _ in range(AT_ONCE + 1)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    with pytest.raises(ZeroDivisionError):
        async with work.turns.turn(LOUD):
            raise ZeroDivisionError
    work.go.set()
    assert await work.request(LOUD)
