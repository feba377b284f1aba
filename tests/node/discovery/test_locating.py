"""Locators (ITI-56): a first query for a patient known to five goes to them and to those five, whatever lies or dies.

A node in this process asks simulated communities over real connections.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from lxml import etree

from node.configuration.settings import FederationSection
from node.discovery.asking import ask_everywhere
from node.discovery.discovery import Discovery
from node.discovery.duty import Duty
from node.discovery.locating import holders
from node.discovery.telling import SILENT, Teller
from node.discovery.told import Told, keep
from node.exchange import Exchange
from node.federation.circuit import Circuits
from node.hl7v3.datatypes import Ii
from node.iti.iti56_patient_location_query import Request, patient_location_query
from node.making import Wanted, make
from node.operations import execute
from node.outcome_words import Word
from node.services import Services, apply_communities, open_services
from node.soap.faults import SoapFault
from registry.ebrim.messages import AdhocQuery
from registry.ebrim.reader import read_adhoc_query
from registry.store import correlations, locations
from scripts.simulated.population import Member, give, members, start, stop
from tests.end_to_end.nodes import free_base
from tests.end_to_end.wire import find_documents
from tests.node.hl7v3.schemas import schema
from tests.shared import needs_shared
from tests.simulator.community import garbage, hangs_up, truthful
from tests.simulator.discovery import Person, location_answer, person_answer
from trust.audit.event import Coded
from trust.community_store import Communities
from trust.identity.caller import Caller, Role

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNT, KNOWN, LOCATORS = 24, 5, 4
_numbers = itertools.count(1)


@dataclass
class World:
    """A node that asks, and the others: the first five know every patient, the last four are locators."""

    services: Services
    others: list[Member]

    @property
    def knowing(self) -> set[str]:
        return {one.described.home for one in self.others[:KNOWN]}

    async def patient(self) -> tuple[str, dict[str, str]]:
        """A new patient here, whom five others know under identifiers of their own."""
        number = next(_numbers)
        person = {
            "family": "Halvorsen" + "bcdfg"[number % 5] * 2 + "aeiou"[number // 5 % 5] + "l",
            **{"given": "Nora", "birth": f"19{40 + number}0415", "sex": "F"},
            **{"street": f"{number} Quay Road", "city": "Norwick", "phone": f"tel:+47555510{number:02}"},
        }
        words = {"patient": f"A-{number}", "birth_date": person["birth"]}
        words |= {name: person[name] for name in ("family", "given", "sex", "street", "city")}
        await execute(self.services, "patient add", words | {"phone": person["phone"][4:]}, "tester")
        patient = f"A-{number}^^^&2.999.1&ISO"
        give(self.others, patient, KNOWN, 1, person)
        return patient, person

    async def ask(self, patient: str, purpose: str = "") -> tuple[Counter[tuple[str, bool]], set[str]]:
        """One query: how many requests of each kind went to locators and to others; who was found."""
        exchange = self.exchange(purpose)
        before = len(self.sent())
        answers = await ask_everywhere(query_of(patient), exchange)
        found = {one.community.home for one in answers if one.outcome.word is Word.FOUND and one.accepted}
        return Counter(self.sent()[before:]), found

    def exchange(self, purpose: str) -> Exchange:
        """A query of a ward, for a purpose of use."""
        return Exchange(
            actors=self.services.actors,
            caller=Caller(
                role=Role.APPLICATION,
                name="ward 7",
                fingerprint="",
                address="127.0.0.1",
                purpose=Coded(purpose, "2.16.840.1.113883.5.8", "") if purpose else None,
            ),
            message_id=f"urn:uuid:{uuid4()}",
            endpoint="https://localhost/iti-18",
            now=self.services.clock(),
            deadline=asyncio.get_running_loop().time() + 8,
            incident="0",
        )

    def sent(self) -> list[tuple[str, bool]]:
        """Transaction of every request that left, as the audit log has it, and whether it went to somebody who knows."""
        rows = self.services.reader.execute("SELECT body FROM audit_record WHERE kind = 1 ORDER BY seq")
        found = [json.loads(body) for (body,) in rows]
        return [(one["event"]["note"]["transaction"], one["peer"] in self.knowing) for one in found]

    def locators(self) -> list[Member]:
        return self.others[-LOCATORS:]


def query_of(patient: str) -> AdhocQuery:
    return read_adhoc_query(etree.fromstring(find_documents(patient).encode()))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = Path(tmp_path_factory.mktemp("locating"))
    wanted = Wanted(
        **{"root": folder / "node", "name": "Asking", "host": "localhost", "port_base": 8000, "authority": "2.999.1"},
        **{"home": "", "public_url": "", "ca": folder / "ca", "development": True},
    )
    config = make(wanted, now=datetime.now(UTC), new_uuid=uuid4).config
    mix = [("truthful", 0.0)] * COUNT
    others = members(folder / "others", folder / "ca", free_base(COUNT // 10 + 1), mix, locators=LOCATORS, apart=True)
    async with open_services(config, serving=True) as services:

        def work(connection):
            for one in others:
                Communities.add(connection, one.described, services.clock())
            return None, [services.membership.record("communities added")]

        await services.sequencer.transact(work)
        apply_communities(services)
        await start(others)
        try:
            yield World(services, others)
        finally:
            await stop(others)


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def honest(world: World) -> AsyncIterator[None]:
    """Everybody is truthful again after each test, and nobody paused."""
    yield
    for one in world.others:
        one.community.behaves(truthful)
    world.services.actors.gateway._engine._circuits = Circuits()


async def test_a_first_query_goes_to_locators_and_to_those_who_know(world: World) -> None:
    patient, _ = await world.patient()
    sent, found = await world.ask(patient)
    assert found == world.knowing
    assert sent == {("ITI-56", False): 4, ("ITI-55", True): KNOWN, ("ITI-38", True): KNOWN}


async def test_a_later_query_goes_to_those_who_know_alone(world: World) -> None:
    patient, _ = await world.patient()
    await world.ask(patient)
    sent, found = await world.ask(patient)
    assert found == world.knowing
    assert sent == {("ITI-38", True): KNOWN}


async def test_a_look_up_is_on_record_with_the_patient_and_what_was_asked(world: World) -> None:
    patient, _ = await world.patient()
    await world.ask(patient)
    rows = world.services.reader.execute("SELECT body FROM audit_record WHERE kind = 4 ORDER BY seq DESC LIMIT 20")
    found = [event for (body,) in rows if (event := json.loads(body)["event"])["type"][0] == "ITI-56"][:4]
    assert len(found) == 4
    for event in found:
        patients = [one["id"] for one in event["objects"] if one["role"] == "1"]
        assert patients == [patient]
        assert event["objects"][-1]["id"].endswith(f"@{world.services.actors.discovery.duty().root}")


async def test_c14_an_emergency_asks_everybody(world: World) -> None:
    patient, _ = await world.patient()
    sent, found = await world.ask(patient, "ETREAT")
    assert found == world.knowing
    assert sent[("ITI-56", False)] == 0
    assert sent[("ITI-55", False)] == COUNT - KNOWN


async def test_c17_a_locator_that_lies_costs_needless_questions_and_no_truth(world: World) -> None:
    """All but one say that everybody knows the patient; of whom they name, one answers with another person."""
    patient, person = await world.patient()
    homes = [one.described.home for one in world.others]

    async def lies(_community, _request, asked):
        return location_answer(asked, [*homes, "urn:oid:2.999.404", world.services.actors.own.home])

    async def another(community, request, asked):
        if asked.transaction != "iti-55":
            return await truthful(community, request, asked)
        (known,) = [one for one in world.others[0].community.locating.people if one.family == person["family"]]
        return person_answer(community, asked, another_person(known))

    for one in world.locators()[1:]:
        one.community.behaves(lies)
    world.others[KNOWN].community.behaves(another)
    sent, found = await world.ask(patient)
    assert found == world.knowing
    assert sent[("ITI-38", True)] == KNOWN
    assert sent[("ITI-38", False)] == 0
    assert world.services.alarms.count("another-person-answered") == 1


def another_person(one: Person) -> list[Person]:
    return [replace(one, birth="20011224")]


def two_persons(one: Person) -> list[Person]:
    return [one, replace(one, extension="P-2")]


@pytest.mark.parametrize(
    ("lies", "word", "alarmed"),
    [
        pytest.param(another_person, Word.PROTOCOL, True, id="another person"),
        pytest.param(two_persons, Word.NO_PATIENT, False, id="two persons"),
        pytest.param(lambda one: [replace(one, street="1 Elsewhere", phone="")], Word.NO_PATIENT, False, id="doubtful"),
        pytest.param(lambda _: [], Word.NO_PATIENT, False, id="hides them"),
        pytest.param(None, Word.NO_PATIENT, False, id="of another community"),
    ],
)
async def test_c17_what_a_lying_community_says_of_a_person_is_not_believed(
    world: World, lies: Callable[[Person], list[Person]] | None, word: Word, *, alarmed: bool
) -> None:
    """It is never asked for documents, nothing is remembered of it, and its outcome says why."""
    patient, person = await world.patient()
    liar = world.others[0]

    async def behave(community, request, asked):
        if asked.transaction != "iti-55":
            return await truthful(community, request, asked)
        (known,) = [one for one in community.locating.people if one.family == person["family"]]
        if lies is None:
            return person_answer(community, asked, [known], custodian="2.999.404")
        return person_answer(community, asked, lies(known))

    liar.community.behaves(behave)
    liar.community.asked.clear()
    liar.community.keep_requests = True
    alarms = world.services.alarms.count("another-person-answered")
    _, found = await world.ask(patient)
    assert found == world.knowing - {liar.described.home}
    assert [one.transaction for one in liar.community.asked] == ["iti-55"]
    assert world.services.alarms.count("another-person-answered") == alarms + alarmed
    kept = {one.home: one.theirs for one in correlations.of_patient(world.services.reader, patient)}
    assert not kept.get(liar.described.home)
    rows = world.services.reader.execute("SELECT body FROM audit_record WHERE kind = 4 ORDER BY seq DESC LIMIT 40")
    notes = [json.loads(body) for (body,) in rows]
    outcomes = [one["event"]["note"]["outcome"] for one in notes if one["peer"] == liar.described.home]
    assert outcomes[0] == word


@needs_shared
async def test_every_request_of_a_discovery_is_valid(world: World) -> None:
    """What leaves for ITI-55 and ITI-56 (`test_every_message` leaves both to this one)."""
    for one in world.others:
        one.community.asked.clear()
        one.community.keep_requests = True
    patient, _ = await world.patient()
    await world.ask(patient)
    bodies = {one.transaction: one.body for member in world.others for one in member.community.asked}
    assert bodies.keys() == {"iti-55", "iti-56", "iti-38"}
    for transaction, name in (("iti-55", "PRPA_IN201305UV02"), ("iti-56", "XCPD_PLQ")):
        schema(name).assertValid(etree.fromstring(etree.tostring(bodies[transaction])))


async def test_whoever_has_not_told_everything_is_named_by_a_locator(world: World) -> None:
    """This node as a locator: it says what it does not know, and nobody of whom a holder keeps the asker out."""
    actors, first, second = world.services.actors, *(one.described.home for one in world.others[:2])
    duty = Duty("", (actors.own.home, *actors.discovery.duty().homes))
    token = duty.token("somebody")

    def named(asker: str) -> set[str]:
        return {*holders(token, duty, asker, actors)}

    everybody = {actors.own.home, *(one.described.home for one in world.others)}
    assert named("") == everybody
    await keep(Told(root=duty.root, complete=True), first, "first", actors)
    assert named("") == everybody - {first}
    await keep(Told(root=duty.root, add=((token, ""),)), first, "first", actors)
    assert named("") == everybody
    assert named(first) == everybody - {first}, "nobody is told of itself"
    for home in everybody:
        await keep(Told(root=duty.root, complete=True), home, "all", actors)
    assert named("") == {first}
    await keep(Told(root=duty.root, add=((token, second),)), first, "first", actors)
    assert (named(second), named("urn:oid:2.999.1")) == ({first}, set())
    await keep(Told(root=duty.root, remove=(token,)), second, "second", actors)
    assert named(second) == {first}, "nobody takes back what another one told"
    await keep(Told(root=duty.root, remove=(token,)), first, "first", actors)
    assert named(second) == set()
    assert Duty("", duty.homes[:3]).root != duty.root
    assert {*holders(token, Duty("", duty.homes[:3]), "", actors)} == everybody, "told under other locators"


async def test_everything_is_told_once_and_the_rest_when_a_locator_is_back(world: World) -> None:
    services, duty = world.services, world.services.actors.discovery.duty()
    locators = {one.described.home: one.community.locating for one in world.locators()}

    async def round_of_a_new_process() -> dict[str, int]:
        """How many tokens each locator was told of."""
        for one in locators.values():
            one.told.clear()
        await Teller(services.actors, services.client, services.config.folder.database).round()
        return {home: sum(len(said["add"]) for said in one.told) for home, one in locators.items()}

    await world.patient()
    assert all((await round_of_a_new_process()).values())
    assert all(one.told[-1]["complete"] for one in locators.values())
    assert locations.waiting(services.reader) == 0
    assert not any((await round_of_a_new_process()).values()), "a restart tells nothing again"
    patient, _ = await world.patient()
    away = locators[duty.locator(duty.token(f"id 2.999.1 {patient.partition('^')[0]}"))]
    away.away = True
    assert any((await round_of_a_new_process()).values())
    assert not away.told
    assert locations.waiting(services.reader) == 1
    away.away = False
    assert any((await round_of_a_new_process()).values())
    assert away.told[-1]["complete"]
    assert locations.waiting(services.reader) == 0
    known = {token for (token,) in services.reader.execute("SELECT DISTINCT token FROM location_told")}
    text = services.reader.execute("SELECT group_concat(person) FROM patient_identity").fetchone()[0]
    assert "Halvorsen" in text
    assert not any(b"Halvorsen" in token for token in known)


async def test_a_locator_that_has_dropped_what_it_was_told_is_told_it_again(world: World) -> None:
    """This community was no member for a while, so its tokens went; whoever tells on finds that out, each day."""
    services = world.services
    await world.patient()
    teller = Teller(services.actors, services.client, services.config.folder.database)
    await teller.round()
    locators = {one.described.home: one.community.locating for one in world.locators()}
    before = locations.told_to(services.reader)
    assert before.keys() == locators.keys()
    assert {home: one.told[-1]["kept"] for home, one in locators.items()} == before
    dropped = next(iter(locators))
    for one in locators.values():
        one.told.clear()
    locators[dropped].lost = True
    again = Teller(services.actors, services.client, services.config.folder.database)
    await again.round()
    assert not locations.told_to(services.reader).get(dropped)
    await again.round()
    told = {home: sum(len(said["add"]) for said in one.told) for home, one in locators.items()}
    assert told == {home: before[home] if home == dropped else 0 for home in locators}
    assert locators[dropped].told[-1] == {**locators[dropped].told[-1], "complete": True, "kept": before[dropped]}
    assert locations.waiting(services.reader) == 0


async def test_what_a_member_told_goes_when_it_is_none_any_more_or_silent_for_long(world: World) -> None:
    """This node as a locator; somebody who cannot be reached is named for as long, since they may know the patient."""
    services, actors = world.services, world.services.actors
    removed, silent, away = (one.described for one in world.others[5:8])
    duty = Duty("", (actors.own.home, *actors.discovery.duty().homes))
    real, actors.discovery.duty = actors.discovery.duty, lambda: duty
    token = duty.token("somebody they know")
    long_ago = f"{services.clock() - SILENT - timedelta(days=1):%Y%m%d}"
    try:
        for one in (removed, silent, away):
            told = Told(root=duty.root, add=((token, ""),), complete=True, kept=0)
            await keep(told, one.home, one.name, actors)

        await change(services, lambda connection: locations.take(connection, silent.home, (), (), long_ago))
        await change(services, lambda connection: Communities.remove(connection, removed.home))
        apply_communities(services)
        teller = Teller(actors, services.client, services.config.folder.database)
        await teller.round()
        assert locations.holders(services.reader, token, "") == [away.home]
        assert locations.sources(services.reader).keys() & {removed.home, silent.home, away.home} == {away.home}
        assert silent.home in holders(token, duty, "", actors), "nobody knows what it would tell: it is asked"
        assert removed.home not in holders(token, duty, "", actors)
        await change(services, lambda connection: Communities.remove(connection, away.home))
        apply_communities(services)
        await teller.round()
        assert locations.holders(services.reader, token, "") == []
    finally:
        actors.discovery.duty = real
        for one in (removed, away):
            await change(services, lambda connection, one=one: Communities.add(connection, one, services.clock()))
        apply_communities(services)


async def change(services: Services, work: Callable) -> None:
    """One change of the database."""

    def job(connection):
        work(connection)
        return None, [services.membership.record("a change for a test")]

    await services.sequencer.transact(job)


async def test_c14_a_dictionary_of_look_ups_is_stopped(world: World) -> None:
    """Tokens of many persons one after the other: the same bound as for ITI-55, and an alarm."""
    actors = world.services.actors
    real, actors.discovery = actors.discovery, Discovery(FederationSection(questions_of_peer=3), actors.alarm)
    actors.discovery.duty = lambda: Duty("", (actors.own.home, "urn:oid:2.999.1", "urn:oid:2.999.2"))
    try:
        duty = actors.discovery.duty()
        tokens = (duty.token(f"word {k}") for k in range(100))
        ours = [token for token in tokens if duty.locator(token) == actors.own.home][:4]
        caller = Caller(role=Role.PEER, name="curious", fingerprint="", address="", home=world.others[0].described.home)
        exchange = replace(world.exchange(""), caller=caller)
        requests = [Request(Ii(duty.root, token.hex()), etree.Element("x")) for token in ours]
        for request in requests[:3]:
            assert patient_location_query(request, None, exchange, actors.reader).errors == ()
        with pytest.raises(SoapFault) as refused:
            patient_location_query(requests[3], None, exchange, actors.reader)
    finally:
        actors.discovery = real
    assert refused.value.status == 503
    assert "patient-discovery-flood" in world.services.alarms


async def test_c17_a_locator_that_hides_somebody_is_made_good_by_the_others(world: World) -> None:
    """Each word about a patient has a locator of its own: one that says nothing keeps nobody from being found."""
    patient, _ = await world.patient()
    duty = world.services.actors.discovery.duty()
    tokens = [one for member in world.locators() for one in member.community.locating.located]
    assert len({duty.locator(bytes.fromhex(token)) for token in tokens}) > 1

    async def hides(_community, _request, asked):
        return location_answer(asked, [])

    world.locators()[0].community.behaves(hides)
    _, found = await world.ask(patient)
    assert found == world.knowing


@pytest.mark.parametrize("behaviour", [hangs_up, garbage(b"\x00 no message")], ids=["dead", "garbage"])
async def test_where_no_locator_answers_everybody_is_asked(world: World, behaviour) -> None:
    patient, _ = await world.patient()
    for one in world.locators():
        one.community.behaves(behaviour)
    sent, found = await world.ask(patient)
    assert found == world.knowing
    assert sent[("ITI-55", False)] + sent[("ITI-55", True)] == COUNT
    kept = world.services.reader.execute("SELECT 1 FROM location_answer WHERE patient = ?", (patient,)).fetchone()
    assert kept is None, "what was not answered is not remembered"


async def test_without_enough_locators_everybody_is_asked(world: World) -> None:
    patient, _ = await world.patient()
    discovery = world.services.actors.discovery
    real = discovery.duty
    discovery.duty = lambda: Duty("", real().homes[:2])
    try:
        sent, found = await world.ask(patient)
    finally:
        discovery.duty = real
    assert found == world.knowing
    assert sent[("ITI-56", False)] == 0
