"""Attacks on TLS and certificates: rows T1 to T25 of the catalogue, against a real server behind the node's contexts.

In TLS 1.3 a client's handshake succeeds before the server has judged its certificate, so every attacker here writes
and reads. Rows elsewhere: OCSP itself (T11) is not asked, T19 and T24 belong to the HTTP client and server.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from tests.trust.pki import making
from tests.trust.pki.making import CLIENT, NOW, SERVER, House, Issued, crooked, house, plain_client
from tests.trust.pki.old_tls import ask_to_renegotiate, connected, settings, sha1_signed
from trust.errors import BadCertificate, NotAuthenticated, NotPermitted
from trust.identity.caller import Role
from trust.identity.claims import check_home
from trust.pki import tls
from trust.pki.authority import open_authority
from trust.pki.certificates import Usage, check_peer_certificate, from_der, from_pem
from trust.pki.keyfiles import check_key_files, private_folder, write_private

VERSIONS = [
    pytest.param(ssl.TLSVersion.TLSv1_2, id="TLS1.2"),
    pytest.param(ssl.TLSVersion.TLSv1_3, id="TLS1.3"),
]
GONE = (ssl.SSLError, ConnectionError)


def call(
    port: int,
    context: ssl.SSLContext,
    *lines: bytes,
    name: str | None = "localhost",
    session: ssl.SSLSession | None = None,
) -> tuple[list[bytes], ssl.SSLSession | None]:
    """Write each line and read its answer, then close cleanly; b"" for an answer means the server hung up."""
    answers = []
    with (
        socket.create_connection(("127.0.0.1", port), 20) as raw,
        context.wrap_socket(raw, server_hostname=name, session=session) as connection,
    ):
        for line in lines or (b"hello\n",):
            connection.sendall(line)
            answers.append(connection.recv(1000))
        kept = connection.session
        if answers[-1]:
            connection.unwrap()
        return answers, kept


async def attempt(
    place: House, issued: Issued | None, version: ssl.TLSVersion | None = None, *, weak: bool = False
) -> str:
    """What a caller with this certificate gets: "served", the alert's name, or "closed"."""
    context = plain_client(place, issued, verify=not weak)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    try:
        answers, _ = await asyncio.to_thread(call, place.port, context)
    except ssl.SSLError as fault:
        reason = fault.reason or ""
        return reason.rpartition("ALERT_")[2] if "ALERT" in reason else "closed"
    except ConnectionError:
        return "closed"
    return "served" if answers[0].startswith(b"welcome") else "closed"


async def is_still_served(place: House) -> bool:
    return await attempt(place, place.bind(making.application(place.authority, "witness"), name="witness")) == "served"


# What OpenSSL refuses with an alert, and what only the node's own check refuses (T5, T6): each has a record here, so
# nothing but the certificate itself stands in its way.
CERTIFICATES = [
    pytest.param(lambda ca: crooked(ca, end=NOW - timedelta(minutes=5)), "CERTIFICATE_EXPIRED", id="T1"),
    pytest.param(lambda ca: crooked(ca, start=NOW + timedelta(hours=23)), "BAD_CERTIFICATE", id="T2"),
    pytest.param(lambda _: crooked(making.authority("Elsewhere")), "UNKNOWN_CA", id="T3-unknown CA"),
    pytest.param(
        lambda _: crooked(making.authority("Institution CA")), "closed or alert", id="T3-unknown CA of the same name"
    ),
    pytest.param(lambda ca: crooked(ca, eku=[SERVER]), "UNSUPPORTED_CERTIFICATE", id="T4"),
    pytest.param(lambda ca: crooked(ca, eku=None), "closed", id="T5"),
    pytest.param(lambda ca: crooked(ca, ca=True, cert_sign=True), "closed or alert", id="T6-CA as leaf"),
    pytest.param(
        lambda ca: crooked(ca, ca=False, cert_sign=True), "closed or alert", id="T6-key may sign certificates"
    ),
    pytest.param(lambda ca: crooked(ca, digital_signature=False), "closed or alert", id="T6-key may not sign at all"),
    pytest.param(
        lambda ca: crooked(ca, key=rsa.generate_private_key(65537, 1024)), "closed or alert", id="T20-RSA-1024"
    ),
    pytest.param(
        lambda ca: crooked(ca, key=ec.generate_private_key(ec.SECP192R1())), "closed or alert", id="T20-P-192"
    ),
    pytest.param(
        lambda ca: crooked(ca, key=ec.generate_private_key(ec.SECP256K1())), "closed or alert", id="T20-secp256k1"
    ),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("made", "expected"), CERTIFICATES)
