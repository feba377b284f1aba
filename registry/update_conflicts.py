"""What registered objects say against a metadata update (XDS Metadata Update, 3.57.4.1.3; RMU, 3.92.4.1.3). Pure.

Which code stands for what in which transaction: xds-wire 5.7. What a request says about itself is in `updates`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from registry.conflicts import set_conflicts
from registry.errors import ErrorCode, RegistryError
from registry.lifecycle import Referred, Stored
from registry.metadata.objects import (
    APND,
    APPROVED,
    HAS_MEMBER,
    OFFLINE,
    ON_DEMAND_DOCUMENT,
    Association,
    DocumentEntry,
    RegistryObject,
)
from registry.metadata.submission_rules import same_id
from registry.metadata.values import is_symbolic
from registry.updates import NewVersion, StatusChange, Transaction, Update, is_here

_UPDATE: Final = ErrorCode.METADATA_UPDATE
_IDENTIFIER: Final = {"ITI-57": _UPDATE, "ITI-92": ErrorCode.METADATA_IDENTIFIER}
_TYPE: Final = {"ITI-57": _UPDATE, "ITI-92": ErrorCode.OBJECT_TYPE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """The latest version of a logical object, with what an update is compared with. `first` is of the first version."""

    stored: Stored
    version: int
    first: int  # the store's key
    mime_type: str = ""
    repository_unique_id: str = ""
    source_patient_id: tuple[str, ...] = ()
    offline: bool = False
    confidentiality: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An Approved association of an object, which its next version inherits: no HasMember of a submission set."""

    key: int
    entry_uuid: str
    type: int
    source: Stored
    target: Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateReferred:
    """What is stored of all that an update refers to.

    `latest` by lower-case logicalID; `links` by the key of the object; `ends` of associations in `named`, by key;
    `joined` are the Approved associations there are between ends of submitted ones, as (type, source, target) keys.
    """

    named: Referred
    latest: Mapping[str, Latest] = field(default_factory=dict)
    links: Mapping[int, tuple[Link, ...]] = field(default_factory=dict)
    ends: Mapping[int, tuple[Stored, Stored]] = field(default_factory=dict)
    joined: frozenset[tuple[str, int, int]] = frozenset()


def update_conflicts(update: Update, referred: UpdateReferred, transaction: Transaction) -> list[RegistryError]:
    """Every reason in the database not to do what `update` asks for."""
    found = [*set_conflicts(update.submission, referred.named)]
    for version in update.versions:
        found += _version(version, update, referred, transaction)
    for status in update.statuses:
        found += _status(status, update, referred)
    for association in update.associations:
        found += _association(association, update, referred)
    return found


def _fault(code: ErrorCode, context: str, item: RegistryObject) -> RegistryError:
    return RegistryError(code, context, item.entry_uuid)


def latest_of(version: NewVersion, referred: UpdateReferred) -> Latest | None:
    """What is stored of a logical object that may be updated: not in quarantine, and of the same kind."""
    latest = referred.latest.get((version.obj.logical_id or "").lower())
    kind = "document" if isinstance(version.obj, DocumentEntry) else "folder"
    return latest if latest and not latest.stored.quarantined and latest.stored.kind == kind else None


def _version(
    version: NewVersion, update: Update, referred: UpdateReferred, transaction: Transaction
) -> Iterator[RegistryError]:
    obj, latest = version.obj, latest_of(version, referred)
    if latest is None:
        yield _fault(ErrorCode.METADATA_VERSION, f"nothing is registered with logicalID {obj.logical_id}", obj)
        return
    if version.previous != str(latest.version):
        context = f"the latest version of {obj.logical_id} is {latest.version}, not {version.previous}"
        yield _fault(ErrorCode.METADATA_VERSION, context, obj)
        return
    stored = latest.stored
    if obj.unique_id != stored.unique_id:
        context = f"uniqueId of {obj.logical_id} is {stored.unique_id} for ever, not {obj.unique_id}"
        yield _fault(_IDENTIFIER[transaction], context, obj)
    if isinstance(obj, DocumentEntry) and (obj.object_type == ON_DEMAND_DOCUMENT) != stored.on_demand:
        yield _fault(_TYPE[transaction], f"objectType of {obj.logical_id} cannot change", obj)
    if transaction == "ITI-57":
        if not stored.approved:
            yield _fault(_UPDATE, f"the latest version of {obj.logical_id} is not Approved", obj)
        yield from _propagation(version, latest, update, referred)
    elif isinstance(obj, DocumentEntry):
        yield from _unmodifiable(obj, latest)


