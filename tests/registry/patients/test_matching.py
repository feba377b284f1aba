"""What agrees in two records, what that weighs, and which pairs are linked, shown to a person, or neither."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.patients.comparison import compare
from registry.patients.demographics import Address, BirthDate, Demographics, Identifier, Name, Telecom
from registry.patients.evidence import WEIGHTS
from registry.patients.matching import Bars, Verdict, match
from registry.patients.profile import keys, profile
from registry.patients.stored import from_text, to_text
from tests.registry.patients.people import population

HOME = {
    "addresses": (Address(lines=("7 Quay Road",), city="Norwick", postal_code="90210"),),
    "telecoms": (Telecom(value="tel:+1-555-0100777"),),
}


def person(family: str, given_names: str, date: str = "19720415", sex: str = "F", **more: Any) -> Demographics:
    return Demographics(
        names=(Name(family=family, given=tuple(given_names.split())),),
        sex=sex,
        birth_date=BirthDate(value=date) if date else None,
        **more,
    )


def verdict(one: Demographics, other: Demographics) -> Verdict:
    return match(profile(one), profile(other), Bars()).verdict


def level(field: str, one: Demographics, other: Demographics) -> str:
    return next((item.level for item in compare(profile(one), profile(other)) if item.field == field), "")


@pytest.mark.parametrize(
    ("one", "other", "family", "given_level"),
    [
        (("Müller", "Jürgen"), ("Mueller", "Juergen"), "same", "same"),
        (("O'Connor", "Sean"), ("OConnor", "Seán"), "same", "same"),
        (("van der Berg", "Anna"), ("Berg", "Anna"), "same", "same"),
        (("García Márquez", "Ana"), ("Garcia", "Ana"), "part", "same"),
        (("Halvorsen", "Nora"), ("Halvorson", "Nora"), "near", "same"),
        (("Schmidt", "Ole"), ("Smith", "Ole"), "near", "same"),
        (("Smith", "William"), ("Smith", "Bill"), "same", "form"),
        (("Smith", "Maria"), ("Smith", "Marie"), "same", "near"),
        (("Smith", "Anna"), ("Smith", "Hanna"), "same", "near"),
        (("Smith", "J"), ("Smith", "John"), "same", "initial"),
        (("Smith", "John Paul"), ("Smith", "John"), "same", "same"),
        (("Smith", "John Paul"), ("Smith", "John Erik"), "same", "further"),
        (("Smith", "Anna-Maria"), ("Smith", "Annamaria"), "same", "same"),
        (("Smith", "John"), ("Brown", "Peter"), "different", "different"),
        (("张", "小明"), ("Zhang", "Xiao Ming"), "same", "same"),
        (("Щербаков", "Юрий"), ("Shcherbakov", "Yuri"), "same", "form"),
        (("حسن", "محمد"), ("Hassan", "Mohammed"), "same", "same"),
        (("Αθανασίου", "Ελένη"), ("Athanasiou", "Eleni"), "near", "same"),
        (("Smith", "Katarzyna"), ("Smith", "Katarzyan"), "same", "near"),
        (("Smith", "Katarzyna"), ("Smith", "Katrzyna"), "same", "slip"),
        (("Smith", "Martina"), ("Smith", "Marina"), "same", "slip"),
        (("Smith", "Jayden"), ("Smith", "Kayden"), "same", "near"),
        (("Smith", "Maria Rosa"), ("Smith", "Marvia Anna"), "same", "near"),
        (("Smith", "J0seph"), ("5mith", "Joseph"), "same", "same"),
        (("Smith", "Baby Girl"), ("Smith", "Twin A"), "same", ""),
        (("Smith", "Baby"), ("Smith", "Emma"), "same", ""),
        (("حسن", "حسين"), ("Hassan", "Hussein"), "same", "same"),
        (("حسن", "حسن"), ("Hassan", "Hussein"), "same", "near"),
        (("حسن", "محمد"), ("Hassan", "Mahmoud"), "same", "near"),
        (("الحداد", "نور"), ("Al-Haddad", "Nur"), "same", "near"),
        (("Иванов", "Александр"), ("Ivanov", "Aleksandra"), "same", "near"),
        (("Κωνσταντίνου", "Κωνσταντίνος"), ("Constantinou", "Constantine"), "near", "near"),
        (("김", "지영"), ("Kim", "Jiyoung"), "near", "near"),
        (("王", "小红"), ("Wang", "Xiaoming"), "same", "near"),
        (("王", "小红"), ("Wang", "Jianguo"), "same", "different"),
    ],
)
def test_names(one: tuple[str, str], other: tuple[str, str], family: str, given_level: str) -> None:
    first, second = person(*one), person(*other)
    assert (level("family name", first, second), level("given name", first, second)) == (family, given_level)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("Halvorsen", "Nora"), ("Nora", "Halvorsen"), "swapped"),
        (("Halvorsen", "Nora Maria"), ("Nora", "Halvorson"), "nearly swapped"),
        (("Иванов", "Дмитрий"), ("Dmitri", "Ivanov"), "nearly swapped"),
        (("Nora Halvorsen", ""), ("Halvorsen", "Nora"), "in one field"),
        (("", "Halvorsen Nora"), ("Halvorsen", "Nora"), "in one field"),
        (("Nguyễn Thị Lan", ""), ("Nguyen", "Thi Lan"), "in one field"),
        (("Nora Halvorson", ""), ("Halvorsen", "Nora Maria"), "nearly in one field"),
        (("田中", "浩"), ("Tanaka", "Hiroshi"), "another script"),
    ],
)
def test_names_that_stand_in_other_fields_are_one_piece_of_evidence(
    one: tuple[str, str], other: tuple[str, str], expected: str
) -> None:
    for first, second in ((one, other), (other, one)):
        found = compare(profile(person(*first)), profile(person(*second)))
        assert [item.level for item in found if "name" in item.field] == [expected]


def test_a_whole_name_that_is_another_says_so() -> None:
    found = compare(profile(person("Peter Brown", "")), profile(person("Halvorsen", "Nora")))
    assert [(item.field, item.level) for item in found if "name" in item.field] == [("family name", "different")]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("7 Quay Road", "7 Quay Rd", "same"),
        ("7 Quay Road", "Quay Road 7 Flat 3", "same"),
        ("7 Quay Road", "7 Quya Road", "same"),
        ("Hauptstraße 7", "Hauptstr. 7", "same"),
        ("7 Quay Road", "7 Mill Road", "place"),
        ("7 Quay Road", "9 Quay Road", "place"),
        ("7 Quay Road", "Quay Road", "place"),
    ],
)
def test_addresses(one: str, other: str, expected: str) -> None:
    def at(line: str) -> Demographics:
        return replace(NORA, addresses=(Address(lines=(line,), city="Norwick", postal_code="90210"),))

    assert level("address", at(one), at(other)) == level("address", at(other), at(one)) == expected


@pytest.mark.parametrize("number", ["0000000", "999 999 9999", "0123456789", "1234567"])
def test_what_is_typed_for_want_of_a_number_is_none(number: str) -> None:
    filled = replace(NORA, telecoms=(Telecom(value=f"tel:{number}"),))
    assert level("telephone or e-mail", filled, filled) == ""


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("19720415", "19720415", "same"),
        ("19720104", "19720401", "exchanged"),
        ("19720415", "19720416", "near"),
        ("19720415", "19730415", "digit of the year"),
        ("19720415", "19790415", "digit of the year"),
        ("19720415", "19920415", "year alone"),
        ("19690415", "19710415", "year alone"),
        ("19720101", "19730101", "year alone"),
        ("19720415", "19730620", "different"),
        ("19720415", "19900415", "generations"),
        ("197204", "19720415", "month"),
        ("1972", "19720415", "year"),
        ("1972", "19730415", "different"),
        ("19720101", "19720101", "first of the year"),
        ("19720101", "19720415", "year"),
        ("~1972", "19730620", "estimated"),
        ("~1972", "19760620", "year alone"),
        ("~1972", "19800620", "different"),
        ("", "19720415", ""),
    ],
)
def test_birth_dates(one: str, other: str, expected: str) -> None:
    def dated(text: str) -> Demographics:
        date = BirthDate(value=text.lstrip("~"), estimated=text.startswith("~")) if text else None
        return replace(person("Halvorsen", "Nora"), birth_date=date)

    assert level("birth date", dated(one), dated(other)) == expected
    assert level("birth date", dated(other), dated(one)) == expected


NORA = person("Halvorsen", "Nora", **HOME)
NATIONAL = (Identifier("N720415", "2.999.77"),)
ELSEWHERE = {"addresses": (Address(lines=("1 Mill Lane",), city="Altdorf"),), "telecoms": ()}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param(NORA, NORA, Verdict.LINK, id="the same"),
        pytest.param(NORA, replace(NORA, names=(Name(family="Halvorson", given=("Nora",)),)), Verdict.LINK, id="a typing error in the family name"),
        pytest.param(NORA, replace(NORA, **ELSEWHERE), Verdict.REVIEW, id="a namesake born on the same day"),
        pytest.param(NORA, person("Halvorsen", "Norah", **HOME), Verdict.REVIEW, id="twins with nearly one name"),
        pytest.param(NORA, person("Halvorsen", "Erik", sex="M", **HOME), Verdict.NONE, id="twins"),
        pytest.param(person("Berg", "Ole", "19500304", "M", **HOME), person("Berg", "Ole", "19800917", "M", **HOME), Verdict.NONE, id="father and son of one name"),
        pytest.param(person("Berg", "Ole", "", "M", **HOME), person("Berg", "Ole", "19800917", "M", **HOME), Verdict.REVIEW, id="father or son, the birth date is missing"),
        pytest.param(person("Berg Jr", "Ole", "19800917", "M", **HOME), person("Berg Sr", "Ole", "19800917", "M", **HOME), Verdict.REVIEW, id="junior and senior"),
        pytest.param(replace(NORA, birth_order=1), replace(NORA, birth_order=2), Verdict.NONE, id="first and second of twins"),
        pytest.param(NORA, replace(NORA, sex="M"), Verdict.REVIEW, id="the sex differs"),
        pytest.param(person("Berg", "Anna Maria", **HOME), person("Berg", "Anna Luise", **HOME), Verdict.REVIEW, id="twins who share their first name"),
        pytest.param(replace(NORA, mothers_maiden_name="Lund"), replace(NORA, mothers_maiden_name="Dahl"), Verdict.REVIEW, id="cousins of one name"),
        pytest.param(replace(NORA, identifiers=NATIONAL), replace(NORA, identifiers=(Identifier("N999999", "2.999.77"),)), Verdict.REVIEW, id="different national identifiers"),
        pytest.param(replace(NORA, identifiers=NATIONAL), replace(NORA, identifiers=NATIONAL, **ELSEWHERE), Verdict.LINK, id="moved, with one national identifier"),
        pytest.param(replace(NORA, identifiers=NATIONAL), replace(person("Berg", "Ole", "19500304", "M"), identifiers=NATIONAL), Verdict.NONE, id="somebody else's card"),
        pytest.param(replace(NORA, mothers_maiden_name="Lund"), replace(NORA, birth_date=None, mothers_maiden_name="Lund"), Verdict.REVIEW, id="mother or daughter, the birth date is missing"),
        pytest.param(replace(NORA, mothers_maiden_name="Lund"), replace(NORA, birth_date=BirthDate(value="1972"), mothers_maiden_name="Lund"), Verdict.LINK, id="the year alone, with household and mother"),
        pytest.param(NORA, replace(NORA, birth_date=BirthDate(value="1972", estimated=True)), Verdict.REVIEW, id="an estimated year"),
        pytest.param(NORA, replace(NORA, names=(Name(family="Berg", given=("Nora",)),)), Verdict.LINK, id="married, at home with the same telephone"),
        pytest.param(NORA, replace(NORA, names=(Name(family="Berg", given=("Nora",)),), telecoms=()), Verdict.REVIEW, id="married, the address alone"),
        pytest.param(NORA, replace(NORA, birth_date=BirthDate(value="19730415")), Verdict.LINK, id="a wrong digit of the year"),
        pytest.param(replace(NORA, identifiers=NATIONAL), replace(person("Berg", "Nora"), identifiers=NATIONAL), Verdict.LINK, id="married and moved, with one identifier"),
        pytest.param(replace(NORA, identifiers=NATIONAL), replace(person("", "Nora"), identifiers=NATIONAL), Verdict.LINK, id="no family name, with one identifier"),
        pytest.param(replace(NORA, identifiers=NATIONAL), replace(person("Halvorsen", "", **HOME), identifiers=NATIONAL), Verdict.REVIEW, id="no given name, and a number that may be the family's"),
        pytest.param(replace(NORA, identifiers=NATIONAL), replace(person("Halvorsen", "Erika", **HOME), identifiers=NATIONAL), Verdict.REVIEW, id="twins with the family's number"),
        pytest.param(replace(NORA, identifiers=NATIONAL), replace(person("Nora", "Halvorson"), identifiers=NATIONAL), Verdict.LINK, id="nearly swapped, with one identifier"),
        pytest.param(NORA, person("Nora", "Halvorson", **HOME), Verdict.REVIEW, id="nearly swapped"),
        pytest.param(person("Halvorsen", "Baby Girl", **HOME), person("Halvorsen", "Baby Girl", **HOME), Verdict.REVIEW, id="newborns, perhaps twins"),
        pytest.param(replace(NORA, names=(Name(family="Nora Halvorsen"),)), NORA, Verdict.LINK, id="the whole name in one field"),
        pytest.param(person("Martens", "Martina", **HOME), person("Martens", "Marina", **HOME), Verdict.REVIEW, id="a slip or a twin: no index to ask"),
        pytest.param(person("田中", "浩", **HOME), person("Tanaka", "Hiroshi", **HOME), Verdict.REVIEW, id="characters and letters"),
        pytest.param(person("田中", "浩", **HOME, identifiers=NATIONAL), person("Tanaka", "Hiroshi", **HOME, identifiers=NATIONAL), Verdict.LINK, id="characters and letters with one identifier"),
        pytest.param(person("田中", "浩", **HOME, identifiers=NATIONAL), person("Tanaka", "Hiroshi", "19720416", **HOME, identifiers=NATIONAL), Verdict.REVIEW, id="characters and letters, another day"),
        pytest.param(Demographics(), Demographics(), Verdict.NONE, id="nothing is known"),
    ],
)  # fmt: skip
def test_verdicts(one: Demographics, other: Demographics, expected: Verdict) -> None:
    assert verdict(one, other) is expected
    assert verdict(other, one) is expected


def test_a_match_explains_itself() -> None:
    found = match(profile(NORA), profile(replace(NORA, **ELSEWHERE)), Bars())
    assert found.weight == sum(item.weight for item in found.evidence)
    assert "nothing but name, birth date and sex speaks for it" in found.against
    assert [(item.field, item.words) for item in found.evidence][2:4] == [
        ("birth date", "the same (19720415 / 19720415)"),
        ("sex", "the same"),
    ]
    assert 0 <= found.score < 100


PEOPLE = [entry.person for entry in population(60, seed=3)]


@given(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE))
def test_comparing_has_no_direction_and_every_level_a_weight(one: Demographics, other: Demographics) -> None:
    ways = [match(profile(a), profile(b), Bars()) for a, b in ((one, other), (other, one))]
    assert ways[0].weight == ways[1].weight
    assert ways[0].verdict is ways[1].verdict
    assert all((item.field, item.level) in WEIGHTS for item in ways[0].evidence)


@given(st.sampled_from(PEOPLE))
def test_what_is_stored_is_read_again(one: Demographics) -> None:
    assert from_text(to_text(one)) == one


TEXT = st.text(max_size=8)
ANYBODY = st.builds(
    Demographics,
    identifiers=st.lists(st.builds(Identifier, TEXT, TEXT), max_size=2).map(tuple),
    names=st.lists(st.builds(Name, family=TEXT, given=st.lists(TEXT, max_size=2).map(tuple), suffix=TEXT), max_size=3).map(tuple),
    sex=TEXT,
    birth_date=st.none() | st.builds(BirthDate, value=st.from_regex(r"[12]\d{3}(\d\d(\d\d)?)?", fullmatch=True), estimated=st.booleans()),
    addresses=st.lists(st.builds(Address, lines=st.tuples(TEXT), city=TEXT, postal_code=TEXT), max_size=2).map(tuple),
    telecoms=st.lists(st.builds(Telecom, value=TEXT), max_size=2).map(tuple),
    mothers_maiden_name=TEXT,
    birth_address=st.none() | st.builds(Address, city=TEXT),
    multiple_birth=st.none() | st.booleans(),
)  # fmt: skip


@given(ANYBODY, ANYBODY)
def test_nothing_that_can_be_written_stops_the_matching(one: Demographics, other: Demographics) -> None:
    assert from_text(to_text(one)) == one
    assert len(keys(profile(one))) <= 40
    assert match(profile(one), profile(other), Bars()).weight == match(profile(other), profile(one), Bars()).weight
