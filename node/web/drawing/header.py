"""The header of a CDA document as a grid of names and values, and whom it says it is about (CDA R2, 4.2). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lxml import etree

from node.web.drawing.marks import Words, shown, word
from node.web.drawing.trees import every, first, line_of, words_of

_SEXES: Final = {"M": "M", "F": "F", "UN": "O", "1": "M", "2": "F"}
NAMES: Final = (
    "Patient",
    "Born",
    "Sex",
    "Number",
    "Kind",
    "Written",
    "Period",
    "Author",
    "Signed by",
    "Authenticated by",
    "Institution",
    "Participants",
    "Replaces",
)
SEX_WORDS: Final = {"M": "Male", "F": "Female", "O": "Other"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The patient of a document: names as they stand, DTM of birth, M, F or O, identifiers as (extension, root)."""

    names: tuple[str, ...] = ()
    born: str = ""
    sex: str = ""
    numbers: tuple[tuple[str, str], ...] = ()


def subject(root: etree._Element) -> Subject:
    """Whom the document is about."""
    role = first(root, "recordTarget/patientRole")
    if role is None:
        return Subject()
    patient = first(role, "patient")
    born = None if patient is None else first(patient, "birthTime")
    sex = None if patient is None else first(patient, "administrativeGenderCode")
    return Subject(
        names=tuple(filter(None, (words_of(one) for one in ([] if patient is None else every(patient, "name"))))),
        born="" if born is None else str(born.get("value") or "")[:8],
        sex="" if sex is None else _SEXES.get(str(sex.get("code")), ""),
        numbers=tuple(
            (str(one.get("extension") or ""), str(one.get("root") or ""))
            for one in every(role, "id")
            if one.get("extension") and not one.get("nullFlavor")
        ),
    )


def grid(root: etree._Element, words: Words) -> str:
    """What the header says, as HTML."""
    who = subject(root)
    sex = SEX_WORDS.get(who.sex, "")
    values = (
        who.names,
        (_moment(who.born),),
        (words.get(sex, sex),),
        tuple(extension for extension, _ in who.numbers),
        tuple(str(one.get("displayName") or one.get("code") or "") for one in every(root, "code")),
        (_value(root, "effectiveTime"),),
        (_period(root),),
        tuple(_person(one, "assignedAuthor") for one in every(root, "author")),
        tuple(_person(one, "assignedEntity") for one in every(root, "legalAuthenticator")),
        tuple(_person(one, "assignedEntity") for one in every(root, "authenticator")),
        (line_of(first(root, "custodian/assignedCustodian/representedCustodianOrganization/name")),),
        tuple(_person(one, "associatedEntity") for one in every(root, "participant")),
        tuple(_id(one) for one in every(root, "relatedDocument/parentDocument/id")),
    )
    cells = []
    for name, said in zip(NAMES, values, strict=True):
        lines = "<br>".join(shown(value) for value in dict.fromkeys(said) if value.strip())
        if lines:
            cells.append(f"<dt>{word(words, name)}</dt><dd>{lines}</dd>")
    return f"<dl>{''.join(cells)}</dl>" if cells else ""


def _value(root: etree._Element, path: str) -> str:
    found = first(root, path)
    return "" if found is None else _moment(str(found.get("value") or ""))


def _moment(value: str) -> str:
    """`20261123104215+0800` as 2026-11-23 10:42 +0800: as it stands, only easier to read."""
    digits, zone = (value.partition("+")[0].partition("-")[0], "")
    if len(value) > len(digits):
        zone = value[len(digits) :]
    if not digits.replace(".", "").isdigit() or len(digits) < 4:
        return value
    date = "-".join(part for part in (digits[:4], digits[4:6], digits[6:8]) if part)
    time = f" {digits[8:10]}:{digits[10:12] or '00'}" if len(digits) >= 10 else ""
    return f"{date}{time} {zone}".strip()


def _period(root: etree._Element) -> str:
    for path in ("documentationOf/serviceEvent/effectiveTime", "componentOf/encompassingEncounter/effectiveTime"):
        low, high = _value(root, f"{path}/low"), _value(root, f"{path}/high")
        if low or high:
            return f"{low or '?'} \u2013 {high}".rstrip()
    return ""


def _person(element: etree._Element, within: str) -> str:
    """Name, organisation and time of somebody who took part."""
    entity = first(element, within)
    if entity is None:
        return ""
    names = [first(entity, path) for path in ("assignedPerson/name", "associatedPerson/name")]
    name = next((words_of(one) for one in names if one is not None), "")
    device = first(entity, "assignedAuthoringDevice/softwareName")
    places = [first(entity, path) for path in ("representedOrganization/name", "scopingOrganization/name")]
    place = next((line_of(one) for one in places if one is not None), "")
    when = first(element, "time")
    time = "" if when is None else _moment(str(when.get("value") or ""))
    return ", ".join(part for part in (name or line_of(device), place, time) if part)


def _id(element: etree._Element) -> str:
    return "^".join(part for part in (str(element.get("root") or ""), str(element.get("extension") or "")) if part)
