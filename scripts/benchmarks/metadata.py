"""Metadata of realistic size for benchmarks: a DocumentEntry is about 7.7 KB of ebRIM, a patient has twenty of them.

Fourteen of a patient's twenty are of the three classes that the query asks for. All of it follows from a number, so
that an answer can be compared with what must be in it.
"""

from __future__ import annotations

import hashlib
from typing import Final

from registry.ebrim.messages import AdhocQuery
from registry.metadata.objects import (
    HAS_MEMBER,
    ORIGINAL,
    Association,
    Author,
    Code,
    DocumentEntry,
    LocalizedString,
    Slot,
    SubmissionSet,
)
from registry.metadata.submission import Submission

AUTHORITY: Final = "2.999.1.1"
PER_PATIENT: Final = 20
ASKED_FOR: Final = 14
FIND_DOCUMENTS: Final = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
_CLASSES: Final = ("LAB", "IMG", "DIS", "REF", "NUR", "ADM")
_SCHEME: Final = "2.999.8.1"
_LOINC: Final = "2.16.840.1.113883.6.1"


def patient_id(number: int) -> str:
    """The patient with this number."""
    return f"BENCH{number:07d}^^^&{AUTHORITY}&ISO"


def _code(code: str, scheme: str, display: str) -> Code:
    return Code(code=code, scheme=scheme, display=(LocalizedString(value=display),))


def _author(n: int) -> Author:
    return Author(
        persons=(f"{n % 977:05d}^Steinmetz-Okonkwo^Alexandra^Margarete^^Dr.^MD^^&2.999.20.{n % 53}&ISO",),
        institutions=(
            f"Department of Cardiology, Regional Hospital {n % 53}^^^^^&2.999.20.{n % 53}&ISO^^^^1.{n % 53}",
            f"Northern Hospital Group^^^^^&2.999.21.{n % 7}&ISO^^^^{n % 7}",
        ),
        roles=("Attending physician^^^&2.999.22.1&ISO", "Author of the report"),
        specialties=("Cardiology^^^&2.999.22.2&ISO",),
        telecommunications=(
            f"^PRN^PH^^49^30^5550{n % 977:04d}",
            f"^NET^Internet^author{n % 977}@hospital{n % 53}.example",
        ),
    )


