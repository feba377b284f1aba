"""Every message that a node sends validates: each row of the table of transactions, requests, answers, errors and faults.

The messages are those of a real session: commands, two nodes and their callers, each with a relay between that keeps what
passes. A row that is added to the table fails here until the session covers it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from lxml import etree

from node.bindings import Packaging
from node.transactions import TRANSACTIONS
from tests.end_to_end.nodes import AUTHORITY, Node, connect, free_base
from tests.end_to_end.recorder import Keys, Recorder
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
    submission,
    update,
)
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared

OURS = Path(__file__).resolve().parents[1] / "vectors" / "soap12" / "envelope.xsd"
PATIENT = f"WALK1^^^&{AUTHORITY}&ISO"
UNKNOWN = f"WALK404^^^&{AUTHORITY}&ISO"
RECEIVED_ONLY = {
    "ITI-42",
    "ITI-51",
    "ITI-61",
    "ITI-57",
    "ITI-62",
    "ITI-86",
}  # transactions that no part of a node ever begins
NO_SCHEMA = {
    "ITI-52",
    "ITI-53",
    "ITI-54",
}  # no schema of WS-BaseNotification was given: tests/node/notifications reads what is written
# Of persons: test_patients_v3, test_discovery, tests/node/discovery and tests/node/hl7v3 validate every message.
PATIENTS = {"ITI-44", "ITI-45", "ITI-47", "ITI-55", "ITI-56"}
WALKED = [row for row in TRANSACTIONS if row.id not in NO_SCHEMA | PATIENTS]
SCHEMA_OF = {
    NS["query"]: "query.xsd",
    NS["rs"]: "rs.xsd",
    NS["lcm"]: "lcm.xsd",
    NS["xds"]: "XDS.b_DocumentRepository.xsd",
}


@dataclass
class Session:
    """What was said."""

    requests: list[Answer]  # by the node and its commands
    answers: list[Answer]
    records: list[bytes]  # AuditMessages of both nodes

    def of(self, action: str, *, requests: bool) -> list[Answer]:
        return [message for message in (self.requests if requests else self.answers) if action_of(message) == action]


def action_of(message: Answer) -> str:
    return message.root.findtext("s:Header/wsa:Action", "", NS)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Two nodes that know each other, with relays before each of them."""
    folder = tmp_path_factory.mktemp("walk")
    base = free_base(5)
    asking, holding = (Node(folder / f"node{k}", base + 10 * k, f"Institution {k}") for k in range(2))
    for node, relay in ((asking, base + 21), (holding, base + 31)):
        node.init(folder / "ca")
        _configure(node, "# public_url = .*", f'public_url = "https://localhost:{relay}"')
    _configure(holding, "# offered = .*", "offered = true")  # summaries, made when they are fetched
    connect([asking, holding])
    tls = [Keys(node.folder / "keys" / "tls.pem", node.folder / "keys" / "tls.key") for node in (asking, holding)]
    local = Keys(asking.folder / "keys" / "client.pem", asking.folder / "keys" / "client.key")
    relays = {
        "callers": Recorder(base + 21, base + 1, tls[0], local).start(),
        "peers": Recorder(base + 31, base + 11, tls[1], tls[0]).start(),
        "commands": Recorder(base + 41, base + 1, tls[0], local).start(),
    }
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
        records = [
            json.loads(line)["dicom"].encode()
            for node in (asking, holding)
            for line in node.run("audit", "list", "--json").stdout.splitlines()
            if json.loads(line).get("dicom")
        ]
        yield Session(
            relays["commands"].sent() + relays["peers"].sent(),
            [message for relay in relays.values() for message in relay.answered()],
            records,
        )
    finally:
        for node in (asking, holding):
            node.stop()
        for relay in relays.values():
            relay.stop()


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


@pytest.fixture(scope="module")
def schemas() -> dict[str, etree.XMLSchema]:
    assert SHARED is not None
    given = SHARED / "schemas" / "xds"
    return {
        NS["s"]: etree.XMLSchema(etree.parse(OURS)),
        **{space: etree.XMLSchema(etree.parse(given / name)) for space, name in SCHEMA_OF.items()},
    }


