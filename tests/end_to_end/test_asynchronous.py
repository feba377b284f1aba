"""Answers on a connection of their own: where they may go, that none is lost, and what becomes of one that is late.

Both sides as real nodes: `test_discovery`. What is kept of a late answer: `tests/node/federation/test_later.py`.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from aiohttp import web

from scripts.simulated.population import Member
from tests.end_to_end.crowd import PATIENT, World, as_peer, told, words
from tests.end_to_end.nodes import Node
from tests.end_to_end.wire import (
    ACTIONS,
    NS,
    SUCCESS,
    Document,
    envelope,
    find_documents,
    package,
    provide,
    read_answer,
    retrieve,
    urn,
)
from tests.simulator.community import Asked, Community, truthful
from trust.communities import export

ANONYMOUS = "http://www.w3.org/2005/08/addressing/anonymous"
HERE = PATIENT.replace("FAULTS1", "LATER1")
pytestmark = pytest.mark.long


def posted(node: Node, member: Member, url: str, kind: str, payload: bytes) -> tuple[int, bytes]:
    """What comes back to bytes from a community: HTTP status and body, which may be empty."""
    host, _, path = url.removeprefix("https://").partition("/")
    connection = http.client.HTTPSConnection(host, context=as_peer(node, member).context(), timeout=10)
    try:
        connection.request("POST", f"/{path}", payload, {"Content-Type": kind})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def ask(node: Node, member: Member, transaction: str, body: str, reply_to: str, message_id: str) -> tuple[int, bytes]:
    """A question of a community whose answer is to go elsewhere."""
    url = node.client().endpoints[transaction]
    message = envelope(ACTIONS[transaction], body, to=url, message_id=message_id)
    message = message.replace(ANONYMOUS.encode(), reply_to.encode())
    if transaction == "iti-38":
        return posted(node, member, url, "application/soap+xml", message)
    kind = 'multipart/related; boundary="b"; type="application/xop+xml"; start="<root@source>"'
    return posted(node, member, url, f'{kind}; start-info="application/soap+xml"', package("b", message, []))


class Takes:
    """A community's endpoint while answers come to it: what came, and what it says to each."""

    def __init__(self) -> None:
        self.came: list[tuple[Asked, object]] = []
        self.says = 202
        self.event = threading.Event()

    async def __call__(self, _community: Community, request: web.Request, asked: Asked) -> web.StreamResponse:
        if self.says == 202:
            raw = read_answer(200, request.headers["Content-Type"], await request.read())
            self.came.append((asked, raw))
            self.event.set()
        return web.Response(status=self.says)


@contextmanager
def taking(member: Member) -> Iterator[Takes]:
    takes = Takes()
    member.community.behaves(takes)
    try:
        yield takes
    finally:
        member.behave()


@pytest.fixture(scope="module")
def held(world: World) -> Document:
    """A document of the node."""
    node, _, _ = world
    node.know(HERE)
    document = Document(b"to be fetched later" * 1000)
    body, parts = provide(HERE, [document])
    assert node.client().send("iti-41", body, parts).status == SUCCESS
    return document


@pytest.mark.parametrize(
    "where",
    [
        pytest.param("https://localhost:{port}/elsewhere", id="M19-another-place-at-its-own-host"),
        pytest.param("https://localhost:{canary}/iti-38", id="M19-somebody-else"),
        pytest.param("https://localhost:{other}/iti-38", id="M19-another-community"),
        pytest.param("https://169.254.169.254/iti-38", id="M19-inside"),
    ],
)
def test_an_answer_goes_to_an_endpoint_of_the_community_that_asks_and_nowhere_else(world: World, where: str) -> None:
    node, population, _ = world
    member, other = population[-1], population[-2]
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.setblocking(False)
        ports = {"port": member.community.port, "other": other.community.port, "canary": canary.getsockname()[1]}
        status, body = ask(node, member, "iti-38", find_documents(HERE), where.format(**ports), urn())
        assert (status, b"OnlyAnonymousAddressSupported" in body) == (400, True)
        with pytest.raises(BlockingIOError):
            canary.accept()
    assert other.community.asked == []


