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
_MIME_WORD: Final = r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+"
_MIME_TYPE_FORM: Final = re.compile(
    rf'{_MIME_WORD}/{_MIME_WORD}(?:[ \t]*;[ \t]*{_MIME_WORD}=(?:{_MIME_WORD}|"[^"\\]*"))*'
)
_LANGUAGE_FORM: Final = re.compile(
    r"(?:(?:[A-Za-z]{2,3}(?:-[A-Za-z]{3}){0,3}|[A-Za-z]{4,8})(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*(?:-[0-9A-WY-Za-wy-z](?:-[A-Za-z0-9]{2,8})+)*"
    r"(?:-[Xx](?:-[A-Za-z0-9]{1,8})+)?|[Xx](?:-[A-Za-z0-9]{1,8})+|[Ii](?:-[A-Za-z]{2,8})+|sgn-BE-(?:FR|NL)|en-GB-oed)"
)
_URI_CHARACTER: Final = r"(?:[A-Za-z0-9._~:/?@!$&'()*+,;=\[\]-]|%[0-9A-Fa-f]{2})"
# A colon before the first slash belongs to a scheme, or the reference could not be told from one.
_URI_FORM: Final = re.compile(rf"(?:[A-Za-z][A-Za-z0-9+.-]*:|(?![^/?#]*:)){_URI_CHARACTER}*(?:#{_URI_CHARACTER}*)?")
_SCHEME_FORM: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_URN_FORM: Final = re.compile(r"[Uu][Rr][Nn]:[A-Za-z0-9][A-Za-z0-9-]{0,31}:[^\s]+")
_FIELD_FORM: Final = re.compile(r"PID-[1-9][0-9]?(?:\.[1-9][0-9]?)*\|.*", re.DOTALL)
_EMAIL_FORM: Final = re.compile(r"[^\s@^]+@[^\s@^]+")

_UNSPEAKABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

_OID_LENGTH: Final = 64
_SHOWN: Final = 120
_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FIRST_INSTANT: Final = "00000101000000"


def shown(value: object) -> str:
    """A value as an error repeats it: quoted, on one line, cut."""
    return repr(value)[:_SHOWN]


# --- checks ---------------------------------------------------------------------------------------------------------


def is_oid(text: str) -> bool:
    """A dotted decimal OID of at most 64 characters."""
    return len(text) <= _OID_LENGTH and _OID_FORM.fullmatch(text) is not None


def is_oid_urn(text: str) -> bool:
    """`urn:oid:` and an OID, the form of homeCommunityId."""
    return text.startswith("urn:oid:") and is_oid(text[8:])


def is_uuid_urn(text: str) -> bool:
    """`urn:uuid:` and a UUID. Upper case digits are let pass: RFC 4122 compares without case."""
    return _UUID_FORM.fullmatch(text) is not None


def is_symbolic(text: str) -> bool:
    """An id that has a meaning within its message only.

    Source: ITI TF-2: 3.42.4.1.3.7
    """
    return not text.startswith("urn:uuid:")


def is_dtm(text: str) -> bool:
    """An HL7 v2 DTM, `YYYY[MM[DD[hh[mm[ss]]]]]`, UTC, that names a day of the calendar."""
    match = _DTM_FORM.fullmatch(text)
    if match is None:
        return False
    year, month, day = match.groups()
    if day is None or int(day) <= _DAYS[int(month) - 1]:
        return True
    leap = int(year) % 4 == 0 and (int(year) % 100 != 0 or int(year) % 400 == 0)
    return month == "02" and day == "29" and leap


def is_dtm_to_the_second(text: str) -> bool:
    """A DTM with all its 14 digits."""
    return len(text) == len(_FIRST_INSTANT) and is_dtm(text)


def dtm_floor(text: str) -> str:
    """The first instant that a DTM stands for, as 14 digits: `2024` and `202401` are both 20240101000000."""
    return text + _FIRST_INSTANT[len(text) :]


def readable_dtm(dtm: str) -> str:
    """A DTM for people, in UTC: as much of `2026-03-01 10:15` as it says."""
    text = dtm[:4]
    for start, mark in ((4, "-"), (6, "-"), (8, " "), (10, ":")):
        if len(dtm) >= start + 2:
            text += mark + dtm[start : start + 2]
    return text


def is_cx(text: str) -> bool:
    """A patient id, `Id^^^&OID&ISO`, with nothing else in it."""
    return _CX_FORM.fullmatch(text) is not None


def is_sha1(text: str) -> bool:
    """40 hexadecimal digits of either case."""
    return _SHA1_FORM.fullmatch(text) is not None


