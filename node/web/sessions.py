"""Who is signed in, and which patients they have open, in memory alone: a restart signs everybody out.

A session is found by the SHA-256 of its cookie, so that what lies in memory opens nothing. Times are seconds of a
monotonic clock. Source: threats I17, I18; ui 4.a.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from math import inf
from typing import TYPE_CHECKING, Final

from node.web.seen import Before
from trust.accounts.store import Duty

if TYPE_CHECKING:
    from node.web.drafts import Draft
    from node.web.runs import Run
    from registry.patients.demographics import Demographics
    from trust.audit.event import Coded

IDLE: Final = 15 * 60.0
ABSOLUTE: Final = 10 * 3600.0
VISIT_IDLE: Final = 30 * 60.0
EMERGENCY: Final = 60 * 60.0
_MOST: Final = 10_000
_RUNS: Final = 8
_DRAFTS: Final = 3  # files of one person that wait to be published
_ALL_DRAFTS: Final = 100  # and of everybody
_SHOWN: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whom a patient's pages name: identifier (CX), and what is known of them; "" is not known.

    `records` is what the names above were taken from, to be compared with what documents say.
    """

    cx: str
    name: str = ""
    born: str = ""  # as it is shown
    sex: str = ""
    birth: str = ""  # DTM
    records: tuple[Demographics, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """An hour with the glass broken: until when (`ends` for people), under which purpose, and why."""

    until: float
    ends: datetime
    purpose: Coded
    reason: str


@dataclass(slots=True, kw_only=True)
class Visit:
    """One patient, open for one reason until sign-out or half an hour without activity."""

    person: Person
    purpose: Coded
    seen: float
    emergency: Emergency | None = None
    before: Before = field(default_factory=Before)  # what the user had been shown when it began

    def emergency_at(self, now: float) -> Emergency | None:
        """The emergency that is going on; None once its hour is over."""
        return self.emergency if self.emergency and now < self.emergency.until else None

    def purpose_at(self, now: float) -> Coded:
        """Why the record is open at this moment."""
        emergency = self.emergency_at(now)
        return emergency.purpose if emergency else self.purpose

    def of(self, run: Run) -> Visit:
        """The visit as one of its runs asks: what is kept beyond an emergency is never asked for under it."""
        return self if run.until < inf else replace(self, emergency=None)


@dataclass(slots=True, kw_only=True)
class Session:
    """One sign-in."""

    user: str
    full_name: str
    duty: Duty
    began: float
    seen: float
    authenticated: datetime
    context: str  # how the user signed in: a class of SAML (AuthnContext)
    local: bool = True  # by an account of this node, which may be closed meanwhile; else by the identity provider
    profession: str = ""  # CODE^OID
    changed: str = ""  # when a local account was last changed, as it stood at sign-in
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))  # of forms
    shown: dict[str, Person] = field(default_factory=dict)  # patients by handle, as this session has seen them
    visits: dict[str, Visit] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    drafts: dict[str, Draft] = field(default_factory=dict)  # files that are about to be published
    reports: dict[str, str] = field(default_factory=dict)  # of an administrator: the doctor's last, by institution
    kept: dict[str, object] = field(default_factory=dict)  # of an auditor: searches, and tasks that run

    def show(self, handle: str, person: Person) -> None:
        """From now on the handle leads to this patient; what was shown longest ago makes room."""
        self.shown.pop(handle, None)
        self.shown[handle] = person
        while len(self.shown) > _SHOWN:
            del self.shown[next(iter(self.shown))]

    def visit(self, handle: str, now: float) -> Visit | None:
        """The open visit of a patient; one that was left for long is over."""
        visit = self.visits.get(handle)
        if visit is None or now - visit.seen > VISIT_IDLE:
            self.end_visit(handle)
            return None
        visit.seen = now
        return visit

    def end_visit(self, handle: str) -> None:
        """Close a patient's pages, with what was found for them."""
        self.visits.pop(handle, None)
        for name in [name for name, run in self.runs.items() if run.handle == handle]:
            self.runs.pop(name).stop()
        for name in [name for name, draft in self.drafts.items() if draft.handle == handle]:
            self.drafts.pop(name).close()

    def run(self, handle: str, name: str, now: float) -> Run | None:
        """What the institutions said of this patient; what an emergency opened closes with it."""
        run = self.runs.get(name)
        if run is None or run.handle != handle:
            return None
        if now >= run.until:
            self.runs.pop(name).stop()
            return None
        return run

    def end_emergency(self, handle: str) -> None:
        """Close what the emergency opened, before its hour is over."""
        self.visits[handle].emergency = None
        for name in [name for name, run in self.runs.items() if run.handle == handle and run.until < inf]:
            self.runs.pop(name).stop()

    def keep(self, name: str, run: Run) -> None:
        """Keep what the institutions said; the oldest makes room."""
        self.runs[name] = run
        while len(self.runs) > _RUNS:
            self.runs.pop(next(iter(self.runs))).stop()

    def draft(self, handle: str, name: str, now: float) -> Draft | None:
        """A file of this patient that waits to be published, or was; what waited too long is forgotten."""
        draft = self.drafts.get(name)
        if draft is None or draft.handle != handle:
            return None
        if now >= draft.until:
            self.drafts.pop(name).close()
            return None
        return draft

    def stop(self) -> None:
        """End everything that is under way for it."""
        for handle in list(self.visits):
            self.end_visit(handle)


