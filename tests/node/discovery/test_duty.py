"""Which locator answers for whom: every member finds the same one, shares are even, and little moves."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.discovery.duty import LEAST, LOCATOR, TOKEN, Duty, of_directory, of_peers
from registry.patients.demographics import BirthDate, Demographics, Identifier, Name, Telecom
from registry.patients.location import words_of, words_to_ask
from trust.communities import Community
from trust.directory.content import ACTIVE, SUSPENDED, Content

HOMES = tuple(f"urn:oid:2.999.{k:03}" for k in range(10))
TOKENS = [Duty("f", HOMES).token(f"word {k}") for k in range(4000)]


def community(home: str, **changes: object) -> Community:
    endpoints = {name: f"https://x.example/{name}" for name in ("iti-56", "locations")}
    plain = Community(
        home=home, name=home, endpoints=endpoints, certificates="", fingerprint="", capabilities=(LOCATOR,)
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_shares_are_even_and_tokens_are_of_one_federation() -> None:
    shares = Counter(map(Duty("f", HOMES).locator, TOKENS))
    assert shares.keys() == set(HOMES)
    assert max(shares.values()) < 1.3 * len(TOKENS) / len(HOMES)
    assert Duty("f", HOMES).token("a") != Duty("g", HOMES).token("a")
    assert len(TOKENS[0]) == TOKEN


@given(st.integers(min_value=0, max_value=9))
def test_only_the_share_of_who_leaves_moves(place: int) -> None:
    whole, gone = Duty("f", HOMES), HOMES[place]
    rest = Duty("f", tuple(home for home in HOMES if home != gone))
    assert rest.root != whole.root
    assert all(rest.locator(one) == whole.locator(one) for one in TOKENS[:500] if whole.locator(one) != gone)


def test_both_ways_of_knowing_members_find_the_same() -> None:
    others = [community(home) for home in HOMES[1:]]
    content = Content(
        members=tuple(
            {
                **{"home_community_id": home, "status": SUSPENDED if home == HOMES[5] else ACTIVE},
                **{"capabilities": [] if home == HOMES[4] else [LOCATOR]},
                "endpoints": dict(others[0].endpoints) if home != HOMES[3] else {"iti-56": "x"},
            }
            for home in HOMES
        )
    )
    left = tuple(home for home in HOMES if home not in HOMES[3:6])
    assert of_directory("f", content) == Duty("f", left)
    others[2:5] = [community(HOMES[3], endpoints={}), community(HOMES[4], capabilities=())]
    others.append(community("urn:oid:2.999.77", federation="f"))
    assert of_peers(HOMES[0], others, accepts=True) == Duty("", left)
    assert of_peers(HOMES[0], others, accepts=False) == Duty("", left[1:])


def test_few_locators_are_none() -> None:
    assert not Duty("f", HOMES[: LEAST - 1]).exists
    assert Duty("f", HOMES[:LEAST]).exists


NORA = Demographics(
    identifiers=(Identifier("A-1", "2.999.1"), Identifier("N-1", "2.999.9")),
    names=(Name(family="Halvorsen", given=("Nora", "Marie")),),
    birth_date=BirthDate(value="19720415"),
    telecoms=(Telecom(value="tel:+47 55 55 10 00"),),
)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="the same"),
        pytest.param({"birth_date": BirthDate(value="19720514")}, id="day and month exchanged"),
        pytest.param({"birth_date": BirthDate(value="19720416")}, id="another day"),
        pytest.param({"names": (Name(family="Halvorson", given=("Nora",)),)}, id="spelt as it sounds"),
        pytest.param({"names": (Name(family="Nora", given=("Halvorsen",)),)}, id="names exchanged"),
        pytest.param({"names": (Name(family="Halvorsen", given=("Nelly",)),)}, id="another form of the given name"),
        pytest.param({"names": (Name(family="Berg-Halvorsen", given=("Nora",)),)}, id="a further family name"),
        pytest.param({"names": (Name(family="Berg", given=("Nora",)),)}, id="another family name"),
        pytest.param({"birth_date": None}, id="no date of birth"),
        pytest.param({"names": (), "telecoms": (), "birth_date": None}, id="an identifier alone"),
    ],
)
def test_whoever_is_described_a_little_otherwise_has_a_word_in_common(changes: dict[str, object]) -> None:
    asked = words_to_ask(NORA, Identifier("A-1", "2.999.1"), shared=False)
    assert len(asked) == 4
    other = replace(NORA, identifiers=(Identifier("B-7", "2.999.2"), Identifier("N-1", "2.999.9")), **changes)
    assert {*asked} & {*words_of(other)}
    if "names" not in changes or changes["names"]:
        without = replace(other, identifiers=other.identifiers[:1])
        assert {*asked} & {*words_of(without)}, "also without the common identifier"


def test_somebody_else_has_none_in_common() -> None:
    asked = words_to_ask(NORA, Identifier("A-1", "2.999.1"), shared=True)
    twin = replace(NORA, identifiers=(), names=(Name(family="Halvorsen", given=("Siri",)),))
    cousin = replace(NORA, identifiers=(), birth_date=BirthDate(value="19710415"), telecoms=())
    assert not {*asked} & ({*words_of(twin)} | {*words_of(cousin)})
    assert "id 2.999.1 A-1" in asked


def test_an_estimated_date_is_no_word() -> None:
    estimated = replace(NORA, birth_date=BirthDate(value="19720101", estimated=True))
    assert {word.split()[0] for word in words_of(estimated)} == {"id", "contact"}
