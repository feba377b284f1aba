"""The viewer of documents in each of its states: looked at in both languages, both colours, both widths."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image, ImageDraw

from scripts.demonstration.processes import xdsnode
from tests.browser.eyes import Demo, Eyes
from tests.hostile import ACTIVE_PDF, cda, pdf, png_bomb

PATIENT = "VIEW-1"
RTF = rb"{\rtf1\ansi Letter of {\strike 3} 4 May.\par Dose 5 mg}"
HEAD = (
    '<recordTarget><patientRole><id root="1.2" extension="{number}"/><patient><name><given>{given}</given>'
    '<family>{family}</family></name><administrativeGenderCode code="{sex}"/><birthTime value="{born}"/></patient>'
    '</patientRole></recordTarget><author><time value="20260301"/><assignedAuthor><id root="1.2"/><assignedPerson><name>'
    "Dr Wang Fang</name></assignedPerson></assignedAuthor></author>"
)
OWN = HEAD.format(number="7", given="Wei", family="Li", sex="M", born="19610314")
OTHER = HEAD.format(number="8", given="Na", family="Zhao", sex="F", born="19750501")
TEXT = (
    "<paragraph>Heart failure, <content styleCode='Bold'>stable</content>.</paragraph><table><caption>Results</caption>"
    "<thead><tr><th>Test</th><th>Value</th><th>Unit</th></tr></thead><tbody><tr><td>Potassium</td><td>{value}</td>"
    "<td>mmol/L</td></tr><tr revised='delete'><td>Sodium</td><td>13.9</td><td>mmol/L</td></tr></tbody></table>"
    "<list listType='ordered'><item>Furosemide 40 mg<footnote ID='f'>in the morning</footnote></item>"
    "<item>Call us <linkHtml href='https://hospital.example/'>here</linkHtml></item></list>"
)


def image() -> bytes:
    drawn, out = Image.new("RGB", (900, 600), (250, 250, 240)), io.BytesIO()
    ImageDraw.Draw(drawn).ellipse((200, 100, 700, 500), fill=(120, 30, 30))
    drawn.save(out, "PNG")
    return out.getvalue()


def bodies(value: str, second: str) -> str:
    section = "<component><section><title>{0}</title><text>{1}</text>{2}</section></component>"
    negated = "<entry><act negationInd='true'><code displayName='Penicillin allergy'/></act></entry>"
    return (
        "<structuredBody>"
        + section.format("Results", TEXT.format(value=value), "")
        + section.format("Allergies", "<paragraph>None known.</paragraph>", negated)
        + section.format("Plan", f"<paragraph>{second}</paragraph>", "")
        + "</structuredBody>"
    )


FILES = {
    "summary.xml": cda("", title="Discharge summary", head=OWN, body=bodies("4.1", "Seen again in May.")),
    "other.xml": cda("", title="Letter of another", head=OTHER, body=bodies("5.0", "Nothing.")),
    "scan.pdf": pdf(),
    "active.pdf": ACTIVE_PDF,
    "picture.png": image(),
    "bomb.png": png_bomb(),
    "letter.rtf": RTF,
    "note.txt": "患者无过敏史,体温正常。".encode("gb18030"),
    "page.html": b"<html><script>alert(1)</script></html>",
}


class Shown(Eyes):
    def documents(self) -> None:
        self.sign_in("a.li")
        self.page.fill("[name=number]", PATIENT)
        self.page.press("[name=number]", "Enter")
        self.page.check("[value=TREAT]")
        self.page.fill("[name=note]", "reading what was sent to us")
        self.page.press("[name=note]", "Enter")
        self.page.wait_for_selector("#list tbody a")

    def look(self, name: str) -> None:
        if self.page.locator("iframe").count():  # what is below the edge of the window is not painted
            self.page.locator("iframe").scroll_into_view_if_needed()
        super().look(name)

    def open(self, title: str) -> None:
        self.page.locator("#list tbody a[id^=d-]", has_text=title).first.click()
        self.page.wait_for_load_state("networkidle")


@pytest.fixture(scope="module")
def files(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("viewer")
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    known = ("--family", "Li", "--given", "Wei", "--birth-date", "1961-03-14", "--sex", "M")
    for number in (1, 2):
        xdsnode("patient", "add", PATIENT, *known, "--dir", str(demo.node(number)))
    paths = [str(folder / name) for name in FILES]
    xdsnode("submit", "--dir", str(demo.node(1)), "--patient", PATIENT, *paths)
    far = folder / "from-afar.txt"
    far.write_text("from afar")
    xdsnode("submit", "--dir", str(demo.node(2)), "--patient", PATIENT, str(far))
    later = folder / "later.xml"
    later.write_bytes(
        cda("", title="Discharge summary, corrected", head=OWN, body=bodies("5.6", "Seen again in June."))
    )
    xdsnode("submit", "--dir", str(demo.node(1)), "--patient", PATIENT, str(later))


@pytest.fixture
def shown(eyes: Eyes, files: None) -> Iterator[Shown]:
    found = Shown(eyes.variant, eyes.demo, eyes.browser)
    found.documents()
    yield found
    found.close()


def frame(shown: Shown) -> str:
    return str(next(one for one in shown.page.frames if one is not shown.page.main_frame).inner_text("body"))


def test_every_kind_of_document(shown: Shown) -> None:
    """One visit from document to document, so that each variant signs in once."""
    back = shown.page.url
    words = {
        "Discharge summary": ("summary", "Potassium"),
        "Letter of another": ("another-person", "Nothing."),
        "letter": ("rtf", "Dose 5 mg"),
        "note": ("text-in-gb18030", "无过敏史"),
    }
    for title, (name, text) in words.items():
        shown.page.goto(back)
        shown.open(title)
        assert text in frame(shown)
        assert shown.page.locator(".wrong-patient").count() == (name == "another-person")
        shown.look(f"viewer-{name}")
    for title, name, pictures in (
        ("scan", "pdf", 1), ("active", "pdf-active", 1), ("picture", "image", 1), ("bomb", "not-drawn", 0),
        ("page", "not-shown", 0),
    ):  # fmt: skip
        shown.page.goto(back)
        shown.open(title)
        assert shown.page.locator("img.page").count() == pictures
        shown.look(f"viewer-{name}")
    shown.page.goto(back)
    shown.open("picture")
    shown.page.locator(".zoom a").nth(1).click()
    shown.page.locator(".zoom a").last.click()
    shown.page.wait_for_load_state("networkidle")
    assert shown.page.locator("img.page").evaluate("one => one.naturalHeight") == 900
    shown.look("viewer-image-turned-twice-its-size")


def test_the_frame_and_the_paper(shown: Shown) -> None:
    """Both forbid scripts, and with them axe: the same HTML is looked at once more without that rule."""
    shown.open("Discharge summary")
    for name in ("body", "print"):
        answer = shown.context.request.get(f"{shown.page.url}/{name}")
        style = (Path(__file__).parents[2] / "node" / "web" / "static" / "document.css").read_text()
        alone = shown.context.new_page()
        alone.set_content(answer.text().replace("</head>", f"<style>{style}</style></head>"))
        shown_page, shown.page = shown.page, alone
        shown.look(f"viewer-{name}")
        shown.page = shown_page
        alone.close()
    shown.noticed[:] = [one for one in shown.noticed if "document-" not in one and "CORS" not in one]


def test_a_document_on_its_way(window: Eyes, files: None) -> None:
    shown = Shown(window.variant, window.demo, window.browser)
    shown.documents()
    shown.page.wait_for_selector("text=from-afar")
    folder = str(shown.demo.node(2))
    serving = [
        one.pid
        for one in psutil.process_iter(["cmdline"])
        if folder in (one.info["cmdline"] or []) and "serve" in one.info["cmdline"]
    ]
    assert len(serving) == 1
    os.kill(serving[0], signal.SIGSTOP)
    try:
        shown.page.locator("#list tbody a[id^=d-]", has_text="from-afar").first.click()
        shown.page.wait_for_selector("#fetching")
        shown.look("viewer-fetching")
    finally:
        os.kill(serving[0], signal.SIGCONT)
    shown.page.wait_for_selector("iframe.content")
    shown.close()


def test_previous_and_next_lead_through_the_list(window: Eyes, files: None) -> None:
    shown = Shown(window.variant, window.demo, window.browser)
    shown.documents()
    links = [one.get_attribute("href") for one in shown.page.locator("#list tbody a[id^=d-]").all()]
    with shown.page.expect_navigation():
        shown.page.locator("#list tbody a[id^=d-]").first.click()
    seen = [shown.page.url.removeprefix(shown.origin)]
    while shown.page.locator("a[rel=next]").count():
        with shown.page.expect_navigation():
            shown.page.locator("a[rel=next]").click()
        seen.append(shown.page.url.removeprefix(shown.origin))
    assert seen == links, shown.text()[:1500]
    shown.close()


def test_two_documents_side_by_side(shown: Shown) -> None:
    shown.open("Discharge summary")
    shown.page.locator(".actions a[href*=compare]").last.click()
    shown.look("viewer-compare-choose")
    texts = shown.page.locator("[name=a] option").all_inner_texts()
    for name, title in (("a", "Discharge summary ("), ("b", "Discharge summary, corrected (")):
        label = next(text for text in texts if title in text)
        shown.page.select_option(f"[name={name}]", label=label)
    shown.page.click("form.card button")
    shown.page.wait_for_load_state("networkidle")
    said = frame(shown)
    assert "4.1 → 5.6 mmol/L" in said
    assert "Seen again in June." in said
    shown.look("viewer-compare")
