"""What counts as a measurement: interleaving, the control against itself, void rounds, medians of per-round ratios."""

from __future__ import annotations

import pytest

from scripts.benchmarks.rounds import Measured, Round, Slice, Spread, Verdict, palindrome, verdict


def piece(target: str, done: int, *, cpu: float = 1.0, wall: float = 1.0) -> Slice:
    return Slice(target, done, wall, cpu, 1.0, 2.0, 3.0)


def abba(first: int, second: int, third: int, fourth: int, *, steal: float = 0.0, cpu: float = 1.0) -> Round:
    names = ("echo", "node", "node", "echo")
    counts = (first, second, third, fourth)
    return Round(tuple(piece(name, n, cpu=cpu) for name, n in zip(names, counts, strict=True)), steal)


def test_order_is_a_palindrome() -> None:
    assert palindrome(["a", "b", "c"]) == ["a", "b", "c", "c", "b", "a"]


def test_ratio_is_of_requests_per_cpu_second_within_a_round() -> None:
    measured = Measured("echo")
    for factor in (1, 2, 4):  # the machine is faster and slower from round to round; the ratio does not care
        measured.take(abba(100 * factor, 30 * factor, 34 * factor, 100 * factor))
    assert measured.ratios("node") == Spread(pytest.approx(0.32), pytest.approx(0.32), pytest.approx(0.32))


def test_cpu_time_counts_and_not_wall_time() -> None:
    one = Round((piece("echo", 100), piece("node", 50, cpu=0.5), piece("node", 50, cpu=0.5), piece("echo", 100)), 0.0)
    assert one.rate("node") == 100
    assert one.rate("node", wall=True) == 50


@pytest.mark.parametrize(
    ("one", "least_share", "reason"),
    [
        pytest.param(abba(100, 30, 30, 100), 0.9, "", id="quiet"),
        pytest.param(abba(125, 30, 30, 100), 0.0, "A/A 1.25", id="the control differs from itself"),
        pytest.param(abba(100, 30, 30, 100, steal=0.05), 0.0, "steal 5.0%", id="another guest took the CPU"),
        pytest.param(abba(100, 30, 30, 100, cpu=0.5), 0.9, "control used 0.50 of its core", id="the load was too weak"),
    ],
)
def test_when_a_round_is_void(one: Round, least_share: float, reason: str) -> None:
    assert one.void("echo", least_share) == reason


def test_after_too_many_void_rounds_nothing_is_said() -> None:
    measured = Measured("echo")
    for _ in range(4):
        measured.take(abba(200, 30, 30, 100))
    assert measured.finished
    assert measured.noisy
    assert verdict(0.5, 0.3, noisy=measured.noisy) is Verdict.NOISY


@pytest.mark.parametrize(
    ("value", "gate", "lower", "said"),
    [
        (0.31, 0.30, False, Verdict.PASS),
        (0.29, 0.30, False, Verdict.FAIL),
        (4.0, 6.0, True, Verdict.PASS),
        (7.0, 6.0, True, Verdict.FAIL),
        (7.0, None, False, Verdict.REPORTED),
    ],
)
def test_verdict(value: float, gate: float | None, lower: bool, said: Verdict) -> None:
    assert verdict(value, gate, noisy=False, lower_is_better=lower) is said
