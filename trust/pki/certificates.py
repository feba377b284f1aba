"""X.509 certificates as this node judges them: what OpenSSL lets through and the node must not (RFC 5280, BCP 195).

Everything here is pure: bytes and values in, values or `BadCertificate` out. Chains are verified by OpenSSL (`tls`),
revocation by `revocation`; which certificate stands for whom is the matter of `bindings`.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import Enum
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from trust.errors import BadCertificate

MOST_BYTES: Final = 16_384  # of one certificate; real ones have one to three thousand
MOST_NAMES: Final = 100
LEAST_RSA_BITS: Final = 2048
CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
HASHES: Final = frozenset({"sha256", "sha384", "sha512"})

_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]{1,300000}-----END CERTIFICATE-----")
_MOST_PEM: Final = 1 << 20
# What reading a hostile certificate raises besides ValueError, lazily, whichever attribute is touched first.
_UNREADABLE: Final = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion)
_UNDERSTOOD: Final = frozenset(
    {
        x509.BasicConstraints.oid,
        x509.KeyUsage.oid,
        x509.ExtendedKeyUsage.oid,
        x509.SubjectAlternativeName.oid,
        x509.AuthorityKeyIdentifier.oid,
        x509.SubjectKeyIdentifier.oid,
        x509.CertificatePolicies.oid,
        x509.CRLDistributionPoints.oid,
        x509.AuthorityInformationAccess.oid,
    }
)


class Usage(Enum):
    """What a certificate is used for in TLS."""

    SERVER = ExtendedKeyUsageOID.SERVER_AUTH
    CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


def from_der(der: bytes) -> x509.Certificate:
    """Read one DER certificate.

    Raises:
        BadCertificate: it is too large or is no certificate.
    """
    if len(der) > MOST_BYTES:
        raise BadCertificate(f"a certificate of {len(der)} bytes; at most {MOST_BYTES} are accepted")
    try:
        return x509.load_der_x509_certificate(der)
    except _UNREADABLE as fault:
        raise BadCertificate(f"this is no X.509 certificate: {fault}") from fault


def from_pem(pem: str | bytes) -> tuple[x509.Certificate, ...]:
    """Every certificate of a PEM text, in its order; at least one.

    Raises:
        BadCertificate: there is none, or one of them cannot be read.
    """
    text = pem.encode("utf-8", "replace") if isinstance(pem, str) else pem
    if len(text) > _MOST_PEM:
        raise BadCertificate(f"{len(text)} bytes of certificates; at most {_MOST_PEM} are read")
    found = []
    for block in _PEM.findall(text):
        try:
            found.append(from_der(x509.load_pem_x509_certificate(block).public_bytes(Encoding.DER)))
        except _UNREADABLE as fault:
            raise BadCertificate(f"certificate {len(found) + 1} of the PEM text cannot be read: {fault}") from fault
    if not found or len(found) != text.count(b"-----BEGIN CERTIFICATE-----"):
        raise BadCertificate("no PEM certificate, or a damaged one: it begins with -----BEGIN CERTIFICATE-----")
    return tuple(found)


def to_der(certificate: x509.Certificate) -> bytes:
    """The certificate's bytes."""
    return certificate.public_bytes(Encoding.DER)


def to_pem(certificates: Iterable[x509.Certificate]) -> str:
    """PEM text of `certificates`, in their order."""
    return "".join(certificate.public_bytes(Encoding.PEM).decode("ascii") for certificate in certificates)


def fingerprint(der: bytes) -> str:
    """SHA-256 of a DER certificate, 64 lower-case hex digits."""
    return hashlib.sha256(der).hexdigest()


