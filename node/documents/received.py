"""What was pushed to this institution (XDR), read back and made ready to be registered for a patient here. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from node.configuration.readers import Coded
from node.configuration.settings import SubmitSection
from node.documents import xml_documents
from registry.ebrim.reader import read_submission
from registry.metadata.objects import Author, Code, DocumentEntry, LocalizedString, Slot, SubmissionSet
from registry.metadata.submission import Submission

SENDER: Final = "urn:hdn:xdr:received-from"  # a slot of what was accepted: homeCommunityId of who pushed it
_FORMAT: Final = Code(
    code="urn:ihe:iti:xds:2017:mimeTypeSufficient",
    scheme="1.3.6.1.4.1.19376.1.2.3",
    display=(LocalizedString(value="mimeType Sufficient"),),
)


def read_received(submission: bytes) -> Submission:
    """A submission as it was kept in the inbox.

    Raises:
        ValueError: it cannot be read; this node wrote it.
    """
    root = xml_documents.read(submission)
    if root is None:
        raise ValueError("a kept submission cannot be read")
    return read_submission(root)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """How something received is registered.

    `patient` is a CX of this domain, `sender` the homeCommunityId of who pushed it, `author` stands for a document that
    names nobody, `defaults` are what `submit` uses as well, `now` is 14 digits, UTC.
    """

    patient: str
    sender: str
    author: Author
    defaults: SubmitSection
    now: str


def accepted(submission: Submission, how: Acceptance) -> Submission:
    """The submission as it is registered here: of this patient, with its sender and what limited metadata lacks."""
    return replace(
        submission,
        submission_sets=tuple(_submission_set(item, how) for item in submission.submission_sets),
        documents=tuple(_document(item, how) for item in submission.documents),
    )


def _document(item: DocumentEntry, how: Acceptance) -> DocumentEntry:
    defaults = how.defaults
    facility = item.healthcare_facility_type_codes or _code(defaults.healthcare_facility_type_code)
    return replace(
        item,
        patient_id=how.patient,
        home_community_id=None,
        limited_metadata=False,
        class_codes=item.class_codes or _code(defaults.class_code),
        type_codes=item.type_codes or _code(defaults.type_code),
        format_codes=item.format_codes or (_FORMAT,),
        healthcare_facility_type_codes=facility,
        practice_setting_codes=item.practice_setting_codes or _code(defaults.practice_setting_code),
        confidentiality_codes=item.confidentiality_codes or _code(defaults.confidentiality_code),
        authors=item.authors or (how.author,),
        creation_time=item.creation_time or (how.now,),
        language_code=item.language_code or (defaults.language_code,),
        source_patient_id=item.source_patient_id or (how.patient,),
        extra=_marked(item.extra, how.sender),
    )


def _submission_set(item: SubmissionSet, how: Acceptance) -> SubmissionSet:
    return replace(
        item,
        patient_id=how.patient,
        home_community_id=None,
        limited_metadata=False,
        content_type_codes=item.content_type_codes or _code(how.defaults.content_type_code),
        authors=item.authors or (how.author,),
        extra=_marked(item.extra, how.sender),
    )


def _code(value: Coded) -> tuple[Code]:
    display = (LocalizedString(value=value.display or value.code),)
    return (Code(code=value.code, scheme=value.scheme, display=display),)


def _marked(extra: Sequence[Slot], sender: str) -> tuple[Slot, ...]:
    """Who sent it is said by this node alone."""
    return (*(slot for slot in extra if slot.name != SENDER), Slot(name=SENDER, values=(sender,)))
