"""What a measurement is: interleaved rounds, the same control twice in each, and when a round does not count.

Pure: numbers in, verdict out (performance 4.1).
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

ROUNDS = 5
VOIDS_ALLOWED = 3
AA_LOW, AA_HIGH = 0.9, 1.1
STEAL_MOST = 0.02


@dataclass(frozen=True, slots=True)
class Slice:
    """One target under load for a moment."""

    target: str
    done: int
    wall: float  # seconds
    cpu: float  # seconds of the server
    p50: float  # milliseconds
    p99: float
    p999: float
    wrong: int = 0

    @property
    def per_cpu(self) -> float:
        """Requests per second of server CPU time."""
        return self.done / self.cpu if self.cpu else 0.0

    @property
    def per_wall(self) -> float:
        """Requests per second."""
        return self.done / self.wall if self.wall else 0.0

    @property
    def share(self) -> float:
        """How busy the server was, 1 is one core."""
        return self.cpu / self.wall if self.wall else 0.0


@dataclass(frozen=True, slots=True)
class Round:
    """The slices of one palindromic order (A B B A), and what was stolen from the machine meanwhile."""

    slices: tuple[Slice, ...]
    steal: float  # share of all CPU time

    def of(self, target: str) -> list[Slice]:
        """The slices of one target, in order."""
        return [one for one in self.slices if one.target == target]

    def rate(self, target: str, *, wall: bool = False) -> float:
        """Requests per (CPU) second of a target over the round."""
        mine = self.of(target)
        seconds = sum(one.wall if wall else one.cpu for one in mine)
        return sum(one.done for one in mine) / seconds if seconds else 0.0

    def control_ratio(self, control: str) -> float:
        """The control against itself, first half against second half: the A/A control."""
        mine = self.of(control)
        half = len(mine) // 2
        first, second = mine[:half], mine[half:]
        before = sum(one.done for one in first) / max(sum(one.cpu for one in first), 1e-9)
        after = sum(one.done for one in second) / max(sum(one.cpu for one in second), 1e-9)
        return before / after if after else 0.0

    def void(self, control: str, least_share: float) -> str:
        """Why this round does not count; empty when it does."""
        ratio = self.control_ratio(control)
        if not AA_LOW <= ratio <= AA_HIGH:
            return f"A/A {ratio:.2f}"
        share = min(one.share for one in self.of(control))
        if share < least_share:
            return f"control used {share:.2f} of its core"
        if self.steal > STEAL_MOST:
            return f"steal {self.steal:.1%}"
        return ""


class Verdict(StrEnum):
    """What a ratio says about its gate."""

    PASS = "pass"
    FAIL = "FAIL"
    NOISY = "too noisy"
    REPORTED = "reported"


@dataclass(frozen=True, slots=True)
class Spread:
    """Lowest, median and highest of the rounds."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value."""
        return cls(min(values), statistics.median(values), max(values))


@dataclass(slots=True)
class Measured:
    """Rounds of one case: those that count and why the others do not."""

    control: str
    least_share: float = 0.0
    rounds: list[Round] = field(default_factory=list)
    voids: list[str] = field(default_factory=list)

    def take(self, one: Round) -> None:
        """Keep a round, or the reason why it does not count."""
        reason = one.void(self.control, self.least_share)
        if reason:
            self.voids.append(reason)
        else:
            self.rounds.append(one)

    @property
    def noisy(self) -> bool:
        """Too many rounds did not count."""
        return len(self.voids) > VOIDS_ALLOWED

    @property
    def finished(self) -> bool:
        """Enough rounds, or too many void ones."""
        return len(self.rounds) >= ROUNDS or self.noisy

    def ratios(self, subject: str, control: str = "", *, wall: bool = False) -> Spread | None:
        """Subject against control, over the rounds that count."""
        against = control or self.control
        values = [one.rate(subject, wall=wall) / one.rate(against, wall=wall) for one in self.rounds]
        return Spread.of(values) if values else None

    def control_ratios(self) -> Spread | None:
        """The control against itself."""
        values = [one.control_ratio(self.control) for one in self.rounds]
        return Spread.of(values) if values else None


def palindrome(targets: Sequence[str]) -> list[str]:
    """A B C → A B C C B A: what drifts in the machine meets every target alike."""
    return [*targets, *reversed(targets)]


def verdict(value: float | None, gate: float | None, *, noisy: bool, lower_is_better: bool = False) -> Verdict:
    """Judge a median; gates already contain the margin that separates them from the aims."""
    if noisy or value is None:
        return Verdict.NOISY
    if gate is None:
        return Verdict.REPORTED
    good = value <= gate if lower_is_better else value >= gate
    return Verdict.PASS if good else Verdict.FAIL
