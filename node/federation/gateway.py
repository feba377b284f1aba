"""The Initiating Gateway: one request to many communities within one deadline (ITI TF-1: 18; ITI-38, ITI-39).

Outcomes are values: a community that cannot be reached, is late, or answers what cannot be read costs its own
result and becomes one named error. They can be had one by one as they arrive. Before bytes leave, every call has a
durable record (kind 1).
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from node.exchange import Exchange
from node.federation import quirks
from node.federation.answered import Answered
from node.federation.calls import QUERY_RESPONSE, Call, query_call, retrieve_call
from node.federation.client import PeerClient
from node.federation.engine import Engine, Read, Seen
from node.federation.judging import ANOTHER_PERSON, judge
from node.federation.later import Later
from node.federation.outcomes import Known, KnownDocument, outcome_record, sent_record
from node.federation.peer_answer import PeerAnswer, PeerFault, checked
from node.federation.watching import Watching
from node.hl7v3.answer import read_answer
from node.hl7v3.correlation import time_to_live
from node.hl7v3.location import read_locations
from node.hl7v3.wrapper import read_wrapper
from node.paths import PATHS
from registry.ebrim.messages import AdhocQuery
from registry.ebrim.reader import read_query_answer, read_registry_response
from repository.messages import DocumentRequest, read_retrieve_response
from trust.audit.event import NewRecord
from trust.communities import Community
from trust.ledger.sequencer import AuditProof

log = logging.getLogger("node.federation")


class Gateway:
    """Asks communities. `under_way` are the message ids of the requests whose outcome is waited for."""

    def __init__(
        self,
        client: PeerClient,
        directory: Callable[[], Sequence[Community]],
        new_uuid: Callable[[], str],
        known: Known,
        base_url: str = "",
    ) -> None:
        """`base_url` is that of this node's endpoints, where answers are taken that come later."""
        self.under_way: set[str] = set()
        self.later = Later(self.under_way.discard)
        self._engine = Engine(client, new_uuid, self.later)
        self._base_url = base_url
        self._directory = directory
        self._new_uuid = new_uuid
        self._known = known
        self.watching = Watching()

    def communities(self) -> Sequence[Community]:
        """Every community connected to this node."""
        return self._directory()

    def seen(self, home: str) -> Seen:
        """How a community answered since the node started."""
        return self._engine.seen(home)

    def community(self, home: str) -> Community | None:
        """The community that answers for `home`, or None."""
        return next((community for community in self._directory() if community.home == home), None)

    def reply_to(self, community: Community, transaction: str) -> str:
        """Where this node takes the answer of a community that answers on a connection of its own, else ""."""
        synchronous = quirks.read(community.quirks).exchange == "synchronous"
        return "" if synchronous else self._base_url + PATHS[transaction]

    def known(self, home: str, repository_unique_id: str, unique_id: str) -> KnownDocument | None:
        """What the metadata of a remote document said, when it passed by here."""
        return self._known.of(home, repository_unique_id, unique_id)

    async def query(
        self, query: AdhocQuery, communities: Sequence[Community], exchange: Exchange, *, forced: bool = False
    ) -> tuple[Answered, ...]:
        """ITI-38 to each of `communities`; one outcome each, in their order.

        Whoever watches this request (`watching`) hears of each outcome when it arrives. `forced` asks also a community
        that is paused.
        """
        watcher = self.watching.of(exchange.caller.fingerprint, exchange.message_id)
        arrivals = self._arrivals(
            self._query_calls(query, communities, exchange),
            exchange,
            _read_query,
            forced=forced,
            durable=watcher is not None,
        )
        found: list[Answered] = []
        try:
            async with aclosing(arrivals):
                async for answered in arrivals:
                    found.append(answered)
                    if watcher is not None and answered.outcome is not None:
                        watcher.tell(answered.outcome)
        finally:
            if watcher is not None:
                watcher.end()
        return tuple(sorted(found, key=_order(communities)))

    async def stream(
        self, query: AdhocQuery, communities: Sequence[Community], exchange: Exchange, *, forced: bool = False
    ) -> AsyncGenerator[Answered, None]:
        """ITI-38 to each of `communities`: each outcome once, as it arrives, on record already when it comes out.

        `outcome` says how it ended, `accepted` holds the objects that may be shown. Whoever stops listening closes the
        iterator (`contextlib.aclosing`): requests under way are given up, and that is recorded for them.
        """
        calls = self._query_calls(query, communities, exchange)
        arrivals = self._arrivals(calls, exchange, _read_query, forced=forced, durable=True)
        async with aclosing(arrivals):
            async for answered in arrivals:
                yield answered

    async def retrieve(
        self, groups: Sequence[tuple[Community, Sequence[DocumentRequest]]], exchange: Exchange, *, forced: bool = False
    ) -> tuple[Answered, ...]:
        """ITI-39 to each community for its documents; one outcome for each request, in the order of the groups."""
        calls = [
            retrieve_call(
                portion,
                community,
                self._new_uuid(),
                exchange.assertion,
                mtom=known.retrieve_packaging == "mtom",
                reply_to=self.reply_to(community, "iti-39"),
            )
            for community, requests in groups
            for known in (quirks.read(community.quirks),)
            for portion in quirks.portions(requests, known)
        ]
        async with aclosing(self._arrivals(calls, exchange, _read_retrieve, forced=forced)) as arrivals:
            found = [answered async for answered in arrivals]
        return tuple(sorted(found, key=_order([community for community, _ in groups])))

    async def ask(
        self, calls: Sequence[Call], exchange: Exchange, *, durable: bool = False
    ) -> AsyncGenerator[Answered, None]:
        """Calls of any kind that were made elsewhere: each outcome once, as it arrives; `durable` as for `stream`."""
        async with aclosing(self._arrivals(calls, exchange, _read_any, durable=durable)) as arrivals:
            async for answered in arrivals:
                yield answered

    async def tell(self, call: Call, exchange: Exchange) -> Answered:
        """One call, whose answer is read outside; its outcome is in `exchange.records`, to be committed with it."""
        async with aclosing(self.ask([call], exchange)) as arrivals:
            (answered,) = [one async for one in arrivals]
            return answered

    def _query_calls(self, query: AdhocQuery, communities: Sequence[Community], exchange: Exchange) -> list[Call]:
        return [
            query_call(
                quirks.asked(query, quirks.read(community.quirks), exchange.now),
                community,
                self._new_uuid(),
                exchange.assertion,
                reply_to=self.reply_to(community, "iti-38"),
            )
            for community in communities
        ]

    async def _arrivals(
        self, calls: Sequence[Call], exchange: Exchange, read: Read, *, forced: bool = False, durable: bool = False
    ) -> AsyncGenerator[Answered, None]:
        """Outcomes as they arrive. With `durable` each is on record before it comes out, else with the answer."""
        refused = [] if forced else [outcome for call in calls if (outcome := self._engine.admit(call))]
        paused = {answered.call.message_id for answered in refused}
        for answered in refused:
            judge(answered)
            _count(answered, exchange)
            yield answered
        admitted = [call for call in calls if call.message_id not in paused]
        if admitted:
            async with aclosing(self._sent(admitted, exchange, read)) as outcomes:
                async for several in outcomes:
                    fresh = [answered for answered in several if not answered.on_record]
                    records = [record for answered in fresh for record in outcome_record(answered, exchange)]
                    if not durable:
                        exchange.records += records
                    elif records:
                        await exchange.actors.sequencer.record(records)
                    yield several[0]

    async def _sent(
        self, calls: Sequence[Call], exchange: Exchange, read: Read
    ) -> AsyncGenerator[tuple[Answered, ...], None]:
        """Every call on record, then all of them sent."""
        cids = {call.message_id for call in calls}
        self.under_way |= cids
        try:
            # No answer may exist whose question is not on record: the kind-1 records are durable before bytes leave.
            proof = await exchange.actors.sequencer.record([sent_record(call, exchange) for call in calls])
        except BaseException:
            self.under_way -= cids
            for call in calls:
                self._engine.give_up(call)
            raise
        receipts = [proof.receipt(place) if call.community.audit else b"" for place, call in enumerate(calls)]
        tasks = [
            asyncio.create_task(self._ended(call, receipt, exchange, read))
            for call, receipt in zip(calls, receipts, strict=True)
        ]
        try:
            for ended in asyncio.as_completed(tasks):
                several = await ended
                cids |= {answered.call.message_id for answered in several}
                yield several
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.under_way -= cids - self.later.waiting()

    async def _ended(self, call: Call, receipt: bytes, exchange: Exchange, read: Read) -> tuple[Answered, ...]:
        """How one call ended, and those that it made needless."""
        several = await self._engine.ask(call, receipt, exchange, read, lambda again: self._again(again, exchange))
        for answered in several:
            if answered.outcome is None:
                self._finish(answered, exchange)
        return several

    async def answer_came(self, home: str, answer: PeerAnswer) -> AuditProof | None:
        """An answer of a community on a connection of its own: judged and on record; None where nothing was asked.

        Whoever still waits for it goes on with it; what it teaches is kept in any case.

        Raises:
            LedgerBusy, LedgerBroken, StorageFailed: it could not be recorded; the community may send it again.
        """
        question = self.later.take(home, answer.message.relates_to) if answer.message else None
        if question is None:
            answer.close()
            return None
        call, actors = question.call, question.exchange.actors
        exchange = replace(question.exchange, now=actors.clock(), records=[])
        answered = Answered(community=call.community, call=call)
        try:
            answered.answer = checked(call, answer)
            question.read(answered)
            answered.received = True
        except PeerFault as fault:
            answered.fail(fault)
        except Exception:  # as in the engine: it costs this community's own result
            log.exception("an answer could not be read", extra={"community": call.community.name})
            answered.fail(PeerFault("answered what cannot be read"))
        self._finish(answered, exchange)

        def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
            if call.asked is not None:
                actors.discovery.keep(connection, [answered], exchange.now)
            return None, outcome_record(answered, exchange)

        try:
            _, proof = await actors.sequencer.transact(work)
        except BaseException:
            self.later.put_back(question)
            answer.close()
            raise
        answered.on_record = True
        self.under_way.discard(call.message_id)
        if not question.waited_for:
            answer.close()
        question.answer.set_result(answered)
        return proof

    async def _again(self, call: Call, exchange: Exchange) -> bytes:
        """One more request to a community, on record before it leaves."""
        self.under_way.add(call.message_id)
        try:
            proof = await exchange.actors.sequencer.record([sent_record(call, exchange)])
        except BaseException:
            self.under_way.discard(call.message_id)
            raise
        return proof.receipt() if call.community.audit else b""

    def _finish(self, answered: Answered, exchange: Exchange) -> None:
        """Everything that is decided about an answer at the moment it comes."""
        try:
            if answered.received:
                _judge_receipt(answered, exchange)
            judge(answered)
            if answered.accepted:  # of its own documents: what it says of others' is not believed
                own = [one for one in answered.query.objects if one.home == answered.community.home]
                self._known.remember(own, answered.call.patient)
        except Exception:  # as in the engine: it costs this community's own result, and nobody waits for ever
            log.exception("an answer could not be judged", extra={"community": answered.community.name})
            answered.accepted = ()
            answered.fail(PeerFault("answered what cannot be read"))
            judge(answered)
        if answered.outcome is not None and answered.outcome.reason == ANOTHER_PERSON:
            exchange.actors.alarm("another-person-answered")
        _count(answered, exchange)


