"""I23: a mixed session with marked secrets and marked patients; nothing that the node writes carries a mark.

Scanned is everything outside the database, the stored documents and the audit records, where patient data belongs: logs,
standard output and error, metrics, tiles and every other file of the node, what status commands print, what strangers are
answered, the environment of the process, what a crash leaves. Keys may be nowhere but in their own files.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import signal
import socket
import sqlite3
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.commands import command
from tests.end_to_end.couple import couple
from tests.end_to_end.nodes import AUTHORITY, Node
from tests.end_to_end.wire import (
    ACTIONS,
    NS,
    SUCCESS,
    Client,
    Document,
    adhoc,
    envelope,
    find_documents,
    provide,
    retrieve,
    slot,
    submission,
)
from tests.simulator.community import Community, garbage, refusing, running, truthful

MARK = "QZCANARY"  # stands in everything about a patient
PATIENT = f"{MARK}4711^^^&{AUTHORITY}&ISO"
UNKNOWN = f"{MARK}404^^^&{AUTHORITY}&ISO"
PASSPHRASE = "QZSECRET correct horse battery staple"
PERSON = f"{MARK}SON^{MARK}NORA"
SLOTS = slot("sourcePatientInfo", f"PID-3|{PATIENT}", f"PID-5|{PERSON}", "PID-7|19720415")
ADT = (
    "MSH|^~\\&|A|B|C|D|20260101||{trigger}|{number}|P|2.3.1\rEVN|A04|20260101\r"
    "PID|||{patient}||{person}||19720415|F\rPV1||I\r{more}"
)


def encodings(secret: bytes) -> set[bytes]:
    """A value in the forms in which it may be written by accident."""
    found = {secret, secret.hex().encode(), secret.hex().upper().encode(), secret.decode("latin-1").encode("utf-16-le")}
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + secret)
        found.add(coded[4 if offset else 0 : len(coded) - 4])  # without what the neighbours decide
    return found


@dataclass
class Outputs:
    """What was written, by name of the place."""

    public: dict[str, bytes] = field(default_factory=dict)  # neither patients nor secrets
    clinical: dict[str, bytes] = field(default_factory=dict)  # patients belong there, secrets do not
    secrets: dict[str, bytes] = field(default_factory=dict)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outputs]:
    """One session, everything that it wrote."""
    folder = tmp_path_factory.mktemp("canaries")
    node, _, there = couple(folder, forked=False)
    _configure(node, '# level = "INFO"', 'level = "DEBUG"')
    _configure(node, "# deadline = 8.0", "deadline = 1.0")
    found = Outputs()
    try:
        with running(there):
            node.start()
            _patients(node)
            document = _documents(node)
            _peers(node, there)
            _malformed(node, found)
            _strangers(node, found, folder)
            _damage(node, document)
            _looked_at(node, found)
            _backups(node, found, folder)
            assert node.process is not None
            found.public["environment"] = Path(f"/proc/{node.process.pid}/environ").read_bytes()
            found.public["command line"] = Path(f"/proc/{node.process.pid}/cmdline").read_bytes()
            node.stop(signal.SIGABRT)  # what is left then was written by a crash
        node.start()
        node.stop()
        _files(node, found)
        yield found
    finally:
        node.stop()


def _configure(node: Node, line: str, new: str) -> None:
    path = node.folder / "node.toml"
    text = path.read_text()
    assert line in text, line
    path.write_text(text.replace(line, new))


def _patients(node: Node) -> None:
    """The feed: good messages, refused ones, and what is none."""
    node.know(PATIENT)
    given = {"patient": PATIENT.replace("&ISO", "&ISO"), "person": PERSON, "more": ""}
    messages = [
        ADT.format(trigger="ADT^A04", number=1, **given),
        ADT.format(trigger="ADT^A08", number=2, **given),
        ADT.format(trigger="ADT^A99", number=3, **given),
        ADT.format(trigger="ADT^A40", number=4, **(given | {"more": f"MRG|{UNKNOWN}\r"})),
        ADT.format(trigger="ADT^A04", number=5, **(given | {"patient": f"{MARK}9^^^&2.999.404&ISO"})),
        f"PID|||{PATIENT}||{PERSON}\r",
        f"MSH|^~\\&|{MARK}",
    ]
    with socket.create_connection(("127.0.0.1", node.base + 2)) as feed:
        for message in messages:
            feed.sendall(b"\x0b" + message.encode() + b"\x1c\r")
            answer = b""
            while not answer.endswith(b"\x1c\r"):
                answer += feed.recv(4096)
    with socket.create_connection(("127.0.0.1", node.base + 2)) as feed:
        feed.sendall(b"\x0b" + ADT.format(trigger="ADT^A04", number=6, **given).encode())  # and hang up


def _documents(node: Node) -> str:
    """Submissions, queries and retrieves that succeed and that fail; gives the uniqueId of a document."""
    client = node.client()
    first = Document(f"{MARK} body of the note".encode() * 40_000, title=f"{MARK} title", slots=SLOTS)
    body, parts = provide(PATIENT, [first])
    assert client.send("iti-41", body, parts).status == SUCCESS
    body, parts = provide(PATIENT, [Document(f"{MARK} in the envelope".encode(), slots=SLOTS)], inline=True)
    client.send("iti-41", body, parts)
    body, parts = provide(UNKNOWN, [Document(f"{MARK} not accepted".encode(), slots=SLOTS, title=f"{MARK}")])
    assert "XDSUnknownPatientId" in client.send("iti-41", body, parts).codes
    bad = Document(b"x", slots=SLOTS + slot("hash", "0" * 40), title=f"{MARK}")
    body, parts = provide(PATIENT, [bad])
    client.send("iti-41", body, parts)
    client.send("iti-42", submission(PATIENT, [Document(b"x", title=f"{MARK}", slots=SLOTS)]))
    client.send("iti-18", find_documents(PATIENT))
    client.send("iti-18", find_documents(UNKNOWN))
    client.send("iti-18", adhoc(f"urn:uuid:{MARK}", slot("$XDSDocumentEntryPatientId", f"'{PATIENT}'")))
    client.send("iti-18", adhoc("urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d", slot("$patient", f"({PATIENT}")))
    client.send("iti-43", retrieve((None, node.repository, first.unique_id)))
    client.send("iti-43", retrieve((None, MARK, MARK)))
    client.send("iti-38", find_documents(PATIENT))
    client.send("iti-39", retrieve((node.home, node.repository, first.unique_id), (node.home, MARK, MARK)))
    return first.unique_id


FAULT = (
    f'<s:Envelope xmlns:s="{NS["s"]}" xmlns:wsa="{NS["wsa"]}"><s:Header><wsa:Action>'
    "http://www.w3.org/2005/08/addressing/soap/fault</wsa:Action></s:Header><s:Body><s:Fault><s:Code>"
    f"<s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text xml:lang='en'>{MARK} has no consent</s:Text></s:Reason>"
    "</s:Fault></s:Body></s:Envelope>"
)


def _peers(node: Node, there: Community) -> None:
    """A community that says the patient's name in every way in which it can fail."""
    there.holds(PATIENT, Document(f"{MARK} over there".encode(), title=f"{MARK}", slots=SLOTS))
    behaviours = [
        truthful,
        refusing("XDSRegistryError", f"{MARK} is dead"),
        garbage(FAULT.encode(), status=500),
        garbage(f"<{MARK}><{PERSON.replace('^', '.')}></{MARK}>".encode()),
        garbage(f"<html><body>{MARK}</body></html>".encode(), content_type=f"text/html; name={MARK}"),
        garbage(f"{MARK}".encode(), content_type=f'multipart/related; boundary="{MARK}"'),
        garbage(FAULT.replace("s:Fault>", f"{MARK}>").encode()),
        garbage(FAULT.replace("/soap/fault", f"/{MARK}").encode()),
    ]
    for behaviour in behaviours:
        there.behaves(behaviour)
        node.client().send("iti-18", find_documents(PATIENT))
        node.client().send("iti-43", retrieve((there.home, there.repository, f"2.999.{MARK}")))
    there.behaves(truthful)


