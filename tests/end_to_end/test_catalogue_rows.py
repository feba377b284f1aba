"""Rows of the attack catalogue that need a whole node: M18, M25 to M27, I1, I4, T10 and T17 from the outside."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl

import pytest

from tests.end_to_end.nodes import AUTHORITY, Node
from tests.end_to_end.wire import (
    ACTIONS,
    FAILURE,
    SUCCESS,
    Client,
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

FIND = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
HOSTILE = [
    "' OR '1'='1",
    "'; DROP TABLE document; --",
    '" UNION SELECT * FROM sqlite_master --',
    "%_%",
    "\\' OR 1=1",
    "1) OR (1=1",
    "名'前",
]


def local(node: Node, body: str):
    return node.client().send("iti-18", body, query="?scope=local")


def test_m18_a_repeated_message_is_refused_for_writes_only(nodes: list[Node], patient: str) -> None:
    message_id = urn()
    body, parts = provide(patient, [Document(b"once")])
    client = nodes[0].client()
    assert client.send("iti-41", body, parts, message_id=message_id).status == SUCCESS
    again = client.send("iti-41", body, parts, message_id=message_id)
    assert (again.http_status, again.body.tag.rpartition("}")[2]) == (400, "Fault")
    assert len(local(nodes[0], find_documents(patient)).entries()) == 1
    for _ in range(2):
        assert client.send("iti-18", find_documents(patient), message_id=message_id).status == SUCCESS


@pytest.mark.parametrize(("name", "value"), [("hash", "0" * 40), ("size", "3")])
def test_m25_declared_hash_or_size_that_is_not_the_documents(
    nodes: list[Node], patient: str, name: str, value: str
) -> None:
    document = Document(b"bytes", slots=slot(name, value))
    body, parts = provide(patient, [document])
    answer = nodes[0].client().send("iti-41", body, parts)
    assert (answer.http_status, answer.status, answer.codes) == (200, FAILURE, ["XDSRepositoryMetadataError"])
    assert local(nodes[0], find_documents(patient)).entries() == []


def test_m26_same_unique_id_with_other_content_rolls_the_whole_submission_back(nodes: list[Node], patient: str) -> None:
    first = Document(b"content one")
    body, parts = provide(patient, [first])
    client = nodes[0].client()
    assert client.send("iti-41", body, parts).status == SUCCESS
    other = Document(b"CONTENT ONE", unique_id=first.unique_id)
    innocent = Document(b"fine", id="Document02")
    body, parts = provide(patient, [other, innocent])
    answer = client.send("iti-41", body, parts)
    assert (answer.status, answer.codes) == (FAILURE, ["XDSNonIdenticalHash"])
    assert local(nodes[0], find_documents(patient)).unique_ids() == [first.unique_id]
    kept = client.send("iti-43", retrieve((None, nodes[0].repository, first.unique_id)))
    assert kept.documents()[first.unique_id][1] == b"content one"


def test_m26_same_content_again_is_a_second_entry(nodes: list[Node], patient: str) -> None:
    first = Document(b"the same")
    client = nodes[0].client()
    for _ in range(2):
        body, parts = provide(patient, [Document(b"the same", unique_id=first.unique_id)])
        assert client.send("iti-41", body, parts).status == SUCCESS
    assert local(nodes[0], find_documents(patient)).unique_ids() == [first.unique_id] * 2


def test_m27_a_list_of_ten_thousand_ids_and_a_query_without_status(nodes: list[Node], patient: str) -> None:
    values = [f"('{urn()}')" for _ in range(10_000)]
    answer = local(
        nodes[0], adhoc("urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4", slot("$XDSDocumentEntryEntryUUID", *values))
    )
    assert answer.status == SUCCESS or answer.codes == ["XDSTooManyResults"]
    without = local(nodes[0], adhoc(FIND, slot("$XDSDocumentEntryPatientId", f"'{patient}'")))
    assert (without.status, without.codes) == (FAILURE, ["XDSStoredQueryMissingParam"])
    several = slot("$XDSDocumentEntryPatientId", *[f"('{k}^^^&2.999&ISO')" for k in range(10_000)])
    many = local(
        nodes[0],
        adhoc(
            FIND, several + slot("$XDSDocumentEntryStatus", "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')")
        ),
    )
    assert (many.status, many.codes) == (FAILURE, ["XDSStoredQueryParamNumber"])


@pytest.mark.parametrize("value", HOSTILE)
def test_i1_values_are_never_sql(nodes: list[Node], patient: str, value: str) -> None:
    document = Document(b"i1", title=value, class_code=value.replace("\\", "b"))
    body, parts = provide(patient, [document])
    assert nodes[0].client().send("iti-41", body, parts).status == SUCCESS
    quoted = value.replace("'", "''")
    status = slot("$XDSDocumentEntryStatus", "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')")
    mine = slot("$XDSDocumentEntryPatientId", f"'{patient}'") + status
    for parameter in ("$XDSDocumentEntryAuthorPerson", "$XDSDocumentEntryType"):
        answer = local(nodes[0], adhoc(FIND, mine + slot(parameter, f"('{quoted}')")))
        assert answer.status in (SUCCESS, FAILURE)
        assert answer.entries() == []
    by_class = local(
        nodes[0],
        adhoc(
            FIND,
            mine
            + slot("$XDSDocumentEntryClassCode", f"('{document.class_code.replace(chr(39), chr(39) * 2)}^^2.999.8.1')"),
        ),
    )
    assert by_class.unique_ids() == [document.unique_id], by_class.errors
    nobody = slot("$XDSDocumentEntryPatientId", f"'{quoted}'") + status
    assert local(nodes[0], adhoc(FIND, nobody)).entries() == []


@pytest.mark.parametrize(
    "unique_id", ["../../../etc/passwd", "..%2f..%2fnode.toml", "/etc/passwd", "\\\\host\\share", "a/../b"]
)
def test_i4_identifiers_are_never_paths(nodes: list[Node], patient: str, unique_id: str) -> None:
    answer = nodes[0].client().send("iti-43", retrieve((None, nodes[0].repository, unique_id)))
    assert (answer.status, answer.codes) == (FAILURE, ["XDSDocumentUniqueIdError"])
    odd = f"{unique_id}{oid()[-6:]}"
    body, parts = provide(patient, [Document(b"odd name", unique_id=odd)])
    stored = nodes[0].client().send("iti-41", body, parts)
    if stored.status == SUCCESS:
        fetched = nodes[0].client().send("iti-43", retrieve((None, nodes[0].repository, odd)))
        assert fetched.documents()[odd][1] == b"odd name"


def test_t10_a_revoked_client_is_refused_on_its_open_connection(nodes: list[Node]) -> None:
    node = nodes[1]
    made = json.loads(node.run("client", "add", "ward 7", "--json").stdout)
    client = Client(node.described["endpoints"], made["ca"], made["client_cert"], made["client_key"])
    url = client.endpoints["iti-18"].removeprefix("https://")
    host, _, path = url.partition("/")
    connection = http.client.HTTPSConnection(host, context=client.context(), timeout=20)
    from tests.end_to_end.wire import envelope

    def ask() -> int:
        body = envelope(ACTIONS["iti-18"], find_documents(f"NOBODY^^^&{AUTHORITY}&ISO"))
        connection.request("POST", "/" + path + "?scope=local", body, {"Content-Type": "application/soap+xml"})
        answer = connection.getresponse()
        answer.read()
        return answer.status

    assert ask() == 200
    node.run("client", "revoke", "ward 7")
    # When the connection was closed it is refused just the same.
    with contextlib.suppress(ConnectionError, http.client.HTTPException, ssl.SSLError):
        assert ask() >= 400


def test_t17_an_application_may_not_speak_as_a_peer_and_the_other_way_round(nodes: list[Node], patient: str) -> None:
    node, other = nodes[0], nodes[1]
    keys = other.folder / "keys"
    peer = Client(
        node.described["endpoints"], node.described["tls"]["ca"], str(keys / "tls.pem"), str(keys / "tls.key")
    )
    assert peer.send("iti-38", find_documents(patient)).status == SUCCESS
    for transaction, body in (
        ("iti-18", find_documents(patient)),
        ("iti-42", submission(patient, [Document(b"x", hash=True)])),
    ):
        answer = peer.send(transaction, body)
        assert answer.http_status in (400, 403, 500)
        assert answer.body.tag.rpartition("}")[2] == "Fault"
    made = json.loads(node.run("client", "add", "plain application", "--json").stdout)
    application = Client(node.described["endpoints"], made["ca"], made["client_cert"], made["client_key"])
    assert application.send("iti-18", find_documents(patient)).status == SUCCESS
    refused = application.send("iti-38", find_documents(patient))
    assert refused.body.tag.rpartition("}")[2] == "Fault"
