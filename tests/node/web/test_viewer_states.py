"""States of the viewer that no healthy federation shows: held back, not fetched, too large (ui 4.d)."""

from datetime import UTC, datetime

import pytest

from node.web import opening
from node.web.asking import Brought
from node.web.drawing.process import Drawn
from node.web.frame import Frame
from node.web.items import Item
from node.web.language import LANGUAGES
from node.web.sameness import Sameness
from node.web.sessions import Person, Visit
from registry.errors import ErrorCode, RegistryError
from registry.metadata.objects import DocumentEntry
from tests.node.web.extractor import Page
from trust.audit.event import Coded

FRAME = Frame()
ENTRY = DocumentEntry(
    entry_uuid="urn:uuid:1", unique_id="1.2.3", hash=("00" * 20,), mime_type="text/plain", language_code=("en",)
)
ITEM = Item(key="k", entry=ENTRY, home="urn:oid:1.2", institution="St. Anna")
ELSEWHERE = Item(key="e", entry=ENTRY, home="urn:oid:1.3", institution="Lakeside")
WHERE = "/p/h/runs/r/d/k"


def said(template: str, **values: object) -> Page:
    common = {
        "node_name": "Riverside", "session": None, "token": "t", "language": "en", "languages": LANGUAGES, "theme": "", "path": "/",
        "visit": Visit(person=Person(cx="1^^^&1.2&ISO", name="LI, Wei"), purpose=Coded("TREAT", "s", "treatment"), seen=0.0),
        "emergency": None, "handle": "h", "entry": "7", "item": ITEM, "run_name": "r", "where": WHERE, "base": "/p/h/runs/r/d",
        "before": "", "number": 1, "total": 1, "after": "", "own": False, "on_demand": False, "mine": None,
    }  # fmt: skip
    return Page(FRAME.render(template, "en", {**common, **values}))


def document(drawn: Drawn | None, **values: object) -> Page:
    shown = {
        "brought": Brought(content=b"x", entry="6", at=datetime(2026, 11, 23, 10, 42, tzinfo=UTC), seconds=0.8),
        "kept": False, "drawn": drawn, "same": Sameness(), "failure": "", "most_pages": 500, "size": 1, "detected": "text/plain",
        "checkable": True, "differs": False, "anyway": "", "picture": {"zoom": "fit", "turn": 0},
    }  # fmt: skip
    return said("document.html", **{**shown, **values})


def sources(page: Page) -> list[str]:
    return [attributes["src"] for _, attributes in page.tags if attributes.get("src")]


def links(page: Page) -> list[str]:
    return [attributes["href"] for tag, attributes in page.tags if tag == "a" and "href" in attributes]


def test_what_differs_from_what_was_registered_is_held_back():
    page = document(None, differs=True, anyway="?anyway=1")
    assert sources(page) == []
    assert f"{WHERE}?anyway=1" in links(page)
    assert "The content differs from what St. Anna registered." in page.text
    assert "unchanged since it was registered" not in page.text
    assert f"{WHERE}/print?anyway=1" not in links(page)


def test_what_differs_keeps_saying_so_when_it_is_shown():
    page = document(Drawn(form="text", html="x"), differs=True, anyway="?anyway=1")
    assert sources(page) == [f"{WHERE}/body?anyway=1"]
    assert "differs from what was registered" in page.text
    assert "unchanged since it was registered" not in page.text


def test_without_a_hash_nothing_is_called_unchanged():
    page = document(Drawn(form="text", html="x"), checkable=False)
    assert "not checkable: registered without a hash" in page.text
    assert "unchanged" not in page.text


@pytest.mark.parametrize("form", ["cda", "text", "image", "pdf", "none", "failed"])
def test_an_entry_that_says_next_to_nothing_is_shown_all_the_same(form):
    """As one of a document that is made on demand: no hash, no size, no time, no author."""
    bare = Item(
        key="k", entry=DocumentEntry(entry_uuid="urn:uuid:1", unique_id="1.2.3"), home="", institution="St. Anna"
    )
    drawn = Drawn(form=form, html="x", pages=1, width=1, height=1, full=(1, 1))
    page = document(drawn, item=bare, on_demand=True, checkable=False)
    assert "made by that institution when it was asked for" in page.text
    assert "not checkable" in page.text


def test_another_patient_stands_above_everything():
    page = document(Drawn(form="cda", html="x"), same=Sameness(differs=("name", "sex"), same=("date of birth",)))
    assert "It differs from the patient above in: name, sex." in page.text
    assert "same patient" not in page.text


def test_what_could_not_be_fetched_names_the_cause_and_the_other_sources():
    error = RegistryError(ErrorCode.REPOSITORY_ERROR, "away for maintenance", "")
    item = Item(key="k", entry=ENTRY, home="urn:oid:1.2", institution="St. Anna", sources=(ELSEWHERE,))
    page = said("missing_document.html", item=item, too_large=0, error=error)
    assert "away for maintenance" in page.text
    assert "/p/h/runs/r/d/e" in links(page)
    assert "DOC-01" in page.text


def test_what_is_too_large_can_be_saved():
    page = said("missing_document.html", too_large=50, error=None)
    assert "larger than 50 MB" in page.text
    assert f"{WHERE}/original" in links(page)


@pytest.mark.parametrize(
    ("received", "expected", "text"), [(0, 0, "3 s so far"), (12_000_000, 40_000_000, "12.0 MB of 40.0 MB")]
)
def test_what_is_on_its_way_says_how_far(received, expected, text):
    assert text in said("fetching.html", seconds=3, received=received, expected=expected).text


@pytest.mark.parametrize(
    ("registered", "differs"),
    [
        ("f572d396fae9206628714fb2ce00f72e94f2258f", False),
        ("F572D396FAE9206628714FB2CE00F72E94F2258F", False),
        ("00" * 20, True),
        ("", False),
    ],
)
def test_bytes_are_compared_with_the_registered_hash(registered, differs):
    entry = DocumentEntry(entry_uuid="u", unique_id="1", hash=(registered,) if registered else ())
    assert opening.differs(Item(key="k", entry=entry, home="", institution=""), b"hello\n") is differs
