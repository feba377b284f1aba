"""A peer that is down, black-holed, slow or answers garbage costs its own result and nothing else."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.end_to_end.nodes import AUTHORITY, Node, connect, free_base
from tests.end_to_end.wire import (
    FAILURE,
    NS,
    PARTIAL,
    Document,
    find_documents,
    package,
    provide,
    retrieve,
    update,
    urn,
)

Behaviour = Callable[[ssl.SSLSocket, bytes], None]
RESPONSE = "urn:ihe:iti:2007:CrossGatewayQueryResponse"


def soap(action: str, body: str) -> bytes:
    return (
        f'<s:Envelope xmlns:s="{NS["s"]}" xmlns:wsa="{NS["wsa"]}"><s:Header><wsa:Action s:mustUnderstand="1">{action}'
        f"</wsa:Action></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def http(
    payload: bytes, *, status: str = "200 OK", kind: str = "application/soap+xml; charset=UTF-8", extra: str = ""
) -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(payload)}\r\n{extra}Connection: close\r\n\r\n"
    ).encode() + payload


def says(raw: bytes) -> Behaviour:
    return lambda connection, _request: connection.sendall(raw)


def silence(connection: ssl.SSLSocket, _request: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.recv(1)  # until the node gives up


def drip(connection: ssl.SSLSocket, _request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: 100000\r\n\r\n<")
    silence(connection, b"")


def hang_up(connection: ssl.SSLSocket, _request: bytes) -> None:
    connection.close()


def foreign(home: str) -> bytes:
    entry = (
        f'<rim:ExtrinsicObject id="{urn()}" home="{home}" objectType="urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1" '
        'status="urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"/>'
    )
    return soap(
        RESPONSE,
        f'<query:AdhocQueryResponse xmlns:query="{NS["query"]}" xmlns:rim="{NS["rim"]}" '
        f'status="urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"><rim:RegistryObjectList>{entry}'
        "</rim:RegistryObjectList></query:AdhocQueryResponse>",
    )


FAULT = soap(
    "http://www.w3.org/2005/08/addressing/soap/fault",
    "<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text xml:lang='en'>no</s:Text></s:Reason></s:Fault>",
)

BEHAVIOURS: dict[str, Behaviour] = {
    "black hole: accepts and never answers": silence,
    "slow drip: starts an answer and stops": drip,
    "hangs up": hang_up,
    "random bytes instead of HTTP": says(b"\x00\x01\x02garbage\r\n\r\n" * 50),
    "HTTP 500 without a body": says(http(b"", status="500 Internal Server Error")),
    "SOAP fault": says(http(FAULT, status="500 Internal Server Error")),
    "SOAP fault under 200": says(http(FAULT)),
    "T19 redirect": says(http(b"", status="302 Found", extra="Location: https://localhost:1/\r\n")),
    "HTML": says(http(b"<html><body>proxy error</body></html>", kind="text/html")),
    "truncated XML": says(http(foreign("urn:oid:2.999.404")[:-30])),
    "another action": says(http(soap("urn:something:else", "<a/>"))),
    "a document type declaration": says(http(b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + foreign("urn:oid:2.999.404"))),
    "multipart without parts": says(http(b"--x--\r\n", kind='multipart/related; boundary="x"')),
    "gzip": says(http(b"\x1f\x8b" + b"0" * 100, extra="Content-Encoding: gzip\r\n")),
    "objects of another community": says(http(foreign("urn:oid:2.999.404"))),
    "endless headers": says(b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 100_000 + b"\r\n"),
}


@dataclass
class FakePeer:
    """A community with the keys of a real node and a behaviour of its own."""

    node: Node
    behaviour: Behaviour = silence
    requests: list[bytes] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def serve(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        keys = self.node.folder / "keys"
        context.load_cert_chain(keys / "tls.pem", keys / "tls.key")
        port = int(self.node.described["endpoints"]["iti-38"].split(":")[2].split("/")[0])
        self.listener = socket.create_server(("127.0.0.1", port))
        self.context = context
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(plain,), daemon=True).start()

    def _answer(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            plain.settimeout(20)
            connection = self.context.wrap_socket(plain, server_side=True)
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536)
            head, _, rest = data.partition(b"\r\n\r\n")
            length = (
                int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                if b"ontent-" in head.lower() and b"content-length:" in head.lower()
                else 0
            )
            while len(rest) < length:
                rest += connection.recv(65536)
            self.requests.append(rest)
            self.behaviour(connection, rest)
            connection.close()

    def stop(self) -> None:
        self.stopped.set()
        self.listener.close()


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node, FakePeer]]:
    """A node, a healthy peer, and a peer that misbehaves."""
    folder = Path(tmp_path_factory.mktemp("faulty"))
    base = free_base(3)
    nodes = [Node(folder / f"node{k}", base + 10 * k, f"Institution {k}") for k in range(3)]
    for node in nodes:
        node.init(folder / "ca")
    config = nodes[0].folder / "node.toml"
    config.write_text(config.read_text().replace("# deadline = 8.0", "deadline = 1.5"))
    fake = FakePeer(nodes[2])
    try:
        nodes[0].launch()
        nodes[1].launch()
        nodes[0].wait_ready()
        nodes[1].wait_ready()
        connect(nodes)  # the third one, which never runs, for itself
        fake.serve()
        yield nodes[0], nodes[1], fake
    finally:
        fake.stop()
        for node in nodes[:2]:
            node.stop()


@pytest.fixture(scope="module")
def known(trio: tuple[Node, Node, FakePeer]) -> tuple[str, list[Document]]:
    patient = f"FAULT1^^^&{AUTHORITY}&ISO"
    documents = []
    for node in trio[:2]:
        node.know(patient)
        document = Document(b"here")
        body, parts = provide(patient, [document])
        assert node.client().send("iti-41", body, parts).codes == []
        documents.append(document)
    return patient, documents


F11 = [pytest.param(name, id=f"F11-{name}") for name in BEHAVIOURS]


@pytest.mark.parametrize("name", F11)
def test_query(trio: tuple[Node, Node, FakePeer], known: tuple[str, list[Document]], name: str) -> None:
    node, _, fake = trio
    patient, documents = known
    fake.behaviour = BEHAVIOURS[name]
    answer = node.client().send("iti-18", find_documents(patient))
    assert answer.status == PARTIAL
    assert sorted(answer.unique_ids()) == sorted(item.unique_id for item in documents)
    assert [(code, location) for code, location, _ in answer.errors] == [("XDSUnavailableCommunity", fake.node.home)]
    on_record(node, fake, received=name == "objects of another community")


def empty(status: str = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success", *, of: str = "") -> bytes:
    """An answer that found nothing; `of` is the message it answers."""
    found = soap(
        RESPONSE,
        f'<query:AdhocQueryResponse xmlns:query="{NS["query"]}" xmlns:rim="{NS["rim"]}" status="{status}">'
        "<rim:RegistryObjectList/></query:AdhocQueryResponse>",
    )
    return found.replace(
        b"</s:Header>", f"<wsa:RelatesTo>{of}</wsa:RelatesTo></s:Header>".encode() if of else b"</s:Header>"
    )


START = ' start="<root@source>";'


def packaged(
    envelope: bytes, line_end: bytes = b"\r\n", *, start: str = START, kind: str = "application/xop+xml"
) -> bytes:
    of_all = f'multipart/related; boundary="B"; type="{kind}";{start}'.rstrip(";")
    return http(package("B", envelope, []).replace(b"\r\n", line_end), kind=of_all)


def root_last(envelope: bytes) -> bytes:
    part = b"--B\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <d@x>\r\n\r\nno envelope\r\n"
    kind = f'multipart/related; boundary="B"; type="application/xop+xml";{START}'.rstrip(";")
    return http(part + package("B", envelope, []), kind=kind)


# What an answer deviates in -> the answer, made of one without deviation.
TOLERATED: dict[str, Callable[[str], bytes]] = {  # the first two in nothing
    "": lambda of: http(empty(of=of)),
    " ": lambda of: packaged(empty(of=of)),
    "relates-to-missing": lambda _: http(empty()),
    "action-not-must-understand": lambda of: http(empty(of=of).replace(b' s:mustUnderstand="1"', b"")),
    "padded-address": lambda of: http(empty(of=of).replace(b"</wsa:Action>", b"\n  </wsa:Action>")),
    "ebxml-partial-success": lambda of: http(empty("urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:PartialSuccess", of=of)),
    "root-type": lambda of: http(empty(of=of), kind="text/xml; charset=UTF-8"),
    "start-missing": lambda of: packaged(empty(of=of), start=""),
    "start-unknown": lambda of: packaged(empty(of=of), start=START.replace("root", "0.urn:uuid76A2")),
    "start-without-brackets": lambda of: packaged(empty(of=of), start=START.replace("<", "").replace(">", "")),
    "root-not-first": lambda of: root_last(empty(of=of)),
    "line-feed-only": lambda of: packaged(empty(of=of), b"\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLERATED)
def test_what_is_tolerated_of_an_answer(
    trio: tuple[Node, Node, FakePeer], known: tuple[str, list[Document]], name: str
) -> None:
    """It is read; what it deviates in is in its record by name."""
    node, _, fake = trio
    patient, documents = known

    def answer(connection: ssl.SSLSocket, request: bytes) -> None:
        connection.sendall(TOLERATED[name](message_id_of(request)))

    fake.behaviour = answer
    found = node.client().send("iti-18", find_documents(patient))
    assert (found.codes, len(found.unique_ids())) == ([], len(documents))
    record = node.records(message_id_of(fake.requests[-1]))[4]
    assert record["event"]["note"].get("tolerated", "") == name.strip()


def test_an_mtom_request_may_be_answered_plainly(trio: tuple[Node, Node, FakePeer]) -> None:
    node, _, fake = trio
    body = f'<xds:RetrieveDocumentSetResponse xmlns:xds="{NS["xds"]}"><rs:RegistryResponse xmlns:rs="{NS["rs"]}" status="{FAILURE}"><rs:RegistryErrorList><rs:RegistryError errorCode="XDSDocumentUniqueIdError" codeContext="none" location="2.999.4.1" severity="urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error"/></rs:RegistryErrorList></rs:RegistryResponse></xds:RetrieveDocumentSetResponse>'

    def answer(connection: ssl.SSLSocket, request: bytes) -> None:
        whole = soap("urn:ihe:iti:2007:CrossGatewayRetrieveResponse", body)
        related = f"<wsa:RelatesTo>{message_id_of(request)}</wsa:RelatesTo></s:Header>".encode()
        connection.sendall(http(whole.replace(b"</s:Header>", related)))

    fake.behaviour = answer
    found = node.client().send("iti-43", retrieve((fake.node.home, fake.node.repository, "2.999.4.1")))
    assert [(code, location) for code, location, _ in found.errors] == [("XDSDocumentUniqueIdError", "2.999.4.1")]
    record = node.records(message_id_of(fake.requests[-1]))[4]
    assert record["event"]["note"]["tolerated"] == "plain-answer"


def message_id_of(request: bytes) -> str:
    return request.partition(b"MessageID>")[2].partition(b"<")[0].decode()


def on_record(node: Node, fake: FakePeer, *, received: bool) -> None:
    """The request, and what became of it: kind 4 when its answer could be read, also if it was of no use, else kind 6."""
    message_id = message_id_of(fake.requests[-1])
    records = node.records(message_id)
    assert sorted(records) == ([1, 4] if received else [1, 6])
    assert {record["peer"] for record in records.values()} == {fake.node.home}
    assert records.get(6, {"event": {"note": {"reason": "none"}}})["event"]["note"]["reason"]


@pytest.mark.parametrize("name", F11[:9])
def test_retrieve(trio: tuple[Node, Node, FakePeer], known: tuple[str, list[Document]], name: str) -> None:
    node, healthy, fake = trio
    _, documents = known
    fake.behaviour = BEHAVIOURS[name]
    wanted = (healthy.home, healthy.repository, documents[1].unique_id)
    answer = node.client().send("iti-43", retrieve(wanted, (fake.node.home, fake.node.repository, "2.999.4.1")))
    assert answer.status == PARTIAL
    assert answer.documents() == {documents[1].unique_id: ("text/plain", b"here")}
    assert [(code, location) for code, location, _ in answer.errors] == [("XDSUnavailableCommunity", "2.999.4.1")]
    on_record(node, fake, received=False)


IN_DOUBT = ("black hole: accepts and never answers", "hangs up", "random bytes instead of HTTP")


@pytest.mark.parametrize("name", [pytest.param(name, id=f"F11-{name}") for name in IN_DOUBT])
def test_update(trio: tuple[Node, Node, FakePeer], known: tuple[str, list[Document]], name: str) -> None:
    """Unlike a query, an update may have been made although nothing came back: the asker is told so."""
    node, _, fake = trio
    fake.behaviour = BEHAVIOURS[name]
    document = Document(b"there", hash=True, repository=fake.node.repository)
    answer = node.client().send("iti-92", update(known[0], document, urn(), home=fake.node.home))
    ((code, location, context),) = answer.errors
    assert (answer.status, code, location) == (FAILURE, "XDSUnavailableCommunity", fake.node.home)
    assert "whether the update was made there is not known" in context
    on_record(node, fake, received=False)


FOR_EVER = float("inf")


def sends(fake: FakePeer, content: bytes, pauses: dict[int, float]) -> Behaviour:
    """A truthful ITI-39 answer that pauses once so many octets of the document have left."""

    def behave(connection: ssl.SSLSocket, request: bytes) -> None:
        unique_id = request.split(b"DocumentUniqueId>")[1].split(b"<")[0].decode()
        body = (
            f'<xds:RetrieveDocumentSetResponse xmlns:xds="{NS["xds"]}" xmlns:rs="{NS["rs"]}"><rs:RegistryResponse '
            'status="urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"/><xds:DocumentResponse>'
            f"<xds:HomeCommunityId>{fake.node.home}</xds:HomeCommunityId>"
            f"<xds:RepositoryUniqueId>{fake.node.repository}</xds:RepositoryUniqueId>"
            f"<xds:DocumentUniqueId>{unique_id}</xds:DocumentUniqueId><xds:mimeType>text/plain</xds:mimeType>"
            '<xds:Document><xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:d@x"/></xds:Document>'
            "</xds:DocumentResponse></xds:RetrieveDocumentSetResponse>"
        )
        raw = http(
            package("b", soap("urn:ihe:iti:2007:CrossGatewayRetrieveResponse", body), [("d@x", "text/plain", content)]),
            kind='multipart/related; boundary="b"; type="application/xop+xml"; start="<root@source>"; '
            'start-info="application/soap+xml"',
        )
        begin, at = raw.index(content), 0
        for octets, seconds in pauses.items():
            connection.sendall(raw[at : begin + octets])
            at = begin + octets
            if seconds == FOR_EVER:
                return silence(connection, b"")
            fake.stopped.wait(seconds)
        return connection.sendall(raw[at:])

    return behave


def test_a_document_that_comes_slowly_comes_whole(trio: tuple[Node, Node, FakePeer]) -> None:
    """Its transfer takes longer than the deadline of 1.5 s; each MiB that came bought four seconds."""
    node, _, fake = trio
    content = bytes(range(256)) * 8192
    fake.behaviour = sends(fake, content, {1 << 20: 1.2, 3 << 19: 1.2})
    answer = node.client().send("iti-43", retrieve((fake.node.home, fake.node.repository, "2.999.4.77")))
    assert answer.codes == []
    assert answer.documents() == {"2.999.4.77": ("text/plain", content)}


def test_a_document_that_stops_coming_is_given_up(trio: tuple[Node, Node, FakePeer]) -> None:
    node, _, fake = trio
    content = bytes(range(256)) * 8192
    fake.behaviour = sends(fake, content, {1 << 10: FOR_EVER})
    answer = node.client().send("iti-43", retrieve((fake.node.home, fake.node.repository, "2.999.4.78")))
    assert answer.codes == ["XDSUnavailableCommunity"]
    assert answer.documents() == {}


@pytest.mark.parametrize(
    "status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"]
)
def test_t19_a_redirect_is_never_followed(
    trio: tuple[Node, Node, FakePeer], known: tuple[str, list[Document]], status: str
) -> None:
    node, _, fake = trio
    patient, _ = known
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        place = f"Location: https://localhost:{elsewhere.getsockname()[1]}/\r\n"
        fake.behaviour = says(http(b"", status=status, extra=place))
        answer = node.client().send("iti-18", find_documents(patient))
        assert answer.codes == ["XDSUnavailableCommunity"]
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


def test_a_peer_that_is_down(trio: tuple[Node, Node, FakePeer], known: tuple[str, list[Document]]) -> None:
    node, _, fake = trio
    patient, documents = known
    fake.behaviour = hang_up  # one more connection may be accepted while it stops
    fake.stop()
    answer = node.client().send("iti-18", find_documents(patient))
    assert answer.status == PARTIAL
    assert sorted(answer.unique_ids()) == sorted(item.unique_id for item in documents)
    assert answer.codes == ["XDSUnavailableCommunity"]
