"""Answers that come on a connection of their own, after whoever asked has stopped waiting: what becomes of each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from lxml import etree

from node.configuration.config import Config
from node.discovery.calls import Asker, discovery_call
from node.discovery.noting import noted
from node.exchange import Exchange
from node.federation.calls import Call, query_call
from node.federation.client import PeerAnswer
from node.federation.gateway import _read_any
from node.federation.later import KEPT, Later
from node.federation.outcomes import sent_record
from node.federation.unfinished import Unfinished
from node.hl7v3.answer import Subject, write_answer
from node.hl7v3.correlation import write_time_to_live
from node.hl7v3.datatypes import Ii
from node.hl7v3.query import read_query
from node.hl7v3.wrapper import Party, read_wrapper
from node.services import Services, clock, open_services
from node.soap.message import read_answer, write_envelope
from registry.ebrim.messages import AdhocQuery
from registry.metadata.objects import Slot
from registry.patients.demographics import Identifier
from registry.queries.catalogue import FIND_DOCUMENTS
from registry.store import correlations, locations
from tests.node.hl7v3.people import NORA
from trust.communities import Community
from trust.identity.caller import Caller, Role

OURS, THEIRS = "A-4711^^^&2.999.10.100&ISO", "B-1^^^&2.999.20.200&ISO"
SLOW = Community(
    home="urn:oid:2.999.20",
    name="Slow",
    endpoints={one: f"https://slow.example/{one}" for one in ("iti-38", "iti-39", "iti-55")},
    certificates="",
    fingerprint="",
)


@pytest.fixture
async def services(made_node: Callable[..., Config]) -> AsyncIterator[Services]:
    async with open_services(made_node()) as opened:
        yield opened


def exchange(services: Services, seconds: float = 0.0) -> Exchange:
    return Exchange(
        actors=services.actors,
        caller=Caller(role=Role.APPLICATION, name="ward", fingerprint="00", address="127.0.0.1"),
        message_id=services.new_uuid(),
        endpoint=f"{services.config.base_url}/iti-18",
        now=services.clock(),
        deadline=asyncio.get_running_loop().time() + seconds,
        incident="i-1",
    )


async def asked(services: Services, call: Call) -> None:
    """A question that was taken and whose asker has gone."""
    now = exchange(services)
    await services.sequencer.record([sent_record(call, now)])
    gateway = services.actors.gateway
    gateway.under_way.add(call.message_id)
    gateway.later.expect(call, now, _read_any).waited_for = False


def person(services: Services) -> Call:
    asker = Asker(
        home=services.actors.own.home, now=services.clock(), days=7, seen="as-asked", reply_to="https://h/iti-55"
    )
    return discovery_call(OURS, NORA, SLOW, f"urn:uuid:{uuid4()}", asker)


def documents() -> Call:
    slots = (Slot(name="$XDSDocumentEntryPatientId", values=(f"'{OURS}'",)),)
    query = AdhocQuery(FIND_DOCUMENTS.id, "LeafClass", None, slots)
    return query_call(query, SLOW, f"urn:uuid:{uuid4()}", reply_to="https://h/iti-38")


def answer(call: Call, action: str, body: bytes, headers: bytes = b"") -> PeerAnswer:
    envelope = write_envelope(action, body, relates_to=call.message_id, extra=headers)
    return PeerAnswer(message=read_answer(envelope), digest=b"d" * 32)


def knows_her(call: Call) -> PeerAnswer:
    query = read_query(read_wrapper(read_answer(call.envelope).body))
    subject = Subject(id=Identifier("B-1", "2.999.20.200"), person=NORA, score=99, community="2.999.20")
    body = write_answer(
        query, id_=Ii("1"), now=clock(), sender=Party(device=Ii("2.999.20")), code="OK", subjects=[subject]
    )
    return answer(call, "urn:a", body, write_time_to_live(7))


def nothing(call: Call) -> PeerAnswer:
    body = (
        b'<q:AdhocQueryResponse xmlns:q="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0" '
        b'xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0" '
        b'status="urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"><rim:RegistryObjectList/>'
        b"</q:AdhocQueryResponse>"
    )
    return answer(call, "urn:a", body)


def outcomes(services: Services, call: Call) -> dict[int, dict]:
    rows = services.reader.execute(
        "SELECT kind, body FROM audit_record WHERE instr(body, ?)", (call.message_id.encode(),)
    )
    return {kind: json.loads(body) for kind, body in rows}


async def test_a_late_answer_is_on_record_and_who_knows_the_patient_is_remembered(services: Services) -> None:
    call = person(services)
    await asked(services, call)
    assert await services.actors.gateway.answer_came(SLOW.home, knows_her(call)) is not None
    found = outcomes(services, call)
    assert sorted(found) == [1, 4]
    assert "https://h/iti-55" in json.dumps(found[4]["event"]["participants"])
    (kept,) = correlations.of_patient(services.reader, OURS)
    assert (kept.home, kept.theirs, kept.person) == (SLOW.home, THEIRS, "as-asked")
    assert call.message_id not in services.actors.gateway.under_way


async def test_what_others_said_goes_when_its_time_is_over(services: Services) -> None:
    """Both sides said for how long it may be kept, so it is not kept longer."""
    call = person(services)
    await asked(services, call)
    await services.actors.gateway.answer_came(SLOW.home, knows_her(call))
    actors, clock_ = services.actors, services.actors.clock
    keeps = "SELECT count(*) FROM location_answer"
    await actors.sequencer.transact(
        lambda connection: (
            locations.keep_answer(connection, OURS, "", "", (), "20200101000000"),
            [noted("test", actors)],
        )
    )
    await actors.discovery.sweep(actors)
    assert actors.reader.execute(keeps).fetchone() == (0,), "also where nothing else has ended"
    assert correlations.of_patient(services.reader, OURS)
    actors.clock = lambda: clock_() + timedelta(days=8)
    await actors.discovery.sweep(actors)
    actors.clock = clock_
    assert not correlations.of_patient(services.reader, OURS)


async def test_the_same_answer_again_and_that_of_somebody_else_answer_nothing(services: Services) -> None:
    gateway, call = services.actors.gateway, documents()
    await asked(services, call)
    assert await gateway.answer_came("urn:oid:2.999.21", nothing(call)) is None
    assert await gateway.answer_came(SLOW.home, nothing(call)) is not None
    assert await gateway.answer_came(SLOW.home, nothing(call)) is None
    assert sorted(outcomes(services, call)) == [1, 4]


async def test_what_a_community_says_of_documents_of_another_is_not_remembered(services: Services) -> None:
    """Else its word decides whether the other's document is damaged, and whose it is."""
    call = documents()
    await asked(services, call)
    entry = (
        '<rim:ExtrinsicObject id="urn:uuid:{id}" home="{home}" status="urn:oasis:names:tc:ebxml-regrep:StatusType:Approved" '
        'objectType="urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1">'
        '<rim:Slot name="hash"><rim:ValueList><rim:Value>{hash}</rim:Value></rim:ValueList></rim:Slot>'
        '<rim:Slot name="size"><rim:ValueList><rim:Value>7</rim:Value></rim:ValueList></rim:Slot>'
        '<rim:Slot name="repositoryUniqueId"><rim:ValueList><rim:Value>2.999.7</rim:Value></rim:ValueList></rim:Slot>'
        '<rim:ExternalIdentifier identificationScheme="urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab" value="2.999.7.{n}"/>'
        "</rim:ExtrinsicObject>"
    )
    other = "urn:oid:2.999.21"
    said = [entry.format(id=uuid4(), home=home, hash="00" * 20, n=n) for n, home in enumerate((SLOW.home, other))]
    came = nothing(call)
    body = etree.tostring(came.body).replace(
        b"<rim:RegistryObjectList/>",
        ("<rim:RegistryObjectList>" + "".join(said) + "</rim:RegistryObjectList>").encode(),
    )
    gateway = services.actors.gateway
    assert gateway.later.expects(SLOW.home, call.message_id)
    assert not gateway.later.expects(other, call.message_id)
    assert await gateway.answer_came(SLOW.home, answer(call, "urn:a", body)) is not None
    assert gateway.known(SLOW.home, "2.999.7", "2.999.7.0").size == 7
    assert gateway.known(other, "2.999.7", "2.999.7.1") is None
    assert not gateway.later.expects(SLOW.home, call.message_id)


