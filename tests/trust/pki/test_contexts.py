"""Contexts that are reloaded while the server runs, and revocation lists as the node keeps them."""

from __future__ import annotations

import asyncio
import gc
import ssl
import weakref
from datetime import timedelta
from pathlib import Path

import pytest

from tests.trust.pki import making
from tests.trust.pki.making import NOW, House, Issued, house, plain_client
from trust.errors import BadCertificate
from trust.identity.caller import Role
from trust.pki import tls
from trust.pki.certificates import to_pem
from trust.pki.keyfiles import replace_private
from trust.pki.revocation import RevocationLists, from_pem


async def ask(place: House, context: ssl.SSLContext, name: str = "localhost") -> bytes:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port, ssl=context, server_hostname=name)
        writer.write(b"hello\n")
        answer = await reader.readline()
        writer.close()
        return answer
    except (ssl.SSLError, ConnectionError):
        return b""


async def test_a_peer_is_pinned_and_let_go_while_the_server_runs(tmp_path: Path) -> None:
    place = house(tmp_path)
    peer = making.node_certificate(making.authority("Elsewhere"))
    place.bind(peer, role=Role.PEER, name="north", home=making.HOME_B)
    context = plain_client(place, peer)
    async with place.open():
        assert await ask(place, context) == b""
        place.tls.reload([peer.pem])
        assert (await ask(place, context)).startswith(b"welcome north")
        place.tls.reload([])
        assert await ask(place, context) == b""


async def test_a_pinned_certificate_vouches_for_no_other(tmp_path: Path) -> None:
    """A certificate that is an anchor of its own (PARTIAL_CHAIN) still signs nobody."""
    place = house(tmp_path)
    peer = making.node_certificate(making.authority("Elsewhere"))
    below = making.crooked(making.Authority(peer.certificate, peer.key), name="below")
    place.tls.reload([peer.pem])
    place.bind(below)
    async with place.open():
        assert await ask(place, plain_client(place, Issued(below.certificate, below.key, [peer.certificate]))) == b""


async def test_the_certificate_of_the_node_is_changed_while_it_runs(tmp_path: Path) -> None:
    place = house(tmp_path)
    caller = place.bind(making.application(place.authority))
    context = plain_client(place, caller)
    async with place.open():
        server = place.tls.server
        before = place.tls.fingerprint
        renewed = making.node_certificate(place.authority)
        renewed.write(tmp_path, "tls")
        assert (await ask(place, context)).startswith(b"welcome")
        place.tls.reload()
        assert place.tls.fingerprint == renewed.fingerprint != before
        assert place.tls.server is server
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", place.port, ssl=context, server_hostname="localhost"
        )
        assert writer.get_extra_info("ssl_object").getpeercert(binary_form=True) == renewed.der
        writer.close()
        await reader.read()


async def test_a_reload_that_fails_changes_nothing(tmp_path: Path) -> None:
    place = house(tmp_path)
    caller = place.bind(making.application(place.authority))
    making.node_certificate(place.authority).write(tmp_path, "other")
    replace_private(tmp_path / "tls.key", (tmp_path / "other.key").read_bytes())
    async with place.open():
        with pytest.raises(BadCertificate, match="no PEM certificate"):
            place.tls.reload(["rubbish"])
        with pytest.raises(BadCertificate, match=r"tls\.key"):
            place.tls.reload()
        (tmp_path / "tls.pem").unlink()
        with pytest.raises(BadCertificate, match="cannot be read"):
            place.tls.reload()
        assert (await ask(place, plain_client(place, caller))).startswith(b"welcome")


def test_the_context_of_a_community_is_kept_while_nothing_changes(tmp_path: Path) -> None:
    """Pooled connections hang on it: a thousand communities would be a thousand handshakes with each reload."""
    place = house(tmp_path)
    peer, other = (making.node_certificate(place.authority) for _ in range(2))
    first = place.tls.client(peer.pem)
    assert place.tls.client(peer.pem) is first
    assert place.tls.client() is not first
    place.tls.reload([peer.pem])
    place.tls.reload([other.pem, peer.pem])
    assert place.tls.client(peer.pem) is first
    place.tls.reload([other.pem])
    assert place.tls.client(peer.pem) is not first


