"""APPC: a consent as an XACML 2.0 PolicySet, the subset that becomes provisions (ITI TF-1: 39; federation-wire 7.3).

Targets of nested sets, policies and rules are joined: sections by AND, the alternatives in a section by OR, the matches
in one alternative by AND. Combination is deny-overrides everywhere, as among all consents here. What lies outside the
subset makes the consent one without provisions, which denies: Indeterminate is Deny.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from math import prod
from typing import Any, Final

from lxml import etree

from trust.audit.event import Coded
from trust.consent.categories import CODES
from trust.consent.policy import CONFIDENTIALITY, LEVELS, Effect, Pair, Provision
from trust.consent.reading import NotFollowedError, ReadConsent
from trust.consent.words import purpose

FORMAT: Final = "urn:ihe:iti:appc:2016:consent"
_NS: Final = "urn:oasis:names:tc:xacml:2.0:policy:schema:os"
_P: Final = f"{{{_NS}}}"
_HL7: Final = "{urn:hl7-org:v3}"
_XACML: Final = "urn:oasis:names:tc:xacml:"
_DENY_OVERRIDES: Final = ("combining-algorithm:deny-overrides", "combining-algorithm:ordered-deny-overrides")
_EQUAL: Final = frozenset(
    {
        "urn:hl7-org:v3:function:CV-equal",
        "urn:hl7-org:v3:function:II-equal",
        f"{_XACML}1.0:function:string-equal",
        f"{_XACML}1.0:function:anyURI-equal",
    }
)
_LAST_YEAR: Final = 9999  # as it is written where there is no end
_FROM, _UNTIL = (f"{_XACML}1.0:function:date-{order}-than-or-equal" for order in ("less", "greater"))
_PATIENT: Final = frozenset(
    {
        f"{_XACML}2.0:resource:resource-id",
        "urn:e-health-suisse:2015:epr-spid",
        "urn:ihe:iti:ser:2016:patient-id",
    }
)
_ENTRY: Final = "urn:ihe:iti:appc:2016:document-entry:"
_KINDS: Final = frozenset(
    _ENTRY + name
    for name in (
        "class-code", "type-code", "practice-setting-code", "healthcare-facility-type-code", "event-code",
    )
)  # fmt: skip
_TEXTS: Final = {
    f"{_XACML}1.0:subject:subject-id": "users",
    f"{_XACML[:-6]}xspa:1.0:subject:organization-id": "organisations",
    "urn:ihe:iti:xca:2010:homeCommunityId": "communities",
    f"{_XACML}1.0:resource:resource-id": "documents",
}
_ROLE: Final = f"{_XACML}2.0:subject:role"
_PURPOSE: Final = f"{_XACML[:-6]}xspa:1.0:subject:purposeofuse"
_CONFIDENTIALITY: Final = "urn:ihe:iti:xds-b:2007:confidentiality-code"
_AUTHOR: Final = "urn:ihe:iti:appc:2016:author-institution:id"
_ACTIONS: Final = frozenset({f"{_XACML}1.0:action:action-id", f"{_XACML}1.0:action-id"})
_READING: Final = frozenset(
    f"urn:ihe:iti:2007:{name}"
    for name in ("RegistryStoredQuery", "RetrieveDocumentSet", "CrossGatewayQuery", "CrossGatewayRetrieve")
)
_SECTIONS: Final = ("Subject", "Resource", "Action", "Environment")
_MOST: Final = 1000  # provisions of one document

Parts = dict[str, Any]  # parts of a Provision, each a frozenset


class _OutsideError(ValueError):
    """Something that the subset does not hold."""


@dataclass(slots=True)
class _Reading:
    patients: frozenset[str]
    meaning: Callable[[str], Provision | None]
    start: datetime | None = None
    end: datetime | None = None
    named: bool = False  # whether the patient was named
    rules: int = 0  # rules and references, whether or not they are about seeing documents
    found: list[Provision] = field(default_factory=list)


def read(root: etree._Element, *, patients: Collection[str], meaning: Callable[[str], Provision | None]) -> ReadConsent:
    """The consent of one document.

    Args:
        root: the document.
        patients: identifiers of the patient it was registered for, `root|extension`; one of them must be named.
        meaning: the provision of a policy that is referred to, None where it is not in use here.

    Raises:
        NotFollowedError: it is no XACML 2.0 policy, or it is about another patient.
    """
    if root.tag not in {f"{_P}PolicySet", f"{_P}Policy"}:
        raise NotFollowedError("it is no XACML 2.0 PolicySet")
    reading = _Reading(frozenset(patients), meaning)
    try:
        _policy(root, [{}], reading, top=True)
    except _OutsideError as outside:
        if not reading.named:
            raise NotFollowedError("it does not name the patient that it was registered for") from None
        return ReadConsent(start=reading.start, end=reading.end, provisions=(), why=f"cannot be followed: {outside}")
    if not reading.named:
        raise NotFollowedError("it does not name the patient that it was registered for")
    if reading.rules and not reading.found:
        raise NotFollowedError("it says nothing about who may see documents")
    return ReadConsent(start=reading.start, end=reading.end, provisions=tuple(reading.found))


def _policy(element: etree._Element, above: list[Parts], reading: _Reading, *, top: bool = False) -> None:
    combining = element.get("PolicyCombiningAlgId") or element.get("RuleCombiningAlgId") or ""
    here = _joined(above, _target(element, reading, top=top))
    if not combining.endswith(_DENY_OVERRIDES):
        raise _OutsideError(f"combination {combining[:100]}")
    for child in element.iterchildren(etree.Element):
        name = child.tag.removeprefix(_P)
        if name in {"PolicySet", "Policy"}:
            _policy(child, here, reading)
        elif name == "Rule":
            reading.rules += 1
            _rule(child, here, reading)
        elif name in {"PolicySetIdReference", "PolicyIdReference"}:
            reading.rules += 1
            _reference(child, here, reading)
        elif name not in {"Description", "Target", "PolicySetDefaults", "PolicyDefaults"}:
            raise _OutsideError(f"element {name[:60]}")
    _refuse_many(len(reading.found))


def _refuse_many(alternatives: int) -> None:
    """A short document can multiply into a long list; nobody's decision is one."""
    if alternatives > _MOST:
        raise _OutsideError(f"more than {_MOST} alternatives")


