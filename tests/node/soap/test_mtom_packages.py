"""Packages: what is written can be read, however the network cuts it, and what other systems do to them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.soap.faults import SoapFault
from node.soap.inline import SHORTEST, InlineData, InlineEnd, InlineStart, RootReader
from node.soap.leniencies import Leniency
from node.soap.limits import REQUEST, MimeLimits
from node.soap.mime import boundary_of, read_media_type
from node.soap.mtom import End, MtomWriter, MultipartReader, PartData, PartEnd, PartStart

TYPE = read_media_type("multipart/related; boundary=B")


def read(whole: bytes, *, step: int = 1 << 30, reader: MultipartReader | None = None):
    """[(content id, type, bytes)] of a package."""
    reader = reader or MultipartReader(TYPE, MimeLimits())
    parts, ended = [], 0
    for position in range(0, len(whole), step):
        for event in reader.feed(whole[position : position + step]):
            if isinstance(event, PartStart):
                parts.append([event.headers.content_id, event.headers.media_type.name, b"", False])
            elif isinstance(event, PartData):
                assert event.data
                parts[-1][2] += event.data
            elif isinstance(event, PartEnd):
                parts[-1][3] = True
            elif isinstance(event, End):
                ended += 1
    reader.finish()
    assert ended == 1
    assert all(part[3] for part in parts)
    return [tuple(part[:3]) for part in parts]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=5), st.binary(max_size=300), st.integers(1, 700))
def test_what_is_written_can_be_read(documents, envelope, step):
    boundary = "MIMEBoundary_0f3b7c1e"
    writer = MtomWriter(boundary, "root")
    whole = writer.root(envelope)
    for number, content in enumerate(documents):
        whole += writer.part(f"d{number}@x", "text/plain") + content
    whole += writer.tail()
    media_type = read_media_type(writer.content_type)
    assert media_type.parameter("start") == "<root>"
    reader = MultipartReader(media_type, MimeLimits())
    expected = [("root", "application/xop+xml", envelope)]
    expected += [(f"d{number}@x", "text/plain", content) for number, content in enumerate(documents)]
    assert read(whole, step=step, reader=reader) == expected
    assert reader.leniencies == set()


PARTS = [("a", "text/plain", b"one\r\n"), ("b", "application/octet-stream", b"")]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("whole", "leniency"),
    [
        (
            b"--B\r\nContent-Type: text/plain\r\nContent-ID: <a>\r\n\r\none\r\n\r\n--B\r\nContent-ID: b\r\n\r\n\r\n--B--\r\n",
            Leniency.CONTENT_ID_WITHOUT_BRACKETS,
        ),
        (
            b"--B\r\nContent-Type: text/plain\r\nContent-ID: <a>\r\n\r\none\r\n\r\n--B\r\nContent-ID: <b>\r\n\r\n--B--",
            None,
        ),
        (
            b"--B\nContent-Type: text/plain\nContent-ID: <a>\n\none\r\n\n--B\nContent-ID: <b>\n\n\n--B--\n",
            Leniency.LINE_FEED_ONLY,
        ),
        (
            b"hello\r\n--B  \t\r\ncontent-type:\r\n text/plain;\r\n\tcharset=x\r\nCONTENT-ID : < a >\r\n\r\none\r\n\r\n--B\r\nContent-ID: <b>\r\n\r\n\r\n--B--\r\nbye",
            Leniency.FOLDED_HEADER,
        ),
        (
            b"\r\n--B\r\nContent-Type: text/plain\r\nContent-ID: <a>\r\n\r\none\r\n\r\n--B\r\nContent-ID: <b>\r\n\r\n\r\n--B--\r\n\r\n",
            None,
        ),
    ],
)
def test_forms_of_the_field(whole, leniency, step):
    reader = MultipartReader(TYPE, MimeLimits())
    assert read(whole, step=step, reader=reader) == PARTS
    assert reader.leniencies - {Leniency.TRANSFER_ENCODING_MISSING, Leniency.TEXT_AROUND_PARTS} == (
        {leniency} if leniency else set()
    )


@pytest.mark.parametrize("step", [1, 1000])
@pytest.mark.parametrize(
    "whole", [b"", b"x", b"--B", b"--B-", b"--B\r\n", b"--B\r\n\r\n", b"--B\r\n\r\nx\r\n--B", b"--C--\r\n"]
)
def test_a_package_without_its_end(whole, step):
    with pytest.raises(SoapFault):
        read(whole, step=step)


def test_documents_pass_without_copies_per_byte():
    """One large part arrives in two pieces for each that was fed: what might have been a boundary, and the rest."""
    reader = MultipartReader(TYPE, MimeLimits())
    whole = b"--B\r\nContent-ID: <a>\r\n\r\n" + b"\r\n--" * 2_500_000 + b"\r\n--B--\r\n"
    step = 256 * 1024
    pieces = [
        event
        for position in range(0, len(whole), step)
        for event in reader.feed(whole[position : position + step])
        if isinstance(event, PartData)
    ]
    assert sum(len(piece.data) for piece in pieces) == 10_000_000
    assert len(pieces) <= 2 * (len(whole) // step) + 2


@pytest.mark.parametrize(
    ("text", "name", "parameters"),
    [
        ("text/xml", "text/xml", {}),
        ("TEXT/XML;CHARSET=UTF-8", "text/xml", {"charset": "UTF-8"}),
        ('a/b; x="1;2"; y = z ; z', "a/b", {"x": "1;2", "y": "z"}),
        ('a/b; x="a\\"b\\\\"', "a/b", {"x": 'a"b\\'}),
        (
            "multipart/related;type=application/xop+xml;boundary=uuid:1+id=2",
            "multipart/related",
            {"type": "application/xop+xml", "boundary": "uuid:1+id=2"},
        ),
        ("a/b; x=1; x=2", "a/b", {"x": "1"}),
        ('a/b; charset=UTF-8"', "a/b", {}),
        ("a/b;;; x=1", "a/b", {"x": "1"}),
    ],
)
def test_media_types(text, name, parameters):
    found = read_media_type(text)
    assert found.name == name
    assert {key: found.parameters.get(key) for key in parameters} == parameters


@pytest.mark.parametrize("text", ["", "text", "/xml", "text/", ";boundary=B", "a/b" + ";x=1" * 2000])
def test_no_media_type(text):
    with pytest.raises(SoapFault):
        read_media_type(text)


@given(st.text(max_size=200))
def test_any_text_is_a_media_type_or_a_fault(text):
    try:
        boundary_of(read_media_type("multipart/related" + text))
    except SoapFault as fault:
        assert fault.status in (400, 415)  # noqa: PT017


SMALL = MimeLimits(inline=1_000_000, inline_from=100_000)


def run(root: bytes, step: int) -> tuple[bytes, list[bytes], RootReader]:
    reader = RootReader(REQUEST, SMALL)
    documents: list[bytes] = []
    open_ = False
    for position in range(0, len(root), step):
        for event in reader.feed(root[position : position + step]):
            if isinstance(event, InlineStart):
                assert not open_
                assert event.number == len(documents)
                documents.append(b"")
                open_ = True
            elif isinstance(event, InlineData):
                documents[-1] += event.data
            elif isinstance(event, InlineEnd):
                open_ = False
    kept = reader.finish()
    assert not open_
    return kept, documents, reader


@pytest.mark.parametrize("step", [1000, 16_384, 65_537, 1 << 20])
def test_large_documents_leave_the_root(step):
    import base64
    from hashlib import sha256

    one, other = bytes(range(256)) * 400, b"\0" * 300_000
    short = b"A" * (SHORTEST - 4)
    root = (
        b"<e><d>"
        + base64.b64encode(one)
        + b"</d><f>"
        + short
        + b"</f><d>\r\n"
        + base64.encodebytes(other)
        + b"</d></e>"
    )
    kept, documents, reader = run(root, step)
    assert documents == [one, other]
    assert kept == b"<e><d>*inline-0*</d><f>" + short + b"</f><d>*inline-1*</d></e>"
    assert reader.placeholders == ["*inline-0*", "*inline-1*"]
    assert (reader.size, reader.sha256) == (len(root), sha256(root).digest())


@given(
    st.lists(st.sampled_from([b">", b"<", b"A" * 1000, b"=", b" ", b"&", b"A" * SHORTEST]), max_size=8),
    st.integers(5000, 100_000),
)
@settings(deadline=None, max_examples=40)
def test_what_is_no_document_stays(pieces, step):
    root = b"<x>!" + b"!" * 100_000 + b"".join(pieces) + b"</x>"
    try:
        kept, documents, _ = run(root, step)
    except SoapFault:
        return
    if not documents:
        assert kept == root


def test_small_roots_are_not_searched():
    root = b"<d>" + b"QUFB" * 20_000 + b"</d>"
    kept, documents, reader = run(root, 1000)
    assert (kept, documents, reader.placeholders) == (root, [], [])
