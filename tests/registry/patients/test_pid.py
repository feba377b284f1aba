"""PID segments of HL7 v2.3.1 and v2.5 as demographics, and what they leave as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.patients.demographics import Address, BirthDate, Demographics, Identifier, Name, Telecom
from registry.patients.pid import read_pid
from registry.patients.stored import from_text, to_text

OWN = "1^^^&2.999.1&ISO"


def pid(**fields: str) -> str:
    values = [""] * 31
    for name, text in fields.items():
        values[int(name.removeprefix("f"))] = text
    return "PID|" + "|".join(values[1:])


@pytest.mark.parametrize(
    ("fields", "attribute", "expected"),
    [
        ({"f3": f"{OWN}~N1^^^NAT&2.999.7&ISO"}, "identifiers", (Identifier("N1", "2.999.7"),)),
        ({"f3": f"{OWN}~X^^^LOCAL~Y^^^&2.999.7&DNS"}, "identifiers", ()),
        ({"f5": "Halvorsen^Nora"}, "names", (Name(family="Halvorsen", given=("Nora",)),)),
        ({"f5": "van der Berg&van der&Berg^Anna^Maria Luise^Jr^Dr^^L^A"}, "names", (Name(family="van der Berg", given=("Anna", "Maria", "Luise"), suffix="Jr", prefix="Dr", use="L", script="ABC"),)),
        ({"f5": "张^伟^^^^^L^I~Zhang^Wei^^^^^L^A"}, "names", (Name(family="张", given=("伟",), use="L", script="IDE"), Name(family="Zhang", given=("Wei",), use="L", script="ABC"))),
        ({"f5": "Halvorsen^Nora", "f9": "Berg^Nora"}, "names", (Name(family="Halvorsen", given=("Nora",)), Name(family="Berg", given=("Nora",)))),
        ({"f5": "O\\T\\C^Pat\\S\\"}, "names", (Name(family="O&C", given=("Pat^",)),)),
        ({"f5": '""'}, "names", ()),
        ({"f6": "Lund^Ida"}, "mothers_maiden_name", "Lund"),
        ({"f7": "19720415"}, "birth_date", BirthDate(value="19720415")),
        ({"f7": "197204151030+0100"}, "birth_date", BirthDate(value="19720415")),
        ({"f7": "197204"}, "birth_date", BirthDate(value="197204")),
        ({"f7": "1972"}, "birth_date", BirthDate(value="1972")),
        ({"f7": "19721399"}, "birth_date", BirthDate(value="1972")),
        ({"f7": "unknown"}, "birth_date", None),
        ({"f7": "١٩٧٢٠٤١٥"}, "birth_date", None),
        ({"f8": "F"}, "sex", "F"),
        ({"f8": "O"}, "sex", "UN"),
        ({"f8": "U"}, "sex", ""),
        ({"f11": "7 Quay Road^Flat 2^Norwick^NX^90210^NO^H"}, "addresses", (Address(lines=("7 Quay Road", "Flat 2"), city="Norwick", state="NX", postal_code="90210", country="NO", use="H"),)),
        ({"f11": "1 Mill Lane&Mill Lane&1^^Altdorf^^^^BA"}, "addresses", (Address(lines=("1 Mill Lane",), city="Altdorf", use="BAD", earlier=True),)),
        ({"f11": "^^Pskov^^^^BDL"}, "birth_address", Address(city="Pskov")),
        ({"f11": "^^Pskov^^^^BDL"}, "addresses", ()),
        ({"f13": "555-0100777"}, "telecoms", (Telecom(value="tel:555-0100777", use="HP"),)),
        ({"f13": "^PRN^CP^^47^555^0100777~^NET^Internet^nora@alpha.example"}, "telecoms", (Telecom(value="tel:475550100777", use="MC"), Telecom(value="mailto:nora@alpha.example", use="HP"))),
        ({"f14": "^WPN^PH^^^^^^^^^+47 555 0100"}, "telecoms", (Telecom(value="tel:+47 555 0100", use="WP"),)),
        ({"f23": "Norwick"}, "birth_place", "Norwick"),
        ({"f24": "Y"}, "multiple_birth", True),
        ({"f25": "2"}, "birth_order", 2),
        ({"f29": "202601021030"}, "deceased_time", "202601021030"),
        ({"f30": "N"}, "deceased", False),
    ],
)  # fmt: skip
def test_fields(fields: dict[str, str], attribute: str, expected: object) -> None:
    said = read_pid(pid(**fields), OWN)
    assert attribute in said.attributes
    assert getattr(said.person, attribute) == expected


def test_what_is_not_said_stays_as_it_was() -> None:
    known = Demographics(names=(Name(family="Halvorsen"),), sex="F", birth_place="Norwick")
    after = read_pid(pid(f5="Berg^Nora", f8='""'), OWN).about(known)
    assert after == Demographics(names=(Name(family="Berg", given=("Nora",)),), birth_place="Norwick")


def test_text_in_a_guessed_character_set_is_not_said() -> None:
    said = read_pid(pid(f5="M\xfcller^J\xfcrgen", f7="1970"), OWN, ascii_only=True)
    assert said.attributes == {"birth_date"}


@given(st.text(max_size=300))
def test_no_segment_stops_the_reading(text: str) -> None:
    person = read_pid("PID|" + text, OWN).person
    assert from_text(to_text(person)) == person
