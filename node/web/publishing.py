"""Publishing a document by hand: file, check, done (ui 4.i). It is sent as ITI-41, as by any application.

A draft lives in the session: its bytes sealed in the spool, its ids fixed, so that sending it twice registers it once.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from aiohttp import web

from node.configuration.vocabulary import affinity_domain
from node.cx import escaped
from node.documents.submission_builder import Source
from node.web.asking import RefusedHere, documents_of, provide
from node.web.drafts import (
    LEVELS,
    PROBLEMS,
    UUIDS,
    Draft,
    Whose,
    facts_of,
    kinds,
    submission,
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
from registry.metadata.objects import Author
from trust.audit.event import Action

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
    facts, problem = facts_of(sent, f"{services.clock():%Y%m%d%H%M%S}")
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
        numbers=tuple(UUID(services.new_uuid()).int for _ in range(UUIDS)),
    )
    own = await _own(view, visit)
    if any(facts.sha1 in one.entry.hash for one in own.items()):
        draft.problem = "PUB-18"
    if facts.header and facts.header.replaces:
        draft.replaces = version_of(facts.header.replaces, own.items())
    name = secrets.token_urlsafe(9)
    view.signed_in.draft(name, draft)
    return view.see(f"/p/{handle}/publish/{name}")


async def _own(view: View, visit: Visit) -> Run:
    """What is published here of this patient."""
    run = Run(view.parameters["h"], {view.desk.home: view.desk.name}, view.desk.home)
    run.begin(lambda home, name: documents_of(view, visit, home, name))
    while not run.done:
        await run.change(run.changes, 10.0)
    return run


def _found(view: View) -> tuple[Visit, Draft] | None:
    handle = view.parameters["h"]
    visit = view.signed_in.visit(handle, view.now)
    draft = view.signed_in.drafts.get(view.parameters["d"])
    return (visit, draft) if visit and draft and draft.handle == handle else None


def _gone(view: View) -> web.Response:
    cause = view.words("This file is not held here any more.")
    return view.problem(404, "PUB-24", cause, view.words("Choose it again. If it was published, it is in the list."))


async def check(view: View) -> web.StreamResponse:
    """Every field with its value and where that comes from; only what is missing has to be filled in."""
    found = _found(view)
    if found is None:
        return _gone(view)
    visit, draft = found
    return await _check(view, visit, draft)


async def _check(
    view: View, visit: Visit, draft: Draft, *, faults: tuple[str, ...] = (), problem: str = "", status: int = 200
) -> web.Response:
    domain = affinity_domain(view.desk.services.config)
    own = [one for one in (await _own(view, visit)).items() if not one.replaced] if not draft.published else []
    return view.page(
        "publish_check.html",
        status=status,
        visit=visit,
        handle=draft.handle,
        draft=draft,
        name=view.parameters["d"],
        values=values(draft, view.signed_in.full_name, _source(view, domain)),
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
    language = view.language[:2]

    def named(one: AllowedCode) -> str:
        names: Mapping[str, str] = one.names
        return names.get(language) or names.get("en") or one.code

    return sorted(
        ((f"{one.code}^{one.scheme}", named(one)) for one in kinds(domain)), key=lambda pair: pair[1].casefold()
    )


def _source(view: View, domain: AffinityDomain) -> Source:
    config = view.desk.services.config
    return Source(
        name=config.node.name,
        source_id=config.node.repository_unique_id,
        assigning_authority=config.node.assigning_authority,
        defaults=config.submit,
        accepts=domain.accepts,
    )


async def publish(view: View) -> web.StreamResponse:
    """Share it; a second click, or the same form sent again, shares nothing twice."""
    found = _found(view)
    if found is None:
        return _gone(view)
    visit, draft = found
    if draft.published:
        return view.see(f"/p/{draft.handle}/publish/{view.parameters['d']}/done")
    draft.said = {name: view.fields.get(name, "")[:200] for name in FIELDS}
    domain = affinity_domain(view.desk.services.config)
    faults = tuple(wrong(draft.said, domain))
    known = {one.entry.entry_uuid for one in (await _own(view, visit)).items() if not one.replaced}
    if draft.said["replaces"] and draft.said["replaces"] not in known:
        faults += ("replaces",)
    if faults:
        return await _check(view, visit, draft, faults=faults, status=422)
    if draft.whose is Whose.ANOTHER and not _confirmed(view, visit):
        return await _check(view, visit, draft, faults=("confirm",), status=422)
    session, role = view.signed_in, view.profession
    institution = view.desk.services.config.submit.author_institution or escaped(view.desk.name)
    by = Author(
        persons=(f"^{escaped(session.full_name)}",),
        institutions=(institution,),
        roles=(escaped(role.text),) if role else (),
    )
    now = f"{view.desk.services.clock():%Y%m%d%H%M%S}"
    made = submission(draft, visit.person.cx, _source(view, domain), domain, by, now)
    try:
        number, errors = await provide(view, visit, made, draft.upload)
    except RefusedHere as refused:
        return await _check(view, visit, draft, problem=str(refused), status=403)
    if errors:
        said = "; ".join(f"{one.code}: {one.context}" for one in errors)
        return await _check(view, visit, draft, problem=said, status=422)
    draft.published = number
    draft.close()
    return view.see(f"/p/{draft.handle}/publish/{view.parameters['d']}/done")


def _confirmed(view: View, visit: Visit) -> bool:
    """A file about somebody else is published only for whoever writes down whom it is meant for."""
    said = view.fields.get("confirm", "").strip()
    return bool(said) and said in (visit.person.cx.partition("^")[0], visit.person.birth[:4])


async def done(view: View) -> web.StreamResponse:
    """It is published: under which number it is found, and where it is seen."""
    found = _found(view)
    if found is None or not found[1].published:
        return _gone(view)
    visit, draft = found
    what = "publishing confirmed on the page"
    entry = await view.record(*patient_page(view, view.caller(visit), what, [visit.person.cx], action=Action.READ))
    return view.page("published.html", visit=visit, handle=draft.handle, draft=draft, entry=entry)
