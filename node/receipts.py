"""What other communities prove about their own audit logs, judged as it arrives (audit-ledger 2.8).

A community that gives no receipts is served all the same. A receipt that is missing or wrong is on record and counted,
a wrong one raises an alarm; whether the exchange goes on without a good one is what the administrator decided when the
community was added (`peer add --audit-proof`).
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from datetime import datetime
from typing import Final

from node.exchange import NO_RECEIPT, PeerReceipt
from node.metrics import Metrics
from trust.audit.event import Kind
from trust.communities import Community
from trust.ledger import store
from trust.ledger.receipt import BadReceipt, Flaw, from_header, parse, verify
from trust.ledger.record import exchange_tag

log = logging.getLogger("node.receipts")

ALARM: Final = "audit-proof-invalid"


class Receipts:
    """Judges receipts for one node. `community` finds a connected community by its homeCommunityId."""

    def __init__(
        self,
        reader: sqlite3.Connection,
        community: Callable[[str], Community | None],
        metrics: Metrics,
        alarm: Callable[[str], None],
    ) -> None:
        self._reader = reader
        self._community = community
        self._metrics = metrics
        self._alarm = alarm

    def of_request(self, home: str, header: str, *, cid: str, payload: bytes, now: datetime) -> PeerReceipt:
        """The receipt that came with a request: that the asking side had it on record before it asked.

        One that was accepted before is refused: who asks twice has to record it twice.
        """
        return self._judged(home, header, Kind.REQUEST_SENT, "q", cid, payload, now)

    def of_answer(self, home: str, header: str, *, cid: str, payload: bytes, now: datetime) -> PeerReceipt:
        """The receipt that came with an answer: that the answering side has on record what it answered."""
        return self._judged(home, header, Kind.RESPONSE_SENT, "s", cid, payload, now)

    def _judged(
        self, home: str, header: str, kind: Kind, leg: str, cid: str, payload: bytes, now: datetime
    ) -> PeerReceipt:
        community = self._community(home)
        if community is None or community.audit is None:
            return NO_RECEIPT
        required = community.audit_proof == "required"
        try:
            proof = from_header(header)
            tag = exchange_tag(leg, cid, payload)
            verify(parse(proof), community.audit.key_of, kind=kind, tag=tag, now=now)
            if any(proof == kept for _, kept in store.receipts(self._reader, cid)):
                raise BadReceipt(Flaw.USED_BEFORE, "this receipt was accepted before")  # noqa: TRY301
        except BadReceipt as bad:
            self._metrics.receipts.labels(home, str(bad.flaw)).inc()
            if bad.flaw is not Flaw.MISSING:
                extra = {"community": community.name, "reason": str(bad), "code": str(bad.flaw)}
                log.warning("a receipt that proves nothing", extra=extra)
                self._alarm(ALARM)
            return PeerReceipt(flaw=str(bad.flaw), cause=str(bad), required=required)
        self._metrics.receipts.labels(home, "good").inc()
        return PeerReceipt(proof=proof, required=required)