def is_size(text: str) -> bool:
    """A number of octets, decimal."""
    return _SIZE_FORM.fullmatch(text) is not None


def is_mime_type(text: str) -> bool:
    """type/subtype, parameters allowed (RFC 2045, RFC 2046)."""
    return _MIME_TYPE_FORM.fullmatch(text) is not None


def is_language_tag(text: str) -> bool:
    """A well-formed tag of RFC 5646; whether its subtags are registered is not asked."""
    return _LANGUAGE_FORM.fullmatch(text) is not None


def is_uri(text: str) -> bool:
    """A URI or relative reference in the characters of RFC 3986; an empty authority (`http://`) passes."""
    return bool(text) and _URI_FORM.fullmatch(text) is not None


def is_urn(text: str) -> bool:
    """`urn:`, a namespace and something in it (RFC 8141)."""
    return _URN_FORM.fullmatch(text) is not None


def is_patient_field(text: str) -> bool:
    """One value of sourcePatientInfo, `PID-n|value`."""
    return _FIELD_FORM.fullmatch(text) is not None


def is_xcn(text: str) -> bool:
    """A person: id or last name; an assigning authority only beside an id.

    Component 7 (degree) is let pass: the standard's own examples have it.
    """
    parts = _components(text, most=9)
    if parts is None or not (parts[0] or parts[1]) or parts[7]:
        return False
    return not parts[8] or (bool(parts[0]) and _is_hd(parts[8]))


def is_xon(text: str) -> bool:
    """An organisation: its name; with an id that is no OID, the assigning authority of the id."""
    parts = _components(text, most=10)
    if parts is None or not parts[0] or any(parts[1:5]) or any(parts[6:9]):
        return False
    if parts[5]:
        return _is_hd(parts[5])
    return not parts[9] or is_oid(parts[9]) or is_urn(parts[9])


def is_xtn(text: str) -> bool:
    """A telephone number or an e-mail address."""
    parts = _components(text, most=12)
    if parts is None or parts[0]:
        return False
    use, equipment, email = parts[1:4]
    if equipment == "Internet" or use == "NET":
        return equipment == "Internet" and _EMAIL_FORM.fullmatch(email) is not None and not any(parts[4:])
    return equipment in ("PH", "CP") and not email and bool(parts[6] or parts[11])


def is_cxi(text: str) -> bool:
    """A value of referenceIdList, `Id^^^AssigningAuthority^TypeCode`, possibly with an assigning community.

    The authority may be missing where the id is unique in itself.
    """
    parts = _components(text, most=6)
    if parts is None or not parts[0] or not parts[4] or parts[1] or parts[2]:
        return False
    authority = parts[3]
    if authority:
        return "&" not in authority or _is_hd(authority)
    return is_oid(parts[0]) or is_absolute_uri(parts[0])


def is_absolute_uri(text: str) -> bool:
    """A URI with a scheme."""
    return _SCHEME_FORM.match(text) is not None and is_uri(text)


def is_intended_recipient(text: str) -> bool:
    """`XON|XCN|XTN`, of which any may be missing but not all."""
    parts = text.split("|")
    checks = (is_xon, is_xcn, is_xtn)
    if len(parts) > len(checks) or not any(parts):
        return False
    return all(not part or holds(part) for part, holds in zip(parts, checks, strict=False))


def is_speakable(text: str) -> bool:
    """Whether XML 1.0 can carry every character."""
    return text.isprintable() or _UNSPEAKABLE.search(text) is None


def _components(text: str, *, most: int) -> list[str] | None:
    """The components of an HL7 v2 value, padded to `most`; None when there are more, or a repetition."""
    if "~" in text or "|" in text:
        return None
    parts = text.rstrip("^").split("^")
    return parts + [""] * (most - len(parts)) if len(parts) <= most else None


def _is_hd(text: str) -> bool:
    """An assigning authority, `&OID&ISO`."""
    return _HD_FORM.fullmatch(text) is not None


# --- parts ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cx:
    """A patient identifier and the OID of the authority that assigned it."""

    id: str
    authority: str

    @classmethod
    def parse(cls, text: str) -> Cx | None:
        """Take `Id^^^&OID&ISO` apart; None when it is anything else."""
        if not is_cx(text):
            return None
        identifier, _, _, authority = text.split("^")
        return cls(identifier, authority[1:-4])

    def render(self) -> str:
        """The form that stands in metadata."""
        return f"{self.id}^^^&{self.authority}&ISO"
