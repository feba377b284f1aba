"""Searching the log: by patient, person, institution, document; machines folded; terms stay out of URLs (ui 4.f)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from aiohttp import web

from node.cx import patient_cx
from node.records import subject
from node.web.auditor.telling import SIGNS, Line, cx_of, gone, keep, line, used
from node.web.view import View
from trust.search.criteria import Criteria, period
from trust.search.index import TooManyUsers
from trust.search.search import Page, search

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE: Final = 100
_OUTCOMES: Final = {"refused": 8, "warning": 4, "failed": 12, "success": 0}
_FIELDS: Final = ("patient", "user", "community", "document", "outcome", "since", "until", "transaction", "incident")
_BARS: Final = 24
_VISIT: Final = timedelta(minutes=30)
_BAD: Final = ("off", "ok", "warn", "deny", "bad")


@dataclass(frozen=True, slots=True)
class Query:
    """A search of this session: what was typed, and what it means."""

    fields: dict[str, str]
    criteria: Criteria


@dataclass(frozen=True, slots=True)
class Group:
    """Entries in a row that belong together: a person's at one patient in half an hour, systems', looks at the log."""

    kind: str
    lines: list[Line]

    @property
    def what(self) -> str:
        """What was done, each thing once."""
        return ", ".join(dict.fromkeys(one.told.what for one in reversed(self.lines)))

    @property
    def worst(self) -> Line:
        """The entry that ended worst."""
        return max(self.lines, key=lambda one: _BAD.index(one.told.tone))

    @property
    def documents(self) -> int:
        """How many documents were opened."""
        return len({name for one in self.lines for name in one.told.documents})


async def form(view: View) -> web.StreamResponse:
    """The empty form."""
    return _page(view, {})


async def begin(view: View) -> web.StreamResponse:
    """Keep the terms for this session and go to the result."""
    fields = {name: view.fields.get(name, "").strip()[:200] for name in _FIELDS}
    try:
        criteria = _criteria(view, fields)
    except (ValueError, OverflowError):
        return _page(view, fields, problem=view.words("Write dates as 2026, 2026-11 or 2026-11-23."), status=422)
    if fields["patient"] and not criteria.patient:
        return _page(view, fields, problem=view.words("This is no patient number."), status=422)
    return view.see(f"/audit/search/{keep(view.signed_in.kept, Query(fields, criteria))}")


def _criteria(view: View, fields: dict[str, str]) -> Criteria:
    authority = view.desk.services.config.node.assigning_authority
    home = fields["community"]
    return Criteria(
        patient=subject(patient_cx(fields["patient"], authority)) if fields["patient"] else "",
        users=(fields["user"],) if fields["user"] else (),
        document=fields["document"],
        community=home if home in view.desk.names() else "",
        since=period(fields["since"])[0] if fields["since"] else "",
        until=period(fields["until"])[1] if fields["until"] else "",
        outcome=_OUTCOMES.get(fields["outcome"]),
        events=(fields["transaction"],) if fields["transaction"] else (),
        incident=fields["incident"],
    )


async def result(view: View) -> web.StreamResponse:
    """One page of entries, newest first; the search is on record with what it showed before it is shown."""
    query = view.signed_in.kept.get(view.parameters["q"])
    if not isinstance(query, Query):
        return gone(view)
    said = parse_qs(view.request.query_string, max_num_fields=8)
    before = said.get("before", [""])[0][:32].replace("-", "/")
    everything = said.get("all", [""])[0] == "1"
    database = view.desk.services.config.folder.database
    try:
        page = await asyncio.to_thread(search, view.desk.index, database, query.criteria, limit=PAGE, before=before)
    except TooManyUsers:
        problem = view.words("So many people have this in their names: write more of the name.")
        return _page(view, query.fields, problem=problem, status=422)
    except LookupError:
        return gone(view)
    shown = [one.label for one in page.entries]
    details = {**query.criteria.words(), "log size": str(page.size), "before": before}
    details["shown"] = f"{len(shown)}: {shown[0]} to {shown[-1]}" if shown else "0"
    record = used(
        view, "audit search", {name: value for name, value in details.items() if value}, cx_of(query.criteria.patient)
    )
    entry = await view.record(record)
    names = view.desk.names()
    lines = [line(view, one, names) for one in page.entries]
    return _page(view, query.fields, shown=_result(view, lines, page, everything=everything), entry=entry)


def _result(view: View, lines: list[Line], page: Page, *, everything: bool) -> dict[str, Any]:
    last = page.entries[-1].label.replace("/", "-") if page.entries else ""
    here = view.parameters["q"]
    return {
        "here": f"/audit/search/{here}",
        "groups": list(_grouped(lines, everything=everything)),
        "count": len(lines),
        "people": sum(not one.machine for one in lines),
        "everything": everything,
        "older": f"/audit/search/{here}?before={last}{'&all=1' if everything else ''}" if page.more else "",
        "size": page.size,
        "erased": page.erased,
        "bars": _bars(lines),
        "first": lines[-1].told.time if lines else "",
        "last": lines[0].told.time if lines else "",
    }


def _grouped(lines: Iterable[Line], *, everything: bool) -> Iterable[Group]:
    """What belongs together is one line, unless every entry is asked for."""
    group: list[Line] = []
    for one in lines:
        if group and (everything or not _together(group[-1], one)):
            yield Group(group[0].kind, group)
            group = []
        group.append(one)
    if group:
        yield Group(group[0].kind, group)


def _together(one: Line, other: Line) -> bool:
    if one.kind != other.kind:
        return False
    same = (one.told.who, one.patient, one.told.purpose) == (other.told.who, other.patient, other.told.purpose)
    return one.kind != "person" or (same and _moment(one) - _moment(other) < _VISIT)


def _moment(one: Line) -> datetime:
    return datetime.fromisoformat(one.told.time[:19]).replace(tzinfo=UTC)


def _bars(lines: list[Line]) -> list[dict[str, Any]]:
    """Accesses over the time of this page: people and systems, at most 24 bars."""
    if len(lines) < 2:
        return []
    times = [_moment(one) for one in lines]
    start, end = min(times), max(times)
    step = max((end - start) / _BARS, timedelta(seconds=1))
    counts = [[0, 0] for _ in range(_BARS)]
    for one, time in zip(lines, times, strict=True):
        counts[min(int((time - start) / step), _BARS - 1)][one.machine] += 1
    most = max(sum(one) for one in counts)
    return [
        {
            "x": 40 * number,
            "people": people,
            "machines": machines,
            "start": (start + number * step).strftime("%Y-%m-%d %H:%M"),
            "high": round(80 * people / most, 1),
            "low": round(80 * machines / most, 1),
        }
        for number, (people, machines) in enumerate(counts)
    ]


def _page(
    view: View,
    fields: dict[str, str],
    *,
    shown: dict[str, Any] | None = None,
    problem: str = "",
    status: int = 200,
    entry: str = "",
) -> web.Response:
    return view.page(
        "auditor/search.html",
        status=status,
        fields=fields,
        institutions=view.desk.names(),
        outcomes=list(_OUTCOMES),
        shown=shown,
        signs=SIGNS,
        problem=problem,
        entry=entry,
    )
