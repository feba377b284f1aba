"""The window in which a MessageID may be used once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from node.soap.replay import ReplayWindow


def test_a_key_is_seen_within_the_window():
    window = ReplayWindow(seconds=300)
    assert not window.seen("a", "1", 0.0)
    assert window.seen("a", "1", 299.0)
    assert not window.seen("b", "1", 299.0)
    assert not window.seen("a", "1", 301.0)


def test_an_empty_message_id_is_never_seen():
    window = ReplayWindow()
    assert not window.seen("a", "", 0.0)
    assert not window.seen("a", "", 0.0)
    assert len(window) == 0


def test_a_request_without_effect_may_be_repeated():
    window = ReplayWindow()
    window.seen("a", "1", 0.0)
    window.forget("a", "1")
    window.forget("a", "unknown")
    assert not window.seen("a", "1", 1.0)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 30), st.floats(0, 100)), max_size=80))
def test_the_window_is_bounded_and_never_wrong(calls):
    window = ReplayWindow(seconds=10, most=8)
    now = 0.0
    last: dict[tuple[str, str], float] = {}
    for sender, number, step in calls:
        now += step
        key = (sender, str(number))
        if window.seen(*key, now):
            assert now - last[key] < 10
        else:
            last[key] = now
        assert len(window) <= 8
