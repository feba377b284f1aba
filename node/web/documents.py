"""Documents of all institutions on one list, institution by institution (ui 4.c, 6.1, 6.2)."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import Counter
from dataclasses import dataclass
from math import inf
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from node.outcome_words import ANSWERED, TEXTS, Outcome, Word
from node.web.asking import documents_of
from node.web.frame import SECURITY
from node.web.runs import Item, Run
from node.web.sessions import Visit
from node.web.view import View

PAGE: Final = 50
_FIRST_WAIT: Final = 1.0  # seconds in which a page without JavaScript waits for answers
_BATCH: Final = 0.25  # seconds between two changes of a page
_STREAM: Final = 70.0
_SORTS: Final = ("newest", "oldest", "kind", "institution")
# Class of the badge and sign for each outcome: never by colour alone.
_TONES: Final = {
    Word.ASKING: ("off", "…"),
    Word.FOUND: ("ok", "✓"),
    Word.NONE: ("off", "-"),
    Word.NO_PATIENT: ("off", "-"),
    Word.REFUSED: ("deny", "⊘"),
    Word.TIMEOUT: ("warn", "!"),
    Word.CERTIFICATE: ("bad", "✕"),
    Word.PROTOCOL: ("bad", "✕"),
    Word.UNREACHABLE: ("bad", "✕"),
    Word.PAUSED: ("warn", "!"),
    Word.NOT_ASKED: ("off", "-"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What of the list is shown: the facets of the URL, unknown ones left out."""

    run: str
    kind: str = ""
    org: str = ""
    q: str = ""
    sort: str = "newest"
    page: int = 1

    @classmethod
    def of(cls, query: str) -> Wanted:
        """Read a query string; what makes no sense is the default."""
        try:
            said = dict(parse_qsl(query, max_num_fields=32))
        except ValueError:
            said = {}
        page = said.get("page", "1")
        return cls(
            run=said.get("run", "")[:64],
            kind=said.get("kind", "")[:200],
            org=said.get("org", "")[:200],
            q=said.get("q", "")[:100],
            sort=said["sort"] if said.get("sort") in _SORTS else "newest",
            page=int(page) if page.isascii() and page.isdigit() and len(page) < 5 and int(page) else 1,
        )

    def query(self, **changes: str | int) -> str:
        """The same with changes, as a canonical query string without defaults."""
        said = {"run": self.run, "kind": self.kind, "org": self.org, "q": self.q, "sort": self.sort, "page": self.page}
        said |= changes
        plain = {"sort": "newest", "page": 1}
        return urlencode({name: value for name, value in said.items() if value and value != plain.get(name)})


def start(view: View, handle: str, visit: Visit) -> web.Response:
    """Ask every institution, and show what comes."""
    names = view.desk.names()
    emergency = visit.emergency_at(view.now)
    run = Run(handle, names, view.desk.home, until=emergency.until if emergency else inf)
    name = secrets.token_urlsafe(9)
    view.signed_in.keep(name, run)
    run.begin(lambda home, institution: documents_of(view, visit, home, institution))
    return view.see(f"/p/{handle}?{urlencode({'run': name})}")


async def ask(view: View) -> web.StreamResponse:
    """Ask again, all of them."""
    visit = view.signed_in.visit(view.parameters["h"], view.now)
    return start(view, view.parameters["h"], visit) if visit else view.no_visit()


async def listed(view: View) -> web.StreamResponse:
    """The page; without JavaScript it waits a second, so that quick institutions are on it."""
    handle = view.parameters["h"]
    visit = view.signed_in.visit(handle, view.now)
    if visit is None:
        return view.no_visit()
    wanted = Wanted.of(view.request.query_string)
    run = view.signed_in.run(handle, wanted.run, view.now)
    if run is None:
        return start(view, handle, visit)
    until = asyncio.get_running_loop().time() + _FIRST_WAIT
    while not run.done and (left := until - asyncio.get_running_loop().time()) > 0:
        await run.change(run.changes, left)
    return view.page("documents.html", visit=visit, handle=handle, **shown(view, run, wanted))


