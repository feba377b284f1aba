"""Rows M1 to M22, M24, I8, T16 and T24 of the attack catalogue: hostile SOAP, MIME and HTTP against the real listener."""

from __future__ import annotations

import asyncio
import base64
import gzip
import ssl
import time
from dataclasses import replace

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from node.http.incoming import Outgoing
from node.http.limits import HttpLimits
from node.http.reply import header
from node.soap.faults import action_mismatch, duplicate_message_id
from node.soap.leniencies import Leniency
from node.soap.limits import MIB, MimeLimits
from node.soap.message import write_envelope
from node.soap.mime import read_media_type
from node.soap.mtom import MtomWriter, MultipartReader, PartData
from node.soap.replay import ReplayWindow
from tests.attacks.outbound import canary
from tests.node.http.edge import (
    PROOF,
    PROVIDE,
    QUERY,
    ROOT,
    WSA,
    Answer,
    Document,
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

SOAP = "application/soap+xml; charset=UTF-8"
SMALL = MimeLimits(total=8 * MIB, before_root=4096, not_referenced=4096, inline=256 * 1024, inline_from=128 * 1024)


async def post(server, body: bytes, *, content_type: str | None = None, path: str = "/iti-41", **more) -> Answer:
    return await send(server.port, request(body, content_type=content_type or package_type(), path=path, **more))


def root_part(*documents: tuple[str, str], content_id: str = "root@x") -> bytes:
    return part(provide(*documents), content_id, mime=ROOT)


async def refused(parts: bytes, status: int = 400, *, content_type: str | None = None, mime: MimeLimits | None = None):
    """Send a package that must end as a fault, on record, with no document handed on."""
    async with edge(mime=mime) as server:
        answer = await post(server, parts, content_type=content_type)
        assert answer.status == status, answer.text
        assert answer.headers["content-type"].startswith("multipart/related")
        assert b"soap/fault" in answer.body
        assert len(server.refusals) == 1
        assert server.received == []
        return answer


async def accepted(parts: bytes, *, content_type: str | None = None, mime: MimeLimits | None = None):
    async with edge(mime=mime) as server:
        answer = await post(server, parts, content_type=content_type)
        assert answer.status == 200, answer.text
        return server.received[0]


# ---------------------------------------------------------------------------------------------------- XOP and MIME


@pytest.mark.parametrize(
    "href",
    [
        pytest.param("{url}", id="M1-http"),
        pytest.param("file:///etc/passwd", id="M1-file"),
        pytest.param("", id="M1-empty"),
        pytest.param("cid:", id="M1-empty-cid"),
        pytest.param("//127.0.0.1/x", id="M1-relative"),
        pytest.param("data:text/plain,x", id="M1-data"),
        pytest.param("mid:d1@x", id="M1-mid"),
    ],
)
async def test_include_of_anything_but_a_part(monkeypatch, href):
    async with edge() as server, canary(monkeypatch, server.port) as watched:
        body = package(root_part(("D1", include(href.format(url=watched.url)))), part(b"x", "d1@x"))
        answer = await post(server, body)
        assert answer.status == 400
        assert watched.reached == []
        assert server.received == []


@pytest.mark.parametrize(
    ("href", "content_id", "good"),
    [
        pytest.param("cid:d2@x", "d1@x", False, id="M2-no-such-part"),
        pytest.param("cid:D1@x", "d1@x", False, id="M3-other-case"),
        pytest.param("cid:d1%40x", "d1@x", True, id="M3-encoded"),
        pytest.param("CID:d1@x", "d1@x", True, id="M3-scheme-in-capitals"),
        pytest.param("cid:%3Cd1@x%3E", "d1@x", False, id="M3-encoded-brackets"),
        pytest.param("cid:a%2Bb@x", "a+b@x", True, id="M3-encoded-plus"),
        pytest.param("cid:a%2Bb@x", "a%2Bb@x", True, id="M3-encoded-on-both-sides"),
    ],
)
async def test_reference_and_content_id(href, content_id, good):
    body = package(root_part(("D1", include(href))), part(b"x", content_id))
    if good:
        assert (await accepted(body)).documents == {"D1": b"x"}
    else:
        await refused(body)


async def test_m2_reference_in_simple_soap_has_no_part():
    """M2."""
    async with edge() as server:
        answer = await post(server, provide(("D1", include("cid:d1@x"))), content_type=SOAP)
        assert answer.status == 400
        assert server.received == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("d1@x", "d1@x", id="M3-equal"),
        pytest.param("d1@x", "d1%40x", id="M3-equal-when-decoded"),
        pytest.param("d1@x", "root@x", id="M3-that-of-the-root"),
    ],
)
async def test_two_parts_with_one_content_id(one, other):
    await refused(package(root_part(("D1", include("cid:d1@x"))), part(b"x", one), part(b"y", other)))


async def test_m3_content_id_of_an_inline_document_cannot_be_taken():
    """M3: bytes in the envelope are never exchanged for those of a part."""
    await refused(package(root_part(("D1", "aGVsbG8=")), part(b"other", "inline.0@xdsnode.invalid")))
    await refused(
        package(
            root_part(("D1", "aGVsbG8="), ("D2", include("cid:inline.0@xdsnode.invalid"))),
            part(b"other", "inline.0@xdsnode.invalid"),
        )
    )


async def test_m4_part_referenced_twice():
    """M4."""
    await refused(package(root_part(("D1", include("cid:d1@x")), ("D2", include("cid:d1%40x"))), part(b"x", "d1@x")))


async def test_m4_parts_that_nothing_refers_to_are_dropped_and_named():
    """M4: ignored, counted, and never a document."""
    body = package(root_part(("D1", include("cid:d1@x"))), part(b"1"), part(b"x", "d1@x"), part(b"3", "d3@x"))
    received = await accepted(body)
    assert received.documents == {"D1": b"x"}
    assert Leniency.PART_NOT_REFERENCED in received.leniencies


