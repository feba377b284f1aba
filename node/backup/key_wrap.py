"""Private keys under a passphrase, for a backup that is to be whole: scrypt and AES-256-GCM (RFC 7914, SP 800-38D)."""

from __future__ import annotations

import base64
import json
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

LEAST_CHARACTERS: Final = 12
_N: Final = 1 << 17  # 128 MiB and about half a second for each guess
_MOST_N: Final = 1 << 20
_VERSION: Final = "xdsnode-keys/v1"


class WrongPassphrase(ValueError):  # noqa: N818  what happened
    """The passphrase does not open the keys, or the wrapped keys were changed."""


def wrap(files: dict[str, bytes], passphrase: str) -> bytes:
    """Names and contents of key files as one protected text."""
    salt, nonce = os.urandom(16), os.urandom(12)
    head = {"version": _VERSION, "n": _N, "r": 8, "p": 1, "salt": salt.hex(), "nonce": nonce.hex()}
    plain = json.dumps({name: base64.b64encode(content).decode() for name, content in files.items()}).encode()
    sealed = AESGCM(_key(passphrase, salt, _N)).encrypt(nonce, plain, _bound(head))
    return json.dumps({**head, "sealed": base64.b64encode(sealed).decode()}).encode()


def unwrap(wrapped: bytes, passphrase: str) -> dict[str, bytes]:
    """What `wrap` was given.

    Raises:
        WrongPassphrase: wrong passphrase, or the text is not what `wrap` made.
    """
    try:
        head = json.loads(wrapped)
        sealed = base64.b64decode(head.pop("sealed"), validate=True)
        if head["version"] != _VERSION or not 2 <= head["n"] <= _MOST_N:
            raise WrongPassphrase("these wrapped keys are of another version")
        key = _key(passphrase, bytes.fromhex(head["salt"]), head["n"])
        plain = AESGCM(key).decrypt(bytes.fromhex(head["nonce"]), sealed, _bound(head))
        return {name: base64.b64decode(content) for name, content in json.loads(plain).items()}
    except (InvalidTag, KeyError, TypeError, ValueError) as problem:
        raise WrongPassphrase("the passphrase does not open the keys, or they were changed") from problem


def _key(passphrase: str, salt: bytes, n: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=n, r=8, p=1).derive(passphrase.encode())


def _bound(head: dict[str, object]) -> bytes:
    """The parameters are authenticated with the keys, so that nobody can weaken them."""
    return json.dumps(head, sort_keys=True).encode()
