"""What becomes of a request that the node cannot carry out: a standard error, and a record that says what was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node import pipeline
from node.configuration.config import Config
from node.dispatch import Dispatcher
from node.exchange import AS_USUAL, Exchange, Latitude
from node.federation.gateway import Gateway
from node.federation.outcomes import Known
from node.services import Services, open_services
from node.soap.faults import SoapFault
from node.soap.leniencies import Leniency
from node.soap.message import read_envelope
from node.transactions import ITI_42
from tests.end_to_end.wire import ACTIONS, Document, envelope, set_id_of, submission
from trust.communities import Community
from trust.identity.caller import Caller, Role


def exchange_of(services: Services, **more: Any) -> Exchange:
    return Exchange(
        actors=services.actors,
        caller=Caller(role=Role.APPLICATION, name="ward 7", fingerprint="", address="127.0.0.1"),
        message_id="urn:uuid:0",
        endpoint="https://localhost/iti-42",
        now=services.clock(),
        deadline=asyncio.get_running_loop().time() + 8,
        incident="0",
        **more,
    )


async def test_a_refusal_for_want_of_space_is_on_record_with_what_was_refused(made_node: Callable[..., Config]) -> None:
    async with open_services(made_node()) as services:
        services.actors.refuse_writes = lambda: True
        body = submission("P1^^^&2.999.1&ISO", [Document(b"x", hash=True)])
        message = read_envelope(envelope(ACTIONS["iti-42"], body))
        answer = await pipeline.run(ITI_42, message, None, exchange_of(services))
        assert b"XDSRegistryOutOfResources" in answer.envelope
        bodies = services.reader.execute("SELECT body FROM audit_record ORDER BY seq").fetchall()
    named = [one["id"] for one in json.loads(bodies[-1][0])["event"]["objects"]]
    assert named == ["P1^^^&2.999.1&ISO", set_id_of(body)]


async def test_a_deviation_is_on_record_and_refused_of_whom_it_is_refused(made_node: Callable[..., Config]) -> None:
    """Also one that shows only while the parts are read; nothing was done then, and what was asked stays to be asked."""
    async with open_services(made_node()) as services:
        found = {Leniency.MESSAGE_ID_MISSING}

        def exchange(*refused: str) -> Exchange:
            return exchange_of(services, leniencies=found, latitude=Latitude(refused=refused))

        async def parts(*_: object) -> None:
            found.add(Leniency.ENCODED_PART)

        row = replace(ITI_42, prepare=parts)
        message = read_envelope(
            envelope(ACTIONS["iti-42"], submission("P1^^^&2.999.1&ISO", [Document(b"x", hash=True)]))
        )
        with pytest.raises(SoapFault, match="message-id-missing"):
            await pipeline.run(row, message, None, exchange("message-id-missing"))
        assert found == {Leniency.MESSAGE_ID_MISSING}, "refused before anything was read"
        with pytest.raises(SoapFault, match="encoded-part"):
            await pipeline.run(row, message, None, exchange("encoded-part"))
        (before,) = services.reader.execute("SELECT count(*) FROM audit_record").fetchone()
        await pipeline.run(row, message, None, exchange())
        bodies = services.reader.execute("SELECT body FROM audit_record ORDER BY seq").fetchall()
    assert len(bodies) > before
    assert json.loads(bodies[-1][0])["event"]["note"] == {"tolerated": "encoded-part message-id-missing"}


async def test_the_row_of_a_community_says_what_is_refused_of_it(made_node: Callable[..., Config]) -> None:
    home = "urn:oid:2.999.66"
    strict = Community(home=home, name="South", endpoints={}, certificates="", fingerprint="", quirks={"refused_leniencies": "all"})  # fmt: skip
    async with open_services(made_node()) as services:
        services.actors.gateway = Gateway(None, lambda: [strict], services.new_uuid, Known())
        dispatcher = Dispatcher(services.actors, None, None, owing=None, spool=None, base_url="", deadline=8, default_scope="local")  # fmt: skip
        caller = Caller(role=Role.PEER, name="South", fingerprint="", address="", home=home)
        assert dispatcher._latitude(caller).refused == ("all",)
        assert dispatcher._latitude(replace(caller, home="urn:oid:2.999.67")) is AS_USUAL
        assert dispatcher._latitude(replace(caller, role=Role.APPLICATION)) is AS_USUAL