async def test_m4_parts_that_nothing_refers_to_are_bounded():
    """M4."""
    body = package(root_part(("D1", include("cid:d1@x"))), part(b"1" * 5000, "d2@x"), part(b"x", "d1@x"))
    await refused(body, 413, mime=SMALL)
    body = package(root_part(), part(b"1" * 5000, "d2@x"))
    await refused(body, 413, mime=SMALL)


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(6)), st.lists(st.binary(max_size=50), min_size=6, max_size=6))
def test_m4_documents_never_change_places(order, contents):
    """M4."""
    parts = [part(contents[k], f"d{k}@x") for k in order]
    documents = [(f"D{k}", include(f"cid:d{k}@x")) for k in range(6)]
    received = asyncio.run(accepted(package(root_part(*documents), *parts)))
    assert received.documents == {f"D{k}": contents[k] for k in range(6)}


@pytest.mark.parametrize("mime", ["multipart/related; boundary=C", "multipart/mixed; boundary=B", "message/rfc822"])
async def test_m5_package_in_a_part(mime):
    """M5."""
    inner = package(part(b"x", "d1@x"), boundary="C")
    await refused(package(root_part(("D1", include("cid:d1@x"))), part(inner, "d1@x", mime=mime)))


@pytest.mark.parametrize(
    ("boundary", "good"),
    [
        pytest.param("x" * 70, True, id="M6-70"),
        pytest.param("x" * 71, False, id="M6-71"),
        pytest.param("", False, id="M6-empty"),
        pytest.param("a b", True, id="M6-blank-inside"),
        pytest.param("a ", False, id="M6-blank-at-the-end"),
        pytest.param("(.*)", False, id="M6-regex"),
        pytest.param("'()+_,-./:=?", True, id="M6-all-legal"),
        pytest.param('a\\"b', False, id="M6-quote"),
        pytest.param("ä", False, id="M6-not-ascii"),
    ],
)
async def test_m6_boundaries(boundary, good):
    body = package(root_part(), boundary=boundary)
    async with edge() as server:
        answer = await post(server, body, content_type=package_type(boundary))
        assert answer.status == (200 if good else 400)


async def test_two_boundaries_are_no_choice():
    """M6."""
    async with edge() as server:
        body = package(root_part())
        answer = await post(server, body, content_type=package_type(more='; boundary="C"'))
        assert answer.status == 400


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from([b"\r\n--", b"\n--", b"--", b"Bound", b"Boundar", b"Boundary", b"x", b"\r", b"\n"]), max_size=12
    ),
    st.integers(1, 40),
)
def test_m6_content_that_nearly_holds_the_boundary(pieces, step):
    """M6: the document arrives byte for byte, however the network cut it."""
    content = b"".join(pieces)
    if b"\n--Boundary" in b"\n" + content:  # a real delimiter; the writer of a package must not choose it
        content = content.replace(b"Boundary", b"boundary")
    whole = package(part(content, "d1@x"), boundary="Boundary")
    reader = MultipartReader(read_media_type('multipart/related; boundary="Boundary"'), MimeLimits())
    found = b""
    for position in range(0, len(whole), step):
        for event in reader.feed(whole[position : position + step]):
            if isinstance(event, PartData):
                found += event.data
    reader.finish()
    assert found == content


async def test_m6_boundary_with_more_behind_it_is_content():
    """M6."""
    content = b"a\r\n--Bx\r\n--B y\r\n-- B\r\n --B--\r\n--"
    received = await accepted(package(root_part(("D1", include("cid:d1@x"))), part(content, "d1@x")))
    assert received.documents == {"D1": content}


async def test_m7_many_tiny_parts():
    """M7."""
    body = package(root_part())[:-7] + b"\r\n--B\r\n\r\n" * 200_000 + b"--B--\r\n"
    began = time.monotonic()
    await refused(body, 413)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("size", [pytest.param(60_000, id="M8-within"), pytest.param(70_000, id="M8-beyond")])
async def test_text_around_the_parts(size):
    text = b"x" * size + b"\r\n"
    if size < 65536:
        assert Leniency.TEXT_AROUND_PARTS in (await accepted(text + package(root_part()))).leniencies
        assert Leniency.TEXT_AROUND_PARTS in (await accepted(package(root_part()) + text)).leniencies
    else:
        await refused(text + package(root_part()), 413)
        await refused(package(root_part()) + text, 413)


async def test_m8_endless_preamble():
    """M8: the answer comes while the preamble still goes on."""
    async with edge() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = f"POST /iti-41 HTTP/1.1\r\nHost: localhost\r\nContent-Type: {package_type()}\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head.encode())
        for _ in range(20):
            writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        answer = await asyncio.wait_for(read_answer(reader), 5)
        assert answer.status == 413
        assert answer.closed
        writer.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param("X: " + "a" * 17_000 + "\r\n", 431, id="M9-17kB"),
        pytest.param("X: " + "a" * 1_000_000 + "\r\n", 431, id="M9-1MB"),
        pytest.param("".join(f"X{k}: a\r\n" for k in range(65)), 431, id="M9-65-headers"),
        pytest.param("".join(f"X{k}: a\r\n" for k in range(10_000)), 431, id="M9-10000-headers"),
        pytest.param("no header at all\r\n", 400, id="M9-no-header"),
        pytest.param("X: a\rContent-Type: b\r\n", 400, id="M9-bare-CR"),
        pytest.param("X: a\0b\r\n", 400, id="M9-NUL"),
        pytest.param("Content-ID: <d2@x>\r\n", 400, id="M9-doubled"),
    ],
)
async def test_headers_of_parts(headers, status):
    await refused(package(root_part(("D1", include("cid:d1@x"))), part(b"x", "d1@x", headers=headers)), status)


