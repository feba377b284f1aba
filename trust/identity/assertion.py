"""The values of one SAML 2.0 assertion, read strictly from the tree that its signature covers.

Source: ITI TF-2: 3.40; federation-wire 4.2, 4.3

What is not in the profile is refused or passed over, never guessed. Nothing here decides whether the values are good
for this request: that is `trust.identity.saml`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from lxml import etree

from trust.audit.event import Coded
from trust.errors import AssertionRefused
from trust.identity import names
from trust.identity.names import INVALID_TOKEN, SAML

_INSTANT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_NCNAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,255}", re.ASCII)
_LONGEST: Final = 512  # characters of a name, an id, a URI
_MOST_ATTRIBUTES: Final = 100
_CODED: Final = {names.ROLE: ("Role",), names.PURPOSE: ("PurposeOfUse", "PurposeForUse")}
_CODE_PARTS: Final = frozenset({"code", "codeSystem", "codeSystemName", "displayName", f"{{{names.XSI}}}type"})
_CODE_TYPES: Final = frozenset({"CE", "CD", "CV"})
_SEVERAL: Final = frozenset({names.CONSENT, names.POLICY})
_TEXTS: Final = (
    frozenset({names.SUBJECT_ID, names.ORGANISATION, names.ORGANISATION_ID, names.NPI, names.PATIENT, names.HOME})
    | {names.HOME_OF_NHIN, names.REASON}
    | _SEVERAL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """One SubjectConfirmation. `key_info` is its ds:KeyInfo (holder of key), None without one."""

    method: str
    recipient: str = ""
    not_before: datetime | None = None
    not_on_or_after: datetime | None = None
    key_info: etree._Element | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What an assertion says. Texts are as they stood; "" or None where it says nothing.

    `audiences` holds one set for each AudienceRestriction: all of them must be met, each by one of its URIs.
    """

    id: str
    issuer: str
    issued: datetime
    not_before: datetime
    not_on_or_after: datetime
    audiences: tuple[frozenset[str], ...]
    subject: str
    alias: str
    confirmations: tuple[Confirmation, ...]
    authenticated: datetime
    session_ends: datetime | None
    context: str
    name: str = ""
    organisation: str = ""
    organisation_id: str = ""
    home: str = ""
    npi: str = ""
    role: Coded | None = None
    purpose: Coded | None = None
    reason: str = ""
    patient: str = ""
    consents: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()


def refuse_comments(root: etree._Element) -> None:
    """A comment could split a name in two, and is not part of what is signed (S9).

    Raises:
        AssertionRefused: there is a comment, a processing instruction or an entity reference.
    """
    if next(root.iter(etree.Comment, etree.ProcessingInstruction, etree.Entity), None) is not None:
        raise _wrong("a comment or processing instruction stands in the assertion")


def issuer_of(root: etree._Element) -> str:
    """The text of the Issuer, before anything is verified: it selects the keys and nothing else.

    Raises:
        AssertionRefused: this is no SAML 2.0 assertion with one issuer.
    """
    if root.tag != f"{{{SAML}}}Assertion" or root.get("Version") != "2.0":
        raise AssertionRefused(names.UNSUPPORTED_TOKEN, "the token is no SAML 2.0 assertion")
    first = root[0] if len(root) else None
    if first is None or first.tag != f"{{{SAML}}}Issuer":
        raise _wrong("the assertion does not begin with its issuer")
    return _text(first)