async def test_a_certificate_nobody_may_use(
    tmp_path: Path, made: Callable, expected: str, version: ssl.TLSVersion
) -> None:
    place = house(tmp_path)
    bad = place.bind(made(place.authority))
    async with place.open():
        outcome = await attempt(place, bad, version, weak=True)
        assert place.served == []
        assert outcome != "served"
        if expected != "closed or alert":
            assert outcome == expected
            assert len(place.refusals) == 1  # what becomes a record of kind 7
        assert await is_still_served(place)


async def test_no_certificate_at_all(tmp_path: Path) -> None:
    place = house(tmp_path)
    async with place.open():
        assert await attempt(place, None) != "served"
    assert place.served == []
    assert place.refusals == ["PEER_DID_NOT_RETURN_A_CERTIFICATE"]


@pytest.mark.parametrize("row", [pytest.param(None, id="T20-SHA-1")])
async def test_a_signature_with_sha1(tmp_path: Path, row: None) -> None:
    issuer, old = sha1_signed()
    place = house(tmp_path, anchors=[issuer.certificate])
    place.bind(old)
    async with place.open():
        with pytest.raises(GONE):
            await asyncio.to_thread(call, place.port, plain_client(place, old, verify=False))
    assert place.served == []
    with pytest.raises(BadCertificate, match="SHA1"):
        check_peer_certificate(old.certificate, NOW, usage=Usage.CLIENT)


# T7, T8: revocation lists.


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("row", [pytest.param(None, id="T7")])
async def test_revoked_by_its_ca(tmp_path: Path, row: None, version: ssl.TLSVersion) -> None:
    ca = making.authority()
    good, bad = making.application(ca), making.application(ca, "stolen")
    first = house(tmp_path, ca=ca)
    place = house(tmp_path, ca=ca, lists=[first.revocation_list(bad)])
    place.bind(good)
    place.bind(bad, name="stolen")
    async with place.open():
        assert await attempt(place, bad, version) == "CERTIFICATE_REVOKED"
        assert await attempt(place, good, version) == "served"
    assert place.refusals == ["certificate revoked"]
    assert place.served == ["archive"]


@pytest.mark.parametrize(
    ("days_old", "grace", "good_outcome"),
    [
        pytest.param(8, timedelta(hours=48), "served", id="T8-ended, within the grace"),
        pytest.param(8, timedelta(hours=1), "closed", id="T8-ended, after the grace"),
    ],
)
async def test_a_list_that_has_ended(tmp_path: Path, days_old: int, grace: timedelta, good_outcome: str) -> None:
    ca = making.authority()
    good, bad = making.application(ca), making.application(ca, "stolen")
    path = house(tmp_path, ca=ca).revocation_list(bad, days=7, now=NOW - timedelta(days=days_old))
    place = house(tmp_path, ca=ca, lists=[path], grace=grace)
    place.bind(good)
    place.bind(bad, name="stolen")
    async with place.open():
        assert await attempt(place, bad) == "closed"
        assert await attempt(place, good) == good_outcome
    assert "stolen" not in place.served
    assert len(place.tls.problems(NOW)) == 1  # the alarm


@pytest.mark.parametrize("content", [pytest.param(None, id="T8-missing"), pytest.param(b"rubbish", id="T8-damaged")])
async def test_a_list_that_is_not_there(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "list.crl"
    if content is not None:
        path.write_bytes(content)
    place = house(tmp_path, lists=[path])
    good = place.bind(making.application(place.authority))
    async with place.open():
        assert await attempt(place, good) != "served"
    assert place.served == []
    assert len(place.tls.problems(NOW)) == 2


@pytest.mark.parametrize("row", [pytest.param(None, id="T8-forged by somebody else")])
async def test_a_list_signed_by_somebody_else(tmp_path: Path, row: None) -> None:
    ca, other = making.authority(), making.authority("Institution CA")
    path = house(tmp_path, ca=ca).revocation_list(issuer=other)
    place = house(tmp_path, ca=ca, lists=[path])
    good = place.bind(making.application(ca))
    async with place.open():
        assert await attempt(place, good) != "served"


@pytest.mark.parametrize("row", [pytest.param(None, id="T8-ends while the node runs")])
async def test_the_grace_ends_while_a_connection_is_open(tmp_path: Path, row: None) -> None:
    ca = making.authority()
    good = making.application(ca)
    place = house(tmp_path, ca=ca, lists=[house(tmp_path, ca=ca).revocation_list(days=1)])
    place.bind(good)
    async with place.open():
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", place.port, ssl=plain_client(place, good), server_hostname="localhost"
        )
        writer.write(b"one\n")
        assert (await reader.readline()).startswith(b"welcome")
        place.clock.now = NOW + timedelta(days=2, minutes=1)
        writer.write(b"two\n")
        assert await reader.readline() == b""
        writer.close()
    assert "grace" in place.refusals[0]


