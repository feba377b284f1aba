"""Rows X1 to X18 of the attack catalogue (X9 and X15 need signatures): hostile XML against the real listener."""

from __future__ import annotations

import resource
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.soap.faults import SoapFault
from node.soap.message import Message, parse, read_envelope
from tests.attacks.outbound import canary
from tests.node.http.edge import Answer, edge, envelope, request, send

ID = "urn:uuid:1c6d5c4e-0f6a-4d3b-8a3e-2b7f1f1f9c01"


async def answered(body: bytes, content_type: str = "application/soap+xml; charset=UTF-8") -> Answer:
    """Send one envelope; a refusal must be on record before its fault leaves."""
    async with edge() as server:
        answer = await send(server.port, request(body, content_type=content_type))
        assert (len(server.refusals) == 1) == (answer.status != 200)
        return answer


async def refused(body: bytes, status: int = 400, content_type: str = "application/soap+xml; charset=UTF-8") -> str:
    answer = await answered(body, content_type)
    assert answer.status == status, answer.text
    assert "soap/fault" in answer.text
    return answer.text


def declared(declaration: str, body: str = "&x;") -> bytes:
    return declaration.encode() + envelope(f"<x>{body}</x>")


@pytest.mark.parametrize(
    "subset",
    [
        pytest.param('<!ENTITY x SYSTEM "file://{file}">', id="X1-general-entity"),
        pytest.param('<!ENTITY % x SYSTEM "file://{file}"> %x;', id="X1-parameter-entity"),
        pytest.param('<!ENTITY x PUBLIC "a" "file://{file}">', id="X1-public"),
    ],
)
async def test_external_entity_of_a_file(tmp_path, subset):
    secret = tmp_path / "secret.txt"
    secret.write_text("CANARY-7731")
    text = await refused(declared(f"<!DOCTYPE x [{subset.format(file=secret)}]>"))
    assert "CANARY" not in text


@pytest.mark.parametrize(
    "prolog",
    [
        pytest.param('<!DOCTYPE x [<!ENTITY x SYSTEM "{url}">]>', id="X2-entity"),
        pytest.param('<!DOCTYPE x [<!ENTITY % p SYSTEM "{url}"> %p;]>', id="X2-parameter-entity"),
        pytest.param('<!DOCTYPE x SYSTEM "{url}">', id="X2-external-dtd"),
        pytest.param('<?xml version="1.0"?><!-- c --><!DOCTYPE x PUBLIC "p" "{url}">', id="X2-public-dtd"),
    ],
)
async def test_external_entity_of_a_url(monkeypatch, prolog):
    async with edge() as server, canary(monkeypatch, server.port) as watched:
        answer = await send(server.port, request(declared(prolog.format(url=watched.url))))
        assert answer.status == 400
        assert watched.reached == []


@pytest.mark.parametrize(
    "subset",
    [
        pytest.param(
            '<!ENTITY a "ha">'
            + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghx", strict=True)),
            id="X3-billion-laughs",
        ),
        pytest.param(f'<!ENTITY x "{"a" * 100_000}">', id="X3-quadratic"),
    ],
)
async def test_expanding_entities(subset):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    await refused(declared(f"<!DOCTYPE x [{subset}]>", "&x;" * 1000))
    assert time.monotonic() - began < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024


@pytest.mark.parametrize(
    "prolog",
    [
        pytest.param("<!DOCTYPE x>", id="X4-empty"),
        pytest.param('<!DOCTYPE x [<!ENTITY x "harmless">]>', id="X4-internal-entity"),
        pytest.param("<!DOCTYPE x [<!ATTLIST x a CDATA 'default'>]>", id="X4-default-attribute"),
        pytest.param("\n \n<!-- --><!DOCTYPE\nx>", id="X4-behind-comment"),
    ],
)
async def test_any_document_type_declaration(prolog):
    await refused(declared(prolog, ""))


