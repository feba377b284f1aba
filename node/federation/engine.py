"""One call to one community: a place in the queue, a time of its own, a second try where that pays, and its outcome.

Nothing here decides what is asked or what is recorded (`gateway`); whatever one community does costs its own result.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from node.exchange import Exchange
from node.federation.answered import Answered
from node.federation.calls import Call
from node.federation.circuit import Circuits
from node.federation.client import PeerClient, PeerFault
from node.federation.later import Later, Question
from node.federation.pace import Budget, Pace
from node.outcome_words import Word
from trust.errors import LedgerBusy, StorageFailed

log = logging.getLogger("node.federation")

AT_ONCE: Final = 256  # calls of this node that are under way together
AT_ONE_PEER: Final = 16  # of them to one community
SLOWEST: Final = 256 * 1024  # octets of documents a second that a community must send beyond its time
QUICK: Final = frozenset({"ITI-38", "ITI-55", "ITI-56"})  # short answers, asked twice without harm
_GONE: Final = frozenset({Word.TIMEOUT, Word.UNREACHABLE})  # what opens a circuit; anything else is an answer
_FIRST_WON: Final = "another request for the same was answered first"

Read = Callable[[Answered], None]
Record = Callable[[Call], Awaitable[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How a community answered since the start: answers, their usual time, for how long it has failed (seconds)."""

    answers: int
    seconds: float
    failing: float


