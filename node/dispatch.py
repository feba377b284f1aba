"""From a request at the door to its row in the table, and from the answer to what leaves.

The last step that may refuse (wrong action, wrong role, a repeated message) and the first that knows the exchange.
Nothing leaves without the AuditProof that the pipeline got from the ledger.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from node import pipeline
from node.answers_later import DISCOVERY_ANSWERS
from node.asserted import Asserted, Users
from node.bindings import Operation, Packaging
from node.exchange import AS_USUAL, Actors, Exchange, Latitude
from node.federation import quirks
from node.federation.arriving import answer_of
from node.hl7v3.wrapper import BadMessage, read_wrapper
from node.http.incoming import Incoming, Outgoing, Refusal
from node.metrics import Metrics
from node.patients import answers as patient_answers
from node.pipeline import Row
from node.security_records import refusal, refused_exchange, signed_in
from node.soap.faults import (
    action_mismatch,
    action_not_supported,
    assertion_refused,
    duplicate_message_id,
    elsewhere,
    invalid_header,
    sender,
)
from node.soap.message import Message, write_envelope
from node.soap.names import ANONYMOUS
from node.soap.replay import ReplayWindow
from node.transactions import BY_PATH
from trust import one_time
from trust.audit.event import NewRecord
from trust.errors import AssertionRefused, LedgerBusy, NotPermitted
from trust.identity.caller import Caller, Role
from trust.identity.claims import acts_as
from trust.identity.names import INVALID_TOKEN
from trust.ledger.record import payload_digest
from trust.ledger.sequencer import AuditProof

if TYPE_CHECKING:
    from node.federation.owing import Keep, Owing
    from repository.store.spool import SpooledPart
    from trust.owed.store import Owed

_INSIDE: Final = 0.25  # seconds of the deadline that stay for the answer itself


class Dispatcher:
    """Carries requests from the edge through the pipeline."""

    def __init__(  # noqa: PLR0913  what it is given, each by name
        self,
        actors: Actors,
        users: Users,
        metrics: Metrics,
        *,
        owing: Owing,
        spool: Callable[[], SpooledPart],
        base_url: str,
        deadline: float,
        default_scope: str,
        applications: Mapping[str, Latitude] = MappingProxyType({}),
    ) -> None:
        """`owing` takes questions that are answered later, `spool` makes places for documents of late answers.

        `applications`: of which of them more or less is tolerated than of others, by name.
        """
        self._actors = actors
        self._owing = owing
        self._spool = spool
        self._users = users
        self._metrics = metrics
        self._base_url = base_url
        self._deadline = deadline
        self._default_scope = default_scope
        self._applications = applications
        self._replay = ReplayWindow()

    async def dispatch(self, incoming: Incoming) -> Outgoing:
        """Answer one request.

        Raises:
            SoapFault, NotPermitted: the request is refused; the edge records that and answers with a fault.
            LedgerBusy: nothing can be recorded, so nothing is done.
        """
        began = monotonic()
        row, operation = self._row(incoming)
        if operation in row.binding.answers:
            return await self._answer_came(row, operation, incoming)
        exchange = self._exchange(row, incoming)
        nobody = operation.action in row.without_user and not incoming.message.security
        asserted = None if nobody else self._user(exchange, incoming, exchange.now)
        self._refuse_repetition(row, incoming)
        if Role.PEER in row.roles:
            self._judge_receipt(exchange, incoming)
        reply_to = self._elsewhere(row, operation, incoming)
        try:
            if asserted is not None and asserted.issuer.one_time:
                await self._use_once(asserted, exchange)
            if reply_to:
                proof = await self._owing.take(row, incoming, exchange, reply_to)
                return self._acknowledged(operation, proof, exchange, incoming)
            answer = await pipeline.run(row, incoming.message, incoming, exchange)
        except LedgerBusy:
            self._replay.forget(incoming.caller.fingerprint, incoming.message.message_id)
            raise
        for name in incoming.message.leniencies:
            self._metrics.leniencies.labels(str(name)).inc()
        self._metrics.answered(row.id, "failed" if answer.failed else "answered", monotonic() - began)
        return Outgoing(
            proof=answer.proof,
            action=row.binding.response_to(incoming.message.action),
            body=answer.envelope,
            packaging=incoming.message.packaging,
            status=200 if answer.envelope else 202,
            documents=answer.documents,
            root_id=answer.content_id,
        )

    async def owed(self, incoming: Incoming, owed: Owed, keep: Keep) -> pipeline.Answer:
        """Answer a question that was taken; `keep` keeps the answer in the commit of its record.

        Raises:
            SoapFault, NotPermitted: it is not answered any more.
        """
        row, operation = self._row(incoming)
        exchange = self._exchange(row, incoming)
        exchange.reply_to, exchange.keep = owed.reply_to, keep
        exchange.reply_action = operation.later_action or operation.response_action
        self._user(exchange, incoming, owed.received)
        self._judge_receipt(exchange, incoming)
        answer = await pipeline.run(row, incoming.message, incoming, exchange)
        self._metrics.answered(row.id, "failed" if answer.failed else "later", 0.0)
        return answer

    async def _answer_came(self, row: Row, operation: Operation, incoming: Incoming) -> Outgoing:
        """Another community answers a question of this node on a connection of its own."""
        gateway, home = self._actors.gateway, incoming.caller.home
        proof = None
        if gateway.later.expects(home, incoming.message.relates_to):  # else not a byte of its documents is kept
            proof = await gateway.answer_came(home, await answer_of(incoming, self._spool))
        if proof is None:
            raise invalid_header("this message answers nothing that waits for an answer here", "InvalidAddress")
        return self._acknowledged(operation, proof, self._exchange(row, incoming), incoming)

    def _acknowledged(
        self, operation: Operation, proof: AuditProof, exchange: Exchange, incoming: Incoming
    ) -> Outgoing:
        """What leaves at once where the answer does not: HTTP 202, or HL7's acknowledgement in deferred exchange."""
        action, body = operation.response_action, b""
        if operation.later_action or (action and operation in DISCOVERY_ANSWERS):
            taken = patient_answers.accepted(read_wrapper(incoming.message.body), exchange)
            body = write_envelope(action, taken, relates_to=incoming.message.message_id)
        return Outgoing(proof=proof, action=action, body=body, packaging="soap", status=200 if body else 202)

    def _elsewhere(self, row: Row, operation: Operation, incoming: Incoming) -> str:
        """Where the answer goes when not back: an endpoint of the community that asks, nowhere else (threats M19)."""
        message = incoming.message
        where = "" if message.reply_to == ANONYMOUS else message.reply_to
        if operation.later_action:
            try:
                where = read_wrapper(message.body).respond_to or where
            except BadMessage as problem:
                raise sender(str(problem)) from None
            if not where:
                raise sender("a deferred question says in respondTo where its answer goes")
        if where and where not in self._owing.addresses(row.id, incoming.caller.home):
            raise elsewhere()
        return where

    async def refused(self, refused: Refusal) -> AuditProof:
        """Put a refusal on record before its answer leaves."""
        self._metrics.refused.labels(str(refused.status)).inc()
        record = refusal(
            self._actors.clock(),
            incident=refused.incident,
            caller=refused.caller,
            address=refused.address,
            node=self._actors.own.home,
            reason=f"{refused.path} {refused.reason}".strip(),
            forbidden=refused.status == 403,
            user=refused.user,
        )
        return await self._actors.sequencer.record(_with_exchange(record, refused))

    def _row(self, incoming: Incoming) -> tuple[Row, Operation]:
        message = incoming.message
        row = BY_PATH.get(incoming.path)
        operation = row.binding.operation(message.action) if row else None
        fault = message.fault is not None
        if row is not None and fault and row.binding.answers:  # it may be the answer to a question of this node
            operation = row.binding.answers[0]
        if row is None or operation is None:
            raise action_not_supported(message.action)
        if message.body.tag != operation.root and not fault:
            raise action_mismatch(message.action, str(message.body.tag))
        if not acts_as(incoming.caller) & row.roles:
            raise NotPermitted(f"{incoming.caller.name!r} is no {' or '.join(sorted(row.roles))}, asked {row.id}")
        if Role.PEER in row.roles and (why := self._actors.barred(incoming.caller.home)):
            raise NotPermitted(f"{incoming.caller.name!r} {why}")
        if row.binding.packaging is Packaging.MTOM and message.packaging != "mtom":
            raise sender(f"{row.id} is packaged as MTOM/XOP")
        return row, operation

    def _user(self, exchange: Exchange, incoming: Incoming, asked: datetime) -> Asserted | None:
        """Who asks through this system, as far as an assertion says that was accepted when they asked (ITI-40)."""
        try:
            asserted = self._users.of_request(
                incoming.message, exchange.caller, incoming.certificate, asked, vouched=incoming.vouched
            )
        except AssertionRefused as refusal:
            raise assertion_refused(refusal.code, str(refusal)) from None
        if asserted is not None:
            said = asserted.user.assertion
            exchange.caller = asserted.caller(exchange.caller)
            exchange.assertion = asserted.raw
            exchange.patient = said.patient
            exchange.consents = (*said.consents, *said.policies)
        return asserted

    async def _use_once(self, asserted: Asserted, exchange: Exchange) -> None:
        """An assertion that counts once: that it was used is durable before anything is done."""
        user, said = asserted.user, asserted.user.assertion
        record = signed_in(
            exchange.now,
            node=self._actors.own.home,
            user=user.id,
            name=user.name,
            by=exchange.caller.name,
            what="an assertion that counts once was used",
        )

        def work(connection: sqlite3.Connection) -> tuple[None, list[NewRecord]]:
            if not one_time.use(
                connection, issuer=said.issuer, id_=said.id, until=said.not_on_or_after, now=exchange.now
            ):
                raise assertion_refused(INVALID_TOKEN, "the assertion counts once and was used before")
            return None, [record]

        await self._actors.sequencer.transact(work)

    def _refuse_repetition(self, row: Row, incoming: Incoming) -> None:
        """A write that was sent a short time ago is not done twice (reads may be repeated)."""
        key = (incoming.caller.fingerprint, incoming.message.message_id)
        if row.writes and self._replay.seen(*key, monotonic()):
            raise duplicate_message_id()

    def _judge_receipt(self, exchange: Exchange, incoming: Incoming) -> None:
        """Whether the asking community has proved that its question is in its audit log (audit-ledger 2.8)."""
        exchange.receipt = self._actors.receipts.of_request(
            exchange.caller.home,
            incoming.audit_proof,
            cid=exchange.message_id,
            payload=exchange.payload,
            now=exchange.now,
        )
        if exchange.receipt.refused:
            raise NotPermitted(f"{exchange.caller.name!r} gave no good Audit-Proof: {exchange.receipt.cause}")

    def _exchange(self, row: Row, incoming: Incoming) -> Exchange:
        message, caller = incoming.message, incoming.caller
        payload = b""
        if Role.PEER in row.roles:
            caller = replace(caller, role=Role.PEER)
            payload = _digest(message)
        scope = incoming.parameter("scope") or self._default_scope
        if scope not in ("local", "federation"):
            raise sender("the scope of the URL is local or federation")
        return Exchange(
            actors=self._actors,
            caller=caller,
            message_id=message.message_id,
            endpoint=self._base_url + incoming.path,
            now=self._actors.clock(),
            deadline=asyncio.get_running_loop().time() + max(0.1, (incoming.patience or self._deadline) - _INSIDE),
            incident=self._actors.new_uuid(),
            payload=payload,
            scope_local=scope == "local",
            action=message.action,
            query=incoming.query,
            leniencies=message.leniencies,
            latitude=self._latitude(caller),
        )

    def _latitude(self, caller: Caller) -> Latitude:
        """What is tolerated of whoever asks: a community by its description, an application by its name."""
        if caller.role is Role.PEER:
            community = self._actors.gateway.community(caller.home)
            return quirks.read(community.quirks).latitude if community else AS_USUAL
        return self._applications.get(caller.name, AS_USUAL)


