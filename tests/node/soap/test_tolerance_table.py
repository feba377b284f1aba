"""Messages as they were seen in the field, one for each row of xds-wire 2.5 and 2.1: read all the same, and named.

A row of the table is a leniency with a recorded message, or what a reader of MIME and HTTP does anyway; none is missing.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

import pytest

from node.federation.quirks import faults, read
from node.http.reading import PackageReader
from node.soap.faults import SoapFault
from node.soap.leniencies import EVERY, NAMES, WHAT_IS_DONE, Leniency, refuse
from node.soap.mime import read_media_type
from registry.ebrim.tolerances import Tolerance
from registry.errors import XdsErrors
from tests.shared import SHARED, needs_shared

CONTENT = b"Hello XDS"
TYPE = (
    'multipart/related; boundary="B"; type="application/xop+xml"; start="<root@x>"; start-info="application/soap+xml"'
)
ROOT = b'Content-Type: application/xop+xml; charset=UTF-8; type="application/soap+xml"\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <root@x>'
PART = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <d@x>"
INCLUDE = '<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:{}"/>'
MESSAGE_ID = "<wsa:MessageID>urn:uuid:1c6d5c4e-0f6a-4d3b-8a3e-2b7f1f1f9c01</wsa:MessageID>"
ACTION = '<wsa:Action s:mustUnderstand="1">urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b</wsa:Action>'
REPLY_TO = "<wsa:ReplyTo><wsa:Address>http://www.w3.org/2005/08/addressing/anonymous</wsa:Address></wsa:ReplyTo>"


def envelope(document: str = INCLUDE.format("d@x"), headers: str = ACTION + MESSAGE_ID + REPLY_TO) -> bytes:
    return (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://www.w3.org/2005/08/addressing">'
        f'<s:Header>{headers}</s:Header><s:Body><xds:ProvideAndRegisterDocumentSetRequest xmlns:xds="urn:ihe:iti:xds-b:2007">'
        f'<xds:Document id="D">{document}</xds:Document></xds:ProvideAndRegisterDocumentSetRequest></s:Body></s:Envelope>'
    ).encode()


def package(*parts: tuple[bytes, bytes], before: bytes = b"", after: bytes = b"\r\n") -> bytes:
    """Parts as (headers, content); the last boundary closes."""
    text = b"".join(b"--B\r\n" + headers + b"\r\n\r\n" + content + b"\r\n" for headers, content in parts)
    return before + text + b"--B--" + after


GOOD = package((ROOT, envelope()), (PART, CONTENT))


@dataclass
class Recorded:
    """What came; `documents` is what must be read of it."""

    body: bytes = GOOD
    type: str = TYPE
    documents: tuple[bytes, ...] = (CONTENT,)
    beside: frozenset[Leniency] = frozenset()  # what such a message shows besides


def root(**more: str) -> bytes:
    return package((ROOT, envelope(**more)), (PART, CONTENT))


BARE = ROOT.replace(b"<root@x>", b"root@x")
RECORDED: dict[Leniency, Recorded] = {
    Leniency.ACTION_NOT_MUST_UNDERSTAND: Recorded(root(headers=ACTION.replace(' s:mustUnderstand="1"', "") + MESSAGE_ID + REPLY_TO)),
    Leniency.BARE_XML_IN_MULTIPART: Recorded(envelope(base64.b64encode(CONTENT).decode()), beside=frozenset({Leniency.INLINE_DOCUMENT})),
    Leniency.CONTENT_ID_WITHOUT_BRACKETS: Recorded(GOOD.replace(b"<d@x>", b"d@x")),
    Leniency.ENCODED_PART: Recorded(package((ROOT, envelope()), (PART.replace(b"binary", b"base64"), base64.b64encode(CONTENT)))),
    Leniency.FOLDED_HEADER: Recorded(GOOD.replace(b"Content-Type: text/plain", b"Content-Type: text/plain;\r\n charset=UTF-8")),
    Leniency.INLINE_DOCUMENT: Recorded(package((ROOT, envelope(base64.b64encode(CONTENT).decode())))),
    Leniency.LINE_FEED_ONLY: Recorded(GOOD.replace(b"\r\n", b"\n")),
    Leniency.MESSAGE_ID_MISSING: Recorded(root(headers=ACTION + REPLY_TO)),
    Leniency.MESSAGE_ID_NOT_UUID: Recorded(root(headers=ACTION + MESSAGE_ID.replace("urn:uuid:1c6d5c4e-0f6a-4d3b-8a3e-2b7f1f1f9c01", "urn:uuid:76A2C3D9BCD3AECFF31217932910053") + REPLY_TO)),
    Leniency.PADDED_ADDRESS: Recorded(root(headers=ACTION.replace("urn:ihe", "\n   urn:ihe") + MESSAGE_ID + REPLY_TO)),
    Leniency.PART_NOT_REFERENCED: Recorded(package((ROOT, envelope()), (PART, CONTENT), (PART.replace(b"d@x", b"e@x"), b"x"))),
    Leniency.REPLY_TO_MISSING: Recorded(root(headers=ACTION + MESSAGE_ID)),
    Leniency.ROOT_NOT_FIRST: Recorded(package((PART, CONTENT), (ROOT, envelope()))),
    Leniency.ROOT_TYPE: Recorded(type=TYPE.replace('type="application/xop+xml"', "type=TEXT/XML")),
    Leniency.START_MISSING: Recorded(type=TYPE.replace(' start="<root@x>";', "")),
    Leniency.START_UNKNOWN: Recorded(type=TYPE.replace("<root@x>", "<0.urn:uuid:76A2C3D9BCD3AECFF31217932910053@apache.org>")),
    Leniency.START_WITHOUT_BRACKETS: Recorded(type=TYPE.replace("<root@x>", "root@x")),
    Leniency.TEXT_AROUND_PARTS: Recorded(package((ROOT, envelope()), (PART, CONTENT), before=b"This is a multi-part message.\r\n", after=b"\r\nend of it")),
    Leniency.TRANSFER_ENCODING_MISSING: Recorded(GOOD.replace(b"text/plain\r\nContent-Transfer-Encoding: binary\r\n", b"text/plain\r\n")),
    Leniency.XOP_OUTSIDE_DOCUMENT: Recorded(
        package((ROOT, envelope(headers=ACTION + MESSAGE_ID + REPLY_TO + f"<h>{INCLUDE.format('cert@x')}</h>")), (PART, CONTENT), (PART.replace(b"d@x", b"cert@x"), b"x")),
        beside=frozenset({Leniency.PART_NOT_REFERENCED}),
    ),
    Leniency.XOP_WHITESPACE: Recorded(root(document=f"\n   {INCLUDE.format('d@x')}\n  ")),
}  # fmt: skip
AT_THE_EDGE = {Leniency.TO_DIFFERS}  # it takes a Host to see it: tests/attacks/test_http_attacks.py
OF_ANSWERS = {
    Leniency.RELATES_TO_MISSING,
    Leniency.PLAIN_ANSWER,
    Leniency.EBXML_PARTIAL_SUCCESS,
}  # tests/end_to_end/test_peer_faults.py


class Early:
    """A place in memory for a part that came before the root."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def finish(self) -> None:
        pass

    def frames(self):
        yield self.data

    def close(self) -> None:
        pass