@pytest.mark.parametrize(
    ("content_type", "leniency"),
    [
        pytest.param(package_type(start=None), Leniency.START_MISSING, id="M10-no-start"),
        pytest.param(package_type(start="root@x"), Leniency.START_WITHOUT_BRACKETS, id="M10-start-without-brackets"),
        pytest.param(package_type(start="<0.urn:x>"), Leniency.START_UNKNOWN, id="M10-start-of-nothing"),
        pytest.param("multipart/related; boundary=B", Leniency.ROOT_TYPE, id="M10-only-boundary"),
        pytest.param(
            'MULTIPART/Related;boundary=B;TYPE=text/xml;start="<root@x>";start-info="text/xml; action=x"',
            Leniency.ROOT_TYPE,
            id="M10-other-type",
        ),
    ],
)
async def test_parameters_of_the_package(content_type, leniency):
    body = package(root_part(("D1", include("cid:d1@x"))), part(b"x", "d1@x"))
    received = await accepted(body, content_type=content_type)
    assert received.documents == {"D1": b"x"}
    assert leniency in received.leniencies


@pytest.mark.parametrize(
    "start", [pytest.param("<d1@x>", id="M10-at-a-document"), pytest.param(None, id="M10-missing")]
)
async def test_no_part_is_an_envelope(start):
    body = package(part(b"no xml", "d1@x"), part(b"none either", "d2@x"))
    await refused(body, content_type=package_type(start=start))


@pytest.mark.parametrize("body", [pytest.param(b"", id="M10-empty"), pytest.param(b"--B--\r\n", id="M10-no-part")])
async def test_m10_package_without_parts(body):
    await refused(body)


async def test_package_that_is_cut():
    """M10: without its closing boundary the last document may be cut."""
    whole = package(root_part(("D1", include("cid:d1@x"))), part(b"x" * 100, "d1@x"))
    for cut in (whole[:-7], whole[:-50], whole[: len(whole) // 2]):
        await refused(cut)


async def test_m10_bare_xml_under_a_package_type():
    """M10."""
    async with edge() as server:
        answer = await post(server, provide(("D1", "aGVsbG8=")))
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("multipart/related")
        assert server.received[0].documents == {"D1": b"hello"}
        assert Leniency.BARE_XML_IN_MULTIPART in server.received[0].leniencies


async def test_m11_root_that_is_not_first():
    """M11."""
    body = package(
        part(b"early", "d1@x"),
        root_part(("D1", include("cid:d1@x")), ("D2", include("cid:d2@x"))),
        part(b"late", "d2@x"),
    )
    received = await accepted(body)
    assert received.documents == {"D1": b"early", "D2": b"late"}
    assert Leniency.ROOT_NOT_FIRST in received.leniencies


async def test_m11_parts_before_the_root_are_bounded():
    """M11."""
    await refused(package(part(b"x" * 5000, "d1@x"), root_part(("D1", include("cid:d1@x")))), 413, mime=SMALL)


async def test_m11_root_of_type_text_xml():
    """M11."""
    received = await accepted(package(part(provide(), "root@x", mime="text/xml; charset=utf-8")))
    assert Leniency.ROOT_TYPE in received.leniencies


async def test_m11_http_action_is_ignored():
    """M11: dispatch goes by wsa:Action, whatever HTTP says."""
    async with edge() as server:
        answer = await send(
            server.port,
            request(envelope(), content_type=SOAP + '; action="urn:other"', headers='SOAPAction: "urn:another"\r\n'),
        )
        assert answer.status == 200
        assert server.received[0].incoming.message.action == QUERY


async def test_m11_action_that_does_not_fit_the_body():
    """M11: dispatch sees action and root element, and the fault it raises leaves as one."""

    async def dispatch(incoming):
        message = incoming.message
        raise action_mismatch(message.action, etree.QName(message.body).localname)

    async with edge(dispatch=dispatch) as server:
        answer = await send(server.port, request(envelope(action=PROVIDE)))
        assert answer.status == 400
        assert "wsa:ActionMismatch" in answer.text
        assert f"{WSA}/fault<" in answer.text
        assert "RelatesTo>urn:uuid:1c6d5c4e" in answer.text
        assert len(server.refusals) == 1


@pytest.mark.parametrize(
    ("encoding", "content", "expected"),
    [
        pytest.param("binary", b"a\r\nb\n", b"a\r\nb\n", id="M12-binary"),
        pytest.param("8bit", b"\xff\x00", b"\xff\x00", id="M12-8bit"),
        pytest.param('"BASE64"', b"aGVs\r\nbG8=\r\n", b"hello", id="M12-base64"),
        pytest.param("quoted-printable", b"caf=C3=A9=\r\n=21\r\nx", "café!\r\nx".encode(), id="M12-quoted-printable"),
        pytest.param("quoted-printable", b"=41" * 60_000, b"A" * 60_000, id="M12-endless-line"),
        pytest.param("base64", b"aGVsbG8", 400, id="M12-base64-cut"),
        pytest.param("base64", b"aGVs*G8=", 400, id="M12-not-base64"),
        pytest.param("base64", b"aGVsbG8=aGVs", 400, id="M12-behind-padding"),
        pytest.param("x-uuencode", b"x", 415, id="M12-unknown"),
        pytest.param("gzip", b"x", 415, id="M12-gzip"),
    ],
)
async def test_transfer_encodings(encoding, content, expected):
    headers = f"Content-Transfer-Encoding: {encoding}\r\n"
    body = package(root_part(("D1", include("cid:d1@x"))), part(content, "d1@x", headers=headers))
    if isinstance(expected, int):
        await refused(body, expected)
    else:
        assert (await accepted(body)).documents == {"D1": expected}


# ------------------------------------------------------------------------------------------------------------ sizes


async def test_m13_announced_length_is_refused_before_reading():
    """M13."""
    async with edge(most=MIB) as server:
        head = "POST /iti-41 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/soap+xml\r\nContent-Length: 10000000000\r\n\r\n"
        answer = await send(server.port, head.encode())
        assert (answer.status, answer.closed) == (413, True)
        assert server.refusals[0].status == 413


async def test_m13_chunks_without_end():
    """M13."""
    async with edge(most=MIB) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = f"POST /iti-41 HTTP/1.1\r\nHost: localhost\r\nContent-Type: {SOAP}\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head.encode())
        for _ in range(20):
            writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        answer = await asyncio.wait_for(read_answer(reader), 5)
        assert (answer.status, answer.closed) == (413, True)
        writer.close()


async def test_m13_large_envelope():
    """M13: 4 MB without documents."""
    async with edge() as server:
        answer = await post(server, envelope(f"<x>{'a-b ' * (1 * MIB + 4096)}</x>"), content_type=SOAP)
        assert answer.status == 413
        assert "MTOM" in answer.text


@pytest.mark.parametrize(
    ("size", "status"),
    [pytest.param(250_000, 200, id="M13-inline"), pytest.param(270_000, 413, id="M13-inline-too-large")],
)
async def test_documents_inside_the_envelope(size, status):
    content = bytes(range(256)) * (size // 256)
    text = base64.encodebytes(content).decode().replace("\n", "\r\n")
    async with edge(mime=SMALL) as server:
        answer = await post(
            server, provide(("D0", "AAAA"), ("D1", f"\r\n{text}\r\n"), ("D2", "QUFB")), content_type=SOAP
        )
        assert answer.status == status
        if status == 200:
            assert server.received[0].documents == {"D0": b"\0\0\0", "D1": content, "D2": b"AAA"}
            assert len(server.received[0].incoming.message.root) < 4096  # the tree never held it
        else:
            assert "MTOM" in answer.text


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("<x>{long}</x>", id="M13-in-another-element"),
        pytest.param("<x><!-- >{long} --></x>", id="M13-in-a-comment"),
        pytest.param("<x a='>{long}'/>", id="M13-in-an-attribute"),
        pytest.param(
            "<xds:Document xmlns:xds='urn:ihe:iti:xds-b:2007'>{long}<y/></xds:Document>", id="M13-with-a-child"
        ),
        pytest.param(
            "<xds:Document xmlns:xds='urn:ihe:iti:xds-b:2007'>{long}&#65;</xds:Document>", id="M13-with-a-reference"
        ),
        pytest.param(
            "<xds:R xmlns:xds='urn:ihe:iti:xds-b:2007'><xds:Document>{long}</xds:Document><xds:Document>*inline-0*</xds:Document></xds:R>",
            id="M13-placeholder-forged",
        ),
        pytest.param("<xds:Document xmlns:xds='urn:ihe:iti:xds-b:2007'>{long}", id="M13-without-end"),
    ],
)
async def test_long_base64_elsewhere(body):
    async with edge(mime=SMALL) as server:
        answer = await post(server, envelope(body.format(long="QUFB" * 40_000)), content_type=SOAP)
        assert answer.status == 400
        assert server.received == []


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "GZIP", "x-gzip", "gzip, identity"])
async def test_m14_compressed_request(encoding):
    """M14."""
    bomb = gzip.compress(b"\0" * 10_000_000)
    async with edge() as server:
        answer = await post(server, bomb, headers=f"Content-Encoding: {encoding}\r\n")
        assert (answer.status, answer.closed) == (415, True)
        assert len(server.refusals) == 1