@pytest.mark.parametrize("what", ["certificate", "list", "anchors"])
def test_a_reload_that_finds_something_changed_makes_new_contexts(tmp_path: Path, what: str) -> None:
    ca = making.authority()
    peer = making.node_certificate(ca)
    path = house(tmp_path, ca=ca).revocation_list()
    place = house(tmp_path, ca=ca, lists=[path], pinned=[peer.pem])
    first = place.tls.client(peer.pem)
    place.tls.reload()
    assert place.tls.client(peer.pem) is first
    if what == "certificate":
        making.node_certificate(ca).write(tmp_path, "tls")
    elif what == "list":
        place.revocation_list(making.application(ca))
    else:
        anchors = place.tls._files.anchors[0]
        anchors.write_bytes(anchors.read_bytes() + making.authority("Another").pem.encode())
    place.tls.reload()
    assert place.tls.client(peer.pem) is not first


def test_the_context_of_a_certificate_that_has_ended_is_made_anew(tmp_path: Path) -> None:
    """An open connection is not looked at again by TLS: it must not outlive what it was made with."""
    now = [NOW]
    place = house(tmp_path, clock=lambda: now[0])
    peer = making.node_certificate(place.authority)
    place.tls.reload([peer.pem])
    first = place.tls.client(peer.pem)
    now[0] = peer.certificate.not_valid_after_utc - timedelta(seconds=1)
    place.tls.reload()
    assert place.tls.client(peer.pem) is first
    now[0] = peer.certificate.not_valid_after_utc
    place.tls.reload()
    assert place.tls.client(peer.pem) is not first


def test_a_context_that_serves_does_not_call(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="serves"):
        house(tmp_path).tls.server.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), False)


async def test_each_connection_leaves_nothing_behind(tmp_path: Path) -> None:
    place = house(tmp_path)
    caller = place.bind(making.application(place.authority))
    contexts: list[weakref.ref] = []
    real = tls._opening_context

    def watched(side: tls.ServerSide) -> ssl.SSLContext:
        made = real(side)
        contexts.append(weakref.ref(made))
        return made

    context = plain_client(place, caller)
    async with place.open():
        tls._opening_context = watched
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                assert await ask(place, context)
            while place.closed < 5:
                await asyncio.sleep(0)
            assert [one() for one in contexts] == [None] * 5
        finally:
            gc.enable()
            tls._opening_context = real


async def test_an_anchor_that_is_no_ca_is_left_out_and_reported(tmp_path: Path) -> None:
    stray = making.application(making.authority("Elsewhere"))
    place = house(tmp_path, anchors=[stray.certificate])
    place.bind(stray)
    assert any("is no CA certificate" in one for one in place.tls.problems(NOW))
    async with place.open():
        assert await ask(place, plain_client(place, stray)) == b""


def test_what_an_administrator_has_to_know(tmp_path: Path) -> None:
    place = house(tmp_path)
    assert place.tls.problems(NOW) == []
    soon = place.tls.problems(NOW + timedelta(days=710))
    assert len(soon) == 1
    assert "ends in" in soon[0]
    assert "ended on" in place.tls.problems(NOW + timedelta(days=800))[0]
    assert not place.tls.development
    (tmp_path / "dev").mkdir()
    assert house(tmp_path / "dev", ca=making.authority("Development", development=True)).tls.development


# Revocation lists.


async def test_a_pinned_peer_of_an_unknown_ca_needs_no_list(tmp_path: Path) -> None:
    ca = making.authority()
    good, stolen = making.application(ca), making.application(ca, "stolen")
    peer = making.node_certificate(making.authority("Elsewhere"))
    path = house(tmp_path, ca=ca).revocation_list(stolen)
    place = house(tmp_path, ca=ca, lists=[path], pinned=[peer.pem])
    place.bind(good)
    place.bind(stolen, name="stolen")
    place.bind(peer, role=Role.PEER, name="north", home=making.HOME_B)
    assert not place.tls.lists.fit_for_handshakes(NOW)
    async with place.open():
        assert await ask(place, plain_client(place, peer)) == b"welcome north: hello\n"
        assert await ask(place, plain_client(place, good)) == b"welcome archive: hello\n"
        assert await ask(place, plain_client(place, stolen)) == b""
    assert "stolen" not in place.served


