"""ID tokens: what counts, what does not (OpenID Connect Core 1.0, 3.1.3.7), and roles from claims."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from trust.accounts.openid import Claims, SignedIn, judged, person
from trust.accounts.store import Duty
from trust.errors import NotAuthenticated

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
KEY = ECKey.generate_key("P-256", {"kid": "one"})
OTHER = ECKey.generate_key("P-256", {"kid": "one"})
RSA = RSAKey.generate_key(2048, {"kid": "two"})
KEYS = {"keys": [KEY.as_dict(private=False), RSA.as_dict(private=False)]}
GOOD: dict[str, Any] = {
    "iss": "https://login.hospital.example",
    "aud": "node",
    "sub": "4711",
    "iat": AT - 5,
    "exp": AT + 300,
    "nonce": "n-1",
    "preferred_username": "A.Li",
    "name": "Dr Ada Li",
    "roles": ["staff", "physicians"],
}
CLAIMS = Claims(duties={Duty.CLINICIAN: ("physicians",), Duty.AUDITOR: ("privacy",)})


def token(changes: dict[str, Any], key: Any = KEY, alg: str = "ES256") -> str:
    claims = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return jwt.encode({"alg": alg, "kid": "one" if key is not RSA else "two"}, claims, key, algorithms=[alg])


def symmetric() -> str:
    """The classic confusion: a public key, which everybody knows, used as the secret of an HMAC."""
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "two"}).encode()).rstrip(b"=")
    text = head + b"." + token({}).split(".")[1].encode()
    digest = hmac.digest(RSA.as_pem(private=False), text, "sha256")
    return (text + b"." + base64.urlsafe_b64encode(digest).rstrip(b"=")).decode()


def read(text: str) -> Any:
    return judged(text, KEYS, issuer=GOOD["iss"], client="node", nonce="n-1", now=NOW)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(token({}), id="as it should be"),
        pytest.param(token({}, RSA, "RS256"), id="another key and algorithm"),
        pytest.param(token({"aud": ["node"]}), id="audience as a list"),
        pytest.param(token({"aud": ["node", "other"], "azp": "node"}), id="several audiences, this node is the party"),
        pytest.param(token({"exp": AT - 20}), id="within the skew of clocks"),
    ],
)
def test_counts(text: str) -> None:
    assert read(text)["sub"] == "4711"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(token({}, OTHER), id="signed by somebody else"),
        pytest.param(token({"iss": "https://login.hospital.example/"}), id="another issuer"),
        pytest.param(token({"aud": "other"}), id="for another client"),
        pytest.param(token({"aud": ["node", "other"], "azp": "other"}), id="another party is authorized"),
        pytest.param(token({"nonce": "n-2"}), id="another nonce"),
        pytest.param(token({"nonce": None}), id="no nonce"),
        pytest.param(token({"sub": None}), id="nobody"),
        pytest.param(token({"exp": AT - 60}), id="ended"),
        pytest.param(token({"exp": None}), id="never ends"),
        pytest.param(token({"iat": AT + 600}), id="from the future"),
        pytest.param("", id="nothing"),
        pytest.param("a.b.c", id="no token"),
        pytest.param("eyJhbGciOiJub25lIn0." + token({}).split(".")[1] + ".", id="alg none"),
        pytest.param(symmetric(), id="the public key as a secret"),
    ],
)
def test_does_not_count(text: str) -> None:
    with pytest.raises(NotAuthenticated):
        read(text)


def test_keys_that_are_none() -> None:
    for keys in ({}, {"keys": []}, {"keys": [{"kty": "EC"}]}):
        with pytest.raises(NotAuthenticated):
            judged(token({}), keys, issuer=GOOD["iss"], client="node", nonce="n-1", now=NOW)


def test_who_it_is() -> None:
    assert person(GOOD, CLAIMS) == SignedIn(user="a.li", full_name="Dr Ada Li", duty=Duty.CLINICIAN)
    assert person({**GOOD, "roles": "privacy", "name": 5}, CLAIMS).full_name == "a.li"


@pytest.mark.parametrize(
    "changes",
    [
        {"roles": ["staff"]},
        {"roles": ["physicians", "privacy"]},
        {"roles": None},
        {"roles": {"physicians": True}},
        {"preferred_username": "a li"},
        {"preferred_username": ""},
        {"preferred_username": ["a.li"]},
        {"preferred_username": "<a.li"},
    ],
    ids=str,
)
def test_no_name_or_not_one_role(changes: dict[str, Any]) -> None:
    with pytest.raises(NotAuthenticated):
        person({**GOOD, **changes}, CLAIMS)