# ----------------------------------------------------------------------------------------------------------- slowness

QUICK = HttpLimits(head=0.2, keep_alive=5.0, window=0.2, write_stall=0.4, watch=0.02, lingering=0.1)


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(b"", id="M15-nothing"),
        pytest.param(b"POST /iti-18 HTTP/1.1\r\nHost: localhost\r\nX", id="M15-half-a-head"),
    ],
)
async def test_slow_head(first):
    async with edge(limits=QUICK) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(first)

        async def trickle():
            for _ in range(1000):
                await asyncio.sleep(0.02)
                writer.write(b"a" if first else b"")

        task = asyncio.create_task(trickle())
        assert await asyncio.wait_for(_until_closed(reader), 5) == b""
        task.cancel()
        assert server.server.connections == 0


async def _until_closed(reader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def test_m15_slow_head_of_a_second_request():
    """M15: keep-alive does not lift the limit."""
    async with edge(limits=QUICK) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request(envelope()))
        assert (await read_answer(reader)).status == 200
        writer.write(b"POST /iti-18 HT")
        assert await asyncio.wait_for(_until_closed(reader), 5) == b""


async def test_m15_slow_body():
    """M15."""
    async with edge(limits=QUICK) as server:
        whole = request(envelope())
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(whole[:-100])

        async def trickle():
            for k in range(100):
                await asyncio.sleep(0.05)
                writer.write(whole[len(whole) - 100 + k :][:1])

        task = asyncio.create_task(trickle())
        answer = await asyncio.wait_for(read_answer(reader), 5)
        task.cancel()
        assert (answer.status, answer.closed) == (408, True)
        assert server.refusals[0].status == 408


async def test_m15_steady_body_is_not_slow():
    """M15: a client above the floor is served, however long it takes."""
    async with edge(limits=replace(QUICK, floor=100)) as server:
        whole = request(envelope(f"<x>{'a' * 3000}</x>"))
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for position in range(0, len(whole), 200):
            writer.write(whole[position : position + 200])
            await asyncio.sleep(0.03)
        assert (await asyncio.wait_for(read_answer(reader), 5)).status == 200


