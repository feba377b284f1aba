"""Keys of authorization servers, from a JWK set: what is weak or of another kind is left out (RFC 7517). Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from trust.errors import BadCertificate

MOST_BYTES: Final = 64 * 1024
MOST_KEYS: Final = 32
_LEAST_RSA: Final = 2048
_LEAST_SECRET: Final = 32  # octets of an HMAC key (RFC 7518: 3.2)
ALGORITHMS: Final = ("RS256", "PS256", "ES256", "HS256")
_OF_RSA: Final = ("RS256", "PS256")


@dataclass(frozen=True, slots=True)
class TokenKey:
    """One verification key with the algorithms that it may be used with: never more than one family."""

    kid: str
    key: Any
    algorithms: tuple[str, ...]


def read_jwks(text: bytes) -> tuple[TokenKey, ...]:
    """The usable keys of a JWK set; at least one.

    Raises:
        BadCertificate: it is no JWK set, or none of its keys may be used.
    """
    if len(text) > MOST_BYTES:
        raise BadCertificate(f"a JWK set of {len(text)} bytes; at most {MOST_BYTES} are read")
    try:
        rows = json.loads(text)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadCertificate("it is no JWK set") from None
    if not isinstance(rows, list) or len(rows) > MOST_KEYS:
        raise BadCertificate(f"it is no list of at most {MOST_KEYS} keys")
    found = tuple(key for row in rows if isinstance(row, dict) for key in _usable(row))
    if not found:
        raise BadCertificate("it holds no key that may be used: RSA of 2048 bits and more, P-256, secrets of 32 octets")
    kids = [key.kid for key in found]
    if len(set(kids)) != len(kids):
        raise BadCertificate("two of its keys have one kid")
    return found


def _usable(row: dict[str, Any]) -> Iterator[TokenKey]:
    if row.get("use", "sig") != "sig":
        return
    kid = row.get("kid", "")
    try:
        key = jwt.PyJWK(row, algorithm=row.get("alg") or _default(row)).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return
    algorithms: tuple[str, ...] = ()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _LEAST_RSA:
        algorithms = _OF_RSA
    elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1":
        algorithms = ("ES256",)
    elif isinstance(key, bytes) and len(key) >= _LEAST_SECRET:
        algorithms = ("HS256",)
    only = row.get("alg")
    algorithms = tuple(one for one in algorithms if only in (None, one))
    if isinstance(kid, str) and algorithms:
        yield TokenKey(kid, key, algorithms)


def _default(row: dict[str, Any]) -> str:
    return {"RSA": "RS256", "EC": "ES256", "oct": "HS256"}.get(str(row.get("kty")), "none")