def _order(communities: Sequence[Community]) -> Callable[[Answered], int]:
    places = {community.home: place for place, community in enumerate(communities)}
    return lambda answered: places[answered.community.home]


def _judge_receipt(answered: Answered, exchange: Exchange) -> None:
    """Whether the community has proved that its answer is in its audit log; of one that must, nothing else is used."""
    answer, call = answered.answer, answered.call
    assert answer is not None  # noqa: S101  it was read
    answered.receipt = exchange.actors.receipts.of_answer(
        call.community.home, answer.audit_proof, cid=call.message_id, payload=answer.digest, now=exchange.now
    )
    if answered.receipt.refused:
        answered.fail(PeerFault("gave no good Audit-Proof", answered.receipt.cause))


def _count(answered: Answered, exchange: Exchange) -> None:
    assert answered.outcome is not None  # noqa: S101  it was judged
    exchange.actors.metrics.peers.labels(answered.community.home, str(answered.outcome.word)).inc()
    if answered.received and answered.answer:
        for name in answered.answer.leniencies:
            exchange.actors.metrics.leniencies.labels(str(name)).inc()
    if answered.error is not None:
        extra = {"community": answered.community.name, "reason": answered.reason, "incident": exchange.incident}
        log.warning("a community gave no usable answer", extra=extra)


def _read_query(answered: Answered) -> None:
    assert answered.answer is not None  # noqa: S101
    answered.query = read_query_answer(answered.answer.body)
    answered.answer.message = None


def _read_retrieve(answered: Answered) -> None:
    assert answered.answer is not None  # noqa: S101
    answered.retrieve = read_retrieve_response(answered.answer.body)
    answered.answer.message = None


def _read_any(answered: Answered) -> None:
    assert answered.answer is not None  # noqa: S101
    if answered.call.revokes:
        answered.acknowledged = read_wrapper(answered.answer.body).acknowledged
    elif answered.call.sought is not None:
        answered.located = read_locations(answered.answer.body)
    elif answered.call.pushed is not None or answered.call.updates is not None:
        answered.response = read_registry_response(answered.answer.body)
    elif answered.call.response_root == QUERY_RESPONSE:
        _read_query(answered)
    elif answered.call.asked is not None and answered.answer.message is not None:
        answered.discovered = read_answer(answered.answer.body)
        answered.keep = time_to_live(answered.answer.message.element)