# T11, for the means of revocation that this node knows: lists. (OCSP is not asked.)


@pytest.mark.parametrize("row", [pytest.param(None, id="T11-revoked")])
async def test_revoked_in_the_newest_list(tmp_path: Path, row: None) -> None:
    """Revoked between two lists: the next one is read at run time and counts on connections that are open."""
    ca = making.authority()
    good, stolen = making.application(ca), making.application(ca, "stolen")
    source = house(tmp_path, ca=ca)
    place = house(tmp_path, ca=ca, lists=[source.revocation_list(now=NOW - timedelta(days=1))])
    place.bind(good)
    place.bind(stolen, name="stolen")
    async with place.open():
        assert await attempt(place, stolen) == "served"
        source.revocation_list(stolen, now=NOW)
        place.tls.reload()
        assert await attempt(place, stolen) == "CERTIFICATE_REVOKED"
        assert await attempt(place, good) == "served"


@pytest.mark.parametrize("row", [pytest.param(None, id="T11-unknown")])
async def test_a_ca_that_no_list_speaks_of(tmp_path: Path, row: None) -> None:
    ca, other = making.authority(), making.authority("Second CA")
    known, unknown = making.application(ca), making.application(other, "unknown")
    place = house(tmp_path, ca=ca, anchors=[other.certificate], lists=[house(tmp_path, ca=ca).revocation_list()])
    place.bind(known)
    place.bind(unknown, name="unknown")
    async with place.open():
        assert await attempt(place, unknown) != "served"
        assert await attempt(place, known) == "served"
    assert "unknown" not in place.served


@pytest.mark.parametrize(
    ("after", "outcome"),
    [
        pytest.param(timedelta(days=7, hours=23), "served", id="T11-source down, within the grace"),
        pytest.param(timedelta(days=8, minutes=1), "closed", id="T11-source down, after the grace"),
    ],
)
async def test_no_new_list_comes(tmp_path: Path, after: timedelta, outcome: str) -> None:
    """The file is gone, as it is when whatever fetches it fails: the last list counts until its end and the grace."""
    ca = making.authority()
    good = making.application(ca)
    path = house(tmp_path, ca=ca).revocation_list(days=7)
    place = house(tmp_path, ca=ca, lists=[path])
    place.bind(good)
    path.unlink()
    place.tls.reload()
    place.clock.now = NOW + after
    async with place.open():
        assert await attempt(place, good) == outcome


@pytest.mark.parametrize("row", [pytest.param(None, id="T11-replayed")])
async def test_an_older_list_is_put_back(tmp_path: Path, row: None) -> None:
    ca = making.authority()
    stolen = making.application(ca, "stolen")
    source = house(tmp_path, ca=ca)
    path = source.revocation_list(stolen, now=NOW)
    place = house(tmp_path, ca=ca, lists=[path])
    place.bind(stolen, name="stolen")
    source.revocation_list(now=NOW - timedelta(days=1))
    place.tls.reload()
    async with place.open():
        assert await attempt(place, stolen) == "CERTIFICATE_REVOKED"


# T9: resumption.


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("row", [pytest.param(None, id="T9")])
async def test_revoked_but_resumes_a_session(tmp_path: Path, row: None, version: ssl.TLSVersion) -> None:
    ca = making.authority()
    caller = making.application(ca)
    path = house(tmp_path, ca=ca).revocation_list()
    place = house(tmp_path, ca=ca, lists=[path])
    place.bind(caller)
    context = plain_client(place, caller)
    context.minimum_version = context.maximum_version = version
    async with place.open():
        answers, session = await asyncio.to_thread(call, place.port, context)
        assert answers[0].startswith(b"welcome")
        assert session is not None
        assert not session.has_ticket
        answers, session = await asyncio.to_thread(lambda: call(place.port, context, session=session))
        assert answers[0].startswith(b"welcome")  # a client that offers a session gets a whole handshake instead
        place.revocation_list(caller)
        place.tls.reload()
        with pytest.raises(GONE):
            await asyncio.to_thread(lambda: call(place.port, context, session=session))
    assert len(place.served) == 2
    assert place.refusals == ["certificate revoked"]


