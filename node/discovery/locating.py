"""Who of a federation has to be asked for a patient, as its locators say (ITI-56): the others are left alone.

Each word about the patient has one locator; all of them are asked at once. What they name is asked with ITI-55 as
anybody is and believed no sooner, so that a locator that lies costs needless questions. One that is away or refuses
costs its own answer; where none answers, everybody is asked in waves, as without locators.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from node.discovery.calls import location_call
from node.discovery.duty import Duty
from node.hl7v3.datatypes import Ii
from node.hl7v3.location import Location
from registry.patients.demographics import Demographics, Identifier
from registry.patients.location import words_to_ask
from registry.store import locations
from trust.consent.words import is_emergency, purpose

if TYPE_CHECKING:
    from node.discovery.discovery import Plan
    from node.exchange import Actors, Exchange
    from trust.audit.event import NewRecord
    from trust.communities import Community

SHARE: Final = 0.25  # of the time that is left goes into asking locators


async def locate(plan: Plan, exchange: Exchange, minutes: int) -> None:
    """Leave out of a plan who does not know the patient, as far as locators say; that is kept for `minutes`."""
    actors = exchange.actors
    duty = actors.discovery.duty()
    tokens = _tokens(plan, duty)
    inside = [one for one in (*plan.direct, *plan.ask) if one.federation == duty.federation]
    # In an emergency somebody may learn what a patient's policy keeps from locators; few are asked sooner than these.
    if not tokens or len(inside) <= len(tokens) or is_emergency(purpose(exchange.caller.purpose)):
        return
    stamp = f"{exchange.now:%Y%m%d%H%M%S}"
    named = locations.answered(actors.reader, plan.patient, plan.seen, duty.root, stamp)
    if named is None:
        named = await _ask(plan, duty, tokens, exchange, minutes)
    if named is not None:
        plan.direct = _named(plan.direct, named, duty)
        plan.ask = _named(plan.ask, named, duty)


def _tokens(plan: Plan, duty: Duty) -> list[bytes]:
    if not duty.exists:
        return []
    own, person = Identifier.of(plan.patient), plan.person or Demographics()
    return [duty.token(word) for word in words_to_ask(person, own, shared=bool(plan.direct))]


def _named(communities: Iterable[Community], named: frozenset[str], duty: Duty) -> list[Community]:
    return [one for one in communities if one.federation != duty.federation or one.home in named]


async def _ask(
    plan: Plan, duty: Duty, tokens: Sequence[bytes], exchange: Exchange, minutes: int
) -> frozenset[str] | None:
    """What the locators say; None when none of them gave an answer. Each look-up is on record, also at its locator."""
    actors, loop = exchange.actors, asyncio.get_running_loop()
    calls, named, answers = [], set[str](), 0
    for token in tokens:
        home = duty.locator(token)
        if home == actors.own.home:
            named |= {*holders(token, duty, home, actors)}
            answers += 1
        elif (locator := actors.gateway.community(home)) is not None:
            requested = Ii(duty.root, token.hex())
            calls.append(location_call(plan.patient, requested, locator, actors.new_uuid(), exchange.assertion))
    deadline = loop.time() + max(0.1, (exchange.deadline - loop.time()) * SHARE)
    inner = replace(exchange, deadline=deadline, records=[])
    async with aclosing(actors.gateway.ask(calls, inner)) as arrivals:
        async for answered in arrivals:
            if answered.error is None:
                named |= {one.home for one in answered.located}
                answers += 1
    until = f"{exchange.now + timedelta(minutes=minutes):%Y%m%d%H%M%S}"

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        if answers == len(tokens):
            locations.keep_answer(connection, plan.patient, plan.seen, duty.root, named, until)
        return None, inner.records

    if inner.records:
        await actors.sequencer.transact(work)
    return frozenset(named) if answers else None


def holders(token: bytes, duty: Duty, asker: str, actors: Actors) -> list[str]:
    """What this node says as a locator: who told it of the token, and who has not told it everything."""
    told = locations.sources(actors.reader)
    behind = [
        one.home
        for one in actors.gateway.communities()
        if one.federation == duty.federation and told.get(one.home) != duty.root
    ]
    found = dict.fromkeys((*locations.holders(actors.reader, token, asker), *behind))
    if told.get(actors.own.home) != duty.root:
        found.setdefault(actors.own.home)
    return [home for home in found if home != asker]


def as_locations(homes: Iterable[str], requested: Ii) -> list[Location]:
    """As ITI-56 says it. Nobody's own identifier is known here: the token stands for it."""
    return [Location(home, requested, requested) for home in homes]