def read_assertion(root: etree._Element) -> Assertion:
    """Read a verified assertion.

    Raises:
        AssertionRefused: something is missing, doubled, in another place or not of its type.
    """
    issuer = issuer_of(root)
    if set(root.attrib) != {"ID", "IssueInstant", "Version"} or not _NCNAME.fullmatch(root.get("ID") or ""):
        raise _wrong("the assertion's ID, IssueInstant or Version is wrong")
    subject, conditions, statements = _parts(root)
    name_id = _name_id(subject)
    authn = [one for one in statements if one.tag == f"{{{SAML}}}AuthnStatement"]
    if len(authn) != 1:
        raise _wrong(f"the assertion has {len(authn)} AuthnStatements")
    found = _attributes([one for one in statements if one.tag == f"{{{SAML}}}AttributeStatement"])
    session_ends = authn[0].get("SessionNotOnOrAfter")
    return Assertion(
        id=str(root.get("ID")),
        issuer=issuer,
        issued=_instant(root, "IssueInstant"),
        not_before=_instant(conditions, "NotBefore"),
        not_on_or_after=_instant(conditions, "NotOnOrAfter"),
        audiences=_audiences(conditions),
        subject=_text(name_id),
        alias=_plain(name_id.get("SPProvidedID", "")),
        confirmations=_confirmations(subject),
        authenticated=_instant(authn[0], "AuthnInstant"),
        session_ends=None if session_ends is None else _instant(authn[0], "SessionNotOnOrAfter"),
        context=_context(authn[0]),
        name=_one(found, names.SUBJECT_ID),
        organisation=_one(found, names.ORGANISATION),
        organisation_id=_one(found, names.ORGANISATION_ID),
        home=_one(found, names.HOME) or _one(found, names.HOME_OF_NHIN),
        npi=_one(found, names.NPI),
        role=_code(found, names.ROLE),
        purpose=_code(found, names.PURPOSE),
        reason=_one(found, names.REASON),
        patient=_one(found, names.PATIENT),
        consents=_several(found, names.CONSENT),
        policies=_several(found, names.POLICY),
    )


def _parts(root: etree._Element) -> tuple[etree._Element, etree._Element, list[etree._Element]]:
    """Subject, Conditions and the statements after them; the order is the schema's."""
    parts = list(root)[1:]
    tags = [etree.QName(part).localname if part.tag.startswith(f"{{{SAML}}}") else "" for part in parts]
    if tags[:2] != ["Subject", "Conditions"]:
        raise _wrong("Subject and Conditions do not follow the issuer")
    if not set(tags[2:]) <= {"AuthnStatement", "AttributeStatement", "AuthzDecisionStatement"}:
        raise _wrong("the assertion holds something besides its statements")
    return parts[0], parts[1], parts[2:]


def _name_id(subject: etree._Element) -> etree._Element:
    inside = list(subject)
    if not inside or inside[0].tag != f"{{{SAML}}}NameID":
        encrypted = any(one.tag == f"{{{SAML}}}EncryptedID" for one in inside)
        raise (
            AssertionRefused(names.UNSUPPORTED_TOKEN, "encrypted names are not supported")
            if encrypted
            else _wrong("the subject has no NameID")
        )
    return inside[0]


def _confirmations(subject: etree._Element) -> tuple[Confirmation, ...]:
    found = []
    for one in list(subject)[1:]:
        data = list(one)
        if one.tag != f"{{{SAML}}}SubjectConfirmation" or len(data) > 1:
            raise _wrong("the subject holds something besides its confirmations")
        if not data:
            found.append(Confirmation(method=one.get("Method", "")))
            continue
        if data[0].tag != f"{{{SAML}}}SubjectConfirmationData":
            raise _wrong("a confirmation holds something besides its data")
        keys = data[0].findall(f"{{{names.DS}}}KeyInfo")
        found.append(
            Confirmation(
                method=one.get("Method", ""),
                recipient=data[0].get("Recipient", ""),
                not_before=_instant(data[0], "NotBefore") if "NotBefore" in data[0].attrib else None,
                not_on_or_after=_instant(data[0], "NotOnOrAfter") if "NotOnOrAfter" in data[0].attrib else None,
                key_info=keys[0] if len(keys) == 1 else None,
            )
        )
    if not found:
        raise _wrong("the subject has no confirmation")
    return tuple(found)


def _audiences(conditions: etree._Element) -> tuple[frozenset[str], ...]:
    found = []
    for one in conditions:
        name = str(one.tag)
        if name in (f"{{{SAML}}}OneTimeUse", f"{{{SAML}}}ProxyRestriction"):  # a receiver may ignore them
            continue
        if name != f"{{{SAML}}}AudienceRestriction" or any(part.tag != f"{{{SAML}}}Audience" for part in one):
            raise _wrong("a condition of the assertion is not understood")
        found.append(frozenset(_text(part) for part in one))
    return tuple(found)


