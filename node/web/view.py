"""One request for a page, and how it is answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from node.web.frame import SECURITY
from node.web.language import LANGUAGES
from node.web.sessions import Session, Visit
from node.web.throttle import network_of
from node.web.uploads import Upload
from trust.audit.event import Coded, NewRecord
from trust.identity.caller import Caller, Role

if TYPE_CHECKING:
    from node.web.desk import Desk

COOKIE: Final = "__Host-sid"
DOOR: Final = "__Host-door"  # before sign-in: ties the form to the browser that got it
_KNOCKS: Final = 30  # refusals a minute of one network, each with a record of its own
THEMES: Final = ("", "light", "dark")
# A path of this node. Browsers drop tabs and take a backslash for a slash: `/\t\\host` would be another host.
_HERE: Final = re.compile(r"/(?:[!-.0-\[\]-~][!-~]*)?")


@dataclass(slots=True, kw_only=True)
class View:
    """One request: `session` is who is signed in, None at the door; `fields` are those of a form, once each."""

    desk: Desk
    request: web.BaseRequest
    path: str
    parameters: Mapping[str, str]
    address: str
    certificate: str  # SHA-256 (hex) of the certificate that the browser showed, "" for none
    language: str
    theme: str
    now: float  # monotonic seconds
    session: Session | None = None
    cookie: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    upload: Upload | None = None  # the file of the form, on pages that take one

    @property
    def signed_in(self) -> Session:
        """Who is signed in; the table of pages lets nobody else this far."""
        if self.session is None:
            raise web.HTTPForbidden
        return self.session

    @property
    def query(self) -> str:
        """The query string as it came: aiohttp's own is decoded, so that an ampersand in a value would end it."""
        return self.request.raw_path.partition("?")[2]

    @property
    def profession(self) -> Coded | None:
        """The functional role of who is signed in; None where the account has none, or one that is no longer known."""
        code, _, system = self.signed_in.profession.partition("^")
        return self.desk.services.users.roles.find(Coded(code, system, ""))

    def caller(self, visit: Visit | None = None) -> Caller:
        """The pages as an application of this institution, with the person they act for."""
        session = self.signed_in
        emergency = visit.emergency_at(self.now) if visit else None
        return Caller(
            role=Role.APPLICATION,
            name="pages",
            fingerprint="pages",
            address=self.address,
            user=f"<{session.user}@{self.desk.home}>",
            user_name=session.full_name,
            user_role=self.profession,
            purpose=visit.purpose_at(self.now) if visit else None,
            reason=emergency.reason if emergency else "",
        )

    def words(self, text: str) -> str:
        """A text in the reader's language."""
        return self.desk.frame.words(self.language, text)

    def phrase(self, sentence: str) -> str:
        """A sentence that the node made, in the reader's language where there is one."""
        return self.desk.frame.phrase(self.language, sentence) or sentence

    def page(self, template: str, *, status: int = 200, **values: Any) -> web.Response:  # noqa: ANN401  whatever a template shows
        """A whole page."""
        return web.Response(
            status=status,
            text=self.part(template, **values),
            content_type="text/html",
            charset="utf-8",
            headers=SECURITY,
        )

    def part(self, template: str, **values: Any) -> str:  # noqa: ANN401  as above
        """A template as HTML."""
        visit: Visit | None = values.get("visit")
        if visit:
            values["emergency"] = visit.emergency_at(self.now)
        common = {
            "node_name": self.desk.name,
            "session": self.session,
            "token": self.session.token if self.session else "",
            "language": self.language,
            "languages": LANGUAGES,
            "theme": self.theme,
            "path": self.path,
            "visit": None,
            "emergency": None,
            "handle": "",
            "entry": "",
        }
        return self.desk.frame.render(template, self.language, {**common, **values})

    def problem(self, status: int, code: str, cause: str, step: str) -> web.Response:
        """What is wrong, why, and what to do: the one form of an error (ui 6.9)."""
        return self.page("problem.html", status=status, code=code, cause=cause, step=step)

    def no_visit(self) -> web.Response:
        """No visit: the way to a patient begins with the search, so that the reason is asked."""
        cause = self.words("This patient is not open in your session.")
        return self.problem(404, "QRY-01", cause, self.words("Find the patient again and say why you open the record."))

    def see(self, location: str) -> web.Response:
        """Go on to a page of this node; never anywhere else (threats I19)."""
        if not _HERE.fullmatch(location):
            location = "/"
        return web.Response(status=303, headers={**SECURITY, "Location": location})

    async def turned_away(self, record: NewRecord) -> None:
        """Put on record that somebody who is not signed in was refused; many of one address are counted as one."""
        near, services = network_of(self.address), self.desk.services
        if self.desk.knocks.take(near, _KNOCKS, self.now):
            services.metrics.refused.labels("page").inc()
            await self.record(record)
        else:
            services.refused("page", f"the pages refused somebody who is not signed in, from {near}")

    async def record(self, *records: NewRecord) -> str:
        """Put on record what is about to be shown; returns how people name the entry."""
        proof = await self.desk.services.sequencer.record(list(records))
        return str(getattr(proof, "index", ""))
