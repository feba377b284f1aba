"""Runs the rules over the log of this node and keeps what they find."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from node.auditing.names import folded, of_person
from node.database import open_reader
from node.records import subject
from node.security_records import audit_log_used
from registry.patients.demographics import Identifier
from trust.consent import reviews
from trust.findings import store
from trust.findings.evaluation import LOOKED_BACK, evaluate
from trust.findings.finding import Finding
from trust.findings.picture import Known, Name
from trust.pki.bindings import timestamp
from trust.search.index import AuditIndex

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.store.master_index import MasterIndex
    from trust.audit.event import NewRecord
    from trust.ledger.sequencer import Sequencer


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """What running the rules needs: the log and its index, the master index of patients, and who writes."""

    home: str  # homeCommunityId of this institution
    database: Path
    index: AuditIndex
    patients: Callable[[sqlite3.Connection], MasterIndex]
    sequencer: Sequencer

    async def look(self, now: datetime, by: str = "") -> int:
        """Run every rule over the last 90 days; how many findings are new.

        That somebody asked for it (`by`) is on record, and that findings changed.
        """
        found, changes = await asyncio.to_thread(self._compared, now)
        if not by and not changes:
            return 0

        def work(connection: sqlite3.Connection) -> tuple[int, Sequence[NewRecord]]:
            new = store.update(connection, found, timestamp(now))
            details = {"new": str(new), "changed": str(changes - new)}
            what = "audit findings look"
            return new, [audit_log_used(now, node=self.home, user=by or self.home, what=what, details=details)]

        new, _ = await self.sequencer.transact(work)
        return int(new)

    def _compared(self, now: datetime) -> tuple[list[Finding], int]:
        found = self.found(now)
        with contextlib.closing(open_reader(self.database)) as reader:
            return found, len(store.changes(reader, found))

    def found(self, now: datetime) -> list[Finding]:
        """What the rules find now; takes some seconds for every hundred thousand acts.

        Raises:
            sqlite3.Error: the disk, or the log cannot be read.
        """
        seconds = int(now.timestamp())
        acts = self.index.acts(seconds - LOOKED_BACK)
        with contextlib.closing(open_reader(self.database)) as reader:
            index = self.patients(reader)

            def patient(one: str) -> Name:
                authority, _, id_ = one.partition("|")
                record = index.show(Identifier(id_, authority))
                names = record.person.names if record else ()
                return folded(names[0].family, " ".join(names[0].given)) if names else Name()

            outcomes: dict[tuple[str, str], str] = {}
            for case in reviews.cases(reader, closed=True):
                outcomes[case.user, subject(case.patient)] = case.outcome
            return evaluate(acts, Known(now=seconds, patient=patient, person=of_person, reviews=outcomes))
