"""Sensitive categories and the codes that mark them (HL7 v3 ActCode sensitivity, SNOMED CT practice settings)."""

from __future__ import annotations

from typing import Final

from trust.consent.policy import Pair

_ACT_CODE: Final = "2.16.840.1.113883.5.4"
_SNOMED: Final = "2.16.840.1.113883.6.96"

MENTAL_HEALTH, HIV, ADDICTION, GENETICS, REPRODUCTIVE, VIOLENCE = (
    "mental-health", "hiv", "addiction", "genetics", "reproductive", "violence",
)  # fmt: skip
CATEGORIES: Final = (MENTAL_HEALTH, HIV, ADDICTION, GENETICS, REPRODUCTIVE, VIOLENCE)

CODES: Final[dict[Pair, str]] = {
    ("PSY", _ACT_CODE): MENTAL_HEALTH,
    ("MH", _ACT_CODE): MENTAL_HEALTH,
    ("BH", _ACT_CODE): MENTAL_HEALTH,
    ("PSYTHPN", _ACT_CODE): MENTAL_HEALTH,
    ("394587001", _SNOMED): MENTAL_HEALTH,  # Psychiatry
    ("HIV", _ACT_CODE): HIV,
    ("ETH", _ACT_CODE): ADDICTION,
    ("ETHUD", _ACT_CODE): ADDICTION,
    ("OPIOIDUD", _ACT_CODE): ADDICTION,
    ("SUD", _ACT_CODE): ADDICTION,
    ("GDIS", _ACT_CODE): GENETICS,
    ("394580004", _SNOMED): GENETICS,  # Clinical genetics
    ("SEX", _ACT_CODE): REPRODUCTIVE,
    ("STD", _ACT_CODE): REPRODUCTIVE,
    ("SDV", _ACT_CODE): VIOLENCE,
}
