"""Invite and join: five stages, the same words on both screens, two numbers compared by telephone (ui 4.h)."""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from node.administration.exports import own_community, own_urls
from node.faults import Faults
from node.membership.joining import Joining, request_of
from node.web.administrator.ordering import ordered, refused
from node.web.view import View
from trust.directory.comparison import NONCE_BYTES, Numbers, same
from trust.directory.invitation import Invited
from trust.directory.signing import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger("node.web")

_WAIT: Final = 24 * 3600.0
_ASK: Final = 0.01  # seconds: one question
_PAUSE: Final = 1.0
_MOST: Final = 4  # joins that are kept, the oldest makes room


@dataclass(slots=True, kw_only=True)
class Join:
    """One join of this node: `stage` is the one that is under way, 2 to 5; `problem` ended it."""

    joining: Joining
    invited: Invited
    request: str
    numbers: Numbers
    stage: int = 3
    problem: Faults | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)


async def connect(view: View) -> web.StreamResponse:
    """Where both begin, and what waits."""
    membership = view.desk.services.membership
    found: dict[str, Any] = {"members": [], "invitations": []}
    if membership.directory is not None:
        found = await ordered(view, "federation list")
    waiting = [one for one in found["invitations"] if one["state"] not in ("done", "void")]
    return view.page("administrator/connect.html", federation=found, waiting=waiting, made="", joins=view.desk.joins)


async def invite(view: View) -> web.StreamResponse:
    """Stage 1: one line, good once and for a day. It is shown this once: it opens a door."""
    try:
        made = await ordered(view, "federation invite")
        found = await ordered(view, "federation list")
    except Faults as problem:
        return refused(view, problem)
    return view.page("administrator/connect.html", federation=found, waiting=[], made=made, joins=view.desk.joins)


async def invitation(view: View) -> web.StreamResponse:
    """Stages 2 and 3 of the inviting side."""
    try:
        state = await ordered(view, "federation invitation", {"id": view.parameters["i"]})
    except Faults as problem:
        return refused(view, problem)
    return view.page("administrator/invitation.html", state=state, id=view.parameters["i"])


async def confirm(view: View) -> web.StreamResponse:
    """Stage 3: what they read aloud, typed here. A wrong number voids the invitation."""
    number = "".join(view.fields.get("number", "").split())
    try:
        done = await ordered(view, "federation confirm", {"id": view.parameters["i"], "number": number})
    except Faults as problem:
        return refused(view, problem)
    return view.page("administrator/member.html", name=done["name"], there=False)


async def join(view: View) -> web.StreamResponse:
    """Stages 1 and 2 of the joining side: the line is pasted, the other node is reached."""
    services = view.desk.services
    try:
        invited = Invited.read("".join(view.fields.get("line", "").split()))
    except Malformed as problem:
        cause = view.words("This is not a whole invitation.") + f" ({problem})"
        return view.problem(422, "federation.invitation", cause, view.words("Copy the whole line and paste it again."))
    request = request_of(services.config)
    community = own_community(services.config, own_urls(services.config))
    joining = Joining(services.config, invited, community, request, secrets.token_bytes(NONCE_BYTES))
    try:
        numbers = await asyncio.to_thread(joining.begin)
    except Faults as problem:
        return refused(view, problem)
    key = secrets.token_urlsafe(9)
    view.desk.joins[key] = Join(joining=joining, invited=invited, request=request, numbers=numbers)
    while len(view.desk.joins) > _MOST:
        view.desk.joins.pop(next(iter(view.desk.joins)))
    return view.see(f"/node/joins/{key}")


async def joining(view: View) -> web.StreamResponse:
    """Stages 3 to 5 of the joining side."""
    one = view.desk.joins.get(view.parameters["i"])
    if one is None:
        return view.see("/node/connect")
    if one.problem is not None:
        return refused(view, one.problem)
    if one.stage == 5:
        return view.page("administrator/member.html", name=one.joining.inviter, there=True)
    return view.page("administrator/joining.html", one=one, key=view.parameters["i"])


async def compare(view: View) -> web.StreamResponse:
    """Stage 3: the number of the inviting side. A wrong one ends it on both sides, with an alarm."""
    key = view.parameters["i"]
    one = view.desk.joins.get(key)
    if one is None or one.stage != 3:
        return view.see("/node/connect")
    if not same(one.numbers.inviting, "".join(view.fields.get("number", "").split())):
        view.desk.joins.pop(key)
        await asyncio.to_thread(one.joining.stop)
        await ordered(view, "federation mismatch", {"url": one.invited.url})
        cause = view.words("This is not the number that the other node shows: somebody may stand between the nodes.")
        step = view.words("The invitation is void. Speak with the other administrator, then ask for a new one.")
        return view.problem(422, "federation.numbers", cause, step)
    one.stage = 4
    one.task = asyncio.create_task(_finish(view, one))
    return view.see(f"/node/joins/{key}")


async def _finish(view: View, one: Join) -> None:
    """Stage 4: wait until they have typed our number, then put the directory in force."""
    try:
        answer = await _answer(one)
        pin = one.invited.pin
        directory = answer["directory"]
        arguments = {
            "federation": pin.federation,
            "root": pin.root,
            "certificates": answer["certificates"],
            "directory": directory if isinstance(directory, str) else base64.b64encode(directory).decode("ascii"),
            "request": one.request,
        }
        await ordered(view, "federation joined", arguments)
        one.stage = 5
    except Faults as problem:
        one.problem = problem


async def _answer(one: Join) -> Mapping[str, Any]:
    """Ask now and then, each time shortly: a node that stops must not wait for a thread that waits for a person."""
    until = asyncio.get_running_loop().time() + _WAIT
    while True:
        try:
            return await asyncio.to_thread(one.joining.finish, _ASK, 0.0)
        except Faults as problem:
            late = asyncio.get_running_loop().time() > until
            if problem.faults[0].code != "federation.waiting" or late:
                raise
        await asyncio.sleep(_PAUSE)