@pytest.mark.parametrize("what", ["another message", "a fault"])
async def test_what_is_no_answer_is_the_outcome_all_the_same(services: Services, what: str) -> None:
    call = documents()
    await asked(services, call)
    fault = (
        b'<s:Fault xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Code><s:Value>s:Receiver</s:Value></s:Code>'
        b'<s:Reason><s:Text xml:lang="en">no</s:Text></s:Reason></s:Fault>'
    )
    wrong = answer(call, "urn:a", b'<x xmlns="urn:x"/>' if what == "another message" else fault)
    assert await services.actors.gateway.answer_came(SLOW.home, wrong) is not None
    assert sorted(outcomes(services, call)) == [1, 6]


async def test_one_that_never_comes_is_recorded_as_failed_once_it_is_given_up(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, unfinished = documents(), Unfinished(services)
    await asked(services, call)
    for _ in range(3):
        await unfinished.sweep()
    assert sorted(outcomes(services, call)) == [1], "it may come at any moment"
    loop = asyncio.get_running_loop()
    late = loop.time() + KEPT + 1
    monkeypatch.setattr(loop, "time", lambda: late)
    services.actors.gateway.later.waiting()
    for _ in range(3):
        await unfinished.sweep()
    found = outcomes(services, call)
    assert sorted(found) == [1, 6]
    assert found[6]["event"]["outcome_text"] == "no answer came that could be recorded"
    assert await services.actors.gateway.answer_came(SLOW.home, nothing(call)) is None


async def test_open_questions_are_bounded(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.federation.later.MOST", 2)
    closed: list[str] = []
    later, calls = Later(closed.append), [documents() for _ in range(3)]
    for call in calls:
        later.expect(call, exchange(services), _read_any)
    assert closed == [calls[0].message_id]
    assert later.waiting() == {call.message_id for call in calls[1:]}
