"""A document before it is published: drawn as its readers will see it, beside its patient; then sent as ITI-41.

Whoever took the wrong file or the wrong patient sees it here. Nothing is registered before it is confirmed, and only
what was shown: the form of a page that is older than the last change is not taken. It is drawn anew for each look, so
that nothing of it stays in memory (ui 4.i).
"""

from __future__ import annotations

from aiohttp import web

from node.configuration.vocabulary import affinity_domain
from node.cx import escaped
from node.records import document_object
from node.web import opening, sameness
from node.web.asking import RefusedHere, provide
from node.web.drafts import Draft, Whose, kinds, submission
from node.web.drawing.process import Drawn, draw
from node.web.frame import SECURITY, document_policy
from node.web.items import Item
from node.web.publishing import checked, found, gone, name_of, source
from node.web.recent import CONFIRMED, Published, user_of
from node.web.records import patient_page
from node.web.sameness import Sameness
from node.web.sessions import Visit
from node.web.view import View
from node.web.viewing import FRAMED, MOST_PAGES, PICTURED, asked_page, asked_picture, failure, framed
from registry.metadata.objects import Author
from registry.metadata.submission import Submission
from trust.audit.event import Action


async def look(view: View) -> web.StreamResponse:
    """The document, its patient, and what will be registered, with the two ways on."""
    both = found(view)
    if both is None:
        return gone(view)
    visit, draft = both
    where = _where(view, draft)
    if draft.published or not draft.good:
        return view.see(f"{where}/done" if draft.published else where)
    return await _shown(view, visit, draft)


async def _shown(view: View, visit: Visit, draft: Draft, *, changed: bool = False) -> web.Response:
    drawn = await _drawn(view, draft)
    (document,) = _made(view, visit, draft).documents
    item = Item(key="", entry=document, home=view.desk.home, institution=view.desk.name)
    same = sameness.compare(drawn.subject, visit.person.records, visit.person.cx) if drawn.subject else Sameness()
    domain = affinity_domain(view.desk.services.config)
    named = {f"{one.code}^{one.scheme}": name_of(view, one) for one in kinds(domain)}
    entry = await _looked(view, visit, draft, f"document looked at before it is published, as {drawn.form}")
    return view.page(
        "publish_look.html",
        status=409 if changed else 200,
        visit=visit,
        handle=draft.handle,
        draft=draft,
        item=item,
        kind=named.get(draft.said["kind"], item.kind),
        where=_where(view, draft),
        drawn=drawn,
        failure=failure(view, drawn) if drawn.form == "failed" else "",
        same=same,
        another=draft.whose is Whose.ANOTHER,
        changed=changed,
        most_pages=MOST_PAGES,
        anyway="",
        picture=asked_picture(view),
        entry=entry,
    )


def _where(view: View, draft: Draft) -> str:
    return f"/p/{draft.handle}/publish/{view.parameters['d']}"


async def _drawn(view: View, draft: Draft, *, number: int = 1, full: bool = False, turn: int = 0) -> Drawn:
    content, language = draft.upload.content, draft.said["language"]
    return await draw(content, words=opening.words(view), language=language, number=number, full=full, turn=turn)


async def _looked(view: View, visit: Visit, draft: Draft, what: str) -> str:
    said = f"{what}: SHA-1 {draft.facts.sha1}"
    return await view.record(*patient_page(view, view.caller(visit), said, [visit.person.cx]))


def _shows(view: View) -> tuple[Visit, Draft] | None:
    """The same for a part of the page: only while it waits for the decision."""
    both = found(view)
    return both if both and both[1].good and not both[1].published else None


async def body(view: View) -> web.StreamResponse:
    """What stands in the frame, as the readers' own frame will have it."""
    both = _shows(view)
    drawn = await _drawn(view, both[1]) if both else None
    if both is None or drawn is None or drawn.form not in FRAMED:
        return web.Response(status=404, headers=document_policy(view.desk.origin))
    await _looked(view, *both, "content looked at before it is published")
    return framed(view, drawn.html, both[1].said["language"])


async def picture(view: View) -> web.StreamResponse:
    """A page of a PDF, or the image, as its readers will have it."""
    both, number = _shows(view), asked_page(view)
    if both is None or not number:
        return web.Response(status=404, headers=SECURITY)
    full, turn = "full" in view.request.query, int(asked_picture(view)["turn"])
    drawn = await _drawn(view, both[1], number=number, full=full, turn=turn)
    if drawn.form not in PICTURED:
        return web.Response(status=404, headers=SECURITY)
    await _looked(view, *both, f"page {number} looked at before it is published")
    return web.Response(body=drawn.picture, content_type="image/webp", headers=SECURITY)


def _made(view: View, visit: Visit, draft: Draft) -> Submission:
    """What is registered: the same ids and facts however often it is made."""
    services, session, role = view.desk.services, view.signed_in, view.profession
    domain = affinity_domain(services.config)
    institution = services.config.submit.author_institution or escaped(view.desk.name)
    by = Author(
        persons=(f"^{escaped(session.full_name)}",),
        institutions=(institution,),
        roles=(escaped(role.text),) if role else (),
    )
    now = f"{services.clock():%Y%m%d%H%M%S}"
    return submission(draft, visit.person.cx, source(view, domain), domain, by, now)


async def confirm(view: View) -> web.StreamResponse:
    """Publish what was shown; a second click, or the same form sent again, publishes nothing twice."""
    both = found(view)
    if both is None:
        return gone(view)
    visit, draft = both
    async with draft.sending:
        if draft.published or not draft.good:
            return view.see(f"{_where(view, draft)}{'/done' if draft.published else ''}")
        if view.fields.get("stated") != str(draft.stated):
            return await _shown(view, visit, draft, changed=True)
        made = _made(view, visit, draft)
        published = await _on_record(view, visit, made)
        try:
            number, errors = await provide(view, visit, made, draft.upload)
        except RefusedHere as refused:
            return await checked(view, visit, draft, problem=str(refused), status=403)
        if errors:
            said = "; ".join(f"{one.code}: {one.context}" for one in errors)
            return await checked(view, visit, draft, problem=said, status=422)
        view.desk.recent.put(published)
        draft.published = number
        draft.close()
    return view.see(f"{_where(view, draft)}/done")


async def _on_record(view: View, visit: Visit, made: Submission) -> Published:
    """Who publishes which document from the pages, before it leaves: what an hour to take it back is counted from."""
    (entry,) = made.documents
    own, unique_id = view.desk.services.config.node, entry.unique_id or ""
    at = view.desk.services.clock()
    document = document_object(unique_id, own.repository_unique_id, own.home_community_id)
    cx = [visit.person.cx]
    await view.record(*patient_page(view, view.caller(visit), CONFIRMED, cx, action=Action.CREATE, objects=[document]))
    return Published(unique_id=unique_id, user=user_of(view), at=at)


async def done(view: View) -> web.StreamResponse:
    """It is published: under which number it is found, and where it is seen."""
    both = found(view)
    if both is None or not both[1].published:
        return gone(view)
    visit, draft = both
    what = "page after publishing shown"
    entry = await view.record(*patient_page(view, view.caller(visit), what, [visit.person.cx], action=Action.READ))
    return view.page("published.html", visit=visit, handle=draft.handle, draft=draft, entry=entry)