async def received(recorded: Recorded, size: int) -> tuple[set[Leniency], tuple[bytes, ...]]:
    pieces = [recorded.body[place : place + size] for place in range(0, len(recorded.body), size)]

    async def chunk() -> bytes:
        return pieces.pop(0) if pieces else b""

    reader = PackageReader(chunk, read_media_type(recorded.type), Early)
    message = await reader.message()
    documents = [b"".join([bytes(part) async for part in chunks]) async for _, chunks in reader.documents()]
    return set(message.leniencies), tuple(documents)


def test_every_leniency_has_a_recorded_message() -> None:
    of_content = {Leniency(one) for one in Tolerance}  # tests/pitfalls/test_tolerances.py
    assert set(RECORDED) | AT_THE_EDGE | OF_ANSWERS | of_content == set(Leniency) == set(WHAT_IS_DONE)


async def test_a_message_without_deviation_shows_none() -> None:
    assert await received(Recorded(), 1 << 20) == (set(), (CONTENT,))


@pytest.mark.parametrize("size", [1 << 20, 64, 7, 1], ids=lambda size: f"in pieces of {size}")
@pytest.mark.parametrize("leniency", RECORDED)
async def test_what_deviates_is_read_and_named(leniency: Leniency, size: int) -> None:
    recorded = RECORDED[leniency]
    assert await received(recorded, size) == ({leniency, *recorded.beside}, recorded.documents)


