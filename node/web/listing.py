"""What the templates of the list need, and the record of what they show."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.outcome_words import ANSWERED, TEXTS, Outcome, Word
from node.records import document_object
from node.web import reading, seen
from node.web.facets import PAGE, SORTS, Wanted, choose
from node.web.items import Item
from node.web.missing import STEPS, gaps
from node.web.records import patient_page
from node.web.runs import Run
from node.web.sessions import Visit
from node.web.timeline import timeline
from node.web.view import View
from trust.audit.event import NewRecord

_NEWEST: Final = 3  # of what is new, above the list
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
class Institution:
    """One institution of the strip: how it ended, in words, and what somebody can do about it."""

    one: Outcome
    tone: str
    sign: str
    text: str
    step: str
    own: bool
    late: int  # documents of an answer that came late and is not shown yet; -1: none came


def shown(view: View, visit: Visit, run: Run, wanted: Wanted) -> dict[str, Any]:
    """What the templates of the list need."""
    everything = run.items()

    def is_new(item: Item) -> bool:
        return bool(visit.before.last) and item.digest not in visit.before.entries

    chosen = choose(everything, wanted, is_new, lambda item: reading.searched(run, item))
    new = [item for item in everything if is_new(item) and not item.replaced]
    pages = max(1, -(-len(chosen.items) // PAGE))
    page = min(wanted.page, pages)
    current = [item for item in everything if not item.replaced]
    return {
        "run": run,
        "wanted": wanted,
        "sorts": SORTS,
        "institutions": [_institution(view, run, one) for one in _ordered(run)],
        "total": len(current),
        "copies": sum(len(item.sources) + len(item.twins) for item in everything),
        "chosen": chosen,
        "rows": chosen.items[(page - 1) * PAGE : page * PAGE],
        "first": (page - 1) * PAGE + 1,
        "page_number": page,
        "pages": pages,
        "is_new": is_new,
        "mine": lambda item: view.desk.recent.of(view, item),
        "new": new,
        "newest": new[:_NEWEST],
        "last_visit": re.sub(r"\D", "", visit.before.last)[:12],
        "line": timeline(chosen.items) if wanted.view == "timeline" else None,
        "snippet": lambda item: reading.snippet(run, item, wanted.q),
        "search": reading.state(run, current),
        "gaps": gaps(run, visit.person, view.desk.services.clock(), view.words, lambda one: _text(view, one)),
    }


async def put_on_record(
    view: View, visit: Visit, run: Run, items: Iterable[Item], what: str, *, always: bool = True
) -> str:
    """Record that a list is shown, with the documents that this run has not shown yet, and remember those as shown."""
    once = {item.digest: item for item in items if item.digest not in run.shown}
    if not once and not always:
        return ""
    user, patient, now = view.signed_in.user, visit.person.cx, f"{view.desk.services.clock():%Y-%m-%dT%H:%M:%SZ}"
    objects = [
        document_object(item.entry.unique_id or "none", next(iter(item.entry.repository_unique_id), ""), item.home)
        for item in once.values()
    ]
    records = patient_page(view, view.caller(visit), what, [patient], objects=objects)

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        seen.mark(connection, user, patient, once, now)
        return None, records

    _, proof = await view.desk.services.sequencer.transact(work)
    run.shown.update(once)
    return str(getattr(proof, "index", ""))


def _ordered(run: Run) -> list[Outcome]:
    """Own institution first while asking; at the end those that did not answer first."""
    outcomes = list(run.outcomes.values())
    return sorted(outcomes, key=lambda one: one.word in ANSWERED and not one.incomplete) if run.done else outcomes


def _institution(view: View, run: Run, one: Outcome) -> Institution:
    tone, sign = _TONES[one.word]
    late = len(run.late[one.home].entries) if one.home in run.late else -1
    return Institution(
        one=one,
        tone="warn" if one.incomplete else tone,
        sign=sign,
        text=_text(view, one),
        step=view.words(STEPS[one.word]) if STEPS[one.word] else "",
        own=one.home == run.own,
        late=late,
    )


def _text(view: View, one: Outcome) -> str:
    text = view.words(TEXTS[one.word]).format(
        n=one.count, s=round(one.seconds, 1), code=one.code or view.words("no code given"), why=one.reason
    )
    return text + view.words(", answer incomplete") if one.incomplete else text
