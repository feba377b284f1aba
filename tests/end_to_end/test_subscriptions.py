"""DSUB end to end: an application subscribes, documents are provided, its server is told of them over TLS, in order."""

from __future__ import annotations

import json
import queue
import re
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme
from lxml import etree

from tests.end_to_end.nodes import AUTHORITY, Node, free_base
from tests.end_to_end.wire import Document, envelope, find_documents, provide, urn

PATIENT, OTHER = (f"{name}^^^&{AUTHORITY}&ISO" for name in ("SUB-1", "SUB-2"))
RIM = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"
WSN = "http://docs.oasis-open.org/wsn/bw-2"
ADDRESS = "{http://docs.oasis-open.org/wsn/b-2}SubscriptionReference/{http://www.w3.org/2005/08/addressing}Address"
SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"


class Recipient:
    """A server that takes notifications and shows what it got; `status` is what it answers."""

    def __init__(self, ca: trustme.CA) -> None:
        self.got: queue.Queue[etree._Element] = queue.Queue()
        self.asked = threading.Semaphore(0)
        self.status = 202
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if outer.status < 300:
                    outer.got.put(etree.fromstring(body))
                outer.asked.release()
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("localhost").configure_cert(context)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"https://localhost:{self.server.server_address[1]}/notify"

    def objects(self) -> list[str]:
        """Kind and id of what the next notification carries."""
        told = self.got.get(timeout=20)
        (listed,) = told.iter(f"{RIM}RegistryObjectList")
        return [f"{etree.QName(child).localname} {child.get('id')}" for child in listed]

    def stop(self) -> None:
        self.server.shutdown()


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> Iterator[tuple[Node, Recipient]]:
    folder = tmp_path_factory.mktemp("dsub")
    ca = trustme.CA()
    node = Node(folder / "node", free_base(), "Institution").init(folder / "ca")
    ca.cert_pem.write_to_path(node.folder / "keys" / "recipients.pem")
    (node.folder / "keys" / "recipients.pem").chmod(0o400)
    config = node.folder / "node.toml"
    config.write_text(config.read_text().replace("[subscriptions]", '[subscriptions]\nca = "keys/recipients.pem"'))
    recipient = Recipient(ca)
    for patient in (PATIENT, OTHER):
        node.know(patient)
    node.start()
    yield node, recipient
    node.stop()
    recipient.stop()


def subscribe(consumer: str, patient: str = PATIENT, topic: str = "ihe:FullDocumentEntry", more: str = "") -> str:
    patient = patient.replace("&", "&amp;")
    kind = "SubmissionSet" if "Submission" in topic else "DocumentEntry"
    filter_id = {"SubmissionSet": "fbede94e-dbdc-4f6b-bc1f-d730e677cece"}.get(
        kind, "aa2332d0-f8fe-11e0-be50-0800200c9a66"
    )
    return f"""<wsnt:Subscribe xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:wsa="http://www.w3.org/2005/08/addressing">
      <wsnt:ConsumerReference><wsa:Address>{consumer}</wsa:Address></wsnt:ConsumerReference><wsnt:Filter>
      <wsnt:TopicExpression Dialect="http://docs.oasis-open.org/wsn/t-1/TopicExpression/Simple">{topic}</wsnt:TopicExpression>
      <rim:AdhocQuery xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0" id="urn:uuid:{filter_id}">
      <rim:Slot name="$XDS{kind}PatientId"><rim:ValueList><rim:Value>'{patient}'</rim:Value></rim:ValueList></rim:Slot>{more}
      </rim:AdhocQuery></wsnt:Filter></wsnt:Subscribe>"""


def send(client, body: str, url: str = "", what: str = "NotificationProducer/SubscribeRequest", security: str = ""):
    url = url or client.endpoints["iti-52"]
    return client.post(
        url, "application/soap+xml; charset=UTF-8", envelope(f"{WSN}/{what}", body, to=url, security=security)
    )


def subscribed(client, *given, security: str = "", **named) -> str:
    answer = send(client, subscribe(*given, **named), security=security)
    assert answer.http_status == 200, answer.raw
    return answer.body.findtext(ADDRESS)


def unsubscribe(client, address: str):
    body = '<wsnt:Unsubscribe xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2"/>'
    return send(client, body, address, "SubscriptionManager/UnsubscribeRequest")


def provided(client, patient: str = PATIENT, **given) -> None:
    body, parts = provide(patient, [Document(b"a letter", **given)])
    assert client.send("iti-41", body, parts).status == SUCCESS


def test_new_documents_are_told(node):
    node, recipient = node
    client = node.client()
    address = subscribed(client, recipient.url)
    provided(client, OTHER)
    provided(client, title="first")
    provided(client, title="second")
    (first,), (second,) = recipient.objects(), recipient.objects()
    assert first.startswith("ExtrinsicObject urn:uuid:")
    assert second.startswith("ExtrinsicObject urn:uuid:")
    assert first != second
    assert unsubscribe(client, address).http_status == 200
    answer = unsubscribe(client, address)
    assert answer.http_status == 400
    assert b"ResourceUnknownFault" in answer.raw


