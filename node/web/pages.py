"""THE TABLE of pages, and the one way to all of them: host, method, session, role, token, handler, headers."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import parse_qsl

from aiohttp import web

from node.http.checks import objection, objection_to_host
from node.http.connection import Connected, Connection, SlowBody
from node.security_records import refusal
from node.web import (
    documents,
    entrance,
    patients,
    previewing,
    provider,
    publishing,
    side_by_side,
    taking_back,
    uploads,
    viewing,
)
from node.web.administrator import configuration, connecting, inbox, overview, peers, reviewing
from node.web.auditor import comparing, entries, findings, reporting, searching, verifying
from node.web.desk import Desk
from node.web.frame import SECURITY
from node.web.language import chosen
from node.web.sessions import Session, same
from node.web.view import COOKIE, DOOR, THEMES, View
from trust.accounts import store
from trust.accounts.store import Duty
from trust.errors import LedgerBroken, LedgerBusy, StorageFailed

log = logging.getLogger("node.web")

Handler = Callable[[View], Awaitable[web.StreamResponse]]

EVERYBODY: Final = frozenset(Duty)
CLINICIANS: Final = frozenset({Duty.CLINICIAN})
AUDITORS: Final = frozenset({Duty.AUDITOR})
REPORTERS: Final = frozenset({Duty.AUDITOR, Duty.REPRESENTATIVE})  # the report for a patient
ADMINISTRATORS: Final = frozenset({Duty.ADMINISTRATOR})
_FORM_BYTES: Final = 64 * 1024
_FORM_SECONDS: Final = 15.0
_WORD: Final = "[A-Za-z0-9_-]{1,64}"
_COOKIE: Final = re.compile(_WORD)  # whatever else comes was not set here


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One row. `duties` may open it; None: whoever comes, signed in or not."""

    method: str  # GET (HEAD with it) or POST
    template: str
    handle: Handler
    duties: frozenset[Duty] | None
    takes_file: bool = False