@pytest.mark.parametrize("packaging", ["soap", "mtom"])
async def test_m15_answer_that_nobody_reads(packaging):
    """M15."""

    async def dispatch(incoming):
        message = incoming.message
        frames = (b"x" * 1_000_000 for _ in range(64))
        documents = [Document("d@x", "text/plain", 64_000_000, frames)] if packaging == "mtom" else []
        body = write_envelope("urn:r", b"<r/>" if documents else b"<r>" + b"x" * 64_000_000 + b"</r>")
        return Outgoing(proof=PROOF, action="urn:r", body=body, packaging=message.packaging, documents=documents)

    async with edge(limits=QUICK, dispatch=dispatch) as server:
        _reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        if packaging == "mtom":
            writer.write(request(package(root_part()), content_type=package_type(), path="/iti-41"))
        else:
            writer.write(request(envelope()))
        await asyncio.sleep(0.05)
        assert server.server.connections == 1
        for _ in range(200):
            if not server.server.connections:
                break
            await asyncio.sleep(0.05)
        assert server.server.connections == 0
        writer.close()


# --------------------------------------------------------------------------------------------------- the HTTP head

BODY = envelope()


def raw(head: str, body: bytes = BODY) -> bytes:
    return head.replace("\n", "\r\n").replace("SIZE", str(len(body))).encode("latin-1") + b"\r\n" + body


HEAD = f"POST /iti-18 HTTP/1.1\nHost: localhost\nContent-Type: {SOAP}\n"
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(raw(HEAD + "Content-Length: SIZE\nTransfer-Encoding: chunked\n"), id="M16-CL-TE"),
        pytest.param(raw(HEAD + "Transfer-Encoding: chunked\nContent-Length: SIZE\n", CHUNKED), id="M16-TE-CL"),
        pytest.param(
            raw(HEAD + "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n", CHUNKED), id="M16-TE-twice"
        ),
        pytest.param(raw(HEAD + "Transfer-Encoding: chunked, identity\n", CHUNKED), id="M16-TE-identity-last"),
        pytest.param(raw(HEAD + "Transfer-Encoding: identity, chunked\n", CHUNKED), id="M16-TE-identity-first"),
        pytest.param(raw(HEAD + "Transfer-Encoding: gzip, chunked\n", CHUNKED), id="M16-TE-gzip"),
        pytest.param(raw(HEAD + "Transfer-Encoding: xchunked\n", CHUNKED), id="M16-TE-xchunked"),
        pytest.param(raw(HEAD + 'Transfer-Encoding: "chunked"\n', CHUNKED), id="M16-TE-quoted"),
        pytest.param(raw(HEAD + "Transfer-Encoding : chunked\n", CHUNKED), id="M16-TE-blank-before-colon"),
        pytest.param(raw(HEAD + "Transfer-Encoding:\x0bchunked\n", CHUNKED), id="M16-TE-vertical-tab"),
        pytest.param(raw(HEAD + "Transfer-Encoding:\n chunked\n", CHUNKED), id="M16-TE-folded"),
        pytest.param(raw(HEAD.replace("1.1", "1.0") + "Transfer-Encoding: chunked\n", CHUNKED), id="M16-TE-in-1.0"),
        pytest.param(raw(HEAD + "Content-Length: +5\n"), id="M16-CL-plus"),
        pytest.param(raw(HEAD + "Content-Length: -5\n"), id="M16-CL-minus"),
        pytest.param(raw(HEAD + "Content-Length: 0x5\n"), id="M16-CL-hex"),
        pytest.param(raw(HEAD + "Content-Length: 1_0\n"), id="M16-CL-underscore"),
        pytest.param(raw(HEAD + "Content-Length: 5 5\n"), id="M16-CL-two-words"),
        pytest.param(raw(HEAD + "Content-Length: 5, 5\n"), id="M16-CL-list"),
        pytest.param(raw(HEAD + "Content-Length:\n"), id="M16-CL-empty"),
        pytest.param(raw(HEAD + "Content-Length: SIZE\nContent-Length: SIZE\n"), id="M16-CL-twice"),
        pytest.param(raw(HEAD + "Content-Length: SIZE\nContent-Length: 5\n"), id="M16-CL-differ"),
        pytest.param(raw(HEAD + "Content-Length: 99999999999999999999999999\n"), id="M16-CL-overflow"),
        pytest.param(raw(HEAD + "Content-Length: SIZE\n").replace(b"\r\n", b"\n"), id="M16-bare-LF"),
        pytest.param(raw(HEAD + "X: a\nContent-Length: SIZE\n").replace(b"a\r\n", b"a\n"), id="M16-one-bare-LF"),
        pytest.param(raw(HEAD + "X: a\rY: b\nContent-Length: SIZE\n"), id="M16-bare-CR"),
        pytest.param(raw(HEAD + "X: a\n b\nContent-Length: SIZE\n"), id="M16-folded"),
        pytest.param(raw(HEAD + "X: a\0b\nContent-Length: SIZE\n"), id="M16-NUL"),
        pytest.param(raw(HEAD + "Content Length: SIZE\n"), id="M16-blank-in-a-name"),
        pytest.param(raw(HEAD + "Host: other\nContent-Length: SIZE\n"), id="M16-two-hosts"),
        pytest.param(raw(HEAD.replace("Host: localhost\n", "") + "Content-Length: SIZE\n"), id="M16-no-host"),
        pytest.param(raw(HEAD.replace("1.1", "2.0") + "Content-Length: SIZE\n"), id="M16-2.0"),
        pytest.param(b"POST /iti-18\r\n\r\n", id="M16-0.9"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="M16-h2-preface"),
        pytest.param(raw(HEAD + "Connection: Upgrade\nUpgrade: h2c\nContent-Length: SIZE\n"), id="M16-h2c"),
        pytest.param(raw(HEAD + "Connection: Upgrade\nUpgrade: websocket\nContent-Length: SIZE\n"), id="M16-websocket"),
        pytest.param(
            raw(HEAD.replace("/iti-18", "http://localhost/iti-18") + "Content-Length: SIZE\n"), id="M16-absolute"
        ),
        pytest.param(raw(HEAD + "Transfer-Encoding: chunked\n", b"0x5\r\nhello\r\n0\r\n\r\n"), id="M16-chunk-hex"),
        pytest.param(raw(HEAD + "Transfer-Encoding: chunked\n", b"-5\r\nhello\r\n0\r\n\r\n"), id="M16-chunk-minus"),
        pytest.param(raw(HEAD + "Transfer-Encoding: chunked\n", b"5 \r\nhello\r\n0\r\n\r\n"), id="M16-chunk-blank"),
        pytest.param(raw(HEAD + "Transfer-Encoding: chunked\n", b"5\nhello\r\n0\r\n\r\n"), id="M16-chunk-bare-LF"),
        pytest.param(raw(HEAD + "Transfer-Encoding: chunked\n", b"5\r\nhello!\r\n0\r\n\r\n"), id="M16-chunk-too-long"),
        pytest.param(
            raw(HEAD + "Transfer-Encoding: chunked\n", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
            id="M16-chunk-overflow",
        ),
        pytest.param(raw("POST /iti-18 HTTP/1.1\nHost: localhost\n" + "X: a\n" * 100), id="M16-100-headers"),
    ],
)
async def test_smuggling(data):
    """One answer, 400, and the connection is closed: what comes behind is never a request."""
    async with edge() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(data + request(envelope()))
        answer = await asyncio.wait_for(read_answer(reader), 5)
        assert (answer.status, answer.closed) == (400, True)
        assert await asyncio.wait_for(_until_closed(reader), 5) == b""
        assert server.received == []
        assert len(server.refusals) == 1
        writer.close()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(raw(HEAD + "X: " + "a" * 20_000 + "\nContent-Length: SIZE\n"), 431, id="M16-long-header"),
        pytest.param(
            raw(HEAD.replace("/iti-18", "/" + "a" * 20_000) + "Content-Length: SIZE\n"), 431, id="M16-long-target"
        ),
        pytest.param(raw(HEAD, b""), 411, id="M16-no-length"),
        pytest.param(raw(HEAD + "Expect: 200-maybe\nContent-Length: SIZE\n"), 417, id="M16-expectation"),
    ],
)
async def test_other_heads(data, status):
    async with edge() as server:
        answer = await send(server.port, data)
        assert (answer.status, answer.closed) == (status, True)
        assert server.received == []


