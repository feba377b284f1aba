"""The PID segment of HL7 v2 as demographics: names, birth, sex, addresses, numbers, identifiers. Pure.

What a segment leaves empty is not said, and keeps what is known; `""` says that there is nothing (HL7 v2.5: 2.10.3).
What cannot be read (an impossible date, text in an unknown character set) counts as not said.
Source: HL7 v2.3.1 and v2.5, 3.4.2; IHE ITI TF-2: 3.8.4.1.2.3, 3.30.5.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from registry.metadata.values import Cx
from registry.patients.demographics import Address, BirthDate, Demographics, Identifier, Name, Telecom

MOST_REPETITIONS: Final = 20
MOST_CHARACTERS: Final = 200  # of one component
_NOTHING: Final = '""'
_ESCAPES: Final = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\"}
_ESCAPE: Final = re.compile(r"\\([FSTRE])\\")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DATE: Final = re.compile(r"(\d{4})(0[1-9]|1[0-2])?(?:(?<=\d{6})(0[1-9]|[12]\d|3[01]))?", re.ASCII)
_SEXES: Final = {"F": "F", "M": "M", "O": "UN", "A": "UN", "N": "UN"}
_NAME_USES: Final = {"L": "L", "D": "P", "A": "P", "M": "L", "B": "L", "N": "P", "S": "P"}
_SCRIPTS: Final = {"A": "ABC", "I": "IDE", "P": "SYL"}
_ADDRESS_USES: Final = {"H": "H", "P": "H", "L": "H", "B": "WP", "O": "WP", "C": "TMP", "BA": "BAD"}
_BIRTH_ADDRESSES: Final = {"N", "BDL", "BR"}
_PHONE_USES: Final = {"PRN": "HP", "ORN": "HP", "WPN": "WP", "VHN": "HV", "EMR": "EC", "BPN": "PG"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a segment says: demographics, and which of their attributes it speaks of at all."""

    person: Demographics
    attributes: frozenset[str]

    def about(self, known: Demographics) -> Demographics:
        """What is known, after the segment."""
        return replace(known, **{name: getattr(self.person, name) for name in self.attributes})


class _Field:
    """One field: its repetitions, their components and subcomponents, as text without escapes."""

    def __init__(self, text: str) -> None:
        self.said = text != ""
        repetitions = [] if text in ("", _NOTHING) else text.split("~")[:MOST_REPETITIONS]
        self.repetitions = [[part.split("&") for part in item.split("^")] for item in repetitions if item]

    @property
    def first(self) -> list[list[str]]:
        return self.repetitions[0] if self.repetitions else []


def read_pid(segment: str, own: str, *, ascii_only: bool = False) -> Said:
    """Read a PID segment.

    Args:
        segment: `PID|…`, with the usual separators.
        own: the CX of the record that the segment is about; it is not among the identifiers.
        ascii_only: the character set was guessed, so that only ASCII can be trusted.
    """
    fields = segment.split("|")
    fields += [""] * (32 - len(fields))
    if ascii_only:
        fields = [field if field.isascii() else "" for field in fields]
    found: dict[str, Any] = {}
    for attribute, numbers, read in _ATTRIBUTES:
        parts = [_Field(fields[number]) for number in numbers]
        if any(part.said for part in parts):
            found[attribute] = read(parts)
    if "identifiers" in found:
        found["identifiers"] = tuple(item for item in found["identifiers"] if item.cx != own)
    return Said(person=Demographics(**found), attributes=frozenset(found))


def _names(parts: Sequence[_Field]) -> tuple[Name, ...]:
    return tuple(name for part in parts for item in part.repetitions if (name := _name(item)).family or name.given)


def _name(item: list[list[str]]) -> Name:
    given = [_text(item, 2), *_text(item, 3).split(" ")]
    return Name(
        family=_text(item, 1),
        given=tuple(word for word in given if word),
        suffix=_text(item, 4),
        prefix=_text(item, 5),
        use=_NAME_USES.get(_text(item, 7), ""),
        script=_SCRIPTS.get(_text(item, 8), ""),
    )


