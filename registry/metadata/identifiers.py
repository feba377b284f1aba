"""What a registry gives an accepted submission: ids for its symbolic names, lid, version and status.

Source: ITI TF-2: 3.42.4.1.3.7
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from registry.metadata.objects import APPROVED, Association, Author, Code, DocumentEntry, Folder, PartIds, SubmissionSet
from registry.metadata.submission import Submission
from registry.metadata.values import is_symbolic


def assign_ids(submission: Submission, new_uuid: Callable[[], str]) -> tuple[Submission, dict[str, str]]:
    """The submission as it is stored, and the UUID that each symbolic name became.

    One name becomes one UUID wherever it stands; a submitted UUID stays as it is. `new_uuid` gives `urn:uuid:…`.
    Symbolic ids of Classifications and ExternalIdentifiers, to which nothing refers, are dropped: the writer derives a
    UUID from that of their object.
    """
    assignment = _Assignment(new_uuid)
    assigned = Submission(
        submission_sets=tuple([assignment.submission_set(item) for item in submission.submission_sets]),
        documents=tuple([assignment.document(item) for item in submission.documents]),
        folders=tuple([assignment.folder(item) for item in submission.folders]),
        associations=tuple([assignment.association(item) for item in submission.associations]),
    )
    return assigned, assignment.names


class _Assignment:
    """The names met so far, and the objects rewritten with them."""

    def __init__(self, new_uuid: Callable[[], str]) -> None:
        self.names: dict[str, str] = {}
        self._new_uuid = new_uuid

    def id(self, given: str) -> str:
        if not given or not is_symbolic(given):
            return given
        known = self.names.get(given)
        if known is None:
            known = self.names[given] = self._new_uuid()
        return known

    def document(self, entry: DocumentEntry) -> DocumentEntry:
        entry_uuid = self.id(entry.entry_uuid)
        return replace(
            entry,
            entry_uuid=entry_uuid,
            logical_id=entry_uuid,
            version="1",
            availability_status=APPROVED,
            part_ids=_part_ids(entry.part_ids),
            authors=_authors(entry.authors),
            class_codes=_codes(entry.class_codes),
            type_codes=_codes(entry.type_codes),
            format_codes=_codes(entry.format_codes),
            healthcare_facility_type_codes=_codes(entry.healthcare_facility_type_codes),
            practice_setting_codes=_codes(entry.practice_setting_codes),
            confidentiality_codes=_codes(entry.confidentiality_codes),
            event_codes=_codes(entry.event_codes),
        )

    def submission_set(self, submission_set: SubmissionSet) -> SubmissionSet:
        entry_uuid = self.id(submission_set.entry_uuid)
        return replace(
            submission_set,
            entry_uuid=entry_uuid,
            logical_id=entry_uuid,
            version="1",
            availability_status=APPROVED,
            part_ids=_part_ids(submission_set.part_ids),
            authors=_authors(submission_set.authors),
            content_type_codes=_codes(submission_set.content_type_codes),
        )

    def folder(self, folder: Folder) -> Folder:
        entry_uuid = self.id(folder.entry_uuid)
        return replace(
            folder,
            entry_uuid=entry_uuid,
            logical_id=entry_uuid,
            version="1",
            availability_status=APPROVED,
            part_ids=_part_ids(folder.part_ids),
            codes=_codes(folder.codes),
        )

    def association(self, association: Association) -> Association:
        entry_uuid = self.id(association.entry_uuid)
        return replace(
            association,
            entry_uuid=entry_uuid,
            logical_id=entry_uuid,
            version="1",
            availability_status=APPROVED,
            source=self.id(association.source),
            target=self.id(association.target),
            documentation=_codes(association.documentation),
        )


def _part_id(given: str) -> str:
    return "" if is_symbolic(given) else given


def _codes(codes: tuple[Code, ...]) -> tuple[Code, ...]:
    return tuple(
        [
            Code(code=code.code, scheme=code.scheme, display=code.display, id=_part_id(code.id), extra=code.extra)
            for code in codes
        ]
    )


def _authors(authors: tuple[Author, ...]) -> tuple[Author, ...]:
    return tuple([replace(author, id=_part_id(author.id)) for author in authors])


def _part_ids(part_ids: PartIds) -> PartIds:
    return tuple([(scheme, given) for scheme, given in part_ids if not is_symbolic(given)])
