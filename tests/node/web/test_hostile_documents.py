"""Hostile documents drawn: a closed set of elements, every text still there, each within the bounds (threats I9 to I16)."""

import re

import pytest

from node.web.drawing import process, worker
from node.web.drawing.checked import is_drawing
from tests.hostile import DOCUMENTS, EVIL
from tests.node.web.extractor import Page

# These are only bearable because a process can be thrown away.
APART = {"I15-pdf-inflates", "I15-pdf-50000-pages", "I15-png-bomb", "I15-deep", "I15-quadratic", "I15-rtf-deep"}
ALLOWED_ATTRIBUTES = {"class", "id", "href", "colspan", "rowspan", "alt", "src", "width", "height"}


def drawn(content: bytes) -> tuple[dict, bytes]:
    try:
        return worker.drawn(
            content, {"what": "look", "number": 1, "full": False, "turn": 0, "words": {}, "language": ""}
        )
    except worker._FAILURES as error:
        return {"form": "failed", "why": str(error)}, b""


def judge(one, form: str, html: str, picture: bytes) -> None:
    assert form in one.form.split("|")
    assert is_drawing(html)
    page = Page(html)
    for tag, attributes in page.tags:
        assert set(attributes) <= ALLOWED_ATTRIBUTES, tag
        assert re.fullmatch(r"data:image/webp;base64,[A-Za-z0-9+/=]*", attributes.get("src", "data:image/webp;base64,"))
        assert re.fullmatch("#s[0-9]+", attributes.get("href", "#s1"))
    for text in one.texts:
        assert text in page.text
    if form in ("pdf", "image"):
        assert picture[8:12] == b"WEBP"
        for said in (b"<script", EVIL.encode(), b"name of a patient", b"Exif", b"ICCP"):
            assert said not in picture


def test_there_are_as_many_as_were_promised():
    assert len({one.id for one in DOCUMENTS}) == len(DOCUMENTS) >= 60


@pytest.mark.parametrize("row", ["I9", "I10", "I11", "I12", "I13", "I14", "I15", "I16"])
def test_every_row_of_the_catalogue_has_documents(row):
    assert sum(one.id.startswith(row + "-") for one in DOCUMENTS) >= 4


@pytest.mark.parametrize("one", [one for one in DOCUMENTS if one.id not in APART], ids=lambda one: one.id)
def test_it_is_harmless_and_can_be_read(one):
    said, picture = drawn(one.content)
    judge(one, said["form"], said.get("html", ""), picture)


@pytest.mark.long
@pytest.mark.parametrize("one", [one for one in DOCUMENTS if one.id in APART], ids=lambda one: one.id)
async def test_it_is_bounded(one):
    answer = await process.draw(one.content, words={})
    judge(one, answer.form, answer.html, answer.picture)


@pytest.mark.long
async def test_I15_a_million_rows_end_in_time_and_do_no_harm():
    rows = b"<tr><td>1</td><td>2</td></tr>" * 1_000_000
    document = b'<ClinicalDocument xmlns="urn:hl7-org:v3"><component><structuredBody><component><section><text><table>'
    answer = await process.draw(document + rows, words={})
    assert answer.form in ("failed", "text")
    small = await process.draw(b"hello", words={})
    assert small.form == "text"
