"""Taking back what one has just published: for an hour, by whoever published it on the pages, and nobody else.

It is put in quarantine, as `document quarantine` does: in no answer from then on, to nobody, and reversible by an
administrator. Who and why is on record before the answer. What was opened before cannot be undone; so the page says who
that was, by the audit log.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from node.administration.documents import followed
from node.records import document_object, instant
from node.web import opening
from node.web.auditor.telling import line
from node.web.opening import Opened
from node.web.recent import Published, user_of
from node.web.records import patient_page
from node.web.view import View
from registry.document_registry import UnknownDocument
from trust.audit.event import Action, AuditedObject, NewRecord
from trust.search.criteria import Criteria
from trust.search.search import search

TAKEN_BACK: Final = "document taken back"
REASONS: Final = {"patient": "wrong patient", "file": "wrong file", "other": "another reason"}
_LEAST_NOTE: Final = 10
_OPENED: Final = ("ITI-43", "ITI-39", "ITI-68")
_INCOMING: Final = (3, 5)  # kinds of records: answered to another institution, done here
_FAILED: Final = 8
_MOST: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Somebody else who opened it since it was published, and how often."""

    name: str
    institution: str
    times: int


async def form(view: View) -> web.StreamResponse:
    """Who opened it so far, what taking it back does, and why; once it is taken back, that it is."""
    both = _found(view)
    return await _page(view, *both) if both else _not_offered(view)


def _found(view: View) -> tuple[Opened, Published] | None:
    opened = opening.find(view)
    published = view.desk.recent.of(view, opened.item) if opened else None
    return (opened, published) if opened and published else None


def _not_offered(view: View) -> web.Response:
    opened = opening.find(view)
    if opened is None:
        return view.no_visit()
    cause = view.words("Only who published a document on these pages can take it back, within an hour.")
    step = view.words("Tell the administrator, who can take it out at once: xdsnode document quarantine {id}")
    return view.problem(403, "PUB-25", cause, step.format(id=opened.item.entry.unique_id))


async def _page(
    view: View, opened: Opened, published: Published, *, problem: str = "", status: int = 200
) -> web.Response:
    readers, more = await asyncio.to_thread(_readers, view, published)
    gone = opening.withdrawn(view, opened.item)
    count = sum(one.times for one in readers)
    what = f"who opened a document that was {'taken back' if gone else 'published'}, shown to its author: {count} times"
    records = patient_page(
        view, view.caller(opened.visit), what, [opened.visit.person.cx], objects=[_document(view, opened)]
    )
    return view.page(
        "take_back.html",
        status=status,
        visit=opened.visit,
        handle=opened.handle,
        item=opened.item,
        run_name=view.parameters["r"],
        where=opened.where,
        until=f"{published.until:%H:%M}",
        gone=gone,
        readers=readers,
        count=count,
        more=more,
        reasons=REASONS,
        problem=problem,
        said=view.fields,
        entry=await view.record(*records),
    )


def _readers(view: View, published: Published) -> tuple[list[Reader], bool]:
    """Everybody but the author who opened the document since, by the log; and whether there may be more."""
    wanted = Criteria(document=published.unique_id, since=instant(published.at))
    found = search(view.desk.index, view.desk.services.config.folder.database, wanted, limit=_MOST)
    names, counts = view.desk.names(), Counter[tuple[str, str]]()
    for one in found.entries:
        event = one.record["event"]
        users = {each["user"] for each in event.get("participants", ()) if each["requestor"]}
        if (
            one.record["kind"] in _INCOMING
            and event.get("type", ("",))[0] in _OPENED
            and event.get("outcome", _FAILED) < _FAILED
            and published.user not in users
        ):
            told = line(view, one, names).told
            counts[told.who, told.institution] += 1
    readers = [Reader(name=who, institution=where, times=times) for (who, where), times in counts.most_common()]
    return readers, found.more


def _document(view: View, opened: Opened) -> AuditedObject:
    entry = opened.item.entry
    return document_object(entry.unique_id or "none", next(iter(entry.repository_unique_id), ""), view.desk.home)


async def take_back(view: View) -> web.StreamResponse:
    """Do it; a second click changes nothing and says the same."""
    both = _found(view)
    if both is None:
        return _not_offered(view)
    opened, published = both
    reason, note = view.fields.get("reason", ""), view.fields.get("note", "").strip()[:200]
    if reason not in REASONS or (reason == "other" and len(note) < _LEAST_NOTE):
        problem = view.words("Choose a reason, or write one of at least ten characters.")
        return await _page(view, opened, published, problem=problem, status=422)
    if not opening.withdrawn(view, opened.item):
        try:
            await _quarantine(view, opened, f"{REASONS[reason]}; {note}" if note else REASONS[reason])
        except UnknownDocument:
            return _not_offered(view)
        opening.forget(opened)
    return view.see(f"{opened.where}/take-back")


async def _quarantine(view: View, opened: Opened, reason: str) -> None:
    """Out of every answer, on record with who and why, in one transaction."""
    services, unique_id = view.desk.services, opened.item.entry.unique_id or ""

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        registry = services.registry.on(connection)
        registry.quarantine(unique_id, True)  # noqa: FBT003  the verb takes it so
        patients = followed(connection, registry, unique_id, by=user_of(view), now=services.clock())
        caller, objects = view.caller(opened.visit), [_document(view, opened)]
        return None, patient_page(view, caller, TAKEN_BACK, patients, action=Action.UPDATE, objects=objects, why=reason)

    await services.sequencer.transact(work)
