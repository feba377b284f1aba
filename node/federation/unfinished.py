"""Exchanges that this node began and whose outcome never came on record: it crashed, or could not record (2.8).

Whoever compares two logs must find an outcome, kind 4 or 6, for every request that was sent, kind 1.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from node.federation.calls import NAMES
from node.records import End, calling_end, instant, participants, patient_object
from trust.audit.event import Action, AuditEvent, Coded, EventId, Kind, NewRecord, Outcome
from trust.ledger import store

if TYPE_CHECKING:
    from node.services import Services

log = logging.getLogger("node.federation")

_AT_ONCE: Final = 500
_QUERIES: Final = frozenset({"ITI-38", "ITI-52", "ITI-55", "ITI-56"})
_PUSHED: Final = {"ITI-41": Action.READ, "ITI-53": Action.READ, "ITI-92": Action.UPDATE}  # as `outcomes` has them
_STOPPED: Final = "this node stopped before the outcome was on record"
_NEVER: Final = "no answer came that could be recorded"


class Unfinished:
    """Gives every request that was sent an outcome on record."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._suspected: frozenset[str] = frozenset()

    async def settle(self) -> None:
        """Record as failed (kind 6) every exchange without an outcome: for a moment in which none is under way.

        Raises:
            LedgerBusy, LedgerBroken, StorageFailed: as `Sequencer.record`; what is left is found the next time.
        """
        while bodies := store.left_open(self._services.reader, _AT_ONCE):
            await self._record(bodies)

    async def sweep(self) -> None:
        """The same while the node works: what nobody waits for, now and at the sweep before; so many, then the next.

        Raises:
            LedgerBusy, LedgerBroken, StorageFailed: as `settle`.
        """
        waited_for = self._services.actors.gateway.under_way
        left = store.left_open(self._services.reader, _AT_ONCE + len(waited_for))  # whatever of these is among them
        bodies = {json.loads(body)["cid"]: body for body in left}
        idle = frozenset(bodies.keys() - waited_for)
        abandoned = [bodies[cid] for cid in bodies if cid in idle & self._suspected]
        self._suspected = idle
        if abandoned:
            await self._record(abandoned, _NEVER)

    async def _record(self, bodies: Sequence[bytes], reason: str = _STOPPED) -> None:
        services = self._services
        now = services.clock()
        endpoint = services.config.base_url
        await services.sequencer.record([failed(body, endpoint=endpoint, now=now, reason=reason) for body in bodies])
        log.warning("exchanges without an outcome were recorded as failed", extra={"count": len(bodies)})


def failed(sent: bytes, *, endpoint: str, now: datetime, reason: str = _STOPPED) -> NewRecord:
    """The record of kind 6 that belongs to a record of kind 1, given as its canonical bytes."""
    body = json.loads(sent)
    note = body["event"].get("note", {})
    transaction = note.get("transaction", "")
    query, pushed = transaction in _QUERIES, transaction in _PUSHED
    authority, _, identifier = body["subject"].partition("|")
    patient = f"{identifier}^^^&{authority}&ISO" if identifier else ""
    here, there = calling_end(endpoint, ""), End(body["peer"])
    event = AuditEvent(
        id=EventId.QUERY if query else EventId.EXPORT if pushed else EventId.IMPORT,
        action=Action.EXECUTE if query else _PUSHED.get(transaction, Action.CREATE),
        outcome=Outcome.MAJOR,
        outcome_text=reason,
        time=instant(now),
        type=Coded(transaction, "IHE Transactions", NAMES.get(transaction, transaction)),
        participants=participants(
            source=here if query or pushed else there,
            destination=there if query or pushed else here,
            pulled=not (query or pushed),
        ),
        objects=(patient_object(patient),) if patient else (),
        patient=patient,
        incident=note.get("incident", ""),
    )
    return NewRecord(
        kind=Kind.EXCHANGE_FAILED,
        time=event.time,
        event=event,
        subject=body["subject"],
        peer=body["peer"],
        cid=body["cid"],
        leg="q",
        payload=bytes.fromhex(body["payload"]),
        note={"reason": event.outcome_text},
    )
