"""One document: where it comes from, and its content drawn and never run (ui 4.d, 6.8; threats I10 to I15)."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from markupsafe import Markup

from node.web import opening
from node.web.drawing import kinds
from node.web.frame import SECURITY, document_policy
from node.web.view import View

_FRAMED: Final = ("cda", "text")
_PICTURED: Final = ("pdf", "image")
MOST_PAGES: Final = 500
_TURNS: Final = {"90": 90, "180": 180, "270": 270}


async def viewer(view: View) -> web.StreamResponse:
    """The page around a document."""
    opened = opening.find(view)
    if opened is None:
        return view.no_visit()
    brought = await opening.content(view, opened)
    if brought.content is None:
        cause = view.words("The document could not be fetched.")
        if brought.error:
            cause = f"{cause} {brought.error.code}: {brought.error.context}"
        return view.problem(502, "DOC-01", cause, view.words("Ask again later, or call the institution that has it."))
    differs = opening.differs(opened.item, brought.content)
    held_back = differs and "anyway" not in view.request.query
    drawn = None if held_back else await opening.drawn(view, opened, brought.content)
    what = "document held back, its content differs" if held_back else "document shown"
    entry = await opening.looked(
        view, opened, "document shown although its content differs" if differs and not held_back else what
    )
    return view.page(
        "document.html",
        visit=opened.visit,
        handle=opened.handle,
        item=opened.item,
        run_name=view.parameters["r"],
        where=opened.where,
        drawn=drawn,
        most_pages=MOST_PAGES,
        size=len(brought.content),
        fetched=brought.entry,
        checkable=bool(opened.item.entry.hash),
        differs=differs,
        anyway="?anyway=1" if differs else "",
        entry=entry,
    )


async def _shown(view: View, opened: opening.Opened) -> bytes | None:
    """The document, unless it differs from what was registered and nobody said to show it all the same."""
    brought = await opening.content(view, opened)
    if brought.content is None:
        return None
    if opening.differs(opened.item, brought.content) and "anyway" not in view.request.query:
        return None
    return brought.content


async def body(view: View) -> web.StreamResponse:
    """What stands in the frame: no script, an opaque origin, one style sheet, nothing else."""
    opened = opening.find(view)
    if opened is None:
        return view.no_visit()
    document = await _shown(view, opened)
    drawn = None if document is None else await opening.drawn(view, opened, document)
    headers = document_policy(view.desk.origin)
    if drawn is None or drawn.form not in _FRAMED:
        return web.Response(status=404, headers=headers)
    await opening.looked(view, opened, "content shown")
    text = view.part(
        "body.html",
        content=Markup(drawn.html),  # noqa: S704  the one place: it passed `drawing.checked`
        style=view.desk.origin + view.desk.frame.url("document.css"),
    )
    return web.Response(text=text, content_type="text/html", charset="utf-8", headers=headers)


async def picture(view: View) -> web.StreamResponse:
    """A page of a PDF, or an image, as a picture drawn anew."""
    opened = opening.find(view)
    number = view.parameters["n"]
    document = await _shown(view, opened) if opened else None
    if opened is None or document is None or not number.isdigit() or not 1 <= int(number[:6]) <= MOST_PAGES:
        return web.Response(status=404, headers=SECURITY)
    query = view.request.query
    turn = _TURNS.get(query.get("turn", ""), 0)
    drawn = await opening.picture(view, opened, document, int(number), full="full" in query, turn=turn)
    if drawn.form not in _PICTURED:
        return web.Response(status=404, headers=SECURITY)
    await opening.looked(view, opened, f"page {number} shown")
    return web.Response(body=drawn.picture, content_type="image/webp", headers=SECURITY)


async def original(view: View) -> web.StreamResponse:
    """The file as it was registered, to be saved and never opened here; the name is our own."""
    opened = opening.find(view)
    if opened is None:
        return view.no_visit()
    brought = await opening.content(view, opened)
    if brought.content is None:
        return web.Response(status=404, headers=SECURITY)
    await opening.looked(view, opened, "original saved")
    ending = kinds.ENDINGS.get(kinds.kind_of(brought.content), ".bin")
    headers = {
        **document_policy(view.desk.origin),
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f'attachment; filename="document{ending}"',
    }
    return web.Response(body=brought.content, headers=headers)
