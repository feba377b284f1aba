"""How each institution ended, as lines of JSON while a query is under way: for the application that asks it.

An application opens this first, under the MessageID that its query will have. Each line is told after the record of
that exchange is durable; the query itself, its answer and its records are the same whether anybody listens or not.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from node.http.resources import Asked, Given, Stream

if TYPE_CHECKING:
    from node.exchange import Desk
    from node.federation.watching import Watching

MIME_TYPE: Final = "application/x-ndjson"
_SECONDS: Final = 60.0  # without an outcome, after which nobody expects one: the longest deadline


async def outcomes(asked: Asked, desk: Desk) -> Given:
    """The outcomes of the query `urn:uuid:…` that this caller sends next; an empty line first, when it may be sent."""
    frames = _lines(desk.actors.gateway.watching, asked.caller.fingerprint, f"urn:uuid:{asked.parameters['word']}")
    return Given(status=HTTPStatus.OK, body=Stream(mime_type=MIME_TYPE, size=None, frames=frames, live=True))


async def _lines(watching: Watching, fingerprint: str, message_id: str) -> AsyncIterator[bytes]:
    with watching.watch(fingerprint, message_id) as watcher:
        yield b"\n"
        if watcher is None:
            return
        async for outcome in watcher.outcomes(_SECONDS):
            yield json.dumps(outcome.as_json(), ensure_ascii=False).encode() + b"\n"
