"""One session in which two nodes, their commands and their callers say everything that the table of transactions has.

Relays before each node keep what passes: what callers say to one, what it says to the other, what the other says to it
(notifications, answers on a connection of their own), and what commands say.
"""

from __future__ import annotations

import itertools
import json
import queue
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import trustme
from lxml import etree

from tests.end_to_end.nodes import AUTHORITY, Node, connect, free_base
from tests.end_to_end.patients_v3 import said
from tests.end_to_end.recorder import Keys, Recorder
from tests.end_to_end.test_subscriptions import Recipient, publish, send, subscribe, subscribed, unsubscribe
from tests.end_to_end.wire import (
    ACTIONS,
    FAILURE,
    NS,
    SUCCESS,
    Answer,
    Client,
    Document,
    adhoc,
    envelope,
    find_documents,
    find_documents_of,
    provide,
    remove_documents,
    remove_metadata,
    retrieve,
    slot,
    submission,
    update,
)

PATIENT = f"WALK1^^^&{AUTHORITY}&ISO"
UNKNOWN = f"WALK404^^^&{AUTHORITY}&ISO"


@dataclass
class Session:
    """What was said."""

    requests: list[Answer]  # by the nodes and their commands, and answers that came later
    answers: list[Answer]
    paths: dict[str, str]  # MessageID of a request, of callers too -> where it was sent
    records: list[bytes]  # AuditMessages of both nodes

    def asked(self, path: str) -> list[Answer]:
        """Questions of the nodes to one endpoint."""
        return [one for one in self.requests if one.path == path and not related(one)]

    def answered(self, path: str) -> list[Answer]:
        """Answers of one endpoint, on the connection of the question or later."""
        given = [*self.answers, *(one for one in self.requests if related(one))]
        return [one for one in given if self.paths.get(related(one)) == path]


def action_of(message: Answer) -> str:
    return message.root.findtext("s:Header/wsa:Action", "", NS)


def related(message: Answer) -> str:
    """MessageID of the question that a message answers."""
    return message.root.findtext("s:Header/wsa:RelatesTo", "", NS)


@contextmanager
def walked(folder: Path) -> Iterator[Session]:
    """Two nodes that know each other, with relays before each of them."""
    base, ca = free_base(6), trustme.CA()
    asking, holding = _made(folder, base, ca)
    relays = _relays(asking, holding, base)
    recipient = Recipient(ca)
    try:
        asking.start()
        holding.start()
        _configure(asking, "^port_base = .*", f"port_base = {base + 40}")  # for the commands; the node runs already
        _commands(asking, holding, folder)
        client = asking.client()
        client.endpoints = {
            key: url.replace(f":{base + 1}/", f":{base + 21}/") for key, url in client.endpoints.items()
        }
        _callers(client, asking.home)
        _updates(client, asking)
        _updates_elsewhere(client, asking, holding)
        _patients(client, asking)
        _subscriptions(client, holding, recipient)
        _later(client, asking, holding)
        records = [
            json.loads(line)["dicom"].encode()
            for node in (asking, holding)
            for line in node.run("audit", "list", "--json").stdout.splitlines()
            if json.loads(line).get("dicom")
        ]
        told = [_notification(recipient)]
        by_nodes = [one for name in ("commands", "peers", "back") for one in relays[name].sent()]
        yield Session(
            by_nodes + told,
            [message for relay in relays.values() for message in relay.answered()],
            {message_id: path for relay in relays.values() for message_id, path in relay.places().items()},
            records,
        )
    finally:
        for node in (asking, holding):
            node.stop()
        for relay in relays.values():
            relay.stop()
        recipient.stop()


def _made(folder: Path, base: int, ca: trustme.CA) -> tuple[Node, Node]:
    """The nodes, connected, each reached by the others through a relay."""
    asking, holding = (Node(folder / f"node{k}", base + 10 * k, f"Institution {k}") for k in range(2))
    for node, relay in ((asking, base + 51), (holding, base + 31)):
        node.init(folder / "ca")
        _configure(node, "# public_url = .*", f'public_url = "https://localhost:{relay}"')
    _configure(holding, "# offered = .*", "offered = true")  # summaries, made when they are fetched
    ca.cert_pem.write_to_path(asking.folder / "keys" / "recipients.pem")
    (asking.folder / "keys" / "recipients.pem").chmod(0o400)
    _configure(asking, r"^\[subscriptions\].*", '[subscriptions]\nca = "keys/recipients.pem"')
    connect([asking, holding])
    return asking, holding


