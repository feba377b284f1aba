"""What a community that knows an identifier learns of the person by it alone (ITI-55; threats C14)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from lxml import etree

from node.configuration.config import Config
from node.discovery.deciding import decide
from node.discovery.known_here import candidates
from node.discovery.noting import noted
from node.exchange import Exchange
from node.hl7v3.query import DemographicsQuery
from node.services import Services, open_services
from registry.patients.demographics import Demographics, Identifier, Name
from tests.node.hl7v3.people import NORA
from trust.audit.event import NewRecord
from trust.identity.caller import Caller, Role

OURS = Identifier("4711", "2.999.1.1")
GUESSED = Name(family="Guess")


@pytest.fixture
async def services(made_node: Callable[..., Config]) -> AsyncIterator[Services]:
    async with open_services(made_node(authority="2.999.1.1")) as opened:

        def work(connection: object) -> tuple[None, list[NewRecord]]:
            opened.actors.index(connection).store(OURS, replace(NORA, identifiers=(OURS,)), "20261130120000")
            return None, [noted("a patient was made known", opened.actors)]

        await opened.sequencer.transact(work)
        yield opened


def answered(services: Services, person: Demographics) -> list[Demographics]:
    exchange = Exchange(
        actors=services.actors,
        caller=Caller(
            role=Role.PEER, name="Clinic", fingerprint="00", address="", home="urn:oid:2.999.2", clearance="V"
        ),
        message_id="urn:uuid:1",
        endpoint="https://h/iti-55",
        now=services.clock(),
        deadline=asyncio.get_running_loop().time(),
        incident="i",
    )
    query = replace(DemographicsQuery.unread(etree.Element("x")), person=person)
    return [one.person for one in decide(query, candidates(person, exchange)).subjects]


@pytest.mark.parametrize(
    "guess",
    [
        {"names": (GUESSED,), "sex": "M"},
        {"birth_date": NORA.birth_date},
        {"addresses": NORA.addresses, "telecoms": NORA.telecoms, "mothers_maiden_name": "x"},
    ],
    ids=["a name", "a date", "the rest"],
)
async def test_what_is_not_compared_is_not_told(services: Services, guess: dict[str, object]) -> None:
    (told,) = answered(services, Demographics(identifiers=(OURS,), **guess))
    assert told == Demographics(identifiers=(OURS,))


async def test_who_gives_the_person_gets_what_they_gave(services: Services) -> None:
    (told,) = answered(services, replace(NORA, identifiers=(OURS,), addresses=()))
    assert (told.identifiers, told.names, told.sex, told.addresses) == ((OURS,), NORA.names, "F", ())