@pytest.mark.parametrize("row", [pytest.param(None, id="T9-the attack works without the node's context")])
async def test_what_the_session_cache_would_do(tmp_path: Path, row: None) -> None:
    """`num_tickets = 0` and `OP_NO_TICKET` are not enough: the reason for a context for each connection."""
    place = house(tmp_path)
    own = making.node_certificate(place.authority)
    usual = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    usual.verify_mode, usual.num_tickets = ssl.CERT_REQUIRED, 0
    usual.options |= ssl.OP_NO_TICKET
    usual.load_cert_chain(*own.write(tmp_path, "usual"))
    usual.load_verify_locations(cadata=place.authority.pem)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await reader.read()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=usual)
    port = server.sockets[0].getsockname()[1]
    context = plain_client(place, making.application(place.authority))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    _, session = await asyncio.to_thread(call, port, context)
    await asyncio.to_thread(lambda: call(port, context, session=session))
    server.close()
    assert usual.session_stats()["hits"] == 1


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("row", [pytest.param(None, id="T9-no cache")])
async def test_no_session_is_kept(tmp_path: Path, row: None, version: ssl.TLSVersion) -> None:
    place = house(tmp_path)
    caller = place.bind(making.application(place.authority))
    context = plain_client(place, caller)
    context.maximum_version = version
    async with place.open():
        for _ in range(3):
            await asyncio.to_thread(call, place.port, context)
    stats = place.tls._current().shared.session_stats()
    assert (stats["hits"], stats["number"]) == (0, 0)


# T10: revoked while a connection is open.


@pytest.mark.parametrize(
    "how", [pytest.param("list", id="T10-by a revocation list"), pytest.param("record", id="T10-by its record")]
)
async def test_revoked_while_a_connection_is_open(tmp_path: Path, how: str) -> None:
    ca = making.authority()
    caller = making.application(ca)
    place = house(tmp_path, ca=ca, lists=[house(tmp_path, ca=ca).revocation_list()])
    place.bind(caller)
    async with place.open():
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", place.port, ssl=plain_client(place, caller), server_hostname="localhost"
        )
        writer.write(b"one\n")
        assert (await reader.readline()).startswith(b"welcome")
        if how == "list":
            place.revocation_list(caller)
            place.tls.reload()
        else:
            place.bindings.revoke(place.connection, caller.fingerprint, NOW)
            place.bindings.reload(place.connection)
        writer.write(b"two\n")
        assert await reader.readline() == b""
        writer.close()
    assert place.served == ["archive"]
    assert "revoked" in place.refusals[0]


# T12 to T15: what is not spoken here.


@pytest.mark.parametrize("version", [pytest.param((3, 1), id="T12-TLS 1.0"), pytest.param((3, 2), id="T12-TLS 1.1")])
async def test_old_versions(tmp_path: Path, version: tuple[int, int]) -> None:
    place = house(tmp_path)
    caller = place.bind(making.application(place.authority))

    def attack() -> str:
        try:
            with connected(place.port, caller, settings(version, version)) as connection:
                connection.write(b"hello\n")
                return bytes(connection.read(None, 1)).decode()
        except Exception as fault:
            return str(fault)

    async with place.open():
        assert "protocol_version" in await asyncio.to_thread(attack)
    assert place.served == []
    assert place.refusals == ["UNSUPPORTED_PROTOCOL"]


RSA_NODE = rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(
    "lists",
    [
        pytest.param({"cipherNames": ["3des"]}, id="T13-3DES"),
        pytest.param({"cipherNames": ["rc4"]}, id="T13-RC4"),
        pytest.param({"cipherNames": ["null"]}, id="T13-NULL"),
        pytest.param({"cipherNames": ["aes128", "aes256"], "macNames": ["sha"]}, id="T13-CBC with SHA-1"),
        pytest.param({"cipherNames": ["aes128", "aes256"], "macNames": ["sha256"]}, id="T13-CBC with SHA-256"),
        pytest.param({"keyExchangeNames": ["rsa"]}, id="T13-static RSA"),
        pytest.param({"keyExchangeNames": ["dhe_rsa"]}, id="T13-DHE"),
        pytest.param({"cipherNames": ["aes128ccm", "aes256ccm"]}, id="T13-CCM"),
    ],
)
async def test_weak_ciphers(tmp_path: Path, lists: dict[str, list[str]]) -> None:
    ca = making.authority()
    names = [x509.DNSName("localhost")]
    place = house(tmp_path, ca=ca, own=crooked(ca, key=RSA_NODE, names=names))  # an RSA key, so all of these could work
    caller = place.bind(making.application(ca))

    def attack(wanted: dict[str, list[str]]) -> str:
        try:
            with connected(place.port, caller, settings((3, 3), (3, 3), **wanted)) as connection:
                connection.write(b"hello\n")
                return bytes(connection.read(7, 7)).decode()
        except Exception as fault:
            return str(fault)

    async with place.open():
        assert "handshake_failure" in await asyncio.to_thread(attack, lists)
        assert place.served == []
        assert await asyncio.to_thread(attack, {"keyExchangeNames": ["ecdhe_rsa"]}) == "welcome"