def test_a_question_that_was_taken_is_answered_after_a_crash_too(world: World, held: Document) -> None:
    """The community cannot take the answer; the node is killed; both are back, and the answer comes: once."""
    node, population, _ = world
    member, message_id = population[-1], urn()
    reply_to = member.described.endpoints["iti-39"]
    wanted = retrieve((node.home, node.repository, held.unique_id))
    with taking(member) as takes:
        takes.says = 503
        assert ask(node, member, "iti-39", wanted, reply_to, message_id) == (202, b"")
        node.stop(signal.SIGKILL)
        takes.says = 202
        node.start()
        assert takes.event.wait(20)
    ((_, answer),) = takes.came
    assert answer.root.findtext("s:Header/wsa:RelatesTo", "", NS) == message_id
    assert answer.root.findtext("s:Header/wsa:To", "", NS) == reply_to
    assert answer.documents() == {held.unique_id: ("text/plain", held.content)}
    records = node.records(message_id)
    assert sorted(kind for kind in records if kind != 7) == [2, 3]
    assert reply_to in json.dumps(records[3]["event"]["participants"]), "UserID of who asked is its wsa:ReplyTo"


def test_the_same_question_is_taken_once(world: World) -> None:
    node, population, _ = world
    member, message_id = population[-1], urn()
    reply_to = member.described.endpoints["iti-38"]
    with taking(member) as takes:
        takes.says = 503
        assert ask(node, member, "iti-38", find_documents(HERE), reply_to, message_id)[0] == 202
        status, body = ask(node, member, "iti-38", find_documents(HERE), reply_to, message_id)
        assert (status, b"DuplicateMessageID" in body) == (400, True)
        takes.says = 202
        assert takes.event.wait(20)
    assert len(takes.came) == 1


def test_an_answer_after_the_deadline_is_taken_and_on_record(world: World) -> None:
    node, population, _ = world
    member = population[-1]
    file, questions = node.folder / "later.json", list[tuple[Asked, str]]()
    file.write_text(export(member.described))
    again = ("peer", "add", str(file), "--fingerprint", member.described.fingerprint, "--replace")

    async def takes(_community: Community, request: web.Request, asked: Asked) -> web.StreamResponse:
        raw = read_answer(200, request.headers["Content-Type"], await request.read())
        questions.append((asked, raw.root.findtext("s:Header/wsa:ReplyTo/wsa:Address", "", NS)))
        return web.Response(status=202)

    node.run(*again, "--quirk", "exchange=asynchronous")
    member.community.behaves(takes)
    try:
        found = told(node)
    finally:
        member.behave()
        node.run(*again, "--quirk", "exchange=")
    assert words(found)[member.described.home] == "timeout"
    (error,) = [one["context"] for one in found["errors"] if one["location"] == member.described.home]
    assert "took the question and has not answered within" in error
    ((question, reply_to),) = questions
    assert reply_to == node.client().endpoints["iti-38"]
    assert sorted(node.records(question.message_id)) == [1], "it is open"
    late = asyncio.run(truthful(member.community, None, question))  # type: ignore[arg-type]
    assert posted(node, member, reply_to, "application/soap+xml", late.body) == (202, b"")
    assert sorted(node.records(question.message_id)) == [1, 4]
    status, body = posted(node, member, reply_to, "application/soap+xml", late.body)
    assert (status, b"waits for an answer" in body) == (400, True)
    assert sorted(node.records(question.message_id)) == [1, 4]


def test_an_application_may_not_have_its_answer_elsewhere(world: World) -> None:
    node, population, _ = world
    url = node.client().endpoints["iti-18"]
    message = envelope(ACTIONS["iti-18"], find_documents(HERE), to=url)
    message = message.replace(ANONYMOUS.encode(), population[-1].described.endpoints["iti-38"].encode())
    answer = node.client().post(url, "application/soap+xml", message)
    assert (answer.http_status, b"OnlyAnonymousAddressSupported" in answer.raw) == (400, True)
