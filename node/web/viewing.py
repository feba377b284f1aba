"""One document: where it comes from, and its content drawn and never run (ui 4.d, 6.8; threats I10 to I15)."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiohttp import web
from markupsafe import Markup

from node.web import opening, sameness
from node.web.asking import MOST_BYTES, Brought, stream
from node.web.drawing import kinds
from node.web.drawing.process import Drawn
from node.web.frame import SECURITY, document_policy
from node.web.opening import Opened
from node.web.runs import Fetching
from node.web.sameness import Sameness
from node.web.view import View
from registry.metadata.values import is_size

FRAMED: Final = ("cda", "text")
PICTURED: Final = ("pdf", "image")
MOST_PAGES: Final = 500
_WAIT: Final = 1.5  # seconds before the page says that the document is on its way
_LONGEST_WAIT: Final = 15.0
_TURNS: Final = {"90": 90, "180": 180, "270": 270}
_ZOOMS: Final = ("fit", "100", "200")


async def viewer(view: View) -> web.StreamResponse:
    """The page around a document."""
    opened = opening.find(view)
    if opened is None:
        return view.no_visit()
    if "again" in view.request.query:
        opening.forget(opened)
        return view.see(opened.where)
    kept = opened.item.key in opened.run.brought
    brought = await opening.soon(view, opened, _WAIT)
    if isinstance(brought, Fetching):
        return await _on_its_way(view, opened, brought)
    if brought.content is None:
        return await _not_there(view, opened, brought)
    differs = opening.differs(opened.item, brought.content)
    held_back = differs and "anyway" not in view.request.query
    drawn = None if held_back else await opening.drawn(view, opened, brought.content)
    what = "document held back, its content differs" if held_back else f"document shown as {drawn and drawn.form}"
    if differs and not held_back:
        what = "document shown although its content differs"
    entry = await opening.looked(view, opened, what)
    return view.page(
        "document.html",
        **_around(view, opened),
        brought=brought,
        kept=kept,
        drawn=drawn,
        same=Sameness() if drawn is None else _sameness(opened, drawn),
        failure=failure(view, drawn) if drawn and drawn.form == "failed" else "",
        most_pages=MOST_PAGES,
        size=len(brought.content),
        detected=kinds.kind_of(brought.content),
        checkable=bool(opened.item.entry.hash),
        differs=differs,
        anyway="?anyway=1" if differs else "",
        picture=asked_picture(view),
        entry=entry,
    )


def _around(view: View, opened: Opened) -> dict[str, Any]:
    """What the page says of a document whether it is here or not."""
    item = opened.item
    before, number, total, after = opened.run.place(item.key)
    return {
        "visit": opened.visit,
        "handle": opened.handle,
        "item": item,
        "run_name": view.parameters["r"],
        "where": opened.where,
        "base": opened.where.rpartition("/")[0],
        "before": before,
        "number": number,
        "total": total,
        "after": after,
        "own": (item.home or view.desk.home) == view.desk.home,
        "on_demand": item.on_demand,
        "mine": view.desk.recent.of(view, item),
    }


async def waiting(view: View) -> web.StreamResponse:
    """Answers when a document that is on its way is here, or after some seconds; shows nothing of it."""
    opened = opening.find(view)
    fetching = opened.run.fetches.get(opened.item.key) if opened else None
    if fetching and fetching.task:
        await asyncio.wait({fetching.task}, timeout=_LONGEST_WAIT)
    return web.Response(status=204, headers=SECURITY)


async def _on_its_way(view: View, opened: Opened, fetching: Fetching) -> web.Response:
    entry = await opening.looked(view, opened, "document asked for")
    size = next(iter(opened.item.entry.size), "")
    return view.page(
        "fetching.html",
        **_around(view, opened),
        seconds=round(asyncio.get_running_loop().time() - fetching.began),
        received=fetching.received,
        expected=int(size) if is_size(size) else 0,
        entry=entry,
    )


async def _not_there(view: View, opened: Opened, brought: Brought) -> web.Response:
    """Found but not to be shown: why, and what can be done instead."""
    error = brought.error
    if brought.too_large:
        entry = await opening.looked(view, opened, "document too large to be shown")
        most = MOST_BYTES >> 20
        return view.page("missing_document.html", **_around(view, opened), too_large=most, error=None, entry=entry)
    return view.page(
        "missing_document.html", status=502, **_around(view, opened), too_large=0, error=error, entry=brought.entry
    )


def _sameness(opened: Opened, drawn: Drawn) -> Sameness:
    """Of a document that does not say whom it is about, what its metadata say is compared."""
    info = opened.item.entry.source_patient_info
    subject = drawn.subject or sameness.registered(info)
    return sameness.compare(subject, opened.visit.person.records, opened.visit.person.cx)


def failure(view: View, drawn: Drawn) -> str:
    """Why a document was not drawn."""
    texts = {
        "password": "The file is protected by a password.",
        "time": "Drawing it took too long and was stopped.",
        "memory": "Drawing it took too much memory and was stopped.",
        "pixels": "The image has more than 40 million pixels.",
    }
    return view.words(texts.get(drawn.why, "The file is damaged, or of a kind that is not known here."))


def asked_page(view: View) -> int:
    """Which page of a PDF is wanted; 0 for none that there can be."""
    number = view.parameters["n"]
    return int(number) if is_size(number) and int(number) <= MOST_PAGES else 0


def asked_picture(view: View) -> dict[str, Any]:
    """How large an image is wanted, and how far turned."""
    query = view.request.query
    zoom = query.get("zoom", "fit")
    return {"zoom": zoom if zoom in _ZOOMS else "fit", "turn": _TURNS.get(query.get("turn", ""), 0)}


async def _shown(view: View, opened: Opened) -> bytes | None:
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
    if drawn is None or drawn.form not in FRAMED:
        return web.Response(status=404, headers=document_policy(view.desk.origin))
    await opening.looked(view, opened, "content shown")
    return framed(view, drawn.html, opened.item.language)


def framed(view: View, html: str, language: str) -> web.Response:
    """A page for a frame of its own, of HTML that passed `drawing.checked`."""
    text = view.part(
        "body.html",
        content=Markup(html),  # noqa: S704  one of the two places: it passed `drawing.checked`
        content_language=language,
        style=view.desk.origin + view.desk.frame.url("document.css"),
    )
    return web.Response(text=text, content_type="text/html", charset="utf-8", headers=document_policy(view.desk.origin))


async def printed(view: View) -> web.StreamResponse:
    """The document for paper: the patient and who printed it on top, the whole content below, no frame."""
    opened = opening.find(view)
    if opened is None:
        return view.no_visit()
    document = await _shown(view, opened)
    drawn = None if document is None else await opening.drawn(view, opened, document)
    if document is None or drawn is None or drawn.form not in (*FRAMED, *PICTURED):
        return web.Response(status=404, headers=SECURITY)
    entry = await opening.looked(view, opened, "document printed")
    framed_ = drawn.form in FRAMED
    text = view.part(
        "print.html",
        **_around(view, opened),
        entry=entry,
        drawn=drawn,
        content=Markup(drawn.html),  # noqa: S704  the other place
        pages=0 if framed_ else min(drawn.pages, MOST_PAGES),
        anyway="?anyway=1" if "anyway" in view.request.query else "",
        now=f"{view.desk.services.clock():%Y%m%d%H%M}",
        style=view.desk.origin + view.desk.frame.url("document.css"),
    )
    headers = document_policy(view.desk.origin) if framed_ else SECURITY
    return web.Response(text=text, content_type="text/html", charset="utf-8", headers=headers)


async def picture(view: View) -> web.StreamResponse:
    """A page of a PDF, or an image, as a picture drawn anew."""
    opened = opening.find(view)
    number = asked_page(view)
    document = await _shown(view, opened) if opened else None
    if opened is None or document is None or not number:
        return web.Response(status=404, headers=SECURITY)
    turn = _TURNS.get(view.request.query.get("turn", ""), 0)
    full = "full" in view.request.query
    drawn = await opening.picture(view, opened, document, number, full=full, turn=turn)
    if drawn.form not in PICTURED:
        return web.Response(status=404, headers=SECURITY)
    await opening.looked(view, opened, f"page {number} shown")
    return web.Response(body=drawn.picture, content_type="image/webp", headers=SECURITY)


async def original(view: View) -> web.StreamResponse:
    """The file as it was registered, to be saved and never opened here; the name is our own."""
    opened = opening.find(view)
    if opened is None:
        return view.no_visit()
    brought = await opening.content(view, opened)
    if brought.content is None and not brought.too_large:
        return web.Response(status=404, headers=SECURITY)
    await opening.looked(view, opened, "original saved")
    ending = ".bin" if brought.content is None else kinds.ENDINGS.get(kinds.kind_of(brought.content), ".bin")
    headers = {
        **document_policy(view.desk.origin),
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f'attachment; filename="document{ending}"',
    }
    if brought.content is not None:
        return web.Response(body=brought.content, headers=headers)
    pieces = await stream(view, opened.visit.of(opened.run), opened.item.entry)
    if isinstance(pieces, Brought):
        return web.Response(status=502, headers=SECURITY)
    response = web.StreamResponse(headers=headers)
    await response.prepare(view.request)
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
    return response