def _malformed(node: Node, found: Outputs) -> None:
    """Messages that are none, with a patient in each."""
    client, kind = node.client(), "application/soap+xml; charset=UTF-8"
    good = envelope(ACTIONS["iti-18"], find_documents(PATIENT))
    for raw in (
        good[:-20],
        good.replace(b"</s:Body>", f"</{MARK}>".encode()),
        f"<!DOCTYPE {MARK} [<!ENTITY a '{MARK}'>]>".encode() + good,
        good.replace(b"RegistryStoredQuery", MARK.encode()),
        good.replace(b"<wsa:To>", f'<a:{MARK} xmlns:a="urn:{MARK}" s:mustUnderstand="1"/><wsa:To>'.encode()),
        good.replace(b"AdhocQueryRequest", MARK.encode()),
    ):
        with contextlib.suppress(http.client.HTTPException, OSError):
            client.post(client.endpoints["iti-18"], kind, raw)
    client.post(client.endpoints["iti-18"], f"{MARK}/{MARK}", good)
    client.post(client.endpoints["iti-43"], f'multipart/related; boundary="{MARK}"', f"--{MARK}\r\n{MARK}".encode())
    with contextlib.suppress(SyntaxError, http.client.HTTPException, OSError):
        client.post(client.endpoints["iti-18"] + f"/{MARK}?patient={MARK}", kind, good)


