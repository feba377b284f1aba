"""Same id and hash: one document with several sources; same id and another hash: both, marked; same content: two."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from node.sources import Identity, fold

entries = st.builds(Identity, st.sampled_from(["", "1", "2", "3"]), st.sampled_from(["", "aa", "AA", "bb"]), st.sampled_from(["x", "y", "z"]))  # fmt: skip


def folded(*items: Identity, own: str = "") -> list[tuple[str, list[str], bool]]:
    return [
        (one.first.home, [other.home for other in one.others], one.contradicted)
        for one in fold(items, lambda item: item, own_home=own)
    ]


def test_two_routes_are_one_document() -> None:
    assert folded(Identity("1", "aa", "x"), Identity("1", "AA", "y")) == [("x", ["y"], False)]


def test_the_own_copy_is_the_one_to_use() -> None:
    assert folded(Identity("1", "aa", "x"), Identity("1", "aa", "me"), own="me") == [("me", ["x"], False)]


def test_other_content_under_one_id_is_never_folded_and_both_are_marked() -> None:
    assert folded(Identity("1", "aa", "x"), Identity("1", "bb", "y")) == [("x", [], True), ("y", [], True)]


def test_the_same_content_under_two_ids_stays_two() -> None:
    assert folded(Identity("1", "aa", "x"), Identity("2", "aa", "y")) == [("x", [], False), ("y", [], False)]


def test_without_a_hash_nothing_is_folded_and_nothing_contradicts() -> None:
    assert folded(Identity("1", "", "x"), Identity("1", "aa", "y")) == [("x", [], False), ("y", [], False)]


@given(st.lists(entries))
def test_nothing_is_lost(items: list[Identity]) -> None:
    found = fold(items, lambda item: item)
    assert sorted(item for one in found for item in (one.first, *one.others)) == sorted(items)
