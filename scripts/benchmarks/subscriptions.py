"""What matching costs a submission: ITI-42 at a node with ten thousand subscriptions against one with none.

Nine thousand follow one patient each, nearly a thousand a type of document, twenty a kind of facility. Every patient of
the bench is followed, so each submission meets some twenty candidates; none of them wants this author, so that nothing
is sent: what a notification itself costs is another matter, and is paid after the answer.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

from node.database import open_writer
from registry.ebrim.messages import LEAF_CLASS, AdhocQuery
from registry.metadata.objects import Slot
from registry.queries.subscriptions import DOCUMENTS_OF_ANYBODY, DOCUMENTS_OF_PATIENT, Topic
from registry.store.subscriptions import Subscription, Subscriptions
from scripts.benchmarks import requests
from scripts.benchmarks.cases import CONNECTIONS, SUCCESS
from scripts.benchmarks.metadata import patient_id
from scripts.benchmarks.report import Goal, Row, ratio
from scripts.benchmarks.setting import Setting
from scripts.benchmarks.stage import staged
from scripts.benchmarks.workshop import Aim, measure

COUNT: Final = 10_000
_BY_PATIENT, _BY_FACILITY = 9_000, 20
_LOINC, _HL7 = "2.16.840.1.113883.6.1", "2.16.840.1.113883.5.111"


def _filter(number: int) -> AdhocQuery:
    """What one of them wants; nobody has written for it."""
    nobody = Slot(name="$XDSDocumentEntryAuthorPerson", values=(f"('%Nobody{number}%')",))
    if number < _BY_PATIENT:
        about = Slot(name="$XDSDocumentEntryPatientId", values=(f"'{patient_id(number)}'",))
        return AdhocQuery(DOCUMENTS_OF_PATIENT.id, LEAF_CLASS, None, (about, nobody))
    if number < COUNT - _BY_FACILITY:
        code = f"{18700 + number % 61}-{number % 10}^^{_LOINC}"
        about = Slot(name="$XDSDocumentEntryTypeCode", values=(f"('{code}')",))
    else:
        about = Slot(name="$XDSDocumentEntryHealthcareFacilityTypeCode", values=(f"('HOSP^^{_HL7}')",))
    return AdhocQuery(DOCUMENTS_OF_ANYBODY.id, LEAF_CLASS, None, (about, nobody))


def _subscribe(database: Path) -> None:
    """Ten thousand subscriptions into the database of a node that does not run."""
    with closing(open_writer(database)) as connection:
        kept = Subscriptions(connection)
        connection.execute("BEGIN IMMEDIATE")
        for number in range(COUNT):
            kept.add(
                Subscription(
                    id=f"urn:uuid:00000000-0000-4000-8000-{number:012x}",
                    topic=Topic.FULL_DOCUMENT_ENTRY,
                    filter=_filter(number),
                    consumer="https://practice.example/notify",
                    subscriber='{"role": "application", "name": "practice"}',
                    created="20260601080000",
                    ends="99991231235959",
                )
            )
        connection.execute("COMMIT")


def subscriptions(setting: Setting) -> list[Row]:
    """Register one document where many have subscribed, against the same node without subscriptions."""
    without = staged(setting.workshop, setting.source(), "unsubscribed").start()
    followed = staged(setting.workshop, setting.source(), "subscribed")
    _subscribe(followed.folder / "data" / "node.db")
    followed.start()
    targets = {}
    for name, stage in (("without", without), ("subscribed", followed)):
        register = requests.register(stage.path("iti-42"), "2.999.3.77")
        aims = {name: Aim(stage.server, register, CONNECTIONS, marker=SUCCESS)}
        targets |= setting.workshop.load(stage.tls, aims, setting.patients)
    measured = measure(targets, control="without", seconds=setting.seconds, report=setting.report)
    without.stop()
    followed.stop()
    name = f"ITI-42 with {COUNT:,} subscriptions"
    return [ratio(name, "with none", measured, "subscribed", Goal(gate=0.90, aim=0.95, moonshot=0.98))]
