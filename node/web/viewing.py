"""One document: where it comes from, and its content drawn and never run (ui 4.d, 6.8; threats I10 to I14)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hashlib import sha1
from typing import Final

from aiohttp import web
from markupsafe import Markup

from node import xml_documents
from node.cda_header import CLINICAL_DOCUMENT
from node.web import pdf
from node.web.asking import Brought, fetch
from node.web.frame import SECURITY, document_policy
from node.web.items import Item
from node.web.narrative import Narrative, embedded_pdf
from node.web.records import patient_page
from node.web.runs import Run
from node.web.sessions import Visit
from node.web.view import View
from trust.audit.event import NewRecord

_IMAGES: Final = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))
_OUR_TEXTS: Final = (
    "Document", "Patient", "Born", "Author", "Institution", "Written", "inserted", "deleted",
    "Sections below this one are too deep to be drawn.",
    "Coded entries without text: {n}. They are in the original file.",
    "Coded entries that say something is NOT so: {n}.",
    "image within the document",
    "A part that is not shown here: {what}. It is in the original file.",
)  # fmt: skip
_MOST_TEXT: Final = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """One document of an open visit."""

    visit: Visit
    run: Run
    item: Item
    handle: str
    where: str  # path of its pages


def _open(view: View) -> Opened | None:
    handle, name, key = (view.parameters[part] for part in ("h", "r", "d"))
    visit = view.signed_in.visit(handle, view.now)
    run = view.signed_in.run(handle, name, view.now)
    item = run.item(key) if visit and run else None
    if visit is None or run is None or item is None:
        return None
    return Opened(visit=visit, run=run, item=item, handle=handle, where=f"/p/{handle}/runs/{name}/d/{key}")


async def _content(view: View, opened: Opened) -> Brought:
    """The document, fetched once for a run; the fetching is on record, and so is each look at it."""
    brought = opened.run.brought.get(opened.item.key)
    if brought is None:
        brought = await fetch(view, opened.visit, opened.item.entry)
        if brought.content is not None:
            opened.run.brought[opened.item.key] = brought
    return brought


async def viewer(view: View) -> web.StreamResponse:
    """The page around a document."""
    opened = _open(view)
    if opened is None:
        return view.no_visit()
    brought = await _content(view, opened)
    if brought.content is None:
        cause = view.words("The document could not be fetched.")
        if brought.error:
            cause = f"{cause} {brought.error.code}: {brought.error.context}"
        return view.problem(502, "DOC-01", cause, view.words("Ask again later, or call the institution that has it."))
    entry = await view.record(*_looked(view, opened, "document shown"))
    differs = _differs(opened.item, brought.content)
    form = "differs" if differs and "anyway" not in view.request.query else _form(brought.content)
    if differs and form != "differs":
        entry = await view.record(*_looked(view, opened, "document shown although its content differs"))
    drawn = await pdf.draw(_pdf(brought.content), 1) if form == "pdf" else None
    return view.page(
        "document.html",
        visit=opened.visit,
        handle=opened.handle,
        item=opened.item,
        run_name=view.parameters["r"],
        where=opened.where,
        form="none" if form == "pdf" and drawn is None else form,
        drawn=drawn,
        most_pages=pdf.MOST_PAGES,
        size=len(brought.content),
        fetched=brought.entry,
        checkable=bool(opened.item.entry.hash),
        differs=differs,
        entry=entry,
    )


def _looked(view: View, opened: Opened, what: str) -> list[NewRecord]:
    said = f"{what}: {opened.item.entry.unique_id}"
    return patient_page(view, view.caller(opened.visit), said, [opened.visit.person.cx])


def _differs(item: Item, content: bytes) -> bool:
    registered = next(iter(item.entry.hash), "").lower()
    return bool(registered) and sha1(content, usedforsecurity=False).hexdigest() != registered


def _form(content: bytes) -> str:
    """How it is drawn, by what it is and never by what it is called."""
    if content.startswith(b"%PDF-"):
        return "pdf"
    if any(content.startswith(start) for start, _ in _IMAGES):
        return "image"
    root = xml_documents.read(content)
    if root is not None:
        if root.tag != CLINICAL_DOCUMENT:
            return "none"
        return "pdf" if embedded_pdf(root) else "frame"
    head = content[:4096].lstrip().lower()
    if b"\0" in content or head.startswith((b"<", b"\xef\xbb\xbf<")):
        return "none"
    try:
        content.decode()
    except UnicodeDecodeError:
        return "none"
    return "frame"


def _pdf(content: bytes) -> bytes:
    if content.startswith(b"%PDF-"):
        return content
    root = xml_documents.read(content)
    return b"" if root is None else embedded_pdf(root)


async def body(view: View) -> web.StreamResponse:
    """What stands in the frame: no script, an opaque origin, one style sheet, nothing else."""
    opened = _open(view)
    if opened is None:
        return view.no_visit()
    brought = await _content(view, opened)
    if brought.content is None or _form(brought.content) != "frame":
        return web.Response(status=404, headers=document_policy(view.desk.origin))
    await view.record(*_looked(view, opened, "content shown"))
    words = {text: view.words(text) for text in _OUR_TEXTS}
    html = await asyncio.to_thread(_drawn, brought.content, words)
    text = view.part("body.html", content=html, style=view.desk.origin + view.desk.frame.url("document.css"))
    return web.Response(text=text, content_type="text/html", charset="utf-8", headers=document_policy(view.desk.origin))


def _drawn(content: bytes, words: dict[str, str]) -> Markup:
    """The one place where HTML is not escaped again: `Narrative` makes it of escaped text."""
    root = xml_documents.read(content)
    if root is not None:
        return Markup(Narrative(root, words).html())  # noqa: S704
    return Markup("<pre>{}</pre>").format(content.decode("utf-8", "replace")[:_MOST_TEXT])


async def picture(view: View) -> web.StreamResponse:
    """A page of a PDF as a picture, or the image itself (page 1)."""
    opened = _open(view)
    number = view.parameters["n"]
    brought = await _content(view, opened) if opened else None
    if opened is None or brought is None or brought.content is None or not number.isdigit() or len(number) > 4:
        return web.Response(status=404, headers=SECURITY)
    kind = next((kind for start, kind in _IMAGES if brought.content.startswith(start)), "")
    await view.record(*_looked(view, opened, f"page {number} shown"))
    if kind:
        return web.Response(body=brought.content, content_type=kind, headers=document_policy(view.desk.origin))
    drawn = await pdf.draw(_pdf(brought.content), int(number)) if int(number) <= pdf.MOST_PAGES else None
    if drawn is None:
        return web.Response(status=404, headers=SECURITY)
    return web.Response(body=drawn.picture, content_type="image/png", headers=SECURITY)


async def original(view: View) -> web.StreamResponse:
    """The file as it was registered, to be saved and never opened here; the name is our own."""
    opened = _open(view)
    if opened is None:
        return view.no_visit()
    brought = await _content(view, opened)
    if brought.content is None:
        return web.Response(status=404, headers=SECURITY)
    await view.record(*_looked(view, opened, "original saved"))
    headers = {
        **document_policy(view.desk.origin),
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f'attachment; filename="document{_ending(brought.content)}"',
    }
    return web.Response(body=brought.content, headers=headers)


def _ending(content: bytes) -> str:
    form = _form(content)
    if content.startswith(b"%PDF-"):
        return ".pdf"
    if form == "image":
        kind = next(kind for start, kind in _IMAGES if content.startswith(start))
        return "." + kind.partition("/")[2]
    return ".xml" if content[:200].lstrip().startswith(b"<") else ".txt" if form == "frame" else ".bin"
