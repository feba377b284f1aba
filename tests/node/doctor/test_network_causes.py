"""The first six steps: each cause is induced with real sockets and certificates, and named exactly.

Only name servers, and ways that no loopback has, are made up.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from node.doctor.identity import own_fault
from node.doctor.steps import NETWORK, Level, Row, found
from node.doctor.table import CAUSES
from tests.node.doctor.servers import (
    THEIR_CA,
    Stage,
    alert,
    answering,
    blocking,
    said,
    saying,
    served,
    silent,
    theirs,
)
from tests.trust.pki.making import CLIENT, NOW, SERVER, Issued, authority, crooked, house
from tests.trust.pki.old_tls import sha1_signed
from trust.addresses import resolved_fault
from trust.pki.certificates import to_pem

GOOD, OLD = theirs(), theirs()
OTHER_CA = authority("Other CA")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SHORT = 0.4


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(house(tmp_path), tmp_path)


async def first_address(*_: object) -> tuple[str, ...]:
    return ("127.0.0.1",)


def failing(problem: OSError) -> Callable[..., object]:
    async def fail(*_: object) -> tuple[str, ...]:
        raise problem

    return fail


async def never(*_: object) -> tuple[str, ...]:
    await asyncio.Event().wait()
    return ()


def gai(number: int) -> Callable[..., object]:
    return failing(socket.gaierror(number, "as the resolver says"))


async def visited(stage: Stage, server: Issued = GOOD, *, handler: object = None, **how: object) -> list[Row]:
    """A server that would be well, changed in one way."""
    tls = {name: how.pop(name) for name in ("callers", "ciphers", "newest") if name in how}
    added = how.pop("added", server)
    plain = how.pop("plain", False)
    context = None if plain else stage.context(server, **tls)
    async with served(handler or answering(said()), context) as port:
        return await stage.rows(port, added, **{"resolve": first_address, **how})


NAME = {
    "name.unknown": gai(socket.EAI_NONAME),
    "name.no-answer": gai(socket.EAI_AGAIN),
    "name.failed": gai(socket.EAI_FAIL),
    "name.slow": never,
}
WAY = {
    "reach.no-route": failing(OSError(errno.EHOSTUNREACH, "no route to host")),
    "reach.failed": failing(OSError(errno.EACCES, "not permitted")),
}
ALERTS = {
    "tls.name": 112, "tls.internal": 80, "tls.failed": 47, "tls.ciphers": 40, "tls.old": 70,
    "ours.unknown-ca": 48, "ours.said-ended": 45, "ours.said-revoked": 44, "ours.said-bad": 42, "ours.said-usage": 43,
    "ours.said-unknown": 46, "ours.not-received": 116, "ours.denied": 49, "ours.key": 51,
}  # fmt: skip
SERVERS: dict[str, Callable[[Stage], object]] = {
    "tls.not-tls": lambda stage: visited(stage, plain=True, handler=saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
    "tls.closed": lambda stage: visited(stage, plain=True, handler=saying(b"")),
    "tls.silent": lambda stage: visited(stage, plain=True, handler=silent, patience=SHORT),
    "tls.old": lambda stage: visited(stage, newest=ssl.TLSVersion.TLSv1_1),
    "tls.ciphers": lambda stage: visited(
        stage, newest=ssl.TLSVersion.TLSv1_2, ciphers="ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"
    ),
    "identity.renewed": lambda stage: visited(stage, theirs(), added=GOOD),
    "identity.inspected": lambda stage: visited(stage, theirs(issuer=OTHER_CA), added=GOOD),
    "identity.withdrawn": lambda stage: visited(
        stage, OLD, added=GOOD, withdrawn={OLD.fingerprint: "2026-11-01T00:00:00Z"}
    ),
    "identity.unbound": lambda stage: visited(stage, bound=False),
    "identity.other": lambda stage: visited(stage, theirs(name="somebody"), added=GOOD),
    "identity.ended": lambda stage: visited(stage, theirs(end=NOW - HOUR, start=NOW - DAY)),
    "identity.future": lambda stage: visited(stage, theirs(start=NOW + DAY, end=NOW + 2 * DAY)),
    "identity.name": lambda stage: visited(stage, theirs(names=(x509.DNSName("gw.example"),))),
    "identity.nameless": lambda stage: visited(stage, theirs(names=())),
    "identity.wildcard": lambda stage: visited(
        stage, theirs(names=(x509.DNSName("*.stanna.example"),)), host="gw.stanna.example"
    ),
    "identity.weak-key": lambda stage: visited(stage, theirs(key=rsa.generate_private_key(65537, 1024))),
    "identity.weak-signature": lambda stage: visited(stage, sha1_signed()[1]),
    "identity.ca": lambda stage: visited(stage, theirs(ca=True, cert_sign=True)),
    "identity.usage": lambda stage: visited(stage, theirs(eku=(CLIENT,))),
    "identity.no-usage": lambda stage: visited(stage, theirs(eku=None)),
    "identity.key-usage": lambda stage: visited(stage, theirs(digital_signature=False)),
    "identity.extension": lambda stage: visited(
        stage, theirs(extra=[(x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.9"), b"\x05\x00"), True)])
    ),
    "identity.ending": lambda stage: visited(stage, theirs(end=NOW + 9 * DAY)),
    "ours.closed": lambda stage: visited(stage, handler=answering(b"")),
    "ours.silent": lambda stage: visited(stage, handler=silent, patience=SHORT),
    "ours.not-added": lambda stage: visited(stage, handler=answering(said("403 Forbidden"))),
    "answer.not-http": lambda stage: visited(stage, handler=answering(b"SSH-2.0-OpenSSH_9\r\n")),
    "answer.misdirected": lambda stage: visited(stage, handler=answering(said("421 Misdirected Request"))),
    "answer.down": lambda stage: visited(stage, handler=answering(said("502 Bad Gateway"))),
    "clock.ahead": lambda stage: visited(stage, handler=answering(said(date=NOW + 5 * HOUR))),
    "clock.behind": lambda stage: visited(stage, handler=answering(said(date=NOW - timedelta(minutes=4)))),
    "clock.ours": lambda stage: visited(stage, handler=answering(said(date=NOW - HOUR)), synchronised=False),
}


def named(rows: list[Row], code: str) -> None:
    """Exactly this was found, where it belongs, and with a next step that has no gaps."""
    assert [row.code for row in found(rows)] == [code], rows
    (row,) = found(rows)
    assert row.step is CAUSES[code].step
    assert "{" not in row.what + row.next_step
    assert row.next_step
    assert row.who
    if row.level is Level.FAIL:
        assert rows[-1] is row


@pytest.mark.parametrize("code", NAME)
async def test_names(stage: Stage, code: str) -> None:
    named(await stage.rows(1, GOOD, host="gw.stanna.example", resolve=NAME[code], patience=SHORT), code)


@pytest.mark.parametrize("code", WAY)
async def test_ways(stage: Stage, code: str) -> None:
    named(await stage.rows(1, GOOD, connect=WAY[code]), code)


@pytest.mark.parametrize("code", ALERTS)
async def test_alerts(stage: Stage, code: str) -> None:
    named(await visited(stage, plain=True, handler=alert(ALERTS[code])), code)


@pytest.mark.parametrize("code", SERVERS)
async def test_servers(stage: Stage, code: str) -> None:
    named(await SERVERS[code](stage), code)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_they_do_not_know_our_ca(stage: Stage, version: ssl.TLSVersion) -> None:
    """With TLS 1.2 the handshake fails, with 1.3 the first read after it."""
    with blocking(stage.context(GOOD, callers=OTHER_CA.pem, newest=version)) as port:
        named(await stage.rows(port, GOOD, resolve=first_address), "ours.unknown-ca")


async def test_nothing_is_wrong(stage: Stage) -> None:
    rows = await visited(stage)
    assert [int(row.step) for row in rows] == [1, 2, 3, 4, 5, 6]
    assert {row.level for row in rows} == {Level.OK}


async def test_a_port_where_nothing_listens(stage: Stage) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        named(await stage.rows(taken.getsockname()[1], GOOD), "reach.refused")


async def test_a_port_that_drops_packets(stage: Stage) -> None:
    """A full queue of connections drops the next one, as a firewall does."""
    with socket.socket() as full, socket.socket() as one, socket.socket() as two:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for waiting in (one, two):
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        port = full.getsockname()[1]
        named(await stage.rows(port, GOOD, resolve=first_address, patience=SHORT), "reach.silent")


async def test_an_address_that_is_not_called(stage: Stage) -> None:
    rows = await visited(stage, forbidden=lambda host, one: resolved_fault(host, one, development=False))
    named(rows, "reach.forbidden")


async def test_one_address_of_two(stage: Stage) -> None:
    async def two(*_: object) -> tuple[str, ...]:
        return "127.0.0.2", "127.0.0.1"

    named(await visited(stage, resolve=two), "reach.partly")


async def test_an_address_that_leads_to_ourselves(stage: Stage) -> None:
    async with served(answering(said()), stage.house.tls.server) as port:
        named(await stage.rows(port, GOOD), "identity.ourselves")


async def test_a_ca_of_their_chain_has_ended(stage: Stage) -> None:
    ended = crooked(OTHER_CA, name="Issuing CA", ca=True, cert_sign=True, start=NOW - 2 * DAY, end=NOW - DAY)
    good = theirs(end=NOW + 300 * DAY)
    chain = to_pem([good.certificate, ended.certificate])
    named(await visited(stage, good, chain=chain), "identity.chain")


async def test_no_word_about_the_time(stage: Stage) -> None:
    rows = await visited(stage, handler=answering(said(date=None)))
    assert [row.code for row in rows if row.code] == ["clock.unknown"]
    assert not found(rows), "this alone is nothing to act on"


@pytest.mark.parametrize("code", ["identity.revoked", "identity.old-list", "identity.no-list"])
async def test_revocation(tmp_path: Path, code: str) -> None:
    """Lists of their CA, which this node trusts too."""
    here = house(tmp_path, anchors=[THEIR_CA.certificate])
    lists = [here.revocation_list(name="own.crl")]
    if code != "identity.no-list":
        revoked = [GOOD] if code == "identity.revoked" else []
        long_ago = NOW - 9 * DAY
        when = NOW if revoked else long_ago
        lists.append(here.revocation_list(*revoked, issuer=THEIR_CA, name="their.crl", now=when, days=2))
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(served(answering(said()), Stage(here, tmp_path).context(GOOD)))
        checking = house(tmp_path, ca=here.authority, anchors=[THEIR_CA.certificate], lists=lists)
        named(await Stage(checking, tmp_path).rows(port, GOOD, resolve=first_address), code)


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        pytest.param("ours.ended", {"start": NOW - DAY, "end": NOW - HOUR}, id="ours.ended"),
        pytest.param("ours.future", {"start": NOW + HOUR, "end": NOW + DAY}, id="ours.future"),
        pytest.param("ours.unfit", {"eku": (SERVER,)}, id="ours.unfit"),
    ],
)
async def test_our_own_certificate(stage: Stage, code: str, wrong: dict[str, object]) -> None:
    own = own_fault(theirs(**wrong).certificate, NOW)
    named(await visited(stage, handler=answering(said()), own=own), code)


async def test_without_a_certificate_nobody_can_be_called(stage: Stage) -> None:
    for code in ("ours.none", "ours.files"):
        named(await visited(stage, own=(code, "no such file"), context=None), code)


def test_what_is_wrong_with_tls_and_certificates_is_tested_completely() -> None:
    """No row of the table's first six steps is without its test."""
    here = {*NAME, *WAY, *ALERTS, *SERVERS, "reach.refused", "reach.silent", "reach.forbidden", "reach.partly"}
    here |= {"identity.ourselves", "identity.chain", "identity.revoked", "identity.old-list", "identity.no-list"}
    here |= {"ours.ended", "ours.future", "ours.unfit", "ours.none", "ours.files", "clock.unknown"}
    assert {code for code, cause in CAUSES.items() if cause.step in NETWORK} - here == {"identity.refused"}
    assert len(here) >= 40