def _relays(asking: Node, holding: Node, base: int) -> dict[str, Recorder]:
    """Before the asking node: of callers, of commands, of the other node; before the other node: of this one."""
    tls = [Keys(node.folder / "keys" / "tls.pem", node.folder / "keys" / "tls.key") for node in (asking, holding)]
    local = Keys(asking.folder / "keys" / "client.pem", asking.folder / "keys" / "client.key")
    return {
        "callers": Recorder(base + 21, base + 1, tls[0], local).start(),
        "peers": Recorder(base + 31, base + 11, tls[1], tls[0]).start(),
        "commands": Recorder(base + 41, base + 1, tls[0], local).start(),
        "back": Recorder(base + 51, base + 1, tls[0], tls[1]).start(),
    }


def _notification(recipient: Recipient) -> Answer:
    """What the application's server was told first."""
    root = recipient.got.get(timeout=20)
    return Answer(0, "application/soap+xml", etree.tostring(root), root, {}, path="/iti-53")


def _patients(client: Client, asking: Node) -> None:
    """Patients fed, looked for, located: once as it should be, once refused."""
    assert said(client, "iti44/added").acknowledged == "CA"
    without = ('<id root="2.999.1.1" extension="A-4711"/>', '<id root="2.999.1.1"/>')
    assert said(client, "iti44/added", without).acknowledged == "CE"
    assert said(client, "iti45/query").acknowledged == "AA"
    assert said(client, "iti45/query", ("A-4711", "A-404")).acknowledged == "AE"
    for name, no_id in (
        ("iti47/query", '<queryId root="2.999.10.2" extension="pdq-1"/>'),
        ("iti55/query", '<h:queryId root="2.999.10.2" extension="qid-77"/>'),
    ):
        assert said(client, name).acknowledged == "AA"
        assert said(client, name, (no_id, ""), valid=False).acknowledged == "AE"
    body = (
        '<x:PatientLocationQueryRequest xmlns:x="urn:ihe:iti:xcpd:2009">'
        '<x:RequestedPatientId root="2.999.1" extension="{}"/></x:PatientLocationQueryRequest>'
    )
    client.send("iti-56", body.format("00112233445566778899aabbccddeeff"))


def _subscriptions(client: Client, holding: Node, recipient: Recipient) -> None:
    """A subscription here and, by this node, at the other institution; a document there; one that is published here."""
    for place in ("iti-52", "iti-52-gateway"):
        assert send(client, subscribe("http://localhost:1/x", PATIENT), client.endpoints[place]).http_status == 400
    notify = '<w:Notify xmlns:w="http://docs.oasis-open.org/wsn/b-2"/>'
    assert send(client, notify, client.endpoints["iti-53"], "NotificationConsumer/Notify").http_status == 400
    address = subscribed(client, recipient.url, PATIENT)
    until = time.monotonic() + 60
    for number in itertools.count():  # the other institution has the subscription when it tells of a document
        body, parts = provide(PATIENT, [Document(b"news", title=f"News & {number}")])
        assert holding.client().send("iti-41", body, parts).status == SUCCESS
        try:
            told = recipient.got.get(timeout=1)
        except queue.Empty:
            assert time.monotonic() < until
            continue
        recipient.got.put(told)
        break
    assert publish(client, Document(b"x", title="published & more", hash=True, repository="2.999.3.9"), PATIENT).http_status == 202  # fmt: skip
    assert publish(client, Document(b"x"), home="urn:oid:2.999.404").http_status == 400
    address = client.endpoints["iti-52"] + address.partition("/iti-52")[2]  # by the relay of callers
    assert unsubscribe(client, address).http_status == 200