def _rule(element: etree._Element, above: list[Parts], reading: _Reading) -> None:
    if element.find(f"{_P}Condition") is not None:
        raise _OutsideError("a Condition")
    effect = {"Permit": Effect.PERMIT, "Deny": Effect.DENY}.get(element.get("Effect") or "")
    if effect is None:
        raise _OutsideError("a rule without an effect")
    here = _joined(above, _target(element, reading))
    reading.found += [Provision(effect=effect, **parts) for parts in here]


def _reference(element: etree._Element, above: list[Parts], reading: _Reading) -> None:
    name = _text(element)
    provision = reading.meaning(name)
    if provision is None:
        raise _OutsideError(f"the policy {name[:100]} is not in use here ([[consent.policies]] of node.toml)")
    own = {
        item.name: value
        for item in fields(provision)
        if item.name not in {"effect", "breakable"} and (value := getattr(provision, item.name))
    }
    reading.found += [replace(provision, **parts) for parts in _joined(above, [own])]


def _target(element: etree._Element, reading: _Reading, *, top: bool = False) -> list[Parts]:
    """The alternatives of a target; [] where it is about nothing that is decided here."""
    target = element.find(f"{_P}Target")
    if target is None:
        return [{}]
    sections: list[list[Parts]] = []
    for section in target.iterchildren(etree.Element):
        kind = section.tag.removeprefix(_P).removesuffix("s")
        if kind not in _SECTIONS:
            raise _OutsideError(f"element {kind[:60]}")
        alternatives = [
            parts
            for one in section.iterfind(_P + kind)
            if (parts := _alternative(one, kind, reading, top=top)) is not None
        ]
        sections.append(alternatives)
    _refuse_many(prod(len(alternatives) for alternatives in sections))
    found: list[Parts] = []
    for chosen in product(*sections):
        joined: Parts | None = {}
        for parts in chosen:
            joined = _and(joined, parts) if joined is not None else None
        if joined is not None:
            found.append(joined)
    return found


