"""What another community is sent about subscriptions: ITI-52 and its end, ITI-53, as complete requests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from node.bindings import AuditFact
from node.federation.calls import NAMES, Call
from node.notifications import wsn
from node.soap.writing import write_envelope
from registry.ebrim.messages import AdhocQuery, adhoc_query_request, filter_query
from registry.queries.subscriptions import Topic
from trust.audit.event import AuditedObject
from trust.communities import Community
from trust.ledger.record import payload_digest

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
    body = wsn.subscribe_request(consumer, topic, filter_query(query), ends)
    url = community.endpoints[ENDPOINT]
    root = wsn.SUBSCRIBE + "Response"
    return _call(community, "ITI-52", url, message_id, wsn.SUBSCRIBE_ACTION, body, root, query, patient, (), assertion)


def unsubscribe_call(community: Community, message_id: str, address: str, query: AdhocQuery) -> Call:
    """The end of it, at the address that the answer to ITI-52 named."""
    body, root = wsn.unsubscribe_request(), wsn.UNSUBSCRIBE + "Response"
    return _call(community, "ITI-52", address, message_id, wsn.UNSUBSCRIBE_ACTION, body, root, query, "")


def notify_call(community: Community, consumer: str, message_id: str, body: bytes, facts: Sequence[AuditFact]) -> Call:
    """ITI-53: one notification; a subscription of a community is about one patient."""
    told = tuple(one for fact in facts for one in fact.objects)
    return _call(community, "ITI-53", consumer, message_id, wsn.NOTIFY_ACTION, body, "", None, facts[0].patient, told)


def _call(  # noqa: PLR0913, PLR0917
    community: Community,
    transaction: str,
    url: str,
    message_id: str,
    action: str,
    body: bytes,
    response_root: str,
    query: AdhocQuery | None,
    patient: str,
    told: tuple[AuditedObject, ...] = (),
    assertion: bytes = b"",
) -> Call:
    envelope = write_envelope(
        action, body, message_id=message_id, to=url, reply_to=bool(response_root), security=assertion
    )
    return Call(
        community=community,
        transaction=transaction,
        name=NAMES[transaction],
        url=url,
        message_id=message_id,
        envelope=envelope,
        mtom=False,
        digest=payload_digest([("body", len(envelope), sha256(envelope).digest())]),
        response_root=response_root,
        query=query,
        body=adhoc_query_request(query) if query else b"",
        told=told,
        patient=patient,
    )
