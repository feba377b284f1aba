"""Waiting for one community: exactly the deadline while little is known, shorter only for what is known to be faster."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.federation.pace import ENOUGH, LEAST, TRIAL, Budget, Pace

times = st.floats(0.001, 20)


def learned(*seconds: float) -> Pace:
    pace = Pace()
    for each in seconds:
        pace.learn(each)
    return pace


def test_while_too_little_is_known_the_deadline_rules() -> None:
    assert learned(*[0.01] * (ENOUGH - 1)).limit(8) == 8
    assert learned(*[0.01] * ENOUGH).limit(8) == LEAST


def test_a_trial_of_a_community_nothing_is_known_of_gets_less() -> None:
    assert Pace().limit(8, trial=True) == TRIAL


def test_a_limit_that_was_too_short_grows_to_the_deadline_and_an_answer_ends_that() -> None:
    pace = learned(*[0.01] * ENOUGH)
    limits = []
    for _ in range(4):
        limits.append(pace.limit(8))
        pace.late()
    assert limits == [2, 4, 8, 8]
    pace.learn(3.0)
    assert pace.patience == 1


@given(st.lists(times, max_size=40), times, st.booleans())
def test_no_limit_is_longer_than_what_is_left(seconds: list[float], most: float, trial: bool) -> None:
    assert 0 < learned(*seconds).limit(most, trial=trial) <= most


@given(st.floats(0.01, 7), st.integers(ENOUGH, 60))
def test_one_that_takes_twice_as_long_as_always_is_still_waited_for(seconds: float, count: int) -> None:
    assert learned(*[seconds] * count).limit(60) >= 2 * seconds


@pytest.mark.parametrize(("count", "hedged"), [(ENOUGH - 1, False), (ENOUGH, True)])
def test_nothing_is_asked_twice_before_its_time_is_known(count: int, hedged: bool) -> None:
    assert (learned(*[0.1] * count).hedge_after() is not None) is hedged


@given(st.lists(st.booleans(), max_size=400))
def test_a_budget_of_second_requests_is_never_overdrawn(takes: list[bool]) -> None:
    budget, asked, taken = Budget(every=20), 0, 0
    for take in takes:
        asked += 1
        budget.asked()
        taken += take and budget.take()
    assert taken <= asked / 20 + 1
