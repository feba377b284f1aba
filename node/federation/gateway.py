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

from node.exchange import Exchange
from node.federation.calls import Call, query_call, retrieve_call
from node.federation.client import PeerAnswer, PeerClient, PeerFault
from node.federation.outcomes import Known, outcome_record, sent_record
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
    """One community's outcome: either an answer that could be read, or one error."""

    community: Community
    call: Call
    error: RegistryError | None = None
    answer: PeerAnswer | None = None
    query: QueryAnswer = _NO_OBJECTS
    retrieve: RetrieveAnswer = _NO_DOCUMENTS

    def faults(self) -> tuple[RegistryError, ...]:
        """Every error of this outcome: the community's own, or the one that says why there is no answer."""
        if self.error is not None:
            return (self.error,)
        return (*self.query.head.errors, *self.retrieve.head.errors)


class Gateway:
    """Asks communities. Holds no state about requests."""

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

    def communities(self) -> Sequence[Community]:
        """Every community connected to this node."""
        return self._directory()

    def community(self, home: str) -> Community | None:
        """The community that answers for `home`, or None."""
        return next((community for community in self._directory() if community.home == home), None)

    def known(self, home: str, repository_unique_id: str, unique_id: str) -> tuple[str, int] | None:
        """(SHA-1, size) of a remote document as its metadata gave them, when they passed by here."""
        return self._known.of(home, repository_unique_id, unique_id)

    async def query(
        self, query: AdhocQuery, communities: Sequence[Community], exchange: Exchange
    ) -> tuple[Answered, ...]:
        """ITI-38 to each of `communities`; one outcome each, in their order."""
        calls = [query_call(query, community, self._new_uuid()) for community in communities]
        outcomes = await self._ask(calls, exchange, _read_query)
        for outcome in outcomes:
            self._known.remember(outcome.query.objects)
        return outcomes

    async def retrieve(
        self, groups: Sequence[tuple[Community, Sequence[DocumentRequest]]], exchange: Exchange
    ) -> tuple[Answered, ...]:
        """ITI-39 to each community for its documents; one outcome each, in their order."""
        calls = [retrieve_call(requests, community, self._new_uuid()) for community, requests in groups]
        return await self._ask(calls, exchange, _read_retrieve)

    async def _ask(
        self, calls: Sequence[Call], exchange: Exchange, read: Callable[[Answered], None]
    ) -> tuple[Answered, ...]:
        if not calls:
            return ()
        # No answer may exist whose question is not on record: the kind-1 records are durable before bytes leave.
        await exchange.actors.sequencer.record([sent_record(call, exchange) for call in calls])
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._one(call, exchange.deadline, read)) for call in calls]
        outcomes = tuple(task.result() for task in tasks)
        for outcome in outcomes:
            _count(outcome, exchange)
        exchange.records += [record for outcome in outcomes for record in outcome_record(outcome, exchange)]
        return outcomes

    async def _one(self, call: Call, deadline: float, read: Callable[[Answered], None]) -> Answered:
        outcome = Answered(community=call.community, call=call)
        try:
            async with asyncio.timeout_at(deadline) as limit:
                outcome.answer = await self._client.send(call, partial(_prolong, limit, deadline))
            read(outcome)
        except TimeoutError:
            outcome.error = _unavailable(call, "gave no answer within the deadline")
        except PeerFault as fault:
            outcome.error = _unavailable(call, str(fault))
        return outcome


def _prolong(limit: asyncio.Timeout, deadline: float, octets: int) -> None:
    """A document that comes buys the time it takes: the deadline is for answers that do not begin, or stop."""
    if not limit.expired():
        limit.reschedule(deadline + octets / SLOWEST)


def _count(outcome: Answered, exchange: Exchange) -> None:
    word = "answered" if outcome.error is None else "unavailable"
    exchange.actors.metrics.peers.labels(outcome.community.home, word).inc()
    if outcome.error is not None:
        extra = {"community": outcome.community.name, "reason": outcome.error.context, "incident": exchange.incident}
        log.warning("a community gave no usable answer", extra=extra)


def _read_query(outcome: Answered) -> None:
    assert outcome.answer is not None  # noqa: S101
    outcome.query = read_query_answer(outcome.answer.body)


def _read_retrieve(outcome: Answered) -> None:
    assert outcome.answer is not None  # noqa: S101
    outcome.retrieve = read_retrieve_response(outcome.answer.body)


def _unavailable(call: Call, why: str) -> RegistryError:
    return RegistryError(ErrorCode.UNAVAILABLE_COMMUNITY, f"{call.community.name} {why}", call.community.home)