PAGES: Final[tuple[Page, ...]] = (
    Page(method="GET", template="/sign-in", handle=entrance.door, duties=None),
    Page(method="POST", template="/sign-in", handle=entrance.sign_in, duties=None),
    Page(method="GET", template="/sign-in/provider", handle=provider.depart, duties=None),
    Page(method="GET", template="/sign-in/return", handle=provider.arrive, duties=None),
    Page(method="POST", template="/sign-in/certificate", handle=entrance.certificate, duties=None),
    Page(method="POST", template="/sign-out", handle=entrance.sign_out, duties=EVERYBODY),
    Page(method="POST", template="/settings", handle=entrance.settings, duties=None),
    Page(method="GET", template="/", handle=entrance.home, duties=EVERYBODY),
    Page(method="GET", template="/patients", handle=patients.form, duties=CLINICIANS),
    Page(method="POST", template="/patients/search", handle=patients.search, duties=CLINICIANS),
    Page(method="POST", template="/p/{h}/visit", handle=patients.begin_visit, duties=CLINICIANS),
    Page(method="POST", template="/p/{h}/leave", handle=patients.end_visit, duties=CLINICIANS),
    Page(method="GET", template="/p/{h}/emergency", handle=patients.emergency_form, duties=CLINICIANS),
    Page(method="POST", template="/p/{h}/emergency", handle=patients.emergency, duties=CLINICIANS),
    Page(method="POST", template="/p/{h}/emergency/end", handle=patients.end_emergency, duties=CLINICIANS),
    Page(method="GET", template="/p/{h}", handle=documents.listed, duties=CLINICIANS),
    Page(method="POST", template="/p/{h}/ask", handle=documents.ask, duties=CLINICIANS),
    Page(method="POST", template="/p/{h}/runs/{r}/ask", handle=documents.ask_one, duties=CLINICIANS),
    Page(method="POST", template="/p/{h}/runs/{r}/late", handle=documents.take_late, duties=CLINICIANS),
    Page(method="POST", template="/p/{h}/runs/{r}/read", handle=documents.read_all, duties=CLINICIANS),
    Page(method="POST", template="/p/{h}/runs/{r}/seen", handle=documents.mark_seen, duties=CLINICIANS),
    Page(method="GET", template="/p/{h}/publish", handle=publishing.form, duties=CLINICIANS),
    Page(method="POST", template="/p/{h}/publish", handle=publishing.upload, duties=CLINICIANS, takes_file=True),
    Page(method="GET", template="/p/{h}/publish/{d}", handle=publishing.check, duties=CLINICIANS),
    Page(method="POST", template="/p/{h}/publish/{d}", handle=publishing.state, duties=CLINICIANS),
    Page(method="GET", template="/p/{h}/publish/{d}/look", handle=previewing.look, duties=CLINICIANS),
    Page(method="GET", template="/p/{h}/publish/{d}/body", handle=previewing.body, duties=CLINICIANS),
    Page(method="GET", template="/p/{h}/publish/{d}/page/{n}", handle=previewing.picture, duties=CLINICIANS),
    Page(method="POST", template="/p/{h}/publish/{d}/confirm", handle=previewing.confirm, duties=CLINICIANS),
    Page(method="GET", template="/p/{h}/publish/{d}/done", handle=previewing.done, duties=CLINICIANS),
    Page(method="GET", template="/p/{h}/runs/{r}/events", handle=documents.events, duties=CLINICIANS),
    Page(method="GET", template="/p/{h}/runs/{r}/compare", handle=side_by_side.page, duties=CLINICIANS),
    Page(method="GET", template="/p/{h}/runs/{r}/compare/body", handle=side_by_side.body, duties=CLINICIANS),
    Page(method="GET", template="/p/{h}/runs/{r}/d/{d}", handle=viewing.viewer, duties=CLINICIANS),
    Page(method="GET", template="/p/{h}/runs/{r}/d/{d}/body", handle=viewing.body, duties=CLINICIANS),
    Page(method="GET", template="/p/{h}/runs/{r}/d/{d}/page/{n}", handle=viewing.picture, duties=CLINICIANS),
    Page(method="GET", template="/p/{h}/runs/{r}/d/{d}/original", handle=viewing.original, duties=CLINICIANS),
    Page(method="GET", template="/p/{h}/runs/{r}/d/{d}/waiting", handle=viewing.waiting, duties=CLINICIANS),
    Page(method="GET", template="/p/{h}/runs/{r}/d/{d}/print", handle=viewing.printed, duties=CLINICIANS),
    Page(method="GET", template="/p/{h}/runs/{r}/d/{d}/take-back", handle=taking_back.form, duties=CLINICIANS),
    Page(method="POST", template="/p/{h}/runs/{r}/d/{d}/take-back", handle=taking_back.take_back, duties=CLINICIANS),
    Page(method="GET", template="/audit", handle=findings.open_findings, duties=AUDITORS),
    Page(method="GET", template="/audit/closed", handle=findings.closed_findings, duties=AUDITORS),
    Page(method="POST", template="/audit/look", handle=findings.look, duties=AUDITORS),
    Page(method="GET", template="/audit/findings/{f}", handle=findings.finding, duties=AUDITORS),
    Page(method="POST", template="/audit/findings/{f}", handle=findings.decide, duties=AUDITORS),
    Page(method="GET", template="/audit/search", handle=searching.form, duties=AUDITORS),
    Page(method="POST", template="/audit/search", handle=searching.begin, duties=AUDITORS),
    Page(method="GET", template="/audit/search/{q}", handle=searching.result, duties=AUDITORS),
    Page(method="GET", template="/audit/entries/{y}/{n}", handle=entries.entry, duties=AUDITORS),
    Page(method="GET", template="/audit/entries/{y}/{n}/proof", handle=entries.proof, duties=AUDITORS),
    Page(method="GET", template="/audit/verify", handle=verifying.form, duties=AUDITORS),
    Page(method="POST", template="/audit/verify", handle=verifying.begin, duties=AUDITORS),
    Page(method="GET", template="/audit/verify/{t}", handle=verifying.result, duties=AUDITORS),
    Page(method="GET", template="/audit/verify/{t}/evidence", handle=verifying.evidence, duties=AUDITORS),
    Page(method="GET", template="/audit/compare", handle=comparing.form, duties=AUDITORS),
    Page(method="POST", template="/audit/compare", handle=comparing.begin, duties=AUDITORS),
    Page(method="GET", template="/audit/compare/{t}", handle=comparing.result, duties=AUDITORS),
    Page(method="GET", template="/audit/report", handle=reporting.form, duties=REPORTERS),
    Page(method="POST", template="/audit/report", handle=reporting.make, duties=REPORTERS),
    Page(method="GET", template="/node", handle=overview.overview, duties=ADMINISTRATORS),
    Page(method="GET", template="/node/peers/{p}", handle=peers.peer, duties=ADMINISTRATORS),
    Page(method="POST", template="/node/peers/{p}/check", handle=peers.check, duties=ADMINISTRATORS),
    Page(method="GET", template="/node/peers/{p}/report", handle=peers.report, duties=ADMINISTRATORS),
    Page(method="GET", template="/node/connect", handle=connecting.connect, duties=ADMINISTRATORS),
    Page(method="POST", template="/node/invite", handle=connecting.invite, duties=ADMINISTRATORS),
    Page(method="GET", template="/node/invitations/{i}", handle=connecting.invitation, duties=ADMINISTRATORS),
    Page(method="POST", template="/node/invitations/{i}/confirm", handle=connecting.confirm, duties=ADMINISTRATORS),
    Page(method="POST", template="/node/join", handle=connecting.join, duties=ADMINISTRATORS),
    Page(method="GET", template="/node/joins/{i}", handle=connecting.joining, duties=ADMINISTRATORS),
    Page(method="POST", template="/node/joins/{i}/compare", handle=connecting.compare, duties=ADMINISTRATORS),
    Page(method="GET", template="/node/reviews", handle=reviewing.reviews, duties=ADMINISTRATORS),
    Page(method="POST", template="/node/reviews/pair", handle=reviewing.decide, duties=ADMINISTRATORS),
    Page(method="POST", template="/node/reviews/case", handle=reviewing.close, duties=ADMINISTRATORS),
    Page(method="GET", template="/node/inbox", handle=inbox.waiting, duties=ADMINISTRATORS),
    Page(method="GET", template="/node/inbox/{n}", handle=inbox.received, duties=ADMINISTRATORS),
    Page(method="POST", template="/node/inbox/{n}", handle=inbox.decide, duties=ADMINISTRATORS),
    Page(method="POST", template="/node/inbox/{n}/patient", handle=inbox.look_up, duties=ADMINISTRATORS),
    Page(method="GET", template="/node/configuration", handle=configuration.configuration, duties=ADMINISTRATORS),
)