class Sessions:
    """Every session by the digest of its cookie."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._open: dict[bytes, Session] = {}

    def begin(self, session: Session) -> str:
        """Open a session; returns the value of its cookie, which exists nowhere else."""
        if len(self._open) >= self._most:
            oldest = min(self._open, key=lambda digest: self._open[digest].seen)
            self._open.pop(oldest).stop()
        cookie = secrets.token_urlsafe(32)
        self._open[_digest(cookie)] = session
        return cookie

    def find(self, cookie: str, now: float) -> Session | None:
        """The session of a cookie, None when it is over; each finding keeps it open."""
        digest = _digest(cookie)
        session = self._open.get(digest)
        if session is None:
            return None
        if now - session.seen > IDLE or now - session.began > ABSOLUTE:
            self._open.pop(digest).stop()
            return None
        session.seen = now
        return session

    def end(self, cookie: str) -> Session | None:
        """Close a session for good."""
        session = self._open.pop(_digest(cookie), None)
        if session:
            session.stop()
        return session

    def end_of(self, user: str) -> int:
        """Close every session of a user, by an account of this node or of the provider; returns how many there were."""
        found = [digest for digest, one in self._open.items() if one.user == user]
        for digest in found:
            self._open.pop(digest).stop()
        return len(found)

    def hold(self, session: Session, name: str, draft: Draft) -> None:
        """Keep a file that waits to be published; of one person, and of everybody, the oldest makes room.

        Of a session that ended while the file was read it is forgotten at once.
        """
        if not any(one is session for one in self._open.values()):
            draft.close()
            return
        session.drafts[name] = draft
        while len(session.drafts) > _DRAFTS:
            session.drafts.pop(next(iter(session.drafts))).close()
        held = [(one, key) for one in self._open.values() for key in one.drafts]
        if len(held) > _ALL_DRAFTS:
            oldest, key = min(held, key=lambda place: place[0].drafts[place[1]].until)
            oldest.drafts.pop(key).close()

    def expire(self, now: float) -> list[Session]:
        """Close every session that is over, and forget files that waited too long; returns the sessions."""
        for one in self._open.values():
            for name in [name for name, draft in one.drafts.items() if now >= draft.until]:
                one.drafts.pop(name).close()
        late = [digest for digest, one in self._open.items() if now - one.seen > IDLE or now - one.began > ABSOLUTE]
        found = [self._open.pop(digest) for digest in late]
        for session in found:
            session.stop()
        return found

    def end_all(self) -> None:
        """Close every session."""
        for session in self._open.values():
            session.stop()
        self._open.clear()


def same(said: str, expected: str) -> bool:
    """Whether two tokens are one, compared in constant time."""
    return hmac.compare_digest(said.encode(), expected.encode())


def _digest(cookie: str) -> bytes:
    return sha256(cookie.encode()).digest()