def _strangers(node: Node, found: Outputs, folder: Path) -> None:
    """Somebody with a revoked certificate, somebody with none, and the plain listener."""
    made = json.loads(node.run("client", "add", "Old system", "--json", "--output", str(folder / "old")).stdout)
    known = node.client()
    stranger = Client(known.endpoints, known.ca, made["client_cert"], made["client_key"])
    found.public["answer to an application that asks as a peer"] = stranger.send("iti-38", find_documents(PATIENT)).raw
    node.run("client", "revoke", "Old system")
    kinds = {
        "iti-18": find_documents(PATIENT),
        "iti-38": find_documents(PATIENT),
        "iti-43": retrieve((None, MARK, MARK)),
    }
    for transaction, body in kinds.items():
        try:
            found.public[f"answer to a stranger, {transaction}"] = stranger.send(transaction, body).raw
        except (SyntaxError, OSError, http.client.HTTPException) as refused:
            found.public[f"answer to a stranger, {transaction}"] = str(refused).encode()
    with socket.create_connection(("127.0.0.1", node.base + 1)) as plain:
        plain.sendall(f"GET /{MARK} HTTP/1.1\r\nHost: {MARK}\r\n\r\n".encode())
        with contextlib.suppress(OSError):
            found.public["answer to plain HTTP"] = plain.recv(4096)
    for path in ("live", "ready", "metrics", MARK):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{node.base + 9}/{path}?{MARK}", timeout=5) as answer:
                found.public[f"/{path}" if path != MARK else "/other"] = answer.read() + str(answer.headers).encode()
        except urllib.error.HTTPError as refused:
            found.public["/other"] = refused.read() + str(refused.headers).encode()


def _damage(node: Node, unique_id: str) -> None:
    """Failures that nobody expects: a damaged file, and a damaged row, which is an exception inside a handler."""
    with sqlite3.connect(node.folder / "data" / "node.db", timeout=10) as connection:
        (blob,) = connection.execute(
            "SELECT hex(blob) FROM stored_document WHERE unique_id = ?", (unique_id,)
        ).fetchone()
        connection.execute("UPDATE document_entry SET template = ? WHERE unique_id = ?", (MARK.encode(), unique_id))
    name = blob.lower()
    path = node.folder / "data" / "blobs" / name[:2] / name[2] / name
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + MARK[:1].encode())
    with contextlib.suppress(http.client.HTTPException, OSError):
        node.client().send("iti-43", retrieve((None, node.repository, unique_id)))
    answer = node.client().send("iti-18", find_documents(PATIENT))
    assert "XDSRegistryError" in answer.codes


