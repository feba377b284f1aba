"""Documents of all institutions on one list, institution by institution (ui 4.c, 6.1, 6.2)."""

from __future__ import annotations

import asyncio
import json
import secrets
from math import inf
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from node.web import reading
from node.web.asking import documents_of
from node.web.facets import Wanted
from node.web.frame import SECURITY
from node.web.listing import put_on_record, shown
from node.web.runs import AskOne, Run
from node.web.sessions import Visit
from node.web.view import View

_FIRST_WAIT: Final = 0.5  # seconds in which a page without JavaScript waits for answers
_BATCH: Final = 0.25  # seconds between two changes of a page
_STREAM: Final = 70.0
_PARTS: Final = ("strip", "new", "facets", "list", "missing")


def start(view: View, handle: str, visit: Visit) -> web.Response:
    """Ask every institution, and show what comes."""
    emergency = visit.emergency_at(view.now)
    earlier = [run for run in view.signed_in.runs.values() if run.handle == handle and run.known is None]
    listed = {item.digest for run in earlier[-1:] for one in run.items() for item in (one, *one.folded)}
    run = Run(
        handle,
        view.desk.names(),
        view.desk.home,
        seconds=view.desk.services.config.federation.deadline,
        until=emergency.until if emergency else inf,
        began=view.desk.services.clock(),
        known=frozenset(listed) if emergency else None,
    )
    name = secrets.token_urlsafe(9)
    view.signed_in.keep(name, run)
    run.begin(_asker(view, visit.of(run)))
    return view.see(f"/p/{handle}?{urlencode({'run': name})}")


def _asker(view: View, visit: Visit) -> AskOne:
    return lambda home, institution: documents_of(view, visit, home, institution)


async def ask(view: View) -> web.StreamResponse:
    """Ask again, all of them."""
    visit = view.signed_in.visit(view.parameters["h"], view.now)
    return start(view, view.parameters["h"], visit) if visit else view.no_visit()


async def ask_one(view: View) -> web.StreamResponse:
    """Ask one institution again; what the others said stays."""
    found = _open(view)
    if found is None:
        return view.no_visit()
    visit, run = found
    run.again(view.fields.get("home", ""), _asker(view, visit.of(run)))
    return _back(view)


async def take_late(view: View) -> web.StreamResponse:
    """Put the answers that came late into the list."""
    found = _open(view)
    if found is None:
        return view.no_visit()
    found[1].take_late()
    return _back(view)


async def read_all(view: View) -> web.StreamResponse:
    """Fetch what was not fetched yet, so that words can be looked for in all of it."""
    found = _open(view)
    if found is None:
        return view.no_visit()
    visit, run = found
    if not run.fetching:
        run.work(reading.fetch_rest(view, visit.of(run), run))
    return _back(view)


async def mark_seen(view: View) -> web.StreamResponse:
    """Everything that is listed counts as shown."""
    found = _open(view)
    if found is None:
        return view.no_visit()
    visit, run = found
    await put_on_record(view, visit, run, run.items(), "all new documents marked as seen")
    visit.before = visit.before.with_all(item.digest for item in run.items())
    run.learned()
    return _back(view)


def _open(view: View) -> tuple[Visit, Run] | None:
    handle = view.parameters["h"]
    visit = view.signed_in.visit(handle, view.now)
    run = view.signed_in.run(handle, view.parameters["r"], view.now)
    return (visit, run) if visit and run else None


def _back(view: View) -> web.Response:
    """To the list as it was."""
    wanted = Wanted.of(f"{view.fields.get('back', '')}&run={view.parameters['r']}")
    return view.see(f"/p/{view.parameters['h']}?{wanted.query()}")


async def listed(view: View) -> web.StreamResponse:
    """The page; without JavaScript it waits for half a second, so that quick institutions are on it."""
    handle = view.parameters["h"]
    visit = view.signed_in.visit(handle, view.now)
    if visit is None:
        return view.no_visit()
    wanted = Wanted.of(view.query)
    run = view.signed_in.run(handle, wanted.run, view.now)
    if run is None:
        return start(view, handle, visit)
    if view.query != wanted.query():
        return view.see(f"/p/{handle}?{wanted.query()}")  # one address for one list
    until = asyncio.get_running_loop().time() + _FIRST_WAIT
    while not run.done and (left := until - asyncio.get_running_loop().time()) > 0:
        await run.change(run.changes, left)
    if wanted.q:
        await reading.read_fetched(run)
    values = shown(view, visit, run, wanted)
    what = f"list of documents shown: {len(values['rows'])} of {values['total']}"
    if wanted.q:
        what += f"; looked for {wanted.q!r}"
    entry = await put_on_record(view, visit, run, [*values["rows"], *values["newest"]], what)
    return view.page("documents.html", visit=visit, handle=handle, entry=entry, **values)


async def events(view: View) -> web.StreamResponse:
    """The parts of the page anew after each answer, at most four times a second, until nothing more can come."""
    found = _open(view)
    if found is None:
        return web.Response(status=204, headers=SECURITY)
    visit, run = found
    wanted = Wanted.of(f"{view.query}&run={view.parameters['r']}")
    response = web.StreamResponse(headers={**SECURITY, "Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    await response.prepare(view.request)
    last = view.request.headers.get("Last-Event-ID", "")
    seen = int(last) if last.isascii() and last.isdigit() and len(last) < 9 else -1
    until = min(run.until, asyncio.get_running_loop().time() + _STREAM)
    while asyncio.get_running_loop().time() < until:
        over = run.over
        if run.changes > seen:
            seen = run.changes
            await response.write(await _event(view, visit, run, wanted, over=over))
            if over:
                break
            await asyncio.sleep(_BATCH)
        elif over:
            await response.write(b"event: bye\ndata: {}\n\n")
            break
        elif not await run.change(seen, 10.0):
            await response.write(b": still asking\n\n")
    await response.write_eof()
    return response


async def _event(view: View, visit: Visit, run: Run, wanted: Wanted, *, over: bool) -> bytes:
    """The parts of the page as they are now; whatever stands on them for the first time is on record first."""
    number = run.changes
    if wanted.q:
        await reading.read_fetched(run)
    values: dict[str, Any] = {"visit": visit, "handle": view.parameters["h"], **shown(view, visit, run, wanted)}
    await put_on_record(view, visit, run, [*values["rows"], *values["newest"]], "list of documents grew", always=False)
    parts = {name: view.part(f"_{name}.html", **values) for name in _PARTS}
    parts["title"] = view.part("_title.html", **values)
    name = "done" if over else "part"
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(parts)}\n\n".encode()
