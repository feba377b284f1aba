"""One file and its patient -> a complete submission (ITI TF-3: 4.2; ITI-41). Pure.

Every required attribute has a value: from the command line, else from the CDA header, else from the file, else from
`[submit]` of the configuration. A code that this affinity domain does not accept falls back to the configured one.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final
from uuid import UUID

from node.configuration.readers import Coded
from node.configuration.settings import SubmitSection
from node.cx import escaped
from node.documents.cda_header import FORMAT_CODES, CdaHeader
from node.documents.cda_header import NATIONAL_IDS as _NATIONAL_IDS
from registry.metadata.objects import (
    HAS_MEMBER,
    ORIGINAL,
    RPLC,
    Association,
    Author,
    Code,
    DocumentEntry,
    Folder,
    LocalizedString,
    SubmissionSet,
)
from registry.metadata.submission import Submission

MIME_TYPE_SUFFICIENT: Final = "urn:ihe:iti:xds:2017:mimeTypeSufficient"
CLASS_CODES: Final = "1.3.6.1.4.1.19376.1.2.6.1"
LOINC: Final = "2.16.840.1.113883.6.1"

_MAGIC: Final = (
    (0, b"%PDF-", "application/pdf"),
    (128, b"DICM", "application/dicom"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"PK\x03\x04", "application/zip"),
)
_SUFFIXES: Final = {
    ".txt": "text/plain",
    ".md": "text/plain",
    ".htm": "text/html",
    ".html": "text/html",
    ".rtf": "application/rtf",
    ".csv": "text/csv",
    ".mp4": "video/mp4",
    ".hl7": "application/hl7-v2",
}
# Each typeCode belongs to one classCode (IHE document sharing metadata handbook); codes of LOINC.
_CLASS_OF_TYPE: Final = {
    **dict.fromkeys(("34133-9", "60591-5", "18842-5", "57133-1", "18761-7", "11369-6"), ("SUMMARIES", "Summaries")),
    **dict.fromkeys(
        ("34117-2", "11488-4", "11504-8", "28570-0", "11506-3", "11502-2", "18748-4", "11526-1", "34746-8"),
        ("REPORTS", "Reports"),
    ),
    **dict.fromkeys(("57016-8", "59284-0"), ("PATIENT", "Patient Expression and Preferences")),
    "57833-6": ("PRESCRIPTIONS", "Prescribed Treatments and Diagnoses"),
    "60593-1": ("DISPENSATIONS", "Dispensations"),
    "52521-2": ("PLANS", "Treatment Plan or Protocol"),
}

Accepts = Callable[[str, str, str], bool]  # (attribute, code, scheme)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What is known of a file before it is sent."""

    name: str
    mime_type: str
    size: int
    sha1: str
    modified: str  # DTM of its last change
    header: CdaHeader | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the command line says about one document; "" means nothing."""

    patient: str  # CX of the affinity domain
    title: str = ""
    unique_id: str = ""
    unique_id_from_cda: bool = False
    replaces: str = ""  # entryUUID
    folder_title: str = ""
    folder: str = ""  # entryUUID of an existing folder with that title


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Who submits: values of the node and its configuration."""

    name: str
    source_id: str  # OID
    assigning_authority: str
    defaults: SubmitSection
    accepts: Accepts


def mime_type(name: str, head: bytes) -> str:
    """The media type of a file: by its first bytes, then by its name. XML is told apart by whoever parses it."""
    for offset, magic, found in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return found
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<?xml") or (start.startswith(b"<") and PurePath(name).suffix.lower() == ".xml"):
        return "text/xml"
    if start.startswith(b"{") and b'"resourceType"' in head:
        return "application/fhir+json"
    by_name = _SUFFIXES.get(PurePath(name).suffix.lower())
    return by_name or ("text/plain" if _is_text(head) else "application/octet-stream")


