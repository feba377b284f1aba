"""What is read out of a certificate, and every reason to refuse one (RFC 5280; ITI TF-2: 3.19)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.trust.pki import making
from tests.trust.pki.making import CLIENT, NOW, SERVER, crooked
from trust.errors import BadCertificate
from trust.pki.authority import Authority
from trust.pki.certificates import (
    MOST_BYTES,
    Usage,
    check_authority,
    check_peer_certificate,
    days_left,
    fingerprint_of,
    from_der,
    from_pem,
    in_groups,
    names,
    names_host,
    read_fingerprint,
    to_der,
    to_pem,
)

CA = making.authority()
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.1"), b"\x05\x00")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param({"eku": None}, "no extendedKeyUsage", id="no EKU"),
        pytest.param({"eku": [SERVER]}, "not for TLS clients", id="the other EKU"),
        pytest.param({"eku": [x509.ObjectIdentifier("2.5.29.37.0")]}, "not for TLS clients", id="any EKU is no EKU"),
        pytest.param({"ca": True}, "is a CA certificate", id="a CA"),
        pytest.param({"cert_sign": True}, "may sign certificates", id="a key that signs certificates"),
        pytest.param({"digital_signature": False}, "may not sign", id="a key that may not sign"),
        pytest.param({"end": NOW - timedelta(seconds=1)}, "ended on", id="ended"),
        pytest.param({"start": NOW + timedelta(seconds=1)}, "valid only from", id="not yet valid"),
        pytest.param({"key": rsa.generate_private_key(65537, 1024)}, "RSA key of 1024 bits", id="RSA 1024"),
        pytest.param({"key": ec.generate_private_key(ec.SECP192R1())}, "curve secp192r1", id="P-192"),
        pytest.param({"key": ec.generate_private_key(ec.SECP256K1())}, "curve secp256k1", id="secp256k1"),
        pytest.param(
            {"names": [x509.DNSName(f"n{k}.example.org") for k in range(101)]}, "more than 100 names", id="101 names"
        ),
        pytest.param({"extra": [(UNKNOWN, True)]}, "critical extension", id="an unknown critical extension"),
    ],
)
def test_what_is_refused(wrong: dict, said: str) -> None:
    with pytest.raises(BadCertificate, match=said):
        check_peer_certificate(crooked(CA, **wrong).certificate, NOW, usage=Usage.CLIENT)


@pytest.mark.parametrize(
    "right",
    [
        pytest.param({}, id="P-256"),
        pytest.param({"key": ec.generate_private_key(ec.SECP384R1())}, id="P-384"),
        pytest.param({"key": rsa.generate_private_key(65537, 2048)}, id="RSA 2048"),
        pytest.param({"key": ed25519.Ed25519PrivateKey.generate()}, id="Ed25519"),
        pytest.param({"ca": None}, id="without basicConstraints"),
        pytest.param({"eku": [CLIENT]}, id="for clients only"),
        pytest.param({"extra": [(UNKNOWN, False)]}, id="an unknown extension that is not critical"),
    ],
)
def test_what_is_accepted(right: dict) -> None:
    check_peer_certificate(crooked(CA, **right).certificate, NOW, usage=Usage.CLIENT)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(BadCertificate) as refused:
        check_peer_certificate(
            crooked(CA, eku=None, ca=True, cert_sign=True, end=NOW - timedelta(minutes=1)).certificate,
            NOW,
            usage=Usage.SERVER,
        )
    assert str(refused.value).count("; it ") == 3


def test_a_trust_anchor_is_a_ca() -> None:
    check_authority(CA.certificate, NOW)
    with pytest.raises(BadCertificate, match="no CA certificate"):
        check_authority(crooked(CA).certificate, NOW)
    with pytest.raises(BadCertificate, match="ended on"):
        check_authority(CA.certificate, NOW + timedelta(days=5000))


def test_pem_and_der() -> None:
    one, two = crooked(CA).certificate, CA.certificate
    text = to_pem([one, two])
    assert from_pem(text) == (one, two)
    assert from_pem(("for people to read\n" + text).encode()) == (one, two)
    assert from_der(to_der(one)) == one


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", id="no certificate inside"),
        pytest.param(to_pem([CA.certificate]) + "-----BEGIN CERTIFICATE-----\n", id="a second one that is cut off"),
        pytest.param("-----BEGIN CERTIFICATE-----" + "A" * 2_000_000, id="too long"),
        pytest.param("-----BEGIN CERTIFICATE-----\u00e9\ud800-----END CERTIFICATE-----", id="not ASCII"),
    ],
)
def test_what_is_no_pem(text: str) -> None:
    with pytest.raises(BadCertificate):
        from_pem(text)


def test_a_large_certificate_is_not_even_read() -> None:
    with pytest.raises(BadCertificate, match=str(MOST_BYTES)):
        from_der(b"\x30" * (MOST_BYTES + 1))


def test_a_fingerprint_can_be_read_aloud_and_typed() -> None:
    digits = fingerprint_of(CA.certificate)
    shown = in_groups(digits)
    assert len(shown.splitlines()) == 2
    assert read_fingerprint(shown) == digits
    assert read_fingerprint("SHA256:" + ":".join(digits[k : k + 2].upper() for k in range(0, 64, 2))) == digits
    for wrong in ("", digits[:-1], digits + "0", "g" * 64, "\u0661" * 64):
        with pytest.raises(BadCertificate):
            read_fingerprint(wrong)


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("node.example.org", True),
        ("NODE.example.org", True),
        ("a.wild.example.org", False),
        ("*.wild.example.org", False),
        ("192.0.2.7", True),
        ("2001:db8::7", True),
        ("2001:0db8:0:0::7", True),
        ("192.0.2.8", False),
        ("crooked", False),
        ("", False),
    ],
)
def test_names(host: str, named: bool) -> None:
    given = [
        x509.DNSName("Node.example.org"),
        x509.DNSName("*.wild.example.org"),
        making.address("192.0.2.7"),
        making.address("2001:db8::7"),
    ]
    certificate = crooked(CA, names=given).certificate
    assert names(certificate) == ("node.example.org", "*.wild.example.org", "192.0.2.7", "2001:db8::7")
    assert names_host(certificate, host) is named
    assert names(crooked(CA).certificate) == ()


def test_days_left() -> None:
    certificate = crooked(CA, end=NOW + timedelta(days=30)).certificate
    assert days_left(certificate, NOW) == 30
    assert days_left(certificate, NOW + timedelta(days=31)) == -1


def test_a_name_tells_no_lies_about_the_issuer() -> None:
    same_name = Authority.create("Institution CA", now=NOW, development=False)
    assert same_name.certificate.subject == CA.certificate.subject
    assert fingerprint_of(same_name.certificate) != fingerprint_of(CA.certificate)
