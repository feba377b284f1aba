"""CDA R2 documents from plain values: header, narrative and, for laboratory results, coded entries (HL7 CDA R2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

LOINC = "2.16.840.1.113883.6.1"
CONFIDENTIALITY = "2.16.840.1.113883.5.25"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A LOINC code with its display name."""

    code: str
    display: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A clinician: number at the institution, name parts, what she does."""

    number: str
    given: str
    family: str
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """An institution as a document's header names it. `oid` is the root of its own numbers."""

    oid: str
    name: str
    telephone: str
    street: str
    city: str
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """The person of the story; `numbers` are her record numbers by institution OID."""

    given: str
    family: str
    other_name: str
    gender: str  # F or M
    born: str  # YYYYMMDD
    street: str
    city: str
    country: str
    telephone: str
    numbers: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One measured value of a laboratory report."""

    test: Code
    value: str
    unit: str  # UCUM
    reference: str
    flag: str = "N"  # N, H, L, HH


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A titled section: paragraphs first, then bullet points, then a table, then laboratory results."""

    code: Code
    title: str
    paragraphs: Sequence[str] = ()
    points: Sequence[str] = ()
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    results: Sequence[Result] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Encounter:
    """The visit or stay that a document belongs to."""

    number: str
    code: str  # ActCode: IMP, AMB, EMER
    display: str
    start: str
    end: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClinicalDocument:
    """One document before it is written. Times are HL7 TS with an offset."""

    number: str
    code: Code
    title: str
    language: str
    when: str
    author: Person
    encounter: Encounter | None
    sections: Sequence[Section]
    confidentiality: str = "N"


