"""xcpd:CorrelationTimeToLive, the SOAP header that says how long a correlation may be kept. Pure.

Source: ITI TF-2: 3.55.4.1.2.4.
"""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

XCPD: Final = "urn:ihe:iti:xcpd:2009"
_HEADER: Final = f"{{{XCPD}}}CorrelationTimeToLive"
_FORM: Final = re.compile(
    r"P(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9})(?:\.\d+)?S)?)?"
)
_SECONDS: Final = (365 * 86_400, 30 * 86_400, 86_400, 3600, 60, 1)


def time_to_live(envelope: etree._Element) -> int | None:
    """Seconds that a correlation may be kept; None where the message does not say: then it is not kept."""
    for header in envelope.iter(_HEADER):
        found = _FORM.fullmatch((header.text or "").strip())
        if found:
            return sum(int(part) * unit for part, unit in zip(found.groups(), _SECONDS, strict=True) if part)
    return None


def write_time_to_live(days: int) -> bytes:
    """The finished SOAP header of a message."""
    return f'<xcpd:CorrelationTimeToLive xmlns:xcpd="{XCPD}">P0Y0M{days}D</xcpd:CorrelationTimeToLive>'.encode()
