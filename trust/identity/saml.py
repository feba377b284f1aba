"""Is this assertion good for this request? The numbered steps of federation-wire 4.6, each named where it is taken.

Pure: elements, keys, the moment and what is expected in; a user out, or a refusal with its reason and fault code.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from trust.audit.event import Coded
from trust.errors import AssertionRefused
from trust.identity import names
from trust.identity.assertion import Assertion, Confirmation, issuer_of, read_assertion, refuse_comments
from trust.identity.issuers import EVERYBODY, Issuer, Issuers, ValueSet
from trust.identity.names import DS, FAILED_CHECK, INVALID_HEADER, INVALID_TOKEN, SAML
from trust.identity.signature import Parse, shape_of, verify

MOST_BYTES: Final = 64 * 1024  # of one assertion; real ones have three to ten thousand
MOST_SKEW: Final = timedelta(seconds=60)
REQUIRED: Final = ("name", "organisation", "organisation_id", "home", "npi", "role", "purpose", "patient")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an assertion must fit.

    `home` is the community that presents it: the peer's, or our own for our applications. `audiences` are our own
    URIs, `recipients` beginnings of our own URLs, each with the slash at its end. `key` is the SubjectPublicKeyInfo of
    the caller's certificate. `required` names fields of `Assertion` that may not be empty.
    """

    home: str
    audiences: frozenset[str]
    recipients: tuple[str, ...] = ()
    key: bytes = b""
    skew: timedelta = MOST_SKEW
    roles: ValueSet
    purposes: ValueSet
    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person, as an accepted assertion names them; `id` is `alias<name id@issuer>` (federation-wire 4.8)."""

    id: str
    name: str
    role: Coded | None
    purpose: Coded | None
    organisation: str
    assertion: Assertion


def only_assertion(message: etree._Element, headers: Sequence[etree._Element]) -> etree._Element | None:
    """Step 2: the one assertion of a message, below its one wsse:Security header; None when it has no header.

    Raises:
        AssertionRefused: there are several, it stands elsewhere, or the header holds another kind of token.
    """
    everywhere = _count(message, "Assertion")
    if not headers:
        if everywhere:
            raise AssertionRefused(INVALID_HEADER, "an assertion stands outside of wsse:Security")
        return None
    if len(headers) != 1:
        raise AssertionRefused(INVALID_HEADER, f"there are {len(headers)} wsse:Security headers for this node")
    found = [child for child in headers[0] if child.tag == f"{{{SAML}}}Assertion"]
    if len(found) == 1 and everywhere == 1:
        return found[0]
    if everywhere > 1:
        raise AssertionRefused(INVALID_HEADER, "the message holds more than one assertion")
    if everywhere:
        raise AssertionRefused(INVALID_HEADER, "the assertion is no child of wsse:Security")
    tokens = next(headers[0].iterchildren("*"), None)
    code = INVALID_HEADER if tokens is None else names.UNSUPPORTED_TOKEN
    raise AssertionRefused(code, "wsse:Security holds no SAML 2.0 assertion")


def _count(message: etree._Element, local: str) -> int:
    """How many there are, but not more than two: nobody needs to count on."""
    found = message.iter(f"{{{SAML}}}{local}")
    return sum(1 for _, _ in zip(found, range(2), strict=False))


def raw_bytes(assertion: etree._Element) -> bytes:
    """The assertion by itself, with every namespace that was in scope: what is verified, remembered and passed on.

    Raises:
        AssertionRefused: it is larger than any assertion needs to be.
    """
    raw = etree.tostring(assertion, encoding="UTF-8", xml_declaration=False, with_tail=False)
    if len(raw) > MOST_BYTES:
        raise AssertionRefused(INVALID_TOKEN, f"the assertion has {len(raw)} bytes; at most {MOST_BYTES} are read")
    return raw


def authentic(raw: bytes, issuers: Issuers, now: datetime, parse: Parse) -> tuple[Assertion, Issuer]:
    """Steps 3 to 6: structure, signature under the issuer's key, and the values of the signed bytes alone.

    Raises:
        AssertionRefused: it is not the work of a known issuer; whether the issuer or the signature was wrong shows
            neither in the code nor in the time.
    """
    root = parse(raw)
    refuse_comments(root)
    name = issuer_of(root)
    shape = shape_of(root)
    issuer = issuers.get(name)
    signed = verify(raw, shape, issuer.certificates if issuer else (), now, parse)
    assertion = read_assertion(signed)
    if issuer is None or assertion.issuer != issuer.name:
        raise AssertionRefused(FAILED_CHECK, "the signed issuer is another one than the one that was looked up")
    return assertion, issuer


def accept(assertion: Assertion, issuer: Issuer, expected: Expected, now: datetime) -> User:
    """Steps 7 to 10: time, audience and confirmation, whose user it is, and the local profile.

    Raises:
        AssertionRefused: it is authentic and does not count here and now.
    """
    _check_time(assertion, issuer, expected.skew, now)
    _check_audience(assertion, expected)
    if not any(_confirmed(one, issuer, expected, now) for one in assertion.confirmations):
        raise _wrong("no confirmation of the subject holds for this caller")
    _check_community(assertion, issuer, expected)
    for name in expected.required:
        if not getattr(assertion, name):
            raise _wrong(f"the assertion says nothing about {name}, which is required here")
    return User(
        id=f"{assertion.alias}<{assertion.subject}@{assertion.issuer}>",
        name=assertion.name,
        role=_of_set(assertion.role, expected.roles, "role"),
        purpose=_of_set(assertion.purpose, expected.purposes, "purpose of use"),
        organisation=assertion.organisation_id or assertion.organisation,
        assertion=assertion,
    )


def _check_time(assertion: Assertion, issuer: Issuer, skew: timedelta, now: datetime) -> None:
    """Step 7. Skew forgives a clock that is ahead of ours, never an assertion that has ended."""
    if assertion.not_before > now + skew or assertion.issued > now + skew:
        raise _wrong("the assertion is not valid yet")
    if assertion.not_on_or_after <= now:
        raise _wrong("the assertion has expired")
    if assertion.not_on_or_after <= assertion.not_before:
        raise _wrong("the assertion ends before it begins")
    if now - assertion.issued >= issuer.maximum_age:
        raise _wrong("the assertion is older than this issuer's may be")
    if assertion.authenticated > now + skew:
        raise _wrong("the user signs in in the future")
    if assertion.session_ends is not None and assertion.session_ends <= now:
        raise _wrong("the user's session has ended")
    context = assertion.context.removeprefix(names.AUTHN_CLASS)
    if context == "unspecified":
        raise _wrong("the assertion does not say how the user signed in")


def _check_audience(assertion: Assertion, expected: Expected) -> None:
    """Step 8, first half: every restriction names one of our URIs."""
    if not assertion.audiences:
        raise _wrong("the assertion is for no audience")
    if not all(restriction & expected.audiences for restriction in assertion.audiences):
        raise _wrong("the assertion is for another audience")


def _confirmed(one: Confirmation, issuer: Issuer, expected: Expected, now: datetime) -> bool:
    """Step 8, second half: a method that this issuer may use, for us, now, by the holder of the key if there is one."""
    if one.method not in issuer.confirmations:
        return False
    if one.recipient and one.recipient not in expected.audiences and not one.recipient.startswith(expected.recipients):
        return False
    if one.not_on_or_after is not None and one.not_on_or_after <= now:
        return False
    if one.not_before is not None and one.not_before > now + expected.skew:
        return False
    return one.method != names.HOLDER_OF_KEY or (bool(expected.key) and _key_of(one.key_info) == expected.key)


def _check_community(assertion: Assertion, issuer: Issuer, expected: Expected) -> None:
    """Step 9: a community presents assertions of its own issuers, about its own users."""
    if not issuer.speaks_for(expected.home):
        raise _wrong(f"the issuer does not vouch for users of {expected.home}")
    if assertion.home and assertion.home != expected.home:
        raise _wrong(f"the user belongs to {assertion.home}, the caller to {expected.home}")
    if EVERYBODY in issuer.homes and not assertion.home:
        raise _wrong("an issuer of several communities must name the user's homeCommunityId")


def _of_set(given: Coded | None, values: ValueSet, what: str) -> Coded | None:
    """Step 10: a role or purpose counts when the local value set has it."""
    if given is None:
        return None
    found = values.find(given)
    if found is None:
        raise _wrong(f"the {what} {given.code!r} of {given.system!r} is in no value set of this node")
    return found


def _key_of(info: etree._Element | None) -> bytes:
    """SubjectPublicKeyInfo of a ds:KeyInfo: of its certificate or its RSA key; b"" when it holds neither (S16)."""
    if info is None:
        return b""
    certificates = info.findall(f"{{{DS}}}X509Data/{{{DS}}}X509Certificate")
    values = info.findall(f"{{{DS}}}KeyValue/{{{DS}}}RSAKeyValue")
    try:
        if len(certificates) == 1 and not values:
            key = x509.load_der_x509_certificate(b64decode(certificates[0].text or "")).public_key()
        elif len(values) == 1 and not certificates:
            modulus, exponent = (
                int.from_bytes(b64decode(values[0].findtext(f"{{{DS}}}{part}") or ""))
                for part in ("Modulus", "Exponent")
            )
            key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        else:
            return b""
    except (ValueError, UnsupportedAlgorithm):
        return b""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _wrong(reason: str) -> AssertionRefused:
    return AssertionRefused(INVALID_TOKEN, reason)
