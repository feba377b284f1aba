"""One institution: what is known of it, and the doctor's twelve steps (ui 4.h)."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from node.doctor.steps import TITLES, Level, Row
from node.doctor.visit import visit
from node.faults import Faults
from node.web.administrator.ordering import ordered, refused
from node.web.administrator.overview import peer_of
from node.web.frame import SECURITY
from node.web.view import View

if TYPE_CHECKING:
    from trust.communities import Community

_SIGNS = {
    Level.OK: ("ok", "✓"),
    Level.INFO: ("off", "i"),
    Level.WARN: ("warn", "!"),
    Level.FAIL: ("bad", "✕"),
    Level.NOT_TRIED: ("off", "-"),
}


def _meant(view: View) -> Community | None:
    key = view.parameters["p"]
    return next((one for one in view.desk.services.communities.all() if one.fingerprint == key), None)


def _nobody(view: View) -> web.Response:
    cause = view.words("No connected institution has this certificate any more.")
    return view.problem(404, "ADM-01", cause, view.words("Choose it from the list of institutions."))


async def peer(view: View) -> web.StreamResponse:
    """What is recorded of an institution."""
    community = _meant(view)
    return await _page(view, community) if community else _nobody(view)


async def check(view: View) -> web.StreamResponse:
    """Twelve steps to it, as `xdsnode doctor` takes them; the questions among them are on record."""
    community = _meant(view)
    if community is None:
        return _nobody(view)
    rows = await _visited(view, community)
    view.signed_in.reports[community.fingerprint] = _report(community, rows)
    return await _page(view, community, rows)


async def report(view: View) -> web.StreamResponse:
    """The last check as a file for the other administrator."""
    text = view.signed_in.reports.get(view.parameters["p"], "")
    if not text:
        return _nobody(view)
    headers = {**SECURITY, "Content-Disposition": 'attachment; filename="check.json"'}
    return web.Response(text=text, content_type="application/json", headers=headers)


async def _visited(view: View, community: Community) -> list[Row]:
    services = view.desk.services
    # In a thread: it opens connections of its own and asks this node through its control socket, as the command does.
    return await asyncio.to_thread(visit, services.config, community, services.clock)


def _report(community: Community, rows: list[Row]) -> str:
    said = {"name": community.name, "home_community_id": community.home, "steps": [row.as_json() for row in rows]}
    return json.dumps(said, ensure_ascii=False, indent=1)


async def _page(view: View, community: Community, rows: list[Row] | None = None) -> web.Response:
    try:
        known = await ordered(view, "peer show", {"peer": community.home})
    except Faults as problem:
        return refused(view, problem)
    steps: list[dict[str, Any]] = [
        {
            "row": row,
            "number": int(row.step),
            "title": TITLES[row.step],
            "tone": _SIGNS[row.level][0],
            "sign": _SIGNS[row.level][1],
        }
        for row in rows or ()
    ]
    return view.page(
        "administrator/peer.html", peer=peer_of(view, community), known=known, steps=steps, community=community
    )
