"""Three real institutions: documents provided to one are found and fetched through another."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from hashlib import sha1
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.nodes import Node
from tests.end_to_end.wire import (
    APPROVED,
    FAILURE,
    NS,
    PARTIAL,
    SUCCESS,
    Document,
    adhoc,
    find_documents,
    oid,
    provide,
    retrieve,
    slot,
    submission,
    urn,
)
from tests.shared import SHARED, needs_shared


def put(node: Node, patient: str, *documents: Document, inline: bool = False) -> None:
    for number, document in enumerate(documents):
        document.id = f"Document{number + 1:02d}"
    body, parts = provide(patient, list(documents), inline=inline)
    answer = node.client().send("iti-41", body, parts)
    assert answer.status == SUCCESS, answer.errors


def exchanges(node: Node, since: int = 0) -> list[tuple[int, dict]]:
    """(number, record) of what was exchanged with other communities after a record."""
    connection = sqlite3.connect(f"file:{node.folder / 'data' / 'node.db'}?mode=ro", uri=True)
    with contextlib.closing(connection):
        rows = connection.execute("SELECT seq, body FROM audit_record WHERE kind IN (2, 3, 4) AND seq > ?", (since,))
        return [(seq, json.loads(body)) for seq, body in rows]


def test_one_question_gives_the_documents_of_all_institutions(nodes: list[Node], patient: str) -> None:
    contents = {}
    before = [max((seq for seq, _ in exchanges(node)), default=0) for node in nodes]
    for number, node in enumerate(nodes):
        document = Document(f"from institution {number + 1} \r\n\x00".encode(), title=f"Brief 信 {number}")
        put(node, patient, document)
        contents[document.unique_id] = (node, document.content)
    answer = nodes[0].client().send("iti-18", find_documents(patient))
    assert answer.status == SUCCESS, answer.errors
    assert sorted(answer.unique_ids()) == sorted(contents)
    requests = []
    for entry, unique_id in zip(answer.entries(), answer.unique_ids(), strict=True):
        node, content = contents[unique_id]
        assert entry.get("home") == node.home
        assert entry.get("status") == APPROVED
        assert entry.find("rim:Slot[@name='hash']//rim:Value", NS).text == sha1(content).hexdigest()
        requests.append((entry.get("home"), node.repository, unique_id))
    fetched = nodes[0].client().send("iti-43", retrieve(*requests))
    assert fetched.status == SUCCESS, fetched.errors
    assert {key: value for key, (_, value) in fetched.documents().items()} == {
        key: content for key, (_, content) in contents.items()
    }
    for node, last in zip(nodes, before, strict=True):
        notes = [record.get("event", {}).get("note", {}) for _, record in exchanges(node, last)]
        assert notes
        assert not any("tolerated" in note for note in notes), "what a node sends is strict"


def test_object_refs_of_all_institutions_carry_their_home(nodes: list[Node], patient: str) -> None:
    for node in nodes:
        put(node, patient, Document(b"x"))
    answer = nodes[1].client().send("iti-18", find_documents(patient, return_type="ObjectRef"))
    assert answer.status == SUCCESS
    homes = sorted(item.get("home") for item in answer.body.findall(".//rim:ObjectRef", NS))
    assert homes == sorted(node.home for node in nodes)


@pytest.mark.parametrize("more", ["", "&a=1" * 40], ids=["alone", "among many that nobody knows"])
def test_scope_local_asks_nobody_else(nodes: list[Node], patient: str, more: str) -> None:
    for node in nodes:
        put(node, patient, Document(b"x"))
    answer = nodes[0].client().send("iti-18", find_documents(patient), query="?scope=local" + more)
    assert [item.get("home") for item in answer.entries()] == [nodes[0].home]


def test_query_by_id_goes_where_home_says(nodes: list[Node], patient: str) -> None:
    document = Document(b"far away")
    put(nodes[2], patient, document)
    slots = slot("$XDSDocumentEntryUniqueId", f"('{document.unique_id}')")
    query = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
    client = nodes[0].client()
    assert client.send("iti-18", adhoc(query, slots)).unique_ids() == []
    assert client.send("iti-18", adhoc(query, slots, home=nodes[2].home)).unique_ids() == [document.unique_id]
    unknown = client.send("iti-18", adhoc(query, slots, home="urn:oid:2.999.404"))
    assert (unknown.status, unknown.codes) == (FAILURE, ["XDSUnknownCommunity"])


def test_patient_unknown_here_is_found_elsewhere(nodes: list[Node], new_patient) -> None:
    patient = new_patient()
    nodes[1].know(patient)
    document = Document(b"only there")
    put(nodes[1], patient, document)
    answer = nodes[0].client().send("iti-18", find_documents(patient))
    assert (answer.status, answer.unique_ids()) == (SUCCESS, [document.unique_id])
    body, parts = provide(patient, [Document(b"no")])
    refused = nodes[0].client().send("iti-41", body, parts)
    assert (refused.status, refused.codes) == (FAILURE, ["XDSUnknownPatientId"])


def test_retrieve_names_each_missing_document(nodes: list[Node], patient: str) -> None:
    document = Document(b"here")
    put(nodes[0], patient, document)
    missing, elsewhere = oid(), oid()
    answer = (
        nodes[0]
        .client()
        .send(
            "iti-43",
            retrieve(
                (None, nodes[0].repository, document.unique_id),
                (None, nodes[0].repository, missing),
                (None, "2.999.3.404", elsewhere),
                ("urn:oid:2.999.404", nodes[0].repository, "2.999.4.9"),
            ),
        )
    )
    assert answer.status == PARTIAL
    assert sorted((code, location) for code, location, _ in answer.errors) == sorted(
        [
            ("XDSDocumentUniqueIdError", missing),
            ("XDSUnknownRepositoryId", elsewhere),
            ("XDSUnknownCommunity", "2.999.4.9"),
        ]
    )
    assert answer.documents()[document.unique_id] == ("text/plain", b"here")


def test_a_peer_with_normal_clearance_does_not_get_restricted_documents(nodes: list[Node], patient: str) -> None:
    normal, restricted = Document(b"n"), Document(b"r", confidentiality=("R", "2.16.840.1.113883.5.25"))
    put(nodes[1], patient, normal, restricted)
    seen = nodes[0].client().send("iti-18", find_documents(patient))
    assert (seen.status, seen.unique_ids()) == (SUCCESS, [normal.unique_id])
    own = nodes[1].client().send("iti-18", find_documents(patient))
    assert sorted(own.unique_ids()) == sorted([normal.unique_id, restricted.unique_id])
    far = (
        nodes[0]
        .client()
        .send(
            "iti-43",
            retrieve(
                (nodes[1].home, nodes[1].repository, restricted.unique_id),
                (nodes[1].home, nodes[1].repository, "2.999.4.404"),
            ),
        )
    )
    assert far.status == FAILURE
    # Whoever may not see a document does not learn that it exists: both answers are the same but for the ids.
    assert far.codes == ["XDSDocumentUniqueIdError", "XDSDocumentUniqueIdError"]


def test_register_document_set_of_a_foreign_repository(nodes: list[Node], patient: str) -> None:
    document = Document(b"held elsewhere", hash=True, repository="2.999.3.77")
    answer = nodes[0].client().send("iti-42", submission(patient, [document]))
    assert answer.status == SUCCESS, answer.errors
    found = nodes[0].client().send("iti-18", find_documents(patient))
    assert found.unique_ids() == [document.unique_id]


def test_inline_and_xop_documents_are_the_same(nodes: list[Node], patient: str) -> None:
    content = bytes(range(256)) * 40
    document = Document(content, mime="application/octet-stream")
    put(nodes[0], patient, document, inline=True)
    answer = nodes[0].client().send("iti-43", retrieve((None, nodes[0].repository, document.unique_id)))
    assert answer.documents()[document.unique_id][1] == content


def test_a_replacement_deprecates_and_both_stay_retrievable(nodes: list[Node], patient: str) -> None:
    old, new = Document(b"old"), Document(b"new")
    put(nodes[0], patient, old)
    client = nodes[0].client()
    uuid = client.send("iti-18", find_documents(patient)).entries()[0].get("id")
    replaces = (
        f'<rim:Association id="{urn()}" associationType="urn:ihe:iti:2007:AssociationType:RPLC" '
        f'sourceObject="Document01" targetObject="{uuid}"/>'
    )
    body, parts = provide(patient, [new], associations=replaces)
    assert client.send("iti-41", body, parts).status == SUCCESS
    assert client.send("iti-18", find_documents(patient)).unique_ids() == [new.unique_id]
    answer = client.send(
        "iti-43",
        retrieve((None, nodes[0].repository, old.unique_id), (None, nodes[0].repository, new.unique_id)),
    )
    assert {content for _, content in answer.documents().values()} == {b"old", b"new"}


@needs_shared
@pytest.mark.parametrize("name", ["cda", "pdf"])
def test_real_documents_come_back_identical_through_another_node(nodes: list[Node], patient: str, name: str) -> None:
    assert SHARED is not None
    files = sorted((SHARED / "samples" / name).iterdir())
    mime = "text/xml" if name == "cda" else "application/pdf"
    documents = [Document(path.read_bytes(), mime=mime, title=path.name) for path in files]
    put(nodes[2], patient, *documents)
    found = nodes[0].client().send("iti-18", find_documents(patient))
    assert sorted(found.unique_ids()) == sorted(item.unique_id for item in documents)
    answer = (
        nodes[0]
        .client()
        .send("iti-43", retrieve(*[(nodes[2].home, nodes[2].repository, item.unique_id) for item in documents]))
    )
    assert answer.status == SUCCESS, answer.errors
    assert answer.documents() == {item.unique_id: (mime, item.content) for item in documents}


def test_a_copy_of_another_log_is_compared_with_ones_own(nodes: list[Node], patient: str, tmp_path: Path) -> None:
    def compared() -> dict[str, Any]:
        copied = nodes[0].run("audit", "copy", nodes[1].name, str(tmp_path / "log"))
        assert "entries of" in copied.stdout
        reconciled = nodes[0].run("audit", "reconcile", str(tmp_path / "log"), "--json", check=False)
        assert reconciled.stdout, reconciled.stderr
        return json.loads(reconciled.stdout)

    def open_rows(found: dict[str, Any]) -> list[dict[str, Any]]:
        # What the other node asks the third one is for its own records to tell.
        return [row for row in found["rows"] if row["verdict"] != "explained" and row["asking"] == "a"]

    # Other tests speak to a node with the certificate of another one, which that one's log knows nothing of.
    before = compared()
    put(nodes[1], patient, Document(b"elsewhere"))
    assert nodes[0].client().send("iti-18", find_documents(patient)).status == SUCCESS
    for _ in range(50):  # what is newest in one log is in the tiles of the other a moment later
        found = compared()
        odd = [row for row in open_rows(found) if row not in open_rows(before)]
        if not odd and found["counts"]["complete"] > before["counts"]["complete"]:
            break
    assert odd == []
    assert found["unexplained"] == before["unexplained"]
    assert found["counts"]["complete"] > before["counts"]["complete"]
