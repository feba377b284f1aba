"""One request from its message to its answer; the one place that turns errors into answers.

Order: who calls and may they → decode → prepare (waits for others) → handle → audit, durable under a signed
checkpoint → answer. Reads run on the reading connection and cost one durable record; writes run inside the
sequencer's batch, so that effect and record are committed together.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from node.bindings import AuditFact, Transaction
from node.exchange import Exchange
from node.records import of_answer
from registry.errors import RegistryError, XdsErrors
from trust.audit.event import NewRecord
from trust.errors import LedgerBusy, StorageFailed
from trust.ledger.sequencer import AuditProof

log = logging.getLogger("node.pipeline")

Row = Transaction[Any, Any, Any]


class Answer:
    """What leaves: the body and documents of the response, and the proof that it is on record."""

    __slots__ = ("body", "documents", "proof")

    def __init__(self, body: bytes, documents: Sequence[Any], proof: AuditProof) -> None:
        self.body = body
        self.documents = documents
        self.proof = proof


async def run(row: Row, body: Any, incoming: Any, exchange: Exchange) -> Answer:
    """Carry one request through its transaction.

    Args:
        row: the transaction, found by its action.
        body: the element of the request.
        incoming: the parts of the request that `prepare` may consume.
        exchange: caller, deadline, actors.

    Raises:
        LedgerBusy, LedgerBroken: nothing can be recorded, so nothing is answered (the edge sends 503).
    """
    request: Any = None
    try:
        request = row.binding.decode(body)
        if row.writes and exchange.actors.refuse_writes():
            raise XdsErrors([RegistryError(_out_of_resources(row), "the disk is nearly full; nothing was stored")])
        prepared = await row.prepare(request, incoming, exchange)
        if row.writes:
            result, proof = await exchange.actors.sequencer.transact(
                lambda connection: _handled(row, request, prepared, exchange, connection)
            )
        else:
            result, records = _handled(row, request, prepared, exchange, exchange.actors.reader)
            proof = await exchange.actors.sequencer.record(records)
    except XdsErrors as failure:
        return await _failed(row, request, exchange, failure.errors)
    except StorageFailed:
        log.exception("storage failed", extra={"incident": exchange.incident})
        return await _failed(row, request, exchange, [RegistryError(_out_of_resources(row), _incident(exchange))])
    except (LedgerBusy, TimeoutError):
        raise
    except Exception:  # noqa: BLE001  the one catch site: whatever a handler did not expect becomes its answer
        log.exception("unexpected failure in %s", row.id, extra={"incident": exchange.incident})
        return await _failed(row, request, exchange, [RegistryError(row.error, _incident(exchange))])
    return Answer(row.binding.encode(result), result.documents, proof)


def _handled(
    row: Row, request: Any, prepared: Any, exchange: Exchange, connection: sqlite3.Connection
) -> tuple[Any, list[NewRecord]]:
    result = row.handle(request, prepared, exchange, connection)
    facts = row.audit.facts(request, result, exchange)
    return result, [*exchange.records, *of_answer(exchange, row.id, row.name, row.audit, facts)]


async def _failed(row: Row, request: Any, exchange: Exchange, errors: Sequence[RegistryError]) -> Answer:
    """A refused request is on record too, in a unit of its own, before its answer leaves."""
    facts = _facts_of_failure(row, request, exchange, tuple(errors))
    records = [*exchange.records, *of_answer(exchange, row.id, row.name, row.audit, facts)]
    proof = await exchange.actors.sequencer.record(records)
    return Answer(row.binding.encode_errors(_located(row, exchange, errors)), (), proof)


def _facts_of_failure(
    row: Row, request: Any, exchange: Exchange, errors: tuple[RegistryError, ...]
) -> list[AuditFact]:
    if request is None:
        return [AuditFact(errors=errors)]
    return [replace(fact, errors=errors) for fact in row.audit.facts(request, None, exchange)] or [
        AuditFact(errors=errors)
    ]


def _located(row: Row, exchange: Exchange, errors: Sequence[RegistryError]) -> Sequence[RegistryError]:
    """Errors to another community name the community they come from (ITI TF-2: 3.38, 3.39)."""
    if row.id not in ("ITI-38", "ITI-39"):
        return errors
    home = exchange.actors.own.home
    return [replace(error, location=error.location or home) for error in errors]


def _out_of_resources(row: Row) -> str:
    return row.error.removesuffix("Error") + "OutOfResources"


def _incident(exchange: Exchange) -> str:
    return f"internal error, incident {exchange.incident}; the administrator finds it in the log"