async def test_the_authority_of_the_node_itself_needs_no_list(tmp_path: Path) -> None:
    ca, applications = making.authority(), making.authority("Applications")
    good, stolen = making.application(applications), making.application(ca, "stolen")
    path = house(tmp_path, ca=ca).revocation_list(stolen)
    place = house(tmp_path, ca=ca, lists=[path], own_authority=applications)
    place.bind(good)
    place.bind(stolen, name="stolen")
    assert place.tls.problems(NOW) == []
    async with place.open():
        assert await ask(place, plain_client(place, good)) == b"welcome archive: hello\n"
        assert await ask(place, plain_client(place, stolen)) == b""
    assert place.served == ["archive"]


async def test_lists_come_with_a_reload(tmp_path: Path) -> None:
    ca = making.authority()
    stolen = making.application(ca, "stolen")
    path = house(tmp_path, ca=ca).revocation_list()
    place = house(tmp_path, ca=ca, lists=[path], pinned=[making.node_certificate(ca).pem])
    place.bind(stolen, name="stolen")
    context = plain_client(place, stolen)
    async with place.open():
        assert await ask(place, context)
        place.revocation_list(stolen)
        place.tls.reload()
        assert await ask(place, context) == b""
        path.unlink()
        place.tls.reload()  # what was read keeps counting
        assert await ask(place, context) == b""
        assert any("list.crl" in one for one in place.tls.problems(NOW))


def test_an_older_list_does_not_replace_a_newer_one() -> None:
    ca = making.authority()
    stolen = making.application(ca)
    revoked = [(stolen.certificate.serial_number, NOW)]
    new = from_pem(ca.crl(revoked, now=NOW, days=7, number=2))
    old = from_pem(ca.crl([], now=NOW - timedelta(days=1), days=300, number=1))
    lists = RevocationLists([*new, *old], [ca.certificate], configured=True)
    with pytest.raises(BadCertificate, match="revoked on"):
        lists.check(stolen.certificate, NOW)


def test_lists_of_several_authorities_in_one_file() -> None:
    one, two = making.authority("One"), making.authority("Two")
    text = one.crl([], now=NOW, days=1, number=1) + two.crl([], now=NOW, days=1, number=1)
    lists = RevocationLists(from_pem(text), [one.certificate, two.certificate], configured=True)
    assert len(lists.lists) == 2
    assert lists.check(making.application(two).certificate, NOW) == NOW + timedelta(days=1) + lists.grace
    assert list(lists.problems(NOW)) == []
    assert len(list(lists.problems(NOW + timedelta(days=1, hours=1)))) == 2
    assert len(list(lists.problems(NOW + timedelta(days=3)))) == 2


def test_a_certificate_below_an_unknown_ca_is_refused_when_lists_are_used() -> None:
    known, other = making.authority("Known"), making.authority("Other")
    lists = RevocationLists(from_pem(known.crl([], now=NOW, days=1, number=1)), [known.certificate], configured=True)
    foreign = making.application(other).certificate
    with pytest.raises(BadCertificate, match="not among the trust anchors"):
        lists.check(foreign, NOW)
    lists.check(foreign, NOW, pinned=True)
    RevocationLists().check(foreign, NOW)


@pytest.mark.parametrize("text", [b"", b"rubbish", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"])
def test_what_is_no_list(text: bytes) -> None:
    with pytest.raises(BadCertificate):
        from_pem(text)


def test_anchor_file_is_what_is_trusted(tmp_path: Path) -> None:
    place = house(tmp_path)
    assert to_pem(place.tls.chain).count("BEGIN CERTIFICATE") == 1