@pytest.mark.parametrize(
    ("depth", "status"),
    [
        pytest.param(61, 200, id="X5-61"),
        pytest.param(62, 413, id="X5-62"),  # two levels of the envelope and the element itself come on top
        pytest.param(300, 400, id="X5-300"),
        pytest.param(5000, 400, id="X5-5000"),
    ],
)
async def test_depth(depth, status):
    body = "<x>" + "<y>" * depth + "</y>" * depth + "</x>"
    assert (await answered(envelope(body))).status == status


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        pytest.param("".join(f" a{k}=''" for k in range(64)), 200, id="X6-64-attributes"),
        pytest.param("".join(f" a{k}=''" for k in range(65)), 413, id="X6-65-attributes"),
        pytest.param("".join(f" a{k}=''" for k in range(10_000)), 413, id="X6-10000-attributes"),
        pytest.param("".join(f" xmlns:n{k}='urn:{k}'" for k in range(32)), 200, id="X6-32-namespaces"),
        pytest.param("".join(f" xmlns:n{k}='urn:{k}'" for k in range(33)), 413, id="X6-33-namespaces"),
        pytest.param("".join(f" xmlns:n{k}='urn:{k}'" for k in range(10_000)), 413, id="X6-10000-namespaces"),
        pytest.param("".join(f"\n\ta{k}\n=\n'>'" for k in range(65)), 413, id="X6-spread-over-lines"),
        pytest.param(f" a='{'x' * 10_000_000}'", 413, id="X6-10MB-attribute"),
    ],
)
async def test_wide_elements(attributes, status):
    assert (await answered(envelope(f"<x{attributes}/>"))).status == status


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([f"<n{k}/>" for k in range(50_000)], id="X7-elements"),
        pytest.param([f"<n a{k}=''/>" for k in range(50_000)], id="X7-attributes"),
        pytest.param([f"<{'ab' * 20}{k:0>8}/>" for k in range(20_000)], id="X7-common-prefix"),
    ],
)
async def test_many_names_take_bounded_time(names):
    began = time.monotonic()
    await answered(envelope("<x>" + "".join(names) + "</x>"))
    assert time.monotonic() - began < 10


def test_x7_names_do_not_fill_the_memory_for_ever():
    """X7: libxml2 keeps each name for the life of a thread; names beyond a bound live in a thread that ends."""
    name = "n" * 100

    def load(number: int) -> None:
        parse(f"<x>{''.join(f'<{name}{number}-{k}/>' for k in range(500))}</x>".encode())

    for number in range(40):  # fills the bounded vocabulary
        load(number)
    before = _resident()
    for number in range(40, 840):
        load(number)
    assert _resident() - before < 20 * 1024 * 1024  # the names alone are 45 MB


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


async def test_x8_xinclude_in_a_header_is_refused():
    """X8."""
    inside = '<h xmlns="urn:h"><xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd"/></h>'
    await refused(envelope(headers=inside))


async def test_x8_xinclude_in_the_body_is_not_processed(tmp_path):
    """X8."""
    secret = tmp_path / "secret.xml"
    secret.write_text("<canary/>")
    async with edge() as server:
        body = f'<x><xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{secret}"/></x>'
        answer = await send(server.port, request(envelope(body)))
        assert answer.status == 200
        seen = server.received[0].incoming.message.body
        assert [child.tag for child in seen] == ["{http://www.w3.org/2001/XInclude}include"]


async def test_x10_schema_location_is_not_fetched(monkeypatch):
    """X10."""
    async with edge() as server, canary(monkeypatch, server.port) as watched:
        location = f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:x {watched.url}"'
        answer = await send(server.port, request(envelope(f'<x xmlns="urn:x" {location}/>')))
        assert answer.status == 200
        assert watched.reached == []


TEXT = envelope("<x>é</x>").decode()
SOAP = "application/soap+xml"


