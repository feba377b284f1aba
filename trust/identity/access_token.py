"""Is this access token good for this request? IUA JWTs in numbered steps, as `saml` does for assertions (ITI-72). Pure.

1 shape, 2 header, 3 issuer and key by exact (iss, kid), 4 signature, 5 time, 6 audience, 7 the certificate it is bound
to, 8 whose user it is and the value sets, 9 scope and patient. Steps 1 to 8 fail with `invalid_token`, 9 with
`insufficient_scope`.
"""

from __future__ import annotations

import hmac
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import jwt

from trust.audit.event import Coded
from trust.errors import TokenRefused
from trust.identity.issuers import EVERYBODY, ValueSet
from trust.identity.token_keys import ALGORITHMS, TokenKey

MOST_BYTES: Final = 16 * 1024
LONGEST: Final = timedelta(hours=1)  # that a token may be good for (IUA: 3.71)
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_TEXT: Final = re.compile(r"[^\x00-\x1f\x7f]{1,512}")
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_LATEST: Final = 253402300799  # seconds of the year 9999
_MOST_DEPTH: Final = 12
# Coding.system as FHIR writes it, as the value sets have it.
SYSTEMS: Final[Mapping[str, str]] = {
    "http://snomed.info/sct": "2.16.840.1.113883.6.96",
    "http://terminology.hl7.org/CodeSystem/v3-ActReason": "2.16.840.1.113883.5.8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssuer:
    """An authorization server. `keys` are those in force; `homes` the communities whose users it vouches for.

    `bound`: its tokens must be bound to the caller's certificate (RFC 8705).
    """

    name: str
    keys: tuple[TokenKey, ...]
    homes: frozenset[str]
    bound: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedToken:
    """What a token must fit. `certificate` is the caller's (DER), `home` the community that it speaks for."""

    home: str
    audiences: frozenset[str]
    skew: timedelta
    roles: ValueSet
    purposes: ValueSet
    certificate: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUser:
    """A person, as an accepted token names them. `patient` is the one it is for, as it stands there, "" for any."""

    id: str
    name: str
    role: Coded | None
    purpose: Coded | None
    organisation: str
    client: str
    token: str  # jti
    scopes: frozenset[str]
    patient: str = ""


def accept(token: str, issuers: Mapping[str, TokenIssuer], expected: ExpectedToken, now: datetime) -> TokenUser:
    """The user of a token (steps 1 to 8).

    Raises:
        TokenRefused: `invalid_token`; the text is for the record.
    """
    header, claims = _parts(token)
    algorithm = _algorithm(header)
    issuer, key = _key(header, claims, algorithm, issuers)
    try:
        jwt.PyJWS().decode(token, key.key, algorithms=[algorithm])
    except jwt.PyJWTError as fault:
        raise _invalid(f"the signature does not hold: {fault}") from None
    _check_time(claims, expected.skew, now)
    audiences = _texts(claims, "aud")
    if not audiences & expected.audiences:
        raise _invalid("the token is for another audience")
    _check_binding(claims, issuer, expected.certificate)
    return _user(claims, issuer, expected)


def require(user: TokenUser, scopes: frozenset[str], patient: str = "") -> None:
    """Step 9: a scope of the transaction, and no other patient than the one the token is for.

    Raises:
        TokenRefused: `insufficient_scope`.
    """
    if not scopes & user.scopes:
        raise TokenRefused("insufficient_scope", f"the token has none of the scopes {', '.join(sorted(scopes))}")
    if user.patient and patient != user.patient:
        raise TokenRefused("insufficient_scope", "the token is for one patient, and the request is not about that one")


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Step 1: three canonical base64url segments; JSON objects without repeated members."""
    segments = token.split(".")
    if len(token) > MOST_BYTES or len(segments) != 3:
        raise _invalid("it is no signed JWT in compact form")
    if not all(_SEGMENT.fullmatch(one) and _canonical(one) for one in segments):
        raise _invalid("a segment is not base64url in its one form")
    return _object(segments[0]), _object(segments[1])


def _canonical(segment: str) -> bool:
    """Whether the bits that the last character has left over are zero."""
    spare = {0: 0, 2: 4, 3: 2}.get(len(segment) % 4)
    return spare is not None and not _ALPHABET.index(segment[-1]) & ((1 << spare) - 1)


def _object(segment: str) -> dict[str, Any]:
    try:
        found = json.loads(
            jwt.utils.base64url_decode(segment).decode(),
            object_pairs_hook=_members,
            parse_float=_refused_number,
            parse_constant=_refused_number,
            parse_int=_integer,
        )
    except (ValueError, RecursionError):
        raise _invalid("a segment is not JSON in its one form") from None
    if not isinstance(found, dict) or _depth(found) > _MOST_DEPTH:
        raise _invalid("a segment is no JSON object of ordinary depth")
    return found


def _members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands twice")
    return found


def _integer(text: str) -> int:
    if len(text) > 19:
        raise ValueError("a number is too large")
    return int(text)


def _refused_number(text: str) -> float:
    raise ValueError(f"{text[:20]} is no integer")


def _depth(value: object, level: int = 0) -> int:
    if level > _MOST_DEPTH:
        return level
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max((_depth(one, level + 1) for one in inside), default=level)


def _algorithm(header: dict[str, Any]) -> str:
    """Step 2: an algorithm of the list; nothing critical. `jku`, `x5u`, `jwk` and `x5c` are never looked at."""
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise _invalid(f"the algorithm is none of {', '.join(ALGORITHMS)}")
    if "crit" in header or "b64" in header:
        raise _invalid("it has critical parameters that are not known here")
    if not isinstance(header.get("typ", "JWT"), str) or header.get("typ", "JWT").lower() not in ("jwt", "at+jwt"):
        raise _invalid("it is another kind of token")
    return algorithm


def _key(
    header: dict[str, Any], claims: dict[str, Any], algorithm: str, issuers: Mapping[str, TokenIssuer]
) -> tuple[TokenIssuer, TokenKey]:
    """Step 3: the issuer by its exact name, of its keys the one with this kid, which fits the algorithm."""
    name = claims.get("iss")
    issuer = issuers.get(name) if isinstance(name, str) else None
    if issuer is None:
        raise _invalid("no such issuer is known here")
    kid = header.get("kid", "")
    if not isinstance(kid, str) or len(kid) > 256:
        raise _invalid("its kid is no short text")
    found = [one for one in issuer.keys if one.kid == kid] if kid else [*issuer.keys]
    if len(found) != 1:
        raise _invalid("the issuer has no such key")
    if algorithm not in found[0].algorithms:
        raise _invalid("the algorithm is not one of this key")
    return issuer, found[0]


def _check_time(claims: dict[str, Any], skew: timedelta, now: datetime) -> None:
    """Step 5. Skew forgives a clock that is ahead of ours, never a token that has ended."""
    issued, expires = _instant(claims, "iat"), _instant(claims, "exp")
    begins = _instant(claims, "nbf") if "nbf" in claims else issued
    if max(issued, begins) > now + skew:
        raise _invalid("it is not valid yet")
    if expires <= now:
        raise _invalid("it has expired")
    if expires - issued > LONGEST or expires <= issued:
        raise _invalid(f"it is good for longer than {LONGEST}, or not at all")


def _instant(claims: dict[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if type(value) is not int or not 0 <= value <= _LATEST:
        raise _invalid(f"{name} is missing or no instant")
    return datetime.fromtimestamp(value, UTC)


def _check_binding(claims: dict[str, Any], issuer: TokenIssuer, certificate: bytes) -> None:
    """Step 7: the SHA-256 of the caller's certificate, where the token names one or the issuer must (RFC 8705)."""
    confirmation = claims.get("cnf")
    if confirmation is None and not issuer.bound:
        return
    thumbprint = confirmation.get("x5t#S256") if isinstance(confirmation, dict) else None
    own = urlsafe_b64encode(sha256(certificate).digest()).rstrip(b"=").decode()
    if not isinstance(thumbprint, str) or not certificate or not hmac.compare_digest(thumbprint.encode(), own.encode()):
        raise _invalid("it is bound to another certificate, or to none")


def _user(claims: dict[str, Any], issuer: TokenIssuer, expected: ExpectedToken) -> TokenUser:
    """Step 8: the claims of IUA, one role and one purpose at most, of the value sets in force."""
    extensions = _member(claims, "extensions")
    iua, consent = _member(extensions, "ihe_iua"), _member(extensions, "ihe_bppc")
    home = _text(iua, "home_community_id", "") or expected.home
    if home != expected.home or (home not in issuer.homes and EVERYBODY not in issuer.homes):
        raise TokenRefused("insufficient_scope", "the issuer does not vouch for users of the community that asks")
    subject = _text(claims, "sub")
    scopes = claims.get("scope")
    if not isinstance(scopes, str):
        raise _invalid("scope is missing")
    return TokenUser(
        id=f"<{subject}@{issuer.name}>",
        name=_text(iua, "subject_name", ""),
        role=_coded(iua, "subject_role", expected.roles),
        purpose=_coded(iua, "purpose_of_use", expected.purposes),
        organisation=_text(iua, "subject_organization_id", "") or _text(iua, "subject_organization", ""),
        client=_text(claims, "client_id"),
        token=_text(claims, "jti"),
        scopes=frozenset(scopes.split()),
        patient=_text(consent, "patient_id", ""),
    )


def _member(claims: dict[str, Any], name: str) -> dict[str, Any]:
    found = claims.get(name, {})
    if not isinstance(found, dict):
        raise _invalid(f"{name} is no object")
    return found


def _text(claims: dict[str, Any], name: str, default: str | None = None) -> str:
    value = claims.get(name, default)
    if not isinstance(value, str) or (value != default and not _TEXT.fullmatch(value)):
        raise _invalid(f"{name} is missing or no short text")
    return value


def _texts(claims: dict[str, Any], name: str) -> frozenset[str]:
    value = claims.get(name)
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not found or not all(isinstance(one, str) for one in found):
        raise _invalid(f"{name} is missing or no text")
    return frozenset(found)


def _coded(claims: dict[str, Any], name: str, accepted: ValueSet) -> Coded | None:
    found = claims.get(name, [])
    if not isinstance(found, list) or len(found) > 1:
        raise _invalid(f"{name} is not one coding")
    if not found:
        return None
    system, code = (found[0].get(part) if isinstance(found[0], dict) else None for part in ("system", "code"))
    if not isinstance(system, str) or not isinstance(code, str):
        raise _invalid(f"{name} has no system or no code")
    known = accepted.find(Coded(code, SYSTEMS.get(system, system.removeprefix("urn:oid:")), ""))
    if known is None:
        raise _invalid(f"{name} is not accepted here")
    return known


def _invalid(reason: str) -> TokenRefused:
    return TokenRefused("invalid_token", reason)


def thumbprint_of(certificate: bytes) -> str:
    """What `cnf.x5t#S256` says of a certificate (DER)."""
    return b64encode(sha256(certificate).digest(), b"-_").rstrip(b"=").decode()
