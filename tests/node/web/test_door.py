"""The way to every page: what a stranger sends, what fails half-way, what leads elsewhere (threats I17 to I20)."""

import asyncio
import re
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace

import pytest
from aiohttp import web

from node.discovery.rates import Rates
from node.http.server import NodeServer
from node.metrics import Metrics
from node.services import _refused
from node.web import patients, view
from node.web.frame import Frame
from node.web.pages import Page, Pages
from node.web.provider import Provider, ProviderAway
from node.web.sessions import Person, Sessions, Visit
from node.web.throttle import Throttle, network_of
from node.web.view import View
from trust.audit.event import Coded
from trust.errors import StorageFailed

FRAME = Frame()


def desk() -> SimpleNamespace:
    kept: list[object] = []

    async def record(records: list[object]) -> object:
        kept.extend(records)
        return SimpleNamespace(index="1")

    metrics, refusals = Metrics(), list[str]()
    services = SimpleNamespace(
        sequencer=SimpleNamespace(record=record),
        refusals=refusals,
        refused=partial(_refused, metrics, refusals),
        metrics=metrics,
        clock=lambda: datetime(2026, 11, 30, tzinfo=UTC),
        new_uuid=lambda: "urn:uuid:1",
        config=SimpleNamespace(sign_in=SimpleNamespace(issuer="", name="")),
    )
    return SimpleNamespace(
        frame=FRAME, sessions=Sessions(), throttle=Throttle(), knocks=Rates(), services=services,
        origin="https://here", name="St. Anna", home="urn:oid:1.2", kept=kept,
    )  # fmt: skip


async def asked(at: SimpleNamespace, *requests: bytes, row: Page | None = None) -> list[bytes]:
    """The answer to each request, one connection for each."""
    pages = Pages(at, frozenset({"127.0.0.1"}))
    if row is not None:
        pages._rows = [(re.compile(re.escape(row.template)), {row.method: row})]
    server = NodeServer(pages, pages.malformed, host="127.0.0.1", port=0, tls=None)
    await server.start()
    answers = []
    for request in requests:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request)
        try:
            answers.append(await reader.read())
        except ConnectionResetError:
            answers.append(b"")
        writer.close()
    await server.stop(0.1)
    return answers


def get(path: str, *headers: bytes) -> bytes:
    return b"\r\n".join([f"GET {path} HTTP/1.1".encode(), b"Host: 127.0.0.1", b"Connection: close", *headers, b"", b""])


@pytest.mark.parametrize("name", [b"__Host-sid", b"__Host-door", b"theme", b"language"])
async def test_a_cookie_of_any_bytes_is_no_cookie_of_ours(name, caplog):
    (answer,) = await asked(desk(), get("/nowhere", b"Cookie: " + name + b"=\xff\xfe\xf0"))
    assert answer.startswith(b"HTTP/1.1 404")
    assert not caplog.records


@pytest.mark.parametrize("failure", [RuntimeError("x"), StorageFailed("x")])
async def test_a_page_that_fails_half_way_ends_the_connection_and_no_second_head_follows(failure):
    async def handle(one: View) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(one.request)
        await response.write(b"first half")
        raise failure

    row = Page(method="GET", template="/half", handle=handle, duties=None)
    (answer,) = await asked(desk(), get("/half"), row=row)
    assert answer.count(b"HTTP/1.1") <= 1
    assert b"GEN-00" not in answer
    assert b"AUD-01" not in answer
    assert not answer.endswith(b"0\r\n\r\n")  # chunks without an end are no whole answer


async def test_I20_whoever_knocks_all_the_time_fills_no_log():
    at = desk()
    post = b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    answers = await asked(at, *[post] * (view._KNOCKS + 5))
    assert all(one.startswith(b"HTTP/1.1 403") for one in answers)
    assert len(at.kept) in (view._KNOCKS, view._KNOCKS + 1)  # a bucket that fills again while this runs
    assert len(at.kept) + len(at.services.refusals) == len(answers)
    assert len(set(at.services.refusals)) == 1
    assert f'xdsnode_refused_total{{reason="page"}} {len(answers)}.0'.encode() in at.services.metrics.render()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
    ],
)
def test_I20_one_site_is_one_address(address, network):
    assert network_of(address) == network


@pytest.mark.parametrize(
    "location",
    [
        "/\t\\evil.example",
        "/\t/evil.example",
        "/\r\nX: 1",
        "/\x00",
        "//evil.example",
        "/\\evil.example",
        "",
        "x",
        "/a b",
    ],
)
def test_I19_nothing_leads_elsewhere(location):
    assert View.see(None, location).headers["Location"] == "/"


@pytest.mark.parametrize("location", ["/", "/patients", "/p/a-_9?run=x&q=%E4%BD%A0", "/a//b"])
def test_I19_pages_of_this_node_are_reached(location):
    assert View.see(None, location).headers["Location"] == location


async def test_an_emergency_that_cannot_be_recorded_has_not_begun(monkeypatch):
    visit = Visit(person=Person(cx="1^^^&1.2&ISO"), purpose=Coded("TREAT", "s", "t"), seen=0.0)
    alarms: list[str] = []
    told: list[str] = []
    code = Coded("BTG", "s", "break the glass")

    async def record(*_: object) -> str:
        told.append(visit.purpose_at(0.0).code)
        raise StorageFailed("no space")

    at = SimpleNamespace(
        desk=SimpleNamespace(
            services=SimpleNamespace(
                users=SimpleNamespace(purposes=SimpleNamespace(by_code=lambda _: code)),
                clock=lambda: datetime(2026, 11, 30, tzinfo=UTC),
                actors=SimpleNamespace(alarm=alarms.append),
            )
        ),
        parameters={"h": "h"},
        signed_in=SimpleNamespace(visit=lambda *_: visit),
        now=0.0,
        fields={"reason": "life or health at risk now"},
        caller=lambda one: one.purpose_at(0.0),
        record=record,
    )
    monkeypatch.setattr(patients, "_may_break", lambda _: True)
    recorded: list[object] = []
    monkeypatch.setattr(patients, "patient_page", lambda _, caller, *__, **___: recorded.append(caller) or [])
    with pytest.raises(StorageFailed):
        await patients.emergency(at)
    assert recorded == [code]  # as what it would have been
    assert told == ["TREAT"]
    assert visit.emergency_at(0.0) is None
    assert not alarms


@pytest.mark.parametrize("content", [None, b"\xff\xfe secret"], ids=["gone", "no text"])
def test_a_client_secret_that_cannot_be_read_is_said_to_be_that(tmp_path, content):
    """And not a failure of the page: a local account still opens the door."""
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    section = SimpleNamespace(client_secret="secret", client_id="node")
    with pytest.raises(ProviderAway, match="client secret of this node cannot be read"):
        Provider(config=SimpleNamespace(root=tmp_path, sign_in=section))._secret()
