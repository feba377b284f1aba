"""The Initiating Gateway: one request to many communities within one deadline (ITI TF-1: 18; ITI-38, ITI-39).

Outcomes are values: a community that cannot be reached, is late, or answers what cannot be read costs its own
result and becomes one named error. Before bytes leave, every call has a durable record (kind 1).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from node.exchange import NO_RECEIPT, Exchange, PeerReceipt
from node.federation.calls import Call, query_call, retrieve_call
from node.federation.client import PeerAnswer, PeerClient, PeerFault
from node.federation.outcomes import Known, KnownDocument, outcome_record, sent_record
from registry.ebrim.messages import AdhocQuery
from registry.ebrim.reader import QueryAnswer, ResponseHead, read_query_answer
from registry.errors import ErrorCode, RegistryError
from repository.messages import DocumentRequest, RetrieveAnswer, read_retrieve_response
from trust.communities import Community

log = logging.getLogger("node.federation")

SLOWEST: Final = 256 * 1024  # octets of documents a second that a community must send beyond the deadline
_NO_OBJECTS: Final = QueryAnswer(ResponseHead(""))
_NO_DOCUMENTS: Final = RetrieveAnswer(ResponseHead(""))


@dataclass(slots=True, kw_only=True)
class Answered:
    """One community's outcome: either an answer that could be read, or one error.

    `received` says that an answer came and could be read, also when it is not used for want of a receipt.
    """

    community: Community
    call: Call
    error: RegistryError | None = None
    reason: str = ""  # why there is no answer, in words that may be logged
    subcodes: tuple[str, ...] = ()  # of the SOAP fault that came instead, its code first
    answer: PeerAnswer | None = None
    received: bool = False
    receipt: PeerReceipt = NO_RECEIPT
    query: QueryAnswer = _NO_OBJECTS
    retrieve: RetrieveAnswer = _NO_DOCUMENTS

    def faults(self) -> tuple[RegistryError, ...]:
        """Every error of this outcome: the community's own, or the one that says why there is no answer."""
        if self.error is not None:
            return (self.error,)
        return (*self.query.head.errors, *self.retrieve.head.errors)


