"""The administrator's first page: what is wrong, who can be reached, what the node has (ui 4.h)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from node.administration import state
from node.amounts import duration
from node.health import Level
from node.web.view import View
from repository.store.inbox import Inbox
from trust.consent import reviews
from trust.pki.certificates import days_left, from_pem

if TYPE_CHECKING:
    from node.federation.engine import Seen
    from trust.communities import Community

SLOW: Final = 2.0  # seconds of the usual answer from which an institution counts as slow (doctor, step 12)
_LEVELS: Final = {"FAIL": ("bad", "✕"), "WARN": ("warn", "!")}
_RECEIPTS: Final = {"required": "required", "optional": "if they give them"}
_HIDDEN: Final = ("institution", "connected institutions", "address")  # stand elsewhere on the page


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One line of the table of institutions. Unknown is a state of its own: nobody was asked since the start."""

    key: str  # fingerprint of its certificate, as in addresses of pages
    name: str
    tone: str
    sign: str
    state: str
    usual: str
    answers: int
    days: int
    receipts: str


async def overview(view: View) -> web.StreamResponse:
    """Problems first, then institutions, then facts."""
    services = view.desk.services
    now = services.clock()
    findings = state.findings_of(services, now)
    problems = [one for one in findings if one.level is not Level.OK]
    problems.sort(key=lambda one: one.level is not Level.FAIL)
    facts = {name: value for name, value in state.facts_of(services, now).items() if name not in _HIDDEN}
    return view.page(
        "administrator/overview.html",
        problems=problems,
        well=[one for one in findings if one.level is Level.OK],
        levels=_LEVELS,
        peers=peers_of(view),
        facts=facts,
        tiles=_tiles(view),
        checked=now,
    )


def peers_of(view: View) -> list[Peer]:
    """Every connected institution, those with trouble first."""
    found = [peer_of(view, one) for one in view.desk.services.communities.all()]
    order = ("bad", "warn", "off", "ok")
    return sorted(found, key=lambda one: (order.index(one.tone), one.name))


def peer_of(view: View, community: Community) -> Peer:
    """How one institution is, by what its answers showed since the node started."""
    seen = view.desk.services.actors.gateway.seen(community.home)
    tone, sign, state = _state(view, seen)
    return Peer(
        key=community.fingerprint,
        name=community.name,
        tone=tone,
        sign=sign,
        state=state,
        usual=f"{seen.seconds * 1000:.0f} ms" if seen.answers else "-",
        answers=seen.answers,
        days=days_left(from_pem(community.certificates)[0], view.desk.services.clock()),
        receipts=view.words(_RECEIPTS.get(community.audit_proof, "none")),
    )


def _state(view: View, seen: Seen) -> tuple[str, str, str]:
    if seen.failing:
        return "bad", "✕", view.words("fails since {t}").format(t=duration(seen.failing))
    if not seen.answers:
        return "off", "?", view.words("not known: not asked yet")
    if seen.seconds > SLOW:
        return "warn", "!", view.words("slow")
    return "ok", "✓", view.words("answers")


def _tiles(view: View) -> list[dict[str, Any]]:
    """Small counts, each made alone: one that cannot be made says so and takes nothing else with it."""
    services = view.desk.services
    index = services.actors.index(services.reader)

    def waiting(table: str) -> Callable[[], int]:
        return lambda: int(services.reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608  a name from below

    made: tuple[tuple[str, str, Callable[[], int]], ...] = (
        ("Pairs of patients to review", "/node/reviews", lambda: len(index.pairs.to_review(1000))),
        ("Emergency accesses to review", "/node/reviews", lambda: len(reviews.cases(services.reader))),
        ("Pushed documents waiting", "/node/inbox", lambda: Inbox(services.reader).waits()[0]),
        ("Notifications waiting", "", waiting("notification")),
        ("Subscriptions", "", waiting("subscription")),
    )
    tiles = []
    for name, where, count in made:
        try:
            tiles.append({"name": name, "where": where, "count": str(count()), "known": True})
        except sqlite3.Error as problem:
            tiles.append({"name": name, "where": "", "count": f"{problem} (STO-07)", "known": False})
    return tiles