def render(document: ClinicalDocument, patient: Patient, institution: Organization) -> bytes:
    """The document as UTF-8 XML, valid against the CDA R2 schema."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">',
        '<typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>',
        f'<id root="{institution.oid}.1" extension={quoteattr(document.number)}/>',
        _loinc("code", document.code),
        f"<title>{escape(document.title)}</title>",
        f'<effectiveTime value="{document.when}"/>',
        f'<confidentialityCode code="{document.confidentiality}" codeSystem="{CONFIDENTIALITY}"/>',
        f'<languageCode code="{document.language}"/>',
        f'<setId root="{institution.oid}.2" extension={quoteattr(document.number)}/>',
        '<versionNumber value="1"/>',
        _record_target(patient, institution),
        _author(document, institution),
        _custodian(institution),
        _legal_authenticator(document, institution),
        _encompassing_encounter(document.encounter, institution) if document.encounter else "",
        "<component><structuredBody>",
        *(_section(section, document.when) for section in document.sections),
        "</structuredBody></component>",
        "</ClinicalDocument>",
    ]
    return ("\n".join(line for line in lines if line) + "\n").encode()


def _loinc(element: str, code: Code) -> str:
    return (
        f'<{element} code="{code.code}" codeSystem="{LOINC}" codeSystemName="LOINC" '
        f"displayName={quoteattr(code.display)}/>"
    )


def _address(street: str, city: str, country: str) -> str:
    return (
        f"<addr><streetAddressLine>{escape(street)}</streetAddressLine><city>{escape(city)}</city>"
        f"<country>{escape(country)}</country></addr>"
    )


def _person(person: Person) -> str:
    prefix = f"<prefix>{escape(person.title)}</prefix>" if person.title else ""
    return f"<name>{prefix}<given>{escape(person.given)}</given><family>{escape(person.family)}</family></name>"


def _organization(element: str, organization: Organization) -> str:
    return (
        f'<{element}><id root="{organization.oid}"/><name>{escape(organization.name)}</name>'
        f'<telecom use="WP" value="tel:{organization.telephone}"/>'
        f"{_address(organization.street, organization.city, organization.country)}</{element}>"
    )


def _record_target(patient: Patient, institution: Organization) -> str:
    gender = {"F": "Female", "M": "Male"}[patient.gender]
    return (
        f'<recordTarget><patientRole><id root="{institution.oid}.3" '
        f"extension={quoteattr(patient.numbers[institution.oid])}/>"
        f"{_address(patient.street, patient.city, patient.country)}"
        f'<telecom use="HP" value="tel:{patient.telephone}"/>'
        f'<patient><name use="L"><given>{escape(patient.given)}</given><family>{escape(patient.family)}</family></name>'
        f'<name use="IDE">{escape(patient.other_name)}</name>'
        f'<administrativeGenderCode code="{patient.gender}" codeSystem="2.16.840.1.113883.5.1" displayName="{gender}"/>'
        f'<birthTime value="{patient.born}"/></patient>'
        f"{_organization('providerOrganization', institution)}</patientRole></recordTarget>"
    )


def _author(document: ClinicalDocument, institution: Organization) -> str:
    return (
        f'<author><time value="{document.when}"/><assignedAuthor>'
        f'<id root="{institution.oid}.4" extension={quoteattr(document.author.number)}/>'
        f"<assignedPerson>{_person(document.author)}</assignedPerson>"
        f"{_organization('representedOrganization', institution)}</assignedAuthor></author>"
    )


def _custodian(institution: Organization) -> str:
    organization = _organization("representedCustodianOrganization", institution)
    return f"<custodian><assignedCustodian>{organization}</assignedCustodian></custodian>"


def _legal_authenticator(document: ClinicalDocument, institution: Organization) -> str:
    return (
        f'<legalAuthenticator><time value="{document.when}"/><signatureCode code="S"/><assignedEntity>'
        f'<id root="{institution.oid}.4" extension={quoteattr(document.author.number)}/>'
        f"<assignedPerson>{_person(document.author)}</assignedPerson></assignedEntity></legalAuthenticator>"
    )


def _encompassing_encounter(encounter: Encounter, institution: Organization) -> str:
    return (
        f'<componentOf><encompassingEncounter><id root="{institution.oid}.5" extension={quoteattr(encounter.number)}/>'
        f'<code code="{encounter.code}" codeSystem="2.16.840.1.113883.5.4" displayName={quoteattr(encounter.display)}/>'
        f'<effectiveTime><low value="{encounter.start}"/><high value="{encounter.end}"/></effectiveTime>'
        "</encompassingEncounter></componentOf>"
    )


def _section(section: Section, when: str) -> str:
    text = "".join(f"<paragraph>{escape(line)}</paragraph>" for line in section.paragraphs)
    if section.points:
        text += "<list>" + "".join(f"<item>{escape(point)}</item>" for point in section.points) + "</list>"
    if section.rows:
        text += _table(section.head, section.rows)
    if section.results:
        text += _table(
            ("Test 项目", "Result 结果", "Unit 单位", "Reference 参考范围", "Flag 提示"),
            [(one.test.display, one.value, one.unit, one.reference, one.flag) for one in section.results],
        )
    entries = _results(section, when) if section.results else ""
    return (
        f"<component><section>{_loinc('code', section.code)}<title>{escape(section.title)}</title>"
        f"<text>{text}</text>{entries}</section></component>"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    titles = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<table border="1"><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>'


def _results(section: Section, when: str) -> str:
    observations = "".join(
        '<component><observation classCode="OBS" moodCode="EVN">'
        f'{_loinc("code", one.test)}<statusCode code="completed"/><effectiveTime value="{when}"/>'
        f'<value xsi:type="PQ" value="{one.value}" unit={quoteattr(one.unit)}/>'
        f'<interpretationCode code="{one.flag}" codeSystem="2.16.840.1.113883.5.83"/>'
        f"<referenceRange><observationRange><text>{escape(one.reference)}</text></observationRange></referenceRange>"
        "</observation></component>"
        for one in section.results
    )
    return (
        f'<entry><organizer classCode="BATTERY" moodCode="EVN">{_loinc("code", section.code)}'
        f'<statusCode code="completed"/><effectiveTime value="{when}"/>{observations}</organizer></entry>'
    )
