"""Publishing a document by hand on the pages: what is drawn from the file, what is asked, what keeps it out (ui 4.i)."""

from __future__ import annotations

import struct
import zlib

import pytest

from tests.end_to_end.nodes import AUTHORITY, Node
from tests.end_to_end.pages import Browser, Page, account
from tests.end_to_end.wire import find_documents

pytestmark = pytest.mark.long

DISCHARGE = "18842-5^2.16.840.1.113883.6.1"
CDA = """<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
<id root="2.25.77001"/><code code="18842-5" codeSystem="2.16.840.1.113883.6.1" displayName="Discharge summary"/><title>Austrittsbericht</title>
<effectiveTime value="20261118"/><confidentialityCode code="R" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="de-CH"/>
<recordTarget><patientRole><id root="{authority}" extension="{number}"/><patient><name><given>Wei</given><family>Li</family></name></patient></patientRole></recordTarget>
<author><time value="20261118"/><assignedAuthor><id root="2.999.5" extension="7"/><assignedPerson><name><given>Anna</given><family>Müller</family></name></assignedPerson></assignedAuthor></author>
<component><structuredBody><component><section><text>Findings</text></section></component></structuredBody></component></ClinicalDocument>"""


@pytest.fixture(scope="module")
def clinician(nodes: list[Node]) -> str:
    return account(nodes[0], "w.pub", "--full-name", "Dr Wanda Pub", "--profession", "physician")


@pytest.fixture(scope="module")
def browser(nodes: list[Node], clinician: str) -> Browser:
    one = Browser(nodes[0])
    one.sign_in(clinician)
    return one


@pytest.fixture
def step_one(browser: Browser, patient: str) -> Page:
    page = browser.open_patient(patient.partition("^")[0])
    return browser.get(page.address.partition("?")[0] + "/publish")


def filled(page: Page, name: str) -> str:
    return dict(page.form(page.address).form_values()).get(name, "")


def publish(browser: Browser, check: Page, **fields: str) -> Page:
    """State the facts, look, and confirm."""
    look = browser.submit(check, check.address, **fields)
    assert look.address.endswith("/look"), look.text
    return browser.submit(look, "/confirm")


def registered(node: Node, patient: str):
    return node.client().send("iti-18", find_documents(patient)).entries()


def test_of_a_text_only_what_is_missing_is_asked_and_it_is_found_elsewhere(browser, nodes, patient, step_one):
    check = browser.upload(step_one, "/publish", "consult.txt", b"Heart failure, NYHA II")
    assert (filled(check, "title"), filled(check, "author")) == ("consult", "Dr Wanda Pub")
    asked = browser.submit(check, check.address)
    assert asked.status == 422
    assert [one.get("href") for one in asked.tree.xpath("//div[@role='alert']//a")] == ["#f-kind", "#f-start"]
    look = browser.submit(asked, check.address, kind=DISCHARGE, start="2026-11-18")
    assert registered(nodes[0], patient) == []
    done = browser.submit(look, "/confirm")
    assert "other institutions can find it now" in done.text
    (entry,) = registered(nodes[0], patient)
    text = entry.getroottree().getroot()
    assert "Wanda Pub" in "".join(text.itertext())
    page = browser.all_answers(browser.submit(done, "/ask"))
    shown = browser.get(page.tree.xpath("//table[@id='table']//td[2]/a/@href")[0])
    assert "unchanged since it was registered" in shown.text
    # The same forms once more, as after a second click: nothing is registered twice.
    for again in (browser.submit(look, "/confirm"), browser.submit(asked, check.address, kind=DISCHARGE, start="2026")):
        assert again.address.endswith("/done")
    assert len(registered(nodes[0], patient)) == 1


