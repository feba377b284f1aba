"""ITI-55: which answer a query gets (federation-wire 2.4), and how often it gets one (threats C14)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lxml import etree

from node.discovery.calls import for_patient
from node.discovery.deciding import Candidate, decide, refusal
from node.discovery.rates import Rates
from node.hl7v3.answer import Subject
from node.hl7v3.correlation import time_to_live, write_time_to_live
from node.hl7v3.datatypes import Ii
from node.hl7v3.query import DemographicsQuery
from registry.ebrim.messages import AdhocQuery
from registry.metadata.objects import Slot
from registry.patients.demographics import Address, BirthDate, Demographics, Identifier, Name, Telecom
from registry.queries.catalogue import FIND_DOCUMENTS, patient_of
from tests.node.hl7v3.people import NORA

KNOWN = Demographics(
    identifiers=(Identifier("N-720415-55", "2.999.1.1"),),
    names=(Name(family="Halvorsen", given=("Nora",)),),
    sex="F",
    birth_date=BirthDate(value="19720415"),
    addresses=(Address(lines=("7 Quay Road",), city="Norwick", postal_code="90210"),),
    telecoms=(Telecom(value="tel:+1-555-0100777"),),
    mothers_maiden_name="Sorensen",
)
BARE = replace(NORA, addresses=(), telecoms=(), mothers_maiden_name="")


def query(person: Demographics = NORA, **parts: object) -> DemographicsQuery:
    return replace(DemographicsQuery.unread(etree.Element("x")), person=person, query_id=Ii("2.999.1"), **parts)


def candidate(number: int, *, sure: bool) -> Candidate:
    return Candidate(subject=Subject(id=Identifier(f"B-{number}", "2.999.20"), person=NORA, score=96), sure=sure)


@pytest.mark.parametrize(
    ("person", "candidates", "code", "found", "asks"),
    [
        (NORA, [candidate(1, sure=True)], "OK", 1, False),
        (NORA, [candidate(1, sure=True), candidate(2, sure=False)], "OK", 1, False),
        (NORA, [candidate(1, sure=True), candidate(2, sure=True)], "OK", 2, False),
        (BARE, [candidate(1, sure=True), candidate(2, sure=True)], "OK", 0, True),
        (BARE, [candidate(1, sure=False)], "OK", 0, True),
        (NORA, [candidate(1, sure=False)], "NF", 0, False),
        (NORA, [], "NF", 0, False),
        (BARE, [], "NF", 0, False),
    ],
    ids=[
        "1-one",
        "1-one-sure",
        "2-several",
        "3-several",
        "3-doubtful",
        "4-doubtful-all-given",
        "4-none",
        "4-none-bare",
    ],
)
def test_every_case(person: Demographics, candidates: list[Candidate], code: str, found: int, *, asks: bool) -> None:
    decided = decide(query(person), candidates)
    assert (decided.code, len(decided.subjects), bool(decided.requested)) == (code, found, asks)


def test_nothing_comes_back_that_was_not_given() -> None:
    (subject,) = decide(query(BARE), [candidate(1, sure=True)]).subjects
    assert subject.person.addresses == ()
    assert subject.person.telecoms == ()
    assert subject.person.mothers_maiden_name == ""
    assert subject.person.birth_place == ""
    assert subject.person.names == NORA.names


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"telecoms": (Telecom(value="tel:+1-555-0100999"),)}, {"telecoms": ()}),
        ({"addresses": (Address(lines=("1 Hill Lane",), city="Norwick", postal_code="90210"),)}, {"addresses": ()}),
        ({"mothers_maiden_name": "Guessed"}, {"mothers_maiden_name": ""}),
        ({"sex": "M"}, {"sex": ""}),
        ({"birth_date": BirthDate(value="19311224")}, {"birth_date": None}),
        ({"birth_date": BirthDate(value="1972")}, {"birth_date": BirthDate(value="1972")}),
        ({"birth_date": BirthDate(value="19720416")}, {"birth_date": BirthDate(value="19720415")}),
        ({"identifiers": (Identifier("N-1", "2.999.1.1"),)}, {"identifiers": ()}),
        ({"names": (Name(family="Halvorsn", given=("Nora",)),)}, {"names": (Name(family="Halvorsen", given=("Nora",)),)}),
        ({}, {}),
    ],
    ids=[
        "telephone", "street", "maiden-name", "sex", "birth-date", "year-alone", "day-mistyped", "identifier",
        "name-mistyped", "all-right",
    ],
)  # fmt: skip
def test_what_was_asked_wrongly_does_not_come_back_right(asked: dict[str, object], shown: dict[str, object]) -> None:
    """Nor do further values of what was right. A slip of name or date does: the asker is to see that it is one."""
    further = replace(
        KNOWN,
        names=(*KNOWN.names, Name(family="Before", given=("Somebody",))),
        addresses=(*KNOWN.addresses, Address(lines=("9 Refuge",), city="Elsewhere", postal_code="10000")),
        telecoms=(*KNOWN.telecoms, Telecom(value="tel:+1-555-0123456")),
        identifiers=(*KNOWN.identifiers, Identifier("X-1", "2.999.1.7")),
    )
    found = Candidate(subject=Subject(id=Identifier("B-1", "2.999.20"), person=further, score=96), sure=True)
    (subject,) = decide(query(replace(KNOWN, **asked)), [found]).subjects
    assert subject.person == replace(KNOWN, **shown)


@pytest.mark.parametrize(
    "bad",
    [
        query(replace(NORA, identifiers=(), birth_date=None)),
        query(replace(NORA, identifiers=(), names=())),
        query(wildcards=True),
        query(priority="D"),
    ],
    ids=["C14-no-birth-date", "C14-no-name", "C14-wildcards", "deferred"],
)
def test_case_5_for_a_query_that_is_not_answered(bad: DemographicsQuery) -> None:
    refused = refusal(bad)
    assert refused is not None
    assert (refused.code, refused.failure) == ("QE", "AnswerNotAvailable")


def test_the_minimum_degree_of_a_match_is_kept() -> None:
    assert decide(query(minimum=97), [candidate(1, sure=True)]).code == "NF"
    assert decide(query(minimum=96), [candidate(1, sure=True)]).code == "OK"


@pytest.mark.parametrize("per_minute", [1, 60], ids=["C14-one", "C14-sixty"])
def test_a_minute_gives_so_many_answers(per_minute: int) -> None:
    rates = Rates()
    assert sum(rates.take("peer", per_minute, 0.0) for _ in range(500)) == per_minute
    assert rates.take("another peer", per_minute, 0.0)
    assert sum(rates.take("peer", per_minute, 60.0) for _ in range(500)) == per_minute


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("P0Y0M7D", 604_800), ("P1M", 2_592_000), ("PT15M", 900), ("P1DT1H", 90_000), ("soon", None), ("-P1D", None)],
)
def test_times_to_live(text: str, seconds: int | None) -> None:
    header = write_time_to_live(7).replace(b"P0Y0M7D", text.encode())
    assert time_to_live(etree.fromstring(b"<a>" + header + b"</a>")) == seconds
    assert time_to_live(etree.fromstring(b"<a/>")) is None


def test_a_query_names_the_patient_as_the_other_side_does() -> None:
    slots = (
        Slot(name="$XDSDocumentEntryPatientId", values=("'A^^^&2.999.1&ISO'",)),
        Slot(name="$unknown", values=("'x'",)),
    )
    asked = AdhocQuery(FIND_DOCUMENTS.id, "LeafClass", None, slots)
    mapped = for_patient(asked, "O'B^^^&2.999.2&ISO")
    assert patient_of(mapped) == "O'B^^^&2.999.2&ISO"
    assert mapped.slots[1] == slots[1]