def _addresses(parts: Sequence[_Field]) -> tuple[Address, ...]:
    return tuple(_address(item) for item in parts[0].repetitions if _text(item, 7) not in _BIRTH_ADDRESSES)


def _birth_address(parts: Sequence[_Field]) -> Address | None:
    found = (_address(item) for item in parts[0].repetitions if _text(item, 7) in _BIRTH_ADDRESSES)
    return next(found, None)


def _address(item: list[list[str]]) -> Address:
    use = _ADDRESS_USES.get(_text(item, 7), "")
    return Address(
        lines=tuple(line for line in (_text(item, 1), _text(item, 2)) if line),
        city=_text(item, 3),
        state=_text(item, 4),
        postal_code=_text(item, 5),
        country=_text(item, 6),
        use=use,
        earlier=use == "BAD",
    )


def _telecoms(parts: Sequence[_Field]) -> tuple[Telecom, ...]:
    found = [(item, use) for part, use in zip(parts, ("HP", "WP"), strict=True) for item in part.repetitions]
    return tuple(telecom for item, use in found if (telecom := _telecom(item, use)).value)


def _telecom(item: list[list[str]], use: str) -> Telecom:
    """XTN of 2.3.1 (one text) and of 2.5 (country, area and number apart; e-mail in its own component)."""
    use = "MC" if _text(item, 3) == "CP" else _PHONE_USES.get(_text(item, 2), use)
    if mail := _text(item, 4):
        return Telecom(value=f"mailto:{mail}", use=use)
    number = _text(item, 1) or _text(item, 12) or "".join(_text(item, place) for place in (5, 6, 7))
    if "@" in number:
        return Telecom(value=f"mailto:{number}", use=use)
    return Telecom(value=f"tel:{number}" if number else "", use=use)


def _identifiers(parts: Sequence[_Field]) -> tuple[Identifier, ...]:
    found: dict[Identifier, None] = {}
    for item in parts[0].repetitions:
        identifier = Identifier(_text(item, 1), _text(item, 4, 2))
        if _text(item, 4, 3) in ("", "ISO") and Cx.parse(identifier.cx):
            found[identifier] = None
    return tuple(found)


def _birth_date(parts: Sequence[_Field]) -> BirthDate | None:
    found = _DATE.match(_text(parts[0].first, 1))
    return BirthDate(value=found[0]) if found else None


def _text_of(parts: Sequence[_Field]) -> str:
    return _text(parts[0].first, 1)


def _yes_or_no(parts: Sequence[_Field]) -> bool | None:
    return {"Y": True, "N": False}.get(_text_of(parts))


def _number(parts: Sequence[_Field]) -> int | None:
    text = _text_of(parts)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 3 else None


def _digits(parts: Sequence[_Field]) -> str:
    found = re.match(r"[0-9]{4,14}", _text_of(parts))
    return found[0] if found else ""


_ATTRIBUTES: Final[tuple[tuple[str, tuple[int, ...], Callable[[Sequence[_Field]], object]], ...]] = (
    ("identifiers", (3,), _identifiers),
    ("names", (5, 9), _names),
    ("mothers_maiden_name", (6,), _text_of),
    ("birth_date", (7,), _birth_date),
    ("sex", (8,), lambda parts: _SEXES.get(_text_of(parts), "")),
    ("addresses", (11,), _addresses),
    ("birth_address", (11,), _birth_address),
    ("telecoms", (13, 14), _telecoms),
    ("birth_place", (23,), _text_of),
    ("multiple_birth", (24,), _yes_or_no),
    ("birth_order", (25,), _number),
    ("deceased_time", (29,), _digits),
    ("deceased", (30,), _yes_or_no),
)


def _text(item: list[list[str]], component: int, subcomponent: int = 1) -> str:
    if len(item) < component or len(item[component - 1]) < subcomponent:
        return ""
    text = item[component - 1][subcomponent - 1]
    if text == _NOTHING:
        return ""
    return _CONTROL.sub(" ", _ESCAPE.sub(lambda found: _ESCAPES[found[1]], text)).strip()[:MOST_CHARACTERS]
