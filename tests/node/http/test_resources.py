"""Plain HTTP resources: the order of the checks, what is on record, bounded bodies, files, paths that lead nowhere."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from node import audit_files
from node.http.checks import Objection
from node.http.reply import BLOCK
from node.http.resources import PARTS, Given, Resource, Resources, Stream, of_file, pattern
from node.resources import RESOURCES
from tests.node.http.edge import PROOF, edge, request, send
from trust.errors import LedgerBusy, NotAuthenticated
from trust.identity.caller import Caller, Role

PEERS = frozenset({Role.PEER})
REFUSED = "the refusal is on record"


@dataclass
class Seen:
    asked: list


def rows(seen: Seen, **answers: Given):
    async def get(asked, _context):
        seen.asked.append(asked)
        return answers.get("get", Given(body=b"here\n"))

    async def post(asked, _context):
        seen.asked.append(asked)
        return answers.get("post", Given(body=asked.body, proof=PROOF))

    return Resources(
        [
            Resource(method="GET", template="/log/{year}/tile/{tile}", roles=PEERS, purpose="", handle=get),
            Resource(method="GET", template="/log/one", roles=PEERS, purpose="", handle=get),
            Resource(
                method="POST",
                template="/log/one",
                roles=PEERS,
                purpose="",
                handle=post,
                audits="what was asked",
                most_bytes=100,
            ),
        ],
        None,
    )


def caller(role: Role):
    return lambda peer: Caller(role=role, name="x", fingerprint=peer.fingerprint, address=peer.address)


def get(path: str, *, method: str = "GET", headers: str = "", host: str = "localhost") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n".encode()


@pytest.fixture
def seen():
    return Seen([])


async def test_an_answer_with_its_parameters(seen):
    async with edge(authenticate=caller(Role.PEER), resources=rows(seen)) as here:
        answer = await send(here.port, get("/log/2026/tile/0/x001/x234/067?a=1&a=2&b="))
        assert (answer.status, answer.body, answer.closed) == (200, b"here\n", False)
        assert answer.headers["cache-control"] == "no-store"
        assert seen.asked[0].parameters == {"year": "2026", "tile": "0/x001/x234/067"}
        assert seen.asked[0].query == [("a", "1"), ("a", "2"), ("b", "")]
        assert here.refusals == []  # nothing is told about anybody: no record


async def test_head_is_get_without_its_body(seen):
    async with edge(authenticate=caller(Role.PEER), resources=rows(seen)) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(get("/log/one", method="HEAD", headers="Connection: close\r\n"))
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"\r\nContent-Length: 5\r\n" in answer
        assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("role", "data", "status"),
    [
        (None, get("/log/one"), 403),
        (Role.PEER, get("/log/one", host="other.example"), 421),
        (Role.PEER, get("/log/two"), 404),
        (Role.APPLICATION, get("/log/one"), 403),
        (Role.APPLICATION, get("/log/one", method="DELETE"), 403),
        (Role.PEER, get("/log/one", method="DELETE"), 405),
        (Role.PEER, get("/log/one", headers="Content-Length: 3\r\n") + b"abc", 400),
        (Role.PEER, request(b"x" * 101, path="/log/one"), 413),
        (Role.PEER, request(b"", path="/log/one", headers="Content-Encoding: gzip\r\n"), 415),
        (Role.PEER, get("/log/one", method="POST"), 411),
        (
            Role.PEER,
            get("/log/one", method="POST", headers="Transfer-Encoding: chunked\r\n")
            + b"65\r\n"
            + b"x" * 101
            + b"\r\n0\r\n\r\n",
            413,
        ),
    ],
    ids=[
        "unknown",
        "host",
        "path",
        "role",
        "role-method",
        "method",
        "get-body",
        "size",
        "encoding",
        "length",
        "chunked",
    ],
)
async def test_each_check_refuses_and_is_on_record(seen, role, data, status):
    def nobody(_peer):
        raise NotAuthenticated("not listed")

    async with edge(authenticate=caller(role) if role else nobody, resources=rows(seen)) as here:
        answer = await send(here.port, data)
        assert answer.status == status
        assert [refusal.status for refusal in here.refusals] == [status], REFUSED
        assert answer.body == b""
        assert seen.asked == []
        if status == 405:
            assert answer.headers["allow"] == "GET, POST"


async def test_a_posted_body_arrives_whole(seen):
    async with edge(authenticate=caller(Role.PEER), resources=rows(seen)) as here:
        answer = await send(here.port, request(b"y" * 100, path="/log/one"))
        assert (answer.status, answer.body) == (200, b"y" * 100)
        assert seen.asked[0].body == b"y" * 100


async def test_what_must_be_on_record_does_not_leave_without_its_proof(seen):
    resources = rows(seen, post=Given(body=b"secret"))
    async with edge(authenticate=caller(Role.PEER), resources=resources) as here:
        answer = await send(here.port, request(b"", path="/log/one"))
        assert (answer.status, answer.body) == (500, b"")


async def test_nothing_is_answered_when_nothing_can_be_recorded(seen):
    async def busy(_refusal):
        raise LedgerBusy("full")

    async with edge(authenticate=caller(Role.APPLICATION), resources=rows(seen), refused=busy) as here:
        answer = await send(here.port, get("/log/one"))
        assert answer.status == 503


async def test_a_file_is_streamed(seen, tmp_path):
    content = bytes(range(256)) * 4096 + b"end"
    assert len(content) > 4 * BLOCK
    (tmp_path / "file").write_bytes(content)
    async with edge(
        authenticate=caller(Role.PEER), resources=rows(seen, get=of_file(tmp_path / "file", "application/x"))
    ) as here:
        answer = await send(here.port, get("/log/one"))
        assert (answer.status, answer.body) == (200, content)
        assert answer.headers["content-type"] == "application/x"


async def test_a_body_that_fails_on_its_way_ends_the_connection(seen):
    def frames():
        yield b"z" * BLOCK
        raise OSError("the disk")

    body = Stream(mime_type="text/plain", size=2 * BLOCK, frames=frames())
    async with edge(authenticate=caller(Role.PEER), resources=rows(seen, get=Given(body=body))) as here:
        with pytest.raises(EOFError):
            await send(here.port, get("/log/one"))


def test_no_link_is_followed(tmp_path):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    assert of_file(tmp_path / "link", "x").status == 404
    assert of_file(tmp_path / "nothing", "x").status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/audit/2026/tile/../../keys/ledger.key",
        "/audit/2026/tile/0/..%2f..%2fkeys",
        "/audit/../keys/ledger.key",
        "/audit/2026/tile/0//000",
        "/audit/2026/tile/0/000/",
        "/audit/2026/tile/0/000\n",
        "/audit/2026/tile/0/000.p/0",
        "/audit/2026/tile/0/.000.new",
        "/audit/%32026/checkpoint",
        "/audit//checkpoint",
        "/audit/\uff12\uff10\uff12\uff16/checkpoint",
    ],
)
def test_a_path_that_is_not_one_of_the_log_does_not_exist(path):
    assert Resources(RESOURCES, None).find(path) is None


def test_a_row_names_only_known_parts():
    for row in RESOURCES:
        assert pattern(row.template)
        assert row.purpose
        assert row.roles
        assert (row.most_bytes > 0) == (row.method == "POST")
    with pytest.raises(KeyError):
        pattern("/{whatever}")


def test_no_part_lets_a_folder_be_left():
    for part in PARTS.values():
        compiled = re.compile(part)
        for text in ("..", ".", "a/../b", "/", "", "\\", "a\x00"):
            assert compiled.fullmatch(text) is None


async def test_the_files_of_the_log(tmp_path):
    shard = tmp_path / "2026"
    (shard / "tile" / "0").mkdir(parents=True)
    (shard / "checkpoint").write_text("c")
    (shard / "tile" / "0" / "000").write_bytes(b"t")
    desk = SimpleNamespace(audit=tmp_path)

    async def answered(path: str) -> Given:
        found = Resources(RESOURCES, desk).find(path)
        assert found is not None
        asked = SimpleNamespace(parameters=found._parameters)
        return await found._methods["GET"].handle(asked, desk)

    assert (await answered("/audit/2026/checkpoint")).body == b"c"
    assert (await answered("/audit/2026/checkpoint")).cache == "no-cache"
    assert (await answered("/audit/2026/tile/0/000")).body == b"t"
    assert "immutable" in (await answered("/audit/2026/tile/0/000")).cache
    assert (await answered("/audit/2026/tile/0/001")).status == 404
    assert (await answered("/audit/2025/checkpoint")).status == 404
    verifier = (await answered("/audit/hdn_verify.py")).body
    assert verifier == Path(audit_files._VERIFIER).read_bytes()


def test_an_objection_says_which_methods_there_are():
    assert Objection(405, "x").allow == "POST"
