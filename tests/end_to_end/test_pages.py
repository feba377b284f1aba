"""A clinician at the pages of a running federation: sign-in, patient, documents of all institutions, emergencies."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.end_to_end.nodes import Node
from tests.end_to_end.pages import Browser, account


@pytest.fixture(scope="module")
def clinician(nodes: list[Node]) -> str:
    return account(nodes[0], "a.li", "--full-name", "Dr Ada Li", "--profession", "physician")


@pytest.fixture
def browser(nodes: list[Node], clinician: str) -> Iterator[Browser]:
    one = Browser(nodes[0])
    assert one.sign_in(clinician).address == "/patients"
    yield one
    one.submit(one.get("/patients"), "/sign-out")


def number(patient: str) -> str:
    return patient.partition("^")[0]


def events(node: Node, **wanted: str) -> list[dict]:
    query = [part for name, value in wanted.items() for part in (f"--{name}", value)]
    return json.loads(node.run("audit", "search", *query, "--json").stdout)["entries"]


def test_every_institution_is_asked_as_the_person_although_applications_name_none(browser, nodes, patient):
    """`[xua] applications` is "off" here: what applications may leave out, pages never do."""
    page = browser.all_answers(browser.open_patient(number(patient)))
    assert "3 of 3 institutions answered." in page.text
    for node in nodes:
        found = node.run("audit", "search", "--patient", patient, "--json").stdout
        assert f"a.li@{nodes[0].home}" in found, found
        assert "112247003" in found


def test_an_emergency_is_asked_for_shown_and_ended(browser, nodes, patient):
    page = browser.open_patient(number(patient))
    where = page.address.partition("?")[0]
    opened = browser.submit(browser.get(where + "/emergency"), "/emergency", reason="life or health at risk now")
    assert "Emergency access until" in opened.text
    browser.all_answers(opened)
    for node in nodes:  # it reaches every institution as a purpose of use with its reason
        assert "BTG" in node.run("audit", "search", "--patient", patient, "--json").stdout
    ended = browser.submit(opened, "/emergency/end")
    assert "Emergency access until" not in ended.text
    assert ended.address != opened.address
    # What the emergency had brought is gone: its address asks anew, as before.
    again = browser.get(opened.address)
    assert again.address not in (opened.address, ended.address)
    assert "Emergency access until" not in again.text


def test_somebody_in_another_profession_breaks_no_glass(nodes, patient):
    one = Browser(nodes[0])
    one.sign_in(account(nodes[0], "p.roth", "--profession", "pharmacist"))
    where = one.open_patient(number(patient)).address.partition("?")[0]
    refused = one.get(where + "/emergency")
    assert refused.status == 403
    assert "CNS-02" in refused.text
    assert "46255001" in nodes[1].run("audit", "search", "--patient", patient, "--json").stdout


def test_a_patient_known_by_number_only_has_no_name_and_that_is_said(browser, patient):
    page = browser.open_patient(number(patient))
    assert "Name not known" in page.text
    assert number(patient) in page.text
