"""The simulated community itself: true by default, and each misbehaviour is what it says."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.end_to_end.wire import FAILURE, PARTIAL, SUCCESS, Client, Document, adhoc, find_documents, retrieve, slot
from tests.simulator.community import (
    GET_DOCUMENTS,
    Community,
    Keys,
    garbage,
    hangs_up,
    huge,
    of_another_home,
    refusing,
    running,
    silent,
    slow,
)

PATIENT = "P1^^^&2.999.1.1&ISO"
HOME = "urn:oid:2.999.7.1"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    folder = tmp_path_factory.mktemp("keys")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    return Keys(Path(folder / "cert.pem"), Path(folder / "key.pem"), Path(folder / "ca.pem"))


@pytest.fixture
def community(keys: Keys) -> Iterator[Community]:
    there = Community(HOME, keys)
    with running(there):
        yield there


@pytest.fixture
def client(community: Community, keys: Keys) -> Client:
    endpoints = {name: community.endpoint(name) for name in ("iti-38", "iti-39")}
    return Client(endpoints, str(keys.ca), str(keys.certificate), str(keys.key), timeout=5)


def test_finds_what_it_holds_for_a_patient(community: Community, client: Client) -> None:
    one, other = Document(b"one"), Document(b"other")
    community.holds(PATIENT, one)
    community.holds("P2^^^&2.999.1.1&ISO", other)
    answer = client.send("iti-38", find_documents(PATIENT))
    assert (answer.status, answer.unique_ids()) == (SUCCESS, [one.unique_id])
    assert [entry.get("home") for entry in answer.entries()] == [HOME]
    assert community.asked[-1].transaction == "iti-38"


def test_finds_by_unique_id_and_knows_no_other_query(community: Community, client: Client) -> None:
    document = Document(b"x")
    community.holds(PATIENT, document)
    by_id = adhoc(GET_DOCUMENTS, slot("$XDSDocumentEntryUniqueId", f"('{document.unique_id}')"))
    assert client.send("iti-38", by_id).unique_ids() == [document.unique_id]
    assert client.send("iti-38", adhoc("urn:uuid:0", "")).codes == ["XDSUnknownStoredQuery"]


def test_gives_documents_and_names_what_is_missing(community: Community, client: Client) -> None:
    document = Document(b"\x00\r\n--bytes")
    community.holds(PATIENT, document)
    have, miss = (HOME, community.repository, document.unique_id), (HOME, community.repository, "2.999.404")
    assert client.send("iti-39", retrieve(have)).documents() == {document.unique_id: ("text/plain", document.content)}
    assert client.send("iti-39", retrieve(have, miss)).status == PARTIAL
    assert client.send("iti-39", retrieve(miss)).codes == ["XDSDocumentUniqueIdError"]


def test_slow_is_still_true(community: Community, client: Client) -> None:
    community.behaves(slow(0.05))
    assert client.send("iti-38", find_documents(PATIENT)).status == SUCCESS


def test_refuses(community: Community, client: Client) -> None:
    community.behaves(refusing("XDSRegistryBusy"))
    for transaction, body in (("iti-38", find_documents(PATIENT)), ("iti-39", retrieve((HOME, "2.999.3", "2.999.4")))):
        answer = client.send(transaction, body)
        assert (answer.status, answer.codes) == (FAILURE, ["XDSRegistryBusy"])


def test_lies_about_its_home(community: Community, client: Client) -> None:
    community.holds(PATIENT, Document(b"x"))
    community.behaves(of_another_home("urn:oid:2.999.66"))
    assert [entry.get("home") for entry in client.send("iti-38", find_documents(PATIENT)).entries()] == [
        "urn:oid:2.999.66"
    ]


def test_says_nothing_at_all(community: Community, client: Client) -> None:
    community.behaves(silent)
    client.timeout = 0.3
    with pytest.raises(TimeoutError):
        client.send("iti-38", find_documents(PATIENT))


def test_hangs_up(community: Community, client: Client) -> None:
    community.behaves(hangs_up)
    with pytest.raises((http.client.HTTPException, OSError)):
        client.send("iti-38", find_documents(PATIENT))


@pytest.mark.parametrize("behaviour", [garbage(b"\x00\x01not xml"), huge(300_000)], ids=["garbage", "huge and cut off"])
def test_cannot_be_read(community: Community, client: Client, behaviour: object) -> None:
    community.behaves(behaviour)  # type: ignore[arg-type]
    with pytest.raises(SyntaxError):  # lxml's XMLSyntaxError
        client.send("iti-38", find_documents(PATIENT))
