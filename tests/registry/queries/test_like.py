"""LIKE against an obvious implementation, and patterns made to be slow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.queries.like import like


def obvious(pattern: str, text: str) -> bool:
    """Dynamic programming over prefixes; slow, and plainly right."""
    reached = {0}
    for char in pattern:
        if char == "%":
            reached = set(range(min(reached), len(text) + 1)) if reached else set()
        else:
            reached = {at + 1 for at in reached if at < len(text) and char in {"_", text[at]}}
    return len(text) in reached


@given(st.text("ab%_\n.^*", max_size=8), st.text("ab%_\n.^*", max_size=10))
def test_like_is_what_it_should_be(pattern, text):
    assert bool(like(pattern).fullmatch(text)) == obvious(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("%Welby%", "1375^Welby^Marcus", True),
        ("%welby%", "1375^Welby^Marcus", False),
        ("1375^Welby^Marcus", "1375^Welby^Marcus", True),
        ("1375^Welby", "1375^Welby^Marcus", False),
        ("%", "", True),
        ("_", "", False),
        ("%''%", "O''Hara", True),
        ("Müller_%", "Müller^", True),
    ],
)
def test_patterns(pattern, text, expected):
    assert bool(like(pattern).fullmatch(text)) is expected


@pytest.mark.parametrize("pattern", ["%a" * 128, "%_a" * 85, "a%" * 127 + "b", "%" * 256, "_%" * 128, "%aa" * 85 + "b"])
def test_hostile_patterns_do_not_blow_up(pattern):
    for text in ("a" * 256, "ab" * 128, "a" * 255 + "b"):
        like(pattern).fullmatch(text)
