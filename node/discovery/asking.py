"""A query by patient, asked wherever the patient is known, under the identifier that each community has for them.

Communities with the patient's own assigning authority, and those that are known to know the patient, are asked at once;
the others are asked for the person first, at the same time, and for documents as soon as they say that they know them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from node.discovery.calls import for_patient
from node.discovery.discovery import Plan, left_out
from node.federation import quirks
from node.federation.answered import Answered
from node.federation.calls import Call, query_call
from node.federation.judging import ANOTHER_PERSON
from node.outcome_words import Outcome, Word
from registry.ebrim.messages import adhoc_query_request
from registry.errors import ErrorCode, RegistryError
from registry.patients.demographics import Identifier
from registry.queries.catalogue import patient_of
from registry.store import correlations

if TYPE_CHECKING:
    import sqlite3

    from node.exchange import Exchange
    from node.federation.watching import Watcher
    from registry.ebrim.messages import AdhocQuery
    from trust.audit.event import NewRecord
    from trust.communities import Community


async def ask_everywhere(query: AdhocQuery, exchange: Exchange) -> tuple[Answered, ...]:
    """ITI-38 wherever the patient is known; one outcome for each community that was asked anything."""
    watcher = exchange.actors.gateway.watching.of(exchange.caller.fingerprint, exchange.message_id)
    communities = exchange.actors.gateway.communities()
    found = await _asked(query, exchange, watcher) if communities else []
    if watcher is not None:
        watcher.end()
    places = {community.home: place for place, community in enumerate(communities)}
    return tuple(sorted(found, key=lambda one: places.get(one.community.home, 0)))


async def _asked(query: AdhocQuery, exchange: Exchange, watcher: Watcher | None) -> list[Answered]:
    """The outcomes, in the order in which they came."""
    actors, patient = exchange.actors, patient_of(query)
    plan = actors.discovery.plan(patient, actors)
    await actors.discovery.locate(plan, exchange)
    for community, reason in plan.without:
        _tell(watcher, left_out(community, reason))
    now = [(community, patient) for community in plan.direct] + plan.known
    second: list[asyncio.Task[list[Answered]]] = []
    try:
        async with asyncio.TaskGroup() as group:

            def again(nothing: Answered) -> bool:
                if nothing.community.home not in plan.again or not _found_nothing(nothing):
                    return False
                second.append(group.create_task(_by_person(query, plan, nothing, exchange, watcher)))
                return True

            at_once = group.create_task(_documents(query, now, exchange, watcher, again))
            later = group.create_task(_discovered(query, plan, exchange, watcher))
    except ExceptionGroup as several:
        raise several.exceptions[0] from None  # busy is busy, and a full disk a full disk: whoever asks is told so
    found = [*at_once.result(), *later.result(), *(one for task in second for one in task.result())]
    await _forget(patient, plan, found, exchange)
    return found


async def _discovered(query: AdhocQuery, plan: Plan, exchange: Exchange, watcher: Watcher | None) -> list[Answered]:
    """Those who were not asked yet: first for the patient, then for documents."""
    if not plan.ask:
        return []
    answers = await exchange.actors.discovery.ask(plan, exchange)
    known = [(one.community, one.correlated) for one in answers if one.correlated]
    ended = [one for one in answers if not one.correlated]
    for one in ended:
        _tell(watcher, one.outcome)
    asked = {one.community.home for one in answers}
    missed = [community for community in plan.ask if community.home not in asked]
    for community in missed:
        _tell(watcher, left_out(community, "no time was left to ask for the patient", Word.NOT_ASKED))
    if missed and ended:
        ended[0].errors += (_incomplete(missed),)
    return [*ended, *await _documents(query, known, exchange, watcher)]


def _incomplete(missed: Sequence[Community]) -> RegistryError:
    names = ", ".join(community.name for community in missed[:3])
    text = f"{len(missed)} communities were not asked for want of time ({names}…); ask again"
    return RegistryError(ErrorCode.UNAVAILABLE_COMMUNITY, text, missed[0].home)


async def _by_person(
    query: AdhocQuery, plan: Plan, nothing: Answered, exchange: Exchange, watcher: Watcher | None
) -> list[Answered]:
    """A community that has nothing under our identifier, although it shares the authority: does it know the person?"""
    assert plan.person is not None  # noqa: S101  else nobody is asked again
    authority = Identifier.of(plan.patient).authority
    # One authority gives a person one identifier as a rule; what is asked for here is the exception to it.
    others = tuple(one for one in plan.person.identifiers if one.authority != authority)
    person = replace(plan.person, identifiers=others)
    only = Plan(patient=plan.patient, person=person, seen=plan.seen, ask=[nothing.community])
    for answer in await exchange.actors.discovery.ask(only, exchange):
        if answer.correlated and answer.correlated != plan.patient:
            return await _documents(query, [(answer.community, answer.correlated)], exchange, watcher)
        if answer.outcome is not None and answer.outcome.reason == ANOTHER_PERSON:
            nothing = answer
    _tell(watcher, nothing.outcome)
    return [nothing]


def _found_nothing(answered: Answered) -> bool:
    return answered.outcome is not None and answered.outcome.word in (Word.NONE, Word.NO_PATIENT)


async def _documents(
    query: AdhocQuery,
    targets: Sequence[tuple[Community, str]],
    exchange: Exchange,
    watcher: Watcher | None,
    take: Callable[[Answered], bool] = lambda _: False,
) -> list[Answered]:
    """ITI-38 to each target; what `take` takes is left to it."""
    if not targets:
        return []
    patient, body = patient_of(query), adhoc_query_request(query)
    calls = [
        _call(query, community, exchange, body=body)
        if theirs == patient
        else _call(for_patient(query, theirs), community, exchange, patient=patient)
        for community, theirs in targets
    ]
    found = []
    async with aclosing(exchange.actors.gateway.ask(calls, exchange, durable=watcher is not None)) as arrivals:
        async for answered in arrivals:
            if not take(answered):
                found.append(answered)
                _tell(watcher, answered.outcome)
    return found


def _call(query: AdhocQuery, community: Community, exchange: Exchange, *, body: bytes = b"", patient: str = "") -> Call:
    """The query as this community understands it; `body` is the query in writing, `patient` as in `query_call`."""
    asked = quirks.asked(query, quirks.read(community.quirks), exchange.now)
    return query_call(
        asked,
        community,
        exchange.actors.new_uuid(),
        exchange.assertion,
        body=body if asked is query else b"",
        patient=patient,
        reply_to=exchange.actors.gateway.reply_to(community, "iti-38"),
    )


async def _forget(patient: str, plan: Plan, found: Sequence[Answered], exchange: Exchange) -> None:
    """A community that does not know its own identifier any more is asked for the person again next time."""
    mapped = {community.home for community, _ in plan.known} | {community.home for community in plan.ask}
    homes = [
        one.community.home
        for one in found
        if one.call.query is not None
        and one.community.home in mapped
        and one.outcome is not None
        and one.outcome.word is Word.NO_PATIENT
    ]
    if not homes:
        return
    records = list(exchange.records)

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        correlations.forget(connection, patient, homes)
        return None, records

    if records:
        await exchange.actors.sequencer.transact(work)
        del exchange.records[: len(records)]


def _tell(watcher: Watcher | None, outcome: Outcome | None) -> None:
    if watcher is not None and outcome is not None:
        watcher.tell(outcome)
