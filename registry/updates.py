"""What a metadata update asks for: the operations of one submission, and what is wrong with them in themselves. Pure.

Operations (XDS Metadata Update, 3.57.4.1.3.3; Restricted Metadata Update, 3.92): a new version of a DocumentEntry or
Folder, a change of availabilityStatus, a new association between registered objects. ITI-92 has the first one only,
and of DocumentEntries only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from registry.errors import ErrorCode, RegistryError
from registry.metadata.affinity_domain import AffinityDomain
from registry.metadata.association_rules import ASSOCIATION_RULES
from registry.metadata.object_rules import NAMES, Findings, check_object
from registry.metadata.objects import (
    APND,
    APPROVED,
    DEPRECATED,
    HAS_MEMBER,
    ON_DEMAND_DOCUMENT,
    ORIGINAL,
    SIGNS,
    SUBMIT_ASSOCIATION,
    UPDATE_AVAILABILITY_STATUS,
    XFRM,
    Association,
    DocumentEntry,
    Folder,
    RegistryObject,
)
from registry.metadata.submission import Submission
from registry.metadata.submission_rules import SUBMISSION_RULES, Linked, same_id
from registry.metadata.values import is_symbolic, is_uuid_urn, shown

Transaction = Literal["ITI-57", "ITI-92"]

_OF_UPDATES: Final = frozenset({"PreviousVersion", "AssociationPropagation", "OriginalStatus", "NewStatus"})
_STATUSES: Final = frozenset({APPROVED, DEPRECATED})
# RPLC, XFRM_RPLC and IsSnapshotOf do something to their target: they come with the document that does it (ITI-42).
SUBMITTED: Final = frozenset({HAS_MEMBER, XFRM, APND, SIGNS})
_BROKEN: Final = ErrorCode.METADATA_UPDATE
_OPERATION: Final = ErrorCode.METADATA_UPDATE_OPERATION
_ANNOTATION: Final = {"ITI-57": _BROKEN, "ITI-92": ErrorCode.METADATA_ANNOTATION}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """An object as it is from now on; `member` is the HasMember that brings it; `propagate`: associations follow."""

    obj: DocumentEntry | Folder
    member: Association
    previous: str
    propagate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """`order` is the UpdateAvailabilityStatus association that asks for it."""

    order: Association
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """The operations of one submission; `submission` is the whole of it."""

    submission: Submission
    versions: tuple[NewVersion, ...] = ()
    statuses: tuple[StatusChange, ...] = ()
    associations: tuple[Association, ...] = ()


def slot(association: Association, name: str) -> tuple[str, ...]:
    """The values of a slot that only updates have."""
    return next((item.values for item in association.extra if item.name == name), ())


def read_update(
    submission: Submission, domain: AffinityDomain, transaction: Transaction
) -> tuple[Update, list[RegistryError]]:
    """The operations of a submission and everything that is wrong with it in itself, the first hundred at most."""
    reading = _Reading(submission, transaction)
    update = reading.update()
    errors = [*reading.errors, *_violations(submission, domain, transaction)]
    return update, errors[: Findings.most]


class _Reading:
    def __init__(self, submission: Submission, transaction: Transaction) -> None:
        self.submission = submission
        self.transaction = transaction
        self.errors: list[RegistryError] = []
        self.here = {same_id(item.entry_uuid): item for item in submission.objects()}
        self.sets = {same_id(item.entry_uuid) for item in submission.submission_sets}

    def fault(self, code: ErrorCode, context: str, obj: RegistryObject | None = None) -> None:
        self.errors.append(RegistryError(code, context, obj.entry_uuid if obj else ""))

    def update(self) -> Update:
        if self.transaction == "ITI-92":
            self._refuse_what_is_not_restricted()
        new: tuple[DocumentEntry | Folder, ...] = (*self.submission.documents, *self.submission.folders)
        versions = [found for obj in new for found in self._new(obj)]
        ordered = [
            item
            for item in self._from_set(UPDATE_AVAILABILITY_STATUS)
            if self._has_only(item, "OriginalStatus", "NewStatus")
        ]
        statuses = [found for item in ordered for found in self._status(item)]
        associations = [found for item in self._from_set(SUBMIT_ASSOCIATION) for found in self._submitted(item)]
        self._refuse_the_rest(associations)
        self._refuse_the_same_twice(versions)
        if self.submission.submission_sets and not (versions or statuses or associations or self.errors):
            self.fault(_OPERATION, "the submission asks for no update", self.submission.submission_sets[0])
        return Update(
            submission=self.submission,
            versions=tuple(versions),
            statuses=tuple(statuses),
            associations=tuple(associations),
        )

    def _from_set(self, type_: str) -> list[Association]:
        return [
            item
            for item in self.submission.associations
            if item.association_type == type_ and same_id(item.source) in self.sets
        ]

    def _new(self, obj: DocumentEntry | Folder) -> Iterator[NewVersion]:
        """A new version: its logicalID, and the one HasMember that says which version it follows."""
        name = NAMES[type(obj)]
        if not obj.logical_id or not is_uuid_urn(obj.logical_id):
            self.fault(_BROKEN, f"{name} {shown(obj.entry_uuid)} has no logicalID (lid) that is a UUID", obj)
            return
        if obj.logical_id.lower() == obj.entry_uuid.lower():
            first = {"ITI-57": _BROKEN, "ITI-92": ErrorCode.INVALID_REQUEST}[self.transaction]
            self.fault(
                first, f"{name} {obj.entry_uuid} is a first version: lid and id are equal; ITI-42 registers it", obj
            )
            return
        members = [item for item in self._from_set(HAS_MEMBER) if same_id(item.target) == same_id(obj.entry_uuid)]
        if len(members) != 1:
            self.fault(
                _ANNOTATION[self.transaction],
                f"{len(members)} HasMember lead from the submission set to the {name} instead of one",
                obj,
            )
            return
        yield from self._brought(obj, members[0])

    def _brought(self, obj: DocumentEntry | Folder, member: Association) -> Iterator[NewVersion]:
        previous, propagation = slot(member, "PreviousVersion"), slot(member, "AssociationPropagation")
        wrong = False
        if len(previous) != 1:
            context = f"the HasMember to {shown(obj.entry_uuid)} has {len(previous)} values of PreviousVersion"
            self.fault(_ANNOTATION[self.transaction], f"{context} instead of one", member)
            wrong = True
        elif not (previous[0].isascii() and previous[0].isdecimal() and len(previous[0]) <= 9):
            self.fault(_OPERATION, f"PreviousVersion {shown(previous[0])} is not a number", member)
            wrong = True
        if propagation not in ((), ("yes",), ("no",)):
            self.fault(_OPERATION, f"AssociationPropagation {shown(propagation)} is not yes or no", member)
            wrong = True
        if isinstance(obj, DocumentEntry) and member.submission_set_status != (ORIGINAL,):
            self.fault(_OPERATION, "SubmissionSetStatus of an updated DocumentEntry is Original", member)
            wrong = True
        if self._has_only(member, "PreviousVersion", "AssociationPropagation") and not wrong:
            yield NewVersion(obj=obj, member=member, previous=str(int(previous[0])), propagate=propagation != ("no",))

    def _status(self, order: Association) -> Iterator[StatusChange]:
        before, after = slot(order, "OriginalStatus"), slot(order, "NewStatus")
        if len(before) != 1 or len(after) != 1:
            self.fault(_OPERATION, "UpdateAvailabilityStatus needs one OriginalStatus and one NewStatus", order)
        elif before[0] == after[0] or not {*before, *after} <= _STATUSES:
            self.fault(_BROKEN, f"availabilityStatus cannot go from {shown(before[0])} to {shown(after[0])}", order)
        else:
            yield StatusChange(order=order, before=before[0], after=after[0])

    def _submitted(self, order: Association) -> Iterator[Association]:
        found = self.here.get(same_id(order.target))
        if not self._has_only(order):
            return
        if not isinstance(found, Association):
            self.fault(_OPERATION, f"SubmitAssociation leads to {shown(order.target)}, no association here", order)
        elif found.association_type not in SUBMITTED:
            self.fault(
                _OPERATION, f"an association of type {shown(found.association_type)} is not submitted alone", found
            )
        elif found.logical_id and found.logical_id.lower() != found.entry_uuid.lower():
            self.fault(_BROKEN, f"association {shown(found.entry_uuid)} cannot have a new version", found)
        elif self._has_only(found):
            yield found

    def _has_only(self, association: Association, *allowed: str) -> bool:
        """Whether of the slots that only updates have it has none but these."""
        strange = [item.name for item in association.extra if item.name in _OF_UPDATES and item.name not in allowed]
        if strange:
            kind = association.association_type.rpartition(":")[2]
            self.fault(_OPERATION, f"slot {strange[0]} does not belong to this {kind}", association)
        return not strange

    def _refuse_what_is_not_restricted(self) -> None:
        """ITI-92 updates DocumentEntries and nothing else."""
        others: tuple[Folder | Association, ...] = (*self.submission.folders, *self.submission.associations)
        for item in others:
            if isinstance(item, Folder) or item.association_type != HAS_MEMBER:
                what = "a Folder" if isinstance(item, Folder) else item.association_type.rpartition(":")[2]
                self.fault(ErrorCode.INVALID_REQUEST, f"{what} is not for a restricted update", item)

    def _refuse_the_rest(self, submitted: Sequence[Association]) -> None:
        """Every association is an operation or part of one."""
        new = {same_id(item.entry_uuid) for item in self.submission.documents}
        new |= {same_id(item.entry_uuid) for item in self.submission.folders}
        known = {same_id(item.entry_uuid) for item in submitted}
        ordered = {same_id(item.target) for item in self._from_set(SUBMIT_ASSOCIATION)}
        for item in self.submission.associations:
            if same_id(item.entry_uuid) in known | ordered:
                continue
            from_set = same_id(item.source) in self.sets
            member = from_set and item.association_type == HAS_MEMBER and same_id(item.target) in new
            order = from_set and item.association_type in {UPDATE_AVAILABILITY_STATUS, SUBMIT_ASSOCIATION}
            if not (member or order) and self.transaction == "ITI-57":
                kind = item.association_type.rpartition(":")[2]
                self.fault(_OPERATION, f"a {kind} from {shown(item.source)} is no operation of an update", item)

    def _refuse_the_same_twice(self, versions: Sequence[NewVersion]) -> None:
        seen: set[str] = set()
        for item in versions:
            key = (item.obj.logical_id or "").lower()
            if key in seen:
                self.fault(_OPERATION, f"logicalID {item.obj.logical_id} is updated twice", item.obj)
            seen.add(key)
        targets: set[str] = set()
        for order in self._from_set(UPDATE_AVAILABILITY_STATUS):
            if same_id(order.target) in targets:
                self.fault(_OPERATION, f"the status of {shown(order.target)} is changed twice", order)
            targets.add(same_id(order.target))


def _violations(submission: Submission, domain: AffinityDomain, transaction: Transaction) -> Iterator[RegistryError]:
    """What the rules of submissions say: each object whole, as for ITI-42, and the rules that hold for updates too."""
    for obj in submission.objects():
        on_demand = isinstance(obj, DocumentEntry) and obj.object_type == ON_DEMAND_DOCUMENT
        kind: Literal["ITI-42", "ITI-61"] = "ITI-61" if on_demand else "ITI-42"
        for context in check_object(_without_annotations(obj), kind, domain):
            yield RegistryError(ErrorCode.REGISTRY_METADATA, context, obj.entry_uuid)
    linked = Linked(submission, "ITI-42")
    for rule in (*SUBMISSION_RULES, *ASSOCIATION_RULES):
        if not rule.updates:
            continue
        code = rule.code
        if transaction == "ITI-92" and code is ErrorCode.PATIENT_ID_DOES_NOT_MATCH:
            code = ErrorCode.PATIENT_ID_RECONCILIATION
        for location, context in rule.check(linked):
            yield RegistryError(code, f"{context} ({rule.source})", location)


def _without_annotations(obj: RegistryObject) -> RegistryObject:
    if not isinstance(obj, Association):
        return obj
    return replace(obj, extra=tuple(item for item in obj.extra if item.name not in _OF_UPDATES))


def is_here(update: Update, entry_uuid: str) -> bool:
    """Whether an id is of an object of the submission itself."""
    wanted = same_id(entry_uuid)
    return any(same_id(item.entry_uuid) == wanted for item in update.submission.objects())


def needs_registered(update: Update) -> set[str]:
    """Every UUID of a registered object that the operations name."""
    ends = {item.order.target for item in update.statuses}
    ends |= {end for item in update.associations for end in (item.source, item.target)}
    return {end for end in ends if end and not is_symbolic(end) and not is_here(update, end)}