def check(message: Answer, schemas: dict[str, etree.XMLSchema]) -> None:
    """Envelope, headers and body against their schemas; parts against the references to them."""
    referred = [item.get("href") for item in message.root.iter(f"{{{NS['xop']}}}Include")]
    assert sorted(referred) == sorted(f"cid:{name}" for name in message.parts)
    schemas[NS["s"]].assertValid(message.root)
    body = etree.fromstring(etree.tostring(message.body))
    for holder in body.iter(f"{{{NS['xds']}}}Document"):
        for child in holder:
            holder.remove(child)  # xop:Include stands for base64 text, which is what the schema knows
    space = etree.QName(body).namespace
    if space != NS["s"]:  # a fault was checked with its envelope
        schemas[space].assertValid(body)


@pytest.mark.parametrize("row", WALKED, ids=lambda row: row.id)
def test_requests(session: Session, schemas: dict[str, etree.XMLSchema], row) -> None:
    sent = session.of(row.binding.action, requests=True)
    assert bool(sent) is (row.id not in RECEIVED_ONLY), "the session does not cover this row"
    for message in sent:
        assert message.content_type.startswith("multipart/") is (row.binding.packaging is Packaging.MTOM)
        assert message.root.findtext("s:Header/wsa:MessageID", "", NS)
        assert message.root.find("s:Header/wsa:ReplyTo", NS) is not None
        check(message, schemas)


@pytest.mark.parametrize("outcome", ["success", "error"])
@pytest.mark.parametrize("row", WALKED, ids=lambda row: row.id)
def test_answers(session: Session, schemas: dict[str, etree.XMLSchema], row, outcome: str) -> None:
    answers = [
        message
        for message in session.of(row.binding.response_action, requests=False)
        if (message.status == FAILURE) is (outcome == "error")
    ]
    assert answers, "the session does not cover this row"
    for message in answers:
        assert message.content_type.startswith("multipart/") is (row.binding.packaging is Packaging.MTOM)
        assert message.root.findtext("s:Header/wsa:RelatesTo", "", NS)
        check(message, schemas)


def test_faults(session: Session, schemas: dict[str, etree.XMLSchema]) -> None:
    faults = [message for message in session.answers if action_of(message).endswith("/fault")]
    assert len(faults) == len(FAULTS)
    for message in faults:
        check(message, schemas)
    codes = {message.root.findtext(".//s:Code/s:Value", "", NS) for message in faults}
    assert codes == {"s:Sender", "s:VersionMismatch", "s:MustUnderstand"}


def test_what_is_made_on_demand_has_an_id_of_its_own(session: Session) -> None:
    """As the community that makes it answers (ITI-39), and as it is passed on (ITI-43)."""
    for transaction in ("iti-39", "iti-43"):
        answers = session.of(ACTIONS[transaction] + "Response", requests=False)
        responses = [one for answer in answers for one in answer.body.findall("xds:DocumentResponse", NS)]
        new = [one for one in responses if one.find("xds:NewDocumentUniqueId", NS) is not None]
        assert len(new) == 2
        ids = {one.findtext(f"xds:{name}DocumentUniqueId", "", NS) for one in new for name in ("", "New")}
        assert len(ids) == 4


def test_nothing_else_was_said(session: Session) -> None:
    """No message of the session escapes the tests above."""
    operations = [one for row in TRANSACTIONS for one in row.binding.operations()]
    known = {one.action for one in operations} | {one.response_action for one in operations}
    for message in session.requests + session.answers:
        assert action_of(message) in known or action_of(message).endswith("/fault")


def test_audit_messages(session: Session) -> None:
    assert SHARED is not None
    (path,) = [path for path in (SHARED / "schemas" / "atna").glob("*.xsd") if "dicom" in path.name.lower()]
    schema = etree.XMLSchema(etree.parse(path))
    assert len(session.records) > len(TRANSACTIONS)
    for record in session.records:
        schema.assertValid(etree.fromstring(record))
