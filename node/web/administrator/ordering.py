"""Orders from the pages: the same operations as `xdsnode` commands, given by whoever is signed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from node.faults import Faults
from node.operations import execute
from node.web.view import View


async def ordered(view: View, command: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Carry out one operation of the table of operations, on record under the person's name.

    Raises:
        Faults: it was refused; nothing of it took effect.
    """
    operator = f"<{view.signed_in.user}@{view.desk.home}>"
    return await execute(view.desk.services, command, arguments or {}, operator)


def refused(view: View, problem: Faults) -> web.Response:
    """What an operation refused, as a page: its code, its cause, its next step."""
    fault = problem.faults[0]
    return view.problem(422, fault.code, view.phrase(fault.cause), view.phrase(fault.next_step))
