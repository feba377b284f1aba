"""The messages of WS-BaseNotification: what is read, and each fault that the profile names (ITI TF-2: 3.52.4.1.3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from node.notifications.wsn import (
    FOREVER,
    NOTIFY,
    SIMPLE_DIALECT,
    SUBSCRIBE,
    WSNT,
    fault,
    notify,
    read_notify,
    read_subscribe,
    read_subscribe_response,
    subscribe_request,
    subscribe_response,
)
from node.soap.faults import SoapFault, write_fault
from registry.ebrim.messages import adhoc_query_request
from registry.queries.subscriptions import Topic

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
QUERY = """<rim:AdhocQuery xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
  id="urn:uuid:aa2332d0-f8fe-11e0-be50-0800200c9a66"><rim:Slot name="$XDSDocumentEntryPatientId"><rim:ValueList>
  <rim:Value>'P1^^^&amp;2.999.1&amp;ISO'</rim:Value></rim:ValueList></rim:Slot></rim:AdhocQuery>"""
TOPIC = f'<wsnt:TopicExpression Dialect="{SIMPLE_DIALECT}">ihe:FullDocumentEntry</wsnt:TopicExpression>'
CONSUMER = "<wsnt:ConsumerReference><wsa:Address>https://emr.example/notify</wsa:Address></wsnt:ConsumerReference>"


def subscribe(*, consumer=CONSUMER, topic=TOPIC, query=QUERY, end=""):
    end = f"<wsnt:InitialTerminationTime>{end}</wsnt:InitialTerminationTime>" if end else ""
    return etree.fromstring(
        f'<wsnt:Subscribe xmlns:wsnt="{WSNT}" xmlns:wsa="http://www.w3.org/2005/08/addressing">{consumer}'
        f"<wsnt:Filter>{topic}{query}</wsnt:Filter>{end}</wsnt:Subscribe>"
    )


def test_a_subscription_is_read():
    got = read_subscribe(subscribe(end="2026-04-01T00:00:00Z"), NOW)
    assert got.consumer == "https://emr.example/notify"
    assert got.topic is Topic.FULL_DOCUMENT_ENTRY
    assert got.filter.slots[0].values == ("'P1^^^&2.999.1&ISO'",)
    assert got.ends == datetime(2026, 4, 1, tzinfo=UTC)
    assert read_subscribe(subscribe(), NOW).ends == FOREVER


@pytest.mark.parametrize("topic", Topic)
@pytest.mark.parametrize("prefix", ["ihe:", "i:", ""])
def test_topics_are_known_by_their_name(topic, prefix):
    named = TOPIC.replace("ihe:FullDocumentEntry", prefix + topic.partition(":")[2])
    assert read_subscribe(subscribe(topic=named), NOW).topic is topic


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("P1Y", timedelta(days=365)),
        ("P2M3DT4H5M6S", timedelta(days=63, hours=4, minutes=5, seconds=6)),
        ("PT1.5S", timedelta(seconds=1)),
        ("2026-03-01T13:00:00+01:00", None),
        ("2026-03-01T12:30:00", timedelta(minutes=30)),
        ("P99999999Y", FOREVER - NOW),
        ("9999-12-31T23:59:59-14:00", FOREVER - NOW),
    ],
)
def test_the_end_is_an_instant_or_a_duration(text, after):
    if after is None:  # 12:00 UTC is now
        assert named_fault(subscribe(end=text)) == "UnacceptableInitialTerminationTimeFault"
    else:
        assert read_subscribe(subscribe(end=text), NOW).ends == NOW + after


def named_fault(element):
    with pytest.raises(SoapFault) as caught:
        read_subscribe(element, NOW)
    envelope = etree.fromstring(write_fault(caught.value))
    assert caught.value.status == 400
    detail = envelope.find(".//{http://www.w3.org/2003/05/soap-envelope}Detail")
    (named,) = detail
    assert named.find("{http://docs.oasis-open.org/wsrf/bf-2}Timestamp").text == "2026-03-01T12:00:00Z"
    assert envelope.findtext(".//{http://www.w3.org/2005/08/addressing}Action").endswith("/wsrf/fault")
    return etree.QName(named).localname


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"consumer": ""}, "SubscribeCreationFailedFault"),
        ({"consumer": CONSUMER.replace("https://emr.example/notify", " ")}, "SubscribeCreationFailedFault"),
        ({"topic": ""}, "InvalidTopicExpressionFault"),
        ({"topic": TOPIC + TOPIC}, "InvalidTopicExpressionFault"),
        ({"topic": TOPIC.replace("ihe:FullDocumentEntry", "//*")}, "InvalidTopicExpressionFault"),
        ({"topic": TOPIC.replace("Simple", "Full")}, "TopicExpressionDialectUnknownFault"),
        ({"topic": TOPIC.replace("FullDocumentEntry", "FolderMetadata")}, "TopicNotSupportedFault"),
        ({"query": ""}, "InvalidFilterFault"),
        ({"query": QUERY + QUERY}, "InvalidFilterFault"),
        ({"query": QUERY.replace("aa2332d0", "14d4debf")}, "InvalidFilterFault"),
        ({"query": QUERY.replace("'P1", "P1")}, "InvalidFilterFault"),
        ({"query": QUERY.replace("PatientId", "Other")}, "InvalidFilterFault"),
        ({"end": "tomorrow"}, "UnacceptableInitialTerminationTimeFault"),
        ({"end": "2026-02-28T00:00:00Z"}, "UnacceptableInitialTerminationTimeFault"),
        ({"end": "P"}, "UnacceptableInitialTerminationTimeFault"),
    ],
)
def test_each_fault_has_its_name(wrong, name):
    assert named_fault(subscribe(**wrong)) == name


def test_what_is_written_is_read_again():
    asked = read_subscribe(subscribe(end="P1D"), NOW)
    query = adhoc_query_request(asked.filter)
    inner = query[query.index(b"<rim:AdhocQuery") : query.index(b"</query:AdhocQueryRequest>")]
    inner = inner.replace(
        b"<rim:AdhocQuery", b'<rim:AdhocQuery xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"', 1
    )
    written = etree.fromstring(subscribe_request(asked.consumer, asked.topic, inner, asked.ends))
    assert written.tag == SUBSCRIBE
    assert read_subscribe(written, NOW) == asked


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("2026-03-02T12:00:00+02:00", NOW.replace(day=2, hour=10)),
        ("2026-03-02T12:00:00", NOW.replace(day=2)),
        ("0001-01-01T00:00:00+14:00", None),
        ("soon", None),
        ("", None),
    ],
)
def test_the_end_that_another_says_is_in_utc(text, ends):
    said = subscribe_response("https://node.example/", NOW, NOW + timedelta(days=1)).decode()
    body = etree.fromstring(said.replace("2026-03-02T12:00:00Z", text))
    assert read_subscribe_response(body) == ("https://node.example/", ends)
    assert ends is None or read_subscribe_response(body)[1].utcoffset() == timedelta()


def test_a_response_says_where_and_until_when():
    text = subscribe_response("https://node.example/iti-52?subscription=a&b", NOW, FOREVER).decode()
    assert "subscription=a&amp;b" in text
    assert "TerminationTime" not in text
    assert (
        "<wsnt:TerminationTime>2026-03-02T12:00:00Z<" in subscribe_response("x", NOW, NOW + timedelta(days=1)).decode()
    )


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_notification_is_read_as_it_was_written(subscription, producer):
    written = etree.fromstring(
        notify(subscription, producer, Topic.MINIMAL_DOCUMENT_ENTRY, [b'<rim:ObjectRef id="urn:uuid:1"/>'])
    )
    assert written.tag == NOTIFY
    (notice,) = read_notify(written)
    assert notice.content[0][0].get("id") == "urn:uuid:1"
    if producer.isascii() and producer.isprintable():
        assert notice.producer == producer.strip()


def test_an_empty_notification_is_refused():
    for text in (f'<w:Notify xmlns:w="{WSNT}"/>', f'<w:Notify xmlns:w="{WSNT}"><w:NotificationMessage/></w:Notify>'):
        with pytest.raises(SoapFault):
            read_notify(etree.fromstring(text))


def test_reasons_are_escaped():
    assert "&lt;b&gt;" in write_fault(fault("InvalidFilterFault", "<b>", NOW)).decode()
