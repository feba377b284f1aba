"""Sentences with values in them, matched against templates."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from node.web.phrases import Phrases

PAIRS = (
    ("valid until {until}, {days} days", "有效期至 {until},还剩 {days} 天"),
    ("ended on {until}", "已于 {until} 结束"),
    ("{free} GB free at {place}", "{place} 可用 {free} GB"),
    ("none", "无"),
    ("{a} and {a}", "{a} 与 {a}"),
    ("{everything}", "{everything}"),
)


def test_values_go_where_the_translation_wants_them() -> None:
    phrases = Phrases.of(PAIRS)
    assert phrases.find("71.6 GB free at /srv/node") == "/srv/node 可用 71.6 GB"
    assert phrases.find("valid until 2028-11-29, 730 days") == "有效期至 2028-11-29,还剩 730 天"


def test_a_value_that_is_a_text_itself_is_translated_too() -> None:
    assert Phrases.of(PAIRS).find("ended on none") == "已于 无 结束"


def test_what_no_template_fits_stays() -> None:
    phrases = Phrases.of(PAIRS)
    assert phrases.find("something else") is None
    assert phrases.find("x and y") is None
    assert phrases.find("") is None


def test_a_value_that_looks_like_a_place_is_no_place() -> None:
    assert Phrases.of(PAIRS).find("ended on {days}") == "已于 {days} 结束"


@given(st.text(), st.text(max_size=200))
def test_no_sentence_breaks_it(sentence: str, value: str) -> None:
    phrases = Phrases.of(PAIRS)
    phrases.find(sentence)
    assert phrases.find(f"ended on {value}") is not None