def test_a_cda_says_nearly_everything_itself(browser, nodes, patient, step_one):
    content = CDA.format(authority=AUTHORITY, number=patient.partition("^")[0]).encode()
    check = browser.upload(step_one, "/publish", "x.xml", content)
    said = {name: filled(check, name) for name in ("kind", "title", "author", "start", "language", "level")}
    assert said == {
        "kind": DISCHARGE,
        "title": "Austrittsbericht",
        "author": "Anna Müller",
        "start": "2026-11-18",
        "language": "de-CH",
        "level": "R",
    }
    assert "the same in the document" in check.text
    assert "Published" in publish(browser, check).text
    again = browser.upload(step_one, "/publish", "x.xml", content)
    assert "PUB-18" in again.text  # may be meant, so it is said and not forbidden


def test_a_document_of_another_patient_is_published_only_for_whoever_writes_down_whom_it_is_for(
    browser, nodes, patient, step_one
):
    content = CDA.format(authority=AUTHORITY, number="SOMEBODY-ELSE").encode()
    check = browser.upload(step_one, "/publish", "x.xml", content)
    assert "PUB-23" in check.text
    for said in ("", "SOMEBODY-ELSE"):
        answer = browser.submit(check, check.address, confirm=said)
        assert (answer.status, said) == (422, said), answer.text
        assert registered(nodes[0], patient) == []
    look = browser.submit(check, check.address, confirm=patient.partition("^")[0])
    assert "the document names another patient" in look.text or "may be about another person" in look.text
    assert "Published" in browser.submit(look, "/confirm").text


def test_a_new_version_replaces_the_old_one(browser, patient, step_one):
    first = browser.upload(step_one, "/publish", "one.txt", b"first")
    publish(browser, first, kind=DISCHARGE, start="2026", title="One")
    second = browser.upload(step_one, "/publish", "two.txt", b"second")
    (old,) = second.tree.xpath("//select[@name='replaces']/option[@value!='']/@value")
    done = publish(browser, second, kind=DISCHARGE, start="2026", title="Two", replaces=old)
    page = browser.all_answers(browser.submit(done, "/ask"))
    assert [one.text_content() for one in page.tree.xpath("//table[@id='table']//td[2]/a[1]")] == ["Two"]
    assert "1 earlier version" in page.text
    foreign = browser.upload(step_one, "/publish", "three.txt", b"third")
    refused = browser.submit(foreign, foreign.address, kind=DISCHARGE, start="2026", replaces="urn:uuid:0")
    assert refused.status == 422


def test_before_it_is_published_it_is_shown_as_its_readers_will_see_it_beside_its_patient(
    browser, nodes, patient, step_one
):
    content = b"Heart failure, NYHA II <i>no tag</i>"
    check = browser.upload(step_one, "/publish", "consult.txt", content)
    early = browser.get(check.address + "/look")
    assert early.address == check.address  # nothing was said of it yet, so there is nothing to confirm
    look = browser.submit(check, check.address, kind=DISCHARGE, start="2026-11-18", title="Consultation", level="R")
    number = patient.partition("^")[0]
    for said in ("For this patient", number, "Consultation", "Discharge", "18 Nov 2026", "Dr Wanda Pub", "restricted",
                 "nothing: a new document", "consult.txt", "compare it yourself"):  # fmt: skip
        assert said in look.text, said
    (frame,) = look.tree.xpath("//iframe[@sandbox='']/@src")
    drawn = browser.get(frame)
    assert "Heart failure, NYHA II <i>no tag</i>" in drawn.text
    assert drawn.headers["content-security-policy"].startswith("sandbox;")
    assert registered(nodes[0], patient) == []
    # What was changed in another window after this one was shown is shown first.
    other = browser.submit(check, check.address, kind=DISCHARGE, start="2026-11-18", title="Something else")
    stale = browser.submit(look, "/confirm")
    assert (stale.status, "Something else" in stale.text, "was changed" in stale.text) == (409, True, True)
    assert registered(nodes[0], patient) == []
    assert "Published" in browser.submit(other, "/confirm").text
    assert browser.get(frame).status == 404
    assert browser.get(look.address).address.endswith("/done")
    assert len(registered(nodes[0], patient)) == 1