class Gateway:
    """Asks communities. `under_way` are the message ids of the requests whose outcome is waited for."""

    def __init__(
        self,
        client: PeerClient,
        directory: Callable[[], Sequence[Community]],
        new_uuid: Callable[[], str],
        known: Known,
    ) -> None:
        self._client = client
        self._directory = directory
        self._new_uuid = new_uuid
        self._known = known
        self.under_way: set[str] = set()

    def communities(self) -> Sequence[Community]:
        """Every community connected to this node."""
        return self._directory()

    def community(self, home: str) -> Community | None:
        """The community that answers for `home`, or None."""
        return next((community for community in self._directory() if community.home == home), None)

    def known(self, home: str, repository_unique_id: str, unique_id: str) -> KnownDocument | None:
        """What the metadata of a remote document said, when it passed by here."""
        return self._known.of(home, repository_unique_id, unique_id)

    async def query(
        self, query: AdhocQuery, communities: Sequence[Community], exchange: Exchange
    ) -> tuple[Answered, ...]:
        """ITI-38 to each of `communities`; one outcome each, in their order."""
        calls = [query_call(query, community, self._new_uuid(), exchange.assertion) for community in communities]
        outcomes = await self._ask(calls, exchange, _read_query)
        for outcome in outcomes:
            self._known.remember(outcome.query.objects)
        return outcomes

    async def retrieve(
        self, groups: Sequence[tuple[Community, Sequence[DocumentRequest]]], exchange: Exchange
    ) -> tuple[Answered, ...]:
        """ITI-39 to each community for its documents; one outcome each, in their order."""
        calls = [
            retrieve_call(requests, community, self._new_uuid(), exchange.assertion) for community, requests in groups
        ]
        return await self._ask(calls, exchange, _read_retrieve)

    async def _ask(
        self, calls: Sequence[Call], exchange: Exchange, read: Callable[[Answered], None]
    ) -> tuple[Answered, ...]:
        if not calls:
            return ()
        cids = {call.message_id for call in calls}
        self.under_way |= cids
        try:
            outcomes = await self._outcomes(calls, exchange, read)
        finally:
            self.under_way -= cids
        for outcome in outcomes:
            _count(outcome, exchange)
        exchange.records += [record for outcome in outcomes for record in outcome_record(outcome, exchange)]
        return outcomes

    async def _outcomes(
        self, calls: Sequence[Call], exchange: Exchange, read: Callable[[Answered], None]
    ) -> tuple[Answered, ...]:
        # No answer may exist whose question is not on record: the kind-1 records are durable before bytes leave.
        proof = await exchange.actors.sequencer.record([sent_record(call, exchange) for call in calls])
        receipts = [proof.receipt(place) if call.community.audit else b"" for place, call in enumerate(calls)]
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._one(call, receipt, exchange, read))
                for call, receipt in zip(calls, receipts, strict=True)
            ]
        return tuple(task.result() for task in tasks)

    async def _one(self, call: Call, receipt: bytes, exchange: Exchange, read: Callable[[Answered], None]) -> Answered:
        outcome = Answered(community=call.community, call=call)
        try:
            async with asyncio.timeout_at(exchange.deadline) as limit:
                outcome.answer = await self._client.send(call, receipt, partial(_prolong, limit, exchange.deadline))
            read(outcome)
            outcome.received = True
        except TimeoutError:
            _fail(outcome, PeerFault("gave no answer within the deadline"))
        except PeerFault as fault:
            _fail(outcome, fault)
        except Exception:  # whatever one community does costs its own result, and its outcome is on record
            log.exception("an answer could not be read", extra={"community": call.community.name})
            _fail(outcome, PeerFault("answered what cannot be read"))
        else:
            _judge_receipt(outcome, exchange)
        return outcome


def _fail(outcome: Answered, fault: PeerFault) -> None:
    community = outcome.community
    outcome.reason, outcome.subcodes = fault.what, fault.codes
    outcome.error = RegistryError(ErrorCode.UNAVAILABLE_COMMUNITY, f"{community.name} {fault}", community.home)


def _prolong(limit: asyncio.Timeout, deadline: float, octets: int) -> None:
    """A document that comes buys the time it takes: the deadline is for answers that do not begin, or stop."""
    if not limit.expired():
        limit.reschedule(deadline + octets / SLOWEST)


def _judge_receipt(outcome: Answered, exchange: Exchange) -> None:
    """Whether the community has proved that its answer is in its audit log; of one that must, nothing else is used."""
    answer, call = outcome.answer, outcome.call
    assert answer is not None  # noqa: S101  it was read
    outcome.receipt = exchange.actors.receipts.of_answer(
        call.community.home, answer.audit_proof, cid=call.message_id, payload=answer.digest, now=exchange.now
    )
    if outcome.receipt.refused:
        _fail(outcome, PeerFault("gave no good Audit-Proof", outcome.receipt.cause))
        outcome.query, outcome.retrieve = _NO_OBJECTS, _NO_DOCUMENTS


def _count(outcome: Answered, exchange: Exchange) -> None:
    word = "answered" if outcome.error is None else "unavailable"
    exchange.actors.metrics.peers.labels(outcome.community.home, word).inc()
    if outcome.error is not None:
        extra = {"community": outcome.community.name, "reason": outcome.reason, "incident": exchange.incident}
        log.warning("a community gave no usable answer", extra=extra)


def _read_query(outcome: Answered) -> None:
    assert outcome.answer is not None  # noqa: S101
    outcome.query = read_query_answer(outcome.answer.body)


def _read_retrieve(outcome: Answered) -> None:
    assert outcome.answer is not None  # noqa: S101
    outcome.retrieve = read_retrieve_response(outcome.answer.body)
