"""Checks of a submission as a whole: what it must hold and what its objects must share (ITI TF-3: 4.2.1.4).

`Linked` is the form in which these rules, and those of `association_rules`, look at a submission.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from registry.errors import ErrorCode
from registry.metadata.attributes import Transaction
from registry.metadata.object_rules import NAMES
from registry.metadata.objects import (
    APND,
    HAS_MEMBER,
    IS_SNAPSHOT_OF,
    RPLC,
    SIGNS,
    XFRM,
    XFRM_RPLC,
    Association,
    Code,
    DocumentEntry,
    Folder,
    RegistryObject,
    SubmissionSet,
)
from registry.metadata.submission import Submission
from registry.metadata.values import is_symbolic, shown

RELATIONSHIPS: Final = frozenset({RPLC, XFRM, APND, XFRM_RPLC, SIGNS, IS_SNAPSHOT_OF})

Described = DocumentEntry | SubmissionSet | Folder
Finding = tuple[str, str]  # (id of the violating object, sentence)


def same_id(entry_uuid: str) -> str:
    """An id as it is compared: UUIDs without case, symbolic ids exactly."""
    return entry_uuid if is_symbolic(entry_uuid) else entry_uuid.lower()


class Linked:
    """A submission with its objects by id and its associations by what they are for."""

    __slots__ = ("by_id", "memberships", "of_set", "relationships", "submission", "transaction")

    def __init__(self, submission: Submission, transaction: Transaction) -> None:
        self.submission = submission
        self.transaction = transaction
        self.by_id: dict[str, RegistryObject] = {same_id(item.entry_uuid): item for item in submission.objects()}
        self.of_set: list[Association] = []  # HasMember out of a submission set of this message
        self.memberships: list[Association] = []  # every other HasMember: Folder to DocumentEntry
        self.relationships: list[Association] = []
        for association in submission.associations:
            if association.association_type in RELATIONSHIPS:
                self.relationships.append(association)
            elif association.association_type == HAS_MEMBER:
                from_set = isinstance(self.find(association.source), SubmissionSet)
                (self.of_set if from_set else self.memberships).append(association)

    def find(self, entry_uuid: str) -> RegistryObject | None:
        """The object of this submission with that id."""
        return self.by_id.get(same_id(entry_uuid))

    def is_open(self, entry_uuid: str) -> bool:
        """Whether an id is not of this submission but can be of a registered object."""
        return not is_symbolic(entry_uuid) and same_id(entry_uuid) not in self.by_id


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRule:
    """One rule over a submission; `check` finds each violation."""

    says: str
    check: Callable[[Linked], Iterator[Finding]]
    source: str
    code: ErrorCode = ErrorCode.REGISTRY_METADATA
    updates: bool = False  # whether it holds for metadata updates (ITI-57, ITI-92) too


# --- objects --------------------------------------------------------------------------------------------------------


def _ids(obj: RegistryObject) -> list[str]:
    """Every id that an object and its parts claim; "" for a part without one."""
    if isinstance(obj, Association):
        return [obj.entry_uuid, *[code.id for code in obj.documentation]]
    ids = [obj.entry_uuid, *[part_id for _, part_id in obj.part_ids]]
    if isinstance(obj, DocumentEntry | SubmissionSet):
        ids += [author.id for author in obj.authors]
    for codes in _codes(obj):
        ids += [code.id for code in codes]
    return ids


def _codes(obj: DocumentEntry | SubmissionSet | Folder) -> tuple[tuple[Code, ...], ...]:
    if isinstance(obj, SubmissionSet):
        return (obj.content_type_codes,)
    if isinstance(obj, Folder):
        return (obj.codes,)
    return (
        obj.class_codes,
        obj.type_codes,
        obj.format_codes,
        obj.healthcare_facility_type_codes,
        obj.practice_setting_codes,
        obj.confidentiality_codes,
        obj.event_codes,
    )


def _unique_ids_of_objects(linked: Linked) -> Iterator[Finding]:
    every = [part_id for obj in linked.submission.objects() for part_id in _ids(obj) if part_id]
    if len({*map(str.lower, every)}) == len(every):
        return  # the usual case: no two are alike, in whatever case
    claimed = [(obj, part_id) for obj in linked.submission.objects() for part_id in _ids(obj) if part_id]
    seen: set[str] = set()
    for obj, part_id in claimed:
        key = same_id(part_id)
        if key in seen:
            yield obj.entry_uuid, f"id {shown(part_id)} is used twice in the submission"
        seen.add(key)


def _one_submission_set(linked: Linked) -> Iterator[Finding]:
    number = len(linked.submission.submission_sets)
    if number != 1:
        yield "", f"the submission has {number} submission sets instead of one"


def _some_content(linked: Linked) -> Iterator[Finding]:
    submission = linked.submission
    location = submission.submission_sets[0].entry_uuid if submission.submission_sets else ""
    if not (submission.documents or submission.folders or linked.memberships):
        yield location, "the submission has no DocumentEntry, no Folder, and puts no DocumentEntry into a Folder"
    if submission.submission_sets and not linked.of_set:
        yield location, "the submission set is source of no HasMember association"


def _described(submission: Submission) -> Iterator[Described]:
    """The objects that have a uniqueId and a patientId, the submission set first."""
    yield from submission.submission_sets
    yield from submission.documents
    yield from submission.folders


def _duplicate_unique_ids(linked: Linked) -> Iterator[Finding]:
    seen: set[str] = set()
    for obj in _described(linked.submission):
        if obj.unique_id and obj.unique_id in seen:
            yield obj.entry_uuid, f"{NAMES[type(obj)]}.uniqueId {shown(obj.unique_id)} stands twice in the submission"
        seen.add(obj.unique_id or "")


def _one_patient(linked: Linked) -> Iterator[Finding]:
    objects = [obj for obj in _described(linked.submission) if obj.patient_id]
    for obj in objects[1:]:
        if obj.patient_id != objects[0].patient_id:
            yield (
                obj.entry_uuid,
                f"{NAMES[type(obj)]}.patientId {shown(obj.patient_id)} differs from"
                f" {shown(objects[0].patient_id)} of the {NAMES[type(objects[0])]}",
            )


SUBMISSION_RULES: Final = (
    SubmissionRule(
        says="an id names one thing", check=_unique_ids_of_objects, source="ITI TF-2: 3.42.4.1.3.7", updates=True
    ),
    SubmissionRule(says="one submission set", check=_one_submission_set, source="ITI TF-3: 4.2.1.4", updates=True),
    SubmissionRule(says="something is submitted", check=_some_content, source="ITI TF-3: 4.2.1.4"),
    SubmissionRule(
        says="a uniqueId stands once",
        check=_duplicate_unique_ids,
        source="ITI TF-2: 3.42.4.1.3.3",
        code=ErrorCode.REGISTRY_DUPLICATE_UNIQUE_ID_IN_MESSAGE,
        updates=True,
    ),
    SubmissionRule(
        says="one patient",
        check=_one_patient,
        source="ITI TF-2: 3.42.4.1.3.3",
        code=ErrorCode.PATIENT_ID_DOES_NOT_MATCH,
        updates=True,
    ),
)