def _context(authn: etree._Element) -> str:
    """How the user signed in: one class, or the reference of one declaration."""
    contexts = authn.findall(f"{{{SAML}}}AuthnContext")
    if len(contexts) != 1:
        raise _wrong("the AuthnStatement does not have one AuthnContext")
    kinds = (f"{{{SAML}}}AuthnContextClassRef", f"{{{SAML}}}AuthnContextDeclRef")
    found = [part for part in contexts[0] if part.tag in kinds]
    if len(found) != 1 or any(part.tag != f"{{{SAML}}}AuthenticatingAuthority" for part in list(contexts[0])[1:]):
        raise _wrong("the AuthnContext does not name one class")
    return _text(found[0])


def _attributes(statements: Sequence[etree._Element]) -> dict[str, list[etree._Element]]:
    """The values of every attribute that is used here."""
    found: dict[str, list[etree._Element]] = {}
    count = 0
    for statement in statements:
        for attribute in statement:
            count += 1
            if attribute.tag != f"{{{SAML}}}Attribute" or count > _MOST_ATTRIBUTES:
                raise _wrong("an AttributeStatement holds something besides attributes, or too many")
            name = attribute.get("Name", "")
            if name not in _TEXTS and name not in _CODED:
                continue
            values = list(attribute)
            if any(value.tag != f"{{{SAML}}}AttributeValue" for value in values):
                raise _wrong("an attribute holds something besides values")
            found.setdefault(name, []).extend(values)
    return found


def _one(found: dict[str, list[etree._Element]], name: str) -> str:
    values = found.get(name, [])
    if len(values) > 1:
        raise _wrong(f"the attribute {name} has {len(values)} values")
    return _text(values[0]) if values else ""


def _several(found: dict[str, list[etree._Element]], name: str) -> tuple[str, ...]:
    return tuple(_text(value) for value in found.get(name, []))


def _code(found: dict[str, list[etree._Element]], name: str) -> Coded | None:
    """A role or purpose: one value, one HL7 element of the expected name, attributes only (S19)."""
    values = found.get(name, [])
    if not values:
        return None
    inside = list(values[0])
    if len(values) > 1 or len(inside) != 1:
        raise _wrong(f"the attribute {name} does not have one value")
    element = inside[0]
    tags = [f"{{{names.HL7}}}{local}" for local in _CODED[name]]
    text = "".join((values[0].text or "", element.text or "", element.tail or ""))
    if element.tag not in tags or len(element) or text.strip() or not set(element.attrib) <= _CODE_PARTS:
        raise _wrong(f"the value of {name} is not a coded value")
    kind = element.get(f"{{{names.XSI}}}type", "CE")
    prefix, _, local = kind.rpartition(":")
    if local not in _CODE_TYPES or element.nsmap.get(prefix or None) != names.HL7:
        raise _wrong(f"the value of {name} is of another type than CE")
    code, system = _plain(element.get("code", "")), _plain(element.get("codeSystem", ""))
    if not code or not system:
        raise _wrong(f"the value of {name} has no code or no codeSystem")
    return Coded(code, system, _plain(element.get("displayName", "")))


def instant_of(text: str) -> datetime | None:
    """An xs:dateTime with its zone; None for anything else."""
    found = _INSTANT.fullmatch(text)
    try:
        if found:
            moment = datetime.fromisoformat(found[1] + (found[2] or "")[:7] + found[3])
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    return None


def _instant(element: etree._Element, name: str) -> datetime:
    moment = instant_of(element.get(name, ""))
    if moment is not None:
        return moment
    raise _wrong(f"{name} of {etree.QName(element).localname} is missing or no instant")


def _text(element: etree._Element) -> str:
    """The text of an element that holds nothing else, not empty."""
    if len(element):
        raise _wrong(f"{etree.QName(element).localname} holds more than text")
    text = _plain(element.text or "")
    if not text:
        raise _wrong(f"{etree.QName(element).localname} is empty")
    return text


def _plain(text: str) -> str:
    """Exactly this text: nothing is trimmed or folded, so what could be taken for another text is refused (S21)."""
    if text != text.strip() or len(text) > _LONGEST or not all(one.isprintable() for one in text):
        raise _wrong("a text in the assertion is padded, too long, or has control characters")
    if not unicodedata.is_normalized("NFC", text):
        raise _wrong("a text in the assertion is not in Unicode's composed form")
    return text


def _wrong(reason: str) -> AssertionRefused:
    return AssertionRefused(INVALID_TOKEN, reason)
