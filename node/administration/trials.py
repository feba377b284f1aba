"""Real questions to a connected institution, each on record as any other: the steps of the doctor that a node takes.

Nobody's data is asked for: the patient and the document of these questions cannot exist.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from node.administration.assertions import for_operator
from node.administration.orders import Order, Result, node_object
from node.client.institutions import meant
from node.discovery.calls import Asker, discovery_call
from node.doctor import answers
from node.doctor.answers import QUESTIONS, Asked
from node.doctor.steps import Row, Step, failed
from node.doctor.table import finding
from node.exchange import Exchange
from node.federation.answered import Answered
from registry.ebrim.messages import FAILURE, OBJECT_REF, AdhocQuery
from registry.metadata.objects import APPROVED, Slot
from registry.patients.demographics import BirthDate, Demographics, Name
from registry.queries.catalogue import FIND_DOCUMENTS
from repository.messages import DocumentRequest
from trust.communities import Community
from trust.errors import BadCertificate

_NEVER: Final = BirthDate(value="18010101")


async def test(order: Order) -> Result:
    """Ask for the documents of a patient that cannot exist; when `whole`, fetch, judge receipts and measure as well."""
    trial = _Trial(order, meant(order.services.communities.all(), order.text("peer")))
    try:
        rows = await trial.run(whole=order.flag("whole"))
    finally:
        tested = order.security_record("peer tested", node_object(trial.community.name, trial.community.fingerprint))
        await order.record([*trial.exchange.records, tested])
    return {"rows": [row.as_json() for row in rows]}


@dataclass(slots=True)
class _Trial:
    order: Order
    community: Community
    exchange: Exchange

    def __init__(self, order: Order, community: Community) -> None:
        self.order = order
        self.community = community
        self.exchange = order.exchange()

    async def run(self, *, whole: bool) -> list[Row]:
        services = self.order.services
        if services.config.xua.peers != "off":
            try:
                self.exchange.assertion = for_operator(self.order)
            except BadCertificate as problem:
                return [finding("statement.key", quoted=problem)]
        first = await self._query()
        discovery = await self._discovery() if whole and not first.reason else None
        rows = answers.of_query(first, discovery)
        if not whole:
            rows = [row for row in rows if row.step is not Step.DISCOVERY]  # not asked, which is no answer
        if first.unproved:
            return [*rows, answers.of_receipts([first])]
        if failed(rows) or not whole:
            return rows
        asked = [first]
        if self.community.repository_unique_ids:
            fetched = await self._retrieve(self.community.repository_unique_ids[0])
            rows.append(answers.of_retrieve(fetched))
            asked.append(fetched)
        else:
            rows.append(finding("retrieve.none"))
        if failed(rows):
            return rows
        rows.append(answers.of_receipts(asked))
        if not failed(rows):
            questions = [first, *[await self._query() for _ in range(QUESTIONS - 1)]]
            rows += answers.of_speed(questions, float(self.order.arguments.get("network", 0.0)))
        return rows

    async def _query(self) -> Asked:
        services = self.order.services
        patient = f"{self._nobody()}^^^&{services.config.node.assigning_authority}&ISO"
        query = AdhocQuery(
            FIND_DOCUMENTS.id,
            OBJECT_REF,
            None,
            (
                Slot(name="$XDSDocumentEntryPatientId", values=(f"'{patient}'",)),
                Slot(name="$XDSDocumentEntryStatus", values=(f"('{APPROVED}')",)),
            ),
        )
        gateway = services.actors.gateway
        return await self._asked(gateway.query(query, [self.community], self._now(), forced=True), "iti-38")

    async def _discovery(self) -> Row | None:
        """Step 8: whether they know a person that cannot exist; None where they do not offer ITI-55."""
        services = self.order.services
        if "iti-55" not in self.community.endpoints:
            return None
        name = self._nobody()
        person = Demographics(
            names=(Name(family=f"Nobody-{name[:8]}", given=(f"Nemo-{name[-8:]}",)),), birth_date=_NEVER
        )
        actors = services.actors
        asker = Asker(home=actors.own.home, now=services.clock(), days=0, assertion=self.exchange.assertion)
        patient = f"{name}^^^&{services.config.node.assigning_authority}&ISO"
        call = discovery_call(patient, person, self.community, services.new_uuid(), asker)
        async with aclosing(actors.gateway.ask([call], self._now())) as arrivals:
            answered = [one async for one in arrivals]
        place = urlsplit(self.community.endpoints["iti-55"]).netloc
        outcome = answered[0].outcome
        assert outcome is not None  # noqa: S101  every call ends in one
        return answers.of_discovery(place, outcome)

    async def _retrieve(self, repository: str) -> Asked:
        request = DocumentRequest(
            repository_unique_id=repository,
            document_unique_id=f"2.25.{int(self._nobody().replace('-', ''), 16)}",
            home_community_id=self.community.home,
        )
        gateway = self.order.services.actors.gateway
        return await self._asked(gateway.retrieve([(self.community, [request])], self._now(), forced=True), "iti-39")

    def _nobody(self) -> str:
        return self.order.services.new_uuid().rpartition(":")[2]

    def _now(self) -> Exchange:
        seconds = self.order.services.config.federation.deadline
        self.exchange.deadline = asyncio.get_running_loop().time() + seconds
        return self.exchange

    async def _asked(self, question: Awaitable[tuple[Answered, ...]], endpoint: str) -> Asked:
        loop = asyncio.get_running_loop()
        before = loop.time()
        (outcome,) = await question
        seconds = loop.time() - before
        head = (outcome.query if endpoint == "iti-38" else outcome.retrieve).head
        if outcome.answer is not None:
            outcome.answer.close()
        return Asked(
            place=urlsplit(self.community.endpoints[endpoint]).netloc,
            said=bool(self.exchange.assertion),
            reason=outcome.reason,
            quoted=self._quoted(outcome),
            subcodes=outcome.subcodes,
            errors=tuple((error.code, error.context) for error in head.errors),
            things=len(outcome.query.objects) + len(outcome.retrieve.documents),
            failure=head.status == FAILURE,
            receipts=self.community.audit is not None,
            flaw=outcome.receipt.flaw,
            cause=outcome.receipt.cause,
            seconds=seconds,
        )

    def _quoted(self, outcome: Answered) -> str:
        """What came from outside with the reason: it stands in brackets behind it."""
        text = outcome.error.context if outcome.error else ""
        return text.removeprefix(f"{self.community.name} {outcome.reason}").strip().removeprefix("(").removesuffix(")")
