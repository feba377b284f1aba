"""What becomes of a request that the node cannot carry out: a standard error, and a record that says what was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from node import pipeline
from node.config import Config
from node.exchange import Exchange
from node.services import open_services
from node.soap.message import read_envelope
from node.transactions import ITI_42
from tests.end_to_end.wire import ACTIONS, Document, envelope, set_id_of, submission
from trust.identity.caller import Caller, Role


async def test_a_refusal_for_want_of_space_is_on_record_with_what_was_refused(made_node: Callable[..., Config]) -> None:
    async with open_services(made_node()) as services:
        services.actors.refuse_writes = lambda: True
        body = submission("P1^^^&2.999.1&ISO", [Document(b"x", hash=True)])
        exchange = Exchange(
            actors=services.actors,
            caller=Caller(role=Role.APPLICATION, name="ward 7", fingerprint="", address="127.0.0.1"),
            message_id="urn:uuid:0",
            endpoint="https://localhost/iti-42",
            now=services.clock(),
            deadline=asyncio.get_running_loop().time() + 8,
            incident="0",
        )
        answer = await pipeline.run(ITI_42, read_envelope(envelope(ACTIONS["iti-42"], body)), None, exchange)
        assert b"XDSRegistryOutOfResources" in answer.envelope
        bodies = services.reader.execute("SELECT body FROM audit_record ORDER BY seq").fetchall()
    named = [one["id"] for one in json.loads(bodies[-1][0])["event"]["objects"]]
    assert named == ["P1^^^&2.999.1&ISO", set_id_of(body)]
