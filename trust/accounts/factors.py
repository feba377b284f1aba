"""What a person proves at sign-in: a password (Argon2id, RFC 9106) and a one-time code (TOTP, RFC 6238)."""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from datetime import datetime
from pathlib import Path
from typing import Final

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from trust.errors import BadRecord
from trust.pki.keyfiles import write_private

LEAST_CHARACTERS: Final = 12
MOST_CHARACTERS: Final = 256
STEP_SECONDS: Final = 30
_NEIGHBOURS: Final = (0, -1, 1)  # steps that count: a clock may be half a minute off (RFC 6238, 5.2)
_NONCE: Final = 12
_HASHER: Final = PasswordHasher()  # the library's own choice: RFC 9106, low memory
# Nobody's password. Comparing with it takes the time that comparing with a real one takes (threats I20).
NOBODY: Final = _HASHER.hash(secrets.token_urlsafe(24))


class Sealing:
    """Seals secrets of one-time codes under the node's key for accounts."""

    def __init__(self, path: Path) -> None:
        """Read the key; made when it is not there.

        Raises:
            BadRecord: the file holds no key.
        """
        if not path.exists():
            write_private(path, secrets.token_hex(32).encode())
        try:
            self._key = bytes.fromhex(path.read_text(encoding="ascii"))
            self._cipher = AESGCM(self._key)
        except ValueError:
            raise BadRecord(f"{path} holds no key for accounts") from None

    def seal(self, name: str, secret: str) -> bytes:
        """The secret of one account, sealed."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), name.encode())

    def open(self, name: str, sealed: bytes) -> str:
        """The secret of one account.

        Raises:
            BadRecord: it was sealed for another account or with another key.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode()).decode()
        except (InvalidTag, ValueError):
            raise BadRecord(f"the code secret of {name!r} cannot be opened with this node's key") from None

    def name(self, text: str) -> str:
        """A stable name for a text that tells nothing about it (22 characters)."""
        digest = hmac.digest(self._key, b"handle\0" + text.encode(), "sha256")
        return urlsafe_b64encode(digest[:16]).decode().rstrip("=")


def hashed(password: str) -> str:
    """A password as it is kept; takes about 50 ms and 64 MiB on purpose."""
    return _HASHER.hash(password)


def is_password(kept: str, said: str) -> bool:
    """Whether this is the password; takes the same time when it is not."""
    try:
        return _HASHER.verify(kept, said[:MOST_CHARACTERS])
    except (VerificationError, InvalidHashError):
        return False


def new_secret() -> str:
    """A secret of one-time codes: 160 bits, base32."""
    return pyotp.random_base32()


def uri(secret: str, name: str, issuer: str) -> str:
    """What an authenticator takes, usually as a picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def step_of(secret: str, said: str, now: datetime, after: int) -> int | None:
    """The step whose code this is, None for none; a step up to `after` was used and does not count again."""
    totp, here = pyotp.TOTP(secret), int(now.timestamp()) // STEP_SECONDS
    steps = [here + offset for offset in _NEIGHBOURS]
    found = [one for one in steps if hmac.compare_digest(totp.at(one * STEP_SECONDS).encode(), said.encode())]
    return next((one for one in found if one > after), None)
