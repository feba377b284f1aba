"""Making assertions: this node as issuer for users that it knows itself (ITI-40; federation-wire 4.2 to 4.5).

The text is written in its canonical form at once, so that what is digested needs no XML library: names of elements and
attributes in their order, namespaces where they are first used, no empty-element tags. A test compares it with the
canonical form that libxml2 makes.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from trust.audit.event import Coded
from trust.identity import names
from trust.identity.names import BEARER, BEFORE, DS, EXCLUSIVE_C14N, HL7, SAML, URI_FORMAT, XSI

LIFETIME: Final = timedelta(minutes=5)
_METHOD: Final = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
_DIGEST: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
_TEXT: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_ATTRIBUTE: Final = {"&": "&amp;", "<": "&lt;", '"': "&quot;"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What an assertion is to say. Several roles, purposes and contexts exist for tests of receivers alone."""

    id: str  # an NCName
    issuer: str
    issued: datetime
    not_before: datetime
    not_on_or_after: datetime
    authenticated: datetime
    audiences: Sequence[str]
    subject: str
    contexts: Sequence[str] = (BEFORE,)
    authority: str = ""  # the identity provider where the user signed in, if it was not here
    name: str = ""
    organisation: str = ""
    organisation_id: str = ""
    home: str = ""
    npi: str = ""
    roles: Sequence[Coded] = ()
    purposes: Sequence[Coded] = ()
    reason: str = ""
    patient: str = ""
    consents: Sequence[str] = ()
    policies: Sequence[str] = ()


def unsigned(draft: Draft) -> bytes:
    """The assertion without a signature, in exclusive canonical form."""
    return b"".join(_halves(draft))


def signed(draft: Draft, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> bytes:
    """The assertion with its enveloped signature (ECDSA over P-256, SHA-256), behind the Issuer as the schema wants."""
    head, rest = _halves(draft)
    digest = b64encode(sha256(head + rest).digest()).decode()
    info = (
        f'<ds:SignedInfo xmlns:ds="{DS}">'
        f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE_C14N}"></ds:CanonicalizationMethod>'
        f'<ds:SignatureMethod Algorithm="{_METHOD}"></ds:SignatureMethod>'
        f'<ds:Reference URI="#{draft.id}"><ds:Transforms>'
        f'<ds:Transform Algorithm="{names.ENVELOPED}"></ds:Transform>'
        f'<ds:Transform Algorithm="{EXCLUSIVE_C14N}"></ds:Transform></ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{_DIGEST}"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue>'
        "</ds:Reference></ds:SignedInfo>"
    )
    r, s = utils.decode_dss_signature(key.sign(info.encode(), ec.ECDSA(hashes.SHA256())))
    value = b64encode(r.to_bytes(32) + s.to_bytes(32)).decode()
    der = b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
    signature = (
        f'<ds:Signature xmlns:ds="{DS}">{info}<ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo><ds:X509Data>'
        f"<ds:X509Certificate>{der}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>"
    )
    return head + signature.encode() + rest


def _halves(draft: Draft) -> tuple[bytes, bytes]:
    """The text before and after the place of the signature."""
    head = (
        f'<saml2:Assertion xmlns:saml2="{SAML}" ID="{_attribute(draft.id)}" IssueInstant="{_instant(draft.issued)}"'
        f' Version="2.0"><saml2:Issuer>{_text(draft.issuer)}</saml2:Issuer>'
    )
    audiences = "".join(f"<saml2:Audience>{_text(one)}</saml2:Audience>" for one in draft.audiences)
    said = _text(draft.authority)
    elsewhere = f"<saml2:AuthenticatingAuthority>{said}</saml2:AuthenticatingAuthority>" if said else ""
    contexts = "".join(
        f"<saml2:AuthnContext><saml2:AuthnContextClassRef>{_text(one)}</saml2:AuthnContextClassRef>{elsewhere}"
        "</saml2:AuthnContext>"
        for one in draft.contexts
    )
    rest = (
        f'<saml2:Subject><saml2:NameID Format="{names.UNSPECIFIED_NAME}">{_text(draft.subject)}</saml2:NameID>'
        f'<saml2:SubjectConfirmation Method="{BEARER}"></saml2:SubjectConfirmation></saml2:Subject>'
        f'<saml2:Conditions NotBefore="{_instant(draft.not_before)}" NotOnOrAfter="{_instant(draft.not_on_or_after)}">'
        f"<saml2:AudienceRestriction>{audiences}</saml2:AudienceRestriction></saml2:Conditions>"
        f'<saml2:AuthnStatement AuthnInstant="{_instant(draft.authenticated)}">{contexts}</saml2:AuthnStatement>'
        f"<saml2:AttributeStatement>{''.join(_attributes(draft))}</saml2:AttributeStatement></saml2:Assertion>"
    )
    return head.encode(), rest.encode()


def _attributes(draft: Draft) -> list[str]:
    texts = (
        (names.SUBJECT_ID, (draft.name,)),
        (names.ORGANISATION, (draft.organisation,)),
        (names.ORGANISATION_ID, (draft.organisation_id,)),
        (names.HOME, (draft.home,)),
        (names.NPI, (draft.npi,)),
        (names.PATIENT, (draft.patient,)),
        (names.CONSENT, draft.consents),
        (names.POLICY, draft.policies),
        (names.REASON, (draft.reason,)),
    )
    found = [_named(name, [_text(value) for value in values if value]) for name, values in texts]
    found.append(_named(names.ROLE, [_coded("Role", one) for one in draft.roles]))
    found.append(_named(names.PURPOSE, [_coded("PurposeOfUse", one) for one in draft.purposes]))
    return found


def _named(name: str, values: Sequence[str]) -> str:
    if not values:
        return ""
    inside = "".join(f"<saml2:AttributeValue>{value}</saml2:AttributeValue>" for value in values)
    return f'<saml2:Attribute Name="{name}" NameFormat="{URI_FORMAT}">{inside}</saml2:Attribute>'


def _coded(element: str, one: Coded) -> str:
    return (
        f'<{element} xmlns="{HL7}" xmlns:xsi="{XSI}" code="{_attribute(one.code)}"'
        f' codeSystem="{_attribute(one.system)}" displayName="{_attribute(one.text)}" xsi:type="CE"></{element}>'
    )


def _instant(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _text(text: str) -> str:
    return "".join(_TEXT.get(one, one) for one in text)


def _attribute(text: str) -> str:
    return "".join(_ATTRIBUTE.get(one, one) for one in text)
