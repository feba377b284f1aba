"""The patient of a document against the patient whose pages are open: only what both say, and nothing by chance."""

import pytest

from node.web.drawing.header import Subject
from node.web.sameness import compare, registered
from registry.patients.demographics import BirthDate, Demographics, Name

CX = "4711^^^&1.2.3&ISO"
LI = Demographics(
    names=(Name(family="Li", given=("Wei",)), Name(family="李", given=("伟",))),
    birth_date=BirthDate(value="19610314"),
    sex="M",
)


@pytest.mark.parametrize(
    "name",
    ["Li Wei", "WEI LI", "Dr Wei Li", "Wei Xiao Li", "李伟", "李 伟", "Lǐ Wěi", "LiWei", "Wei Li jr"],
)
def test_the_same_name_in_another_form(name):
    assert compare(Subject(names=(name,)), [LI], CX).same == ("name",)


@pytest.mark.parametrize("name", ["Zhang Wei", "张伟", "Li Na", "Wang Fang"])
def test_another_name_differs(name):
    assert compare(Subject(names=(name,)), [LI], CX).differs == ("name",)


@pytest.mark.parametrize(
    ("born", "differs"),
    [
        ("19610314", False),
        ("196103", False),
        ("1961", False),
        ("19610315", True),
        ("1962", True),
        ("", None),
        ("x", None),
    ],
)
def test_dates_of_birth_as_far_as_both_are_known(born, differs):
    found = compare(Subject(born=born), [LI], CX)
    assert ("date of birth" in found.differs) is bool(differs)
    assert ("date of birth" in found.same) is (differs is False)


@pytest.mark.parametrize("born", ["²²²²²²²²", "١٩٦١٠٣١٤", "①⑨⑥①", "\uff11\uff19\uff16\uff11"])
def test_digits_of_other_scripts_are_no_date(born):
    """Whoever pushes documents writes what they like there; what is no date could not be compared with ours."""
    claimed = registered([f"PID-7|{born}", "PID-5|Li^Wei"])
    assert claimed == registered(["PID-5|Li^Wei"])
    assert compare(claimed, [LI], CX).same == ("name",)


def test_a_number_is_compared_where_one_authority_gave_both():
    assert compare(Subject(numbers=(("4711", "1.2.3"),)), [], CX).same == ("number",)
    assert compare(Subject(numbers=(("4712", "1.2.3"),)), [], CX).differs == ("number",)
    assert compare(Subject(numbers=(("4712", "1.2.4"),)), [], CX) == compare(Subject(), [], CX)


def test_sexes():
    assert compare(Subject(sex="F"), [LI], CX).differs == ("sex",)
    assert compare(Subject(sex="M"), [LI], CX).same == ("sex",)
    assert compare(Subject(sex="O"), [Demographics(sex="UN")], CX).same == ("sex",)


def test_everything_at_once_names_each():
    other = Subject(names=("Zhang Wei",), born="19581102", sex="F", numbers=(("1", "1.2.3"),))
    assert compare(other, [LI], CX).differs == ("name", "date of birth", "sex", "number")


def test_what_is_not_known_is_not_compared():
    assert compare(Subject(names=("Zhang",), born="1958", sex="F"), [Demographics()], CX) == compare(Subject(), [], CX)


def test_a_linked_record_counts_as_well():
    married = Demographics(names=(Name(family="Meier", given=("Anna",)),))
    assert compare(Subject(names=("Anna Meier",)), [LI, married], CX).same == ("name",)


def test_what_the_metadata_say_of_the_patient():
    info = ("PID-3|1^^^&1.2&ISO", "PID-5|Li&van^Wei^Xiao^^Dr", "PID-7|19610314", "PID-8|M", "PID-11|x", "nonsense")
    assert registered(info) == Subject(names=("Li Wei Xiao",), born="19610314", sex="M")
    assert registered(()) == Subject()
