"""The handler of SOAP requests: order of its steps, what it records, how answers leave."""

from __future__ import annotations

import asyncio

import pytest

from node.http.incoming import Outgoing
from node.http.limits import HttpLimits
from node.soap.faults import receiver
from node.soap.leniencies import Leniency
from node.soap.limits import MimeLimits
from node.soap.message import write_envelope
from node.soap.mime import read_media_type
from node.soap.mtom import MultipartReader, PartData, PartStart
from tests.node.http.edge import (
    PROOF,
    ROOT,
    Document,
    MemorySpool,
    edge,
    envelope,
    include,
    package,
    package_type,
    part,
    provide,
    read_answer,
    request,
    send,
)
from trust.errors import LedgerBusy, NotAuthenticated, NotPermitted, StorageFailed


def answering(documents=(), *, packaging="mtom", proof=PROOF, headers=()):
    async def dispatch(_incoming):
        body = write_envelope("urn:r", b"<r/>")
        return Outgoing(
            proof=proof,
            action="urn:r",
            body=body,
            packaging=packaging,
            documents=documents,
            root_id="root@n",
            headers=headers,
        )

    return dispatch


def failing(error):
    async def dispatch(_incoming):
        raise error

    return dispatch


def parts_of(answer) -> list[tuple[str, bytes]]:
    reader = MultipartReader(read_media_type(answer.headers["content-type"]), MimeLimits())
    found: list[list] = []
    for event in reader.feed(answer.body):
        if isinstance(event, PartStart):
            found.append([event.headers.content_id, b""])
        elif isinstance(event, PartData):
            found[-1][1] += event.data
    reader.finish()
    return [tuple(item) for item in found]


@pytest.fixture(autouse=True)
def nothing_spooled_is_left():
    MemorySpool.open = 0
    yield
    assert MemorySpool.open == 0


async def test_a_caller_who_is_not_known_gets_nothing():
    def authenticate(_peer):
        raise NotAuthenticated("this certificate is not listed")

    async with edge(authenticate=authenticate) as server:
        for path in ("/iti-18", "/nowhere"):
            answer = await send(server.port, request(envelope(), path=path))
            assert (answer.status, answer.body, answer.closed) == (403, b"", True)
        assert [item.reason for item in server.refusals] == ["this certificate is not listed"] * 2
        assert server.refusals[0].caller is None


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (NotPermitted("an application asked ITI-38"), 403, "wsse:FailedAuthentication"),
        (receiver("later"), 500, "s:Receiver"),
        (RuntimeError("secret detail"), 500, "internal error"),
    ],
)
async def test_what_dispatch_raises_is_recorded_first(error, status, words):
    async with edge(dispatch=failing(error)) as server:
        answer = await send(server.port, request(envelope()))
        assert answer.status == status
        assert words in answer.text
        assert "secret" not in answer.text
        assert "ITI-38" not in answer.text
        assert len(server.refusals) == 1
        assert server.refusals[0].incident in answer.text
        assert server.refusals[0].message_id == "urn:uuid:1c6d5c4e-0f6a-4d3b-8a3e-2b7f1f1f9c01"


@pytest.mark.parametrize("error", [LedgerBusy("full"), StorageFailed("disk"), TimeoutError()])
async def test_nothing_is_answered_when_nothing_can_be_recorded(error):
    async with edge(dispatch=failing(error)) as server:
        answer = await send(server.port, request(envelope()))
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert "wsa:EndpointUnavailable" in answer.text


async def test_a_refusal_that_cannot_be_recorded():
    async def refused(_refusal):
        raise LedgerBusy("full")

    async with edge(refused=refused) as server:
        for data in (request(b"<x/>"), request(envelope(), path="/nowhere"), b"GARBAGE\r\n\r\n"):
            answer = await send(server.port, data)
            assert answer.status == 503
            assert answer.headers["retry-after"] == "1"


