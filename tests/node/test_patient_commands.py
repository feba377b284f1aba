"""`xdsnode patient` for who is the same person: what it does, says, puts on record, and refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from node.administration.orders import Order
from node.configuration.config import Config
from node.operations import execute
from node.services import open_services
from registry.metadata.submission import Submission
from tests.commands import command
from tests.registry.registry_bench import entry, submission, submission_set
from trust.audit.event import Action

LAB = "2.999.8"
NORA = [
    "--family",
    "Halvorsen",
    "--given",
    "Nora",
    "--birth-date",
    "1972-04-15",
    "--sex",
    "F",
    "--street",
    "7 Quay Road",
]
NORA += ["--city", "Norwick", "--phone", "555-0100777"]


@pytest.fixture
def folder(made_node: Callable[..., Config]) -> Path:
    config = made_node()
    toml = config.root / "node.toml"
    toml.write_text(toml.read_text().replace("# authorities = []", f'authorities = ["{LAB}"]'))
    return config.root


def said(folder: Path, *arguments: str, status: int = 0) -> str:
    done = command("patient", *arguments, "--dir", str(folder))
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def data(folder: Path, *arguments: str, status: int = 0):
    done = command("patient", *arguments, "--json", "--dir", str(folder))
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout)


async def on_record(folder: Path) -> list[tuple[str, str, str]]:
    """(command, action, patient) of every record about a patient."""
    from node.configuration.config import load

    async with open_services(load(folder)) as services:
        rows = services.reader.execute("SELECT body FROM audit_record WHERE kind = 5 ORDER BY seq").fetchall()
    events = [json.loads(row[0])["event"] for row in rows]
    return [
        (event["type"][0], event["action"], event["objects"][0]["id"].partition("^")[0] if event["objects"] else "")
        for event in events
        if event["type"][1] == "xdsnode commands"
    ]


async def registered(folder: Path, made: Submission) -> None:
    """Register something, as if an application had."""
    from node.configuration.config import load

    async with open_services(load(folder)) as services:

        def work(connection):
            registry = services.actors.registry_on(connection)
            registry.register(made, (), transaction="ITI-42", now="20260301120000", new_uuid=services.new_uuid)
            order = Order(services=services, command="test", arguments={}, operator="test")
            return None, [order.patient_record(Action.CREATE, "registered", made.submission_set.patient_id)]

        await services.sequencer.transact(work)


def lab(number: str) -> str:
    return f"{number}^^^&{LAB}&ISO"


def test_a_patient_is_described_found_linked_and_explained(folder: Path) -> None:
    assert data(folder, "add", "1", *NORA)["new"]
    added = data(folder, "add", lab("L1"), *NORA)
    assert (added["new"], [one.partition("^")[0] for one in added["linked"]]) == (True, ["1"])
    assert data(folder, "add", "1", *NORA)["new"] is False
    shown = data(folder, "show", "1")
    assert shown["person"]["names"] == [{"family": "Halvorsen", "given": ["Nora"]}]
    assert shown["linked"] == [lab("L1")]
    assert [one["patient"] for one in data(folder, "search", "--family", "halv*")["patients"]] == [
        shown["patient"],
        lab("L1"),
    ]
    assert data(folder, "search", "--family", "Halvorsen", "--birth-date", "1950-01-02")["patients"] == []
    assert len(data(folder, "search", "--family", "Halvorson", "--birth-date", "1972-04-15")["patients"]) == 2
    (match,) = data(folder, "match", "1")["matches"]
    assert match["verdict"] == "link"
    assert match["weight"] == sum(one["weight"] for one in match["evidence"])
    text = said(folder, "match", "1", lab("L1"), "--explain")
    assert "one person" in text
    assert "family name: the same (Nora Halvorsen / Nora Halvorsen)" in text


def test_a_decision_counts_more_than_the_matching_and_is_made_once(folder: Path) -> None:
    data(folder, "add", "1", *NORA)
    data(folder, "add", lab("L1"), *NORA)
    assert data(folder, "unlink", "1", lab("L1"))["new"]
    assert data(folder, "unlink", "1", lab("L1"))["new"] is False
    assert data(folder, "show", "1")["linked"] == []
    assert data(folder, "link", "1", lab("L1"))["new"]
    assert data(folder, "show", "1")["linked"] == [lab("L1")]


def test_doubtful_pairs_wait_until_somebody_decides(folder: Path) -> None:
    for number in ("1", "2", "3"):
        data(folder, "add", number, *NORA)
    checked = command("check", "--json", "--dir", str(folder)).stdout
    assert [one["next_step"] for one in json.loads(checked)["findings"] if one["subject"] == "patients"] == [
        "xdsnode patient review list"
    ]
    waiting = data(folder, "review", "list")["pairs"]
    assert len(waiting) == 3
    looks = [one for one in asyncio.run(on_record(folder)) if one[0] == "patient review list"]
    assert sorted(looks) == [("patient review list", "R", number) for number in ("1", "2", "3")]
    assert "one authority gave them different identifiers" in waiting[0]["against"]
    assert "are two persons" in said(folder, "review", "reject", "1", "2")
    assert "are one person" in said(folder, "review", "accept", "1", "3")
    text = said(folder, "review", "list")
    assert "1 pairs" in text
    assert "not linked by itself: one authority gave them different identifiers" in text


def test_known_to_nobody(folder: Path) -> None:
    assert "patient.unknown" in said(folder, "match", "404", status=1)
    assert "patient.unknown" in said(folder, "link", "404", "405", status=1)
    assert "not a date" in said(folder, "add", "1", "--birth-date", "15.4.1972", status=2)
    assert "nothing to search for" in said(folder, "search", status=2)
    assert "patient.other-authority" in said(folder, "add", "1^^^&2.999.404&ISO", status=1)
    assert "0 found" in said(folder, "search", "--family", "Nobody")


async def test_every_look_and_every_decision_is_on_record(folder: Path) -> None:
    from node.configuration.config import load

    async with open_services(load(folder)) as services:

        async def run(name: str, **arguments: str) -> None:
            await execute(services, f"patient {name}", arguments, "tester")

        person = {"family": "Halvorsen", "given": "Nora", "birth_date": "1972-04-15", "phone": "555-0100777"}
        await run("add", patient="1", **person)
        await run("add", patient=lab("L1"), **person)
        await run("search", family="Halvorsen")
        await run("match", patient="1")
        await run("unlink", one="1", other=lab("L1"))
        await run("review list")
    assert await on_record(folder) == [
        ("patient add", "C", "1"),
        ("patient add", "C", "L1"),
        ("patient add", "U", "1"),
        ("patient search", "R", "1"),
        ("patient search", "R", "L1"),
        ("patient match", "R", "1"),
        ("patient match", "R", "L1"),
        ("patient unlink", "U", "1"),
        ("patient unlink", "U", "L1"),
        ("patient review list", "R", ""),
    ]


def test_documents_of_a_local_id_are_moved_and_moved_back(folder: Path) -> None:
    for patient in ("1", "2"):
        said(folder, "add", patient)
    owner = data(folder, "show", "1")["patient"]
    asyncio.run(registered(folder, submission(entry(patient=owner), set_=submission_set(patient=owner))))
    local = "L-77^^^&2.999.5.1&ISO"
    assert "nothing was moved" in said(folder, "move", "L-0^^^&2.999.5.1&ISO", "--from", "1", "--to", "2")
    moved = data(folder, "move", local, "--from", "1", "--to", "2")
    assert (moved["documents"], moved["previous"], moved["lost"]) == (["2.999.4.1.1"], owner, [])
    assert "1 documents and 0 folders are of 1^^^" in said(folder, "unmove", moved["submission_set"])
    assert "patient.not-moved" in said(folder, "unmove", "2.999.404", status=1)
    assert "is not known" in said(folder, "move", local, "--from", "1", "--to", "404", status=1)
    moves = [one for one in asyncio.run(on_record(folder)) if one[0] in ("patient move", "patient unmove")]
    assert moves == [("patient move", "U", "2"), ("patient move", "U", "1")] * 2 + [
        ("patient unmove", "U", "1"),
        ("patient unmove", "U", "2"),
    ]
