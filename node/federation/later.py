"""Questions whose answers come on a connection of their own, and what becomes of an answer that comes (ITI TF-2: V.3).

A question waits here from before it leaves until its answer is on record. Whoever asked stops waiting at the deadline;
the question stays open for `KEPT` all the same. What comes within that time is judged and recorded as any answer, and
what it teaches is kept: who knows the patient, what the documents are. What never comes is recorded as failed by the
sweep (`unfinished`), so that each question has exactly one outcome on record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from node.exchange import Exchange
    from node.federation.answered import Answered
    from node.federation.calls import Call

KEPT: Final = 900.0  # seconds that a question stays open
MOST: Final = 10_000  # questions that are open together; the oldest is closed for one more


@dataclass(slots=True, kw_only=True)
class Question:
    """One that is open: what was asked, for whom, how its answer is read; and whether somebody waits for it still."""

    call: Call
    exchange: Exchange
    read: Callable[[Answered], None]
    answer: asyncio.Future[Answered]
    until: float  # on the event loop's clock
    waited_for: bool = True


class Later:
    """Open questions by their MessageID. `closed` is told the MessageID of each that was given up."""

    def __init__(self, closed: Callable[[str], None]) -> None:
        self._closed = closed
        self._open: dict[str, Question] = {}

    def expect(self, call: Call, exchange: Exchange, read: Callable[[Answered], None]) -> Question:
        """Open a question, before it leaves."""
        loop = asyncio.get_running_loop()
        self._tidy(loop.time(), MOST - 1)
        until = max(exchange.deadline, loop.time()) + KEPT
        question = Question(call=call, exchange=exchange, read=read, answer=loop.create_future(), until=until)
        self._open[call.message_id] = question
        return question

    def take(self, home: str, message_id: str) -> Question | None:
        """The open question of this id, if it was asked of this community; it is then closed."""
        found = self._open.get(message_id)
        if found is None or found.call.community.home != home:
            return None
        return self._open.pop(message_id)

    def expects(self, home: str, message_id: str) -> bool:
        """Whether a community was asked this and has not answered."""
        found = self._open.get(message_id)
        return found is not None and found.call.community.home == home

    def put_back(self, question: Question) -> None:
        """Its answer could not be recorded: it may come again."""
        self._open[question.call.message_id] = question

    def close(self, message_id: str) -> None:
        """It has ended in another way: nobody took it, or the answer came at once."""
        self._open.pop(message_id, None)

    def waiting(self) -> frozenset[str]:
        """MessageIDs of the questions that are open."""
        self._tidy(asyncio.get_running_loop().time(), MOST)
        return frozenset(self._open)

    def _tidy(self, now: float, most: int) -> None:
        """Close what waited too long; questions stand in the order in which they were asked."""
        for message_id, question in list(self._open.items()):
            if question.until > now and len(self._open) <= most:
                break
            del self._open[message_id]
            self._closed(message_id)
