"""Institutions whose identifiers differ: a patient of one is found in the others by demographics (ITI-55, ITI-18)."""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.nodes import Node, federation
from tests.end_to_end.test_federation import put
from tests.end_to_end.wire import SUCCESS, Document, find_documents, retrieve

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    """Three connected nodes, each with an assigning authority of its own."""
    started = federation(Path(tmp_path_factory.mktemp("apart")), apart=True)
    try:
        yield started
    finally:
        for node in started:
            node.stop()


def person(number: int, **changes: str) -> list[str]:
    """One person, as `patient add` is told; every number is somebody else."""
    said = {
        "family": ["Halvorsen", "Okonkwo", "Brandstätter", "Delacroix", "Yamamoto", "Petrov"][number % 6]
        + "bcdfg"[number % 5] * 2,
        "given": ["Nora", "Chidi", "Leopold", "Amélie", "Haruka", "Sergej"][number % 6],
        "birth-date": f"19{40 + number % 50}-0{1 + number % 9}-1{number % 9}",
        "sex": "F",
        "street": f"{number} Quay Road",
        "city": "Norwick",
        "phone": f"+47 55 55 {1000 + number}",
        **changes,
    }
    return [word for name, value in said.items() for word in (f"--{name}", value)]


def cx(node: Node, identifier: str) -> str:
    return f"{identifier}^^^&{node.authority}&ISO"


def asked(node: Node) -> list[str]:
    """Transactions of the requests that a node has sent, in their order."""
    connection = sqlite3.connect(f"file:{node.folder / 'data' / 'node.db'}?mode=ro", uri=True)
    with contextlib.closing(connection):
        rows = [json.loads(body) for (body,) in connection.execute("SELECT body FROM audit_record ORDER BY rowid")]
    return [row["event"]["note"]["transaction"] for row in rows if row["kind"] == 1]


def known_at(nodes: list[Node], number: int) -> list[str]:
    """One person made known at each of these nodes, each time under another identifier, with one document each."""
    identifiers = [cx(node, f"{'ABC'[place]}-{number}") for place, node in enumerate(nodes)]
    for node, identifier in zip(nodes, identifiers, strict=True):
        node.run("patient", "add", identifier, *person(number))
    return identifiers


def test_documents_are_found_under_the_identifier_of_each_institution(apart: list[Node]) -> None:
    identifiers = known_at(apart, next(_numbers))
    documents = [Document(f"of {identifier}".encode()) for identifier in identifiers]
    for node, identifier, document in zip(apart, identifiers, documents, strict=True):
        put(node, identifier, document)
    before = len(asked(apart[0]))
    answer = apart[0].client().send("iti-18", find_documents(identifiers[0]))
    assert answer.status == SUCCESS, answer.errors
    assert sorted(answer.unique_ids()) == sorted(one.unique_id for one in documents)
    assert asked(apart[0])[before:].count("ITI-55") == 2
    place = answer.unique_ids().index(documents[1].unique_id)
    home = answer.entries()[place].get("home")
    fetched = apart[0].client().send("iti-43", retrieve((home, apart[1].repository, documents[1].unique_id)))
    assert fetched.documents()[documents[1].unique_id][1] == documents[1].content
    before = len(asked(apart[0]))
    again = apart[0].client().send("iti-18", find_documents(identifiers[0]))
    assert sorted(again.unique_ids()) == sorted(answer.unique_ids())
    assert asked(apart[0])[before:] == ["ITI-38", "ITI-38"]


def test_who_does_not_know_the_patient_is_not_asked_for_documents(apart: list[Node]) -> None:
    number = next(_numbers)
    identifiers = known_at(apart[:2], number)
    before = len(asked(apart[0]))
    for _ in range(2):
        answer = apart[0].client().send("iti-18", find_documents(identifiers[0]))
        assert answer.status == SUCCESS, answer.errors
    assert sorted(asked(apart[0])[before:]) == ["ITI-38", "ITI-38", "ITI-55", "ITI-55"]


def test_somebody_with_the_same_name_is_somebody_else(apart: list[Node]) -> None:
    number = next(_numbers)
    apart[0].run("patient", "add", cx(apart[0], f"A-{number}"), *person(number))
    apart[1].run("patient", "add", cx(apart[1], f"B-{number}"), *person(number, **{"birth-date": "2001-12-24"}))
    put(apart[1], cx(apart[1], f"B-{number}"), Document(b"of another person"))
    answer = apart[0].client().send("iti-18", find_documents(cx(apart[0], f"A-{number}")))
    assert answer.status == SUCCESS
    assert answer.unique_ids() == []


def test_a_change_of_the_demographics_is_asked_anew(apart: list[Node]) -> None:
    number = next(_numbers)
    identifiers = known_at(apart[:2], number)
    apart[0].client().send("iti-18", find_documents(identifiers[0]))
    apart[0].run("patient", "add", identifiers[0], *person(number, mother="Ngata"))
    before = len(asked(apart[0]))
    apart[0].client().send("iti-18", find_documents(identifiers[0]))
    assert asked(apart[0])[before:].count("ITI-55") == 2


def test_a_patient_whose_policy_denies_is_not_known(apart: list[Node]) -> None:
    number = next(_numbers)
    identifiers = known_at(apart[:2], number)
    put(apart[1], identifiers[1], Document(b"kept from others"))
    apart[1].run("consent", "add", "--patient", identifiers[1], "--deny", "--community", apart[0].home)
    before = len(asked(apart[0]))
    answer = apart[0].client().send("iti-18", find_documents(identifiers[0]))
    assert answer.status == SUCCESS
    assert answer.unique_ids() == []
    assert "ITI-38" not in asked(apart[0])[before:]


def test_who_knows_a_patient_can_be_looked_up_and_forgotten(apart: list[Node]) -> None:
    identifiers = known_at(apart[:2], next(_numbers))
    apart[0].client().send("iti-18", find_documents(identifiers[0]))
    found = json.loads(apart[0].run("patient", "locate", identifiers[0], "--json").stdout)["locations"]
    known = {one["home_community_id"]: one["patient"] for one in found}
    assert known == {apart[1].home: identifiers[1], apart[2].home: ""}
    assert json.loads(apart[0].run("patient", "locate", identifiers[0], "--refresh", "--json").stdout)["forgotten"] == 2
    before = len(asked(apart[0]))
    apart[0].client().send("iti-18", find_documents(identifiers[0]))
    assert asked(apart[0])[before:].count("ITI-55") == 2


def test_one_authority_may_have_given_a_person_two_identifiers(nodes: list[Node]) -> None:
    number = next(_numbers)
    here, there = (f"{letter}-TWICE-{number}^^^&{nodes[0].authority}&ISO" for letter in "AB")
    nodes[0].run("patient", "add", here, *person(number))
    nodes[1].run("patient", "add", there, *person(number))
    document = Document(b"under the other identifier")
    put(nodes[1], there, document)
    answer = nodes[0].client().send("iti-18", find_documents(here))
    assert answer.status == SUCCESS, answer.errors
    assert answer.unique_ids() == [document.unique_id]
