"""A document that is damaged on the disk: nobody takes a part for the whole, and from then on it is named as damaged."""

from __future__ import annotations

import http.client
import json
import os
import resource
import sqlite3
import time
import urllib.request

import pytest

from repository.store.encryption import FRAME_SIZE
from tests.end_to_end.nodes import Node
from tests.end_to_end.wire import PARTIAL, SUCCESS, Document, provide, retrieve


def submitted(node: Node, patient: str, *contents: bytes) -> list[str]:
    documents = [Document(content, id=f"Document{number:02}") for number, content in enumerate(contents, 1)]
    body, parts = provide(patient, documents)
    assert node.client().send("iti-41", body, parts).status == SUCCESS
    return [document.unique_id for document in documents]


def damage(node: Node, unique_id: str, at: int) -> None:
    """Turn one bit of the file of a document."""
    with sqlite3.connect(f"file:{node.folder}/data/node.db?mode=ro", uri=True) as connection:
        row = connection.execute("SELECT hex(blob) FROM stored_document WHERE unique_id = ?", (unique_id,)).fetchone()
    name = row[0].lower()
    path = node.folder / "data" / "blobs" / name[:2] / name[2] / name
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.chmod(0o600)
    path.write_bytes(raw)


def alarms(node: Node) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{node.base + 9}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    found = [line for line in lines if line.startswith('xdsnode_alarms_total{alarm="document-damaged"}')]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


def test_a_long_document_breaks_off_and_is_a_clean_error_from_then_on(nodes: list[Node], patient: str) -> None:
    node, other = nodes[0], nodes[1]
    sound, broken = submitted(node, patient, b"sound", os.urandom(4 * FRAME_SIZE))
    damage(node, broken, -1)
    before = alarms(node)
    asked = [(None, node.repository, sound), (None, node.repository, broken)]

    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        node.client().send("iti-43", retrieve(*asked))

    answer = node.client().send("iti-43", retrieve(*asked))
    assert answer.status == PARTIAL
    assert answer.documents() == {sound: ("text/plain", b"sound")}
    ((code, location, context),) = answer.errors
    assert (code, location) == ("XDSRepositoryError", broken)
    assert "damaged" in context
    assert alarms(node) == before + 1

    remote = other.client().send("iti-43", retrieve(*((node.home, *one[1:]) for one in asked)))
    assert remote.status == PARTIAL
    assert remote.documents() == {sound: ("text/plain", b"sound")}
    assert remote.codes == ["XDSRepositoryError"]

    checked = written(node, ("damaged", broken), "check", "--json")
    (finding,) = [one for one in json.loads(checked)["findings"] if broken in one["what"]]
    assert (finding["level"], finding["subject"]) == ("FAIL", "documents")
    assert "backup" in finding["next_step"]
    assert broken in node.run("status", check=False).stdout


def written(node: Node, words: tuple[str, ...], *command: str) -> str:
    """What a command prints once one line of it has all the words; the node writes within a second."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        text = node.run(*command, check=False).stdout
        if any(all(word in line for word in words) for line in text.splitlines()):
            return text
        time.sleep(0.1)
    raise AssertionError(f"{command} never says {words}")


def test_a_node_takes_all_the_open_files_it_may_have(nodes: list[Node]) -> None:
    assert nodes[0].process is not None
    soft, hard = resource.prlimit(nodes[0].process.pid, resource.RLIMIT_NOFILE)
    assert soft == hard


def test_it_is_on_record(nodes: list[Node], patient: str) -> None:
    node = nodes[0]
    (broken,) = submitted(node, patient, b"short")
    damage(node, broken, -1)
    answer = node.client().send("iti-43", retrieve((None, node.repository, broken)))
    assert answer.codes == ["XDSRepositoryError"]
    words = ("document-damaged", broken)
    listed = written(node, words, "audit", "list", "--json")
    alerts = [line for line in listed.splitlines() if all(word in line for word in words)]
    assert len(alerts) == 1


def test_the_same_document_again_heals_it(nodes: list[Node], patient: str) -> None:
    node = nodes[0]
    content = os.urandom(2 * FRAME_SIZE)
    (broken,) = submitted(node, patient, content)
    damage(node, broken, -1)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        node.client().send("iti-43", retrieve((None, node.repository, broken)))
    submitted(node, patient, content)
    answer = node.client().send("iti-43", retrieve((None, node.repository, broken)))
    assert answer.documents()[broken][1] == content