def _later(client: Client, asking: Node, holding: Node) -> None:
    """The same questions answered on a connection of their own; a letter pushed, and one that is refused."""
    export = holding.folder / "export.json"
    known = ("--fingerprint", json.loads(export.read_text())["fingerprint"], "--replace")
    own = Document(b"a letter & more")
    body, parts = provide(PATIENT, [own])
    assert client.send("iti-41", body, parts).status == SUCCESS
    asking.run("push", "--patient", PATIENT, "--to", holding.name, own.unique_id)
    body, parts = provide(PATIENT, [Document(b"x", slots=slot("hash", "0" * 40))])
    client.send("iti-41-xdr", body, parts)
    asking.run("doctor", holding.name, check=False)
    for exchange in ("deferred", "asynchronous"):
        asking.run("peer", "add", str(export), *known, "--quirk", f"exchange={exchange}")
        found = client.send("iti-18", find_documents(PATIENT))
        entries = [one for one in found.entries() if one.get("home") == holding.home]
        assert entries, found.errors
        wanted = (holding.home, holding.repository, found.unique_ids()[found.entries().index(entries[0])])
        assert client.send("iti-43", retrieve(wanted)).status == SUCCESS
    described = json.loads(export.read_text()) | {"assigning_authority": "2.999.77"}
    export.write_text(json.dumps(described))  # its patients have other identifiers: it is asked for the person first
    for number, exchange in (("A-4712", "deferred"), ("A-4713", "asynchronous")):
        other = (("A-4711", number), ("Nora", f"Olga{number}"), ("N-720415-55", f"N-{number}"))
        assert said(client, "iti44/added", *other).acknowledged == "CA"
        asking.run("peer", "add", str(export), *known, "--quirk", f"exchange={exchange}")
        assert client.send("iti-18", find_documents(f"{number}^^^&{AUTHORITY}&ISO")).status == SUCCESS


def _configure(node: Node, pattern: str, line: str) -> None:
    path = node.folder / "node.toml"
    text, changed = re.subn(pattern, line, path.read_text(), count=1, flags=re.MULTILINE)
    assert changed == 1, pattern
    path.write_text(text)


def _commands(asking: Node, holding: Node, folder: Path) -> None:
    """submit, find and fetch, with folders, errors and documents that lie at the other node."""
    for node in (asking, holding):
        node.know(PATIENT)
    note = folder / "note.txt"
    note.write_text("a note & <more>")
    there = Document(b"held by the other institution", title='Brief <信> & "more"')
    body, parts = provide(PATIENT, [there])
    assert holding.client().send("iti-41", body, parts).status == SUCCESS
    asking.run("submit", "--patient", PATIENT, "--folder", "Knee & more", str(note))
    every = ("--patient", PATIENT, "--on-demand")
    replaced = json.loads(asking.run("submit", "--json", "--patient", PATIENT, str(note)).stdout)
    unique_id = re.search(r"2\.25\.\d+", json.dumps(replaced))
    assert unique_id
    asking.run("submit", "--patient", PATIENT, "--replace", unique_id.group(), str(note))
    assert asking.run("submit", "--patient", UNKNOWN, str(note), check=False).returncode == 1
    # The other institution registers its summary by itself, after its first document of the patient.
    found = next(
        text for _ in range(200) if '"on_demand": true' in (text := asking.run("find", *every, "--json").stdout)
    )
    assert there.unique_id in found
    asking.run("fetch", *every, "--output", str(folder / "fetched"))
    made = [path.read_text() for path in (folder / "fetched").iterdir() if path.suffix in {".xml", ".html"}]
    assert len(made) == 2
    assert all(there.unique_id in text for text in made)
    one = ["--home", holding.home, "--repository", holding.repository, "--unique-id", "2.999.404"]
    assert asking.run("fetch", *one, "--output", str(folder / "none"), check=False).returncode == 1


def _callers(client: Client, home: str) -> None:
    """Everything else that callers may send: right, refused by a rule, and no message at all."""
    client.send("iti-42", submission(PATIENT, [Document(b"elsewhere", hash=True, repository="2.999.3.9")]))
    client.send("iti-42", submission(UNKNOWN, [Document(b"x", hash=True, repository="2.999.3.9")]))
    client.send("iti-18", find_documents(PATIENT, return_type="ObjectRef"))
    made = Document(b"", on_demand=True, repository="2.999.3.9")
    for transaction, expected in (("iti-61", SUCCESS), ("iti-42", FAILURE)):
        assert client.send(transaction, submission(PATIENT, [made])).status == expected
    assert client.send("iti-61", submission(PATIENT, [Document(b"x", hash=True)])).status == FAILURE
    client.send("iti-51", find_documents_of(PATIENT, UNKNOWN))
    for transaction in ("iti-18", "iti-38", "iti-51"):
        client.send(transaction, find_documents(PATIENT))
        client.send(transaction, adhoc("urn:uuid:00000000-0000-0000-0000-000000000000", ""))
    for document in ((home, "2.999.404", "2.999.1"), ("urn:oid:2.999.404", "2.999.404", "2.999.1")):
        client.send("iti-39", retrieve(document))
        client.send("iti-43", retrieve(document))
    for name, (path, kind, raw) in FAULTS.items():
        answer = client.post(client.endpoints[path], kind, raw)
        assert answer.body.tag == f"{{{NS['s']}}}Fault", name


