"""Whether a community that failed again and again is asked now: a circuit breaker without clock or IO. Pure.

Closed, it is asked. After `FAILURES` in a row it is open: nobody waits for it. After a pause one request tries whether
it is back (half-open); an answer closes the circuit at once, a failure makes the next pause longer, up to `LONGEST`, so
that a community that comes back is used again within that time.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Final

FAILURES: Final = 4  # in a row, before a community is left alone
FIRST: Final = 1.0  # seconds of the first pause
LONGEST: Final = 8.0  # seconds of the longest: with one trial this stays below the 15 s that recovery may take


@dataclass(slots=True)
class _State:
    failures: int = 0
    since: float = 0.0  # when this run of failures began
    pause: float = 0.0
    retry_at: float = 0.0
    trial: bool = False  # one request is under way to see whether it is back


class Circuits:
    """One circuit for each key (a community and a transaction). Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._states: dict[Hashable, _State] = {}

    def admit(self, key: Hashable, now: float) -> bool:
        """Whether a request may go out now. In an open circuit one is let through after each pause, and no second."""
        state = self._states.get(key)
        if state is None or state.failures < FAILURES:
            return True
        if state.trial or now < state.retry_at:
            return False
        state.trial = True
        return True

    def trying(self, key: Hashable) -> bool:
        """Whether the request under way is the trial of an open circuit."""
        state = self._states.get(key)
        return state is not None and state.trial

    def failing_for(self, key: Hashable, now: float) -> float:
        """Seconds since the first failure of the present run; 0 when there is none."""
        state = self._states.get(key)
        return now - state.since if state else 0.0

    def open_for(self, keys: Iterable[Hashable], now: float) -> float:
        """Seconds since the oldest run of failures that opened one of these circuits; 0 when all are closed."""
        states = [state for key in keys if (state := self._states.get(key)) and state.failures >= FAILURES]
        return max((now - state.since for state in states), default=0.0)

    def answered(self, key: Hashable) -> None:
        """It answered, whatever it was: it is there."""
        self._states.pop(key, None)

    def failed(self, key: Hashable, now: float) -> None:
        """It could not be reached or was late."""
        state = self._states.setdefault(key, _State(since=now))
        if state.failures >= FAILURES and not state.trial:
            return  # a request that began before the circuit opened says nothing new
        state.failures += 1
        if state.failures >= FAILURES:
            state.pause = min(state.pause * 2 or FIRST, LONGEST)
            state.retry_at = now + state.pause
        state.trial = False

    def undecided(self, key: Hashable) -> None:
        """The request was given up from this side: nothing was learned, the next one may try."""
        if (state := self._states.get(key)) is not None:
            state.trial = False