def _looked_at(node: Node, found: Outputs) -> None:
    """What an administrator has printed about the node, and pastes into a ticket."""
    for words in (
        ["status"], ["status", "--json"], ["check"], ["check", "--json"], ["endpoints"], ["endpoints", "--json"],
        ["endpoints", "--export"], ["client", "list"], ["peer", "list"], ["peer", "test", "Institution 1"],
        ["doctor"], ["audit", "verify"],
    ):  # fmt: skip
        done = node.run(*words, check=False)
        found.public[" ".join(words)] = (done.stdout + done.stderr).encode()
    made = command("init", "--dir", str(node.folder.parent / "unit"), "--name", "Unit", "--dev", "--service")
    found.public["systemd unit"] = made.stdout.encode()
    for words in (
        ["find", "--patient", PATIENT], ["patient", "list"], ["patient", "show", PATIENT], ["patient", "show", UNKNOWN],
        ["document", "quarantine", "2.999.404"], ["audit", "list", "--json"],
    ):  # fmt: skip
        done = node.run(*words, check=False)
        found.clinical[" ".join(words[:2])] = (done.stdout + done.stderr).encode()


def _backups(node: Node, found: Outputs, folder: Path) -> None:
    (folder / "passphrase").write_text(PASSPHRASE + "\n")
    node.run("backup", str(folder / "plain.tar"))
    done = node.run("backup", "--with-keys", "--passphrase-file", str(folder / "passphrase"), str(folder / "keys.tar"))
    found.public["backup"] = (done.stdout + done.stderr).encode()
    for name in ("plain.tar", "keys.tar"):
        with tarfile.open(folder / name) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                found.clinical[f"{name}: {member.name}"] = content.read() if content else b""


def _files(node: Node, found: Outputs) -> None:
    """Every file of the node's folder, by what may be in it."""
    paths = [path for path in sorted(node.folder.rglob("*")) if path.is_file() and not path.is_socket()]
    for path in paths:
        name = str(path.relative_to(node.folder))
        if path.suffix == ".key":
            found.secrets[name] = path.read_bytes()
        elif name.startswith(("data/node.db", "data/audit-index.db", "data/blobs/")):
            found.clinical[name] = path.read_bytes()
        else:
            found.public[name] = path.read_bytes()
    assert not list(Path.cwd().glob("core*"))
    for number in range(4):
        assert not (node.folder / f"core.{number}").exists()


def needles(outputs: Outputs) -> dict[str, set[bytes]]:
    """Every secret, in every form."""
    found = {"passphrase": encodings(b"QZSECRET correct horse")}
    for name, content in outputs.secrets.items():
        lines = re.findall(rb"^[A-Za-z0-9+/=]{40,}$", content, re.MULTILINE) or [content.strip()]
        found[name] = set().union(*(encodings(line) for line in lines), {base64.b64decode(lines[0], validate=False)})
    return found


def test_i23_the_session_wrote_what_is_to_be_scanned(outputs: Outputs) -> None:
    """The scan says something: every place has content, the marks are where they belong."""
    for name in ("serve.log", "status", "check --json", "/metrics", "/ready", "environment", "node.toml"):
        assert outputs.public[name], name
    assert any(name.startswith("audit/") for name in outputs.public)
    assert any(name.startswith("answer to a stranger") for name in outputs.public)
    assert len(outputs.secrets) >= 5
    log = outputs.public["serve.log"].decode()
    for word in (
        "unexpected failure",
        "document-damaged",
        "no usable answer",
        "message refused",
        "request refused",
        '"refused"',
    ):
        assert word in log, word
    assert any(MARK.encode() in content for content in outputs.clinical.values())


def test_i23_no_patient_is_written_outside_of_the_records(outputs: Outputs) -> None:
    marks = encodings(MARK.encode()) | {MARK.encode()}
    hits = {
        f"{name}: …{content[max(0, at - 80) : at + 60]!r}…"
        for name, content in outputs.public.items()
        for mark in marks
        for at in (found.start() for found in re.finditer(re.escape(mark), content))
    }
    assert not hits, "\n".join(sorted(hits))


def test_i23_no_secret_is_written_anywhere(outputs: Outputs) -> None:
    places = outputs.public | outputs.clinical
    hits = {
        f"{secret} in {place}"
        for secret, forms in needles(outputs).items()
        for place, content in places.items()
        if any(len(form) >= 16 and form in content for form in forms)
    }
    assert not hits, "\n".join(sorted(hits))


def test_i23_a_crash_leaves_no_memory_behind(outputs: Outputs) -> None:
    assert not [name for name in outputs.public if "core" in Path(name).name and not name.endswith(".json")]
