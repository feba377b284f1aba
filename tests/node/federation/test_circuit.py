"""A circuit never keeps a community waiting that is back, nor a clinician for one that is not."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from node.federation.circuit import FAILURES, FIRST, LONGEST, Circuits

KEY = ("urn:oid:2.999.7", "ITI-38")


def opened(now: float = 0.0) -> Circuits:
    circuits = Circuits()
    for _ in range(FAILURES):
        assert circuits.admit(KEY, now)
        circuits.failed(KEY, now)
    return circuits


def test_failures_in_a_row_open_it_and_one_answer_between_them_does_not() -> None:
    circuits = Circuits()
    for _ in range(FAILURES - 1):
        circuits.failed(KEY, 0)
    circuits.answered(KEY)
    circuits.failed(KEY, 0)
    assert circuits.admit(KEY, 0)
    assert not opened().admit(KEY, 0)


def test_one_community_or_transaction_says_nothing_about_another() -> None:
    circuits = opened()
    assert circuits.admit(("urn:oid:2.999.8", "ITI-38"), 0)
    assert circuits.admit(("urn:oid:2.999.7", "ITI-39"), 0)


def test_after_the_pause_one_request_tries_and_no_second() -> None:
    circuits = opened()
    assert not circuits.admit(KEY, FIRST - 0.01)
    assert circuits.admit(KEY, FIRST)
    assert circuits.trying(KEY)
    assert not circuits.admit(KEY, FIRST + 100)


def test_a_trial_that_was_given_up_leaves_the_next_one_free() -> None:
    circuits = opened()
    assert circuits.admit(KEY, FIRST)
    circuits.undecided(KEY)
    assert circuits.admit(KEY, FIRST)


def test_an_answer_closes_it_at_once() -> None:
    circuits = opened()
    assert circuits.admit(KEY, FIRST)
    circuits.answered(KEY)
    assert circuits.admit(KEY, FIRST)
    assert not circuits.trying(KEY)
    assert circuits.failing_for(KEY, FIRST) == 0


def test_requests_that_began_before_it_opened_make_no_pause_longer() -> None:
    circuits = opened()
    for _ in range(50):
        circuits.failed(KEY, 0)
    assert circuits.admit(KEY, FIRST)


def test_it_says_since_when() -> None:
    circuits = Circuits()
    for now in (3.0, 4.0, 5.0, 6.0):
        circuits.failed(KEY, now)
    assert circuits.failing_for(KEY, 10.0) == 7.0


@settings(max_examples=200)
@given(st.lists(st.floats(0, 30), max_size=30))
def test_however_long_it_failed_a_community_that_is_back_is_tried_within_the_longest_pause(waits: list[float]) -> None:
    circuits, now = opened(), 0.0
    for wait in waits:
        now += wait
        if circuits.admit(KEY, now):
            circuits.failed(KEY, now)
    assert LONGEST < 15
    assert circuits.admit(KEY, now + LONGEST)