@pytest.mark.parametrize("size", [1 << 20, 1])
@pytest.mark.parametrize(
    ("encoding", "content", "deviations"),
    [
        ("8bit", CONTENT, set()),
        ("7bit", CONTENT, set()),
        ("Quoted-Printable", b"Hello=20X=\r\nDS", {Leniency.ENCODED_PART}),
        ("BASE64", b"SGVsbG8g\r\nWERT", {Leniency.ENCODED_PART}),
    ],
)
async def test_transfer_encodings(encoding: str, content: bytes, deviations: set[Leniency], size: int) -> None:
    part = PART.replace(b"binary", encoding.encode())
    assert await received(Recorded(package((ROOT, envelope()), (part, content))), size) == (deviations, (CONTENT,))


@pytest.mark.parametrize("leniency", NAMES)
def test_each_can_be_refused_of_one_community(leniency: str) -> None:
    found = {Leniency(leniency)}
    for row in ((leniency,), f"start-missing, {leniency}", EVERY):
        given = {"refused_leniencies": row}
        assert list(faults(given)) == []
        with pytest.raises(XdsErrors if leniency in set(Tolerance) else SoapFault, match=leniency):
            refuse(found, read(given).refused_leniencies)
    refuse(found, read({}).refused_leniencies)
    refuse(found, tuple(other for other in NAMES if other != leniency))


def test_a_name_that_is_none_is_a_fault_of_the_description() -> None:
    (fault,) = faults({"refused_leniencies": ("message-id-missing", "no-such-thing")})
    assert "message-id-missing" in fault, "the fault names those that there are"


# What a reader of MIME and HTTP does anyway; the test that shows it.
ORDINARY = "ordinary"
ROWS = {
    "`start` missing": Leniency.START_MISSING,
    "`start` without `<>`": Leniency.START_WITHOUT_BRACKETS,
    "`start` differs from root Content-ID": Leniency.START_UNKNOWN,
    "`start-info` missing": ORDINARY,
    "`type` unquoted": Leniency.ROOT_TYPE,
    "folded header": Leniency.FOLDED_HEADER,
    "boundary quoted / unquoted": ORDINARY,
    "LF-only line ends": Leniency.LINE_FEED_ONLY,
    "attachment lacks Content-Transfer-Encoding": Leniency.TRANSFER_ENCODING_MISSING,
    "Content-ID without `<>`": Leniency.CONTENT_ID_WITHOUT_BRACKETS,
    "attachment Content-Type `application/octet-stream`": ORDINARY,
    "XOP used outside `xds:Document`": Leniency.XOP_OUTSIDE_DOCUMENT,
    "Reply to an MTOM request as plain": Leniency.PLAIN_ANSWER,
    "`Transfer-Encoding: chunked`": ORDINARY,
    "HTTP `Content-Type` `multipart/related` but body is bare XML": Leniency.BARE_XML_IN_MULTIPART,
}


@needs_shared
def test_no_row_of_the_table_is_missing() -> None:
    assert SHARED is not None
    text = (SHARED / "ihe" / "xds-wire.md").read_text(encoding="utf-8")
    table = text.partition("Receiver tolerance list")[2].partition("\n\n")[0]
    found = [line.split("|")[1].strip() for line in table.splitlines()[1:] if line.startswith("|")][2:]
    assert len(found) == len(ROWS)
    for row in found:
        assert [name for name in ROWS if row.startswith(name)], row


@pytest.mark.parametrize(
    ("type_", "body"),
    [
        pytest.param(TYPE.replace('; start-info="application/soap+xml"', ""), GOOD, id="no start-info"),
        pytest.param(TYPE.replace('"application/soap+xml"', '"application/soap+xml; action=\\"urn:x\\""'), GOOD, id="action in start-info"),
        pytest.param(TYPE.replace('boundary="B"', "boundary=B"), GOOD, id="boundary unquoted"),
        pytest.param(TYPE.replace('"B"', '"_=B"'), GOOD.replace(b"--B", b"--_=B"), id="boundary with = and _"),
        pytest.param(TYPE, GOOD.replace(b"text/plain", b'text/plain; charset=UTF-8"'), id="a quote behind the type of a part"),
        pytest.param(TYPE, GOOD.replace(b"Content-ID: <d", b"content-id: <d"), id="header names in lower case"),
    ],
)  # fmt: skip
async def test_what_is_no_deviation(type_: str, body: bytes) -> None:
    for size in (1 << 20, 7):
        assert await received(Recorded(body, type_), size) == (set(), (CONTENT,))