class Engine:
    """Sends calls. One for the whole node: it remembers how each community answered.

    `record` puts one more call on record and returns its receipt: before the bytes of a second request leave.
    """

    def __init__(self, client: PeerClient, new_uuid: Callable[[], str], later: Later) -> None:
        self._client = client
        self._later = later
        self._new_uuid = new_uuid
        self._circuits = Circuits()
        self._paces: defaultdict[tuple[str, str], Pace] = defaultdict(Pace)
        self._budget = Budget()
        self._all = asyncio.Semaphore(AT_ONCE)
        self._each: defaultdict[str, asyncio.Semaphore] = defaultdict(partial(asyncio.Semaphore, AT_ONE_PEER))

    def admit(self, call: Call) -> Answered | None:
        """None when the call may go out; else its outcome: the community failed too often a moment ago."""
        key, now = _key(call), asyncio.get_running_loop().time()
        if self._circuits.admit(key, now):
            return None
        seconds = self._circuits.failing_for(key, now)
        paused = Answered(community=call.community, call=call)
        paused.fail(PeerFault(f"was not asked: it has been failing for {seconds:.0f} s", word=Word.PAUSED))
        return paused

    def seen(self, home: str) -> Seen:
        """How a community answered, over all transactions."""
        now = asyncio.get_running_loop().time()
        keys = [key for key in self._paces if key[0] == home]
        paces = [self._paces[key] for key in keys if self._paces[key].answers]
        answers = sum(pace.answers for pace in paces)
        usual = sum(pace.mean * pace.answers for pace in paces) / answers if answers else 0.0
        return Seen(answers=answers, seconds=usual, failing=self._circuits.open_for(keys, now))

    def give_up(self, call: Call) -> None:
        """An admitted call is not made after all."""
        self._circuits.undecided(_key(call))

    async def ask(
        self, call: Call, receipt: bytes, exchange: Exchange, read: Read, record: Record
    ) -> tuple[Answered, ...]:
        """Ask a community; its outcome comes first, behind it those of requests that another one made needless."""
        after = self._paces[_key(call)].hedge_after() if call.again else None
        self._budget.asked()
        if after is None:
            return (await self._one(call, receipt, exchange, read),)
        first = asyncio.create_task(self._one(call, receipt, exchange, read))
        try:
            await asyncio.wait({first}, timeout=after)
            if not first.done() and self._budget.take():
                return await self._twice(call, first, exchange, read, record)
            return (await first,)
        finally:
            first.cancel()

    async def _twice(
        self, call: Call, first: asyncio.Task[Answered], exchange: Exchange, read: Read, record: Record
    ) -> tuple[Answered, ...]:
        """A second request beside one that takes unusually long: what comes first counts, the other is given up."""
        assert call.again is not None  # noqa: S101  else nothing is asked twice
        again = call.again(self._new_uuid())
        try:
            receipt = await record(again)
        except (LedgerBusy, StorageFailed):  # then the first one is waited for, as if there had been no second
            return (await first,)
        second = asyncio.create_task(self._one(again, receipt, exchange, read))
        calls = {first: call, second: again}
        try:
            done, waiting = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            if all(task.result().error for task in done) and waiting:
                done, waiting = await asyncio.wait(calls)
            won = min(done, key=lambda task: task.result().error is not None)
            lost = [task.result() for task in done if task is not won] + [_needless(calls[task]) for task in waiting]
            return (won.result(), *lost)
        finally:
            second.cancel()

    async def _one(self, call: Call, receipt: bytes, exchange: Exchange, read: Read) -> Answered:
        loop, key = asyncio.get_running_loop(), _key(call)
        pace, answered, began = self._paces[key], Answered(community=call.community, call=call), loop.time()
        left = max(0.0, exchange.deadline - began)
        quick = call.transaction in QUICK and not call.reply_to
        time = pace.limit(left, trial=self._circuits.trying(key)) if quick else left
        sending = False
        question = self._later.expect(call, exchange, read) if call.reply_to else None
        try:
            async with (
                asyncio.timeout_at(began + time) as limit,
                self._all,
                self._each[call.community.home],
            ):
                sending = True
                answered.answer = await self._client.send(call, receipt, partial(_prolong, limit, began + time))
            if question is not None and answered.answer is None:
                return await self._in_time(question, answered, key, began)
            read(answered)
            answered.received = True
        except TimeoutError:
            what = (
                f"gave no answer within {time:.1f} s" if sending else "was not asked: too many requests are under way"
            )
            answered.fail(PeerFault(what, word=Word.TIMEOUT if sending else Word.NOT_ASKED))
        except PeerFault as fault:
            answered.fail(fault)
        except asyncio.CancelledError:
            self._circuits.undecided(key)
            raise  # an answer that was promised is still taken when it comes
        except Exception:  # whatever one community does costs its own result, and its outcome is on record
            log.exception("an answer could not be read", extra={"community": call.community.name})
            answered.fail(PeerFault("answered what cannot be read"))
        answered.seconds = loop.time() - began
        self._later.close(call.message_id)
        self._learn(key, pace, answered)
        return answered

    async def _in_time(self, question: Question, answered: Answered, key: tuple[str, str], began: float) -> Answered:
        """The question was taken: its answer if it comes before the deadline, else the question stays open."""
        self._circuits.answered(key)
        loop, deadline = asyncio.get_running_loop(), question.exchange.deadline
        try:
            await asyncio.wait({question.answer}, timeout=max(0.0, deadline - loop.time()))
        finally:
            question.waited_for = question.answer.done()
        if question.answer.done():
            answered = question.answer.result()
            answered.seconds = loop.time() - began
            return answered
        answered.seconds = loop.time() - began
        answered.on_record = True  # one day, with the answer or by the sweep
        what = f"took the question and has not answered within {answered.seconds:.1f} s; ask again in a moment"
        answered.fail(PeerFault(what, word=Word.TIMEOUT))
        return answered

    def _learn(self, key: tuple[str, str], pace: Pace, answered: Answered) -> None:
        if answered.word in _GONE:
            self._circuits.failed(key, asyncio.get_running_loop().time())
            if answered.word is Word.TIMEOUT:
                pace.late()
        elif answered.word is Word.NOT_ASKED:
            self._circuits.undecided(key)
        else:
            self._circuits.answered(key)
            if answered.received:
                pace.learn(answered.seconds)


def _key(call: Call) -> tuple[str, str]:
    return call.community.home, call.transaction


def _needless(call: Call) -> Answered:
    answered = Answered(community=call.community, call=call)
    answered.fail(PeerFault(_FIRST_WON, word=Word.NOT_ASKED))
    return answered


def _prolong(limit: asyncio.Timeout, deadline: float, octets: int) -> None:
    """A document that comes buys the time it takes: the deadline is for answers that do not begin, or stop."""
    if not limit.expired():
        limit.reschedule(deadline + octets / SLOWEST)
