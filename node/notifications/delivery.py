"""Notifications on their way to subscribers: in order for each address, again until they arrive (ITI TF-2: 3.53).

The queue is in the database, written with the submission that it tells of, so a crash loses nothing. What a subscriber
gets is decided when it leaves, not when it was queued: a consent that was withdrawn meanwhile counts.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final
from uuid import UUID

from node.access import Access
from node.bindings import AuditFact
from node.exchange import Actors, Exchange
from node.notifications.calls import notify_call
from node.notifications.content import Told, read_content
from node.notifications.notices import objects_of
from node.notifications.subscriber import read_subscriber
from node.notifications.wsn import NOTIFY_ACTION, notify
from node.records import End, calling_end, document_object, event, instant, participants, subject
from node.soap.writing import write_envelope
from registry.ebrim.messages import LEAF_CLASS, AdhocQuery
from registry.metadata.objects import Slot
from registry.queries.catalogue import GET_DOCUMENTS, GET_SUBMISSION_SET_AND_CONTENTS, StoredQuery
from registry.queries.subscriptions import Topic
from registry.store.found import FoundObject
from registry.store.subscriptions import Notification, Subscriptions
from trust.audit.event import Action, Coded, EventId, Kind, NewRecord
from trust.errors import LedgerBusy, StorageFailed
from trust.identity.caller import Caller, Role

log = logging.getLogger("node.notifications")

FIRST_PAUSE: Final = 1.0  # seconds before the second attempt; each one after it waits twice as long
LONGEST_PAUSE: Final = 600.0
ALARM_AFTER: Final = 6  # attempts in a row that failed, about a minute
ALARM: Final = "notifications.not-delivered"
_NOTIFY: Final = Coded("ITI-53", "IHE Transactions", "Document Metadata Notify")
_ALL: Final = (
    (
        "$XDSDocumentEntryType",
        "('urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1','urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248')",
    ),
)


def pause(failures: int) -> float:
    """Seconds to wait after so many failed attempts in a row."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 20))


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What one subscriber gets of a notification: finished ebRIM, who told of it, and the facts for the record."""

    objects: tuple[bytes, ...]
    facts: tuple[AuditFact, ...]
    producer: str = ""


class Deliverer:
    """Tells subscribers, one task for each address with something to tell.

    Args:
        actors: the node's actors.
        send: posts an envelope to an address; "" when it was taken, else why not, in words for the log.
        admitted: whether a caller's certificate still has its record here.
        base_url: of this node's endpoints.
        deadline: seconds that another community has for taking one.
        nap: waits some seconds; replaced by tests.
    """

    def __init__(
        self,
        *,
        actors: Actors,
        send: Callable[[str, bytes], Awaitable[str]],
        admitted: Callable[[Caller], bool],
        base_url: str,
        deadline: float = 8.0,
        nap: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._actors = actors
        self._send = send
        self._admitted = admitted
        self._base_url = base_url
        self._deadline = deadline
        self._nap = nap
        self._serving: dict[str, asyncio.Task[None]] = {}

    async def run(self, every: float = 0.5) -> None:
        """Look for new notifications again and again."""
        try:
            while True:
                self.look()
                await self._nap(every)
        finally:
            for task in self._serving.values():
                task.cancel()
            await asyncio.gather(*self._serving.values(), return_exceptions=True)

    def look(self) -> None:
        """Begin to serve every address for which something waits and nobody serves yet."""
        self._serving = {address: task for address, task in self._serving.items() if not task.done()}
        for address in Subscriptions(self._actors.reader).consumers():
            if address not in self._serving:
                self._serving[address] = asyncio.create_task(self.serve(address))

    async def serve(self, address: str) -> None:
        """Deliver everything that waits for one address, in order; the oldest is tried until it arrives."""
        failures = 0
        recorded = -1
        while (waiting := Subscriptions(self._actors.reader).next(address)) is not None:
            try:
                why = await self._attempt(waiting, again=waiting.no == recorded)
                recorded = waiting.no
            except (LedgerBusy, StorageFailed):
                why = "nothing can be recorded at the moment"
            except Exception:  # one that cannot be made holds up its address, and somebody is told
                log.exception("a notification cannot be made")
                why = "it cannot be made"
            if not why:
                failures = 0
                continue
            failures += 1
            if failures == ALARM_AFTER:
                self._actors.alarm(ALARM)
            log.warning("a notification did not arrive", extra={"reason": why, "count": failures})
            await self._nap(pause(failures))

    async def _attempt(self, waiting: Notification, *, again: bool) -> str:
        """One attempt; "" when nothing of this notification is left to do.

        That it is about to leave is on record before its first byte does; that it arrived, with its end in the queue.
        """
        subscription = waiting.subscription
        caller = self._subscriber(waiting)
        now = self._actors.clock()
        if subscription.ends <= now.strftime("%Y%m%d%H%M%S") or not self._admitted(caller):
            await self._over(waiting, caller, Content(objects=(), facts=(AuditFact(),)), "the subscription has ended")
            return ""
        content = self._content(waiting, caller)
        if not content.objects:
            await self._over(waiting, caller, content, "the subscriber may see none of it")
            return ""
        peer = caller.role is Role.PEER
        if not again and not peer:
            await self._actors.sequencer.record(self._records(waiting, caller, content, "about to be sent"))
        manager = "/iti-52-gateway" if peer else "/iti-52"
        body = notify(
            f"{self._base_url}{manager}?subscription={subscription.id}",
            content.producer or self._actors.own.home,
            subscription.topic,
            content.objects,
        )
        if peer:
            return await self._tell_community(waiting, caller, content, body)
        envelope = write_envelope(NOTIFY_ACTION, body, message_id=message_id_of(waiting), to=subscription.consumer)
        why = await self._send(subscription.consumer, envelope)
        if not why:
            await self._over(waiting, caller, content, "it arrived")
        return why

    async def _tell_community(self, waiting: Notification, caller: Caller, content: Content, body: bytes) -> str:
        """As any exchange with a community: each attempt is one, with receipts; that it arrived ends it here."""
        gateway = self._actors.gateway
        community = gateway.community(caller.home)
        if community is None:
            return "it is no community of ours any more"
        exchange = self._exchange(waiting, caller, self._actors.new_uuid())
        call = notify_call(community, waiting.subscription.consumer, exchange.message_id, body, content.facts)
        answered = await gateway.tell(call, exchange)
        if answered.error is None:
            await self._over(waiting, caller, content, "it arrived", exchange.records)
            return ""
        if exchange.records:  # none where it was not asked at all
            await self._actors.sequencer.record(exchange.records)
        return answered.reason

    def _subscriber(self, waiting: Notification) -> Caller:
        """Who subscribed; what another community may see is what it may see today."""
        caller = read_subscriber(waiting.subscription.subscriber)
        community = self._actors.gateway.community(caller.home) if caller.role is Role.PEER else None
        return replace(caller, clearance=community.clearance) if community else caller

    async def _over(
        self, waiting: Notification, caller: Caller, content: Content, what: str, also: Sequence[NewRecord] = ()
    ) -> None:
        records = [*also, *self._records(waiting, caller, content, what)]

        def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
            Subscriptions(connection).done(waiting.no)
            return None, records

        await self._actors.sequencer.transact(work)

    def _content(self, waiting: Notification, caller: Caller) -> Content:
        """What the subscriber may see, now, of what matched."""
        topic = waiting.subscription.topic
        if waiting.content:
            return self._content_from_elsewhere(waiting, caller)
        if topic is Topic.SUBMISSION_SET_METADATA:
            found = self._found(GET_SUBMISSION_SET_AND_CONTENTS, "$XDSSubmissionSetEntryUUID", waiting.objects, caller)
            shown = [item for item in found if item.kind == "submission_set"]
            if not any(item.kind == "document" for item in found):  # a set shows that there are documents
                shown = []
        else:
            shown = found = self._found(GET_DOCUMENTS, "$XDSDocumentEntryEntryUUID", waiting.objects, caller)
        written = [item.reference() if topic is Topic.MINIMAL_DOCUMENT_ENTRY else item.leaf() for item in shown]
        patients = dict.fromkeys(item.patient_id for item in shown)
        facts = tuple(
            AuditFact(
                patient=patient,
                objects=tuple(
                    document_object(item.unique_id, item.repository_unique_id, item.home)
                    for item in found
                    if item.kind == "document" and item.patient_id == patient
                ),
            )
            for patient in patients
        )
        return Content(objects=tuple(written), facts=facts or (AuditFact(),))

    def _content_from_elsewhere(self, waiting: Notification, caller: Caller) -> Content:
        """The same of what is not registered here."""
        view = self._view(caller)
        items = [one for one in read_content(waiting.content) if self._may_be_told(one, view)]
        minimal = waiting.subscription.topic is Topic.MINIMAL_DOCUMENT_ENTRY
        patients = dict.fromkeys(one.patient for one in items)
        facts = tuple(AuditFact(patient=patient, objects=objects_of(items, patient)) for patient in patients)
        return Content(
            objects=tuple(one.element(minimal=minimal) for one in items),
            facts=facts or (AuditFact(),),
            producer=waiting.producer,
        )

    @staticmethod
    def _may_be_told(item: Told, view: Access) -> bool:
        return view.may_be_told(item.labels()) if item.kind == "document" else view.may_know(item.patient)

    def _view(self, caller: Caller) -> Access:
        actors = self._actors
        return Access(caller, actors.policy, actors.registry, actors.reader, actors.clock())

    def _found(self, query: StoredQuery, name: str, objects: Sequence[str], caller: Caller) -> list[FoundObject]:
        view = self._view(caller)
        several = "(" + ",".join(f"'{one}'" for one in objects) + ")" if query is GET_DOCUMENTS else f"'{objects[0]}'"
        also = _ALL if query is GET_SUBMISSION_SET_AND_CONTENTS else ()
        slots = (Slot(name=name, values=(several,)), *(Slot(name=one, values=(value,)) for one, value in also))
        return self._actors.registry.find(AdhocQuery(query.id, LEAF_CLASS, None, slots), view.sees, view.judge).objects

    def _records(self, waiting: Notification, caller: Caller, content: Content, what: str) -> list[NewRecord]:
        """Export, by the broker (ITI TF-2: 3.53.5.1.2)."""
        exchange = self._exchange(waiting, caller, message_id_of(waiting))
        here = calling_end(exchange.endpoint, self._actors.own.name)
        there = End(waiting.subscription.consumer, caller.address, caller.name)
        ends = participants(source=here, destination=there)
        return [
            NewRecord(
                kind=Kind.LOCAL,
                time=instant(exchange.now),
                event=event(exchange, event_id=EventId.EXPORT, action=Action.READ, type_=_NOTIFY, fact=fact, ends=ends),
                subject=subject(fact.patient),
                note={"notification": what, "subscription": waiting.subscription.id},
            )
            for fact in content.facts
        ]

    def _exchange(self, waiting: Notification, caller: Caller, message_id: str) -> Exchange:
        actors = self._actors
        return Exchange(
            actors=actors,
            caller=caller,
            message_id=message_id,
            endpoint=f"{self._base_url}/iti-53",
            now=actors.clock(),
            deadline=asyncio.get_running_loop().time() + self._deadline,
            incident=actors.new_uuid(),
        )


def message_id_of(waiting: Notification) -> str:
    """The same for each attempt, so that who gets it twice can tell."""
    digest = sha256(f"{waiting.subscription.id} {waiting.no} {waiting.queued}".encode()).digest()
    return f"urn:uuid:{UUID(bytes=digest[:16], version=4)}"