async def test_no_answer_without_proof():
    async with edge(dispatch=answering(proof=None)) as server:
        answer = await send(server.port, request(envelope()))
        assert answer.status == 500
        assert b"<r/>" not in answer.body
        assert len(server.refusals) == 1


async def test_packaging_follows_the_request_also_for_faults():
    async with edge(dispatch=failing(receiver("later"))) as server:
        answer = await send(server.port, request(envelope()))
        assert answer.headers["content-type"] == "application/soap+xml; charset=UTF-8"
        data = request(package(part(provide(), "root@x", mime=ROOT)), content_type=package_type(), path="/iti-41")
        answer = await send(server.port, data)
        assert answer.headers["content-type"].startswith("multipart/related; boundary=")
        assert b"Receiver" in parts_of(answer)[0][1]


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("asynchronous", [True, False])
async def test_documents_are_streamed(announced, asynchronous):
    contents = [b"a\r\n--b", b"", b"x" * 3_000_000]

    def frames(content):
        pieces = [content[k : k + 65_536] for k in range(0, len(content), 65_536)]
        if not asynchronous:
            return iter(pieces)

        async def later():
            for piece in pieces:
                yield piece

        return later()

    documents = [
        Document(f"d{k}@n", "text/plain", len(content) if announced else None, frames(content))
        for k, content in enumerate(contents)
    ]
    async with edge(dispatch=answering(documents)) as server:
        answer = await send(server.port, request(envelope()))
        assert answer.status == 200
        assert ("content-length" in answer.headers) is announced
        assert [name for name, _ in parts_of(answer)] == ["root@n", "d0@n", "d1@n", "d2@n"]
        assert [content for _, content in parts_of(answer)[1:]] == contents


async def test_http_10_gets_the_end_of_the_connection_as_the_end():
    async with edge(dispatch=answering([Document("d@n", "text/plain", None, iter([b"x" * 10]))])) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request(envelope()).replace(b"HTTP/1.1", b"HTTP/1.0"))
        whole = await asyncio.wait_for(reader.read(), 5)
        assert b"chunked" not in whole
        assert whole.endswith(b"--\r\n")
        writer.close()


def _broken():
    yield b"x" * 300_000
    raise ValueError("a frame does not verify")


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(lambda: Document("d@n", "text/plain", 600_000, _broken()), id="damaged"),
        pytest.param(lambda: Document("d@n", "text/plain", None, _broken()), id="damaged-chunked"),
        pytest.param(lambda: Document("d@n", "text/plain", 600_000, iter([b"x" * 300_000])), id="too-short"),
    ],
)
async def test_a_document_that_fails_is_never_taken_for_whole(document):
    async with edge(dispatch=answering([document()])) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request(envelope()))
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError, ValueError)):
            await asyncio.wait_for(read_answer(reader), 5)
        writer.close()


async def test_more_headers_of_an_answer():
    async with edge(dispatch=answering(packaging="soap", headers=[("Audit-Proof", "abc")])) as server:
        assert (await send(server.port, request(envelope()))).headers["audit-proof"] == "abc"
    async with edge(dispatch=answering(packaging="soap", headers=[("Audit-Proof", "a\r\nb: c")])) as server:
        assert (await send(server.port, request(envelope()))).status == 500


async def test_answers_do_not_say_what_server_this_is():
    async with edge() as server:
        for data in (request(envelope()), request(envelope(), path="/x"), b"GARBAGE\r\n\r\n"):
            answer = await send(server.port, data)
            assert "server" not in answer.headers
            assert answer.headers["cache-control"] == "no-store"


async def test_many_requests_on_one_connection():
    async with edge() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        body = package(
            part(provide(("D1", include("cid:d1@x")), ("D2", "QUFB")), "root@x", mime=ROOT),
            part(b"1" * 700_000, "d1@x"),
        )
        for number in range(6):
            data = request(body, content_type=package_type(), path="/iti-41") if number % 2 else request(envelope())
            writer.write(data)
            answer = await asyncio.wait_for(read_answer(reader), 5)
            assert (answer.status, answer.closed) == (200, False)
        assert server.received[1].documents == {"D1": b"1" * 700_000, "D2": b"AAA"}
        writer.close()


