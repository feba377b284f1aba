"""One document of an open visit: found, fetched once for a run, drawn once for a language, each look on record."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hashlib import sha1

from node.web.asking import Brought, fetch
from node.web.drawing import process
from node.web.drawing.process import Drawn
from node.web.drawing.wording import TEXTS
from node.web.items import Item
from node.web.records import patient_page
from node.web.runs import Fetching, Run
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


def find(view: View, key: str = "") -> Opened | None:
    """The document that the address names; None where the visit, the run or the document is not open."""
    handle, name = view.parameters["h"], view.parameters["r"]
    key = key or view.parameters["d"]
    visit = view.signed_in.visit(handle, view.now)
    run = view.signed_in.run(handle, name, view.now)
    item = run.item(key) if visit and run else None
    if visit is None or run is None or item is None:
        return None
    return Opened(visit=visit, run=run, item=item, handle=handle, where=f"/p/{handle}/runs/{name}/d/{key}")


async def content(view: View, opened: Opened) -> Brought:
    """The document, fetched once for a run; the fetching is on record, and so is each look at it."""
    brought = await soon(view, opened, None)
    return brought if isinstance(brought, Brought) else Brought(content=None, entry="")


async def soon(view: View, opened: Opened, seconds: float | None) -> Brought | Fetching:
    """The same within some seconds; what is still coming then is told as what it is."""
    run, key = opened.run, opened.item.key
    if key in run.brought and withdrawn(view, opened.item):
        forget(opened)
    brought = run.brought.get(key)
    if brought is not None:
        return brought
    fetching = run.fetches.get(key)
    if fetching is None:
        fetching = run.fetches[key] = Fetching(began=asyncio.get_running_loop().time())
        fetching.task = asyncio.create_task(_fetched(view, opened, fetching))
    if fetching.task is None:
        return fetching
    await asyncio.wait({fetching.task}, timeout=seconds)
    if not fetching.task.done():
        return fetching
    run.fetches.pop(key, None)
    return Brought(content=None, entry="") if fetching.task.cancelled() else fetching.task.result()


async def _fetched(view: View, opened: Opened, fetching: Fetching) -> Brought:
    brought = await fetch(view, opened.visit.of(opened.run), opened.item.entry, fetching.heard)
    if brought.content is not None or brought.too_large:
        view.desk.shelf.put(opened.run, opened.item.key, brought)
    return brought


def withdrawn(view: View, item: Item) -> bool:
    """Whether a document of this institution was put in quarantine: then no visit that had it open shows it further."""
    if (item.home or view.desk.home) != view.desk.home or not item.entry.unique_id:
        return False
    found = view.desk.services.registry.documents([item.entry.unique_id])
    return any(one.quarantined for one in found.get(item.entry.unique_id, ()))


def forget(opened: Opened) -> None:
    """Let go of the copy of this visit, so that it is fetched again."""
    opened.run.forget(opened.item.key)


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
    language = opened.item.language
    return await process.draw(document, words=words(view), language=language, number=number, full=full, turn=turn)


def words(view: View) -> dict[str, str]:
    """Our own texts within a drawing, in the reader's language."""
    return {text: view.words(text) for text in TEXTS}


async def looked(view: View, opened: Opened, what: str) -> str:
    """Put on record that it is about to be shown, and in which form; returns the entry."""
    said = f"{what}: {opened.item.entry.unique_id}"
    return await view.record(*patient_page(view, view.caller(opened.visit), said, [opened.visit.person.cx]))


def differs(item: Item, document: bytes) -> bool:
    """Whether the bytes are not those that were registered; False where nothing can be said."""
    registered = next(iter(item.entry.hash), "").lower()
    return bool(registered) and sha1(document, usedforsecurity=False).hexdigest() != registered
