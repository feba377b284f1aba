"""Documents that are not what was stored: in no answer from then on, an alarm, and on record.

Found by a reader while the document leaves, or by the scrub. What is found counts in this process at once and costs a
sound document nothing; the record, and the row that makes it last, follow within a second.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from node.exchange import Community
from node.metrics import Metrics
from node.records import instant
from node.security_records import document_alert
from repository.document_repository import DocumentRepository
from repository.store.catalogue import StoredDocument
from trust.audit.event import NewRecord
from trust.errors import LedgerBusy, StorageFailed
from trust.ledger.sequencer import Sequencer

log = logging.getLogger("node.documents.damages")
ALARM: Final = "document-damaged"
_AT_ONCE: Final = 100  # records of one commit


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    stored: StoredDocument
    damaged: bool
    incident: str


class Damages:
    """What was found about stored documents and is not on record yet. `found` and `sound` go from any thread."""

    def __init__(
        self, repository: DocumentRepository, metrics: Metrics, own: Community, clock: Callable[[], datetime]
    ) -> None:
        self._repository = repository
        self._metrics = metrics
        self._own = own
        self._clock = clock
        self._findings: list[_Finding] = []

    def found(self, stored: StoredDocument, incident: str) -> None:
        """A document is damaged. The second time is no news."""
        if self._repository.found_damaged(stored):
            self._metrics.alarms.labels(ALARM).inc()
            self._findings.append(_Finding(stored=stored, damaged=True, incident=incident))
            log.error("alarm", extra={"code": ALARM, "incident": incident})

    def sound(self, stored: StoredDocument, incident: str) -> None:
        """A document that was damaged is what was stored again: somebody put its file back."""
        self._findings.append(_Finding(stored=stored, damaged=False, incident=incident))

    async def put_on_record(self, sequencer: Sequencer) -> None:
        """Write down what was found since the last time, rows and records in one commit.

        Raises:
            LedgerBroken: nothing can be recorded any more.
        """
        findings, self._findings[:_AT_ONCE] = self._findings[:_AT_ONCE], []
        if not findings:
            return

        def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
            now = self._clock()
            for finding in findings:
                self._repository.note(connection, finding.stored, damaged=finding.damaged, now=instant(now))
            return None, [self._record(finding, now) for finding in findings]

        try:
            await sequencer.transact(work)
        except (LedgerBusy, StorageFailed):
            self._findings[:0] = findings  # the next time

    def _record(self, finding: _Finding, now: datetime) -> NewRecord:
        return document_alert(
            now,
            incident=finding.incident,
            node=self._own.home,
            document=(finding.stored.unique_id, self._own.repository_unique_id),
            what=f"{ALARM}: it is in no answer" if finding.damaged else "document is sound again",
            serious=finding.damaged,
        )
