"""Consent between real nodes: recorded with the command line, enforced where the document is held, for the person."""

from __future__ import annotations

import json

import pytest

from tests.end_to_end.nodes import Node

DOCTOR = ("--user", "Dr. Lee", "--role", "physician")


def share(node: Node, patient: str, text: str) -> str:
    path = node.folder / "note.txt"
    path.write_text(text)
    return json.loads(node.run("submit", "--patient", patient, "--json", str(path)).stdout)["documents"][0]["unique_id"]


def found(node: Node, patient: str, *person: str) -> set[str]:
    shown = json.loads(node.run("find", "--patient", patient, "--json", *person).stdout)
    return {one["unique_id"] for one in shown["documents"]}


def explained(node: Node, patient: str, *arguments: str) -> dict[str, bool]:
    shown = json.loads(node.run("policy", "explain", "--patient", patient, "--json", *arguments).stdout)
    return {one["document"]: one["seen"] for one in shown["documents"]}


def test_a_denial_acts_at_once_and_a_dry_run_says_so(nodes: list[Node], patient: str) -> None:
    here, there = nodes[0], nodes[1]
    document = share(here, patient, f"note of {patient}")
    assert found(there, patient) == {document}
    here.run("consent", "add", "--patient", patient, "--deny", "--community", there.name)
    assert found(there, patient) == set()
    assert found(nodes[2], patient) == found(here, patient) == {document}
    assert explained(here, patient, "--community", there.name) == {document: False}
    told = here.run("policy", "explain", "--patient", patient, "--community", there.name).stdout
    assert f"{document}  not seen\n    3 denied by the patient  [" in told
    assert "can change it: the patient, at this institution" in told
    assert "#1 deny; communities: " in here.run("consent", "list", "--patient", patient).stdout
    here.run("consent", "withdraw", "--patient", patient)
    history = here.run("consent", "show", "--patient", patient).stdout
    assert "version 1  active" in history
    assert "version 2  withdrawn" in history
    assert found(there, patient) == {document}


@pytest.mark.parametrize("row", [pytest.param(None, id="C18")])
def test_c18_the_person_reaches_the_holder_and_is_judged_there(row: None, nodes: list[Node], patient: str) -> None:
    here, there = nodes[0], nodes[1]
    document = share(here, patient, f"note of {patient}")
    here.run("consent", "add", "--patient", patient, "--deny", "--role", "nurse")
    as_nurse = ("--user", "N. Berg", "--role", "nurse", "--purpose", "treatment")
    assert found(there, patient, *as_nurse) == set()
    assert found(there, patient, *DOCTOR, "--purpose", "treatment") == {document}
    assert found(there, patient) == set(), "whoever does not say who asks may be the nurse"
    assert explained(here, patient, "--community", there.name, *as_nurse) == {document: False}


@pytest.mark.parametrize("row", [pytest.param(None, id="C6")])
def test_c6_an_emergency_in_another_institution(row: None, nodes: list[Node], patient: str) -> None:
    here, there = nodes[0], nodes[1]
    document = share(here, patient, f"note of {patient}")
    here.run("consent", "add", "--patient", patient, "--deny")
    assert found(there, patient, *DOCTOR, "--purpose", "emergency") == set(), "without a reason"
    assert found(there, patient, *DOCTOR, "--purpose", "emergency", "--reason", "unconscious") == {document}
    cases = json.loads(here.run("policy", "review", "list", "--json").stdout)["cases"]
    (case,) = [one for one in cases if one["patient"] == patient]
    assert (case["reason"], case["role"], case["home"]) == ("unconscious", "physician", there.home)
    assert "Dr. Lee" in case["user"]
    assert "reason: unconscious" in here.run("policy", "review", "list").stdout
    closed = here.run(
        "policy", "review", "close", str(case["id"]), "--outcome", "justified", "--remark", "confirmed"
    ).stdout
    assert "justified: confirmed" in closed
    folder = there.folder / f"fetched-{case['id']}"
    fetched = there.run(
        "fetch", "--patient", patient, "--output", str(folder), *DOCTOR, "--purpose", "treatment", check=False
    )
    assert fetched.returncode != 0 or not any(folder.iterdir()), "the emergency is over"