class Pages:
    """Answers every request of the listener for browsers.

    Args:
        hosts: names this listener answers to, lower case.
    """

    def __init__(self, desk: Desk, hosts: frozenset[str]) -> None:
        self._desk = desk
        self._hosts = hosts
        rows: dict[str, dict[str, Page]] = {}
        for page in PAGES:
            rows.setdefault(page.template, {})[page.method] = page
        self._rows = [(_pattern(template), methods) for template, methods in rows.items()]

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        peer = cast(Connection, request.protocol).peer
        wrong = objection((request.version.major, request.version.minor), request.raw_path, request.headers)
        wrong = wrong or objection_to_host(request.headers.get("Host", ""), peer.sni, self._hosts)
        if wrong is not None:
            return await self.malformed(request, wrong.status)
        path = request.raw_path.partition("?")[0]
        if path == "/favicon.ico":
            return web.Response(status=204, headers=SECURITY)
        if path.startswith("/static/"):
            return self._static(path.removeprefix("/static/"), request)
        view = self._view(request, path, peer)
        try:
            return await self._answer(view)
        except (ConnectionResetError, asyncio.CancelledError):
            raise
        except (LedgerBusy, LedgerBroken, StorageFailed):
            step = view.words("Try again in a moment. If it stays, tell the administrator.")
            return _instead(view, 503, "AUD-01", view.words("Nothing can be put on record now."), step)
        except Exception:  # what a handler did not expect: a page without a trace
            log.exception("unexpected failure of a page")
            step = view.words("Tell the administrator what you did and when.")
            return _instead(view, 500, "GEN-00", view.words("This page could not be made."), step)

    async def malformed(self, _request: web.BaseRequest, status: int) -> web.StreamResponse:
        """What aiohttp's parser, or a check of the head, refused."""
        response = web.Response(status=status, headers=SECURITY)
        response.force_close()
        return response

    async def _answer(self, view: View) -> web.StreamResponse:
        methods, view.parameters = self._find(view.path)
        row = methods.get("GET" if view.request.method == "HEAD" else view.request.method)
        if row is None:
            status = 405 if methods else 404
            cause = view.words("There is no such page.")
            return view.problem(status, f"SEC-{status}", cause, view.words("Go back, or start from the first page."))
        if row.duties is not None:
            if view.session is None:
                return view.see("/sign-in")
            if view.session.duty not in row.duties:
                return await self._forbidden(view, "SEC-11", view.words("Your account is for other work than this."))
        if row.method == "POST":
            problem = await (self._file(view) if row.takes_file else self._form(view))
            if problem:
                return await self._forbidden(view, "SEC-12", problem)
        return await row.handle(view)

    async def _form(self, view: View) -> str:
        """Read a form and judge where it comes from; returns what is wrong with it (threats I17)."""
        headers = view.request.headers
        unsafe = view.words("This form did not come from a page of this node.")
        if not self._from_here(view):
            return unsafe
        if headers.get("Content-Type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
            return unsafe
        try:
            async with asyncio.timeout(_FORM_SECONDS):
                content = await view.request.content.read(_FORM_BYTES + 1)
                while len(content) <= _FORM_BYTES and not view.request.content.at_eof():
                    content += await view.request.content.read(_FORM_BYTES + 1 - len(content))
            view.fields = dict(parse_qsl(content.decode(), keep_blank_values=True, max_num_fields=64))
        except (TimeoutError, SlowBody, ValueError):
            return unsafe
        if len(content) > _FORM_BYTES:
            return unsafe
        return "" if self._with_token(view, view.fields) else unsafe

    async def _file(self, view: View) -> str:
        """The same of a form with a file: nothing of the file is kept before its origin and token are judged."""
        unsafe = view.words("This form did not come from a page of this node.")
        if not self._from_here(view):
            return unsafe
        spool = self._desk.services.spool.create
        view.upload = await uploads.read(view.request, lambda fields: self._with_token(view, fields), spool)
        if view.upload is None:
            return unsafe
        view.fields = view.upload.fields
        return ""

    def _from_here(self, view: View) -> bool:
        headers = view.request.headers
        same_site = headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
        return same_site and headers.get("Origin") == self._desk.origin

    def _with_token(self, view: View, fields: Mapping[str, str]) -> bool:
        expected = view.session.token if view.session else entrance.door_token(view.cookie)
        return bool(expected) and same(fields.get("token", ""), expected)

    async def _forbidden(self, view: View, code: str, cause: str) -> web.StreamResponse:
        services = self._desk.services
        who = view.session.user if view.session else ""
        record = refusal(
            services.clock(),
            incident=services.new_uuid(),
            caller=view.caller() if view.session else None,
            address=view.address,
            node=self._desk.home,
            reason=f"{code} {view.request.method} page refused to {who or 'nobody signed in'}",
            forbidden=True,
        )
        if view.session:
            services.metrics.refused.labels("page").inc()
            await view.record(record)
        else:
            await view.turned_away(record)
        return view.problem(403, code, cause, view.words("Go back, or start from the first page."))

    def _view(self, request: web.BaseRequest, path: str, peer: Connected) -> View:
        now = asyncio.get_running_loop().time()
        cookies = {name: value for name, value in request.cookies.items() if _COOKIE.fullmatch(value)}
        cookie = cookies.get(COOKIE, "")
        session = self._desk.sessions.find(cookie, now) if cookie else None
        theme = cookies.get("theme", "")
        return View(
            desk=self._desk,
            request=request,
            path=path,
            parameters={},
            address=peer.address,
            certificate=peer.fingerprint,
            language=chosen(cookies.get("language", ""), request.headers.get("Accept-Language", "")),
            theme=theme if theme in THEMES else "",
            now=now,
            session=self._in_force(session, cookie),
            cookie=cookie if session else cookies.get(DOOR, ""),
        )

    def _in_force(self, session: Session | None, cookie: str) -> Session | None:
        """An account that was closed or changed (role, profession, password, certificate) ends its sessions at once."""
        if session is None or not session.local:
            return session
        account = store.find(self._desk.services.reader, session.user)
        if account is None or account.closed or account.changed != session.changed:
            self._desk.sessions.end(cookie)
            return None
        return session

    def _find(self, path: str) -> tuple[Mapping[str, Page], Mapping[str, str]]:
        for pattern, methods in self._rows:
            matched = pattern.fullmatch(path)
            if matched:
                return methods, matched.groupdict()
        return {}, {}

    def _static(self, name: str, request: web.BaseRequest) -> web.StreamResponse:
        found = self._desk.frame.static(name)
        if found is None or request.method not in ("GET", "HEAD"):
            return web.Response(status=404, headers=SECURITY)
        return web.Response(body=found.content, headers=found.headers)


def _instead(view: View, status: int, code: str, cause: str, step: str) -> web.Response:
    """A page that says what failed; once a part has left the connection ends, so that nobody takes it for the whole."""
    if not view.request.writer.output_size:
        return view.problem(status, code, cause, step)
    if view.request.transport is not None:
        view.request.transport.abort()
    raise ConnectionResetError("the page failed while it was sent")


def _pattern(template: str) -> re.Pattern[str]:
    pieces = re.split(r"\{(\w+)\}", template)
    parts = [f"(?P<{piece}>{_WORD})" if odd % 2 else re.escape(piece) for odd, piece in enumerate(pieces)]
    return re.compile("".join(parts), re.ASCII)
