"""A second TLS implementation, which still does what OpenSSL refuses to: for attacks."""

from __future__ import annotations

import hashlib
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.trust.pki.making import Issued, crooked, unlimited_authority
from trust.pki.authority import Authority
from trust.pki.certificates import to_der

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it imports asyncore
    from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey
    from tlslite.extensions import RenegotiationInfoExtension
    from tlslite.messages import ClientHello
    from tlslite.utils.cryptomath import getRandomBytes
    from tlslite.utils.python_rsakey import Python_RSAKey

SHA256_RSA, SHA1_RSA = (bytes.fromhex(f"06092a864886f70d0101{last}") for last in ("0b", "05"))


def settings(low: tuple[int, int], high: tuple[int, int], **lists: list[str]) -> HandshakeSettings:
    """Versions as on the wire, (3, 2) is TLS 1.1; `lists` are cipherNames, macNames, keyExchangeNames."""
    made = HandshakeSettings()
    made.minVersion, made.maxVersion = low, high
    for name, value in lists.items():
        setattr(made, name, value)
    return made


@contextmanager
def connected(port: int, issued: Issued | None, wanted: HandshakeSettings) -> Iterator[TLSConnection]:
    """A connection after its handshake."""
    chain = key = None
    if issued is not None:
        chain = X509CertChain()
        chain.parsePemList(issued.pem)
        pem = issued.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        key = parsePEMKey(pem.decode(), private=True)
    with socket.create_connection(("127.0.0.1", port), 10) as raw:
        connection = TLSConnection(raw)
        connection.handshakeClientCert(chain, key, settings=wanted, serverName="localhost")
        yield connection


def ask_to_renegotiate(connection: TLSConnection) -> None:
    """Send a new ClientHello inside the connection."""
    hello = ClientHello().create(
        (3, 3), getRandomBytes(32), bytearray(0), [connection.session.cipherSuite], extensions=[]
    )
    hello.addExtension(RenegotiationInfoExtension().create(bytearray(12)))
    for _ in connection._sendMsg(hello):
        pass


def sha1_signed() -> tuple[Authority, Issued]:
    """An RSA authority and a certificate it signed with SHA-1, which `cryptography` no longer does itself."""
    issuer = unlimited_authority("Old CA", key=rsa.generate_private_key(65537, 2048))
    modern = crooked(issuer, name="sha1")
    before = modern.certificate.tbs_certificate_bytes
    after = before.replace(SHA256_RSA, SHA1_RSA)
    numbers = issuer.key.private_numbers()
    signer = Python_RSAKey(numbers.public_numbers.n, numbers.public_numbers.e, numbers.d, numbers.p, numbers.q)
    signature = bytes(signer.sign(hashlib.sha1(after).digest(), "pkcs1", "sha1"))
    der = to_der(modern.certificate).replace(before, after).replace(SHA256_RSA, SHA1_RSA)
    forged = x509.load_der_x509_certificate(der.replace(modern.certificate.signature, signature))
    return issuer, Issued(forged, modern.key)
