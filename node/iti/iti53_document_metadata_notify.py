"""ITI-53 Document Metadata Notify, received: another community tells of documents of a patient (ITI TF-2: 3.53).

This node has subscribed there for an application of its own. What comes is handed on to that application, in the order
in which it came, as soon as it is durable here; the community decided already that it may leave. What comes for nobody
is dropped, and the subscription there is ended.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qs

from node.exchange import Exchange
from node.notifications.content import told, write_content
from node.notifications.notices import ReadNotice, Taken
from node.notifications.subscriber import same_place
from registry.errors import ErrorCode, RegistryError
from registry.queries.subscriptions import patient_of_filter
from registry.store.remote_subscriptions import RemoteSubscription, RemoteSubscriptions
from registry.store.subscriptions import Subscription, Subscriptions

ALARM: Final = "another-person-notified"
_LONGEST: Final = timedelta(days=30)  # a subscription of which nothing is known here has ended by then


def document_metadata_notify(
    request: tuple[ReadNotice, ...], _prepared: None, exchange: Exchange, connection: sqlite3.Connection
) -> Taken:
    """Queue what came for the subscription here that it is for; what came before already is left out."""
    home, now = exchange.caller.home, exchange.now.strftime("%Y%m%d%H%M%S")
    kept, subscriptions = RemoteSubscriptions(connection), Subscriptions(connection)
    token = parse_qs(exchange.query).get("token", [""])[0]
    found = kept.with_token(token, home)
    local = subscriptions.numbered(found.subscription) if found and found.subscription is not None else None
    if found is None or local is None:
        _end_there(request, kept, exchange)
        return Taken(items=(), errors=(_refusal("nobody here has such a subscription"),))
    patient = patient_of_filter(local.filter)
    if why := _unbelievable(request, found, home):
        exchange.actors.alarm(ALARM)
        return Taken(items=(), errors=(_refusal(why),), patient=patient)
    return _handed_on(request, kept, subscriptions, local, home=home, now=now)


def _handed_on(
    request: Sequence[ReadNotice],
    kept: RemoteSubscriptions,
    subscriptions: Subscriptions,
    local: Subscription,
    *,
    home: str,
    now: str,
) -> Taken:
    patient = patient_of_filter(local.filter)
    items = []
    for notice in request:
        content = [told(one, patient, home) for one in notice.objects]
        new = [one for one in content if kept.is_new(local.no, one.digest(), now)]
        if new:
            subscriptions.tell(local.no, [one.entry_uuid for one in new], write_content(new), home, now)
        items += new
    return Taken(items=tuple(items), patient=patient)


def _unbelievable(request: Sequence[ReadNotice], found: RemoteSubscription, home: str) -> str:
    """Whoever mixes two people up may have done so in the rest too: nothing of such a message is handed on."""
    objects = [one for notice in request for one in notice.objects]
    if any(one.patient_id != found.patient for one in objects):
        return "it is about another person; withheld"
    if any(one.home_community_id not in (None, "", home) for one in objects):
        return "it is about documents of another community; withheld"
    return ""


def _end_there(request: Sequence[ReadNotice], kept: RemoteSubscriptions, exchange: Exchange) -> None:
    community = exchange.actors.gateway.community(exchange.caller.home)
    ends = (exchange.now + _LONGEST).strftime("%Y%m%d%H%M%S")
    for notice in request:
        if community is not None and same_place(notice.subscription, community):
            kept.nobodys(community.home, notice.subscription, ends)


def _refusal(why: str) -> RegistryError:
    return RegistryError(ErrorCode.REGISTRY_ERROR, why)
