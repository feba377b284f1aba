"""The messages of WS-BaseNotification that DSUB uses, read and written (ITI TF-2: 3.52, 3.53, 3.54). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from lxml import etree

from node.soap.faults import SoapFault, sender
from node.soap.names import WSA
from node.soap.tree import children, text_of
from node.soap.writing import escape
from registry.ebrim.elements import ADHOC_QUERY
from registry.ebrim.messages import AdhocQuery
from registry.ebrim.reader import read_filter_query
from registry.ebrim.vocabulary import LCM, RIM
from registry.errors import XdsErrors
from registry.queries.subscriptions import Topic, read_filter

WSNT: Final = "http://docs.oasis-open.org/wsn/b-2"
SUBSCRIBE: Final = f"{{{WSNT}}}Subscribe"
UNSUBSCRIBE: Final = f"{{{WSNT}}}Unsubscribe"
NOTIFY: Final = f"{{{WSNT}}}Notify"
SUBSCRIBE_ACTION: Final = "http://docs.oasis-open.org/wsn/bw-2/NotificationProducer/SubscribeRequest"
UNSUBSCRIBE_ACTION: Final = "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/UnsubscribeRequest"
NOTIFY_ACTION: Final = "http://docs.oasis-open.org/wsn/bw-2/NotificationConsumer/Notify"
SIMPLE_DIALECT: Final = "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Simple"
_WSRF_FAULT: Final = "http://docs.oasis-open.org/wsrf/bf-2"
_ADDRESS: Final = f"{{{WSA}}}Address"
_TOPIC: Final = re.compile(r"(?:[\w.-]+:)?(?P<name>\w+)")
_TOPICS: Final = {str(topic).partition(":")[2]: topic for topic in Topic}
_DURATION: Final = re.compile(
    r"P(?:(?P<years>[0-9]+)Y)?(?:(?P<months>[0-9]+)M)?(?:(?P<days>[0-9]+)D)?"
    r"(?:T(?:(?P<hours>[0-9]+)H)?(?:(?P<minutes>[0-9]+)M)?(?:(?P<seconds>[0-9]+)(?:\.[0-9]+)?S)?)?"
)
FOREVER: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe:
    """What somebody wants to be told: until when (FOREVER without an end), and where."""

    consumer: str
    topic: Topic
    filter: AdhocQuery
    ends: datetime


def fault(name: str, reason: str, now: datetime) -> SoapFault:
    """A fault of WS-BaseNotification: its element stands in soap:Detail (ITI TF-2: 3.52.4.1.3)."""
    refused = sender(reason)
    refused.element = (
        f'<wsnt:{name} xmlns:wsnt="{WSNT}" xmlns:bf="{_WSRF_FAULT}"><bf:Timestamp>{_instant(now)}</bf:Timestamp>'
        f"<bf:Description>{escape(reason)}</bf:Description></wsnt:{name}>"
    )
    return refused


def read_subscribe(body: etree._Element, now: datetime) -> Subscribe:
    """Read wsnt:Subscribe.

    Raises:
        SoapFault: a fault of WS-BaseNotification that says what cannot be.
    """
    parts = {str(etree.QName(child).localname): child for child in children(body)}
    selection = parts.get("Filter")
    if selection is None:
        raise fault("InvalidFilterFault", "a subscription needs a wsnt:Filter", now)
    return Subscribe(
        consumer=_consumer(parts.get("ConsumerReference"), now),
        topic=_topic(selection, now),
        filter=_query(selection, now),
        ends=_ends(parts.get("InitialTerminationTime"), now),
    )


def _consumer(reference: etree._Element | None, now: datetime) -> str:
    addresses = reference.findall(_ADDRESS) if reference is not None else []
    address = text_of(addresses[0]).strip() if len(addresses) == 1 else ""
    if not address:
        raise fault("SubscribeCreationFailedFault", "wsnt:ConsumerReference needs one wsa:Address", now)
    return address


def _topic(selection: etree._Element, now: datetime) -> Topic:
    found = selection.findall(f"{{{WSNT}}}TopicExpression")
    if len(found) != 1:
        raise fault("InvalidTopicExpressionFault", "a subscription names one topic", now)
    if (found[0].get("Dialect") or "").strip() != SIMPLE_DIALECT:
        raise fault("TopicExpressionDialectUnknownFault", f"the dialect of topics is {SIMPLE_DIALECT}", now)
    named = _TOPIC.fullmatch(text_of(found[0]).strip())
    if named is None:
        raise fault("InvalidTopicExpressionFault", "the topic is no qualified name", now)
    topic = _TOPICS.get(named.group("name"))
    if topic is None:
        raise fault("TopicNotSupportedFault", f"topics are {', '.join(Topic)}", now)
    return topic


def _query(selection: etree._Element, now: datetime) -> AdhocQuery:
    found = selection.findall(ADHOC_QUERY)
    if len(found) != 1:
        raise fault("InvalidFilterFault", "the filter is one rim:AdhocQuery", now)
    query = read_filter_query(found[0])
    try:
        read_filter(query)
    except XdsErrors as wrong:
        raise fault("InvalidFilterFault", "; ".join(error.context for error in wrong.errors[:4]), now) from None
    return query


def _ends(element: etree._Element | None, now: datetime) -> datetime:
    """An instant or a duration from now; nothing: without end."""
    text = text_of(element).strip() if element is not None else ""
    if not text:
        return FOREVER
    ends = _instant_or_duration(text, now)
    if ends is None or ends <= now:
        raise fault("UnacceptableInitialTerminationTimeFault", "the end is an instant or a duration yet to come", now)
    return min(ends, FOREVER)


def _instant_or_duration(text: str, now: datetime) -> datetime | None:
    duration = _DURATION.fullmatch(text)
    try:
        if duration and text[-1] not in "PT":
            count = {name: int(value or 0) for name, value in duration.groupdict().items()}
            days = count["years"] * 365 + count["months"] * 30 + count["days"]
            return now + timedelta(days=days, hours=count["hours"], minutes=count["minutes"], seconds=count["seconds"])
        return _utc(text)
    except OverflowError:
        return FOREVER
    except ValueError:
        return None


def _utc(text: str) -> datetime:
    """An instant; without an offset it is in UTC.

    Raises:
        ValueError, OverflowError: it is none, or lies beyond the calendar.
    """
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def subscribe_response(address: str, now: datetime, ends: datetime) -> bytes:
    """Write wsnt:SubscribeResponse: where the subscription is ended, and when it ends by itself."""
    until = f"<wsnt:TerminationTime>{_instant(ends)}</wsnt:TerminationTime>" if ends < FOREVER else ""
    return (
        f'<wsnt:SubscribeResponse xmlns:wsnt="{WSNT}" xmlns:wsa="{WSA}"><wsnt:SubscriptionReference>'
        f"<wsa:Address>{escape(address)}</wsa:Address></wsnt:SubscriptionReference>"
        f"<wsnt:CurrentTime>{_instant(now)}</wsnt:CurrentTime>{until}</wsnt:SubscribeResponse>"
    ).encode()


def unsubscribe_response() -> bytes:
    """Write wsnt:UnsubscribeResponse."""
    return f'<wsnt:UnsubscribeResponse xmlns:wsnt="{WSNT}"/>'.encode()


def subscribe_request(consumer: str, topic: Topic, query: bytes, ends: datetime) -> bytes:
    """Write wsnt:Subscribe; `query` is a finished rim:AdhocQuery."""
    until = f"<wsnt:InitialTerminationTime>{_instant(ends)}</wsnt:InitialTerminationTime>" if ends < FOREVER else ""
    head = (
        f'<wsnt:Subscribe xmlns:wsnt="{WSNT}" xmlns:wsa="{WSA}"><wsnt:ConsumerReference>'
        f"<wsa:Address>{escape(consumer)}</wsa:Address></wsnt:ConsumerReference><wsnt:Filter>"
        f'<wsnt:TopicExpression Dialect="{SIMPLE_DIALECT}">{topic}</wsnt:TopicExpression>'
    )
    return b"".join((head.encode(), query, b"</wsnt:Filter>", until.encode(), b"</wsnt:Subscribe>"))


def unsubscribe_request() -> bytes:
    """Write wsnt:Unsubscribe."""
    return f'<wsnt:Unsubscribe xmlns:wsnt="{WSNT}"/>'.encode()


def read_subscribe_response(body: etree._Element) -> tuple[str, datetime | None]:
    """Read wsnt:SubscribeResponse: where the subscription is ended, and when it ends by itself, if it says so.

    Raises:
        SoapFault: it names no address.
    """
    address = _reference(body, "SubscriptionReference")
    if not address:
        raise sender("wsnt:SubscribeResponse names no address")
    ends = (body.findtext(f"{{{WSNT}}}TerminationTime") or "").strip()
    try:
        return address, _utc(ends) if ends else None
    except (ValueError, OverflowError):
        return address, None


def notify(subscription: str, producer: str, topic: Topic, objects: Iterable[bytes]) -> bytes:
    """Write wsnt:Notify with one message; `objects` stand in its rim:RegistryObjectList (ITI TF-2: 3.53.4.1.2)."""
    reference = (
        f"<wsnt:SubscriptionReference><wsa:Address>{escape(subscription)}</wsa:Address></wsnt:SubscriptionReference>"
        if subscription
        else ""
    )
    head = (
        f'<wsnt:Notify xmlns:wsnt="{WSNT}" xmlns:wsa="{WSA}" xmlns:lcm="{LCM}" xmlns:rim="{RIM}">'
        f"<wsnt:NotificationMessage>{reference}"
        f'<wsnt:Topic Dialect="{SIMPLE_DIALECT}">{topic}</wsnt:Topic>'
        f"<wsnt:ProducerReference><wsa:Address>{escape(producer)}</wsa:Address></wsnt:ProducerReference>"
        "<wsnt:Message><lcm:SubmitObjectsRequest><rim:RegistryObjectList>"
    )
    tail = (
        b"</rim:RegistryObjectList></lcm:SubmitObjectsRequest></wsnt:Message></wsnt:NotificationMessage></wsnt:Notify>"
    )
    return b"".join((head.encode(), *objects, tail))


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message of a wsnt:Notify: of which subscription, from whom, and its lcm:SubmitObjectsRequest."""

    subscription: str
    producer: str
    content: etree._Element


def read_notify(body: etree._Element) -> Sequence[Notice]:
    """Read wsnt:Notify.

    Raises:
        SoapFault: there is no message in it, or one without metadata.
    """
    found = []
    for message in body.findall(f"{{{WSNT}}}NotificationMessage"):
        content = message.find(f"{{{WSNT}}}Message/{{{LCM}}}SubmitObjectsRequest")
        if content is None:
            raise sender("a wsnt:NotificationMessage holds no lcm:SubmitObjectsRequest")
        found.append(
            Notice(
                subscription=_reference(message, "SubscriptionReference"),
                producer=_reference(message, "ProducerReference"),
                content=content,
            )
        )
    if not found:
        raise sender("a wsnt:Notify holds no wsnt:NotificationMessage")
    return found


def _reference(message: etree._Element, name: str) -> str:
    return (message.findtext(f"{{{WSNT}}}{name}/{_ADDRESS}") or "").strip()


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z"
