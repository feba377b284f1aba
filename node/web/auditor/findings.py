"""Findings: what somebody should look at, why, and what became of it (ui 4.f)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from node.auditing import telling
from node.faults import Faults
from node.web.administrator.ordering import ordered
from node.web.auditor.tasks import Task
from node.web.auditor.telling import Line, cx_of, line, used
from node.web.view import View
from trust.findings import store
from trust.findings.finding import Rule
from trust.findings.store import Kept, State
from trust.search.search import labels, look_up

_MOST_PATIENTS: Final = 50
_LOOKING: Final = "looking"  # where a session keeps that the rules run


@dataclass(frozen=True, slots=True)
class Shown:
    """A finding in words."""

    kept: Kept
    title: str
    sentence: str
    who: str
    first: str
    last: str
    patients: tuple[str, ...]  # numbers


def _shown(view: View, kept: Kept, names: dict[str, str]) -> Shown:
    one = kept.finding
    return Shown(
        kept,
        telling.title(one.rule, view.words),
        telling.sentence(one, view.words, names),
        telling.who(one, names),
        telling.instant(one.first),
        telling.instant(one.last),
        tuple(subject.partition("|")[2] for subject in one.patients[:_MOST_PATIENTS]),
    )


async def open_findings(view: View) -> web.StreamResponse:
    """The auditor's first page: what is open, the most serious first."""
    return await _listed(view, closed=False)


async def closed_findings(view: View) -> web.StreamResponse:
    """What was decided."""
    return await _listed(view, closed=True)


async def _listed(view: View, *, closed: bool) -> web.StreamResponse:
    services, task = view.desk.services, _looking(view)
    if task and not task.done and not closed:
        return view.page("auditor/looking.html", seconds=round(view.now - task.began, 1))
    found = store.listed(services.reader, closed=closed)
    what = f"{len(found)}: {' '.join(str(one.id) for one in found[:100])}"
    entry = await view.record(used(view, "audit findings", {"shown": what, "closed": str(closed).lower()}))
    head = services.sequencer.head
    names = view.desk.names()
    return view.page(
        "auditor/findings.html",
        findings=[_shown(view, one, names) for one in found],
        rules=_rules(view),
        closed=closed,
        looked=task if task and not closed else None,
        size=head.size if head else 0,
        severities=telling.SEVERITIES,
        states=telling.STATES,
        entry=entry,
    )


def _rules(view: View) -> list[dict[str, Any]]:
    """Each rule with its threshold, and how often people found it right."""
    counts = store.counted(view.desk.services.reader)
    rules = []
    for rule in Rule:
        count = counts.get(rule, {})
        rules.append(
            {
                "title": telling.title(rule, view.words),
                "threshold": telling.threshold(rule, view.words),
                "open": count.get(State.OPEN, 0),
                "right": count.get(State.MISUSE, 0) + count.get(State.EXPLAINED, 0),
                "false": count.get(State.FALSE_ALARM, 0),
            }
        )
    return rules


async def look(view: View) -> web.StreamResponse:
    """Run the rules now; the page of findings waits for them."""
    running = _looking(view)
    if running is None or running.done:
        task = Task("audit findings look", view.now)
        view.signed_in.kept[_LOOKING] = task
        task.start(lambda: ordered(view, "audit findings look"))
    return view.see("/audit")


def _looking(view: View) -> Task | None:
    task = view.signed_in.kept.get(_LOOKING)
    return task if isinstance(task, Task) else None


async def finding(view: View) -> web.StreamResponse:
    """One finding with its evidence and what was written about it; each patient that it names is on record."""
    kept = _wanted(view)
    if kept is None:
        return _nothing(view)
    return await _page(view, kept)


async def _page(view: View, kept: Kept, problem: str = "") -> web.StreamResponse:
    patients = kept.finding.patients[:_MOST_PATIENTS] or ("",)
    details = {"finding": str(kept.id)}
    entry = await view.record(*(used(view, "audit findings show", details, cx_of(one)) for one in patients))
    return view.page(
        "auditor/finding.html",
        status=422 if problem else 200,
        shown=_shown(view, kept, view.desk.names()),
        lines=_evidence(view, kept),
        threshold=telling.threshold(kept.finding.rule, view.words),
        severities=telling.SEVERITIES,
        states=telling.STATES,
        most=_MOST_PATIENTS,
        problem=problem,
        note=view.fields.get("note", "") if problem else "",
        entry=entry,
    )


def _evidence(view: View, kept: Kept) -> list[Line]:
    names, found = view.desk.names(), []
    for label in labels(view.desk.services.reader, kept.finding.entries):
        try:
            found.append(line(view, look_up(view.desk.services.config.folder.database, label)[0], names))
        except LookupError:  # erased meanwhile: the entry is still named by its number
            continue
    return found


async def decide(view: View) -> web.StreamResponse:
    """A note, and what the finding became."""
    kept = _wanted(view)
    if kept is None:
        return _nothing(view)
    note = view.fields.get("note", "").strip()
    outcome = view.fields.get("outcome", "")
    try:
        await ordered(view, "audit findings close", {"finding": kept.id, "outcome": outcome, "note": note})
    except Faults:
        said = view.words("Write in 10 to 2000 characters what you found out, and from whom.")
        return await _page(view, kept, said)
    return view.see(f"/audit/findings/{kept.id}")


def _wanted(view: View) -> Kept | None:
    number = view.parameters["f"]
    return store.find(view.desk.services.reader, int(number)) if number.isdecimal() and len(number) < 16 else None


def _nothing(view: View) -> web.Response:
    cause = view.words("There is no such finding.")
    return view.problem(404, "AUD-03", cause, view.words("Choose one from the list of findings."))
