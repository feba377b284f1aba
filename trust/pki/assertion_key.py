"""The key with which this node signs assertions about its own users, and the certificate that others record for it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from trust.errors import BadCertificate
from trust.pki.authority import key_pem, new_key, self_signed
from trust.pki.certificates import from_pem, to_pem
from trust.pki.keyfiles import replace_private, write_private


def create(key: Path, certificate: Path, name: str, now: datetime) -> None:
    """Make both files; an existing key is never overwritten.

    Raises:
        FileExistsError: there is a key already.
        BadCertificate: `name` cannot stand in a certificate.
    """
    made = new_key()
    content = to_pem([self_signed(made, name, now=now)]).encode()
    write_private(key, key_pem(made))
    replace_private(certificate, content)


def read(key: Path, certificate: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """The key and its certificate.

    Raises:
        BadCertificate: a file is missing, is not what it should be, or the two do not belong together.
    """
    try:
        private, public = load_pem_private_key(key.read_bytes(), None), from_pem(certificate.read_bytes())[0]
    except (OSError, ValueError, TypeError) as problem:
        raise BadCertificate(f"{key} or {certificate.name} beside it cannot be read: {problem}") from problem
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != public.public_key():
        raise BadCertificate(f"{key} is not the key of {certificate.name}")
    return private, public
