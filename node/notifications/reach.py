"""Subscriptions that reach other communities: made there where the patient is known, kept alive, ended again.

A subscription here for one patient is made at every community that knows the patient, under its own identifier: shared
authorities, and what ITI-55 has told (ITI TF-1: 27). What is to be done stands in the database, so a crash forgets
nothing; the outcome of each call is committed with what follows from it.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from node.bindings import AuditFact
from node.exchange import Actors, Exchange
from node.federation.answered import Answered
from node.notifications.calls import ENDPOINT, subscribe_call, unsubscribe_call
from node.notifications.subscriber import read_subscriber, same_place
from node.notifications.wsn import read_subscribe_response
from node.outcome_words import Word
from node.records import calling_end, event, instant, participants, query_object, subject
from node.soap.faults import FaultCode, SoapFault
from registry.ebrim.messages import LEAF_CLASS, AdhocQuery, adhoc_query_request
from registry.queries.subscriptions import Topic, for_patient, patient_of_filter
from registry.store.remote_subscriptions import ENDING, RemoteSubscription, RemoteSubscriptions
from registry.store.subscriptions import Subscription, Subscriptions
from trust.audit.event import Action, Coded, EventId, Kind, NewRecord
from trust.communities import Community
from trust.errors import LedgerBusy, StorageFailed
from trust.identity.caller import Caller, Role

log = logging.getLogger("node.notifications")

TERM: Final = timedelta(days=7)  # what is asked for elsewhere; made again when half of it is over
TERM_OF_USER: Final = timedelta(days=30)  # the same in the name of a person, whose assertion cannot be had again
FRESH: Final = timedelta(minutes=10)  # for so long the assertion of who subscribed is of use
SHORTEST: Final = timedelta(minutes=1)  # what ends sooner would be made anew again and again
LOOK_AGAIN: Final = timedelta(hours=1)  # who knows a patient changes
TOLD_AGAIN: Final = timedelta(days=30)  # for so long something that was told already is known
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 3600.0  # seconds
_NOBODY: Final = Caller(role=Role.OPERATOR, name="", fingerprint="", address="")  # this node itself
_AT_ONCE: Final = 20  # subscriptions that are looked at in one round
_DUE: Final = 64  # things done in one round


class Reach:
    """Keeps what this node holds elsewhere as its own subscriptions want it."""

    def __init__(
        self,
        *,
        actors: Actors,
        base_url: str,
        deadline: float,
        nap: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._actors = actors
        self._base_url = base_url
        self._deadline = deadline
        self._nap = nap
        self._looked: dict[str, datetime] = {}  # when each subscription was looked at, by its id
        self._place = 0  # number of the subscription after which the next round goes on
        self._tidied = datetime.min.replace(tzinfo=UTC)

    async def run(self, every: float = 1.0) -> None:
        """Round after round."""
        while True:
            try:
                await self.round()
            except (LedgerBusy, StorageFailed):
                log.warning("nothing can be recorded at the moment; subscriptions elsewhere wait")
            except Exception:  # the next round must come
                log.exception("a round of subscriptions elsewhere failed")
            await self._nap(every)

    async def round(self) -> None:
        """Look at some subscriptions, then do what is due."""
        await self._tidy()
        stale = self._actors.clock() - FRESH
        for id_ in [id_ for id_, (_, since) in self._actors.standing.items() if since < stale]:
            del self._actors.standing[id_]
        for one in self._due_for_a_look():
            await self._look(one)
            self._looked[one.id] = self._actors.clock()
        due = RemoteSubscriptions(self._actors.reader).due(self._now(), _DUE)
        homes = dict.fromkeys(one.home for one in due)
        await asyncio.gather(*(self._at(home, [one for one in due if one.home == home]) for home in homes))

    def _due_for_a_look(self) -> list[Subscription]:
        """In turn, so that new ones are soon met; those that were looked at a short time ago are passed over."""
        found = Subscriptions(self._actors.reader).reaching(self._place, self._now(), 1000)
        before = self._actors.clock() - LOOK_AGAIN
        fresh = [one for one in found if self._looked.get(one.id, before) <= before][:_AT_ONCE]
        full = len(fresh) == _AT_ONCE or len(found) == 1000  # there is more after these
        self._place = (fresh[-1].no if len(fresh) == _AT_ONCE else found[-1].no) if full else 0
        return fresh

    async def _look(self, one: Subscription) -> None:
        """Who knows the patient now? What follows is durable, with a record that says which communities are asked."""
        actors, patient = self._actors, patient_of_filter(one.filter)
        exchange = self._exchange(one)
        plan = actors.discovery.plan(patient, actors)
        if plan.ask:
            await actors.discovery.ask(plan, exchange)
            plan = actors.discovery.plan(patient, actors)
        knowing = [*((community, patient) for community in plan.direct), *plan.known]
        patients = {community.home: theirs for community, theirs in knowing if ENDPOINT in community.endpoints}
        current = {
            row.home: row.patient for row in RemoteSubscriptions(actors.reader).of(one.no) if row.state != ENDING
        }
        if patients == current:
            return
        tokens = {home: actors.new_uuid().removeprefix("urn:uuid:") for home in patients}

        def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
            if Subscriptions(connection).get(one.id) is not None:  # else it has just ended
                RemoteSubscriptions(connection).want(one.no, patients, tokens, self._now())
            return None, [self._record(one, exchange, sorted(patients))]

        await actors.sequencer.transact(work)

    async def _at(self, home: str, due: Sequence[RemoteSubscription]) -> None:
        """What is due at one community, one after the other."""
        community = self._actors.gateway.community(home)
        for one in due:
            local = Subscriptions(self._actors.reader).numbered(one.subscription) if one.subscription else None
            if one.state == ENDING or local is None:
                await self._end(one, community)
            elif community is not None and ENDPOINT in community.endpoints:
                await self._make(one, local, community)
            else:
                await self._settle(self._exchange(local), partial(_gone, one))

    async def _make(self, one: RemoteSubscription, local: Subscription, community: Community) -> None:
        """Subscribe there, for the first time or again; what was there before is ended afterwards."""
        actors, exchange = self._actors, self._exchange(local)
        token = actors.new_uuid().removeprefix("urn:uuid:")
        term = TERM_OF_USER if exchange.assertion else TERM
        ends = min(exchange.now + term, _moment(local.ends))
        topic = Topic.SUBMISSION_SET_METADATA
        if local.topic is not Topic.SUBMISSION_SET_METADATA:
            topic = Topic.FULL_DOCUMENT_ENTRY  # what is handed on is known here, also where only ids are wanted
        call = subscribe_call(
            community,
            exchange.message_id,
            f"{self._base_url}/iti-53?token={token}",
            topic,
            for_patient(local.filter, one.patient),
            ends,
            patient_of_filter(local.filter),
            exchange.assertion,
        )
        answered = await actors.gateway.tell(call, exchange)
        made = self._made(answered, community, ends)
        if made is None:
            await self._failed(one, exchange)
            return
        until = min(made[1] or ends, ends)
        renew = _stamp(exchange.now + (until - exchange.now) / 2)
        await self._settle(
            exchange, lambda kept: kept.made(one, token=token, address=made[0], ends=_stamp(until), renew=renew)
        )

    def _made(self, answered: Answered, community: Community, asked: datetime) -> tuple[str, datetime | None] | None:
        """Address and end of a subscription that was made until then, or sooner; None when it was not."""
        if answered.error is not None or answered.answer is None:
            return None
        try:
            address, ends = read_subscribe_response(answered.answer.body)
        except SoapFault:
            return None
        if ends is not None and ends < min(asked.replace(microsecond=0), self._actors.clock() + SHORTEST):
            log.warning("a subscription elsewhere ends at once", extra={"community": community.name})
            return None
        return (address, ends) if same_place(address, community) else None

    async def _end(self, one: RemoteSubscription, community: Community | None) -> None:
        """Unsubscribe there; one that is not known there, or has run out, is gone as well."""
        exchange = self._exchange(None)
        over = not one.address or community is None or (one.ends and one.ends <= self._now())
        if not over and community is not None:
            query = AdhocQuery("", LEAF_CLASS, None)
            call = unsubscribe_call(community, exchange.message_id, one.address, query)
            answered = await self._actors.gateway.tell(call, exchange)
            unknown = FaultCode.SENDER in answered.subcodes and answered.word is not Word.REFUSED
            over = answered.error is None or unknown
        if over:
            await self._settle(exchange, partial(_gone, one))
        else:
            await self._failed(one, exchange)

    async def _failed(self, one: RemoteSubscription, exchange: Exchange) -> None:
        seconds = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(one.failures, 20))
        again = _stamp(self._actors.clock() + timedelta(seconds=seconds))
        await self._settle(exchange, lambda kept: kept.failed(one, again))

    async def _settle(self, exchange: Exchange, change: Callable[[RemoteSubscriptions], None]) -> None:
        """A change, with the outcome of the call that it follows from."""
        records = exchange.records or [self._quiet(exchange)]

        def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
            change(RemoteSubscriptions(connection))
            return None, records

        await self._actors.sequencer.transact(work)

    async def _tidy(self) -> None:
        """Now and then: subscriptions that ended by themselves go, and what they hold elsewhere with them."""
        now = self._actors.clock()
        if now - self._tidied < LOOK_AGAIN:
            return
        self._tidied = now
        outlived = Subscriptions(self._actors.reader).outlived(_stamp(now))
        told = RemoteSubscriptions(self._actors.reader).remembers(_stamp(now - TOLD_AGAIN))
        known = {one.id for one in Subscriptions(self._actors.reader).all()}
        self._looked = {id_: when for id_, when in self._looked.items() if id_ in known}

        def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
            for id_ in outlived:
                Subscriptions(connection).end(id_)
            RemoteSubscriptions(connection).forget(_stamp(now - TOLD_AGAIN))
            return None, [self._quiet(self._exchange(None))]

        if outlived or told:
            await self._actors.sequencer.transact(work)

    def _exchange(self, local: Subscription | None) -> Exchange:
        """An exchange that this node begins, for whoever subscribed."""
        actors = self._actors
        return Exchange(
            actors=actors,
            caller=read_subscriber(local.subscriber) if local else _NOBODY,
            message_id=actors.new_uuid(),
            endpoint=f"{self._base_url}/iti-52",
            now=actors.clock(),
            deadline=asyncio.get_running_loop().time() + self._deadline,
            incident=actors.new_uuid(),
            assertion=actors.standing.get(local.id, (b"", None))[0] if local else b"",
        )

    def _record(self, one: Subscription, exchange: Exchange, homes: Sequence[str]) -> NewRecord:
        query = query_object(
            "ITI-52", "Document Metadata Subscribe", one.filter.query_id, adhoc_query_request(one.filter), None
        )
        fact = AuditFact(patient=patient_of_filter(one.filter), objects=(query,))
        return self._local(exchange, fact, {"subscription": one.id, "reaches": " ".join(homes) or "nobody else"})

    def _quiet(self, exchange: Exchange) -> NewRecord:
        return self._local(
            exchange, AuditFact(), {"subscription": "what had ended, or could not be asked, was put away"}
        )

    @staticmethod
    def _local(exchange: Exchange, fact: AuditFact, note: dict[str, str]) -> NewRecord:
        here = calling_end(exchange.endpoint, exchange.actors.own.name)
        ends = participants(source=here, destination=here)
        type_ = Coded("ITI-52", "IHE Transactions", "Document Metadata Subscribe")
        return NewRecord(
            kind=Kind.LOCAL,
            time=instant(exchange.now),
            event=event(exchange, event_id=EventId.QUERY, action=Action.EXECUTE, type_=type_, fact=fact, ends=ends),
            subject=subject(fact.patient),
            note=note,
        )

    def _now(self) -> str:
        return _stamp(self._actors.clock())


def _gone(one: RemoteSubscription, kept: RemoteSubscriptions) -> None:
    kept.gone(one)


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y%m%d%H%M%S}"


def _moment(stamp: str) -> datetime:
    return datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