def png(side: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head, rows = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0), (b"\0" + b"\x20\x80\xc0" * side) * side
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_a_picture_is_drawn_anew_before_it_is_published_and_a_file_that_cannot_be_drawn_is_named(browser, step_one):
    check = browser.upload(step_one, "/publish", "wound.png", png(40))
    look = browser.submit(check, check.address, kind=DISCHARGE, start="2026-11-18")
    (source,) = look.tree.xpath("//img[@class='page']/@src")
    drawn = browser.raw("GET", source, b"", {})
    assert (drawn.status, drawn.headers["Content-Type"]) == (200, "image/webp")
    turned = browser.get(look.address + look.links("turn=90")[0])
    assert (turned.status, "turn=90" in turned.tree.xpath("//img[@class='page']/@src")[0]) == (200, True)
    for number in ("0", "501", "x", "99999999999"):
        assert browser.get(f"{check.address}/page/{number}").status == 404
    check = browser.upload(step_one, "/publish", "wound.png", png(40)[:60])
    look = browser.submit(check, check.address, kind=DISCHARGE, start="2026-11-18")
    assert "It cannot be shown here" in look.text
    assert look.form("/confirm") is not None


def test_a_file_that_waits_is_gone_with_its_patient_and_in_no_other_session(browser, nodes, clinician, step_one):
    check = browser.upload(step_one, "/publish", "consult.txt", b"Heart failure")
    look = browser.submit(check, check.address, kind=DISCHARGE, start="2026-11-18")
    other = Browser(nodes[0])
    other.sign_in(clinician)
    assert "PUB-24" in other.get(look.address).text
    browser.submit(look, "/leave")
    for path in (look.address, check.address):
        assert "PUB-24" in browser.get(path).text
    assert browser.get(look.address.removesuffix("/look") + "/body").status == 404
    assert "PUB-24" in browser.submit(look, "/confirm").text


FILES = {
    "PUB-13": ("x.pdf", b"%PDF-1.7 and then nothing"),
    "PUB-14": ("x.txt", b""),
    "PUB-15": ("x.xml", b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"),
    "PUB-16": ("x.xml", b"<?xml version='1.0'?><note/>"),
    "PUB-17": ("x.zip", b"PK\x03\x04 and more"),
    "PUB-17 html": ("x.html", b"<html><script>alert(1)</script></html>"),
    "PUB-17 bytes": ("../../x.exe", b"MZ\x00\x01\xff\xfe"),
}


@pytest.mark.parametrize("code", FILES)
def test_each_cause_has_its_code_and_nothing_is_registered(browser, nodes, patient, step_one, code):
    name, content = FILES[code]
    refused = browser.upload(step_one, "/publish", name, content)
    assert refused.status == 422
    assert f"({code[:6]})" in refused.text
    assert registered(nodes[0], patient) == []


def test_I17_a_file_with_a_wrong_token_or_from_elsewhere_is_not_even_kept(browser, step_one):
    refused = browser.upload(step_one, "/publish", "x.txt", b"x", token="wrong")
    assert (refused.status, "SEC-12" in refused.text) == (403, True)
    form = step_one.form("/publish")
    token = dict(form.form_values())["token"]
    field = f'--B\r\nContent-Disposition: form-data; name="token"\r\n\r\n{token}\r\n'
    file = '--B\r\nContent-Disposition: form-data; name="file"; filename="x.txt"\r\n\r\nx\r\n'
    kind = "multipart/form-data; boundary=B"
    bodies = {
        "the token after the file": file + field + "--B--\r\n",
        "two files": field + file + file + "--B--\r\n",
        "no file": field + "--B--\r\n",
        "no end": field + '--B\r\nContent-Disposition: form-data; name="file"\r\n',
        "nothing": "",
    }
    for what, body in bodies.items():
        assert browser.send(step_one.address, body.encode(), kind).status == 403, what
    good = (field + file + "--B--\r\n").encode()
    assert browser.send(step_one.address, good, kind, Origin="https://evil.example").status == 403
    assert browser.send(step_one.address, good, kind, **{"Sec-Fetch-Site": "cross-site"}).status == 403
    assert browser.send(step_one.address, good, kind).status == 200
