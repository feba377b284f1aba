"""Codes of purpose and role as one vocabulary: what different systems call the same, and the plain words for it.

Source: federation-wire 7.6; HL7 v3 ActReason (2.16.840.1.113883.5.8), nhin-purpose, XSPA, Swiss EPR.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from trust.audit.event import Coded
from trust.consent.policy import Pair

ACT_REASON: Final = "2.16.840.1.113883.5.8"
_NHIN: Final = "2.16.840.1.113883.3.18.7.1"
_SWISS: Final = "2.16.756.5.30.1.127.3.10.5"
_SNOMED: Final = "2.16.840.1.113883.6.96"
_ROLE_CODE: Final = "2.16.840.1.113883.5.111"
_ROLE_CLASS: Final = "2.16.840.1.113883.5.110"
_SWISS_ROLE: Final = "2.16.756.5.30.1.127.3.10.6"

TREATMENT, EMERGENCY, BREAK_GLASS = "TREAT", "ETREAT", "BTG"
# What a purpose is a kind of: whoever permits treatment permits treatment in an emergency.
_PARENT: Final = {BREAK_GLASS: EMERGENCY, EMERGENCY: TREATMENT}

# Plain word -> code of ActReason.
PURPOSES: Final = {
    "treatment": TREATMENT,
    "emergency": EMERGENCY,
    "break-glass": BREAK_GLASS,
    "payment": "HPAYMT",
    "operations": "HOPERAT",
    "public-health": "PUBHLTH",
    "research": "HRESCH",
    "patient-request": "PATRQT",
    "marketing": "HMARKT",
    "administration": "SYSADMN",
    "training": "TRAIN",
    "legal": "HLEGAL",
    "directory": "HDIRECT",
    "donation": "DONAT",
}
_OTHER_PURPOSES: Final[dict[str, str]] = {
    "TREATMENT": TREATMENT, "EMERGENCY": EMERGENCY, "PAYMENT": "HPAYMT", "OPERATIONS": "HOPERAT",
    "PUBLICHEALTH": "PUBHLTH", "RESEARCH": "HRESCH", "REQUEST": "PATRQT", "MARKETING": "HMARKT", "SYSADMIN": "SYSADMN",
    "TRAINING": "TRAIN", "LEGAL": "HLEGAL", "JUDICIAL": "HLEGAL", "LAW": "HLEGAL", "DIRECTORY": "HDIRECT",
    "DONATION": "DONAT",
}  # fmt: skip
_SWISS_PURPOSES: Final = {"NORM": TREATMENT, "EMER": EMERGENCY}

# Plain word -> every code that says so.
ROLES: Final[dict[str, frozenset[Pair]]] = {
    "physician": frozenset({("112247003", _SNOMED), ("158965000", _SNOMED), ("309343006", _SNOMED)}),
    "nurse": frozenset({("106292003", _SNOMED), ("224535009", _SNOMED)}),
    "pharmacist": frozenset({("46255001", _SNOMED)}),
    "paramedic": frozenset({("397897005", _SNOMED)}),
    "professional": frozenset({("HCP", _SWISS_ROLE)}),
    "patient": frozenset({("PAT", _ROLE_CLASS), ("PAT", _SWISS_ROLE)}),
    "guardian": frozenset({("GUARD", _ROLE_CODE), ("GUARD", _ROLE_CLASS), ("REP", _SWISS_ROLE)}),
}
_NAMES: Final = {
    "actreason": ACT_REASON, "nhin-purpose": _NHIN, "xspa": _NHIN, "snomed_ct": _SNOMED, "snomed ct": _SNOMED,
    "snomed-ct": _SNOMED, "sct": _SNOMED, "rolecode": _ROLE_CODE, "http://snomed.info/sct": _SNOMED,
    "http://terminology.hl7.org/codesystem/v3-actreason": ACT_REASON,
}  # fmt: skip


def pair(coded: Coded) -> Pair:
    """A code with the OID of its system, where the system is given by a name that is known."""
    return coded.code, _NAMES.get(coded.system.lower(), coded.system.removeprefix("urn:oid:"))


def purpose(coded: Coded | None) -> str:
    """The purpose as a code of ActReason; "" for a purpose that is not known, or none."""
    if coded is None:
        return ""
    code, system = pair(coded)
    table: dict[str, str] = {
        ACT_REASON: {known: known for known in PURPOSES.values()},
        _NHIN: _OTHER_PURPOSES,
        _SWISS: _SWISS_PURPOSES,
    }.get(system, {})
    return table.get(code, "")


def kinds_of(asked: str) -> Iterator[str]:
    """A purpose and everything that it is a kind of."""
    while asked:
        yield asked
        asked = _PARENT.get(asked, "")


def is_emergency(asked: str) -> bool:
    """Whether the glass is to be broken."""
    return asked in {EMERGENCY, BREAK_GLASS}


def word_of_purpose(code: str) -> str:
    """A purpose for people."""
    return next((word for word, known in PURPOSES.items() if known == code), code)


def word_of_role(role: Pair) -> str:
    """A role for people."""
    return next((word for word, known in ROLES.items() if role in known), f"{role[0]}^{role[1]}")