@pytest.mark.parametrize("row", [pytest.param(None, id="T13-list")])
def test_only_ecdhe_with_aead_is_offered(tmp_path: Path, row: None) -> None:
    place = house(tmp_path)
    for context in (place.tls._current().shared, place.tls.client()):
        for cipher in context.get_ciphers():
            assert cipher["aead"]
            assert cipher["name"].startswith(("TLS_", "ECDHE-"))
        assert context.security_level == 2
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("row", [pytest.param(None, id="T14")])
async def test_renegotiation(tmp_path: Path, row: None) -> None:
    place = house(tmp_path)
    caller = place.bind(making.application(place.authority))

    def attack() -> str:
        with connected(place.port, caller, settings((3, 3), (3, 3))) as connection:
            connection.write(b"one\n")
            assert bytes(connection.read(None, 21)) == b"welcome archive: one\n"
            ask_to_renegotiate(connection)
            try:
                return bytes(connection.read(None, 1)).decode()
            except Exception as fault:
                return str(fault)

    async with place.open():
        assert "no_renegotiation" in await asyncio.to_thread(attack)
        assert await is_still_served(place)
    assert place.served == ["archive", "witness"]


def offering_compression(hello: bytes) -> bytes:
    """The same ClientHello, which offers DEFLATE besides no compression."""
    body = hello[9:]
    at = 34 + 1 + body[34]
    at += 2 + int.from_bytes(body[at : at + 2], "big")
    assert body[at : at + 2] == b"\x01\x00"
    body = body[:at] + b"\x02\x01\x00" + body[at + 2 :]
    return b"\x16\x03\x01" + (len(body) + 4).to_bytes(2, "big") + b"\x01" + len(body).to_bytes(3, "big") + body


@pytest.mark.parametrize("row", [pytest.param(None, id="T15-compression")])
async def test_compression(tmp_path: Path, row: None) -> None:
    place = house(tmp_path)
    async with place.open():
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        writer.write(offering_compression(client_hello(place, ssl.TLSVersion.TLSv1_2)))
        server_hello = (await reader.readexactly(5 + 4 + 35 + 32 + 3))[9:]
        writer.close()
        assert server_hello[:2] == b"\x03\x03"
        assert server_hello[35 + server_hello[34] + 2] == 0  # compression_method: null


def announcing_early_data(hello: bytes) -> bytes:
    """The same ClientHello with the extension early_data, and data that comes before any handshake is done."""
    body = hello[9:]
    at = 34 + 1 + body[34]
    at += 2 + int.from_bytes(body[at : at + 2], "big")
    at += 1 + body[at]
    extensions = body[at + 2 :] + b"\x00\x2a\x00\x00"
    body = body[:at] + len(extensions).to_bytes(2, "big") + extensions
    early = b"\x17\x03\x03\x00\x20" + b"hello\n".ljust(32, b"\x00")
    return b"\x16\x03\x01" + (len(body) + 4).to_bytes(2, "big") + b"\x01" + len(body).to_bytes(3, "big") + body + early


@pytest.mark.parametrize("row", [pytest.param(None, id="T15-early data")])
async def test_early_data(tmp_path: Path, row: None) -> None:
    """Early data needs a ticket of an earlier connection; none is given (T9), and none is read without one."""
    place = house(tmp_path)
    async with place.open(handshake_seconds=1.0):
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        writer.write(announcing_early_data(client_hello(place)))
        answer = await reader.read()  # ServerHello without early_data, then the end
        writer.close()
        assert answer[:1] == b"\x16"
        assert b"\x00\x2a\x00\x00" not in answer
        assert await is_still_served(place)
    assert place.served == ["witness"]


