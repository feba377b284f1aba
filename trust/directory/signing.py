"""Signed statements: the exact bytes that were signed, with who signed them (Ed25519).

A statement is canonical JSON; what is signed is a context, which says what the statement is about, and those bytes.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from trust.ledger.record import canonical

KEYS: Final = b"xdsnode federation keys 1\n"
DIRECTORY: Final = b"xdsnode federation directory 1\n"

KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_MOST_SIGNATURES: Final = 16


class Malformed(Exception):  # noqa: N818  it becomes a refusal
    """What was offered has not the form of a signed statement."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement with its signatures, by the id of the key that made each."""

    payload: bytes
    signatures: Mapping[str, bytes]

    def signers(self, context: bytes, keys: Sequence[bytes]) -> int:
        """How many of `keys` (raw public keys) have signed these bytes."""
        return sum(self._verifies(context, key) for key in dict.fromkeys(keys))

    def _verifies(self, context: bytes, key: bytes) -> bool:
        signature = self.signatures.get(key_id(key))
        if signature is None:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, context + self.payload)
        except (InvalidSignature, ValueError):
            return False
        return True

    def as_json(self) -> dict[str, Any]:
        """For an envelope."""
        made = [{"key": key, "signature": encode(self.signatures[key])} for key in sorted(self.signatures)]
        return {"payload": encode(self.payload), "signatures": made}

    @classmethod
    def read(cls, value: object) -> Signed:
        """Out of an envelope.

        Raises:
            Malformed: it is something else.
        """
        found = fields(value, "payload", "signatures")
        made = items(found["signatures"], _MOST_SIGNATURES)
        signatures: dict[str, bytes] = {}
        for one in made:
            pair = fields(one, "key", "signature")
            signatures[text(pair["key"], 64)] = decode(pair["signature"], _SIGNATURE_BYTES)
        if len(signatures) != len(made):
            raise Malformed("a key has signed twice")
        return cls(decode(found["payload"]), signatures)


class Signer:
    """A private key that signs statements; `seed` are its 32 bytes."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, context: bytes, payload: bytes) -> tuple[str, bytes]:
        """The id of the key, and its signature."""
        return key_id(self.public), self._key.sign(context + payload)


def signed(context: bytes, statement: Mapping[str, Any], signers: Sequence[Signer]) -> Signed:
    """`statement`, signed by each of `signers`."""
    payload = canonical(statement)
    return Signed(payload, dict(signer.sign(context, payload) for signer in signers))


def key_id(public: bytes) -> str:
    """SHA-256 of a raw public key, 64 lower-case hex digits."""
    return sha256(public).hexdigest()


def read_canonical(data: bytes) -> Any:  # noqa: ANN401  anything JSON can say
    """The value of canonical JSON: so one value has one form, and no key stands twice.

    Raises:
        Malformed: it is not JSON, or not in that form.
    """
    try:
        value = orjson.loads(data)
        same = isinstance(value, dict) and canonical(value) == data
    except (orjson.JSONDecodeError, TypeError, ValueError, RecursionError) as fault:
        raise Malformed("it is not JSON") from fault
    if not same:
        raise Malformed("it is not an object in canonical JSON")
    return value


def fields(value: object, *names: str) -> dict[str, Any]:
    """An object with these keys; others are passed over, so that a newer node's can be read.

    Raises:
        Malformed: one is missing.
    """
    if not isinstance(value, dict) or not all(name in value for name in names):
        raise Malformed(f"an object with {', '.join(names)} is missing")
    return value


def items(value: object, most: int) -> list[Any]:
    """A list of at most `most` items.

    Raises:
        Malformed: it is none.
    """
    if not isinstance(value, list) or len(value) > most:
        raise Malformed(f"a list of at most {most} items is missing")
    return value


def text(value: object, most: int) -> str:
    """A text of 1 to `most` characters.

    Raises:
        Malformed: it is none.
    """
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise Malformed(f"a text of 1 to {most} characters is missing")
    return value


def number(value: object) -> int:
    """A whole number from 1.

    Raises:
        Malformed: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise Malformed("a whole number from 1 is missing")
    return value


def encode(data: bytes) -> str:
    """Base64."""
    return base64.b64encode(data).decode("ascii")


def decode(value: object, size: int = 0) -> bytes:
    """Bytes out of base64 in its one form; `size` octets, when that is fixed.

    Raises:
        Malformed: it is something else.
    """
    try:
        data = base64.b64decode(value.encode("ascii"), validate=True) if isinstance(value, str) else b""
    except (binascii.Error, UnicodeEncodeError):
        data = b""
    if not data or encode(data) != value or (size and len(data) != size):
        raise Malformed("base64 of the right length is missing")
    return data
