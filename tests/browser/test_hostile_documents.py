"""Hostile documents in the browser: no script runs, nothing is asked for elsewhere, the text is there to be read.

`tests/hostile.py` makes them; `tests/node/web/test_hostile_documents.py` judges how they are drawn.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.demonstration.processes import xdsnode
from tests.browser.eyes import VARIANTS, Demo, Eyes
from tests.hostile import DOCUMENTS, EVIL, Hostile
from tests.node.web.extractor import lost, narrative_texts
from tests.shared import SHARED

PATIENT = "HOSTILE-1"
REAL = sorted((SHARED / "samples").glob("*/*.*")) if SHARED else []
WELL_KNOWN = [Hostile(path.name, path.read_bytes(), "cda|pdf", ending=path.suffix) for path in REAL]


class Reader(Eyes):
    """A window that also notes dialogs, downloads and new windows, and knows where each document is."""

    links: dict[str, str]

    def open(self, one: Hostile) -> None:
        self.go(self.links[hashlib.sha256(one.content).hexdigest()])
        self.page.wait_for_load_state("networkidle")

    def shown(self) -> str:
        """What a person sees of the document: the page, and the frame within it."""
        frames = [frame for frame in self.page.frames if frame is not self.page.main_frame]
        return "\n".join([self.text(), *(frame.inner_text("body") for frame in frames)])


@pytest.fixture(scope="module")
def reader(demo: Demo, chromium: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("hostile")
    node = str(demo.node(1))
    everything = [*DOCUMENTS, *WELL_KNOWN]
    paths = []
    for one in everything:
        path = folder / f"{one.id}{'' if Path(one.id).suffix else one.ending}"
        path.write_bytes(one.content)
        paths.append(str(path))
    xdsnode("patient", "add", PATIENT, "--dir", node)
    xdsnode("submit", "--dir", node, "--patient", PATIENT, *paths)
    eyes = Reader(VARIANTS[0], demo, chromium)
    page = eyes.page
    page.on("dialog", lambda dialog: (eyes.noticed.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("download", lambda download: eyes.noticed.append(f"download: {download.suggested_filename}"))
    eyes.context.on("page", lambda other: eyes.noticed.append(f"new window: {other.url}"))
    eyes.sign_in("a.li")
    page.fill("[name=number]", PATIENT)
    with page.expect_navigation():
        page.press("[name=number]", "Enter")
    page.check("[value=TREAT]")
    page.fill("[name=note]", "reading what was sent to us")
    with page.expect_navigation():
        page.press("[name=note]", "Enter")
    page.wait_for_selector("#list tbody a")
    eyes.links = {}
    for number in range(1, 2 + len(everything) // 50):
        page.goto(re.sub(r"[?&]page=\d+", "", page.url) + f"&page={number}")
        for link in page.locator("#list tbody a[id^=d-]").all():
            where = link.get_attribute("href")
            answer = eyes.context.request.get(f"{eyes.origin}{where}/original")
            assert answer.headers["content-disposition"].startswith("attachment")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-type"] == "application/octet-stream"
            eyes.links[hashlib.sha256(answer.body()).hexdigest()] = where or ""
    eyes.noticed.clear()
    yield eyes
    eyes.context.close()


@pytest.mark.parametrize("one", [*DOCUMENTS, *WELL_KNOWN], ids=lambda one: one.id)
def test_it_harms_nobody_and_can_be_read(reader: Reader, one: Hostile) -> None:
    reader.open(one)
    shown = reader.shown()
    assert reader.page.url.startswith(reader.origin)
    assert reader.page.title() != "ran"
    assert reader.noticed == []
    framed = reader.page.locator("iframe.content").count()
    pictures = reader.page.locator("img.page")
    forms = one.form.split("|")
    assert framed == 1 or not {"cda", "text"} & set(forms) or len(forms) > 1
    if framed:
        for text in one.texts:
            assert text in shown
        if "cda" in forms and one.content.isascii():
            assert lost(narrative_texts(one.content), shown) == []
    elif pictures.count():
        assert pictures.first.evaluate("image => image.complete && image.naturalWidth > 0")
    else:
        assert "Save the original file" in shown


@pytest.mark.parametrize("name", ["I10-script-as-entities", "I10-remote-image", "I14-http", "I16-struck"])
def test_the_frame_alone_in_a_tab_is_as_safe(reader: Reader, name: str) -> None:
    one = next(one for one in DOCUMENTS if one.id == name)
    where = reader.links[hashlib.sha256(one.content).hexdigest()]
    reader.go(where + "/body")
    answer = reader.context.request.get(f"{reader.origin}{where}/body")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "allow-" not in policy
    assert EVIL not in policy
    assert reader.noticed == []