async def test_continue_is_answered():
    """xds-wire 2.5: .NET clients wait for it."""
    async with edge() as server:
        whole = request(envelope(), headers="Expect: 100-continue\r\n")
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(whole[: whole.index(b"<s:Envelope")])
        assert await asyncio.wait_for(reader.readline(), 5) == b"HTTP/1.1 100 Continue\r\n"
        writer.write(whole[whole.index(b"<s:Envelope") :])
        await reader.readline()
        assert (await asyncio.wait_for(read_answer(reader), 5)).status == 200
        writer.close()


async def test_continue_is_not_answered_to_what_is_refused():
    async with edge() as server:
        head = "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head.encode())
        assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 404")
        writer.close()


async def test_m17_pipelining_is_bounded():
    """M17: however many requests come at once, few wait in memory; each gets its answer in turn."""
    gate = asyncio.Event()
    seen = []

    async def dispatch(incoming):
        await gate.wait()
        seen.append(incoming.message.message_id)
        body = write_envelope("urn:r", b"<r/>", relates_to=incoming.message.message_id)
        return Outgoing(proof=PROOF, action="urn:r", body=body, packaging="soap")

    async with edge(dispatch=dispatch) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        count = 10_000
        for number in range(count):
            writer.write(request(envelope(message_id=str(number))))
        await asyncio.sleep(0.2)
        (connection,) = server.server._server.connections
        assert len(connection._messages) <= 100
        assert connection.received < 2 * MIB  # the rest waits in the client
        gate.set()
        for number in range(300):
            answer = await asyncio.wait_for(read_answer(reader), 5)
            assert f"<wsa:RelatesTo>{number}</wsa:RelatesTo>" in answer.text
        assert len(connection._messages) <= 100
        writer.transport.abort()


async def test_m17_t22_connections_of_one_address_are_bounded():
    """M17, T22."""
    async with edge(limits=HttpLimits(connections_per_address=3, watch=0.05)) as server:
        held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(3)]
        for _ in range(50):
            if server.server.connections == 3:
                break
            await asyncio.sleep(0.01)
        assert (await send(server.port, request(envelope()))).status == 0
        # What one address does costs another one nothing: its request is answered meanwhile.
        reader, other = await asyncio.open_connection("127.0.0.1", server.port, local_addr=("127.0.0.2", 0))
        other.write(request(envelope()))
        assert (await read_answer(reader)).status == 200
        other.close()
        held[0][1].close()
        for _ in range(50):
            if server.server.connections < 3:
                break
            await asyncio.sleep(0.01)
        assert (await send(server.port, request(envelope()))).status == 200
        for _, writer in held:
            writer.close()


# --------------------------------------------------------------------------------------------------- addressing