@pytest.mark.parametrize(
    ("body", "content_type", "good"),
    [
        pytest.param(TEXT.encode(), SOAP, True, id="X11-utf8"),
        pytest.param(TEXT.encode(), SOAP + '; charset="utf-8"', True, id="X11-utf8-quoted"),
        pytest.param(b"\xef\xbb\xbf" + TEXT.encode(), SOAP + "; charset=UTF-8", True, id="X11-utf8-mark"),
        pytest.param(("<?xml version='1.0' encoding='utf-8'?>" + TEXT).encode(), SOAP, True, id="X11-utf8-declared"),
        pytest.param(TEXT.encode("utf-16"), SOAP + "; charset=UTF-16", True, id="X11-utf16"),
        pytest.param(("\ufeff" + TEXT).encode("utf-16-be"), SOAP, True, id="X11-utf16-be"),
        pytest.param(
            ('<?xml version="1.0" encoding="UTF-16"?>' + TEXT).encode("utf-16"), SOAP, True, id="X11-utf16-declared"
        ),
        pytest.param(TEXT.encode("utf-16-le"), SOAP, False, id="X11-utf16-without-mark"),
        pytest.param(TEXT.encode("utf-16"), SOAP + "; charset=utf-8", False, id="X11-utf16-said-utf8"),
        pytest.param(TEXT.encode(), SOAP + "; charset=utf-16", False, id="X11-utf8-said-utf16"),
        pytest.param(TEXT.encode(), SOAP + "; charset=iso-8859-1", False, id="X11-charset-latin1"),
        pytest.param(
            ('<?xml version="1.0" encoding="ISO-8859-1"?>' + TEXT).encode("latin-1"), SOAP, False, id="X11-latin1"
        ),
        pytest.param(('<?xml version="1.0" encoding="UTF-7"?>' + TEXT).encode("utf-7"), SOAP, False, id="X11-utf7"),
        pytest.param(('<?xml version="1.0" encoding="cp037"?>' + TEXT).encode("cp037"), SOAP, False, id="X11-ebcdic"),
        pytest.param(TEXT.encode("utf-32"), SOAP, False, id="X11-utf32"),
        pytest.param(
            ('<?xml version="1.0" encoding="UTF-16"?>' + TEXT).encode(), SOAP, False, id="X11-declared-otherwise"
        ),
        pytest.param(
            b"\xef\xbb\xbf" + ('<?xml version="1.0" encoding="UTF-16"?>' + TEXT).encode(),
            SOAP,
            False,
            id="X11-mark-and-declaration-differ",
        ),
        pytest.param(('<?xml version="1.1"?>' + TEXT).encode(), SOAP, False, id="X11-xml-1.1"),
    ],
)
async def test_encodings(body, content_type, good):
    assert (await answered(body, content_type)).status == (200 if good else 400)


@pytest.mark.parametrize(
    "inside",
    [
        pytest.param(b"<x>\x00</x>", id="X12-nul"),
        pytest.param(b"<x>\x0b</x>", id="X12-control"),
        pytest.param(b"<x>&#0;</x>", id="X12-nul-reference"),
        pytest.param(b"<x>&#x1f;</x>", id="X12-control-reference"),
        pytest.param(b"<x>\xc0\xbc</x>", id="X12-overlong"),
        pytest.param(b"<x>\xe0\x80\xbc</x>", id="X12-overlong-3"),
        pytest.param(b"<x>\xed\xa0\x80</x>", id="X12-surrogate"),
        pytest.param(b"<x>&#xd800;</x>", id="X12-surrogate-reference"),
        pytest.param(b"<x>\xff</x>", id="X12-not-utf8"),
        pytest.param(b"<x>\xf4\x90\x80\x80</x>", id="X12-beyond-unicode"),
        pytest.param("<x>\ufffe</x>".encode(), id="X12-not-a-character"),
        pytest.param("<x\u202ey/>".encode(), id="X12-bidi-in-a-name"),
        pytest.param("<x y\u2066='1'/>".encode(), id="X12-bidi-in-an-attribute"),
    ],
)
async def test_impossible_characters(inside):
    await refused(envelope("<mark/>").replace(b"<mark/>", inside))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 400))
