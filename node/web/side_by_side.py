"""Two documents of a patient side by side (ui 4.d)."""

from __future__ import annotations

from aiohttp import web

from node.web import opening
from node.web.drawing import process
from node.web.drawing.process import Drawn
from node.web.frame import document_policy
from node.web.opening import Opened
from node.web.view import View
from node.web.viewing import framed


def _both(view: View) -> tuple[Opened | None, Opened | None]:
    """The documents that the address names as `a`, the former, and `b`; None for one that is not open."""
    query = view.request.query
    former, latter = (opening.find(view, query.get(name, "")[:64] or "-") for name in ("a", "b"))
    return former, latter


async def page(view: View) -> web.StreamResponse:
    """Which two are compared, and the frame in which they stand; with one alone, the other is chosen."""
    former, latter = _both(view)
    known = former or latter
    if known is None:
        return view.no_visit()
    entry = await opening.looked(view, known, "comparison opened")
    return view.page(
        "compare.html",
        visit=known.visit,
        handle=known.handle,
        run_name=view.parameters["r"],
        base=known.where.rpartition("/")[0],
        where=known.where.rpartition("/d/")[0] + "/compare",
        former=former.item if former else None,
        latter=latter.item if latter else None,
        choices=[each for item in known.run.items() for each in (item, *item.versions)],
        entry=entry,
    )


async def body(view: View) -> web.StreamResponse:
    """What stands in the frame: both texts, and how they differ."""
    former, latter = _both(view)
    if former is None or latter is None:
        return web.Response(status=404, headers=document_policy(view.desk.origin))
    found = []
    for opened in (former, latter):
        brought = await opening.content(view, opened)
        if brought.content is None or opening.differs(opened.item, brought.content):
            said = view.words("One of the documents cannot be compared: it could not be fetched, or it differs.")
            return framed(view, f'<p class="note">{said}</p>', view.language)
        await opening.looked(view, opened, "document compared")
        found.append(brought.content)
    drawn = await process.compare(*found, words=opening.words(view), language=latter.item.language)
    return framed(view, drawn.html or f'<p class="note">{_why(view, drawn)}</p>', latter.item.language)


def _why(view: View, drawn: Drawn) -> str:
    if drawn.why == "kind":
        return view.words("One of the documents has no text that could be compared.")
    return view.words("The comparison took too long or too much memory, and was stopped.")
