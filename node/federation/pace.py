"""How long to wait for one community, learned from how long it took so far (the estimator of RFC 6298). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LEAST: Final = 2.0  # seconds that even the fastest gets: a pause of its collector or of a disk is no failure
TRIAL: Final = 3.0  # seconds for a community of which nothing is known but that it failed
ENOUGH: Final = 8  # answers, before anything shorter than the deadline is risked
_HEDGE: Final = 0.3  # seconds below which a second request never pays


@dataclass(slots=True)
class Pace:
    """Smoothed time of its answers and their deviation, in seconds."""

    mean: float = 0.0
    deviation: float = 0.0
    answers: int = 0
    patience: float = 1.0  # doubled when the limit was too short, so that one that became slow is found again

    def learn(self, seconds: float) -> None:
        """An answer came after so many seconds."""
        if self.answers == 0:
            self.mean, self.deviation = seconds, seconds / 2
        else:
            self.deviation += (abs(seconds - self.mean) - self.deviation) / 4
            self.mean += (seconds - self.mean) / 8
        self.answers += 1
        self.patience = 1.0

    def late(self) -> None:
        """No answer came within the limit."""
        self.patience = min(self.patience * 2, 64.0)

    def limit(self, most: float, *, trial: bool = False) -> float:
        """Seconds to wait at most; never more than `most`, and exactly that while too little is known.

        A request that only tries whether a failing community is back gets less, so that nobody waits for it long.
        """
        if self.answers < ENOUGH:
            return min(most, TRIAL * self.patience) if trial else most
        return min(most, max(LEAST, 4 * self._usual()) * self.patience)

    def hedge_after(self) -> float | None:
        """Seconds after which a second request pays, because nearly every answer came sooner; None: never."""
        return max(_HEDGE, 2 * self._usual()) if self.answers >= ENOUGH else None

    def _usual(self) -> float:
        return self.mean + 4 * self.deviation


class Budget:
    """How many requests may be asked twice: one for `every` that were asked, and at most `most` saved up."""

    def __init__(self, every: int = 20, most: int = 10) -> None:
        self._every = every
        self._most = most * every
        self._saved = every

    def asked(self) -> None:
        """One more request went out."""
        self._saved = min(self._saved + 1, self._most)

    def take(self) -> bool:
        """Whether one may be asked twice now; it is then paid for."""
        if self._saved < self._every:
            return False
        self._saved -= self._every
        return True
