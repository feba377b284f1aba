"""Where else a patient is known: what was learned and still holds, and asking whoever was not asked yet (ITI-55).

What a community says is compared with the demographics before it is believed (`federation.judging`), and kept as long
as both sides allow, together with the record of the exchange that it came from.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from node.discovery.calls import Asker, discovery_call
from node.discovery.duty import Duty
from node.discovery.known_here import describe
from node.discovery.locating import locate
from node.discovery.noting import noted
from node.discovery.rates import Rates
from node.federation.answered import Answered
from node.outcome_words import Outcome, Word
from registry.patients.demographics import Demographics, Identifier
from registry.store import correlations, locations
from registry.store.correlations import Correlation
from trust.identity.caller import Caller

if TYPE_CHECKING:
    from node.configuration.settings import FederationSection
    from node.exchange import Actors, Exchange
    from trust.audit.event import NewRecord
    from trust.communities import Community

WAVE: Final = 32  # communities that are asked together
SHARE: Final = 0.5  # of the time that is left goes into finding out who knows the patient
_TOO_LITTLE: Final = "too little is known of the patient to ask for them: name and birth date"


@dataclass(slots=True, kw_only=True)
class Plan:
    """Who is asked for a patient.

    `direct` share the patient's assigning authority; `known` knows the patient under the CX given, `ask` were not
    asked yet, `without` do not know the patient, each with a reason. `again` are the homes among `direct` that are
    asked for the person if they have nothing under this identifier: one authority may have given a person two.
    """

    patient: str
    person: Demographics | None = None
    seen: str = ""  # fingerprint of the person, as answers are kept for it
    direct: list[Community] = field(default_factory=list)
    known: list[tuple[Community, str]] = field(default_factory=list)
    ask: list[Community] = field(default_factory=list)
    without: list[tuple[Community, str]] = field(default_factory=list)
    again: set[str] = field(default_factory=set)


class Discovery:
    """One for the whole node."""

    def __init__(self, settings: FederationSection, alarm: Callable[[str], None]) -> None:
        self._settings = settings
        self._alarm = alarm
        self.duty: Callable[[], Duty] = Duty  # which members are locators; the composition root says
        self._rates = Rates()

    @property
    def days(self) -> int:
        """How long others may keep what they learn here."""
        return self._settings.correlation_days

    def admits(self, caller: Caller, now: float) -> bool:
        """Whether one more question about a person is answered; else an alarm is raised (threats: C14)."""
        peer = self._rates.take(f"peer {caller.home}", self._settings.questions_of_peer, now)
        user = not caller.user or self._rates.take(
            f"user {caller.home} {caller.user}", self._settings.questions_of_user, now
        )
        if not (peer and user):
            self._alarm("patient-discovery-flood")
        return peer and user

    def plan(self, patient: str, actors: Actors) -> Plan:
        """Who has to be asked for a patient (CX)."""
        authority = Identifier.of(patient).authority
        plan = Plan(patient=patient, person=describe(patient, actors.index(actors.reader)))
        holding: Mapping[str, Correlation] = {}
        if plan.person is not None:
            plan.seen = correlations.fingerprint(plan.person)
            holding = correlations.valid(actors.reader, patient, plan.seen, _stamp(actors.clock()))
        for community in actors.gateway.communities():
            shared = community.assigning_authority in ("", authority)
            self._place(community, holding.get(community.home), plan, shared=shared)
        return plan

    async def locate(self, plan: Plan, exchange: Exchange) -> None:
        """Leave out whoever does not know the patient, as far as locators say (ITI-56)."""
        await locate(plan, exchange, self._settings.negative_minutes)

    @staticmethod
    def _place(community: Community, known: Correlation | None, plan: Plan, *, shared: bool) -> None:
        if known is not None and known.theirs:
            plan.known.append((community, known.theirs))
        elif shared:
            plan.direct.append(community)
            if plan.person is not None and known is None and "iti-55" in community.endpoints:
                plan.again.add(community.home)
        elif plan.person is None:
            plan.without.append((community, _TOO_LITTLE))
        elif known is not None:
            plan.without.append((community, f"said so at {known.since} UTC"))
        elif "iti-55" in community.endpoints:
            plan.ask.append(community)
        else:
            plan.without.append((community, "has other patient identifiers and cannot be asked for them (ITI-55)"))

    async def ask(self, plan: Plan, exchange: Exchange) -> list[Answered]:
        """ITI-55 to everybody in `plan.ask`, in waves; each outcome is on record, and what was learned is kept."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + max(0.1, (exchange.deadline - loop.time()) * SHARE)
        found: list[Answered] = []
        for start in range(0, len(plan.ask), WAVE):
            wave = plan.ask[start : start + WAVE]
            if start and loop.time() > deadline:
                break
            found += await self._wave(plan, wave, replace(exchange, deadline=deadline, records=[]))
        return found

    async def _wave(self, plan: Plan, wave: Sequence[Community], exchange: Exchange) -> list[Answered]:
        actors, person = exchange.actors, plan.person
        assert person is not None  # noqa: S101  else nobody is asked
        asker = Asker(
            home=actors.own.home, now=exchange.now, days=self.days, assertion=exchange.assertion, seen=plan.seen
        )
        calls = [
            discovery_call(
                plan.patient,
                person,
                one,
                actors.new_uuid(),
                replace(asker, reply_to=actors.gateway.reply_to(one, "iti-55")),
            )
            for one in wave
        ]
        async with aclosing(actors.gateway.ask(calls, exchange)) as arrivals:
            found = [answered async for answered in arrivals]
        records = list(exchange.records)

        def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
            self.keep(connection, found, exchange.now)
            return None, records

        if records:
            await actors.sequencer.transact(work)
        return found

    def keep(self, connection: sqlite3.Connection, found: Sequence[Answered], now: datetime) -> None:
        """Keep what was learned, in the transaction of its record."""
        correlations.keep(connection, [one for answered in found if (one := self._learned(answered, now))])

    @staticmethod
    async def sweep(actors: Actors) -> None:
        """Drop what others said and may be kept no longer; that it is used no more does not depend on this."""
        now = _stamp(actors.clock())
        count = correlations.ended(actors.reader, now) + locations.answers_ended(actors.reader, now)
        if not count:
            return

        def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
            correlations.expire(connection, now)
            locations.expire_answers(connection, now)
            return None, [noted(f"what others said of patients is kept no longer: {count} answers", actors)]

        await actors.sequencer.transact(work)

    def _learned(self, answered: Answered, now: datetime) -> Correlation | None:
        """What may be kept of an answer; nothing of a failure, nor where the community does not allow it."""
        outcome, asked = answered.outcome, answered.call.asked
        if outcome is None or asked is None or not answered.received:
            return None
        if outcome.word is Word.FOUND:
            seconds = min(answered.keep or 0, self._settings.correlation_days * 86_400)
        elif outcome.word is Word.NO_PATIENT:
            seconds = self._settings.negative_minutes * 60
        else:
            return None
        if seconds <= 0:
            return None
        return Correlation(
            patient=answered.call.patient,
            home=answered.community.home,
            theirs=answered.correlated,
            person=asked.seen,
            since=_stamp(now),
            until=_stamp(now + timedelta(seconds=seconds)),
        )


def left_out(community: Community, reason: str, word: Word = Word.NO_PATIENT) -> Outcome:
    """The outcome of a community that is not asked for documents."""
    return Outcome(home=community.home, name=community.name, word=word, reason=reason)


def _stamp(now: datetime) -> str:
    return f"{now:%Y%m%d%H%M%S}"
