"""What an identity provider says about somebody who signs in: an ID token, judged; roles from its claims. Pure.

Source: OpenID Connect Core 1.0, 3.1.3.7 (validation of an ID token); RFC 7636 (proof key); RFC 9700 (current practice).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from trust.accounts.store import Duty
from trust.errors import NotAuthenticated

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_SKEW: Final = 30  # seconds between the clocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Which claims say what. `duties` are the values of the claim `role` that open each role here."""

    user: str = "preferred_username"
    name: str = "name"
    role: str = "roles"
    duties: Mapping[Duty, Collection[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who it is: name in lower case, as people read it, and the one role here."""

    user: str
    full_name: str
    duty: Duty


def judged(
    token: str, keys: Mapping[str, Any], *, issuer: str, client: str, nonce: str, now: datetime
) -> Mapping[str, Any]:
    """The claims of an ID token that counts.

    Args:
        token: the compact JWS.
        keys: the JWK set of the provider.
        issuer: its identifier, exactly.
        client: the client_id of this node.
        nonce: what the request carried.
        now: this moment.

    Raises:
        NotAuthenticated: signature, issuer, audience, time or nonce is wrong.
    """
    options: dict[str, Any] = {
        "iss": {"essential": True, "value": issuer},
        "aud": {"essential": True, "value": client},
        "nonce": {"essential": True, "value": nonce},
        "sub": {"essential": True},
    }
    try:
        found = jwt.decode(token, KeySet.import_key_set({"keys": list(keys["keys"])}), algorithms=list(ALGORITHMS))
        claims = CodeIDToken(found.claims, found.header, options, {"nonce": nonce, "client_id": client})
        claims.validate(now=int(now.timestamp()), leeway=_SKEW)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as problem:
        raise NotAuthenticated(f"the ID token does not count: {type(problem).__name__} {problem}"[:300]) from None
    except Exception as problem:  # authlib's own errors have no common base with those of joserfc
        if type(problem).__module__.split(".")[0] not in ("authlib", "joserfc"):
            raise
        raise NotAuthenticated(f"the ID token does not count: {problem}"[:300]) from None
    return dict(claims)


def person(claims: Mapping[str, Any], wanted: Claims) -> SignedIn:
    """Who signs in, and with which one role.

    Raises:
        NotAuthenticated: no usable name, or not exactly one role of this node.
    """
    user = claims.get(wanted.user)
    if not isinstance(user, str) or not _NAME.fullmatch(user.lower()):
        raise NotAuthenticated(f"the claim {wanted.user} holds no name that can stand in the access log")
    said = claims.get(wanted.role)
    several = said if isinstance(said, list | tuple) else [said]
    values = {one for one in several if isinstance(one, str)}
    duties = [duty for duty, names in wanted.duties.items() if values & set(names)]
    if len(duties) != 1:
        found = " and ".join(duties) or "none"
        raise NotAuthenticated(f"exactly one role is needed here, the claim {wanted.role} gives {found}")
    name = claims.get(wanted.name)
    full = " ".join(name.split())[:200] if isinstance(name, str) else ""
    return SignedIn(user=user.lower(), full_name=full or user.lower(), duty=duties[0])
