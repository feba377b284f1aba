"""Publishing a document by hand: the file, and what is said of it (ui 4.i); `previewing` shows it and sends it.

A draft lives in the session: its bytes sealed in the spool, its ids fixed, so that sending it twice registers it once.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from aiohttp import web

from node.configuration.vocabulary import affinity_domain
from node.documents.submission_builder import Source
from node.web.asking import documents_of
from node.web.drafts import (
    LEVELS,
    PROBLEMS,
    UUIDS,
    WAITS,
    Draft,
    Whose,
    facts_of,
    kinds,
    values,
    version_of,
    whose,
    wrong,
)
from node.web.drawing.process import draw
from node.web.records import patient_page
from node.web.runs import Run
from node.web.sessions import Visit
from node.web.view import View
from registry.metadata.affinity_domain import AffinityDomain, AllowedCode

_READING: Final = asyncio.Semaphore(2)  # 50 MB of XML take seconds, and many times their size in memory
FIELDS: Final = ("kind", "title", "author", "start", "stop", "language", "level", "replaces")


async def form(view: View) -> web.StreamResponse:
    """Choose a file."""
    visit = view.signed_in.visit(view.parameters["h"], view.now)
    return view.page("publish.html", visit=visit, handle=view.parameters["h"], problem="") if visit else view.no_visit()


async def upload(view: View) -> web.StreamResponse:
    """A file has come: what it says is drawn from it, and what is missing is asked."""
    handle, sent = view.parameters["h"], view.upload
    visit = view.signed_in.visit(handle, view.now)
    if visit is None or sent is None:
        if sent:
            sent.close()
        return view.no_visit()
    services = view.desk.services
    async with _READING:
        facts, problem = await asyncio.to_thread(facts_of, sent, f"{services.clock():%Y%m%d%H%M%S}")
    if not problem and facts.mime_type == "application/pdf" and (await draw(sent.content, words={})).form == "failed":
        problem = "PUB-13"
    what = f"file chosen for publishing: SHA-1 {facts.sha1}, {facts.mime_type}, {facts.size} B {problem}".strip()
    entry = await view.record(*patient_page(view, view.caller(visit), what, [visit.person.cx]))
    if problem:
        sent.close()
        said = f"{view.words(PROBLEMS[problem])} ({problem})"
        return view.page("publish.html", status=422, visit=visit, handle=handle, problem=said, entry=entry)
    draft = Draft(
        handle=handle,
        upload=sent,
        facts=facts,
        whose=whose(facts, visit.person, services.config.node.assigning_authority),
        until=view.now + WAITS,
        numbers=tuple(UUID(services.new_uuid()).int for _ in range(UUIDS)),
    )
    own = await own_documents(view, visit)
    if any(facts.sha1 in one.entry.hash for one in own.items()):
        draft.problem = "PUB-18"
    if facts.header and facts.header.replaces:
        draft.replaces = version_of(facts.header.replaces, own.items())
    name = secrets.token_urlsafe(9)
    view.desk.sessions.hold(view.signed_in, name, draft)
    return view.see(f"/p/{handle}/publish/{name}")


async def own_documents(view: View, visit: Visit) -> Run:
    """What is published here of this patient."""
    run = Run(view.parameters["h"], {view.desk.home: view.desk.name}, view.desk.home)
    run.begin(lambda home, name: documents_of(view, visit, home, name))
    while not run.done:
        await run.change(run.changes, 10.0)
    return run


def found(view: View) -> tuple[Visit, Draft] | None:
    """The file that the address names; None where its patient is not open, or it is not held any more."""
    handle = view.parameters["h"]
    visit = view.signed_in.visit(handle, view.now)
    draft = view.signed_in.draft(handle, view.parameters["d"], view.now)
    return (visit, draft) if visit and draft else None


def gone(view: View) -> web.Response:
    """What the pages of a file say that is not held any more."""
    cause = view.words("This file is not held here any more.")
    return view.problem(404, "PUB-24", cause, view.words("Choose it again. If it was published, it is in the list."))


async def check(view: View) -> web.StreamResponse:
    """Every field with its value and where that comes from; only what is missing has to be filled in."""
    both = found(view)
    if both is None:
        return gone(view)
    visit, draft = both
    return await checked(view, visit, draft)


async def checked(
    view: View, visit: Visit, draft: Draft, *, faults: tuple[str, ...] = (), problem: str = "", status: int = 200
) -> web.Response:
    """The same with what is wrong, or why it was not published."""
    domain = affinity_domain(view.desk.services.config)
    own = [one for one in (await own_documents(view, visit)).items() if not one.replaced] if not draft.published else []
    return view.page(
        "publish_check.html",
        status=status,
        visit=visit,
        handle=draft.handle,
        draft=draft,
        name=view.parameters["d"],
        values=values(draft, view.signed_in.full_name, source(view, domain)),
        kinds=_named(view, domain),
        levels=LEVELS,
        own=own,
        faults=faults,
        problem=problem,
        note_text=view.words(PROBLEMS[draft.problem]) if draft.problem else "",
        replaces=draft.said.get("replaces", draft.replaces),
        another=draft.whose is Whose.ANOTHER,
    )


def _named(view: View, domain: AffinityDomain) -> list[tuple[str, str]]:
    """Kinds with their names in the reader's language, by name."""
    return sorted(
        ((f"{one.code}^{one.scheme}", name_of(view, one)) for one in kinds(domain)),
        key=lambda pair: pair[1].casefold(),
    )


def name_of(view: View, code: AllowedCode) -> str:
    """What a code is called in the reader's language."""
    names: Mapping[str, str] = code.names
    return names.get(view.language[:2]) or names.get("en") or code.code


def source(view: View, domain: AffinityDomain) -> Source:
    """This institution as the source of what is published."""
    config = view.desk.services.config
    return Source(
        name=config.node.name,
        source_id=config.node.repository_unique_id,
        assigning_authority=config.node.assigning_authority,
        defaults=config.submit,
        accepts=domain.accepts,
    )


async def state(view: View) -> web.StreamResponse:
    """Take what is said of the file, and go on to look at it; nothing is published by that."""
    both = found(view)
    if both is None:
        return gone(view)
    visit, draft = both
    if draft.published:
        return view.see(f"/p/{draft.handle}/publish/{view.parameters['d']}/done")
    said = {name: view.fields.get(name, "")[:200] for name in FIELDS}
    draft.said, draft.stated = said, draft.stated + 1
    faults = tuple(wrong(said, affinity_domain(view.desk.services.config)))
    known = {one.entry.entry_uuid: one for one in (await own_documents(view, visit)).items() if not one.replaced}
    if said["replaces"] and said["replaces"] not in known:
        faults += ("replaces",)
    if not faults and draft.whose is Whose.ANOTHER and not _confirmed(view, visit):
        faults = ("confirm",)
    draft.good = not faults
    if faults:
        return await checked(view, visit, draft, faults=faults, status=422)
    draft.former = known[said["replaces"]].title if said["replaces"] else ""
    return view.see(f"/p/{draft.handle}/publish/{view.parameters['d']}/look")


def _confirmed(view: View, visit: Visit) -> bool:
    """A file about somebody else is published only for whoever writes down whom it is meant for."""
    said = view.fields.get("confirm", "").strip()
    return bool(said) and said in (visit.person.cx.partition("^")[0], visit.person.birth[:4])
