"""HL7 v3 messages: what is written is valid against the given schemas, and reads back as what was meant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from lxml import etree

from node.hl7v3.answer import ANSWER, Subject, read_answer, write_answer
from node.hl7v3.datatypes import Ii
from node.hl7v3.person import read_patient, write_patient
from node.hl7v3.query import QUERY, DemographicsQuery, query_parameters, read_query, write_query
from node.hl7v3.wrapper import (
    BadMessage,
    Party,
    Wrapper,
    accept_acknowledgement,
    acknowledgement,
    read_wrapper,
)
from registry.patients.demographics import BirthDate, Demographics, Identifier
from tests.node.hl7v3.people import NORA, people
from tests.node.hl7v3.schemas import check
from tests.shared import needs_shared

NOW = datetime(2026, 3, 1, 10, 15, 1, tzinfo=UTC)
ALPHA = Party(device=Ii("2.999.10.9"), organization="2.999.10")
BETA = Party(device=Ii("2.999.20.9"), organization="2.999.20", telecom="https://rg.beta.example/iti-55")
HEAD = Wrapper(interaction=QUERY, id=Ii("2.999.10.1", "q-1"), sender=ALPHA, receiver=BETA)
OWN = Identifier("B-88123", "2.999.20.200")


def asked(person: Demographics = NORA) -> bytes:
    parameters = query_parameters(Ii("2.999.10.2", "qid-77"), person)
    return write_query(HEAD, now=NOW, query=parameters, query_back=Ii("2.999.10.100"))


def query(person: Demographics = NORA) -> DemographicsQuery:
    return read_query(read_wrapper(etree.fromstring(asked(person))))


def answered(code: str, **parts: object) -> bytes:
    return write_answer(query(), id_=Ii("2.999.20.1", "r-1"), now=NOW, sender=BETA, code=code, **parts)


@given(people)
def test_a_patient_reads_back_as_it_was_written(person: Demographics) -> None:
    ids = person.identifiers[:1]
    text = f'<x xmlns="urn:hl7-org:v3">{write_patient(ids, person)}</x>'
    assert read_patient(etree.fromstring(text)[0]) == person


def test_of_a_guessed_birth_date_the_year_is_said() -> None:
    person = Demographics(names=NORA.names, birth_date=BirthDate(value="19720101", estimated=True))
    text = f'<x xmlns="urn:hl7-org:v3">{write_patient([OWN], person)}</x>'
    assert read_patient(etree.fromstring(text)[0]).birth_date == BirthDate(value="1972")


@pytest.mark.parametrize(
    ("element", "date"),
    [
        ('<value value="19720415"/>', BirthDate(value="19720415")),
        ('<value value="19720415083000+0100"/>', BirthDate(value="19720415")),
        ('<value><low value="19720401"/><high value="19720430"/></value>', BirthDate(value="197204")),
        ('<value><low value="19720101"/><high value="19721231"/></value>', BirthDate(value="1972")),
        ('<value><low value="19710101"/><high value="19731231"/></value>', BirthDate(value="1971", estimated=True)),
        ('<value><center value="1972"/></value>', BirthDate(value="1972")),
        ('<value value="soon"/>', None),
    ],
)
def test_every_form_of_a_birth_date(element: str, date: BirthDate | None) -> None:
    message = asked().decode().replace('<value value="19720415"/>', element)
    assert read_query(read_wrapper(etree.fromstring(message))).person.birth_date == date


def test_a_query_says_what_it_was_asked() -> None:
    found = query()
    assert found.person == replace(NORA, multiple_birth=None, birth_order=None, deceased=None)
    assert found.wrapper.sender == ALPHA
    assert found.wrapper.receiver == BETA
    assert found.query_id == Ii("2.999.10.2", "qid-77")
    assert found.query_back == (Ii("2.999.10.100"),)


@needs_shared
@pytest.mark.shared
@given(people)
def test_every_query_is_valid(person: Demographics) -> None:
    check(QUERY, asked(person))


@needs_shared
@pytest.mark.shared
def test_a_deferred_question_is_valid_and_says_where_its_answer_goes() -> None:
    parameters = query_parameters(Ii("2.999.10.2", "qid-77"), NORA, priority="D")
    written = write_query(replace(HEAD, respond_to="https://h.example/iti-55"), now=NOW, query=parameters)
    check(QUERY, written)
    read = read_query(read_wrapper(etree.fromstring(written)))
    assert (read.priority, read.wrapper.respond_to) == ("D", "https://h.example/iti-55")


@needs_shared
@pytest.mark.shared
@given(people)
def test_every_answer_is_valid(person: Demographics) -> None:
    check(ANSWER, answered("OK", subjects=[Subject(id=OWN, person=person, score=96, community="2.999.20")]))


CASES = {
    "1-one-match": ("OK", {"subjects": [Subject(id=OWN, person=NORA, score=96, community="2.999.20", locator=True)]}),
    "2-several-matches": ("OK", {"subjects": [Subject(id=OWN, person=NORA, score=90, community="2.999.20")] * 2}),
    "3-more-attributes": ("OK", {"requested": ["PatientAddressRequested", "PatientTelecomRequested"]}),
    "4-no-match": ("NF", {}),
    "5-failure": ("AE", {"failure": "ResponderBusy", "detail": "too many questions"}),
    "5-bad-query": ("QE", {"failure": "AnswerNotAvailable", "detail": "name and birth time are needed"}),
}


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize("case", CASES)
def test_every_case_of_an_answer_is_valid_and_reads_back(case: str) -> None:
    code, parts = CASES[case]
    found = read_answer(check(ANSWER, answered(code, **parts)))
    assert found.code == code
    assert found.wrapper.acknowledged == ("AE" if code in ("AE", "QE") else "AA")
    assert found.wrapper.target == HEAD.id
    assert found.query_id == Ii("2.999.10.2", "qid-77")
    assert list(found.requested) == parts.get("requested", [])
    assert list(found.failures) == [parts[key] for key in ("failure",) if key in parts]
    expected = [
        replace(one, person=replace(one.person, identifiers=(one.id, *one.person.identifiers)))
        for one in parts.get("subjects", [])
    ]
    assert list(found.subjects) == expected


@needs_shared
@pytest.mark.shared
def test_an_accept_acknowledgement_is_valid() -> None:
    said = acknowledgement("CE", HEAD.id, detail="no such patient", code="SYN113", location="/x")
    root = check(
        "MCCI_IN000002UV01",
        accept_acknowledgement(HEAD, id_=Ii("2.999.20.1", "a-1"), now=NOW, sender=BETA, acknowledged=said),
    )
    assert read_wrapper(root).acknowledged == "CE"


@pytest.mark.parametrize(
    "broken",
    [
        ('<id root="2.999.10.1" extension="q-1"/>', ""),
        ('<queryId root="2.999.10.2" extension="qid-77"/>', ""),
        ("queryByParameter", "somethingElse"),
        ("controlActProcess", "act"),
    ],
    ids=["no-id", "no-query-id", "no-query", "no-act"],
)
def test_a_message_that_cannot_be_answered_is_refused(broken: tuple[str, str]) -> None:
    with pytest.raises(BadMessage):
        read_query(read_wrapper(etree.fromstring(asked().decode().replace(*broken))))


def test_a_message_cannot_grow_a_person_without_bound() -> None:
    many = "".join(f"<name><family>{'x' * 1000}</family></name>" for _ in range(500))
    text = f'<patient xmlns="urn:hl7-org:v3"><patientPerson>{many}</patientPerson></patient>'
    person = read_patient(etree.fromstring(text))
    assert len(person.names) == 20
    assert {len(name.family) for name in person.names} == {250}
