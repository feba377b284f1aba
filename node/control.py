"""The control socket: commands of the command line, carried out by the running node (interfaces: Command line).

JSON over HTTP on a Unix socket of mode 0600, so only the node's own user and root can connect. A request is
`{"command": …, "arguments": {…}}`; the answer is `{"result": {…}}` or `{"status": 1, "faults": [{…}]}`.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from node.control_call import MOST_BYTES, Arguments, operator_name, reachable
from node.faults import Exit, Fault, Faults

log = logging.getLogger("node.control")

Execute = Callable[[str, Arguments, str], Awaitable[dict[str, Any]]]  # command, arguments, operator


class ControlServer:
    """Serves the socket of a running node; `execute` carries a command out or raises `Faults`."""

    def __init__(self, path: Path, execute: Execute, incident: Callable[[], str]) -> None:
        self._path = path
        self._execute = execute
        self._incident = incident
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen. A socket that a dead process left behind is replaced: the node's lock is held."""
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_post("/command", self._command)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
        await self._runner.setup()
        self._path.unlink(missing_ok=True)
        with reachable(self._path) as path:
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            before = os.umask(0o177)
            try:
                listener.bind(path)
            finally:
                os.umask(before)
        listener.setblocking(False)  # noqa: FBT003
        await web.SockSite(self._runner, listener).start()

    async def stop(self) -> None:
        """Finish what is under way, then remove the socket."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._path.unlink(missing_ok=True)

    async def _command(self, request: web.Request) -> web.Response:
        try:
            order = await request.json()
            command, arguments = str(order["command"]), dict(order["arguments"])
        except (ValueError, KeyError, TypeError):
            raise web.HTTPBadRequest(text="not a command") from None
        operator = _operator(request)
        try:
            result = await self._execute(command, arguments, operator)
        except Faults as refusal:
            log.info("command refused", extra={"command": command, "code": refusal.faults[0].code})
            return web.json_response(
                {"status": int(refusal.status), "faults": [fault.as_json() for fault in refusal.faults]}
            )
        except Exception:  # the edge of a command: its failure must not end the node
            incident = self._incident()
            log.exception("command failed", extra={"command": command, "incident": incident})
            fault = Fault(
                "internal",
                command,
                f"unexpected failure, incident {incident}",
                "look for the incident in the node's log",
            )
            return web.json_response({"status": int(Exit.REFUSED), "faults": [fault.as_json()]})
        log.info("command done", extra={"command": command})
        return web.json_response({"result": result})


def _operator(request: web.Request) -> str:
    """Who is at the other end, as the kernel says."""
    transport = request.transport
    sock = transport.get_extra_info("socket") if transport else None
    if sock is None:
        return "unknown"
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return operator_name(uid)
