"""C7: who may make a document less protected by a metadata update, at a real node, with an ordinary application."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from lxml import etree

from tests.end_to_end.nodes import AUTHORITY, Node, free_base
from tests.end_to_end.wire import FAILURE, SUCCESS, Client, Document, find_documents, provide, update

PATIENT = f"UPD1^^^&{AUTHORITY}&ISO"
HL7 = "2.16.840.1.113883.5.25"
ELSEWHERE = "Another Hospital^^^^^^^^^2.999.77.1"


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> Iterator[tuple[Node, Client]]:
    folder = tmp_path_factory.mktemp("policy")
    node = Node(folder / "node", free_base(), "Institution").init(folder / "ca")
    node.know(PATIENT)
    node.start()
    made = json.loads(node.run("client", "add", "ward", "--output", str(folder / "ward"), "--json").stdout)
    yield node, Client(node.client().endpoints, made["ca"], made["client_cert"], made["client_key"])
    node.stop()


def provided(node: Node, ward: Client, author: str, level: str = "R") -> tuple[Document, str]:
    """A document and its entryUUID."""
    document = Document(b"sensitive", confidentiality=(level, HL7), author=author)
    body, parts = provide(PATIENT, [document])
    assert ward.send("iti-41", body, parts).status == SUCCESS
    found = ward.send("iti-18", find_documents(PATIENT))
    (lid,) = [one.get("id") for one in found.entries() if document.unique_id.encode() in etree.tostring(one)]
    return replace(document, hash=True, repository=node.repository), lid


def level_of(ward: Client, document: Document) -> str:
    found = ward.send("iti-18", find_documents(PATIENT))
    (entry,) = [one for one in found.entries() if document.unique_id.encode() in etree.tostring(one)]
    scheme = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"
    (code,) = [one for one in entry.iter("{*}Classification") if one.get("classificationScheme") == scheme]
    return code.get("nodeRepresentation")


@pytest.mark.parametrize(
    ("transaction", "refusal"),
    [
        pytest.param("iti-57", "XDSMetadataUpdateError", id="C7-iti-57"),
        pytest.param("iti-92", "LocalPolicyRestrictionError", id="C7-iti-92"),
    ],
)
def test_another_institutions_document_is_not_made_less_protected(node, transaction: str, refusal: str) -> None:
    here, ward = node
    document, lid = provided(here, ward, ELSEWHERE)
    lowered = replace(document, confidentiality=("N", HL7))
    answer = ward.send(transaction, update(PATIENT, lowered, lid, previous=1, home=here.home))
    assert answer.status == FAILURE
    assert refusal in answer.codes
    assert level_of(ward, document) == "R"
    hidden = replace(document, author="", confidentiality=("N", HL7))  # not by changing the author first, either
    assert ward.send(transaction, update(PATIENT, hidden, lid, previous=1, home=here.home)).status == FAILURE
    raised = replace(document, confidentiality=("V", HL7))
    assert ward.send(transaction, update(PATIENT, raised, lid, previous=1, home=here.home)).status == SUCCESS
    assert level_of(ward, document) == "V"


def test_c7_the_institution_that_wrote_it_may_and_the_chain_is_kept(node) -> None:
    here, ward = node
    document, lid = provided(here, ward, "")
    lowered = replace(document, confidentiality=("N", HL7))
    assert ward.send("iti-57", update(PATIENT, lowered, lid, previous=1, home=here.home)).status == SUCCESS
    assert level_of(ward, document) == "N"
    again = ward.send("iti-57", update(PATIENT, document, lid, previous=1, home=here.home))
    assert again.status == FAILURE  # version 1 is there, and not the newest
    assert "XDSMetadataVersionError" in again.codes