async def test_chunked_requests_in_small_pieces():
    async with edge() as server:
        body = package(part(provide(("D1", include("cid:d1@x"))), "root@x", mime=ROOT), part(b"1\r\n" * 3000, "d1@x"))
        head = f"POST /iti-41 HTTP/1.1\r\nHost: localhost\r\nContent-Type: {package_type()}\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[k : k + 7]), body[k : k + 7]) for k in range(0, len(body), 7))
        answer = await send(server.port, head.encode() + chunks + b"0\r\n\r\n")
        assert answer.status == 200
        assert server.received[0].documents == {"D1": b"1\r\n" * 3000}


async def test_what_dispatch_leaves_unread_ends_the_connection():
    async with edge(dispatch=answering()) as server:
        body = package(part(provide(("D1", include("cid:d1@x"))), "root@x", mime=ROOT), part(b"1" * 900_000, "d1@x"))
        answer = await send(server.port, request(body, content_type=package_type(), path="/iti-41"))
        assert (answer.status, answer.closed) == (200, True)


async def test_the_caller_is_judged_before_documents_arrive():
    """The root part is enough to be refused: the rest of the request was never sent."""
    async with edge(dispatch=failing(NotPermitted("no"))) as server:
        body = package(part(provide(("D1", include("cid:d1@x"))), "root@x", mime=ROOT), part(b"1" * 900_000, "d1@x"))
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request(body, content_type=package_type(), path="/iti-41")[:40_000])
        answer = await asyncio.wait_for(read_answer(reader), 5)
        assert (answer.status, answer.closed) == (403, True)
        writer.close()


async def test_a_part_that_a_handler_skips_is_skipped():
    names = []

    async def dispatch(incoming):
        async for document_id, chunks in incoming.documents():
            names.append(document_id)
            if document_id == "D2":
                names.append(b"".join([chunk async for chunk in chunks]))
        return await answering(packaging="mtom")(incoming)

    async with edge(dispatch=dispatch, mime=MimeLimits(not_referenced=1_000_000)) as server:
        documents = [("D1", include("cid:d1@x")), ("D2", include("cid:d2@x"))]
        body = package(part(provide(*documents), "root@x", mime=ROOT), part(b"1" * 700_000, "d1@x"), part(b"2", "d2@x"))
        answer = await send(server.port, request(body, content_type=package_type(), path="/iti-41"))
        assert (answer.status, answer.closed) == (200, False)
        assert names == ["D1", "D2", b"2"]


async def test_a_client_that_goes_away_is_no_failure(caplog):
    gate = asyncio.Event()

    async def dispatch(incoming):
        await gate.wait()
        return await answering(packaging="soap")(incoming)

    async with edge(dispatch=dispatch) as server:
        _reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request(envelope()))
        await asyncio.sleep(0.02)
        writer.transport.abort()
        await asyncio.sleep(0.02)
        gate.set()
        body = package(part(provide(("D1", include("cid:d1@x"))), "root@x", mime=ROOT), part(b"1" * 900_000, "d1@x"))
        _reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request(body, content_type=package_type(), path="/iti-41")[:400_000])
        await asyncio.sleep(0.02)
        writer.transport.abort()
        await asyncio.sleep(0.05)
        assert server.server.connections == 0
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]


async def test_the_message_tells_what_was_tolerated():
    async with edge(limits=HttpLimits(watch=0.05)) as server:
        body = b"hello\r\n" + package(part(provide(), "root@x", mime=ROOT), part(b"1", "d1@x"))
        await send(server.port, request(body, content_type=package_type(start=None), path="/iti-41"))
        assert server.received[0].incoming.message.leniencies == {
            Leniency.TEXT_AROUND_PARTS,
            Leniency.START_MISSING,
            Leniency.TRANSFER_ENCODING_MISSING,
            Leniency.PART_NOT_REFERENCED,
        }
