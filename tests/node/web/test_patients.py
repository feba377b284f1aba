"""Whom the pages name."""

from node.web.patients import described
from registry.patients.demographics import BirthDate, Demographics, Name

CX = "4711^^^&2.999.1&ISO"


def test_what_a_record_does_not_say_comes_from_the_records_linked_to_it():
    bare = Demographics(sex="F")
    linked = Demographics(
        names=(Name(family="Li", given=("Wei",)), Name(family="李", given=("伟",))),
        birth_date=BirthDate(value="19610314"),
        sex="M",
    )
    person = described(CX, [bare, linked], "en")
    assert (person.cx, person.name, person.born, person.sex) == (CX, "Li, Wei (李伟)", "14 Mar 1961", "Female")


def test_what_nobody_says_is_not_known():
    person = described(CX, [Demographics()], "en")
    assert (person.name, person.born, person.sex) == ("", "", "")
