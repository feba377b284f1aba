"""F14: one community that asks a hundred times as much takes its own turns, and none of anybody else."""

from __future__ import annotations

import asyncio

import pytest

from node.http.connection import Connected
from node.http.incoming import Incoming, Outgoing
from node.http.turns import AT_ONCE, BESIDE, FLOODING, WAITING, TooMany, Turns
from node.soap.message import write_envelope
from tests.node.http.edge import PROOF, edge, envelope, read_answer, request
from trust.identity.caller import Caller, Role

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
                try:
                    await self.go.wait()
                finally:
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
    assert work.inside.count(QUIET) == BESIDE
    assert work.inside.count(LOUD) == AT_ONCE
    work.go.set()
    served = await asyncio.gather(*flood)
    assert sum(served) == AT_ONCE + WAITING
    assert all(await asyncio.gather(*quiet))
    assert work.most == {LOUD: AT_ONCE, QUIET: BESIDE}
    assert work.refused == [LOUD] * (100 * AT_ONCE - AT_ONCE - WAITING)


async def ended(tasks: list[asyncio.Task[bool]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("asked", "beside"), [(AT_ONCE, BESIDE), (2 * AT_ONCE, FLOODING)], ids=["F14-several", "F14-a-flood"]
)
async def test_few_are_worked_on_while_another_is_here_and_all_that_may_be_when_it_has_gone(asked, beside) -> None:
    work = Work()
    quiet = asyncio.create_task(work.request(QUIET))
    await asyncio.sleep(0)
    many = [asyncio.create_task(work.request(LOUD)) for _ in range(asked + BESIDE)]
    await asyncio.sleep(0)
    await ended(many[:BESIDE])  # they came when it was not known yet how many would follow
    assert work.inside == [QUIET] + [LOUD] * beside
    await ended([quiet])
    assert work.inside == [LOUD] * beside  # its next question may be on its way
    async with asyncio.timeout(30):
        while work.inside.count(LOUD) < AT_ONCE:
            await asyncio.sleep(0.01)
    work.go.set()
    assert all(await asyncio.gather(*many[BESIDE:]))


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


def community(peer: Connected) -> Caller:
    return Caller(role=Role.PEER, name="test", fingerprint=peer.fingerprint, address=peer.address, home=LOUD)


async def test_f13_who_is_told_to_come_again_does_so_on_the_same_connection_and_not_before() -> None:
    """A handshake would cost the node more than the request that it had no time for."""
    go = asyncio.Event()

    async def dispatch(_incoming: Incoming) -> Outgoing:
        await go.wait()
        return Outgoing(proof=PROOF, action="urn:r", body=write_envelope("urn:r", b"<r/>"), packaging="soap")

    async with edge(dispatch=dispatch, authenticate=community) as server:
        lines = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(AT_ONCE + WAITING + 1)]
        for _, writer in lines:
            writer.write(request(envelope()))
        answers = {asyncio.create_task(read_answer(line[0])): line for line in lines}
        (first,), others = await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
        refused, (reader, writer) = first.result(), answers[first]
        assert (refused.status, refused.headers["retry-after"], refused.closed) == (503, "1", False)
        told = asyncio.get_running_loop().time()
        writer.write(request(envelope()))  # at once, so it waits here
        go.set()
        assert {answer.status for answer in await asyncio.gather(*others)} == {200}
        assert (await read_answer(reader)).status == 200
        assert asyncio.get_running_loop().time() - told > 0.9
        for _, writer in lines:
            writer.close()