async def test_m18_replayed_message_id():
    """M18: dispatch refuses the second one through the window; reads do not ask it."""
    window = ReplayWindow()

    async def dispatch(incoming):
        message = incoming.message
        if message.action == PROVIDE and window.seen(incoming.caller.fingerprint, message.message_id, time.monotonic()):
            raise duplicate_message_id()
        body = write_envelope("urn:r", b"<r/>", relates_to=message.message_id)
        return Outgoing(proof=PROOF, action="urn:r", body=body, packaging=message.packaging)

    async with edge(dispatch=dispatch) as server:
        assert (await post(server, package(root_part()))).status == 200
        again = await post(server, package(root_part()))
        assert again.status == 400
        assert b"wsa:DuplicateMessageID" in again.body
        assert len(server.refusals) == 1
        assert [(await send(server.port, request(envelope()))).status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(
    "header_name", [pytest.param("ReplyTo", id="M19-ReplyTo"), pytest.param("FaultTo", id="M19-FaultTo")]
)
@pytest.mark.parametrize("where", ["{url}", "http://www.w3.org/2005/08/addressing/none", "mailto:x@y", ""])
async def test_answers_elsewhere(monkeypatch, header_name, where):
    async with edge() as server, canary(monkeypatch, server.port) as watched:
        address = where.format(url=watched.url)
        block = f"<wsa:{header_name}><wsa:Address>{address}</wsa:Address></wsa:{header_name}>"
        whole = envelope(headers=block)
        if header_name == "ReplyTo":
            whole = whole.replace(
                f"<wsa:ReplyTo><wsa:Address>{WSA}/anonymous</wsa:Address></wsa:ReplyTo>".encode(), b""
            )
        answer = await send(server.port, request(whole))
        assert answer.status == 400
        assert "wsa:OnlyAnonymousAddressSupported" in answer.text
        assert watched.reached == []
        assert server.received == []


@pytest.mark.parametrize(
    ("to", "named"),
    [
        pytest.param("https://localhost/iti-18", False, id="M20-ours"),
        pytest.param("https://localhost/iti-18?scope=local", False, id="M20-ours-with-query"),
        pytest.param("https://proxy.example/registry", True, id="M20-another"),
        pytest.param("  https://localhost/iti-18\n ", False, id="M20-padded"),
    ],
)
async def test_to_is_only_counted(to, named):
    async with edge() as server:
        assert (await send(server.port, request(envelope(to=to)))).status == 200
        assert (Leniency.TO_DIFFERS in server.received[0].leniencies) is named


@pytest.mark.parametrize(
    ("block", "good"),
    [
        pytest.param('<h xmlns="urn:h" s:mustUnderstand="1"/>', False, id="M21-1"),
        pytest.param('<h xmlns="urn:h" s:mustUnderstand="true"/>', False, id="M21-true"),
        pytest.param('<h xmlns="urn:h" s:mustUnderstand="0"/>', True, id="M21-0"),
        pytest.param('<h xmlns="urn:h"/>', True, id="M21-none"),
        pytest.param('<h xmlns="urn:h" mustUnderstand="1"/>', True, id="M21-of-no-namespace"),
        pytest.param(
            '<h xmlns="urn:h" s:mustUnderstand="1" s:role="http://www.w3.org/2003/05/soap-envelope/role/next"/>',
            False,
            id="M21-role-next",
        ),
        pytest.param('<h xmlns="urn:h" s:mustUnderstand="1" s:role="urn:other"/>', True, id="M21-another-role"),
        pytest.param(
            '<o:Security xmlns:o="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" '
            's:mustUnderstand="1"/>',
            True,
            id="M21-security",
        ),
        pytest.param(
            '<wsa:From s:mustUnderstand="1"><wsa:Address>x</wsa:Address></wsa:From>', True, id="M21-addressing"
        ),
    ],
)
async def test_must_understand(block, good):
    async with edge() as server:
        answer = await send(server.port, request(envelope(headers=block)))
        assert answer.status == (200 if good else 500)
        if not good:
            assert "<s:Value>s:MustUnderstand</s:Value>" in answer.text
            assert '<s:NotUnderstood xmlns:n="urn:h" qname="n:h"/>' in answer.text


def changed(old: str, new: str) -> bytes:
    whole = envelope().decode()
    assert old in whole
    return whole.replace(old, new).encode()


@pytest.mark.parametrize(
    ("body", "status", "what"),
    [
        pytest.param(
            changed("http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/"),
            500,
            "VersionMismatch",
            id="M22-soap11",
        ),
        pytest.param(
            changed("http://www.w3.org/2003/05/soap-envelope", "urn:x"), 500, "VersionMismatch", id="M22-namespace"
        ),
        pytest.param(b"<html/>", 400, "Sender", id="M22-html"),
        pytest.param(b"", 400, "Sender", id="M22-empty"),
        pytest.param(b" \r\n", 400, "Sender", id="M22-blank"),
        pytest.param(changed("</s:Body>", "</s:Body><s:Body><y/></s:Body>"), 400, "Sender", id="M22-two-bodies"),
        pytest.param(changed("<s:Body>", "<s:Body><y/>"), 400, "Sender", id="M22-two-children"),
        pytest.param(changed("<x xmlns='urn:x'/>", ""), 400, "Sender", id="M22-no-child"),
        pytest.param(changed("</s:Header>", "</s:Header><s:Header/>"), 400, "Sender", id="M22-two-headers"),
        pytest.param(changed("</s:Body>", "</s:Body><y/>"), 400, "Sender", id="M22-more-behind"),
        pytest.param(
            changed("<x xmlns='urn:x'/>", "<x s:encodingStyle='urn:e'/>"), 500, "DataEncodingUnknown", id="M22-encoding"
        ),
        pytest.param(
            changed(f'<wsa:Action s:mustUnderstand="1">{QUERY}</wsa:Action>', ""),
            400,
            "wsa:MessageAddressingHeaderRequired",
            id="M22-no-action",
        ),
        pytest.param(
            changed("</s:Header>", f"<wsa:Action>{QUERY}</wsa:Action></s:Header>"),
            400,
            "wsa:InvalidCardinality",
            id="M22-two-actions",
        ),
        pytest.param(
            changed("</s:Header>", "<wsa:MessageID>urn:2</wsa:MessageID></s:Header>"),
            400,
            "wsa:InvalidCardinality",
            id="M22-two-ids",
        ),
        pytest.param(
            changed(f"<wsa:Address>{WSA}/anonymous</wsa:Address>", ""),
            400,
            "wsa:MissingAddressInEPR",
            id="M22-no-address",
        ),
        pytest.param(envelope(message_id="x" * 1025), 400, "wsa:InvalidAddress", id="M22-long-id"),
    ],
)
async def test_envelopes(body, status, what):
    async with edge() as server:
        answer = await send(server.port, request(body))
        assert (answer.status, what in answer.text) == (status, True)
        assert len(server.refusals) == 1
        assert server.received == []


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        pytest.param("text/xml; charset=utf-8", 500, id="M22-text-xml"),
        pytest.param("application/json", 415, id="M22-json"),
        pytest.param("", 415, id="M22-no-type"),
        pytest.param("application/xop+xml", 415, id="M22-xop"),
        pytest.param("multipart/form-data; boundary=B", 415, id="M22-form"),
        pytest.param("a" * 5000, 415, id="M22-long-type"),
    ],
)
async def test_content_types(content_type, status):
    async with edge() as server:
        answer = await send(server.port, request(envelope(), content_type=content_type))
        assert answer.status == status
        assert server.received == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND"])
