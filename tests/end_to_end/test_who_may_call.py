"""C12, C13: every endpoint against every kind of certificate; what belongs to somebody else; what a sender may not set."""

from __future__ import annotations

import http.client
import json
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from node.resources import RESOURCES
from node.transactions import TRANSACTIONS
from tests.end_to_end.nodes import AUTHORITY, Node, connect, free_base
from tests.end_to_end.wire import envelope
from trust.communities import BadCommunity, read_export
from trust.identity.caller import Role

PATIENT = f"C12^^^&{AUTHORITY}&ISO"
SOAP = "application/soap+xml; charset=UTF-8"
WSN = "http://docs.oasis-open.org/wsn/bw-2"
ROLES = (Role.APPLICATION, Role.OPERATOR, Role.AUDITOR, Role.PEER)
PARTS = {"year": "2026", "tile": "0/000", "digest": "0" * 64, "index": "0", "word": "0f9a2f10"}


@dataclass
class Caller:
    """One certificate at the node."""

    port: int
    context: ssl.SSLContext

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "") -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection("localhost", self.port, context=self.context, timeout=30)
        headers = {"Content-Type": kind} if kind else {}
        connection.request(method, path, body or None, headers)
        response = connection.getresponse()
        try:
            streams = response.getheader("Content-Type") == "application/x-ndjson"
            return response.status, b"" if streams else response.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[tuple[Node, Node, dict[str, Caller]]]:
    folder = tmp_path_factory.mktemp("matrix")
    base = free_base(2)
    here, there = (Node(folder / f"n{k}", base + 10 * k, f"Institution {k}").init(folder / "ca") for k in range(2))
    connect([here, there])
    here.know(PATIENT)
    here.start()
    callers = {}
    for name, role in (
        ("application", "application"),
        ("operator", "operator"),
        ("auditor", "auditor"),
        ("other", "application"),
    ):
        made = json.loads(
            here.run("client", "add", name, "--role", role, "--output", str(folder / name), "--json").stdout
        )
        context = ssl.create_default_context(cafile=made["ca"])
        context.load_cert_chain(made["client_cert"], made["client_key"])
        callers[name] = Caller(base + 1, context)
    context = ssl.create_default_context(cafile=str(here.folder / "keys" / "trust.pem"))
    context.load_cert_chain(there.folder / "keys" / "tls.pem", there.folder / "keys" / "tls.key")
    callers["peer"] = Caller(base + 1, context)
    yield here, there, callers
    here.stop()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("row", TRANSACTIONS, ids=lambda row: f"C12-{row.binding.path.strip('/')}")
def test_transactions(place, row, role: Role) -> None:
    _, _, callers = place
    namespace, _, local = row.binding.root[1:].partition("}")
    body = envelope(row.binding.action, f'<b:{local} xmlns:b="{namespace}"/>', to="https://localhost/")
    status, answer = callers[str(role)].ask("POST", row.binding.path, body, SOAP)
    assert (status == 403) is (role not in row.roles), answer[:300]
    if role not in row.roles:
        assert b"FailedAuthentication" in answer


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("row", RESOURCES, ids=lambda row: f"C12-{row.method} {row.template}")
def test_resources(place, row, role: Role) -> None:
    _, _, callers = place
    path = re.sub(r"\{(\w+)\}", lambda found: PARTS[found[1]], row.template)
    allowed = frozenset().union(
        *(one.roles for one in RESOURCES if (one.template, one.method) == (row.template, row.method))
    )
    body = b"{}" if row.method == "POST" else b""
    status, _ = callers[str(role)].ask(row.method, path, body, "application/octet-stream" if body else "")
    assert (status == 403) is (role not in allowed)


def test_c12_a_subscription_of_somebody_else_is_not_there(place) -> None:
    _, _, callers = place
    consumer = "https://localhost:1/never"
    patient = PATIENT.replace("&", "&amp;")
    subscribe = f"""<n:Subscribe xmlns:n="http://docs.oasis-open.org/wsn/b-2" xmlns:wsa="http://www.w3.org/2005/08/addressing">
      <n:ConsumerReference><wsa:Address>{consumer}</wsa:Address></n:ConsumerReference><n:Filter>
      <n:TopicExpression Dialect="http://docs.oasis-open.org/wsn/t-1/TopicExpression/Simple">ihe:MinimalDocumentEntry</n:TopicExpression>
      <rim:AdhocQuery xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0" id="urn:uuid:aa2332d0-f8fe-11e0-be50-0800200c9a66">
      <rim:Slot name="$XDSDocumentEntryPatientId"><rim:ValueList><rim:Value>'{patient}'</rim:Value></rim:ValueList></rim:Slot>
      </rim:AdhocQuery></n:Filter></n:Subscribe>"""
    body = envelope(f"{WSN}/NotificationProducer/SubscribeRequest", subscribe)
    status, answer = callers["application"].ask("POST", "/iti-52", body, SOAP)
    assert status == 200
    path = re.search(rb"https://[^/]+(/iti-52\?subscription=[^<]+)<", answer)[1].decode()

    def end(name: str, at: str = path) -> tuple[int, bytes]:
        unsubscribe = '<n:Unsubscribe xmlns:n="http://docs.oasis-open.org/wsn/b-2"/>'
        body = envelope(f"{WSN}/SubscriptionManager/UnsubscribeRequest", unsubscribe)
        return callers[name].ask("POST", at, body, SOAP)

    nowhere = end("other", "/iti-52?subscription=urn:uuid:00000000-0000-4000-8000-000000000000")
    foreign = end("other")
    assert foreign[0] == nowhere[0] == 400
    strip = re.compile(rb"urn:uuid:[0-9a-f-]+|Timestamp>[^<]*<")
    assert strip.sub(b"", foreign[1]) == strip.sub(b"", nowhere[1])  # nobody learns that it exists
    assert end("application")[0] == 200


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"clearance": "V"}, id="C13-clearance"),
        pytest.param({"role": "operator", "approved": True}, id="C13-role"),
        pytest.param({"audit_proof": "required", "federation": "urn:uuid:1", "previous": "PEM"}, id="C13-decisions"),
    ],
)
def test_c13_a_description_decides_nothing_here(place, more: dict) -> None:
    """What this node decides about a community is no part of what the community says of itself."""
    from datetime import UTC, datetime

    _, there, _ = place
    text = there.run("endpoints", "--export").stdout
    plain = read_export(text, now=datetime.now(UTC), development=True)
    assert read_export(json.dumps(json.loads(text) | more), now=datetime.now(UTC), development=True) == plain
    assert plain.clearance == "N"


def test_c13_another_home_is_refused(place) -> None:
    from datetime import UTC, datetime

    here, there, _ = place
    text = json.loads(there.run("endpoints", "--export").stdout) | {"home_community_id": here.home}
    with pytest.raises(BadCommunity):
        read_export(json.dumps(text), now=datetime.now(UTC), development=True, own_home=here.home)
