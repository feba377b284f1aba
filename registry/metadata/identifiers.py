"""What a registry gives an accepted submission: ids for its symbolic names, lid, version and status.

Source: ITI TF-2: 3.42.4.1.3.7
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from registry.metadata.objects import APPROVED, Association, DocumentEntry, Folder, SubmissionSet
from registry.metadata.submission import Submission
from registry.metadata.values import is_symbolic

Described = TypeVar("Described", DocumentEntry, SubmissionSet, Folder)


def assign_ids(submission: Submission, new_uuid: Callable[[], str]) -> tuple[Submission, dict[str, str]]:
    """The submission as it is registered, and the UUID that each symbolic name became.

    One name becomes one UUID wherever it stands; a submitted UUID stays as it is. `new_uuid` gives `urn:uuid:…`.
    Ids of Classifications and ExternalIdentifiers stay as they came: nothing refers to them, and the writer keeps no
    symbolic ones (`ebrim.writer.template`).
    """
    assignment = _Assignment(new_uuid)
    assigned = Submission(
        submission_sets=tuple([assignment.described(item) for item in submission.submission_sets]),
        documents=tuple([assignment.described(item) for item in submission.documents]),
        folders=tuple([assignment.described(item) for item in submission.folders]),
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

    def described(self, item: Described) -> Described:
        entry_uuid = self.id(item.entry_uuid)
        return replace(item, entry_uuid=entry_uuid, logical_id=entry_uuid, version="1", availability_status=APPROVED)

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
        )
