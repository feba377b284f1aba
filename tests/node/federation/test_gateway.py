"""What one community answers costs its own result; nobody waits for ever, whatever it was and whatever happens here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from node.client.listing import Listed
from node.configuration.config import Config
from node.discovery.asking import ask_everywhere
from node.exchange import Exchange
from node.federation.client import PeerAnswer
from node.federation.pace import Pace
from node.outcome_words import Word
from node.services import Services, open_services
from node.soap.message import read_answer, write_envelope
from registry.ebrim.messages import SUCCESS, AdhocQuery, adhoc_query_response
from registry.ebrim.writer import render
from registry.metadata.objects import Slot
from registry.queries.catalogue import FIND_DOCUMENTS
from tests.registry.registry_bench import entry, uuid
from trust.communities import Community
from trust.errors import LedgerBusy, StorageFailed
from trust.identity.caller import Caller, Role

PATIENT = "A-4711^^^&2.999.10.100&ISO"
QUERY = AdhocQuery(
    FIND_DOCUMENTS.id, "LeafClass", None, (Slot(name="$XDSDocumentEntryPatientId", values=(f"'{PATIENT}'",)),)
)


def community(number: int) -> Community:
    endpoints = {"iti-38": "https://there.example/iti-38"}
    return Community(home=f"urn:oid:2.999.{number}", name="There", endpoints=endpoints, certificates="", fingerprint="")


@pytest.fixture
async def services(made_node: Callable[..., Config]) -> AsyncIterator[Services]:
    async with open_services(made_node()) as opened:
        yield opened


def made(services: Services) -> Exchange:
    return Exchange(
        actors=services.actors,
        caller=Caller(role=Role.APPLICATION, name="ward", fingerprint="00", address="127.0.0.1"),
        message_id=services.new_uuid(),
        endpoint="e",
        now=services.clock(),
        deadline=asyncio.get_running_loop().time() + 5,
        incident="i",
    )


async def asked(services: Services, *communities: Community) -> list[tuple[str, Word]]:
    """Who was asked, and how each ended."""
    exchange = made(services)
    async with asyncio.timeout(20):
        gateway = services.actors.gateway
        found = [one async for one in gateway.stream(QUERY, communities, exchange)]
    assert gateway.under_way == set()
    return sorted((one.community.home, one.outcome.word) for one in found)


@pytest.mark.parametrize("size", ["\u00b2", "\u0663", "9" * 5000, "-1", "1_0", ""])
async def test_a_size_that_is_no_number_costs_nobody_the_answer(
    services: Services, monkeypatch: pytest.MonkeyPatch, size: str
):
    async def send(call, _receipt, _progress):
        home = call.community.home
        sizes = (size,) if home.endswith("20") else ("12",)
        document = entry(uuid(1), patient=PATIENT, size=sizes, home_community_id=home)
        body = adhoc_query_response(SUCCESS, (), [render(document)])
        envelope = write_envelope("urn:a", body, relates_to=call.message_id)
        return PeerAnswer(message=read_answer(envelope), digest=b"d" * 32)

    monkeypatch.setattr(services.actors.gateway._engine._client, "send", send)
    found = await asked(services, community(20), community(30))
    assert found == [("urn:oid:2.999.20", Word.FOUND), ("urn:oid:2.999.30", Word.FOUND)]


async def test_a_judgement_that_fails_costs_this_community_alone(services: Services, monkeypatch: pytest.MonkeyPatch):
    gateway = services.actors.gateway

    async def send(call, _receipt, _progress):
        document = entry(uuid(1), patient=PATIENT, home_community_id=call.community.home)
        envelope = write_envelope(
            "urn:a", adhoc_query_response(SUCCESS, (), [render(document)]), relates_to=call.message_id
        )
        return PeerAnswer(message=read_answer(envelope), digest=b"d" * 32)

    def remember(objects, _patient):
        if objects[0].home.endswith("20"):
            raise KeyError("a fault of our own")

    monkeypatch.setattr(gateway._engine._client, "send", send)
    monkeypatch.setattr(gateway._known, "remember", remember)
    found = await asked(services, community(20), community(30))
    assert found == [("urn:oid:2.999.20", Word.PROTOCOL), ("urn:oid:2.999.30", Word.FOUND)]


@pytest.mark.parametrize("failure", [LedgerBusy("full"), StorageFailed("the disk is full")], ids=["busy", "full"])
async def test_what_keeps_a_question_from_the_record_is_told_as_what_it_is(
    services: Services, monkeypatch: pytest.MonkeyPatch, failure: Exception
):
    """Whoever is to come again is told that, and not of a failure with an incident."""

    async def refuses(_records):
        raise failure

    there = replace(community(20), assigning_authority=PATIENT.split("&")[1])
    monkeypatch.setattr(services.actors.gateway, "communities", lambda: (there,))
    monkeypatch.setattr(services.sequencer, "record", refuses)
    with pytest.raises(type(failure)):
        await ask_everywhere(QUERY, made(services))


async def test_a_second_request_that_cannot_be_recorded_is_not_made(
    services: Services, monkeypatch: pytest.MonkeyPatch
):
    sent, tried = [], asyncio.Event()
    record = services.sequencer.record

    async def send(call, _receipt, _progress):
        sent.append(call.message_id)
        await tried.wait()
        body = adhoc_query_response(SUCCESS, (), ())
        envelope = write_envelope("urn:a", body, relates_to=call.message_id)
        return PeerAnswer(message=read_answer(envelope), digest=b"d" * 32)

    async def busy(records):
        if sent and not tried.is_set():
            tried.set()
            raise LedgerBusy("full")
        return await record(records)

    monkeypatch.setattr(services.actors.gateway._engine._client, "send", send)
    monkeypatch.setattr(services.sequencer, "record", busy)
    monkeypatch.setattr(Pace, "hedge_after", lambda _pace: 0.01)
    assert await asked(services, community(20)) == [("urn:oid:2.999.20", Word.NONE)]
    assert len(sent) == 1


@pytest.mark.parametrize("size", ["\u00b2", "9" * 5000, "1_0", ""])
def test_what_a_community_says_of_a_size_costs_no_list(size: str):
    listed = Listed(
        institution="There", home="urn:oid:2.999.20", repository="2.999.20.1", unique_id="2.999.20.2",
        entry_uuid=uuid(1), title="", type="", created="", mime_type="text/plain", size=size, sha1="", deprecated=False,
    )  # fmt: skip
    assert listed.as_json()["size"] is None
