"""An invitation: one line to paste, and the key that whoever has it proves to have.

The line carries a secret. Both sides make the same Ed25519 key and the same certificate of it (Ed25519 signatures are
one value), so the node that invites can let exactly that certificate in, for nothing but the exchange of a join, and
the line needs no certificate. Pure.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from trust.directory.content import read_time, write_time
from trust.directory.directory import Pin
from trust.directory.signing import Malformed, decode, encode, fields, read_canonical, text
from trust.ledger.record import canonical

PREFIX: Final = "xdsnode-invitation-1."
LIFE: Final = timedelta(hours=24)
SECRET_BYTES: Final = 32
_SKEW: Final = timedelta(minutes=5)
_DIGEST: Final = 32
_MOST: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """What the line says: which node to ask (`tls`: SHA-256 of its certificate), and what to believe it."""

    url: str
    pin: Pin
    tls: str
    secret: bytes
    expires: datetime

    def line(self) -> str:
        """The line."""
        content = {
            "url": self.url,
            "federation": self.pin.federation,
            "root": encode(bytes.fromhex(self.pin.root)),
            "tls": encode(bytes.fromhex(self.tls)),
            "secret": encode(self.secret),
            "expires": write_time(self.expires),
        }
        return PREFIX + base64.urlsafe_b64encode(canonical(content)).decode("ascii").rstrip("=")

    @classmethod
    def read(cls, line: str) -> Invited:
        """What a pasted line says; blanks and line breaks of a mail in it are passed over.

        Raises:
            Malformed: it is no invitation, or not whole.
        """
        packed = "".join(line.split())
        if not packed.startswith(PREFIX) or len(packed) > _MOST:
            raise Malformed(f"an invitation begins with {PREFIX}")
        try:
            data = base64.b64decode(packed[len(PREFIX) :] + "==", altchars=b"-_", validate=False)
        except binascii.Error as fault:
            raise Malformed("a part of it is missing") from fault
        found = fields(read_canonical(data), "url", "federation", "root", "tls", "secret", "expires")
        return cls(
            url=text(found["url"], 500),
            pin=Pin(text(found["federation"], 64), decode(found["root"], _DIGEST).hex()),
            tls=decode(found["tls"], _DIGEST).hex(),
            secret=decode(found["secret"], SECRET_BYTES),
            expires=read_time(found["expires"]),
        )

    def key(self) -> bytes:
        """PKCS #8 PEM of the private key."""
        return self._key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def certificate(self) -> x509.Certificate:
        """The certificate, the same on both sides; it ends with the invitation."""
        key = self._key()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "invitation")])
        usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)  # noqa: FBT003
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(int.from_bytes(sha256(b"serial\n" + self.secret).digest()[:16], "big") | 1)
            .not_valid_before(self.expires - LIFE - _SKEW)
            .not_valid_after(self.expires)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, None)
        )

    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(sha256(b"xdsnode invitation key 1\n" + self.secret).digest())
