"""Who is told of which documents: `subscription list | add | remove`. All of it is on record."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from node.administration.orders import Order, Result
from node.configuration import readers
from node.faults import misused, refused
from node.notifications.subscriber import read_subscriber, write_subscriber
from node.notifications.wsn import FOREVER
from registry.ebrim.messages import LEAF_CLASS, AdhocQuery
from registry.errors import XdsErrors
from registry.metadata.objects import Slot
from registry.queries import subscriptions as filters
from registry.queries.subscriptions import Topic, patient_of_filter, read_filter
from registry.store.remote_subscriptions import RemoteSubscription, RemoteSubscriptions
from registry.store.subscriptions import Subscription, Subscriptions
from trust.audit.event import Action, AuditedObject, Coded, NewRecord
from trust.identity.caller import Caller, Role

_TOPICS: Final = {
    "full": Topic.FULL_DOCUMENT_ENTRY,
    "minimal": Topic.MINIMAL_DOCUMENT_ENTRY,
    "set": Topic.SUBMISSION_SET_METADATA,
}
_CODES: Final = {
    "types": "$XDSDocumentEntryTypeCode",
    "classes": "$XDSDocumentEntryClassCode",
    "facilities": "$XDSDocumentEntryHealthcareFacilityTypeCode",
}
_ID_TYPE: Final = Coded("subscription", "xdsnode", "subscription")


async def find_all(order: Order) -> Result:
    """Every subscription, oldest first, with what waits for it."""
    kept = Subscriptions(order.services.reader)
    waiting = kept.waiting_by_subscription()
    elsewhere: dict[int | None, list[dict[str, Any]]] = {}
    for row in RemoteSubscriptions(order.services.reader).all():
        elsewhere.setdefault(row.subscription, []).append(_elsewhere(order, row))
    found = [
        shown(one) | {"waiting": waiting.get(one.no, 0), "elsewhere": elsewhere.get(one.no, [])} for one in kept.all()
    ]
    await order.record([order.patient_record(Action.READ, f"list of {len(found)} subscriptions", "")])
    return {"subscriptions": found}


async def add(order: Order) -> Result:
    """Subscribe for an application: it gets what it would get if it had asked itself (ITI-52)."""
    client, now = order.text("client"), order.services.clock()
    if not order.services.bindings.named(client, Role.APPLICATION):
        step = "xdsnode client list shows the names; xdsnode client add NAME lets one in"
        raise refused("client.unknown", client, "no application in force has this name", step)
    wrong = order.services.actors.recipient_faults(order.text("consumer"))
    if wrong:
        step = "name its host in [subscriptions] recipients of node.toml where it is to be permitted"
        raise refused("subscription.address", order.text("consumer")[:200], wrong[0], step)
    caller = Caller(role=Role.APPLICATION, name=client, fingerprint="", address="")
    subscription = Subscription(
        id=order.services.new_uuid(),
        topic=_TOPICS[_topic(order)],
        filter=_filter(order),
        consumer=order.text("consumer"),
        subscriber=write_subscriber(caller),
        created=order.now,
        ends=_until(order, now).strftime("%Y%m%d%H%M%S"),
        reach="federation" if order.text("patient", "") and not order.flag("local") else "local",
    )

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        Subscriptions(connection).add(subscription)
        return None, [_record(order, Action.CREATE, "subscribed", subscription)]

    await order.change(work)
    return {"subscription": shown(subscription)}


async def remove(order: Order) -> Result:
    """End a subscription, whoever made it; what waits for it is not sent any more."""
    id_ = order.text("id")

    def work(connection: sqlite3.Connection) -> tuple[Subscription, Sequence[NewRecord]]:
        kept = Subscriptions(connection)
        found = kept.get(id_) or kept.get(f"urn:uuid:{id_}")
        if found is None:
            step = "xdsnode subscription list shows their ids"
            raise refused("subscription.unknown", id_[:100], "there is no subscription with this id", step)
        kept.end(found.id)
        return found, [_record(order, Action.DELETE, "the subscription was ended", found)]

    return {"subscription": shown(await order.change(work))}


def shown(one: Subscription) -> dict[str, Any]:
    """A subscription for people and programs."""
    caller = read_subscriber(one.subscriber)
    return {
        "id": one.id,
        "subscriber": caller.name,
        "role": str(caller.role),
        "user": caller.user,
        "patient": patient_of_filter(one.filter),
        "filter": {slot.name: list(slot.values) for slot in one.filter.slots},
        "topic": str(one.topic),
        "consumer": one.consumer,
        "created": one.created,
        "ends": "" if one.ends >= f"{FOREVER:%Y%m%d%H%M%S}" else one.ends,
    }


def _elsewhere(order: Order, one: RemoteSubscription) -> dict[str, Any]:
    """What is held for a subscription at another institution."""
    community = order.services.actors.gateway.community(one.home)
    return {
        "institution": community.name if community else "",
        "home_community_id": one.home,
        "patient": one.patient,
        "state": one.state,
        "ends": one.ends,
        "failures": one.failures,
    }


def _filter(order: Order) -> AdhocQuery:
    """The filter that the options describe."""
    sets, patient = _topic(order) == "set", order.text("patient", "")
    slots = [Slot(name=name, values=(f"({_codes(order, option)})",)) for option, name in _CODES.items()
             if order.arguments.get(option)]  # fmt: skip
    if sets and slots:
        raise misused("usage", order.command, "submission sets have no types", "use --topic full or minimal")
    if sets:
        row = filters.SETS_OF_PATIENT if patient else filters.SETS_OF_ANYBODY
    else:
        row = filters.DOCUMENTS_OF_PATIENT if patient else filters.DOCUMENTS_OF_ANYBODY
    if patient:
        name = "$XDSSubmissionSetPatientId" if sets else "$XDSDocumentEntryPatientId"
        slots.insert(0, Slot(name=name, values=(_quoted(order.patient()),)))
    query = AdhocQuery(row.id, LEAF_CLASS, None, tuple(slots))
    try:
        read_filter(query)
    except XdsErrors as wrong:
        step = "say which: --patient ID, --type CODE^OID, --class CODE^OID, --facility CODE^OID"
        raise misused("subscription.filter", order.command, wrong.errors[0].context, step) from None
    return query


def _codes(order: Order, option: str) -> str:
    try:
        pairs = [readers.code_pair(str(word)) for word in order.arguments[option]]
    except readers.Unusable as problem:
        raise misused("subscription.code", option, problem.cause, "write CODE^OID") from None
    return ",".join(_quoted(f"{code}^^{scheme}") for code, scheme in pairs)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _topic(order: Order) -> str:
    word = order.text("topic", "full")
    if word not in _TOPICS:
        raise misused("usage", f"--topic {word[:40]}", "this topic is not known", f"one of: {', '.join(_TOPICS)}")
    return word


def _until(order: Order, now: datetime) -> datetime:
    text = order.text("until", "")
    if not text:
        return FOREVER
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise misused("usage", f"--until {text[:50]}", "not a date", "write 2027-01-31") from None
    found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    if found <= now:
        raise misused("usage", f"--until {text[:50]}", "it would have ended already", "give a later date")
    return found


def _record(order: Order, action: Action, what: str, one: Subscription) -> NewRecord:
    object_ = AuditedObject(id=one.id, type_code="2", role="9", id_type=_ID_TYPE, name=one.consumer)
    return order.patient_record(action, what, patient_of_filter(one.filter), object_)