def _updates(client: Client, node: Node) -> None:
    """Metadata updated, removed, and documents removed: once as it should be, once refused."""
    here = Document(b"to be corrected & removed")
    body, parts = provide(PATIENT, [here])
    client.send("iti-41", body, parts)
    found = client.send("iti-18", find_documents(PATIENT))
    (lid,) = [one.get("id") for one in found.entries() if here.unique_id.encode() in etree.tostring(one)]
    changed = replace(here, title="Corrected", hash=True, repository=node.repository)
    for previous, transaction in enumerate(("iti-57", "iti-92", "iti-92-gateway"), start=1):
        request = update(PATIENT, changed, lid, previous=previous, home=node.home)
        assert client.send(transaction, request).status == SUCCESS, transaction
        assert client.send(transaction, request).status == FAILURE
    assert client.send("iti-86", remove_documents((None, node.repository, here.unique_id))).status == SUCCESS
    assert client.send("iti-86", remove_documents((None, node.repository, here.unique_id))).status == FAILURE
    assert client.send("iti-62", remove_metadata(lid)).status == FAILURE
    asked = "".join(
        f'<rim:Slot name="{name}"><rim:ValueList><rim:Value>{value}</rim:Value></rim:ValueList></rim:Slot>'
        for name, value in (("$XDSDocumentEntryUniqueId", f"('{here.unique_id}')"), ("$MetadataLevel", "2"))
    )
    found = client.send("iti-18", adhoc("urn:uuid:bab9529a-4a10-40b3-a01f-f68a615d247a", asked))
    ids = [item.get("id") for item in found.body.iter("{*}ExtrinsicObject", "{*}Association")]
    ids += [item.get("sourceObject") for item in found.body.iter("{*}Association")]
    assert client.send("iti-62", remove_metadata(*dict.fromkeys(ids))).status == SUCCESS


def _updates_elsewhere(client: Client, asking: Node, holding: Node) -> None:
    """A document that the other institution holds: its metadata updated once, and refused as the version has gone."""
    ours = f"{asking.name}^^^^^^^^^{asking.home.removeprefix('urn:oid:')}"
    there = Document(b"written here & held there", author=ours)
    body, parts = provide(PATIENT, [there])
    holding.client().send("iti-41", body, parts)
    found = client.send("iti-18", find_documents(PATIENT))
    (lid,) = [one.get("id") for one in found.entries() if there.unique_id.encode() in etree.tostring(one)]
    changed = replace(there, title='Corrected <信> & "more"', hash=True, repository=holding.repository)
    request = update(PATIENT, changed, lid, home=holding.home)
    assert [client.send("iti-92", request).status for _ in range(2)] == [SUCCESS, FAILURE]


SOAP = "application/soap+xml; charset=UTF-8"
FIND = envelope(ACTIONS["iti-18"], find_documents(PATIENT))
FAULTS: dict[str, tuple[str, str, bytes]] = {
    "not XML": ("iti-18", SOAP, b"<a"),
    "SOAP 1.1": ("iti-18", "text/xml", FIND),
    "another envelope": ("iti-18", SOAP, FIND.replace(NS["s"].encode(), b"http://schemas.xmlsoap.org/soap/envelope/")),
    "a document type": ("iti-18", SOAP, b"<!DOCTYPE a>" + FIND),
    "an unknown action": ("iti-18", SOAP, FIND.replace(b"RegistryStoredQuery", b"Nothing")),
    "the action of another body": ("iti-18", SOAP, envelope(ACTIONS["iti-18"], retrieve((None, "2.9", "2.9")))),
    "a header that must be understood": (
        "iti-18", SOAP, FIND.replace(b"<wsa:To>", b'<a:b xmlns:a="urn:a&amp;b" s:mustUnderstand="1"/><wsa:To>'),
    ),
    "two actions": ("iti-18", SOAP, FIND.replace(b"<wsa:To>", b"<wsa:Action>a</wsa:Action><wsa:To>")),
    "simple SOAP where MTOM is due": (
        "iti-43", SOAP, envelope(ACTIONS["iti-43"], retrieve((None, "2.999.404", "2.999.1"))),
    ),
    "a package without parts": ("iti-43", 'multipart/related; boundary="b"', b"--b--\r\n"),
}  # fmt: skip