# T16: names.


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        pytest.param("localhost", "localhost", id="T16-own name"),
        pytest.param(None, None, id="T16-absent"),
        pytest.param("other.example.org", "other.example.org", id="T16-another name"),
        pytest.param("127.0.0.1", None, id="T16-address"),
    ],
)
async def test_the_server_name_a_client_asks_for(tmp_path: Path, name: str | None, seen: str | None) -> None:
    """TLS accepts any; HTTP answers 421 when `asked_name` is not the node's own."""
    place = house(tmp_path)
    caller = place.bind(making.application(place.authority))
    context = plain_client(place, caller, verify=False)
    async with place.open():
        answers, _ = await asyncio.to_thread(lambda: call(place.port, context, name=name))
    assert answers[0].startswith(b"welcome")
    assert place.asked_names == [seen]


# T17: whose certificate it is decides who is speaking.

COMMUNITIES = {f"urn:oid:2.999.{number}": making.authority(f"CA {number}") for number in (1, 2, 3)}
PEERS = {home: making.node_certificate(ca, f"node of {home}") for home, ca in COMMUNITIES.items()}


def federation() -> House:
    connection = making.database()
    bindings = making.Bindings(connection)
    for home, issued in PEERS.items():
        bindings.add(connection, making.binding(issued, role=Role.PEER, name=home, home=home))
    bindings.reload(connection)
    return bindings


@pytest.mark.parametrize("row", [pytest.param(None, id="T17")])
def test_a_community_that_claims_to_be_another(row: None) -> None:
    bindings = federation()

    @given(st.sampled_from(sorted(PEERS)), st.sampled_from([*sorted(PEERS), "urn:oid:2.999.9", "URN:OID:2.999.1", ""]))
    def judged(shown: str, claimed: str) -> None:
        caller = bindings.authenticate(PEERS[shown].der, "192.0.2.1", NOW)
        assert caller.home == shown
        if claimed in ("", shown):
            check_home(caller, claimed)
        else:
            with pytest.raises(NotPermitted):
                check_home(caller, claimed)

    judged()


@pytest.mark.parametrize("row", [pytest.param(None, id="T17-same name, another CA")])
def test_a_certificate_with_the_same_name_is_somebody_else(row: None) -> None:
    impostor = making.node_certificate(COMMUNITIES["urn:oid:2.999.2"], "node of urn:oid:2.999.1")
    with pytest.raises(NotAuthenticated, match="no record"):
        federation().authenticate(impostor.der, "192.0.2.1", NOW)


# T18: the node as a client.


def dns(*names: str) -> list[x509.GeneralName]:
    return [x509.DNSName(name) for name in names]


SERVERS = [
    pytest.param(lambda ca: crooked(ca, name="localhost", names=dns("other.example.org")), id="T18-another name"),
    pytest.param(lambda ca: crooked(ca, name="localhost"), id="T18-CN only"),
    pytest.param(lambda ca: crooked(ca, names=dns("*.localhost", "*")), id="T18-wildcard"),
    pytest.param(lambda ca: crooked(ca, names=[making.address("127.0.0.1")]), id="T18-address only"),
    pytest.param(lambda ca: crooked(ca, names=dns("localhost"), eku=[CLIENT]), id="T18-wrong EKU"),
    pytest.param(lambda ca: crooked(ca, names=dns("localhost"), eku=None), id="T18-no EKU"),
    pytest.param(lambda ca: crooked(ca, names=dns("localhost"), ca=True, cert_sign=True), id="T18-CA as leaf"),
    pytest.param(lambda ca: crooked(ca, names=dns("localhost"), end=NOW - timedelta(minutes=5)), id="T18-ended"),
]


async def sent_to(server: Issued, place: House, context: ssl.SSLContext, host: str = "localhost") -> bytes:
    """What a server with this certificate gets to read when the node sends it something confidential."""
    got = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.extend(await reader.read(1000))
        writer.close()

    inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    inside.load_cert_chain(*server.write(place.folder, "responder"))
    listener = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=inside)
    port = listener.sockets[0].getsockname()[1]
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=host)
        writer.write(b"patient")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    except GONE:
        pass
    finally:
        listener.close()
        await listener.wait_closed()
    for _ in range(100):
        if got:
            break
        await asyncio.sleep(0)
    return bytes(got)


@pytest.mark.parametrize("pinned", [pytest.param(False, id="below a CA"), pytest.param(True, id="pinned")])
@pytest.mark.parametrize("made", SERVERS)
async def test_a_false_server_reads_nothing(tmp_path: Path, made: Callable, *, pinned: bool) -> None:
    place = house(tmp_path)
    server = made(place.authority)
    context = place.tls.client(server.pem if pinned else "")
    assert await sent_to(server, place, context) == b""