def _alternative(element: etree._Element, kind: str, reading: _Reading, *, top: bool) -> Parts | None:
    """All matches of one Subject, Resource …; None where it can never hold here."""
    parts: Parts | None = {}
    for match in element.iterchildren(etree.Element):
        found = _match(match, kind, reading, top=top)
        parts = _and(parts, found) if parts is not None and found is not None else None
    return parts


def _match(match: etree._Element, kind: str, reading: _Reading, *, top: bool) -> Parts | None:
    value = match.find(f"{_P}AttributeValue")
    designator = match.find(f"{_P}{kind}AttributeDesignator")
    if match.tag != f"{_P}{kind}Match" or value is None or designator is None:
        raise _OutsideError(f"a match of {kind} without value or designator")
    attribute, function = designator.get("AttributeId") or "", match.get("MatchId") or ""
    if kind == "Environment":
        return _environment(function, _text(value), reading, top=top)
    if function not in _EQUAL:
        raise _OutsideError(f"function {function[:100]}")
    if attribute in _PATIENT:
        return _patient(value, reading)
    if attribute in _ACTIONS:
        return {} if _text(value) in _READING else None
    return _part(attribute, value)


def _part(attribute: str, value: etree._Element) -> Parts:
    if attribute in _TEXTS:
        return {_TEXTS[attribute]: frozenset({_text(value).removeprefix("urn:oid:")})}
    if attribute == _AUTHOR:
        root, extension = _identifier(value)
        return {"author_institutions": frozenset({extension or root})}
    code, system = _coded(value)
    if attribute == _ROLE:
        return {"roles": frozenset({(code, system)})}
    if attribute in _KINDS:
        return {"kinds": frozenset({(code, system)})}
    if attribute == _PURPOSE:
        if known := purpose(Coded(code, system, "")):
            return {"purposes": frozenset({known})}
        raise _OutsideError(f"purpose {code[:60]}")
    if attribute == _CONFIDENTIALITY:
        if system == CONFIDENTIALITY and code in LEVELS:
            return {"confidentiality": frozenset({code})}
        if category := CODES.get((code, system)):
            return {"categories": frozenset({category})}
        raise _OutsideError(f"confidentiality {code[:60]}")
    raise _OutsideError(f"attribute {attribute[:100]}")


def _patient(value: etree._Element, reading: _Reading) -> Parts:
    root, extension = _identifier(value)
    named = f"{root}|{extension}" if root else _text(value)
    if named not in reading.patients:
        raise NotFollowedError("it is about another patient than it was registered for")
    reading.named = True
    return {}


def _environment(function: str, text: str, reading: _Reading, *, top: bool) -> Parts:
    """A first and a last day, for the whole document."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise _OutsideError(f"date {text[:30]}") from None
    if not top or function not in {_FROM, _UNTIL}:
        raise _OutsideError("a period that does not hold for the whole document")
    if function == _FROM:
        reading.start = day
    elif day.year < _LAST_YEAR:  # else without an end
        reading.end = day + timedelta(days=1)
    return {}


def _joined(above: list[Parts], below: list[Parts]) -> list[Parts]:
    _refuse_many(len(above) * len(below))
    return [joined for one in above for other in below if (joined := _and(one, other)) is not None]


def _and(one: Parts, other: Parts) -> Parts | None:
    """Both; None where they contradict each other. A document has many categories and kinds: two are outside."""
    joined = dict(one)
    for name, values in other.items():
        if name not in joined or joined[name] == values:
            joined[name] = values
        elif name in {"categories", "kinds", "confidentiality"}:
            raise _OutsideError(f"two {name} at once")
        elif common := joined[name] & values:
            joined[name] = common
        else:
            return None
    return joined


def _text(element: etree._Element) -> str:
    return "".join(_pieces(element)).strip()


def _pieces(element: etree._Element) -> Iterator[str]:
    for piece in element.itertext():
        yield str(piece)


def _coded(value: etree._Element) -> Pair:
    coded = value.find(f"{_HL7}CodedValue")
    if coded is None:
        raise _OutsideError("a code without CodedValue")
    return coded.get("code") or "", (coded.get("codeSystem") or "").removeprefix("urn:oid:")


def _identifier(value: etree._Element) -> Pair:
    found = value.find(f"{_HL7}InstanceIdentifier")
    return (found.get("root") or "", found.get("extension") or "") if found is not None else ("", "")
