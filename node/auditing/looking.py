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

    database: Path
    index: AuditIndex
    patients: Callable[[sqlite3.Connection], MasterIndex]
    sequencer: Sequencer

    async def look(self, now: datetime) -> int:
        """Run every rule over the last 90 days; how many findings are new."""
        found = await asyncio.to_thread(self.found, now)

        def work(connection: sqlite3.Connection) -> tuple[int, Sequence[NewRecord]]:
            return store.update(connection, found, timestamp(now)), ()

        new, _ = await self.sequencer.transact(work)
        return int(new)

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
