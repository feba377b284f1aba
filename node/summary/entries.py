"""Metadata of what this node makes itself: entries, submission sets, what joins them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from node.configuration.readers import SUMMARY, Coded
from node.cx import escaped
from node.documents.submission_builder import LOINC
from node.summary.writing import CDA, TITLE
from registry.metadata.objects import (
    HAS_MEMBER,
    ORIGINAL,
    Association,
    Author,
    Code,
    DocumentEntry,
    LocalizedString,
    SubmissionSet,
)
from registry.metadata.submission import Submission

if TYPE_CHECKING:
    from node.exchange import Actors
    from node.summary.offering import Summaries

_TYPE: Final = Coded("60591-5", LOINC, "Patient summary Document")
_FORMAT: Final = Coded("urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3", "mimeType Sufficient")


def document_entry(
    summaries: Summaries,
    actors: Actors,
    *,
    patient: str,
    unique_id: str,
    form: str,
    confidentiality: Sequence[tuple[str, str]],
) -> DocumentEntry:
    """A DocumentEntry of a summary, as far as stable and on-demand ones are alike."""
    defaults = summaries.defaults
    return DocumentEntry(
        entry_uuid=actors.new_uuid(),
        mime_type=form,
        patient_id=patient,
        unique_id=unique_id,
        class_codes=(_code(SUMMARY),),
        type_codes=(_code(_TYPE),),
        format_codes=(_code(_FORMAT),),
        healthcare_facility_type_codes=(_code(defaults.healthcare_facility_type_code),),
        practice_setting_codes=(_code(defaults.practice_setting_code),),
        confidentiality_codes=tuple(_code(Coded(code, scheme, code)) for code, scheme in confidentiality),
        authors=(_author(summaries, actors),),
        title=(LocalizedString(value=TITLE if form == CDA else f"{TITLE} (web page)"),),
        language_code=("en-US",),
        repository_unique_id=(actors.own.repository_unique_id,),
        source_patient_id=(patient,),
    )


def submission_set(summaries: Summaries, actors: Actors, *, patient: str, now: str) -> SubmissionSet:
    """A SubmissionSet of this node's own."""
    return SubmissionSet(
        entry_uuid=actors.new_uuid(),
        patient_id=patient,
        unique_id=unique_id_of(actors),
        source_id=actors.own.repository_unique_id,
        content_type_codes=(_code(summaries.defaults.content_type_code),),
        authors=(_author(summaries, actors),),
        submission_time=(now,),
    )


def unique_id_of(actors: Actors) -> str:
    """A fresh uniqueId."""
    return f"2.25.{int(actors.new_uuid().removeprefix('urn:uuid:').replace('-', ''), 16)}"


def member(set_: SubmissionSet, document: DocumentEntry) -> Association:
    """The document is new in the submission set."""
    return Association(
        entry_uuid=f"member-{document.entry_uuid[9:]}",
        association_type=HAS_MEMBER,
        source=set_.entry_uuid,
        target=document.entry_uuid,
        submission_set_status=(ORIGINAL,),
    )


def relation(type_: str, source: str, target: str) -> Association:
    """A relationship between two documents."""
    return Association(entry_uuid=f"relation-{source[9:]}", association_type=type_, source=source, target=target)


def submission_of(
    set_: SubmissionSet, documents: Sequence[DocumentEntry], associations: Sequence[Association]
) -> Submission:
    """All of it as one submission."""
    return Submission(submission_sets=(set_,), documents=tuple(documents), associations=tuple(associations))


def _author(summaries: Summaries, actors: Actors) -> Author:
    """The institution: what compiles is software, and the document says so."""
    return Author(institutions=(summaries.defaults.author_institution or escaped(actors.own.name),))


def _code(value: Coded) -> Code:
    return Code(code=value.code, scheme=value.scheme, display=(LocalizedString(value=value.display),))