def fingerprint_of(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate's DER form."""
    return fingerprint(to_der(certificate))


def in_groups(digits: str) -> str:
    """A fingerprint as two people compare it on the telephone: groups of four, eight to a line."""
    groups = [digits[k : k + 4] for k in range(0, len(digits), 4)]
    return "\n".join(" ".join(groups[k : k + 8]) for k in range(0, len(groups), 8))


def read_fingerprint(text: str) -> str:
    """A fingerprint as people write it, with colons, blanks or capitals, as 64 lower-case hex digits.

    Raises:
        BadCertificate: it is no SHA-256 fingerprint.
    """
    digits = re.sub(r"[\s:]", "", text.lower().removeprefix("sha256"))
    if not re.fullmatch(r"[0-9a-f]{64}", digits, re.ASCII):
        raise BadCertificate("a fingerprint is the SHA-256 of the certificate: 64 hex digits")
    return digits


def subject(certificate: x509.Certificate) -> str:
    """The subject as RFC 4514 text, for people; never used to decide anything."""
    try:
        return certificate.subject.rfc4514_string() or "(no subject)"
    except _UNREADABLE:
        return "(unreadable subject)"


def days_left(certificate: x509.Certificate, now: datetime) -> int:
    """Whole days until the certificate ends; negative when it has ended."""
    return (certificate.not_valid_after_utc - now).days


def names(certificate: x509.Certificate) -> tuple[str, ...]:
    """DNS names (lower case) and IP addresses of subjectAltName; the CN is no name (RFC 9525).

    Raises:
        BadCertificate: the extension cannot be read.
    """
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns = [name.lower() for name in extension.get_values_for_type(x509.DNSName)]
        return (*dns, *(str(address) for address in extension.get_values_for_type(x509.IPAddress)))
    except x509.ExtensionNotFound:
        return ()
    except _UNREADABLE as fault:
        raise BadCertificate(f"the names in the certificate cannot be read: {fault}") from fault


def names_host(certificate: x509.Certificate, host: str) -> bool:
    """Whether subjectAltName holds exactly this host name or IP address. A wildcard names nobody here."""
    try:
        wanted = str(ipaddress.ip_address(host))
    except ValueError:
        wanted = host.lower()
    return "*" not in wanted and wanted in names(certificate)


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether the certificate says that it may issue others."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, *_UNREADABLE):
        return False


def check_peer_certificate(certificate: x509.Certificate, now: datetime, *, usage: Usage) -> None:
    """Refuse a certificate that no caller or called server may use here, chain and revocation aside.

    1. It is small, of version 3 with a positive serial number, and can be read to its end.
    2. `now` lies within its validity.
    3. Its key is RSA of 2048 bits or more, P-256, P-384, P-521 or EdDSA, and its signature uses no SHA-1.
    4. It is no CA and its key may not sign certificates.
    5. extendedKeyUsage is present and names `usage`: OpenSSL takes an absent one for "everything".
    6. Nothing critical in it is unknown.

    Raises:
        BadCertificate: names everything that is wrong.

    Source: ITI TF-2: 3.19; RFC 5280 4.2.1.3, 4.2.1.9 and 4.2.1.12.
    """
    try:
        found = list(_faults(certificate, now, usage))
    except _UNREADABLE as fault:
        found = [f"cannot be read to its end: {fault}"]
    if found:
        raise BadCertificate(f"the certificate {subject(certificate)[:200]!r} " + "; it ".join(found))


def check_authority(certificate: x509.Certificate, now: datetime) -> None:
    """Refuse a certificate that cannot be a trust anchor: no CA, not valid now, weak key or signature.

    Raises:
        BadCertificate: names everything that is wrong.
    """
    found = [*_validity(certificate, now), *_strength(certificate)]
    if not is_ca(certificate):
        found.append("is no CA certificate (basicConstraints); a single node is added with `peer add`")
    if found:
        raise BadCertificate(f"the certificate {subject(certificate)[:200]!r} " + "; it ".join(found))


def _faults(certificate: x509.Certificate, now: datetime, usage: Usage) -> Iterator[str]:
    if len(to_der(certificate)) > MOST_BYTES:
        yield f"is larger than {MOST_BYTES} bytes"
    if certificate.version is not x509.Version.v3:
        yield "is not of version 3"
    if certificate.serial_number <= 0:
        yield "has a serial number that is not positive"
    yield from _validity(certificate, now)
    yield from _strength(certificate)
    yield from _purpose(certificate.extensions, usage)
    if len(names(certificate)) > MOST_NAMES:
        yield f"has more than {MOST_NAMES} names"
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in _UNDERSTOOD:
            yield f"has a critical extension that is not understood ({extension.oid.dotted_string})"


def _validity(certificate: x509.Certificate, now: datetime) -> Iterator[str]:
    if now < certificate.not_valid_before_utc:
        yield f"is valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M:%SZ} (compare the clocks)"
    if now > certificate.not_valid_after_utc:
        yield f"ended on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M:%SZ}"


def _strength(certificate: x509.Certificate) -> Iterator[str]:
    try:
        key = certificate.public_key()
        used = certificate.signature_hash_algorithm
    except _UNREADABLE as fault:
        yield f"has a key or signature of an unsupported kind ({fault})"
        return
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < LEAST_RSA_BITS:
            yield f"has an RSA key of {key.key_size} bits; {LEAST_RSA_BITS} are the least"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if not isinstance(key.curve, CURVES):
            yield f"has a key on the curve {key.curve.name}; P-256, P-384 and P-521 are accepted"
    elif not isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        yield "has a key that is neither RSA nor on an accepted curve"
    if used is not None and used.name not in HASHES:
        yield f"is signed with {used.name.upper()}"


def _purpose(extensions: x509.Extensions, usage: Usage) -> Iterator[str]:
    try:
        if extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            yield "is a CA certificate and stands for nobody"
    except x509.ExtensionNotFound:
        pass
    try:
        bits = extensions.get_extension_for_class(x509.KeyUsage).value
        if bits.key_cert_sign or bits.crl_sign:
            yield "has a key that may sign certificates or revocation lists"
        if not bits.digital_signature:
            yield "has a key that may not sign (keyUsage digitalSignature)"
    except x509.ExtensionNotFound:
        pass
    try:
        purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if usage.value not in purposes:
            yield f"is not for TLS {usage.name.lower()}s (extendedKeyUsage)"
    except x509.ExtensionNotFound:
        yield "has no extendedKeyUsage"