@pytest.mark.parametrize(
    ("topic", "kind"),
    [("ihe:MinimalDocumentEntry", "ObjectRef"), ("ihe:SubmissionSetMetadata", "RegistryPackage")],
)
def test_topics_say_what_is_sent(node, topic, kind):
    node, recipient = node
    client = node.client()
    address = subscribed(client, recipient.url, topic=topic)
    provided(client)
    (got,) = recipient.objects()
    assert got.split()[0] == kind
    unsubscribe(client, address)


def test_a_subscriber_that_is_down_and_a_node_that_dies_lose_nothing(node):
    node, recipient = node
    client = node.client()
    address = subscribed(client, recipient.url)
    recipient.status = 503
    for title in ("one", "two", "three"):
        provided(client, title=title)
    for _ in range(2):
        assert recipient.asked.acquire(timeout=20)
    assert node.stop(9) is not None
    recipient.status = 202
    node.start()
    client = node.client()
    titles = []
    for _ in range(3):
        told = recipient.got.get(timeout=20)
        titles += re.findall(rb'<rim:Name><rim:LocalizedString[^>]*value="([^"]*)"', etree.tostring(told))
    assert [title.decode() for title in titles if title in (b"one", b"two", b"three")] == ["one", "two", "three"]
    unsubscribe(client, address)


def publish(client, document: Document, patient: str = PATIENT, home: str = ""):
    entry = document.entry(patient).replace(
        'id="Document01"', f'id="{urn()}" home="{home}"' if home else f'id="{urn()}"'
    )
    body = f"""<wsnt:Notify xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:wsa="http://www.w3.org/2005/08/addressing"
      xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"><wsnt:NotificationMessage>
      <wsnt:ProducerReference><wsa:Address>urn:oid:2.999.2.1</wsa:Address></wsnt:ProducerReference><wsnt:Message>
      <lcm:SubmitObjectsRequest xmlns:lcm="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"><rim:RegistryObjectList>{entry}
      </rim:RegistryObjectList></lcm:SubmitObjectsRequest></wsnt:Message></wsnt:NotificationMessage></wsnt:Notify>"""
    url = client.endpoints["iti-54"]
    return client.post(url, "application/soap+xml", envelope(f"{WSN}/NotificationConsumer/Notify", body, to=url))


def test_what_another_registry_publishes_is_told_and_not_registered(node):
    """ITI-54: one-way, and whoever subscribed to the patient is told, under the name of who published it."""
    node, recipient = node
    client = node.client()
    address = subscribed(client, recipient.url)
    assert publish(client, Document(b"x", unique_id="2.999.7.2"), OTHER).http_status == 202
    answer = publish(
        client, Document(b"x", unique_id="2.999.7.1", title="published", hash=True, repository="2.999.3.9")
    )
    assert (answer.http_status, answer.raw) == (202, b"")
    told = recipient.got.get(timeout=20)
    (entry,) = told.iter(f"{RIM}ExtrinsicObject")
    assert (entry.get("home"), entry.find(f"{RIM}Name/{RIM}LocalizedString").get("value")) == (node.home, "published")
    assert b"urn:oid:2.999.2.1" in etree.tostring(told)
    unsubscribe(client, address)
    assert client.send("iti-18", find_documents(OTHER)).unique_ids().count("2.999.7.2") == 0
    refused = publish(client, Document(b"x"), home="urn:oid:2.999.404")
    assert refused.http_status == 400


@pytest.mark.parametrize(
    "consumer",
    ["http://localhost:1/x", "https://10.0.0.7/x", "https://169.254.169.254/latest", "https://user@localhost/x"],
)
def test_addresses_that_are_not_called(node, consumer):
    answer = send(node[0].client(), subscribe(consumer))
    assert answer.http_status == 400
    assert b"SubscribeCreationFailedFault" in answer.raw


def test_everything_is_on_record(node):
    """ITI-52 as a query, ITI-53 as an export with the document, before it left and when it arrived."""
    node, recipient = node
    client = node.client()
    address = subscribed(client, recipient.url)
    provided(client)
    recipient.objects()
    unsubscribe(client, address)
    entries = [json.loads(line) for line in node.run("audit", "list", "--json").stdout.splitlines()]
    dicom = "".join(entry.get("dicom") or "" for entry in entries)
    assert "ITI-52" in dicom
    notified = [entry for entry in entries if "ITI-53" in (entry.get("dicom") or "")]
    assert notified
    assert all('ParticipantObjectTypeCodeRole="3"' in entry["dicom"] for entry in notified[-1:])