def _is_text(head: bytes) -> bool:
    """Whether a file begins as UTF-8 text; its last character may be cut."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        text = decoder.decode(head)
    except UnicodeDecodeError:
        return False
    return all(character >= " " or character in "\t\r\n\f" for character in text)


def build(facts: FileFacts, wishes: Wishes, source: Source, *, now: str, new_uuid: Callable[[], int]) -> Submission:
    """The submission of one file.

    Args:
        facts: the file.
        wishes: what was asked for.
        source: who submits.
        now: submission time, DTM with seconds.
        new_uuid: the 128 bits of a random UUID as an integer.
    """
    entry = document_entry(facts, wishes, source, new_uuid=new_uuid)
    submission_set = SubmissionSet(
        entry_uuid="SubmissionSet01",
        patient_id=wishes.patient,
        unique_id=f"2.25.{new_uuid()}",
        source_id=source.source_id,
        content_type_codes=(_code(source.defaults.content_type_code),),
        authors=(_own_author(source),),
        submission_time=(now,),
    )
    folders, associations = _folder(entry, wishes, source, new_uuid)
    if wishes.replaces:
        associations.append(
            Association(entry_uuid="Replaces01", association_type=RPLC, source=entry.entry_uuid, target=wishes.replaces)
        )
    return Submission(
        submission_sets=(submission_set,),
        documents=(entry,),
        folders=folders,
        associations=(_member(submission_set.entry_uuid, entry.entry_uuid, "Contains01", status=True), *associations),
    )


def document_entry(facts: FileFacts, wishes: Wishes, source: Source, *, new_uuid: Callable[[], int]) -> DocumentEntry:
    """The DocumentEntry of one file, complete."""
    header = facts.header or CdaHeader()
    defaults = source.defaults
    type_code = _accepted(source, "typeCode", header.type_code, defaults.type_code)
    title = wishes.title or header.title or PurePath(facts.name).stem[:128]
    return DocumentEntry(
        # A UUID of our own instead of a symbolic id: the answer does not tell what the registry would assign.
        entry_uuid=f"urn:uuid:{UUID(int=new_uuid())}",
        mime_type=facts.mime_type,
        patient_id=wishes.patient,
        unique_id=_unique_id(header, wishes, new_uuid),
        class_codes=(_code(_class_of(type_code, source)),),
        type_codes=(_code(type_code),),
        format_codes=(_code(_format_code(header, source)),),
        healthcare_facility_type_codes=(_code(defaults.healthcare_facility_type_code),),
        practice_setting_codes=(_code(defaults.practice_setting_code),),
        confidentiality_codes=(
            _code(_accepted(source, "confidentialityCode", header.confidentiality_code, defaults.confidentiality_code)),
        ),
        authors=header.authors or (_own_author(source),),
        title=(LocalizedString(value=title),) if title else (),
        creation_time=(header.creation_time or facts.modified,),
        hash=(facts.sha1,),
        size=(str(facts.size),),
        language_code=(header.language_code or defaults.language_code,),
        legal_authenticator=_some(header.legal_authenticator),
        reference_id_list=header.reference_ids,
        service_start_time=_some(header.service_start_time),
        service_stop_time=_some(header.service_stop_time),
        source_patient_id=(_source_patient_id(header, wishes.patient, source.assigning_authority),),
        source_patient_info=header.source_patient_info,
    )


def _unique_id(header: CdaHeader, wishes: Wishes, new_uuid: Callable[[], int]) -> str:
    """A fresh id unless one is asked for: several real documents share one CDA id."""
    if wishes.unique_id:
        return wishes.unique_id
    if wishes.unique_id_from_cda and header.unique_id:
        return header.unique_id
    return f"2.25.{new_uuid()}"


def _accepted(source: Source, attribute: str, found: Coded | None, default: Coded) -> Coded:
    return found if found and source.accepts(attribute, found.code, found.scheme) else default


def _class_of(type_code: Coded, source: Source) -> Coded:
    known = _CLASS_OF_TYPE.get(type_code.code) if type_code.scheme == LOINC else None
    found = Coded(known[0], CLASS_CODES, known[1]) if known else None
    return _accepted(source, "classCode", found, source.defaults.class_code)


def _format_code(header: CdaHeader, source: Source) -> Coded:
    sufficient = Coded(MIME_TYPE_SUFFICIENT, FORMAT_CODES, "mimeType Sufficient")
    found = Coded(header.format_code, FORMAT_CODES, header.format_code) if header.format_code else None
    return _accepted(source, "formatCode", found, sufficient)


def _source_patient_id(header: CdaHeader, patient: str, authority: str) -> str:
    """The source's own number of the patient; never a national id, which would travel with every query answer."""

    def authority_of(cx: str) -> str:
        return cx.split("&")[1]

    own = [cx for cx in header.source_patient_ids if authority_of(cx) == authority]
    local = [cx for cx in header.source_patient_ids if authority_of(cx) not in _NATIONAL_IDS]
    return next(iter(own + local), patient)


def _own_author(source: Source) -> Author:
    defaults = source.defaults
    institution = defaults.author_institution or escaped(source.name)
    return Author(persons=_some(defaults.author_person), institutions=_some(institution))


def _folder(
    entry: DocumentEntry, wishes: Wishes, source: Source, new_uuid: Callable[[], int]
) -> tuple[tuple[Folder, ...], list[Association]]:
    """The folder that the document goes into: new, or one the registry has (ITI TF-3: 4.2.1.3)."""
    if not wishes.folder_title:
        return (), []
    inside = _member(wishes.folder or "Folder01", entry.entry_uuid, "InFolder01", status=False)
    associations = [inside, _member("SubmissionSet01", inside.entry_uuid, "Contains02", status=False)]
    if wishes.folder:
        return (), associations
    folder = Folder(
        entry_uuid="Folder01",
        patient_id=wishes.patient,
        unique_id=f"2.25.{new_uuid()}",
        codes=(_code(source.defaults.folder_code),),
        title=(LocalizedString(value=wishes.folder_title),),
    )
    return (folder,), [*associations, _member("SubmissionSet01", folder.entry_uuid, "Contains03", status=False)]


def _member(parent: str, child: str, name: str, *, status: bool) -> Association:
    return Association(
        entry_uuid=name,
        association_type=HAS_MEMBER,
        source=parent,
        target=child,
        submission_set_status=(ORIGINAL,) if status else (),
    )


def _code(value: Coded) -> Code:
    return Code(code=value.code, scheme=value.scheme, display=(LocalizedString(value=value.display or value.code),))


def _some(value: str) -> tuple[str, ...]:
    return (value,) if value else ()
