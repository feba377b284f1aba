"""The HL7 v2 forms of metadata values, their checks and their parts (ITI TF-3: Table 4.2.3.1.7-2).

Each `is_…` answers whether a text has exactly the form; nothing here knows which attribute wants which form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_OID: Final = r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+"
_OID_FORM: Final = re.compile(_OID)
_UUID_FORM: Final = re.compile(r"urn:uuid:[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_DTM_FORM: Final = re.compile(
    r"([0-9]{4})(?:(0[1-9]|1[0-2])(?:(0[1-9]|[12][0-9]|3[01])(?:(?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:[0-5][0-9])?)?)?)?)?"
)
_CX_FORM: Final = re.compile(rf"[^\^~&|]+\^\^\^&{_OID}&ISO")
_HD_FORM: Final = re.compile(rf"[^\^~&|]*&{_OID}&ISO")
_SHA1_FORM: Final = re.compile(r"[0-9A-Fa-f]{40}")
_SIZE_FORM: Final = re.compile(r"[0-9]{1,19}")
_TOKEN: Final = r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+"
_MIME_TYPE_FORM: Final = re.compile(rf'{_TOKEN}/{_TOKEN}(?:[ \t]*;[ \t]*{_TOKEN}=(?:{_TOKEN}|"[^"\\]*"))*')
_LANGUAGE_FORM: Final = re.compile(
    r"(?:(?:[A-Za-z]{2,3}(?:-[A-Za-z]{3}){0,3}|[A-Za-z]{4,8})(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*(?:-[0-9A-WY-Za-wy-z](?:-[A-Za-z0-9]{2,8})+)*"
    r"(?:-[Xx](?:-[A-Za-z0-9]{1,8})+)?|[Xx](?:-[A-Za-z0-9]{1,8})+|[Ii](?:-[A-Za-z]{2,8})+|sgn-BE-(?:FR|NL)|en-GB-oed)"
)
_URI_FORM: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:|(?![^/?#]*:))(?:[A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2}|[\[\]])*"
                              r"(?:\#(?:[A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)?")
_FIELD_FORM: Final = re.compile(r"PID-[1-9][0-9]?(?:\.[1-9][0-9]?)*\|.*", re.DOTALL)
_EMAIL_FORM: Final = re.compile(r"[^\s@^]+@[^\s@^]+")

# Longer than any OID or URN may be: an expression is not even tried on a megabyte.
_OID_LENGTH: Final = 64
_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