def _unmodifiable(obj: DocumentEntry, latest: Latest) -> Iterator[RegistryError]:
    """What a restricted update must leave as it is."""
    if obj.patient_id != latest.stored.patient:
        context = f"{obj.logical_id} is of another patient than {obj.patient_id}"
        yield _fault(ErrorCode.PATIENT_ID_RECONCILIATION, context, obj)
    same = {
        "sourcePatientId": obj.source_patient_id == latest.source_patient_id,
        "repositoryUniqueId": obj.repository_unique_id == (latest.repository_unique_id,),
        "documentAvailability": (obj.document_availability == (OFFLINE,)) == latest.offline,
    }
    for name, unchanged in same.items():
        if not unchanged:
            yield _fault(ErrorCode.UNMODIFIABLE_METADATA, f"{name} of {obj.logical_id} cannot be changed", obj)


def _propagation(
    version: NewVersion, latest: Latest, update: Update, referred: UpdateReferred
) -> Iterator[RegistryError]:
    """An association that follows to the new version must not join two patients then."""
    if not version.propagate:
        return
    new_patients = {
        found.stored.key: item.obj.patient_id
        for item in update.versions
        if (found := latest_of(item, referred)) is not None
    }
    for link in referred.links.get(latest.stored.key, ()):
        for end in (link.source, link.target):
            patient = new_patients.get(end.key, end.patient)
            if patient != version.obj.patient_id:
                context = f"association {link.entry_uuid} would join {version.obj.entry_uuid} with another patient"
                yield _fault(ErrorCode.PATIENT_ID_RECONCILIATION, context, version.obj)


def _status(status: StatusChange, update: Update, referred: UpdateReferred) -> Iterator[RegistryError]:
    order = status.order
    if is_here(update, order.target):
        if same_id(order.target) not in {same_id(item.obj.entry_uuid) for item in update.versions}:
            yield _fault(_UPDATE, f"{order.target} has no status to change", order)
        elif status.before != APPROVED:
            yield _fault(_UPDATE, f"the new version {order.target} is Approved", order)
        return
    stored = None if is_symbolic(order.target) else referred.named.object(order.target)
    if stored is None:
        yield _fault(ErrorCode.UNRESOLVED_REFERENCE, f"{order.target} names nothing that is registered", order)
        return
    replaced = {found.stored.key for item in update.versions if (found := latest_of(item, referred))}
    source = referred.ends[stored.key][0] if stored.key in referred.ends else None
    if stored.kind == "submission_set" or (source is not None and source.kind == "submission_set"):
        yield _fault(_UPDATE, f"the status of {order.target} cannot be changed: it records a submission", order)
    elif (stored.superseded and stored.kind != "association") or stored.key in replaced:
        yield _fault(_UPDATE, f"{order.target} is not the latest version", order)
    elif stored.approved != (status.before == APPROVED):
        yield _fault(_UPDATE, f"{order.target} is not {status.before.rpartition(':')[2]}", order)
    patient = update.submission.submission_sets[0].patient_id if update.submission.submission_sets else None
    if stored.kind != "association" and patient != stored.patient:
        context = f"{order.target} is of another patient than the submission set"
        yield _fault(ErrorCode.PATIENT_ID_RECONCILIATION, context, order)


def _association(association: Association, update: Update, referred: UpdateReferred) -> Iterator[RegistryError]:
    """An association that is submitted alone joins registered objects (3.57.4.1.3.3.5)."""
    found: list[Stored] = []
    kinds = ("folder" if association.association_type == HAS_MEMBER else "document", "document")
    for end, kind in zip((association.source, association.target), kinds, strict=True):
        stored = None if is_symbolic(end) or is_here(update, end) else referred.named.object(end)
        if stored is None:
            yield _fault(_UPDATE, f"{end} is not the entryUUID of a registered object", association)
        elif stored.kind != kind:
            yield _fault(_UPDATE, f"{end} is a registered {stored.kind}, not a {kind}", association)
        elif not stored.approved or stored.superseded:
            yield _fault(_UPDATE, f"{end} is not Approved", association)
        else:
            found.append(stored)
    if len(found) < len(kinds):
        return
    source, target = found
    if source.patient != target.patient:
        context = f"{association.source} and {association.target} are of two patients"
        yield _fault(ErrorCode.PATIENT_ID_RECONCILIATION, context, association)
    if source.key == target.key:
        yield _fault(_UPDATE, f"an association leads from {association.source} to itself", association)
    if (association.association_type, source.key, target.key) in referred.joined:
        context = f"{association.source} and {association.target} are joined by such an association already"
        yield _fault(_UPDATE, context, association)
    if association.association_type == APND and target.transformed:
        yield _fault(_UPDATE, f"{association.target} is a transformation; nothing can be appended to it", association)
