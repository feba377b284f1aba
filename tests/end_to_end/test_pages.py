"""A clinician at the pages of a running federation: sign-in, patient, documents of all institutions, emergencies."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.end_to_end.nodes import Node
from tests.end_to_end.pages import Browser, account
from tests.end_to_end.wire import SUCCESS, Document, find_documents, provide, urn


@pytest.fixture(scope="module")
def clinician(nodes: list[Node]) -> str:
    return account(nodes[0], "a.li", "--full-name", "Dr Ada Li", "--profession", "physician")


@pytest.fixture(scope="module")
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


def test_what_is_kept_beyond_an_emergency_is_never_asked_for_under_it(browser, nodes, patient):
    """The list from before stays when the emergency is over: an institution asked anew from there is asked as before."""
    before = browser.all_answers(browser.open_patient(number(patient)))
    where, run = before.address.partition("?")[0], before.address.partition("run=")[2].partition("&")[0]
    opened = browser.submit(browser.get(where + "/emergency"), "/emergency", reason="life or health at risk now")
    browser.all_answers(opened)
    asked = len(events(nodes[1], patient=patient, transaction="ITI-38"))
    token = dict(opened.form("/leave").form_values())["token"]
    browser.all_answers(browser.post(f"{where}/runs/{run}/ask", token=token, home=nodes[1].home, back=""))
    found = events(nodes[1], patient=patient, transaction="ITI-38")
    assert len(found) == asked + 2  # asked and answered
    assert "BTG" not in json.dumps(found[:2])
    assert "BTG" in json.dumps(found[2])


def test_a_visit_for_another_reason_closes_what_the_emergency_had_opened(browser, patient):
    where = browser.open_patient(number(patient)).address.partition("?")[0]
    opened = browser.submit(browser.get(where + "/emergency"), "/emergency", reason="life or health at risk now")
    browser.open_patient(number(patient))
    again = browser.get(opened.address)
    assert "Emergency access until" not in again.text
    assert again.address != opened.address


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


def give(node: Node, patient: str, *documents: Document, associations: str = "") -> None:
    body, parts = provide(patient, list(documents), associations=associations)
    assert node.client().send("iti-41", body, parts).status == SUCCESS


def replaces(entry_uuid: str) -> str:
    """The first document of a submission replaces this one."""
    return (
        f'<rim:Association id="{urn()}" associationType="urn:ihe:iti:2007:AssociationType:RPLC" '
        f'sourceObject="Document01" targetObject="{entry_uuid}"/>'
    )


def titles(page) -> list[str]:
    return [" ".join(one.text_content().split()) for one in page.tree.xpath("//table[@id='table']/tbody/tr/td[2]/a")]


def test_one_document_of_two_institutions_is_one_line_and_each_source_opens(browser, nodes, patient):
    same = Document(b"the same letter", title="Letter")
    give(nodes[0], patient, same)
    give(nodes[1], patient, Document(b"the same letter", title="Letter", unique_id=same.unique_id))
    page = browser.all_answers(browser.open_patient(number(patient)))
    assert titles(page) == ["Letter"]
    assert "2 sources" in page.text
    assert "1 copy folded." in page.text
    sources = page.tree.xpath("//table[@id='table']//details//li/a/@href")
    assert len(sources) == 2
    for source in sources:
        shown = browser.get(source)
        assert shown.status == 200
        assert "unchanged since it was registered" in shown.text


def test_what_was_replaced_stands_below_what_replaced_it(browser, nodes, patient):
    first = Document(b"first", title="Draft", hash=True)
    give(nodes[1], patient, first)
    uuid = nodes[1].client().send("iti-18", find_documents(patient)).entries()[0].get("id")
    give(nodes[1], patient, Document(b"second", title="Final"), associations=replaces(uuid))
    page = browser.all_answers(browser.open_patient(number(patient)))
    assert titles(page) == ["Final"]
    assert "1 earlier version" in page.text
    assert "Draft" in page.text


def test_new_is_what_was_not_shown_before_whatever_its_date(browser, nodes, patient):
    give(nodes[0], patient, Document(b"one", title="One"))
    page = browser.all_answers(browser.open_patient(number(patient)))
    assert "last visit" not in page.text  # the first visit: nothing to compare with
    browser.submit(page, "/leave")
    give(nodes[1], patient, Document(b"two", title="Two"))
    page = browser.all_answers(browser.open_patient(number(patient)))
    for _ in range(2):  # within the visit that first shows it, it stays new
        page = browser.get(page.address)
        assert "(1)" in page.tree.xpath("string(//h2[@id='new-h'])")
    assert titles(browser.get(page.address + "&new=1")) == ["Two"]
    browser.submit(page, "/leave")
    assert "(0)" in browser.open_patient(number(patient)).tree.xpath("string(//h2[@id='new-h'])")


def test_words_are_found_in_what_was_fetched_and_the_rest_is_fetched_on_demand(browser, nodes, patient):
    give(
        nodes[1],
        patient,
        Document(b"takes metoprolol", title="Letter"),
        Document(b"takes nothing", title="Note", id="D2"),
    )
    page = browser.all_answers(browser.open_patient(number(patient)))
    found = browser.get(page.address + "&q=metoprolol")
    assert titles(found) == []
    assert "in the text of 0 of 2 documents" in found.text
    for _ in range(10):  # on a busy machine reading one may take longer than it may; then it is offered again
        found = browser.submit(found, "/read")
        while "are being fetched" in found.text:
            found = browser.get(found.address)
        if "in the text of 2 of 2 documents" in found.text:
            break
    assert titles(found) == ["Letter"], found.text
    assert "in the text of 2 of 2 documents" in found.text
    fetched = json.loads(nodes[1].run("audit", "search", "--patient", patient, "--json").stdout)
    assert "a.li" in json.dumps(fetched)


def test_one_list_has_one_address_and_what_makes_no_sense_is_left_out(browser, patient):
    page = browser.all_answers(browser.open_patient(number(patient)))
    run = page.address.partition("run=")[2]
    named = browser.get(f"{page.address}&org=A+%26+B+%E6%9D%8E%27%2A")
    assert named.address.endswith("&org=A+%26+B+%E6%9D%8E%27%2A")
    assert "A & B 李'* (0)" in named.text
    again = browser.get(f"{page.address}&sort=newest&page=1&unknown=1&kind=&to=yesterday&org=Nobody")
    assert again.address.endswith(f"?run={run}&org=Nobody")
    assert "Nobody (0)" in again.text