def _digest(message: Message) -> bytes:
    """Payload digest of a request that has no documents (audit-ledger 2.8)."""
    name = message.root_content_id if message.packaging == "mtom" else "body"
    return payload_digest([(name, message.root_size, message.root_sha256)])


def _with_exchange(record: NewRecord, refused: Refusal) -> list[NewRecord]:
    """A refused request of a community is an exchange too: received (kind 2) and answered, with a fault (kind 3)."""
    message, caller = refused.message, refused.caller
    if caller is None or caller.role is not Role.PEER or message is None or not message.message_id or message.documents:
        return [record]
    if message.relates_to:  # no question, but an answer that nobody waits for
        return [record]
    return refused_exchange(
        record,
        peer=caller.home,
        cid=message.message_id,
        asked=_digest(message),
        answered=refused.answer,
        incident=refused.incident,
    )


def _takes_documents(row: Row) -> bool:
    """Documents that are stored, or that come as late answers."""
    return row.binding.packaging is Packaging.MTOM and (row.writes or bool(row.binding.answers))


def routes(request_bytes: int, document_bytes: int) -> dict[str, int]:
    """Most bytes of a request at each path: documents only where a transaction takes them."""
    rows: Sequence[Row] = tuple(BY_PATH.values())
    return {
        row.binding.path: (document_bytes if _takes_documents(row) else 0) + request_bytes + 256 * 1024 for row in rows
    }
