"""One document of an open visit: found, fetched once for a run, drawn once for a language, each look on record."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1

from node.web.asking import Brought, fetch
from node.web.drawing import process
from node.web.drawing.process import Drawn
from node.web.drawing.wording import TEXTS
from node.web.items import Item
from node.web.records import patient_page
from node.web.runs import Run
from node.web.sessions import Visit
from node.web.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """One document of an open visit."""

    visit: Visit
    run: Run
    item: Item
    handle: str
    where: str  # path of its pages


def find(view: View) -> Opened | None:
    """The document that the address names; None where the visit, the run or the document is not open."""
    handle, name, key = (view.parameters[part] for part in ("h", "r", "d"))
    visit = view.signed_in.visit(handle, view.now)
    run = view.signed_in.run(handle, name, view.now)
    item = run.item(key) if visit and run else None
    if visit is None or run is None or item is None:
        return None
    return Opened(visit=visit, run=run, item=item, handle=handle, where=f"/p/{handle}/runs/{name}/d/{key}")


async def content(view: View, opened: Opened) -> Brought:
    """The document, fetched once for a run; the fetching is on record, and so is each look at it."""
    brought = opened.run.brought.get(opened.item.key)
    if brought is None:
        brought = await fetch(view, opened.visit, opened.item.entry)
        if brought.content is not None:
            view.desk.shelf.put(opened.run, opened.item.key, brought)
    return brought


async def drawn(view: View, opened: Opened, document: bytes) -> Drawn:
    """How it is shown, in the reader's language: its text, or its first page."""
    key = opened.item.key
    found = opened.run.drawn.get((key, view.language))
    if found is None:
        found = await _draw(view, opened, document)
        view.desk.shelf.drawn(opened.run, key, view.language, found)
    return found


async def picture(view: View, opened: Opened, document: bytes, number: int, *, full: bool, turn: int) -> Drawn:
    """One page, or the image in its own size."""
    if number == 1 and not full and not turn:
        return await drawn(view, opened, document)
    return await _draw(view, opened, document, number=number, full=full, turn=turn)


async def _draw(
    view: View, opened: Opened, document: bytes, *, number: int = 1, full: bool = False, turn: int = 0
) -> Drawn:
    words = {text: view.words(text) for text in TEXTS}
    language = next(iter(opened.item.entry.language_code), "")
    return await process.draw(document, words=words, language=language, number=number, full=full, turn=turn)


async def looked(view: View, opened: Opened, what: str) -> str:
    """Put on record that it is about to be shown, and in which form; returns the entry."""
    said = f"{what}: {opened.item.entry.unique_id}"
    return await view.record(*patient_page(view, view.caller(opened.visit), said, [opened.visit.person.cx]))


def differs(item: Item, document: bytes) -> bool:
    """Whether the bytes are not those that were registered; False where nothing can be said."""
    registered = next(iter(item.entry.hash), "").lower()
    return bool(registered) and sha1(document, usedforsecurity=False).hexdigest() != registered
