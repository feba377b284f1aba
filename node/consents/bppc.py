"""BPPC: a CDA document in which a patient acknowledges policies of the affinity domain (ITI TF-1: 19, TF-3: 5.1). Pure.

What a policy means is a row of [[consent.policies]]; the document says which, for whom and for how long.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Final

from lxml import etree

from node.documents import cda_header
from node.documents.cda_header import NS
from trust.consent.policy import Provision
from trust.consent.reading import NotFollowedError, ReadConsent

FORMATS: Final = frozenset({"urn:ihe:iti:bppc:2007", "urn:ihe:iti:bppc-sd:2007"})
_TEMPLATES: Final = frozenset({"1.3.6.1.4.1.19376.1.5.3.1.1.7", "1.3.6.1.4.1.19376.1.5.3.1.1.7.1"})
_EVENT: Final = "1.3.6.1.4.1.19376.1.5.3.1.2.6"
_CODE: Final = ("57016-8", "2.16.840.1.113883.6.1")  # LOINC: Privacy policy acknowledgement Document
_MOST_EVENTS: Final = 50
_LAST_YEAR: Final = 9999
_UNITS: Final = {4: "year", 6: "month", 8: "day", 10: "hour", 12: "minute", 14: "second"}


def read(
    root: etree._Element,
    *,
    patients: Collection[str],
    acknowledged: Collection[str],
    meaning: Callable[[str], Provision | None],
) -> list[ReadConsent]:
    """The consents of one document, one for each policy that it acknowledges.

    Args:
        root: the document.
        patients: identifiers (CX) of the patient it was registered for; one of them must be in it.
        acknowledged: the policies that its metadata names (eventCodeList); () where they name none.
        meaning: the provision of a policy, None where it is not in use here.

    Raises:
        NotFollowedError: why nothing of it counts.
    """
    templates = {element.get("root") for element in root.iterfind("v3:templateId", NS)}
    header = cda_header.read(root)
    if header is None or not _TEMPLATES & templates:
        raise NotFollowedError("it is no BPPC document: not a CDA with that template")
    code = root.find("v3:code", NS)
    if code is None or (code.get("code"), code.get("codeSystem")) != _CODE:
        raise NotFollowedError("its code is not that of an acknowledgement of a privacy policy (LOINC 57016-8)")
    if not set(header.source_patient_ids) & set(patients):
        raise NotFollowedError("it is about another patient than it was registered for")
    events = [event for event in root.iterfind("v3:documentationOf/v3:serviceEvent", NS) if _is_consent(event)]
    if not events:
        raise NotFollowedError("it acknowledges no policy (no serviceEvent of a consent)")
    if len(events) > _MOST_EVENTS:
        raise NotFollowedError(f"it acknowledges more than {_MOST_EVENTS} policies")
    return [_acknowledgement(event, acknowledged, meaning) for event in events]


def _is_consent(event: etree._Element) -> bool:
    return any(template.get("root") == _EVENT for template in event.iterfind("v3:templateId", NS))


def _acknowledgement(
    event: etree._Element, acknowledged: Collection[str], meaning: Callable[[str], Provision | None]
) -> ReadConsent:
    code = event.find("v3:code", NS)
    policy = (code.get("code") or "").strip() if code is not None else ""
    if not policy:
        raise NotFollowedError("a consent in it names no policy")
    if acknowledged and policy not in acknowledged:
        raise NotFollowedError(f"its metadata do not name the policy {policy[:100]} that it acknowledges")
    provision = meaning(policy)
    if provision is None:
        raise NotFollowedError(f"the policy {policy[:100]} is not in use here ([[consent.policies]] of node.toml)")
    low = event.find("v3:effectiveTime/v3:low", NS)
    high = event.find("v3:effectiveTime/v3:high", NS)
    start = cda_header.dtm(low.get("value") or "") if low is not None else ""
    if not start:
        raise NotFollowedError("a consent in it does not say from when")
    end = cda_header.dtm(high.get("value") or "") if high is not None and not high.get("nullFlavor") else ""
    if high is not None and not high.get("nullFlavor") and not end:
        raise NotFollowedError("it cannot be read until when a consent in it holds")
    return ReadConsent(start=_moment(start), end=_after(end) if end else None, provisions=(provision,), policy=policy)


def _moment(digits: str) -> datetime:
    padded = digits + "00000101000000"[len(digits) :]
    return datetime.strptime(padded, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _after(digits: str) -> datetime | None:
    """The first instant after the unit of time that is written: a high of a day includes that day; None for never."""
    moment, unit = _moment(digits), _UNITS[len(digits)]
    if moment.year == _LAST_YEAR:  # as "99991231" is written for a consent without an end
        return None
    if unit == "year":
        return moment.replace(year=moment.year + 1)
    if unit == "month":
        return (moment + timedelta(days=31)).replace(day=1)
    return moment + timedelta(**{f"{unit}s": 1})
