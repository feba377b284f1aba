"""The plain management listener on loopback: /live, /ready (a word each) and /metrics (interfaces: Command line)."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from node.http.limits import HttpLimits
from node.http.reply import Reply
from node.http.server import NodeServer

_TEXT = "text/plain; charset=utf-8"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_LIMITS = HttpLimits(connections=64, connections_per_address=64, keep_alive=15.0)


class ManagementServer:
    """Tells a supervisor about the node; there is nothing of a patient in it.

    Args:
        live: whether the process works; False asks to be restarted.
        ready: whether requests can be answered.
        metrics: the page of metrics in Prometheus' text form.
    """

    def __init__(
        self, *, live: Callable[[], bool], ready: Callable[[], bool], metrics: Callable[[], bytes], port: int
    ) -> None:
        self._live = live
        self._ready = ready
        self._metrics = metrics
        self._server = NodeServer(self._answer, self._malformed, host="127.0.0.1", port=port, tls=None, limits=_LIMITS)

    @property
    def port(self) -> int:
        """The port that is listened on, once started."""
        return self._server.port

    async def start(self) -> None:
        """Listen on loopback."""
        await self._server.start()

    async def stop(self) -> None:
        """Close."""
        await self._server.stop(grace=1.0)

    async def _answer(self, request: web.BaseRequest) -> Reply:
        if request.method not in ("GET", "HEAD"):
            return Reply(405, headers=(("Allow", "GET, HEAD"),), close=True)
        if request.path == "/live":
            return _word(self._live(), "live", "broken")
        if request.path == "/ready":
            return _word(self._ready(), "ready", "starting")
        if request.path == "/metrics":
            return Reply(200, self._metrics(), content_type=_METRICS)
        return Reply(404)

    async def _malformed(self, _request: web.BaseRequest, status: int) -> Reply:
        return Reply(status, close=True)


def _word(good: bool, yes: str, no: str) -> Reply:  # noqa: FBT001
    return Reply(200 if good else 503, f"{yes if good else no}\n".encode(), content_type=_TEXT)
