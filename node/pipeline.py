"""One request from its message to its answer; the one place that turns errors into answers.

Order: who calls and may they → decode → prepare (waits for others) → handle → audit, durable under a signed
checkpoint → answer. Reads run on the reading connection and cost one durable record; writes run inside the
sequencer's batch, so that effect and record are committed together.
"""

from __future__ import annotations

# ruff: noqa: ANN401  each row of the table has its own types; here they meet
import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

from node.bindings import AuditFact, Packaging, Tolerant, Transaction
from node.exchange import Exchange
from node.records import of_answer, subject
from node.security_records import emergency_override
from node.soap.faults import SoapFault
from node.soap.leniencies import Leniency, refuse
from node.soap.message import Message
from node.soap.writing import write_envelope
from registry.errors import RegistryError, XdsErrors
from trust.audit.event import NewRecord
from trust.errors import LedgerBroken, LedgerBusy, StorageFailed
from trust.identity.caller import Role
from trust.ledger.record import payload_digest
from trust.ledger.sequencer import AuditProof

ROOT_CONTENT_ID: Final = "root@xdsnode"
log = logging.getLogger("node.pipeline")

Row = Transaction[Any, Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What leaves: the finished envelope, the documents after it, and the proof that all of it is on record."""

    envelope: bytes
    content_id: str
    documents: Sequence[Any]
    proof: AuditProof
    failed: bool


@dataclass(slots=True, kw_only=True)
class _Ready:
    """An answer before it is on record."""

    envelope: bytes
    documents: Sequence[Any]
    records: list[NewRecord]
    failed: bool = False


async def run(row: Row, message: Message, incoming: Any, exchange: Exchange) -> Answer:
    """Carry one request through its transaction.

    Args:
        row: the transaction, found by path and action.
        message: the request.
        incoming: the parts of the request that `prepare` may consume.
        exchange: caller, deadline, actors.

    Raises:
        LedgerBusy, LedgerBroken, StorageFailed: nothing can be recorded, so nothing is answered (the edge sends 503).
    """
    ready = await _outcome(row, message, incoming, exchange)
    if isinstance(ready, tuple):
        done, proof = ready
    else:
        done, proof = ready, await _recorded(ready, exchange)
    return Answer(
        envelope=done.envelope,
        content_id=_root(row),
        documents=done.documents,
        proof=proof,
        failed=done.failed,
    )


async def _recorded(ready: _Ready, exchange: Exchange) -> AuditProof:
    """A read on record; where the glass was broken, with the case that has to be reviewed, and a notice at once."""
    actors, access, keep = exchange.actors, exchange.access, exchange.keep
    broken = access.broken if access else {}
    if not broken and keep is None:
        return await actors.sequencer.record(ready.records)

    overrides = [
        emergency_override(
            exchange.now,
            incident=exchange.incident,
            node=actors.own.home,
            caller=exchange.caller,
            patient=patient,
            documents=len(documents),
        )
        for patient, documents in broken.items()
    ]

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        if access is not None:
            access.put_on_review(connection)
        if keep is not None:
            keep(connection, ready.envelope, ready.documents)
        return None, [*overrides, *ready.records]

    _, proof = await actors.sequencer.transact(work)
    if broken:
        actors.metrics.emergencies.inc()
        actors.alarm("emergency-access")
    return proof


async def _outcome(
    row: Row,
    message: Message,
    incoming: Any,
    exchange: Exchange,
) -> _Ready | tuple[_Ready, AuditProof]:
    """What becomes of the request; a write is on record already, everything else is recorded by the caller."""
    request: Any = None
    actors = exchange.actors
    try:
        request = _read(row, message, exchange)  # first, so that a refusal on record says what was refused
        if row.writes and actors.refuse_writes():
            full = RegistryError(_out_of_resources(row), "the disk is nearly full; nothing was stored")
            return _failed(row, message, request, exchange, [full])
        if exchange.patient:
            _check_patient(row, row.audit.facts(request, None, exchange), exchange)
        refuse(exchange.leniencies, exchange.latitude.refused)
        prepared = await row.prepare(request, incoming, exchange)
        refuse(exchange.leniencies, exchange.latitude.refused)  # what its parts were like is known only now
        if row.writes:
            return await actors.sequencer.transact(
                lambda connection: _with_records(_handled(row, request, prepared, exchange, connection))
            )
        return _handled(row, request, prepared, exchange, actors.reader)
    except XdsErrors as failure:
        return _failed(row, message, request, exchange, failure.errors)
    except StorageFailed:
        log.exception("storage failed", extra={"incident": exchange.incident})
        errors = [RegistryError(_out_of_resources(row), _incident(exchange))]
        return _failed(row, message, request, exchange, errors, broken=True)
    except (LedgerBusy, LedgerBroken, SoapFault, TimeoutError, ConnectionError):
        raise
    except Exception:  # the one catch site: whatever a handler did not expect becomes its answer
        log.exception("unexpected failure", extra={"transaction": row.id, "incident": exchange.incident})
        return _failed(row, message, request, exchange, [RegistryError(row.error, _incident(exchange))], broken=True)


def _read(row: Row, message: Message, exchange: Exchange) -> Any:
    """The request, with what is tolerated of it noted beside what is of its message."""
    request = row.binding.decode(message.body)
    if isinstance(request, Tolerant):
        if exchange.latitude.required:
            request = request.with_required(exchange.latitude.required)
        exchange.leniencies.update(map(Leniency, request.tolerated))
    return request


def _with_records(ready: _Ready) -> tuple[_Ready, list[NewRecord]]:
    return ready, ready.records


def _handled(
    row: Row,
    request: Any,
    prepared: Any,
    exchange: Exchange,
    connection: sqlite3.Connection,
) -> _Ready:
    result = row.handle(request, prepared, exchange, connection)
    headers = row.binding.headers(result) if row.binding.headers else b""
    envelope = _envelope(row, exchange, row.binding.encode(result), headers)
    facts = row.audit.facts(request, result, exchange)
    if exchange.patient:
        _check_patient(row, facts, exchange)
    return _ready(row, exchange, envelope, result.documents, facts)


def _check_patient(row: Row, facts: Sequence[AuditFact], exchange: Exchange) -> None:
    """An assertion for one patient is good for nobody else (federation-wire 4.6, step 11).

    Raises:
        XdsErrors: the request is about somebody else, or what was found is.
    """
    if any(fact.patient and subject(fact.patient) != subject(exchange.patient) for fact in facts):
        raise XdsErrors([RegistryError(row.error, "the user's assertion is for another patient")])


def _failed(
    row: Row,
    message: Message,
    request: Any,
    exchange: Exchange,
    errors: Sequence[RegistryError],
    *,
    broken: bool = False,
) -> _Ready:
    """A refused request is on record too, in a unit of its own, before its answer leaves.

    `broken`: not the caller's request is at fault, this node is.
    """
    located = _located(row, exchange, errors)
    refuse = row.binding.refuse
    body = refuse(message.body, located, exchange) if refuse else row.binding.encode_errors(located)
    envelope = _envelope(row, exchange, body)
    facts: Sequence[AuditFact] = ()
    if request is not None:
        facts = row.audit.facts(request, None, exchange)
    facts = [replace(fact, errors=tuple(located), broken=broken) for fact in facts or [AuditFact()]]
    codes = ", ".join(error.code for error in errors[:8])
    log.info("request refused", extra={"transaction": row.id, "code": codes, "incident": exchange.incident})
    ready = _ready(row, exchange, envelope, (), facts)
    ready.failed = True
    return ready


def _ready(
    row: Row, exchange: Exchange, envelope: bytes, documents: Sequence[Any], facts: Sequence[AuditFact]
) -> _Ready:
    payload = b""
    if exchange.caller.role is Role.PEER:
        parts = [(_root(row), len(envelope), sha256(envelope).digest())]
        parts += [(item.content_id, item.size, item.sha256) for item in documents]
        payload = payload_digest(parts)
    notes = exchange.access.notes([fact.patient for fact in facts]) if exchange.access else ()
    records = of_answer(exchange, row.id, row.name, row.audit, facts, payload=payload, notes=notes)
    return _Ready(envelope=envelope, documents=documents, records=[*exchange.records, *records])


def _envelope(row: Row, exchange: Exchange, body: bytes, headers: bytes = b"") -> bytes:
    action, relates_to = exchange.reply_action or row.binding.response_to(exchange.action), exchange.message_id
    if exchange.reply_to:  # a message of its own
        id_, to = exchange.actors.new_uuid(), exchange.reply_to
        return write_envelope(action, body, relates_to=relates_to, message_id=id_, to=to, extra=headers)
    return write_envelope(action, body, relates_to=relates_to, extra=headers) if action else b""


def _root(row: Row) -> str:
    return ROOT_CONTENT_ID if row.binding.packaging is Packaging.MTOM else "body"


def _located(row: Row, exchange: Exchange, errors: Sequence[RegistryError]) -> Sequence[RegistryError]:
    """Errors to another community name the community they come from (ITI TF-2: 3.38, 3.39)."""
    if row.id not in ("ITI-38", "ITI-39") and not (row.id == "ITI-92" and Role.PEER in row.roles):
        return errors
    home = exchange.actors.own.home
    return [
        replace(error, location=error.location or home, context=f"{error.context} (incident {exchange.incident})")
        for error in errors
    ]


def _out_of_resources(row: Row) -> str:
    return row.error.removesuffix("Error") + "OutOfResources"


def _incident(exchange: Exchange) -> str:
    return f"internal error, incident {exchange.incident}; the administrator finds it in the log"
