"""The small authority: strict verifiers accept what it issues, and a development authority is recognised."""

from __future__ import annotations

import concurrent.futures
import os
import socket
import ssl
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tests.trust.pki import making
from tests.trust.pki.making import NOW, Issued
from trust.errors import BadCertificate
from trust.pki.authority import APPLICATION, NODE, is_development, new_key, open_authority, request, requested_key
from trust.pki.certificates import Usage, check_peer_certificate, from_pem
from trust.pki.keyfiles import replace_private

DEVELOPMENT = making.authority("Development CA", development=True)


def strict(purpose: int, ca: str, own: Issued, folder: Path, name: str) -> ssl.SSLContext:
    """Like `ssl.create_default_context` of Python 3.13."""
    context = ssl.SSLContext(purpose)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=ca)
    context.load_cert_chain(*own.write(folder, name))
    return context


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "node.example.org"])
def test_strict_verification_accepts_a_node_on_both_sides(tmp_path: Path, host: str) -> None:
    node = making.node_certificate(DEVELOPMENT, hosts=("localhost", "127.0.0.1", "::1", "node.example.org"))
    inside = strict(ssl.PROTOCOL_TLS_SERVER, DEVELOPMENT.pem, node, tmp_path, "server")
    outside = strict(ssl.PROTOCOL_TLS_CLIENT, DEVELOPMENT.pem, node, tmp_path, "client")
    left, right = socket.socketpair()
    seen = []

    def serve() -> None:
        with inside.wrap_socket(left, server_side=True) as connection:
            seen.append(connection.getpeercert(binary_form=True))
            connection.sendall(b"welcome")

    thread = threading.Thread(target=serve)
    thread.start()
    with outside.wrap_socket(right, server_hostname=host) as connection:
        assert connection.recv(7) == b"welcome"
    thread.join()
    assert seen == [node.der]


def test_extensions_are_those_that_strict_verifiers_ask_for() -> None:
    for certificate in (DEVELOPMENT.certificate, making.application(DEVELOPMENT).certificate):
        found = {extension.oid: extension.critical for extension in certificate.extensions}
        assert found[x509.BasicConstraints.oid] is True
        assert found[x509.KeyUsage.oid] is True
        assert found[x509.SubjectKeyIdentifier.oid] is False
        assert found[x509.AuthorityKeyIdentifier.oid] is False


def test_usages() -> None:
    for issued, usages in (
        (making.application(DEVELOPMENT), APPLICATION),
        (making.node_certificate(DEVELOPMENT), NODE),
    ):
        for usage in Usage:
            if usage in usages:
                check_peer_certificate(issued.certificate, NOW, usage=usage)
            else:
                with pytest.raises(BadCertificate):
                    check_peer_certificate(issued.certificate, NOW, usage=usage)


def test_a_development_authority_is_recognised_by_what_it_issued() -> None:
    other = making.authority()
    assert is_development([DEVELOPMENT.certificate])
    assert is_development([making.node_certificate(DEVELOPMENT).certificate])
    assert is_development([making.node_certificate(other).certificate, DEVELOPMENT.certificate])
    assert not is_development([making.node_certificate(other).certificate, other.certificate])


def test_an_authority_is_made_once_and_shared(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "ca"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: open_authority(folder, "CA", now=NOW, development=True), range(8)))
    assert len({one.pem for one in found}) == 1
    assert sorted(path.name for path in folder.parent.iterdir()) == ["ca"]
    assert open_authority(folder, "another name", now=NOW, development=True).pem == found[0].pem


def test_an_authority_that_cannot_be_used(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    open_authority(folder, "CA", now=NOW, development=True)
    with pytest.raises(BadCertificate, match="development authority"):
        open_authority(folder, "CA", now=NOW, development=False)
    with pytest.raises(BadCertificate, match="ended"):
        open_authority(folder, "CA", now=NOW + timedelta(days=9999), development=True)
    replace_private(folder / "ca.pem", DEVELOPMENT.pem.encode())
    with pytest.raises(BadCertificate, match="is not the key of"):
        open_authority(folder, "CA", now=NOW, development=True)
    replace_private(folder / "ca.key", b"rubbish")
    with pytest.raises(BadCertificate, match="cannot be read"):
        open_authority(folder, "CA", now=NOW, development=True)
    full = tmp_path / "full"
    full.mkdir()
    (full / "note").write_text("not an authority")
    with pytest.raises(BadCertificate, match="no authority can be made"):
        open_authority(full, "CA", now=NOW, development=True)


def test_a_request_for_the_ca_of_an_institution() -> None:
    key = new_key()
    text = request(key, "node", ["node.example.org", "192.0.2.7"])
    assert requested_key(text.encode()) == key.public_key()
    asked = x509.load_pem_x509_csr(text.encode())
    wanted = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert wanted.get_values_for_type(x509.DNSName) == ["node.example.org"]
    for wrong in (b"", text.encode().replace(b"\nM", b"\nN", 1), DEVELOPMENT.pem.encode()):
        with pytest.raises(BadCertificate):
            requested_key(wrong)


@pytest.mark.parametrize(
    ("name", "hosts"),
    [("", ["localhost"]), ("n" * 65, ["localhost"]), ("node", []), ("node", ["h\u00f4te.example.org"])],
)
def test_what_cannot_stand_in_a_certificate(name: str, hosts: list[str]) -> None:
    with pytest.raises(BadCertificate):
        DEVELOPMENT.issue(name, new_key().public_key(), now=NOW, hosts=hosts)


def test_serial_numbers_differ() -> None:
    assert len({making.application(DEVELOPMENT).certificate.serial_number for _ in range(20)}) == 20
    assert from_pem(DEVELOPMENT.pem)[0] == DEVELOPMENT.certificate


def test_a_new_authority_is_durable_before_it_vouches_for_anybody(tmp_path, monkeypatch):
    """Its folder is moved into place: what names it there must be on the disk as well as its files."""
    synced, fsync = [], os.fsync

    def noted(descriptor):
        synced.append((os.readlink(f"/proc/self/fd/{descriptor}"), (tmp_path / "new" / "ca.key").exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    open_authority(tmp_path / "new", "CA", now=NOW, development=False)
    assert (str(tmp_path), True) in synced
