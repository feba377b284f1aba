"""The people of `scripts/bench full --only matching`: not the matcher's own, every mistake among them, judged rightly."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from registry.patients.demographics import Address, BirthDate, Demographics, Identifier, Name, Telecom
from scripts.benchmarks import matching_mistakes, matching_people, matching_records
from scripts.benchmarks.matching_mistakes import MISTAKES
from scripts.benchmarks.matching_quality import judge
from scripts.benchmarks.matching_records import SOURCES, Entry, population


@pytest.mark.parametrize("module", [matching_people, matching_mistakes, matching_records])
def test_people_and_mistakes_share_nothing_with_the_matcher(module) -> None:
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    imported = {one.module for one in ast.walk(tree) if isinstance(one, ast.ImportFrom)}
    imported |= {name.name for one in ast.walk(tree) if isinstance(one, ast.Import) for name in one.names}
    ours = {name for name in imported if name and name.partition(".")[0] in {"node", "registry", "tests", "trust"}}
    assert ours <= {"registry.patients.demographics"}
    assert not imported & {"rapidfuzz", "anyascii"}


def test_a_seed_gives_one_set_with_every_mistake_and_several_scripts() -> None:
    entries = population(300, seed=5)
    assert entries == population(300, seed=5)
    assert entries != population(300, seed=6)
    kinds = {kind for entry in entries for kind in entry.kinds}
    assert {name for name, _ in MISTAKES} <= kinds
    text = "".join(entry.person.names[0].family for entry in entries)
    for first, last in ("\u0100\u024f", "\u0370\u03ff", "\u0400\u04ff", "\u0600\u06ff", "\u4e00\u9fff", "\uac00\ud7a3"):
        assert any(first <= letter <= last for letter in text), f"{first} to {last}"


def test_links_that_are_wrong_and_pairs_that_are_not_linked_are_counted() -> None:
    """Records that nobody can tell apart: right where they are one person's, wrong where they are two persons'."""
    told = Demographics(
        names=(Name(family="Halvorsen", given=("Nora",)),),
        birth_date=BirthDate(value="19720415"),
        addresses=(Address(lines=("7 Quay Road",), city="Norwick", postal_code="90210"),),
        telecoms=(Telecom(value="tel:+1-555-0100777"),),
    )

    def at(source: int, true: int, **other: object) -> Entry:
        return Entry(Identifier("R1", SOURCES[source]), replace(told, **other), true, frozenset(), "latin")

    same = judge([at(0, 1), at(1, 1)], SOURCES)
    assert (same.links, same.links_right, same.precision, same.recall, same.seen) == (1, 1, 1.0, 1.0, 1.0)
    others = judge([at(0, 1), at(1, 2), at(2, 2)], SOURCES)
    assert others.precision < 1
    assert len(others.wrong) == others.links - others.links_right > 0
    assert others.precision_of_persons == 1 / 3
    missed = judge([at(0, 1), at(1, 1, birth_date=None, telecoms=(), addresses=())], SOURCES, lambda *_: frozenset("x"))
    assert (missed.links, missed.recall) == (0, 0.0)
    assert missed.by_kind == {"x": (1, 0, missed.queued_right)}