@pytest.mark.parametrize("row", [pytest.param(None, id="T18-unknown CA")])
async def test_a_server_of_an_unknown_ca_reads_nothing(tmp_path: Path, row: None) -> None:
    place = house(tmp_path)
    server = making.node_certificate(making.authority("Elsewhere"))
    assert await sent_to(server, place, place.tls.client()) == b""


@pytest.mark.parametrize("row", [pytest.param(None, id="T18-another certificate of the same CA")])
async def test_a_pinned_peer_is_nobody_else(tmp_path: Path, row: None) -> None:
    place = house(tmp_path)
    peer, impostor = making.node_certificate(place.authority), making.node_certificate(place.authority)
    assert await sent_to(impostor, place, place.tls.client(peer.pem)) == b""
    assert await sent_to(peer, place, place.tls.client(peer.pem)) == b"patient"


@pytest.mark.parametrize(
    "host", [pytest.param("localhost", id="T18-good name"), pytest.param("127.0.0.1", id="T18-good address")]
)
async def test_the_true_server_is_called(tmp_path: Path, host: str) -> None:
    place = house(tmp_path)
    peer = making.node_certificate(place.authority)
    elsewhere = making.node_certificate(making.authority("Elsewhere"))
    assert await sent_to(peer, place, place.tls.client(), host) == b"patient"
    assert await sent_to(peer, place, place.tls.client(peer.pem), host) == b"patient"
    assert await sent_to(elsewhere, place, place.tls.client(elsewhere.pem), host) == b"patient"


# T21: too much of everything.


def long_chain(root: making.Authority, length: int) -> Issued:
    chain, issuer = [], root
    for number in range(length):
        issuer = making.ca_below(issuer, f"CA {number}")
        chain.insert(0, issuer.certificate)
    leaf = crooked(issuer)
    return Issued(leaf.certificate, leaf.key, chain)