async def test_m24_methods(method):
    """M24."""
    target = "localhost:443" if method == "CONNECT" else "/iti-18"
    async with edge() as server:
        answer = await send(
            server.port,
            f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nX-HTTP-Method-Override: POST\r\n\r\n".encode(),
        )
        assert answer.status == 405
        assert answer.headers["allow"] == "POST"
        assert answer.body == b""
        assert len(server.refusals) == 1


@pytest.mark.parametrize(
    "path", ["/", "/iti-99", "/iti-18/", "/ITI-18", "//iti-18", "/%69ti-18", "/iti-18%00", "/../iti-18"]
)
async def test_unknown_paths(path):
    async with edge() as server:
        assert (await send(server.port, request(envelope(), path=path))).status == 404
        assert server.received == []


# ---------------------------------------------------------------------------------------------- what we write


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\rb", "a\0b", "ä", "a\x7fb"])
def test_i8_no_header_can_be_split(value):
    """I8."""
    with pytest.raises(ValueError, match="cannot be written"):
        header("X-Test", value)
    with pytest.raises(ValueError, match="cannot be written"):
        header(f"X{value}", "a")
    with pytest.raises(ValueError, match="content id"):
        MtomWriter("B", "root").part(value, "text/plain")
    assert MtomWriter("B", "root").part("d@x", value).count(b"\r\n") == 6
    with pytest.raises(ValueError, match="boundary"):
        MtomWriter(value, "root")


async def test_i8_no_value_of_a_request_splits_the_answer():
    """I8: what the client chose comes back escaped, in the body only."""
    hostile = "urn:x&#13;&#10;Set-Cookie: a=b&#13;&#10;&#13;&#10;&lt;script&gt;"
    async with edge() as server:
        answer = await send(server.port, request(envelope(message_id=hostile)))
        assert answer.status == 200
        assert "set-cookie" not in answer.headers
        root = etree.fromstring(answer.body)
        assert root.findtext(f".//{{{WSA}}}RelatesTo") == "urn:x\r\nSet-Cookie: a=b\r\n\r\n<script>"


# ------------------------------------------------------------------------------------------------------- TLS edge


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def server_tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1", "other.example").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture
def client_tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    authority.issue_cert("client").configure_cert(context)
    return context


@pytest.mark.parametrize(
    ("name", "host", "status"),
    [
        pytest.param("localhost", "localhost", 200, id="T16-right"),
        pytest.param("localhost", "localhost:18000", 200, id="T16-with-port"),
        pytest.param("localhost", "LOCALHOST", 200, id="T16-capitals"),
        pytest.param("127.0.0.1", "127.0.0.1", 200, id="T16-address-sends-no-name"),
        pytest.param("127.0.0.1", "localhost", 200, id="T16-no-name"),
        pytest.param("localhost", "127.0.0.1", 421, id="T16-host-is-not-the-name"),
        pytest.param("localhost", "evil.example", 421, id="T16-wrong-host"),
        pytest.param("other.example", "other.example", 421, id="T16-wrong-name"),
        pytest.param("other.example", "localhost", 421, id="T16-wrong-name-right-host"),
        pytest.param("localhost", "local host", 400, id="T16-no-host-at-all"),
        pytest.param("localhost", "localhost@evil", 400, id="T16-userinfo"),
    ],
)
async def test_t24_server_name_and_host(server_tls, client_tls, name, host, status):
    async with edge(tls=server_tls) as server:
        answer = await send(server.port, request(envelope(), host=host), tls=client_tls, name=name)
        assert answer.status == status
        assert len(server.refusals) == (status != 200)


async def test_plain_http_on_the_tls_port(server_tls):
    """T24."""
    async with edge(tls=server_tls) as server:
        assert (await send(server.port, request(envelope()))).status == 0
        assert server.received == []
        assert server.server.connections == 0


async def test_t24_proxy_line_before_tls(server_tls):
    """T24."""
    async with edge(tls=server_tls) as server:
        assert (await send(server.port, b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n" + request(envelope()))).status == 0
    async with edge() as server:
        answer = await send(server.port, b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n" + request(envelope()))
        assert answer.status == 400
        assert server.received == []


async def test_t24_forged_proxy_headers(server_tls, client_tls):
    """T24: address and certificate are those of the connection."""
    forged = (
        "X-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Host: evil.example\r\nForwarded: for=10.9.9.9;host=evil\r\n"
        "X-Real-IP: 10.9.9.9\r\nX-SSL-Client-Cert: AAAA\r\nX-SSL-Client-Verify: SUCCESS\r\n"
    )
    async with edge(tls=server_tls) as server:
        answer = await send(server.port, request(envelope(), headers=forged), tls=client_tls)
        assert answer.status == 200
        incoming = server.received[0].incoming
        assert incoming.address == "127.0.0.1"
        assert len(incoming.caller.fingerprint) == 64
