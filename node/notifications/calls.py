"""What another community is sent about subscriptions: ITI-52 and its end, ITI-53, as complete requests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from node.bindings import AuditFact
from node.federation.calls import Call, call_of
from node.notifications import wsn
from registry.ebrim.messages import AdhocQuery, adhoc_query_request, filter_query
from registry.queries.subscriptions import Topic
from trust.communities import Community

ENDPOINT = "iti-52-gateway"


def subscribe_call(  # noqa: PLR0913, PLR0917  one fact each
    community: Community,
    message_id: str,
    consumer: str,
    topic: Topic,
    query: AdhocQuery,
    ends: datetime,
    patient: str,
    assertion: bytes = b"",
) -> Call:
    """ITI-52: tell us of documents of a patient. `query` names the patient as the community does."""
    return call_of(
        community,
        "ITI-52",
        message_id,
        wsn.subscribe_request(consumer, topic, filter_query(query), ends),
        url=community.endpoints[ENDPOINT],
        action=wsn.SUBSCRIBE_ACTION,
        response_root=wsn.SUBSCRIBE + "Response",
        assertion=assertion,
        query=query,
        body=adhoc_query_request(query),
        patient=patient,
    )


def unsubscribe_call(community: Community, message_id: str, address: str, query: AdhocQuery) -> Call:
    """The end of it, at the address that the answer to ITI-52 named."""
    return call_of(
        community,
        "ITI-52",
        message_id,
        wsn.unsubscribe_request(),
        url=address,
        action=wsn.UNSUBSCRIBE_ACTION,
        response_root=wsn.UNSUBSCRIBE + "Response",
        query=query,
        body=adhoc_query_request(query),
    )


def notify_call(community: Community, consumer: str, message_id: str, body: bytes, facts: Sequence[AuditFact]) -> Call:
    """ITI-53: one notification; a subscription of a community is about one patient."""
    return call_of(
        community,
        "ITI-53",
        message_id,
        body,
        url=consumer,
        action=wsn.NOTIFY_ACTION,
        response_root="",
        told=tuple(one for fact in facts for one in fact.objects),
        patient=facts[0].patient,
    )