def document(number: str, n: int, patient: str, entry_uuid: str, repository: str) -> DocumentEntry:
    """One entry. `number` makes its uniqueId; `n` decides everything else.

    Args:
        number: up to 20 digits, or what stands for them in a template.
        n: any number; equal numbers give equal metadata but for ids and patient.
        patient: HL7 CX.
        entry_uuid: UUID URN or symbolic id.
        repository: repositoryUniqueId, empty in a Provide and Register request.
    """
    month, day = n % 12 + 1, n % 28 + 1
    started = f"2026{month:02d}{day:02d}0815{n % 60:02d}"
    place = n % PER_PATIENT
    return DocumentEntry(
        entry_uuid=entry_uuid,
        mime_type="text/xml",
        patient_id=patient,
        unique_id=f"2.25.3{number}",
        class_codes=(_code(_CLASSES[place % 3 if place < ASKED_FOR else 3 + place % 3], _SCHEME, "Document class"),),
        type_codes=(_code(f"{18700 + n % 61}-{n % 10}", _LOINC, "Cardiology discharge letter with findings"),),
        format_codes=(_code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3", "by mime type"),),
        healthcare_facility_type_codes=(_code("HOSP", "2.16.840.1.113883.5.111", "Hospital"),),
        practice_setting_codes=(_code("394579002", "2.16.840.1.113883.6.96", "Cardiology (qualifier value)"),),
        confidentiality_codes=(_code("N", "2.16.840.1.113883.5.25", "normal"),),
        event_codes=(
            _code(f"I{20 + n % 30}.{n % 10}", "2.16.840.1.113883.6.3", "Angina pectoris and ischaemic heart disease"),
        ),
        authors=(_author(n),),
        title=(
            LocalizedString(value=f"Discharge letter of the cardiology department, admission {n % 9999}"),
            LocalizedString(value="心内科出院小结（含影像与检验结果）", lang="zh-CN"),  # noqa: RUF001
        ),
        comments=(LocalizedString(value="Released after review; supersedes the preliminary letter sent by fax."),),
        creation_time=(f"2026{month:02d}{day:02d}{n % 24:02d}3000",),
        hash=(hashlib.sha1(str(n).encode(), usedforsecurity=False).hexdigest(),) if repository else (),
        size=(str(40_000 + n % 90_000),) if repository else (),
        language_code=("en-GB",),
        legal_authenticator=(f"{n % 977:05d}^Steinmetz-Okonkwo^Alexandra^^^Dr.^^^&2.999.20.{n % 53}&ISO",),
        reference_id_list=(
            f"ACC{n % 999983:06d}^^^&2.999.23.1&ISO^urn:ihe:iti:xds:2013:accession",
            f"ENC{n % 99991:06d}^^^&2.999.23.2&ISO^urn:ihe:iti:xds:2015:encounterId",
        ),
        repository_unique_id=(repository,) if repository else (),
        service_start_time=(started,),
        service_stop_time=(f"2026{month:02d}{day:02d}1640",),
        source_patient_id=(f"KH{n % 899999:07d}^^^&2.999.20.{n % 53}&ISO",),
        source_patient_info=(
            f"PID-3|KH{n % 899999:07d}^^^&2.999.20.{n % 53}&ISO",
            "PID-5|Mustermann^Erika^Maria^^Prof. Dr.",
            "PID-7|19590812",
            "PID-8|F",
            "PID-11|Heidestrasse 17^^Köln^^51147^DE",
        ),
        extra=(Slot(name="urn:example:episode", values=(f"EP-{n % 7919}",)),),
    )


def submission(numbers: list[str], first: int, patient: str, uuids: list[str], repository: str) -> Submission:
    """A submission set with a document for each of `numbers`; `uuids` names set, documents, associations in order."""
    documents = tuple(
        document(number, first + k, patient, uuids[1 + k], repository) for k, number in enumerate(numbers)
    )
    first_association = 1 + len(numbers)
    return Submission(
        submission_sets=(
            SubmissionSet(
                entry_uuid=uuids[0],
                patient_id=patient,
                unique_id=f"2.25.4{numbers[0]}",
                source_id="2.999.20.1",
                content_type_codes=(_code("DISCH", "2.999.8.5", "Discharge"),),
                authors=(_author(first),),
                title=(LocalizedString(value="Discharge of a cardiology patient"),),
                submission_time=("20260601080000",),
            ),
        ),
        documents=documents,
        associations=tuple(
            Association(
                entry_uuid=uuids[first_association + k],
                association_type=HAS_MEMBER,
                source=uuids[0],
                target=entry.entry_uuid,
                submission_set_status=(ORIGINAL,),
            )
            for k, entry in enumerate(documents)
        ),
    )


def seeded(number: int, repository: str) -> Submission:
    """Everything that the patient with this number has."""
    first = number * PER_PATIENT
    uuids = [f"urn:uuid:{number:08x}-0000-4000-8000-{k:012x}" for k in range(1 + 2 * PER_PATIENT)]
    numbers = [f"{first + k:020d}" for k in range(PER_PATIENT)]
    return submission(numbers, first, patient_id(number), uuids, repository)


def expected(number: int) -> set[str]:
    """The uniqueIds that `find_documents` must bring for a patient."""
    first = number * PER_PATIENT
    return {f"2.25.3{first + k:020d}" for k in range(ASKED_FOR)}


def find_documents(patient: str) -> AdhocQuery:
    """FindDocuments by patient, status, three classes and a span of time, as LeafClass."""
    return AdhocQuery(
        FIND_DOCUMENTS,
        "LeafClass",
        None,
        (
            Slot(name="$XDSDocumentEntryPatientId", values=(f"'{patient}'",)),
            Slot(
                name="$XDSDocumentEntryStatus",
                values=("('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')",),
            ),
            Slot(
                name="$XDSDocumentEntryClassCode",
                values=("(" + ",".join(f"'{name}^^{_SCHEME}'" for name in _CLASSES[:3]) + ")",),
            ),
            Slot(name="$XDSDocumentEntryCreationTimeFrom", values=("20250101",)),
            Slot(name="$XDSDocumentEntryCreationTimeTo", values=("20270101",)),
        ),
    )