async def events(view: View) -> web.StreamResponse:
    """The parts of the page anew after each answer, at most four times a second, until all have ended."""
    handle = view.parameters["h"]
    visit = view.signed_in.visit(handle, view.now)
    run = view.signed_in.run(handle, view.parameters["r"], view.now)
    if visit is None or run is None:
        return web.Response(status=204, headers=SECURITY)
    wanted = Wanted.of(f"{view.request.query_string}&run={view.parameters['r']}")
    response = web.StreamResponse(headers={**SECURITY, "Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    await response.prepare(view.request)
    last = view.request.headers.get("Last-Event-ID", "")
    seen = int(last) if last.isascii() and last.isdigit() and len(last) < 9 else -1
    until = min(run.until, asyncio.get_running_loop().time() + _STREAM)
    while asyncio.get_running_loop().time() < until:
        if run.changes > seen:
            seen = run.changes
            values = {"visit": visit, "handle": handle, **shown(view, run, wanted)}
            parts = {
                "strip": view.part("_strip.html", **values),
                "list": view.part("_list.html", **values),
                "count": len(run.items()),
                "title": view.part("_title.html", **values),
            }
            event = "done" if run.done else "part"
            await response.write(f"id: {seen}\nevent: {event}\ndata: {json.dumps(parts)}\n\n".encode())
            if run.done:
                break
            await asyncio.sleep(_BATCH)
        elif not await run.change(seen, 10.0):
            await response.write(b": still asking\n\n")
    await response.write_eof()
    return response


def shown(view: View, run: Run, wanted: Wanted) -> dict[str, Any]:
    """What the templates of the list need."""
    everything = run.items()
    kinds = Counter(item.kind for item in everything if _fits(item, wanted, kind=False))
    institutions = Counter(
        name for item in everything if _fits(item, wanted, org=False) for name in (item.institution, *item.also)
    )
    chosen = _sorted([item for item in everything if _fits(item, wanted)], wanted.sort)
    pages = max(1, -(-len(chosen) // PAGE))
    page = min(wanted.page, pages)
    return {
        "run": run,
        "wanted": wanted,
        "sorts": _SORTS,
        "outcomes": [_outcome(view, one) for one in _ordered(run)],
        "total": len(everything),
        "copies": sum(len(item.also) for item in everything),
        "chosen": len(chosen),
        "rows": chosen[(page - 1) * PAGE : page * PAGE],
        "first": (page - 1) * PAGE + 1,
        "page_number": page,
        "pages": pages,
        "kinds": _facet(kinds, wanted.kind),
        "institutions": _facet(institutions, wanted.org),
        "lanes": _lanes(chosen),
    }


def _facet(counted: Counter[str], chosen: str) -> list[tuple[str, int]]:
    """A facet's values with their counts; a chosen one that is gone stays visible with 0."""
    if chosen and chosen not in counted:
        counted[chosen] = 0
    return sorted(counted.items(), key=lambda one: (-one[1], one[0]))


def _fits(item: Item, wanted: Wanted, *, kind: bool = True, org: bool = True) -> bool:
    if kind and wanted.kind and item.kind != wanted.kind:
        return False
    if org and wanted.org and wanted.org not in (item.institution, *item.also):
        return False
    text = f"{item.title} {item.kind} {item.institution} {item.author}".casefold()
    return all(word in text for word in wanted.q.casefold().split())


def _sorted(items: list[Item], sort: str) -> list[Item]:
    if sort == "oldest":
        return items[::-1]
    if sort == "kind":
        return sorted(items, key=lambda item: item.kind.casefold())
    if sort == "institution":
        return sorted(items, key=lambda item: item.institution.casefold())
    return items


def _ordered(run: Run) -> list[Outcome]:
    """Own institution first while asking; at the end those that did not answer first."""
    outcomes = list(run.outcomes.values())
    return sorted(outcomes, key=lambda one: one.word in ANSWERED and not one.incomplete) if run.done else outcomes


def _outcome(view: View, one: Outcome) -> dict[str, object]:
    tone, sign = _TONES[one.word]
    text = view.words(TEXTS[one.word]).format(
        n=one.count, s=round(one.seconds, 1), code=one.code or view.words("no code given"), why=one.reason
    )
    if one.incomplete:
        tone, text = "warn", text + view.words(", answer incomplete")
    return {"one": one, "tone": tone, "sign": sign, "text": text, "answered": one.word in ANSWERED}


def _lanes(items: list[Item]) -> dict[str, object]:
    """The timeline: a lane for each kind, a mark for each document, placed by year and day."""
    dated = [(item, _place(item.date)) for item in items if len(item.date) >= 4 and item.date[:4].isdigit()]
    if len(dated) < 2:
        return {}
    start, end = min(place for _, place in dated), max(place for _, place in dated)
    span = max(end - start, 0.1)
    kinds = [kind for kind, _ in Counter(item.kind for item, _ in dated).most_common(6)]
    marks = [
        {
            "item": item,
            "x": round(180 + 760 * (place - start) / span, 1),
            "y": 18 + 24 * (kinds.index(item.kind) if item.kind in kinds else len(kinds)),
        }
        for item, place in dated
    ]
    rest = len(marks) - sum(item.kind in kinds for item, _ in dated)
    height = 24 * (len(kinds) + (1 if rest else 0)) + 36
    return {"kinds": kinds, "rest": rest, "marks": marks, "height": height, "start": int(start), "end": int(end)}


def _place(dtm: str) -> float:
    """A DTM as years with a fraction, near enough for a picture."""
    digits = dtm if dtm[:8].isdigit() else dtm[:4]
    month = int(digits[4:6]) if len(digits) >= 6 else 7
    day = int(digits[6:8]) if len(digits) >= 8 else 1
    return int(digits[:4]) + (month - 1) / 12 + (day - 1) / 372
