"""A patient of HL7 v3 messages as Demographics, and back (PRPA_MT201301UV02, 201302, 201303, 201310). Pure.

    read_patient(element)      hl7:patient, or any role with ids around a patientPerson -> Demographics
    write_patient(...)         the whole hl7:patient of an answer or a feed
    write_person(person)       its hl7:patientPerson alone

What the standard has no place for is left out: whether a date of birth is a guess shows only in that no day is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from lxml import etree

from node.hl7v3.datatypes import (
    MOST_PARTS,
    Ii,
    attribute,
    bounded,
    child,
    named,
    plain,
    read_address,
    read_birth_date,
    read_digits,
    read_ii,
    read_name,
    read_telecom,
    write_address,
    write_ii,
    write_name,
    write_telecom,
)
from node.soap.writing import escape
from registry.patients.demographics import BirthDate, Demographics, Identifier, Name

GENDER: Final = "2.16.840.1.113883.5.1"
ROLE_CODE: Final = "2.16.840.1.113883.5.111"
_SEXES: Final = frozenset({"F", "M", "UN"})
_MOTHER: Final = frozenset({"MTH", "NMTH"})
_T = TypeVar("_T")


def read_patient(patient: etree._Element) -> Demographics:
    """The person of an hl7:patient; its ids come first among the identifiers, then those of asOtherIDs."""
    person = child(patient, "patientPerson")
    if person is None:
        return Demographics(identifiers=_identifiers(patient))
    ids = [*_identifiers(patient), *_identifiers(person)]
    for other in bounded(named(person, "asOtherIDs")):
        ids += _identifiers(other)
    place = child(person, "birthPlace")
    order = attribute(child(person, "multipleBirthOrderNumber"), "value")
    return Demographics(
        identifiers=tuple(dict.fromkeys(ids))[:MOST_PARTS],
        names=_some(read_name(one) for one in bounded(named(person, "name"))),
        sex=read_sex(child(person, "administrativeGenderCode")),
        birth_date=read_birth_date(child(person, "birthTime")),
        addresses=_some(read_address(one) for one in bounded([*named(person, "addr"), *named(patient, "addr")])),
        telecoms=_some(read_telecom(one) for one in bounded([*named(person, "telecom"), *named(patient, "telecom")])),
        mothers_maiden_name=_mothers_name(person),
        birth_place=plain(child(place, "birthplace", "name")),
        birth_address=_first(read_address(one) for one in _birth_addresses(place)),
        multiple_birth=_flag(child(person, "multipleBirthInd")),
        birth_order=int(order) if order.isascii() and order.isdigit() and 0 < len(order) < 3 else None,
        deceased=_flag(child(person, "deceasedInd")),
        deceased_time=read_digits(child(person, "deceasedTime")),
    )


def read_sex(code: etree._Element | None) -> str:
    """F, M, UN, or "" for anything else."""
    found = attribute(code, "code").upper()
    return found if found in _SEXES else ""


def write_patient(ids: Sequence[Identifier], person: Demographics, *, after: str = "") -> str:
    """An hl7:patient.

    Args:
        ids: its ids; the identifiers of `person` that are not among them become asOtherIDs.
        person: who it is.
        after: finished elements behind patientPerson (providerOrganization, subjectOf1).
    """
    others = [one for one in person.identifiers if one not in ids]
    return (
        f'<patient classCode="PAT">{"".join(write_ii("id", Ii(one.authority, one.id)) for one in ids)}'
        f'<statusCode code="active"/>{write_person(person, others)}{after}</patient>'
    )


def write_person(person: Demographics, others: Sequence[Identifier] = ()) -> str:
    """The hl7:patientPerson; `others` are the identifiers that it has besides those of its role."""
    parts = ['<patientPerson classCode="PSN" determinerCode="INSTANCE">']
    parts += [write_name(name) for name in person.names] or ['<name nullFlavor="NA"/>']
    parts += [write_telecom(one) for one in person.telecoms]
    if person.sex:
        parts.append(f'<administrativeGenderCode code="{escape(person.sex)}" codeSystem="{GENDER}"/>')
    if person.birth_date:
        parts.append(f'<birthTime value="{birth_digits(person.birth_date)}"/>')
    parts += _flagged("deceasedInd", value=person.deceased)
    if person.deceased_time:
        parts.append(f'<deceasedTime value="{escape(person.deceased_time)}"/>')
    parts += _flagged("multipleBirthInd", value=person.multiple_birth)
    if person.birth_order is not None:
        parts.append(f'<multipleBirthOrderNumber value="{person.birth_order}"/>')
    parts += [write_address(one) for one in person.addresses]
    parts += [_other_id(one) for one in others]
    parts += [_written_mother(person), _written_birth_place(person), "</patientPerson>"]
    return "".join(parts)


def birth_digits(born: BirthDate) -> str:
    """A date of birth as a TS: of a guess the year alone."""
    return escape(born.value[:4] if born.estimated else born.value)


def _identifiers(element: etree._Element) -> tuple[Identifier, ...]:
    return _some(read_ii(one).identifier for one in bounded(named(element, "id")))


def _mothers_name(person: etree._Element) -> str:
    for relation in bounded(named(person, "personalRelationship")):
        if attribute(child(relation, "code"), "code") in _MOTHER:
            for element in named(relation, "relationshipHolder1"):
                name = _first(read_name(one) for one in named(element, "name"))
                return name.family or " ".join(name.given) if name else ""
    return ""


def _birth_addresses(place: etree._Element | None) -> list[etree._Element]:
    if place is None:
        return []
    inner = child(place, "birthplace")
    return [*named(place, "addr"), *(named(inner, "addr") if inner is not None else ())]


def _flag(element: etree._Element | None) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(attribute(element, "value"))


def _flagged(name: str, *, value: bool | None) -> list[str]:
    return [] if value is None else [f'<{name} value="{str(value).lower()}"/>']


def _other_id(one: Identifier) -> str:
    return (
        f'<asOtherIDs classCode="CIT">{write_ii("id", Ii(one.authority, one.id))}<scopingOrganization classCode="ORG" '
        f'determinerCode="INSTANCE">{write_ii("id", Ii(one.authority))}</scopingOrganization></asOtherIDs>'
    )


def _written_mother(person: Demographics) -> str:
    if not person.mothers_maiden_name:
        return ""
    return (
        f'<personalRelationship classCode="PRS"><code code="MTH" codeSystem="{ROLE_CODE}"/>'
        '<relationshipHolder1 classCode="PSN" determinerCode="INSTANCE">'
        f"{write_name(Name(family=person.mothers_maiden_name))}</relationshipHolder1></personalRelationship>"
    )


def _written_birth_place(person: Demographics) -> str:
    if not person.birth_place and not person.birth_address:
        return ""
    address = write_address(person.birth_address) if person.birth_address else ""
    place = ""
    if person.birth_place:
        name = f"<name>{escape(person.birth_place)}</name>"
        place = f'<birthplace classCode="PLC" determinerCode="INSTANCE">{name}</birthplace>'
    return f'<birthPlace classCode="BIRTHPL">{address}{place}</birthPlace>'


def _some(found: Iterable[_T | None]) -> tuple[_T, ...]:
    return tuple(one for one in found if one is not None)


def _first(found: Iterable[_T | None]) -> _T | None:
    return next((one for one in found if one is not None), None)
