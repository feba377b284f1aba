"""Copies of documents of others, where the institution wants them: used when the source is away, marked, and no more.

What ends them, and that nothing is kept by default: `tests/node/federation/test_copies.py`.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator

import pytest

from scripts.simulated.population import Member
from tests.end_to_end.crowd import World, as_peer
from tests.end_to_end.nodes import AUTHORITY, Node
from tests.end_to_end.wire import SUCCESS, Answer, Document, find_documents, retrieve
from tests.simulator.community import Behaviour, hangs_up, refusing

PATIENT = f"COPIES1^^^&{AUTHORITY}&ISO"
WARNING = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Warning"
pytestmark = pytest.mark.long


@pytest.fixture
def source(world: World) -> Iterator[tuple[Node, Member, Document]]:
    """A community with a document of a patient, which was found and fetched once."""
    node, population, _ = world
    member, document = population[-2], Document(b"seen before" * 10_000)
    node.know(PATIENT)
    member.community.holds(PATIENT, document)
    assert document.unique_id in node.client().send("iti-18", find_documents(PATIENT)).unique_ids()
    assert fetched(node, member, document).documents() == {document.unique_id: ("text/plain", document.content)}
    try:
        yield node, member, document
    finally:
        member.behave()
        member.community.held.pop()


def fetched(node: Node, member: Member, document: Document) -> Answer:
    wanted = (member.described.home, member.community.repository, document.unique_id)
    return node.client().send("iti-43", retrieve(wanted))


def while_it(member: Member, behaviour: Behaviour, node: Node, document: Document) -> Answer:
    """What is answered while the source behaves so."""
    member.community.behaves(behaviour)
    try:
        return fetched(node, member, document)
    finally:
        member.behave()


def last_record(node: Node) -> dict:
    with contextlib.closing(sqlite3.connect(f"file:{node.folder / 'data' / 'node.db'}?mode=ro", uri=True)) as reader:
        (body,) = reader.execute("SELECT body FROM audit_record WHERE kind = 5 ORDER BY seq DESC LIMIT 1").fetchone()
    return json.loads(body)


def test_a_copy_is_given_with_its_mark_while_the_source_is_away(source) -> None:
    node, member, document = source
    answer = while_it(member, hangs_up, node, document)
    assert answer.status == SUCCESS
    assert answer.documents() == {document.unique_id: ("text/plain", document.content)}
    ((code, location, context),) = answer.errors
    assert (code, location) == ("XDSUnavailableCommunity", document.unique_id)
    assert context.startswith("a copy, fetched at 20")
    assert f"from {member.described.name}, kept until 20" in context
    assert WARNING in answer.raw.decode(errors="replace")
    said = json.dumps(last_record(node)["event"])
    assert f"from {member.described.name}, kept until" in said, "the record says that it was a copy"
    command = ("fetch", "--home", member.described.home, "--repository", member.community.repository)
    member.community.behaves(hangs_up)
    told = node.run(*command, "--unique-id", document.unique_id, "--output", str(node.folder / "c"), "--force")
    assert "a copy, fetched at" in told.stderr


def test_a_copy_is_nothing_of_this_institution_and_goes_to_nobody_else(source, world: World) -> None:
    node, member, document = source
    member.community.behaves(hangs_up)
    here = node.client().send("iti-18", find_documents(PATIENT), query="?scope=local")
    assert here.unique_ids() == []
    peer = as_peer(node, world[1][-1])
    for home, repository in (
        (node.home, node.repository),
        (node.home, member.community.repository),
        (member.described.home, member.community.repository),
    ):
        answer = peer.send("iti-39", retrieve((home, repository, document.unique_id)))
        assert answer.documents() == {}
    assert peer.send("iti-38", find_documents(PATIENT)).entries() == []


def test_what_a_patient_denies_here_now_counts_for_a_copy(source) -> None:
    node, member, document = source
    node.run("consent", "add", "--patient", PATIENT, "--deny")
    try:
        answer = while_it(member, hangs_up, node, document)
        assert (answer.documents(), answer.codes) == ({}, ["XDSUnavailableCommunity"])
    finally:
        node.run("consent", "withdraw", "--patient", PATIENT)
    assert while_it(member, hangs_up, node, document).documents()


def test_what_the_source_refuses_ends_its_copy(source) -> None:
    node, member, document = source
    answer = while_it(member, refusing("XDSDocumentUniqueIdError", "not for you"), node, document)
    assert answer.documents() == {}
    answer = while_it(member, hangs_up, node, document)
    assert (answer.documents(), answer.codes) == ({}, ["XDSUnavailableCommunity"])
