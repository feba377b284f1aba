"""A small certificate authority, P-256 throughout: for development, and for the applications of one institution.

Its certificates carry what strict verifiers ask for (subject and authority key identifiers, critical basicConstraints
and keyUsage, extendedKeyUsage; RFC 5280 4.2.1). What a development authority issues carries a mark of its own.
"""

from __future__ import annotations

import ipaddress
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import NameOID

from trust.errors import BadCertificate
from trust.pki.certificates import Usage, check_authority, from_pem, to_pem
from trust.pki.keyfiles import private_folder, sync_folder, write_private

DEVELOPMENT_POLICY: Final = x509.ObjectIdentifier("2.25.102428115764440474633619846936650916339")
DEVELOPMENT_HOSTS: Final = ("localhost", "127.0.0.1", "::1")
NODE: Final = (Usage.SERVER, Usage.CLIENT)  # a node is called and calls with one certificate
APPLICATION: Final = (Usage.CLIENT,)

LEAF_DAYS: Final = 730  # ITI TF-2: 3.19 recommends two years at most
CA_DAYS: Final = 3650
_SKEW: Final = timedelta(minutes=5)  # another machine's clock may be behind
_CA_KEY, _CA_CERTIFICATE = "ca.key", "ca.pem"


def new_key() -> ec.EllipticCurvePrivateKey:
    """A private key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS #8 PEM, not encrypted: for a file of mode 0400."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def self_signed(key: ec.EllipticCurvePrivateKey, name: str, *, now: datetime, days: int = CA_DAYS) -> x509.Certificate:
    """A certificate that carries a signing key to those who record it as it is: nobody vouches for it.

    Raises:
        BadCertificate: `name` cannot stand in a certificate.
    """
    subject = _subject(name)
    builder = _builder(subject, subject, key.public_key(), now, days)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(authority=False), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return builder.sign(key, hashes.SHA256())


def request(key: ec.EllipticCurvePrivateKey, name: str, hosts: Sequence[str]) -> str:
    """A certificate request (PKCS #10, PEM) of a node, to be signed by an institution's CA.

    Raises:
        BadCertificate: `name` or a host cannot stand in a certificate.
    """
    builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(name))
    builder = builder.add_extension(_alternative_names(hosts), critical=False)
    builder = builder.add_extension(_key_usage(authority=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage.value for usage in NODE]), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode("ascii")


def requested_key(pem: bytes) -> CertificatePublicKeyTypes:
    """The public key of a certificate request, whose holder proved to have the private one.

    Raises:
        BadCertificate: it is no request, or its own signature does not verify.
    """
    try:
        asked = x509.load_pem_x509_csr(pem)
        if asked.is_signature_valid:
            return asked.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature) as fault:
        raise BadCertificate(f"this is no certificate request: {fault}") from fault
    raise BadCertificate("the certificate request is not signed with its own key")


def is_development(chain: Iterable[x509.Certificate]) -> bool:
    """Whether a development authority stands behind any certificate of `chain`: such a node stays on loopback."""
    for certificate in chain:
        try:
            policies = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
        except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
            continue
        if any(policy.policy_identifier == DEVELOPMENT_POLICY for policy in policies):
            return True
    return False


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, name: str, *, now: datetime, development: bool, days: int = CA_DAYS) -> Authority:
        """A new CA, below which no other CA can stand."""
        key = new_key()
        subject = _subject(name)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = _builder(subject, subject, key.public_key(), now, days)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_key_usage(authority=True), critical=True)
        builder = builder.add_extension(identifier, critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
        if development:
            builder = builder.add_extension(_DEVELOPMENT, critical=False)
        return cls(builder.sign(key, hashes.SHA256()), key)

    @property
    def pem(self) -> str:
        """The CA certificate, for the trust anchors of others."""
        return to_pem([self.certificate])

    def issue(
        self,
        name: str,
        public_key: CertificatePublicKeyTypes,
        *,
        now: datetime,
        usages: Sequence[Usage] = NODE,
        hosts: Sequence[str] = (),
        days: int = LEAF_DAYS,
    ) -> x509.Certificate:
        """A certificate for a node (`NODE`, with `hosts`) or an application (`APPLICATION`).

        Raises:
            BadCertificate: `name` or a host cannot stand in a certificate, or a server has no name.
        """
        if Usage.SERVER in usages and not hosts:
            raise BadCertificate("a server's certificate needs a host name or an address")
        builder = _builder(_subject(name), self.certificate.subject, public_key, now, days)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(authority=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage.value for usage in usages]), critical=False)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        builder = builder.add_extension(self._identifier(), critical=False)
        if hosts:
            builder = builder.add_extension(_alternative_names(hosts), critical=False)
        if is_development([self.certificate]):
            builder = builder.add_extension(_DEVELOPMENT, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def crl(self, revoked: Iterable[tuple[int, datetime]], *, now: datetime, days: int, number: int) -> bytes:
        """A revocation list (PEM) of (serial number, time of revocation) pairs, good for `days`."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(now - _SKEW).next_update(now + timedelta(days=days))
        builder = builder.add_extension(x509.CRLNumber(number), critical=False)
        builder = builder.add_extension(self._identifier(), critical=False)
        for serial, when in revoked:
            row = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when)
            builder = builder.add_revoked_certificate(row.build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _identifier(self) -> x509.AuthorityKeyIdentifier:
        own = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def open_authority(folder: Path, name: str, *, now: datetime, development: bool) -> Authority:
    """The authority kept in `folder`, made when there is none; several nodes may ask at the same time.

    Raises:
        BadCertificate: what lies there is damaged, has ended, or is not of the kind asked for.
    """
    if not (folder / _CA_KEY).exists():
        _found(folder, Authority.create(name, now=now, development=development))
    authority = _load(folder)
    check_authority(authority.certificate, now)
    if is_development([authority.certificate]) != development:
        kind = "a development" if not development else "no development"
        raise BadCertificate(f"{folder / _CA_CERTIFICATE} is {kind} authority; give another folder")
    return authority


def _found(folder: Path, authority: Authority) -> None:
    # Written beside and moved as a whole: whoever comes first wins, and no one sees half an authority.
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        private_folder(beside)
        write_private(beside / _CA_KEY, key_pem(authority.key))
        write_private(beside / _CA_CERTIFICATE, authority.pem.encode("ascii"))
        beside.rename(folder)
        sync_folder(folder.parent)
    except OSError as fault:
        if not (folder / _CA_KEY).exists():
            raise BadCertificate(f"no authority can be made in {folder}: {fault.strerror}") from fault
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _load(folder: Path) -> Authority:
    try:
        key = serialization.load_pem_private_key((folder / _CA_KEY).read_bytes(), password=None)
        certificate = from_pem((folder / _CA_CERTIFICATE).read_bytes())[0]
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as fault:
        raise BadCertificate(f"the authority in {folder} cannot be read: {fault}") from fault
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise BadCertificate(f"{folder / _CA_KEY} is not the key of {folder / _CA_CERTIFICATE}")
    return Authority(certificate, key)


_DEVELOPMENT: Final = x509.CertificatePolicies([x509.PolicyInformation(DEVELOPMENT_POLICY, None)])


def _subject(name: str) -> x509.Name:
    try:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    except ValueError as fault:
        raise BadCertificate(f"{name[:80]!r} cannot stand in a certificate (1 to 64 characters): {fault}") from fault


def _alternative_names(hosts: Sequence[str]) -> x509.SubjectAlternativeName:
    found: list[x509.GeneralName] = []
    for host in dict.fromkeys(hosts):
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            try:
                found.append(x509.DNSName(host.lower()))
            except ValueError as fault:
                raise BadCertificate(f"{host[:80]!r} is no host name: {fault}") from fault
    return x509.SubjectAlternativeName(found)


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: CertificatePublicKeyTypes, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + timedelta(days=days))
    )
