"""ITI-8 Patient Identity Feed, ITI-30 (add, revise, merge, link), ITI-64: one HL7 v2 message -> its acknowledgement.

AA is sent when the change and its audit record are durable, and only then. A message that is sent again (the sender did
not see its acknowledgement) gets the same answer without being carried out twice.
Source: ITI TF-2: 3.8, 3.30, 3.64.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from node.patients.link_changes import LinkChanger, audited_objects, in_words, note_of
from node.records import End, instant, participants, patient_object, serving_end, subject
from registry.link_change import LinkChange
from registry.patients.acknowledgement import acknowledge, refuse
from registry.patients.demographics import Demographics, Identifier
from registry.patients.hl7v2 import Header, MessageRefused, PatientIdentityChange, read
from registry.patients.identity import PatientIdentityError, Refusal
from registry.patients.records import PairState
from trust.audit.event import Action, AuditedObject, AuditEvent, Coded, EventId, Kind, NewRecord, Outcome, Participant
from trust.search.activity import UNIT

if TYPE_CHECKING:
    from node.services import Services
    from registry.store.master_index import MasterIndex
    from trust.ledger.sequencer import Sequencer

log = logging.getLogger("node.patients.feed")

_REMEMBERED: Final = 10_000
_NOT_KNOWN: Final = "the patient is not known here; nothing was stored: send A28 or A04 first"
LINKED: Final = Coded("patient-link", "xdsnode", "Records of one patient linked by the matching")
_PLACES: Final = {Refusal.UNKNOWN_SUBSUMED: "MRG^1^1^1^1", Refusal.ALREADY_SUBSUMED: "MRG^1^1^1^1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedContext:
    """What the feed needs of the node."""

    sequencer: Sequencer
    assigning_authority: str
    others: tuple[str, ...]  # further authorities whose patients are indexed
    index: Callable[[sqlite3.Connection], MasterIndex]
    changer: LinkChanger
    endpoint: str  # how records name this end, e.g. mllp://localhost:8002
    clock: Callable[[], datetime]
    new_uuid: Callable[[], str]

    @classmethod
    def of(cls, services: Services) -> FeedContext:
        """That of a node."""
        config = services.config
        return cls(
            sequencer=services.sequencer,
            assigning_authority=config.node.assigning_authority,
            others=config.matching.authorities,
            index=services.actors.index,
            changer=LinkChanger.of(services.actors),
            endpoint=f"mllp://{config.node.host}:{config.port('mllp')}",
            clock=services.clock,
            new_uuid=services.new_uuid,
        )


class PatientFeed:
    """Handles the messages of the MLLP listener."""

    def __init__(self, context: FeedContext) -> None:
        self._context = context
        self._answered: OrderedDict[bytes, bytes] = OrderedDict()

    async def handle(self, message: bytes, address: str, name: str = "") -> bytes:
        """Carry out one message and give its acknowledgement; never raises for what a sender can cause.

        `name`: whose certificate the connection has, "" without TLS; what the message says of its sender is a claim.
        """
        key = sha256(message).digest()
        if key in self._answered:
            return self._answered[key]
        now, control_id = self._context.clock(), self._context.new_uuid()[-20:]
        stamp, sender = f"{now:%Y%m%d%H%M%S}", End("", address, name)
        try:
            change = read(message, authority=self._context.assigning_authority, others=self._context.others)
            text = await self._carried_out(change, sender, now)
        except MessageRefused as refusal:
            await self._refused(refusal, sender, now)
            return refuse(refusal, now=stamp, control_id=control_id)
        answer = acknowledge(change.header, now=stamp, control_id=control_id, text=text)
        self._remember(key, answer)
        return answer

    async def _carried_out(self, change: PatientIdentityChange, sender: End, now: datetime) -> str:
        """Carry the change out, or say as a refusal why not."""
        try:
            return await self._apply(change, sender, now)
        except PatientIdentityError as problem:
            place = _PLACES.get(problem.reason, "PID^1^3^1^1")
            # The identifier itself stays out of the text: acknowledgements end up in other systems' logs.
            raise MessageRefused("AE", 204, place, str(problem.reason), change.header) from None
        except Exception:  # whatever happens to a message is its acknowledgement
            incident = self._context.new_uuid()
            log.exception("patient feed failed", extra={"incident": incident, "address": sender.address})
            text = f"internal error, incident {incident}; send it again later"
            raise MessageRefused("AR", 207, "MSH", text, change.header) from None

    async def _apply(self, change: PatientIdentityChange, sender: End, now: datetime) -> str:
        """Carry the change out; returns what the acknowledgement says beside AA."""
        stamp = f"{now:%Y%m%d%H%M%S}"

        def work(connection: sqlite3.Connection) -> tuple[str, Sequence[NewRecord]]:
            if change.kind == "move":
                return self._move(connection, change, sender, now)
            linked = _changed(self._context.index(connection), change, stamp)
            records = [*self._records(change, sender, now), *self._links(change, linked or (), sender, now)]
            return "" if linked is not None else _NOT_KNOWN, records

        text, _ = await self._context.sequencer.transact(work)
        if change.kind == "none":
            log.warning("patient feed: no identifier of our assigning authority", extra={"address": sender.address})
            return f"no identifier of {self._context.assigning_authority}; nothing was stored"
        return text

    def _move(
        self, connection: sqlite3.Connection, change: PatientIdentityChange, sender: End, now: datetime
    ) -> tuple[str, Sequence[NewRecord]]:
        """ITI-64, with a record for the patient that things went to and one for whom they came from."""
        asked = LinkChange(patient=change.patient, previous=change.prior, local=change.local, subsumed=change.subsumed)
        moved = self._context.changer.carry_out(
            connection, asked, source_id=change.sender_oid, by=change.sender, now=now
        )
        if moved.lost:
            log.warning("link change: relations did not follow", extra={"submission_set": moved.submission_set})
        ends, objects = self._ends(change.header, sender), audited_objects(asked, moved, ("MSH-10", change.message_id))
        records = []
        for patient in dict.fromkeys((change.patient, change.prior)):
            event = replace(self._event(ends, now, _transaction(change), Action.UPDATE, objects), patient=patient)
            records.append(
                NewRecord(kind=Kind.LOCAL, time=event.time, event=event, subject=subject(patient), note=note_of(moved))
            )
        return in_words(moved), records

    def _records(self, change: PatientIdentityChange, sender: End, now: datetime) -> list[NewRecord]:
        """C for an addition, U for a revision or a link; a merge deletes the subsumed and updates the surviving one."""
        facts = {
            "add": [(Action.CREATE, change.patient)],
            "revise": [(Action.UPDATE, change.patient)],
            "merge": [(Action.DELETE, change.prior), (Action.UPDATE, change.patient)],
            "link": [(Action.UPDATE, change.patient), (Action.UPDATE, change.prior)],
            "unlink": [(Action.UPDATE, change.patient), (Action.UPDATE, change.prior)],
            "none": [(Action.UPDATE, "")],
        }[change.kind]
        return [self._record(change, action, patient, sender, now) for action, patient in facts]

    def _links(
        self, change: PatientIdentityChange, linked: Sequence[Identifier], sender: End, now: datetime
    ) -> list[NewRecord]:
        """What the matching linked because of the message: one record for each patient on the other side."""
        ends = self._ends(change.header, sender)
        events = [
            self._event(ends, now, LINKED, Action.UPDATE, (patient_object(other.cx), patient_object(change.patient)))
            for other in linked
        ]
        return [
            NewRecord(kind=Kind.LOCAL, time=event.time, event=event, subject=subject(event.patient)) for event in events
        ]

    def _record(
        self, change: PatientIdentityChange, action: Action, patient: str, sender: End, now: datetime
    ) -> NewRecord:
        objects = (_described(patient, change),) if patient else ()
        event = self._event(self._ends(change.header, sender), now, _transaction(change), action, objects)
        return NewRecord(kind=Kind.LOCAL, time=event.time, event=event, subject=subject(patient))

    async def _refused(self, refusal: MessageRefused, sender: End, now: datetime) -> None:
        """A refused message is on record too; when that fails, the refusal still stands."""
        log.info(
            "patient feed: message refused",
            extra={
                "address": sender.address,
                "code": f"{refusal.code} {refusal.condition}",
                "reason": refusal.location,
            },
        )
        type_ = Coded("ITI-8", "IHE Transactions", "Patient Identity Feed")
        text = f"{refusal.code} {refusal.condition} {refusal.location}"
        ends = self._ends(refusal.header, sender)
        event = self._event(ends, now, type_, Action.CREATE, (), outcome=Outcome.SERIOUS, outcome_text=text)
        try:
            await self._context.sequencer.record([NewRecord(kind=Kind.LOCAL, time=event.time, event=event)])
        except Exception:  # the ledger's own trouble raises its alarm elsewhere
            log.exception("patient feed: refusal not recorded", extra={"address": sender.address})

    def _event(
        self,
        ends: tuple[Participant, ...],
        now: datetime,
        type_: Coded,
        action: Action,
        objects: tuple[AuditedObject, ...],
        *,
        outcome: Outcome = Outcome.SUCCESS,
        outcome_text: str = "",
    ) -> AuditEvent:
        return AuditEvent(
            id=EventId.PATIENT_RECORD,
            action=action,
            outcome=outcome,
            outcome_text=outcome_text,
            time=instant(now),
            type=type_,
            participants=ends,
            objects=objects,
            patient=objects[0].id if objects else "",
        )

    def _ends(self, header: Header, sender: End) -> tuple[Participant, ...]:
        """Facility and application at both ends (federation-wire 5.4); what the sender left out is its, not ours."""
        receiver = f"{header.receiving_facility}|{header.receiving_application}"
        return participants(
            source=sender._replace(user=f"{header.sending_facility}|{header.sending_application}"),
            destination=serving_end(self._context.endpoint)._replace(user=receiver),
        )

    def _remember(self, key: bytes, answer: bytes) -> None:
        self._answered[key] = answer
        if len(self._answered) > _REMEMBERED:
            self._answered.popitem(last=False)


def _changed(index: MasterIndex, change: PatientIdentityChange, stamp: str) -> Sequence[Identifier] | None:
    """Carry a message out; returns the records that the matching linked because of it, None if nothing was stored."""
    if change.kind == "none":
        return None
    patient = Identifier.of(change.patient)
    if change.kind in ("add", "revise"):
        known = index.show(patient)
        if (known is None and change.kind == "revise") or change.said is None:
            return None
        person = change.said.about(known.person if known else Demographics())
        return index.store(patient, person, stamp).linked
    prior = Identifier.of(change.prior)
    if change.kind == "merge":
        index.merge(patient, prior, stamp)
    else:
        index.decide(patient, prior, PairState.LINKED if change.kind == "link" else PairState.DISTINCT, stamp)
    return ()


def _transaction(change: PatientIdentityChange) -> Coded:
    if change.kind == "move":
        return Coded("ITI-64", "IHE Transactions", "Notify XAD-PID Link Change")
    if change.header.version >= "2.5":
        return Coded("ITI-30", "IHE Transactions", "Patient Identity Management")
    return Coded("ITI-8", "IHE Transactions", "Patient Identity Feed")


def _described(patient: str, change: PatientIdentityChange) -> AuditedObject:
    """The patient, with the message it came in, and in which unit they are: who works there may look at them."""
    details = (("MSH-10", change.message_id), (UNIT, change.unit))
    return replace(patient_object(patient), details=tuple(one for one in details if one[0] == "MSH-10" or one[1]))