TOO_MUCH = [
    pytest.param(lambda own, _: long_chain(own, 1), id="T21-CA below the node's own CA"),
    pytest.param(lambda own, _: long_chain(own, 12), id="T21-12 CAs below the node's own CA"),
    pytest.param(lambda _, other: long_chain(other, 120), id="T21-120 CAs"),
    pytest.param(
        lambda own, _: crooked(own, names=dns(*(f"n{k}.example.org" for k in range(1000)))), id="T21-1,000 names"
    ),
    pytest.param(
        lambda own, _: crooked(
            own, extra=[(x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.1"), b"x" * 90_000), False)]
        ),
        id="T21-90 kB certificate",
    ),
    pytest.param(
        lambda own, _: crooked(
            own, extra=[(x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.1"), b"x" * 200_000), False)]
        ),
        id="T21-200 kB certificate",
    ),
]


@pytest.mark.parametrize("made", TOO_MUCH)
async def test_too_much(tmp_path: Path, made: Callable) -> None:
    other = making.unlimited_authority("Other CA")
    place = house(tmp_path, anchors=[other.certificate])
    big = place.bind(made(place.authority, other))
    async with place.open():
        assert await attempt(place, big) != "served"
        assert place.served == []
        assert await is_still_served(place)


@pytest.mark.parametrize("row", [pytest.param(None, id="T21-12 CAs below a foreign root")])
async def test_a_long_chain_of_a_trusted_root_has_no_record(tmp_path: Path, row: None) -> None:
    other = making.unlimited_authority("Other CA")
    place = house(tmp_path, anchors=[other.certificate])
    async with place.open():
        assert await attempt(place, long_chain(other, 12)) == "closed"
    assert "no record" in place.refusals[0]


# T22, T23: who never finishes, and who talks nonsense.


@pytest.mark.parametrize("row", [pytest.param(None, id="T22")])
async def test_handshakes_that_never_end(tmp_path: Path, row: None) -> None:
    place = house(tmp_path)
    hello = client_hello(place)
    async with place.open(handshake_seconds=3.0):
        idle = [await asyncio.open_connection("127.0.0.1", place.port) for _ in range(200)]
        for number, (_, writer) in enumerate(idle):
            writer.write(hello[: number % len(hello)])
        assert await is_still_served(place)  # while all of them are open
        for reader, writer in idle:
            assert isinstance(await reader.read(), bytes)  # ends: the server hangs up
            writer.close()
        assert await is_still_served(place)
    assert tls.HANDSHAKE_SECONDS == 10


def client_hello(place: House, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    context = plain_client(place, None, verify=False)
    context.maximum_version = version
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


def mutations(hello: bytes, count: int, seed: int) -> list[bytes]:
    """Nonsense of every kind: flipped, cut, doubled, wrong lengths and types, and no TLS at all."""
    chance = random.Random(seed)
    found = [
        b"",
        b"\x00",
        b"\x16",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\xff\xff" + b"\x00" * 66_000,
    ]
    found += [bytes([kind]) + hello[1:] for kind in (0, 20, 21, 23, 24, 128, 255)]
    while len(found) < count:
        data = bytearray(hello)
        for _ in range(chance.randrange(1, 12)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        if chance.random() < 0.2:
            data += chance.randbytes(chance.randrange(300))
        if chance.random() < 0.2:
            where = chance.randrange(len(data) + 1)
            data[where:where] = data[: chance.randrange(len(data) + 1)]
        found.append(bytes(data))
    return found


@pytest.mark.parametrize("row", [pytest.param(None, id="T23")])
async def test_nonsense_instead_of_a_handshake(tmp_path: Path, caplog: pytest.LogCaptureFixture, row: None) -> None:
    place = house(tmp_path)
    corpus = mutations(client_hello(place), 200, seed=1) + mutations(
        client_hello(place, ssl.TLSVersion.TLSv1_2), 200, seed=2
    )
    async with place.open():
        for data in corpus:
            reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
            writer.write(data)
            writer.write_eof()
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()
        assert place.served == []
        assert await is_still_served(place)
    assert caplog.records == []
    assert len(place.refusals) <= len(corpus)
    assert all(len(reason) < 200 and reason.isprintable() for reason in place.refusals)


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@pytest.mark.parametrize("row", [pytest.param(None, id="T23-certificates")])
def test_nonsense_instead_of_a_certificate(row: None) -> None:
    ca = making.authority()
    good = making.application(ca)
    bindings = making.Bindings(making.database())
    for data in mutations(good.der, 1500, seed=3):
        with contextlib.suppress(BadCertificate):
            check_peer_certificate(from_der(data), NOW, usage=Usage.CLIENT)
        with pytest.raises(NotAuthenticated):
            bindings.authenticate(data, "192.0.2.1", NOW)
    for data in mutations(good.pem.encode(), 500, seed=4):
        with contextlib.suppress(BadCertificate):
            from_pem(data)


# T25: keys at rest and in memory.


@pytest.mark.parametrize("row", [pytest.param(None, id="T25-files")])
def test_keys_are_closed_to_others(tmp_path: Path, row: None) -> None:
    keys = tmp_path / "keys"
    private_folder(keys)
    write_private(keys / "tls.key", b"secret")
    (keys / "ca.pem").write_text("-----BEGIN CERTIFICATE-----")
    (keys / "ca.pem").chmod(0o444)
    assert check_key_files(keys) == []
    assert stat.S_IMODE((keys / "tls.key").stat().st_mode) == 0o400
    (keys / "both.pem").write_text("-----BEGIN PRIVATE KEY-----")
    (keys / "both.pem").chmod(0o444)
    (keys / "tls.key").chmod(0o644)
    (keys / "ca.pem").chmod(0o664)
    keys.chmod(0o755)
    faults = check_key_files(keys)
    assert [
        (
            "keys is open" in one,
            "both.pem can be read" in one,
            "ca.pem can be changed" in one,
            "tls.key can be read" in one,
        )
        for one in faults
    ] == [
        (True, False, False, False),
        (False, True, False, False),
        (False, False, True, False),
        (False, False, False, True),
    ]
    assert check_key_files(tmp_path / "nowhere")


@pytest.mark.parametrize("row", [pytest.param(None, id="T25-authority")])
def test_the_key_of_an_authority_is_closed_to_others(tmp_path: Path, row: None) -> None:
    open_authority(tmp_path / "ca", "CA", now=NOW, development=True)
    assert check_key_files(tmp_path / "ca") == []
    assert stat.S_IMODE((tmp_path / "ca" / "ca.key").stat().st_mode) == 0o400


@pytest.mark.parametrize("row", [pytest.param(None, id="T25-core dump")])
def test_no_core_file(row: None) -> None:
    code = "import resource; from trust.pki.keyfiles import harden_process; harden_process(); print(resource.getrlimit(resource.RLIMIT_CORE))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(0, 0)"
