"""A real node's TLS as `openssl s_client` and sslyze see it (rows T1 to T16 from outside)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.end_to_end.nodes import Node, free_base

REQUEST = "GET /iti-18 HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n"
PERFECT = "@SECLEVEL=0"


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("outside")
    made = Node(folder / "node", free_base(), "Institution", forked=False).init(folder / "ca").start()
    yield made
    made.stop()


@pytest.fixture
def openssl() -> str:
    found = shutil.which("openssl")
    assert found, "apt-get install openssl"
    return found


def s_client(openssl: str, node: Node, *options: str, certificate: tuple[str, str] | None, said: str = "") -> str:
    """Everything that `openssl s_client` printed; it ends when the node hangs up, or after `said` was answered."""
    keys = node.folder / "keys"
    command = [openssl, "s_client", "-connect", f"localhost:{node.base + 1}", "-CAfile", str(keys / "trust.pem")]
    if not any(one in options for one in ("-servername", "-noservername")):
        command += ["-servername", "localhost"]
    if certificate:
        command += ["-cert", certificate[0], "-key", certificate[1]]
    ended = subprocess.run(
        [*command, *options], input=said, capture_output=True, text=True, timeout=30, check=False, errors="replace"
    )
    return ended.stdout + ended.stderr


def own(node: Node) -> tuple[str, str]:
    return str(node.folder / "keys" / "client.pem"), str(node.folder / "keys" / "client.key")


def issued(
    folder: Path, ca: Path, *, ends: datetime, usage=ExtendedKeyUsageOID.CLIENT_AUTH, key_of=None
) -> tuple[str, str]:
    """A client certificate that no node has a record of; below the development CA, or below a key of its own."""
    if key_of is None:
        authority = x509.load_pem_x509_certificate((ca / "ca.pem").read_bytes())
        key_of = load_pem_private_key((ca / "ca.key").read_bytes(), None)
        issuer = authority.subject
    else:
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Somebody else")])
    key = ec.generate_private_key(ec.SECP256R1())
    begins = ends - timedelta(days=30)
    built = (
        x509.CertificateBuilder(
            issuer, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "visitor")]), key.public_key()
        )
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .sign(key_of, hashes.SHA256())
    )
    pem, secret = folder / "visitor.pem", folder / "visitor.key"
    pem.write_bytes(built.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(pem), str(secret)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_what_is_agreed(node: Node, openssl: str, version: str) -> None:
    said = s_client(openssl, node, version, certificate=own(node))
    assert "Verify return code: 0 (ok)" in said
    assert re.search(r"Cipher is (ECDHE-ECDSA-(AES\d+-GCM|CHACHA20)|TLS_(AES_\d+_GCM|CHACHA20))", said)
    assert "Compression: NONE" in said
    if version == "-tls1_3":
        assert "Early data was not sent" in said


@pytest.mark.parametrize("version", [pytest.param("-tls1", id="T12-1.0"), pytest.param("-tls1_1", id="T12-1.1")])
def test_old_versions(node: Node, openssl: str, version: str) -> None:
    said = s_client(openssl, node, version, "-cipher", "DEFAULT" + PERFECT, certificate=own(node))
    assert "alert protocol version" in said


@pytest.mark.parametrize(
    "cipher",
    [
        pytest.param(one, id=f"T13-{one}")
        for one in (
            "AES128-SHA",
            "AES256-GCM-SHA384",
            "ECDHE-ECDSA-AES128-SHA",
            "ECDHE-ECDSA-AES256-SHA384",
            "NULL",
            "ADH",
        )
    ],
)
def test_weak_ciphers(node: Node, openssl: str, cipher: str) -> None:
    said = s_client(openssl, node, "-tls1_2", "-cipher", cipher + PERFECT, certificate=own(node))
    assert "alert handshake failure" in said
    assert "Cipher is (NONE)" in said


def test_t14_renegotiation(node: Node, openssl: str) -> None:
    said = s_client(openssl, node, "-tls1_2", "-legacy_renegotiation", certificate=own(node), said="R\n")
    assert "RENEGOTIATING" in said
    assert "no renegotiation" in said


@pytest.mark.parametrize("version", [pytest.param("-tls1_2", id="T9-1.2"), pytest.param("-tls1_3", id="T9-1.3")])
def test_nothing_to_resume(node: Node, openssl: str, version: str, tmp_path: Path) -> None:
    kept = tmp_path / "session.pem"
    first = s_client(openssl, node, version, "-sess_out", str(kept), certificate=own(node))
    assert "New, TLSv1" in first
    if kept.exists():
        again = s_client(openssl, node, version, "-sess_in", str(kept), certificate=own(node))
        assert "New, TLSv1" in again
        assert "Reused" not in again


def test_no_certificate(node: Node, openssl: str) -> None:
    request = REQUEST.format(port=node.base + 1)
    said = s_client(openssl, node, "-tls1_3", "-ign_eof", certificate=None, said=request)
    assert "alert certificate required" in said
    assert "HTTP/1" not in said


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        pytest.param("expired", "alert certificate expired", id="T1"),
        pytest.param("unknown", "alert unknown ca", id="T3"),
        pytest.param("server", "alert unsupported certificate", id="T4"),
        pytest.param("no record", "HTTP/1.1 403", id="T17-right-ca-without-record"),
    ],
)
def test_certificates_that_get_nothing(node: Node, openssl: str, kind: str, answer: str, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    given = issued(
        tmp_path,
        node.folder.parent / "ca",
        ends=now + timedelta(days=-1 if kind == "expired" else 20),
        usage=ExtendedKeyUsageOID.SERVER_AUTH if kind == "server" else ExtendedKeyUsageOID.CLIENT_AUTH,
        key_of=ec.generate_private_key(ec.SECP256R1()) if kind == "unknown" else None,
    )
    request = REQUEST.format(port=node.base + 1).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
    said = s_client(openssl, node, "-tls1_3", "-ign_eof", certificate=given, said=request)
    assert answer in said
    assert "HTTP/1.1 200" not in said


def test_t10_revoked_while_the_node_runs(node: Node, openssl: str, tmp_path: Path) -> None:
    made = node.run("client", "add", "ward", "--output", str(tmp_path / "ward"), check=False)
    if made.returncode == 2:  # the option has another name
        made = node.run("client", "add", "ward")
    (pem,) = [*tmp_path.rglob("*.pem"), *(node.folder / "keys").rglob("ward*.pem")][:1]
    (key,) = [*tmp_path.rglob("*.key"), *(node.folder / "keys").rglob("ward*.key")][:1]
    request = REQUEST.format(port=node.base + 1).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
    before = s_client(openssl, node, "-ign_eof", certificate=(str(pem), str(key)), said=request)
    assert "HTTP/1.1 405" in before  # admitted: only the method is wrong
    node.run("client", "revoke", "ward")
    after = s_client(openssl, node, "-ign_eof", certificate=(str(pem), str(key)), said=request)
    assert "HTTP/1.1 403" in after


@pytest.mark.parametrize("name", [pytest.param("evil.example", id="T16-wrong")])
def test_another_server_name(node: Node, openssl: str, name: str) -> None:
    request = REQUEST.format(port=node.base + 1).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
    said = s_client(openssl, node, "-ign_eof", "-servername", name, certificate=own(node), said=request)
    assert "HTTP/1.1 421" in said


def test_sslyze(node: Node, pytestconfig: pytest.Config, tmp_path: Path) -> None:
    command = pytestconfig.getoption("--sslyze")
    assert command, "scripts/test --only security makes its environment"
    pem, key = own(node)
    found = tmp_path / "found.json"
    subprocess.run(
        [
            *(command, "--cert", pem, "--key", key, "--json_out", str(found), "--quiet", "--mozilla_config", "disable"),
            *("--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3", "--compression", "--early_data"),
            *("--heartbleed", "--openssl_ccs", "--robot", "--reneg", "--resum", "--fallback", "--ems"),
            *("--elliptic_curves", f"localhost:{node.base + 1}"),
        ],
        check=True,
        timeout=120,
    )
    (server,) = json.loads(found.read_text())["server_scan_results"]
    assert server["scan_status"] == "COMPLETED"
    scan = {name: one["result"] for name, one in server["scan_result"].items() if one and one["status"] == "COMPLETED"}
    for old in ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"):
        assert scan[f"{old}_cipher_suites"]["accepted_cipher_suites"] == [], old
    agreed = [
        one["cipher_suite"]["name"]
        for version in ("tls_1_2", "tls_1_3")
        for one in scan[f"{version}_cipher_suites"]["accepted_cipher_suites"]
    ]
    assert agreed
    assert all(re.search("GCM|CHACHA20_POLY1305", name) for name in agreed)
    assert all(name.startswith(("TLS_ECDHE_", "TLS_AES_", "TLS_CHACHA20_")) for name in agreed)
    assert scan["tls_compression"]["supports_compression"] is False
    assert scan["tls_1_3_early_data"]["supports_early_data"] is False
    assert scan["heartbleed"]["is_vulnerable_to_heartbleed"] is False
    assert scan["openssl_ccs_injection"]["is_vulnerable_to_ccs_injection"] is False
    assert scan["robot"]["robot_result"].startswith("NOT_VULNERABLE")
    assert scan["session_renegotiation"]["is_vulnerable_to_client_renegotiation_dos"] is False
    assert scan["session_resumption"]["session_id_resumption_result"] == "NOT_SUPPORTED"
    assert scan["session_resumption"]["tls_ticket_resumption_result"] == "NOT_SUPPORTED"
    assert scan["tls_fallback_scsv"]["supports_fallback_scsv"] is True
    assert scan["tls_extended_master_secret"]["supports_ems_extension"] is True
    weak = {"secp192r1", "secp224r1", "prime192v1", "secp160r1"}
    assert not weak & {one["name"] for one in scan["elliptic_curves"]["supported_curves"]}
