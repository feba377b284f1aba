"""Metadata objects that are right, to be made wrong in one place; and the way from bytes to elements in tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lxml import etree

from registry.metadata.objects import (
    HAS_MEMBER,
    ORIGINAL,
    Association,
    Author,
    Code,
    DocumentEntry,
    Folder,
    LocalizedString,
    SubmissionSet,
)
from registry.metadata.submission import Submission

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
PATIENT = "ZY-20418^^^&2.999.40.1&ISO"
OTHER_PATIENT = "ZY-7^^^&2.999.40.1&ISO"
REGISTERED = "urn:uuid:0f9a2f10-5d0e-4a52-9d0c-9d1f6f3b7a01"
REGISTERED_FOLDER = "urn:uuid:0f9a2f10-5d0e-4a52-9d0c-9d1f6f3b7a02"

NAMESPACES = (
    'xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0" xmlns:lcm="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"'
)


def element(data: bytes) -> etree._Element:
    return etree.fromstring(data)


def vector(name: str) -> etree._Element:
    return etree.parse(str(VECTORS / name)).getroot()


def spliced(fragment: bytes) -> etree._Element:
    """A fragment without namespace declarations, as the one object of a submission."""
    return element(
        f"<lcm:SubmitObjectsRequest {NAMESPACES}><rim:RegistryObjectList>".encode()
        + fragment
        + b"</rim:RegistryObjectList></lcm:SubmitObjectsRequest>"
    )


def code(value: str = "X", scheme: str | None = "2.999.8", name: str | None = "a name", **more: Any) -> Code:
    display = () if name is None else (LocalizedString(value=name),)
    return Code(code=value, scheme=scheme, display=display, **more)


def entry(entry_uuid: str = "Document01", **changes: Any) -> DocumentEntry:
    values: dict[str, Any] = {
        "entry_uuid": entry_uuid,
        "mime_type": "application/pdf",
        "patient_id": PATIENT,
        "unique_id": f"2.999.42.{sum(entry_uuid.encode())}",
        "class_codes": (code("SUMMARIES", "1.3.6.1.4.1.19376.1.2.6.1"),),
        "type_codes": (code("18842-5", "2.16.840.1.113883.6.1"),),
        "format_codes": (code("urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3"),),
        "healthcare_facility_type_codes": (code("22232009", "2.16.840.1.113883.6.96"),),
        "practice_setting_codes": (code("394802001", "2.16.840.1.113883.6.96"),),
        "confidentiality_codes": (code("N", "2.16.840.1.113883.5.25"),),
        "authors": (Author(persons=("^Lin^Wei",)),),
        "creation_time": ("20250311143000",),
        "hash": ("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",),
        "size": ("48213",),
        "language_code": ("zh-CN",),
        "repository_unique_id": ("2.999.40.7",),
        "source_patient_id": ("770013^^^&2.999.41.1&ISO",),
    }
    return DocumentEntry(**(values | changes))


def submission_set(entry_uuid: str = "SubmissionSet01", **changes: Any) -> SubmissionSet:
    values: dict[str, Any] = {
        "entry_uuid": entry_uuid,
        "patient_id": PATIENT,
        "unique_id": "2.999.42.200.1",
        "source_id": "2.999.41.9",
        "content_type_codes": (code("IMP", "2.16.840.1.113883.5.4"),),
        "submission_time": ("20250311150212",),
    }
    return SubmissionSet(**(values | changes))


def folder(entry_uuid: str = "Folder01", **changes: Any) -> Folder:
    values: dict[str, Any] = {
        "entry_uuid": entry_uuid,
        "patient_id": PATIENT,
        "unique_id": "2.999.42.300.1",
        "codes": (code("IMP", "2.16.840.1.113883.5.4"),),
        "title": (LocalizedString(value="March"),),
    }
    return Folder(**(values | changes))


def association(
    entry_uuid: str, source: str, target: str, association_type: str = HAS_MEMBER, **more: Any
) -> Association:
    return Association(entry_uuid=entry_uuid, association_type=association_type, source=source, target=target, **more)


def original(target: str, entry_uuid: str = "") -> Association:
    """The submission set's HasMember of a document of the submission."""
    return association(entry_uuid or f"has-{target}", "SubmissionSet01", target, submission_set_status=(ORIGINAL,))


def submission(**changes: Any) -> Submission:
    """One document in one submission set, with whatever is to be different."""
    values: dict[str, Any] = {
        "submission_sets": (submission_set(),),
        "documents": (entry(),),
        "associations": (original("Document01"),),
    }
    return Submission(**(values | changes))


def with_folder(*more: Association) -> Submission:
    """A new document in a new folder, with all the associations that this takes."""
    return submission(
        folders=(folder(),),
        associations=(
            original("Document01"),
            association("ss-fd", "SubmissionSet01", "Folder01"),
            association("fd-de", "Folder01", "Document01"),
            association("ss-hm", "SubmissionSet01", "fd-de"),
            *more,
        ),
    )


def related(association_type: str, target: str = REGISTERED, **more: Any) -> Submission:
    """A document that stands in a relationship to another."""
    return submission(
        associations=(
            original("Document01"),
            association("relation", "Document01", target, association_type, **more),
        )
    )
