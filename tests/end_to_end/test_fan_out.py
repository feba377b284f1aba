"""Fifty communities, of which many are broken: each ends in its own word, and none decides the wait or the truth.

Figures of time are measured by `scripts/bench`; here are the words, the documents, the records and the recovery.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from lxml import etree

from node.federation.circuit import FAILURES
from scripts.simulated.behaviours import KINDS, lying, mix_of
from scripts.simulated.population import Member, connect, give, members
from tests.end_to_end.nodes import AUTHORITY, Node, free_base
from tests.end_to_end.wire import PARTIAL, Document, find_documents, provide, retrieve
from tests.simulator.community import Asked, running, truthful
from trust.communities import export

SOAP = "application/soap+xml"
PATIENT = f"MANY1^^^&{AUTHORITY}&ISO"
MIX = "dead=5,silent=5,slow:20=5,garbage=5,lying=2,refusing=3"
WORDS = {
    "dead": "unreachable",
    "silent": "timeout",
    "slow": "timeout",
    "garbage": "protocol",
    "lying": "protocol",
    "refusing": "refused",
}
KNOWN = 20  # of the 25 that answer truthfully


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, list[Member]]]:
    """A node and fifty simulated communities."""
    folder = tmp_path_factory.mktemp("many")
    node = Node(folder / "node", free_base(6), "Asking").init(folder / "ca")
    node.know(PATIENT)
    config = node.folder / "node.toml"
    config.write_text(config.read_text().replace("# deadline = 8.0", "deadline = 4.0"))
    population = members(folder / "simulated", folder / "ca", node.base + 10, mix_of(MIX, 50))
    give(population, PATIENT, KNOWN, 1)
    assert connect(node.folder, population) == 50
    assert connect(node.folder, population) == 0
    with running(*(member.community for member in population if KINDS[member.word].make)):
        try:
            yield node.start(), population
        finally:
            node.stop()


def told(node: Node) -> dict:
    """What `find` prints as JSON, and its lines on the error output."""
    done = node.run("find", "--patient", PATIENT, "--json", check=False)
    assert done.returncode == 4
    return {**json.loads(done.stdout), "notes": done.stderr.splitlines()}


def test_each_of_fifty_ends_in_its_own_word(many: tuple[Node, list[Member]]) -> None:
    node, population = many
    before = node.client()
    body, parts = provide(PATIENT, [Document(b"here")])
    assert before.send("iti-41", body, parts).codes == []
    found = told(node)
    holders = {member.described.home for member in population[:KNOWN]}
    expected = {
        member.described.home: WORDS.get(member.word, "found" if member.described.home in holders else "none")
        for member in population
    }
    assert {one["home_community_id"]: one["outcome"] for one in found["outcomes"]} == expected
    assert len(found["outcomes"]) == 50
    assert len(found["documents"]) == KNOWN + 1
    assert "NOT-THIS-PATIENT" not in json.dumps(found)
    assert any("sent data of another person; withheld" in error["context"] for error in found["errors"])
    assert f"{25 + 3} of 50 other institutions answered." in found["may_be_missing"]
    quick = [one["outcome"] for one in found["outcomes"][: 50 - 10]]
    assert "timeout" not in quick  # those who answer are told before those who are waited for


def test_soap_gets_one_answer_with_one_error_for_each_sick_one(many: tuple[Node, list[Member]]) -> None:
    node, population = many
    answer = node.client().send("iti-18", find_documents(PATIENT))
    assert answer.status == PARTIAL
    assert len(answer.unique_ids()) == KNOWN + 1
    sick = {member.described.home for member in population if member.word in WORDS}
    assert {location for _, location, _ in answer.errors} == sick
    assert len(answer.errors) == len(sick)


def test_who_never_answers_is_left_alone_and_the_others_are_not(many: tuple[Node, list[Member]]) -> None:
    node, _ = many
    for _ in range(FAILURES):
        told(node)
    others = {"found": KNOWN, "none": 5, "refused": 3, "protocol": 7}
    # A pause lasts from one to eight seconds: on a busy machine the first ones may be over before the next question.
    for _ in range(4 * FAILURES):
        words = Counter(one["outcome"] for one in told(node)["outcomes"])
        assert words["paused"] + words["timeout"] + words["unreachable"] >= 15
        if words["paused"] >= 10 and {word: words[word] for word in others} == others:
            break
    assert words["paused"] >= 10  # a few are tried again at this moment
    assert {word: words[word] for word in others} == others


@contextmanager
def back(population: list[Member], word: str) -> Iterator[Member]:
    """One of these, truthful for a while."""
    member = next(member for member in population if member.word == word)
    before = member.community.behaviour
    member.community.behaves(truthful)
    try:
        yield member
    finally:
        member.community.behaves(before)


def test_one_that_comes_back_is_used_again(many: tuple[Node, list[Member]]) -> None:
    """The longest pause is a matter of `circuit`; here: after it, one question is enough, and the next finds it too."""
    node, population = many
    with back(population, "silent") as member:
        home, tries = member.described.home, 0
        while (word := _word(told(node), home)) == "paused":
            tries += 1
            assert tries < 60
        assert word == "none"
        assert _word(told(node), home) == "none"


def _word(found: dict, home: str) -> str:
    return next(one["outcome"] for one in found["outcomes"] if one["home_community_id"] == home)


def test_a_liar_that_was_good_before_is_not_believed(many: tuple[Node, list[Member]]) -> None:
    node, population = many
    member = population[0]
    assert _word(told(node), member.described.home) == "found"
    member.community.behaves(lying)
    try:
        found = told(node)
        assert _word(found, member.described.home) == "protocol"
        assert "NOT-THIS-PATIENT" not in json.dumps(found)
    finally:
        member.behave()


def test_nobody_else_hears_of_a_query(many: tuple[Node, list[Member]]) -> None:
    """Outcomes go to the certificate that asks; a community has no business there."""
    node, population = many
    tls = ssl.create_default_context(cafile=str(node.folder / "keys" / "trust.pem"))
    tls.load_cert_chain(population[0].community.keys.certificate)
    connection = http.client.HTTPSConnection("localhost", node.base + 1, context=tls, timeout=10)
    connection.request("GET", "/federation/outcomes/abc")
    assert connection.getresponse().status == 403
    connection.close()


def test_quirks_of_one_community_reach_it_and_nobody_else(many: tuple[Node, list[Member]]) -> None:
    node, population = many
    odd, usual = population[1], population[2]
    give([odd], PATIENT, 1, 2)
    file = node.folder / "odd.json"
    file.write_text(export(odd.described))
    asked: dict[str, list[tuple[str, Asked]]] = {odd.described.home: [], usual.described.home: []}

    async def watched(community, request, one):
        asked[community.home].append((request.headers["Content-Type"].partition(";")[0], one))
        return await truthful(community, request, one)

    rows = ("documents_per_retrieve=1", "retrieve_packaging=soap", "date_range=creation")
    node.run(
        *("peer", "add", str(file), "--fingerprint", odd.described.fingerprint, "--replace"),
        *(word for row in rows for word in ("--quirk", row)),
    )
    for member in (odd, usual):
        member.community.behaves(watched)
    try:
        answer = node.client().send("iti-18", find_documents(PATIENT))
        wanted = [
            (member.described.home, member.community.repository, held.document.unique_id)
            for member in (odd, usual)
            for held in member.community.held
        ]
        fetched = node.client().send("iti-43", retrieve(*wanted))
    finally:
        for member in (odd, usual):
            member.behave()
    assert {unique_id for _, _, unique_id in wanted} <= set(answer.unique_ids())
    assert set(fetched.documents()) == {unique_id for _, _, unique_id in wanted}
    kinds = {home: Counter((one.transaction, kind) for kind, one in several) for home, several in asked.items()}
    query, plain, package = ("iti-38", SOAP), ("iti-39", SOAP), ("iti-39", "multipart/related")
    assert kinds == {odd.described.home: {query: 1, plain: 2}, usual.described.home: {query: 1, package: 1}}
    ranges = {home: b"CreationTimeTo" in etree.tostring(several[0][1].body) for home, several in asked.items()}
    assert ranges == {odd.described.home: True, usual.described.home: False}
