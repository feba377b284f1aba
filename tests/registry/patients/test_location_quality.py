"""Whom the matching would link, locators name: few of them have no word in common with who looks for them.

People and errors are those of `people`; every pair is of records of two institutions.
The long form: `XDSNODE_MATCHING_ORIGINALS=3000 pytest -s --timeout 600 tests/registry/patients/test_location_quality.py`
"""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest

from registry.patients.demographics import BirthDate, Demographics, Identifier, Name
from registry.patients.location import MOST_WORDS, words_of, words_to_ask
from registry.patients.matching import Bars, Verdict, match
from registry.patients.profile import profile
from registry.patients.records import Record
from tests.registry.patients.people import population

ORIGINALS = int(os.environ.get("XDSNODE_MATCHING_ORIGINALS", "250"))


def test_locators_name_nearly_everybody_whom_the_matching_would_link() -> None:
    entries = population(ORIGINALS, seed=3)
    persons = [Record(no=0, identifier=one.identifier, person=one.person, changed="").whole for one in entries]
    prepared, told = [profile(one) for one in persons], [frozenset(words_of(one)) for one in persons]
    asked = [words_to_ask(one, entry.identifier, shared=False) for one, entry in zip(persons, entries, strict=True)]
    groups: dict[object, list[int]] = defaultdict(list)
    for place, entry in enumerate(entries):
        groups[entry.true].append(place)
    links = [
        (one, other)
        for group in groups.values()
        for one, other in itertools.permutations(group, 2)
        if entries[one].identifier.authority != entries[other].identifier.authority
        and match(prepared[one], prepared[other], Bars()).verdict is Verdict.LINK
    ]
    located = sum(not told[other].isdisjoint(asked[one]) for one, other in links) / len(links)
    holders: dict[str, set[object]] = defaultdict(set)
    for entry, words in zip(entries, told, strict=True):
        for word in words:
            holders[word].add(entry.true)
    needless = sum(
        bool(set().union(*(holders[word] for word in words)) - {entry.true})
        for entry, words in zip(entries, asked, strict=True)
    ) / len(entries)
    print(f"\n{len(links)} pairs to be linked: located {located:.3f}; somebody else named besides in {needless:.3f}")
    assert located >= 0.97
    assert needless <= 0.2
    assert max(map(len, asked)) <= 5
    assert max(map(len, told)) <= MOST_WORDS


@pytest.mark.parametrize(
    "whole", [{"family": "Nora Halvorsen"}, {"given": ("Halvorsen", "Nora")}, {"family": "Nora Marie Halvorsen"}]
)
def test_a_name_in_one_field_is_located_as_one_in_two(whole: dict[str, Any]) -> None:
    """Both ways: who has the whole name asks, and is told; an identifier is no part of this."""
    own = Identifier("1", "2.999.1")
    two = Demographics(names=(Name(family="Halvorsen", given=("Nora",)),), birth_date=BirthDate(value="19720415"))
    one = replace(two, names=(Name(**whole),))
    for asks, told in ((one, two), (two, one)):
        assert {*words_to_ask(asks, own, shared=False)} & {*words_of(told)}
        assert len(words_to_ask(asks, own, shared=False)) <= 5
    assert not words_of(replace(two, names=(Name(family="Halvorsen"),)))
