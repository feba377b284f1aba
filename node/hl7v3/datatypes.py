"""Data types of HL7 v3 as XML (ITS 1.0): II, PN, AD, TEL, TS, elements to values and values to text. Pure.

Readers take what they can use and pass over the rest; what is not there is "". Text is bounded, so that a message
cannot make a record of a patient larger than a patient is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from lxml import etree

from node.soap.tree import children, text_of
from node.soap.writing import escape
from registry.metadata.values import is_oid
from registry.patients.demographics import Address, BirthDate, Identifier, Name, Telecom

V3: Final = "urn:hl7-org:v3"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
MOST_TEXT: Final = 250  # characters of one part of a name, an address or an identifier
MOST_PARTS: Final = 20  # repetitions of anything within one person
_BLANK: Final = re.compile(r"\s+")
_DIGITS: Final = re.compile(r"\d{4,14}", re.ASCII)
_ADDRESS_LINES: Final = ("streetAddressLine", "houseNumber", "streetName", "additionalLocator", "unitID")
_NAME_USES: Final = frozenset({"C", "L", "OR", "I", "P", "A", "R", "ABC", "SYL", "IDE", "SRCH", "PHON", "SNDX"})
_SCRIPTS: Final = frozenset({"ABC", "SYL", "IDE"})
_ADDRESS_USES: Final = frozenset({"H", "HP", "HV", "WP", "DIR", "PUB", "TMP", "PST", "BAD"})
_TELECOM_USES: Final = frozenset({"H", "HP", "HV", "WP", "DIR", "PUB", "TMP", "AS", "EC", "PG", "MC", "BAD"})


class Ii(NamedTuple):
    """An instance identifier: an OID or UUID, and an extension that may be absent."""

    root: str
    extension: str = ""

    @property
    def text(self) -> str:
        """For records: `extension@root`, or the root alone."""
        return f"{self.extension}@{self.root}" if self.extension else self.root

    @property
    def identifier(self) -> Identifier | None:
        """The identifier of a patient; None where it cannot be one."""
        return Identifier(self.extension, self.root) if self.extension and is_oid(self.root) else None


def named(element: etree._Element, name: str) -> list[etree._Element]:
    """The children with this local name in the namespace of HL7 v3."""
    tag = f"{{{V3}}}{name}"
    return [child for child in children(element) if child.tag == tag]


def child(element: etree._Element | None, *path: str) -> etree._Element | None:
    """The first element at the end of a path; None where there is none."""
    for name in path:
        found = named(element, name) if element is not None else []
        element = found[0] if found else None
    return element


def plain(element: etree._Element | None) -> str:
    """The text of an element on one line, bounded."""
    return _BLANK.sub(" ", text_of(element)).strip()[:MOST_TEXT] if element is not None else ""


def attribute(element: etree._Element | None, name: str) -> str:
    """An attribute on one line, bounded; "" where the element or the attribute is absent."""
    return _BLANK.sub(" ", element.get(name, "")).strip()[:MOST_TEXT] if element is not None else ""


def read_ii(element: etree._Element | None) -> Ii:
    """An II; its root is "" where there is none."""
    return Ii(attribute(element, "root").removeprefix("urn:oid:"), attribute(element, "extension"))


def write_ii(name: str, value: Ii) -> str:
    """An element of type II; one without a root says that there is none."""
    if not value.root:
        return f'<{name} nullFlavor="NA"/>'
    extension = f' extension="{escape(value.extension)}"' if value.extension else ""
    return f'<{name} root="{escape(value.root)}"{extension}/>'


def read_name(element: etree._Element) -> Name | None:
    """A PN; None when nothing of it can be used. A name without parts counts as a family name."""
    parts: dict[str, list[str]] = {}
    for part in children(element)[:MOST_PARTS]:
        if "CL" not in attribute(part, "qualifier").split() and (text := plain(part)):
            parts.setdefault(etree.QName(part).localname, []).append(text)
    uses = attribute(element, "use").split()
    script = next((use for use in uses if use in _SCRIPTS), "")
    family = " ".join(parts.get("family", ()))
    if not parts:
        family = plain(element)
    if not family and not parts.get("given"):
        return None
    return Name(
        family=family,
        given=tuple(parts.get("given", ())),
        prefix=" ".join(parts.get("prefix", ())),
        suffix=" ".join(parts.get("suffix", ())),
        use=next((use for use in uses if use not in _SCRIPTS), ""),
        script=script,
    )


def write_name(name: Name, element: str = "name") -> str:
    """An element of type PN."""
    uses = [use for use in (name.use, name.script) if use in _NAME_USES]
    use = f' use="{" ".join(uses)}"' if uses else ""
    parts = [("prefix", name.prefix), *(("given", one) for one in name.given)]
    parts += [("family", name.family), ("suffix", name.suffix)]
    return f"<{element}{use}>{_written(parts)}</{element}>"


def read_address(element: etree._Element) -> Address | None:
    """An AD; None when nothing of it can be used. `use="OLD"` of later releases means an earlier address."""
    lines: list[str] = []
    parts: dict[str, str] = {}
    for part in children(element)[:MOST_PARTS]:
        name, text = etree.QName(part).localname, plain(part)
        if text and name in _ADDRESS_LINES:
            lines.append(text)
        elif text:
            parts.setdefault(name, text)
    if not lines and not parts and (text := plain(element)):
        lines.append(text)
    uses = attribute(element, "use").split()
    found = Address(
        lines=tuple(lines),
        city=parts.get("city", ""),
        state=parts.get("state", ""),
        postal_code=parts.get("postalCode", ""),
        country=parts.get("country", ""),
        use=next((use for use in uses if use != "OLD"), ""),
        earlier="OLD" in uses or "BAD" in uses,
    )
    return found if lines or parts else None


def write_address(address: Address, element: str = "addr") -> str:
    """An element of type AD; an earlier address is a bad one (this release has no word for old)."""
    uses = [use for use in (address.use, "BAD" if address.earlier else "") if use in _ADDRESS_USES]
    use = f' use="{" ".join(uses)}"' if uses else ""
    parts = [("streetAddressLine", line) for line in address.lines]
    parts += [("city", address.city), ("state", address.state), ("postalCode", address.postal_code)]
    return f"<{element}{use}>{_written([*parts, ('country', address.country)])}</{element}>"


def read_telecom(element: etree._Element) -> Telecom | None:
    """A TEL; None without a value."""
    value = attribute(element, "value")
    return Telecom(value=value, use=attribute(element, "use")) if value else None


def write_telecom(telecom: Telecom, element: str = "telecom") -> str:
    """An element of type TEL."""
    uses = [use for use in telecom.use.split() if use in _TELECOM_USES]
    use = f' use="{" ".join(uses)}"' if uses else ""
    return f'<{element} value="{escape(telecom.value)}"{use}/>'


def read_digits(element: etree._Element | None) -> str:
    """The digits of a TS to the second at most; "" when it is none."""
    found = _DIGITS.match(attribute(element, "value"))
    return found[0] if found else ""


def read_birth_date(element: etree._Element | None) -> BirthDate | None:
    """A date of birth out of a TS or out of an IVL_TS; the day of an interval's ends only as far as both say the same.

    Interval ends that differ make a guess: what their digits have in common, and at least the year.
    """
    digits = read_digits(element)
    if not digits:
        digits = read_digits(child(element, "center"))
    estimated = False
    if not digits:
        low, high = read_digits(child(element, "low"))[:8], read_digits(child(element, "high"))[:8]
        estimated = low[:4] != high[:4]
        digits = low if low == high or not high else high if not low else low[: 4 if low[:6] != high[:6] else 6]
    usable = 8 if len(digits) >= 8 else 6 if len(digits) >= 6 else 4
    return BirthDate(value=digits[:usable], estimated=estimated) if digits else None


def stamp(now: datetime) -> str:
    """An instant as a TS to the second."""
    return f"{now:%Y%m%d%H%M%S%z}"


def _written(parts: list[tuple[str, str]]) -> str:
    return "".join(f"<{name}>{escape(text)}</{name}>" for name, text in parts if text)


def bounded(elements: list[etree._Element]) -> Iterator[etree._Element]:
    """The first of many."""
    yield from elements[:MOST_PARTS]