def test_x12_any_bytes_give_a_message_or_a_fault(junk, position):
    """X12."""
    whole = envelope()
    position = min(position, len(whole))
    _message_or_fault(whole[:position] + junk + whole[position:])


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'<?xml-stylesheet href="x"?>' + envelope(), id="X13-before"),
        pytest.param(envelope() + b"<?x y?>", id="X13-after"),
        pytest.param(envelope("<x><?x y?></x>"), id="X13-in-body"),
        pytest.param(envelope(headers="<?x y?>"), id="X13-in-header"),
        pytest.param(envelope(f"<x>{'<y/>' * 20_000}<?x y?></x>"), id="X13-in-a-large-body"),
    ],
)
async def test_x13_processing_instructions(body):
    await refused(body)


async def test_comments_do_not_cut_values():
    """X13."""
    async with edge() as server:
        body = envelope(message_id="urn:uuid:1c6d5c4e-0f6a-<!-- x -->4d3b-8a3e-2b7f1f1f9c01")
        answer = await send(server.port, request(body))
        assert answer.status == 200
        assert server.received[0].incoming.message.message_id == ID


WSU = 'xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"'


@pytest.mark.parametrize(
    ("inside", "good"),
    [
        pytest.param('<a ID="1"/><a ID="2"/>', True, id="X14-different"),
        pytest.param('<a ID="1"/><a ID="1"/>', False, id="X14-ID"),
        pytest.param('<a Id="1"/><a ID="1"/>', False, id="X14-Id-and-ID"),
        pytest.param('<a xml:id="i1"/><a ID="i1"/>', False, id="X14-xml-id-and-ID"),
        pytest.param(f'<a {WSU} wsu:Id="1"/><a ID="1"/>', False, id="X14-wsu-Id-and-ID"),
        pytest.param('<a\n ID\n=\n"1"/><a ID="&#49;"/>', False, id="X14-written-otherwise"),
        pytest.param('<a id="1"/><a id="1"/>', True, id="X14-ebRIM-id-is-none"),
    ],
)
async def test_doubled_ids(inside, good):
    assert (await answered(envelope(f"<x>{inside}</x>"))).status == (200 if good else 400)
    assert (await answered(envelope(f"<x>{inside}{'<y/>' * 20_000}</x>"))).status == (200 if good else 400)


@pytest.mark.parametrize(
    ("count", "status"), [pytest.param(190_000, 200, id="X16-190000"), pytest.param(1_000_000, 413, id="X16-1000000")]
)
async def test_many_small_elements(count, status):
    assert (await answered(envelope("<x>" + "<y/>" * count + "</x>"))).status == status


def _as_references(text: str) -> str:
    return "".join(f"&#{ord(character)};" for character in text)


def _as_cdata(text: str, every: int) -> str:
    return "".join(f"<![CDATA[{text[k : k + every]}]]>" for k in range(0, len(text), every))


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=30), st.integers(1, 5))
def test_x17_ways_to_write_a_value_are_equal(value, every):
    """X17."""
    written = (value, _as_references(value), _as_cdata(value, every), f"{value[:1]}<!---->{value[1:]}")
    for text in written:
        assert read_envelope(envelope(message_id=text)).message_id == value
        message = read_envelope(envelope(action=text))
        assert message.action == value


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_x18_mutations_give_a_message_or_a_fault(data):
    """X18: a quick one; the long run is a fuzzer's."""
    whole = bytearray(envelope("<x a='1'><y>&amp;</y><![CDATA[z]]></x>", headers="<h xmlns='urn:h'/>"))
    for _ in range(data.draw(st.integers(1, 6))):
        position = data.draw(st.integers(0, len(whole) - 1))
        if data.draw(st.booleans()):
            whole[position] = data.draw(st.integers(0, 255))
        else:
            end = min(len(whole), position + data.draw(st.integers(0, 40)))
            whole[position:end] = whole[position:end] * data.draw(st.integers(0, 3))
        if not whole:
            return
    _message_or_fault(bytes(whole))


def _message_or_fault(data: bytes) -> None:
    status = 200
    try:
        assert isinstance(read_envelope(data), Message)
    except SoapFault as fault:
        status = fault.status
    assert status in (200, 400, 413, 500)
