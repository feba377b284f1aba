"""ITI-52 Document Metadata Subscribe: be told of documents that match a filter, or no longer (ITI TF-2: 3.52)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, NoReturn
from urllib.parse import parse_qs

from lxml import etree

from node.bindings import AuditFact
from node.exchange import Exchange
from node.notifications.subscriber import mark_of, same_place, same_subscriber, write_subscriber
from node.notifications.wsn import (
    UNSUBSCRIBE,
    Subscribe,
    fault,
    read_subscribe,
    subscribe_response,
    unsubscribe_response,
)
from node.records import query_object
from node.soap.faults import receiver
from registry.ebrim.messages import adhoc_query_request
from registry.errors import RegistryError
from registry.queries.subscriptions import patient_of_filter
from registry.store.subscriptions import Subscription, Subscriptions
from trust.identity.caller import Role

LONGEST_ELSEWHERE: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Asked:
    """The element of the body: it is read when the instant is known."""

    element: etree._Element


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered, and the subscription that it is about."""

    body: bytes
    subscription: Subscription
    errors: tuple[()] = ()
    documents: tuple[()] = ()


def decode(body: etree._Element) -> Asked:
    """Take wsnt:Subscribe or wsnt:Unsubscribe."""
    return Asked(body)


async def read(request: Asked, _incoming: object, exchange: Exchange) -> Subscribe | None:
    """Read a subscription; None for the end of one.

    Raises:
        SoapFault: a fault of WS-BaseNotification; also for an address that this node does not call.
    """
    if request.element.tag == UNSUBSCRIBE:
        return None
    wanted = read_subscribe(request.element, exchange.now)
    if exchange.caller.role is Role.PEER:
        return _of_community(wanted, exchange)
    wrong = exchange.actors.recipient_faults(wanted.consumer)
    if wrong:
        reason = f"the address of the consumer {wrong[0]}; the administrator permits hosts in [subscriptions]"
        raise fault("SubscribeCreationFailedFault", reason, exchange.now)
    return wanted


def _of_community(wanted: Subscribe, exchange: Exchange) -> Subscribe:
    """Another community is told of one patient, at its own node, for a month at most: it asks again in time."""
    if not patient_of_filter(wanted.filter):
        raise fault("InvalidFilterFault", "another community subscribes for one patient", exchange.now)
    community = exchange.actors.gateway.community(exchange.caller.home)
    if community is None or not same_place(wanted.consumer, community):
        reason = "the address of the consumer is not at that community's node"
        raise fault("SubscribeCreationFailedFault", reason, exchange.now)
    return replace(wanted, ends=min(wanted.ends, exchange.now + LONGEST_ELSEWHERE))


def document_metadata_subscribe(
    _request: Asked, wanted: Subscribe | None, exchange: Exchange, connection: sqlite3.Connection
) -> Answer:
    """Keep a subscription, or forget the one that the address names (ITI TF-2: 3.52.4.1.3, 3.52.4.3.3).

    Raises:
        SoapFault: ResourceUnknownFault, also for a subscription of somebody else; SubscribeCreationFailedFault for
            one more of a community that has as many as it may.
    """
    kept = Subscriptions(connection)
    if wanted is None:
        return _ended(kept, exchange)
    most = exchange.actors.most_subscriptions
    stamp = exchange.now.strftime("%Y%m%d%H%M%S")
    if exchange.caller.role is Role.PEER and kept.count(mark_of(exchange.caller.home), stamp) >= most:
        reason = f"this community has {most} subscriptions here, which is all it may; end some, or wait until they end"
        raise fault("SubscribeCreationFailedFault", reason, exchange.now)
    subscription = Subscription(
        id=exchange.actors.new_uuid(),
        topic=wanted.topic,
        filter=wanted.filter,
        consumer=wanted.consumer,
        subscriber=write_subscriber(exchange.caller),
        created=stamp,
        ends=wanted.ends.strftime("%Y%m%d%H%M%S"),
        reach=_reach(wanted, exchange),
    )
    kept.add(subscription)
    if exchange.assertion and subscription.reach == "federation":
        exchange.actors.standing[subscription.id] = (exchange.assertion, exchange.now)
    address = f"{exchange.endpoint}?subscription={subscription.id}"
    return Answer(body=subscribe_response(address, exchange.now, wanted.ends), subscription=subscription)


def _reach(wanted: Subscribe, exchange: Exchange) -> str:
    """Whether other communities are asked too: never for another community, which asks them itself."""
    own = exchange.caller.role is not Role.PEER and not exchange.scope_local
    return "federation" if own and patient_of_filter(wanted.filter) else "local"


def _ended(kept: Subscriptions, exchange: Exchange) -> Answer:
    id_ = parse_qs(exchange.query).get("subscription", [""])[0]
    found = kept.get(id_)
    if found is None or not (
        exchange.caller.role is Role.OPERATOR or same_subscriber(found.subscriber, exchange.caller)
    ):
        raise fault("ResourceUnknownFault", "there is no such subscription", exchange.now)
    kept.end(id_)
    return Answer(body=unsubscribe_response(), subscription=found)


def encode(answer: Answer) -> bytes:
    """Write the answer."""
    return answer.body


def encode_errors(errors: Sequence[RegistryError]) -> NoReturn:
    """There is no registry response here: a failure is a fault."""
    raise receiver("; ".join(error.context for error in errors[:4]))


def audited(_request: Asked, answer: Answer | None, exchange: Exchange) -> list[AuditFact]:
    """One record: the filter as a query, and its patient."""
    if answer is None:
        return [AuditFact()]
    kept = answer.subscription
    query = query_object(
        "ITI-52",
        "Document Metadata Subscribe",
        kept.filter.query_id,
        adhoc_query_request(kept.filter),
        exchange.actors.own.home,
    )
    return [AuditFact(patient=patient_of_filter(kept.filter), objects=(query,))]
