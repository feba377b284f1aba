"""Every patient with documents gets a summary, registered as on-demand entries (ITI-61), without anybody's doing.

One entry for each form. Registration is in a unit of work of its own, after that of the patient's first document; who
was missed, because the node stopped or did not offer summaries then, is found at the next start.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from node.paths import PATHS
from node.summary.entries import document_entry, member, relation, submission_of, submission_set, unique_id_of
from node.summary.snapshots import by_itself, registration_records
from node.summary.writing import CDA, HTML
from registry.errors import XdsErrors
from registry.metadata.objects import ON_DEMAND_DOCUMENT, XFRM
from registry.store.on_demand import OnDemandDocuments
from trust.audit.event import NewRecord
from trust.consent.policy import CONFIDENTIALITY
from trust.errors import LedgerBusy, StorageFailed

if TYPE_CHECKING:
    from node.configuration.config import Config
    from node.exchange import Actors

log = logging.getLogger("node.summary")
_SLICE: Final = 2000  # patients that are looked through at once after a start
_PAUSE: Final = 0.05
_LAST: Final = 1 << 62  # beyond every patient: nobody is looked for any more
_AGAIN: Final = 60.0  # seconds after which what could not be registered is tried again


class _NothingDue(Exception):  # noqa: N818
    """The patient has a summary, or no documents."""


class Summaries:
    """What is configured, and who waits for a summary."""

    def __init__(self, config: Config) -> None:
        section = config.summary
        self.offered = section.offered
        self.snapshots = section.snapshots
        self.documents = section.documents
        self.defaults = config.submit
        self.endpoint = config.base_url + PATHS["iti-61"]
        self._due: dict[str, None] = {}
        self._wake = asyncio.Event()

    def note(self, patient: str) -> None:
        """A document of a patient was registered, or is about to be."""
        if self.offered:
            self._due[patient] = None
            self._wake.set()

    async def run(self, actors: Actors) -> None:
        """Register what is due, for as long as the node runs."""
        if not self.offered:
            return
        number = 0
        while True:
            try:
                found, number = OnDemandDocuments(actors.reader).lacking(number, _SLICE)
                self._due |= dict.fromkeys(found)
                await self.settle(actors)
            except Exception:  # it goes on with the next patients; the failure is in the log
                log.exception("summaries could not be offered")
                await asyncio.sleep(_AGAIN)
            if number:
                await asyncio.sleep(_PAUSE)
            else:
                await self._wake.wait()
                number = _LAST

    async def settle(self, actors: Actors) -> None:
        """Register for everybody who waits."""
        self._wake.clear()
        due, self._due = list(self._due), {}
        has = OnDemandDocuments(actors.reader)
        for place, patient in enumerate(due):
            if has.any(patient):
                continue
            try:
                await self.offer(patient, actors)
            except _NothingDue:
                continue
            except XdsErrors as refused:  # this affinity domain does not take these codes
                log.warning("no summary could be registered", extra={"code": str(refused.errors[0].code)})
            except (LedgerBusy, StorageFailed):
                self._due |= dict.fromkeys(due[place:])
                self._wake.set()
                await asyncio.sleep(_AGAIN)
                return

    async def offer(self, patient: str, actors: Actors) -> None:
        """Register the entries of one patient.

        Raises:
            _NothingDue: there is nothing to do, seen from within the unit of work.
        """
        await actors.sequencer.transact(lambda connection: (None, self._register(patient, actors, connection)))

    def _register(self, patient: str, actors: Actors, connection: sqlite3.Connection) -> Sequence[NewRecord]:
        kept = OnDemandDocuments(connection)
        if not kept.lacks(patient):
            raise _NothingDue
        now = actors.clock()
        entries = [
            replace(
                document_entry(
                    self,
                    actors,
                    patient=patient,
                    unique_id=unique_id_of(actors),
                    form=form,
                    confidentiality=[("N", CONFIDENTIALITY)],
                ),
                object_type=ON_DEMAND_DOCUMENT,
            )
            for form in (CDA, HTML)
        ]
        set_ = submission_set(self, actors, patient=patient, now=now.strftime("%Y%m%d%H%M%S"))
        original, page = entries
        registered = actors.registry_on(connection).register(
            submission_of(
                set_,
                entries,
                [*(member(set_, one) for one in entries), relation(XFRM, page.entry_uuid, original.entry_uuid)],
            ),
            (),
            transaction="ITI-61",
            now=now.strftime("%Y%m%d%H%M%S"),
            new_uuid=actors.new_uuid,
        )
        kept.add(patient, [(one.unique_id or "", one.mime_type or "") for one in entries])
        set_id = registered.submission_set_unique_id
        return registration_records(by_itself(actors), "ITI-61", "Register On-Demand Document Entry", patient, set_id)
