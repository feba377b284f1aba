"""Taking back what one has just published by hand: only its author, within the hour, for nobody to read any more."""

from __future__ import annotations

import json

import pytest

from tests.end_to_end.nodes import Node
from tests.end_to_end.pages import Browser, Page, account
from tests.end_to_end.wire import find_documents, retrieve

pytestmark = pytest.mark.long

DISCHARGE = "18842-5^2.16.840.1.113883.6.1"
LINK = "//table[@id='table']//a[contains(@href, '/take-back')]/@href"


@pytest.fixture(scope="module")
def author(nodes: list[Node]) -> Browser:
    one = Browser(nodes[0])
    one.sign_in(account(nodes[0], "t.back", "--full-name", "Dr Tina Back", "--profession", "physician"))
    return one


@pytest.fixture(scope="module")
def colleague(nodes: list[Node]) -> Browser:
    one = Browser(nodes[0])
    one.sign_in(account(nodes[0], "o.ther", "--full-name", "Dr Olaf Ther", "--profession", "physician"))
    return one


def published(author: Browser, patient: str, content: bytes = b"of somebody else", **fields: str) -> Page:
    """The list after something was published for the patient."""
    page = author.open_patient(patient.partition("^")[0])
    step = author.get(page.address.partition("?")[0] + "/publish")
    check = author.upload(step, "/publish", "wrong.txt", content)
    look = author.submit(check, check.address, **{"kind": DISCHARGE, "start": "2026-11-18", "title": "Wrong"} | fields)
    done = author.submit(look, "/confirm")
    assert "take it back within an hour" in done.text
    return author.all_answers(author.submit(done, "/ask"))


def entries(node: Node, patient: str) -> list[str]:
    answer = node.client().send("iti-18", find_documents(patient))
    return [one.get("id") for one in answer.entries()]


def unique_id(node: Node, patient: str) -> str:
    (entry,) = node.client().send("iti-18", find_documents(patient)).entries()
    (found,) = entry.xpath(".//*[@identificationScheme='urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab']/@value")
    return str(found)


def test_its_author_takes_it_back_and_learns_who_has_read_it(author, colleague, nodes, patient):
    shown = published(author, patient)
    (link,) = shown.tree.xpath(LINK)
    name = unique_id(nodes[0], patient)
    # A colleague opens it here, another institution twice; its author looks at it too.
    theirs = colleague.all_answers(colleague.open_patient(patient.partition("^")[0]))
    assert not theirs.tree.xpath(LINK)
    (document,) = theirs.tree.xpath("//table[@id='table']//td[2]/a/@href")
    assert "Take back" not in colleague.get(document).text
    assert "of somebody else" in colleague.get(document + "/body").text
    for _ in range(2):
        got = nodes[1].client().send("iti-43", retrieve((nodes[0].home, nodes[0].repository, name)))
        assert len(got.documents()) == 1
    assert author.get(link.removesuffix("/take-back")).links("/take-back") == [link]
    form = author.get(link)
    assert "Opened by others 3 times" in form.text
    (listed,) = form.tree.xpath("//section[h2[@id='readers']]/ul")
    said = [" ".join(one.text_content().split()) for one in listed]
    assert said == ["Institution 2: 2 times", "Dr Olaf Ther, Institution 1: 1 time"]
    # Without a reason, or by somebody else, nothing happens.
    assert author.submit(form, "/take-back").status == 422
    assert author.submit(form, "/take-back", reason="other", note="no").status == 422
    refused = colleague.get(document + "/take-back")
    assert (refused.status, "PUB-25" in refused.text, name in refused.text) == (403, True, True)
    token = dict(theirs.form("/sign-out").form_values())["token"]
    assert colleague.post(document + "/take-back", token=token, reason="patient").status == 403
    assert len(entries(nodes[0], patient)) == 1
    done = author.submit(form, "/take-back", reason="patient")
    for text in ("Taken back: Wrong", "gives it to nobody any more", "Opened by others 3 times", "call them"):
        assert text in done.text, text
    assert [entries(node, patient) for node in nodes[:2]] == [[], []]
    for node in nodes[:2]:
        assert node.client().send("iti-43", retrieve((nodes[0].home, nodes[0].repository, name))).documents() == {}
    # Nor does a visit that had it open show it further, and a second click changes nothing.
    assert colleague.get(document + "/body").status == 404
    assert "could not be fetched" in colleague.get(document).text
    again = author.submit(form, "/take-back", reason="file")
    assert (again.status, "Taken back" in again.text) == (200, True)
    assert not author.all_answers(author.submit(again, "/ask")).tree.xpath("//table[@id='table']//td[2]/a")
    search = nodes[0].run("audit", "search", "--document", name, "--transaction", "document taken back", "--json")
    (entry,) = json.loads(search.stdout)["entries"]
    event = entry["record"]["event"]
    assert (event["outcome_text"], event["participants"][0]["alternative"]) == ("wrong patient", "Dr Tina Back")


def test_an_auditor_reads_it_as_a_sentence(author, nodes, patient):
    (link,) = published(author, patient, b"another one").tree.xpath(LINK)
    author.submit(author.get(link), "/take-back", reason="other", note="typed into the wrong window")
    auditor = Browser(nodes[0])
    auditor.sign_in(account(nodes[0], "u.dit", "--full-name", "Una Dit", role="auditor"))
    found = auditor.submit(auditor.get("/audit/search"), "/audit/search", patient=patient.partition("^")[0])
    page = auditor.get(found.address + "?all=1")
    text = page.text
    assert "took back a document that was published by mistake" in text
    assert "looked at a document and confirmed that it is published" in text
    (row,) = [one for one in page.tree.xpath("//tbody/tr") if "took back" in one.text_content()]
    entry = auditor.get(row.xpath(".//a/@href")[0])
    assert "Dr Tina Back" in entry.text
    assert "another reason; typed into the wrong window" in entry.text


def test_an_administrator_puts_it_back_and_its_author_may_take_it_back_again(author, nodes, patient):
    (link,) = published(author, patient, b"right after all").tree.xpath(LINK)
    name = unique_id(nodes[0], patient)
    form = author.get(link)
    assert "Nobody else has opened it" in form.text
    author.submit(form, "/take-back", reason="file")
    assert entries(nodes[0], patient) == []
    nodes[0].run("document", "quarantine", "--off", name)
    assert len(entries(nodes[0], patient)) == 1
    author.submit(author.get(link), "/take-back", reason="file")
    assert entries(nodes[0], patient) == []


def test_a_version_that_is_taken_back_leaves_the_former_one_to_be_read(author, patient):
    published(author, patient, b"the right one", title="Right")
    page = author.open_patient(patient.partition("^")[0])
    step = author.get(page.address.partition("?")[0] + "/publish")
    check = author.upload(step, "/publish", "two.txt", b"the wrong one")
    (old,) = check.tree.xpath("//select[@name='replaces']/option[@value!='']/@value")
    look = author.submit(check, check.address, kind=DISCHARGE, start="2026", title="Wrong", replaces=old)
    assert "Right" in look.text
    shown = author.all_answers(author.submit(author.submit(look, "/confirm"), "/ask"))
    (link,) = shown.tree.xpath(LINK)
    form = author.get(link)
    assert "Publish the right document as a new one" in form.text
    listed = author.all_answers(author.submit(author.submit(form, "/take-back", reason="file"), "/ask"))
    assert not listed.tree.xpath("//table[@id='table']")
    former = author.get(listed.address + "&replaced=1")
    assert [one.text_content() for one in former.tree.xpath("//table[@id='table']//td[2]/a[1]")] == ["Right"]
