"""What registered objects say against a submission (ITI TF-2: 3.42.4.1.3; ITI TF-3: 4.2.2). Pure.

The numbers V45 to V67 are those of the tests. What can be told without the database is in `metadata.rules`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Final

from registry.errors import ErrorCode, RegistryError
from registry.lifecycle import REPLACEMENTS, Referred, Stored, identified
from registry.metadata.objects import (
    APND,
    HAS_MEMBER,
    IS_SNAPSHOT_OF,
    ON_DEMAND_DOCUMENT,
    ORIGINAL,
    REFERENCE,
    XFRM,
    Association,
    DocumentEntry,
    Folder,
    RegistryObject,
    SubmissionSet,
)
from registry.metadata.submission import Submission
from registry.metadata.submission_rules import same_id
from registry.metadata.values import is_symbolic

_MOST: Final = 100
LARGEST_SIZE: Final = 2**63 - 1  # octets; what a database keeps


def conflicts(submission: Submission, referred: Referred) -> list[RegistryError]:
    """Every reason in the database not to register `submission`, the first hundred at most."""
    return list(islice(_all(submission, referred), _MOST))


def _all(submission: Submission, referred: Referred) -> Iterator[RegistryError]:
    for check in (_sizes, _entry_uuids, _unique_ids, _patients, _made_from_replaced):
        yield from check(submission, referred)
    message = {same_id(item.entry_uuid): item for item in submission.objects()}
    for association in submission.associations:
        join = _memberships if association.association_type == HAS_MEMBER else _relationships
        yield from join(association, message, referred)


def set_conflicts(submission: Submission, referred: Referred) -> list[RegistryError]:
    """Those of them that hold for a metadata update too: ids given out before, unknown patients, impossible sizes."""
    new = replace(submission, documents=(), folders=())
    found = (*_sizes(submission, referred), *_entry_uuids(submission, referred))
    return list(islice((*found, *_unique_ids(new, referred), *_patients(submission, referred)), _MOST))


def _fault(code: ErrorCode, context: str, item: RegistryObject) -> RegistryError:
    return RegistryError(code, context, item.entry_uuid)


def _sizes(submission: Submission, _referred: Referred) -> Iterator[RegistryError]:
    """A size that cannot be kept is not that of a document."""
    for document in submission.documents:
        if (_octets(document) or 0) > LARGEST_SIZE:
            yield _fault(
                ErrorCode.REGISTRY_METADATA, f"size {document.size[0]} is more than any document has", document
            )


def _octets(document: DocumentEntry) -> int | None:
    """The size as a number, None when it is none."""
    size = document.size[0] if document.size else ""
    return int(size) if size.isdecimal() and len(size) <= 20 else None


def _entry_uuids(submission: Submission, referred: Referred) -> Iterator[RegistryError]:
    """V51: an entryUUID is given out once, also to an object in quarantine."""
    for item in submission.objects():
        if not is_symbolic(item.entry_uuid) and item.entry_uuid.lower() in referred.objects:
            yield _fault(ErrorCode.REGISTRY_METADATA, f"entryUUID {item.entry_uuid} is already registered", item)


def _unique_ids(submission: Submission, referred: Referred) -> Iterator[RegistryError]:
    """V45 to V50. Source: ITI TF-2: 3.42.4.1.3.3.1."""
    for item in identified(submission):
        if isinstance(item, DocumentEntry):
            continue
        for stored in referred.unique_ids.get(item.unique_id or "", ()):
            what = "SubmissionSet" if isinstance(item, SubmissionSet) else "Folder"
            yield _fault(
                ErrorCode.DUPLICATE_UNIQUE_ID_IN_REGISTRY,
                f"uniqueId {item.unique_id} of the {what} already belongs to a registered {stored.kind}",
                item,
            )
            break
    for document in submission.documents:
        for stored in referred.unique_ids.get(document.unique_id or "", ()):
            if stored.superseded:
                continue  # its latest version says what bytes it has
            found = list(_other_bytes(document, stored))
            yield from found
            if found:
                break


def _other_bytes(document: DocumentEntry, stored: Stored) -> Iterator[RegistryError]:
    """A uniqueId names certain bytes: the same bytes again are welcome (V49), others are not (V47, V48, V50)."""
    unique_id = document.unique_id
    if stored.kind != "document":
        yield _fault(
            ErrorCode.DUPLICATE_UNIQUE_ID_IN_REGISTRY,
            f"uniqueId {unique_id} of the DocumentEntry already belongs to a registered {stored.kind}",
            document,
        )
    elif stored.on_demand != (document.object_type == ON_DEMAND_DOCUMENT):
        kind = "an on-demand" if stored.on_demand else "a stable"
        yield _fault(
            ErrorCode.REGISTRY_METADATA, f"uniqueId {unique_id} already belongs to {kind} DocumentEntry", document
        )
    elif not stored.on_demand:
        if _octets(document) not in {None, stored.size}:
            yield _fault(
                ErrorCode.NON_IDENTICAL_SIZE,
                f"document {unique_id} is registered with size {stored.size}, not {document.size[0]}",
                document,
            )
        if document.hash and document.hash[0].lower() != stored.hash.lower():
            yield _fault(
                ErrorCode.NON_IDENTICAL_HASH,
                f"document {unique_id} is registered with hash {stored.hash}, not {document.hash[0]}",
                document,
            )


def _patients(submission: Submission, referred: Referred) -> Iterator[RegistryError]:
    """V52: each patient is known through the identity feed and has not been subsumed."""
    named = {item.patient_id: item for item in reversed(identified(submission)) if item.patient_id}
    for patient, item in named.items():
        if patient not in referred.known_patients:
            yield _fault(ErrorCode.UNKNOWN_PATIENT_ID, f"patient {patient} is not known here", item)


def _made_from_replaced(submission: Submission, referred: Referred) -> Iterator[RegistryError]:
    """Nothing is made from a document that this submission deprecates: what comes of it would depend on the order."""
    doomed: set[str] = set()
    for association in submission.associations:
        if association.association_type in REPLACEMENTS and (replaced := referred.object(association.target)):
            doomed |= {stored.entry_uuid.lower() for stored in (replaced, *referred.descendants.get(replaced.key, ()))}
    for association in submission.associations:
        if association.association_type in {XFRM, APND} and association.target.lower() in doomed:
            yield _fault(
                ErrorCode.REGISTRY_METADATA,
                f"{association.target} is deprecated by this submission; nothing else is made from it",
                association,
            )


_Message = Mapping[str, RegistryObject]


def _memberships(association: Association, message: _Message, referred: Referred) -> Iterator[RegistryError]:
    """V11, V14, V54 to V57: what a HasMember may join."""
    source = message.get(same_id(association.source))
    target = message.get(same_id(association.target))
    if isinstance(source, SubmissionSet):
        if target is None and not is_symbolic(association.target):
            yield from _reference(association, referred)
    elif source is None or isinstance(source, Folder):
        yield from _in_folder(association, source, target, referred)


def _reference(association: Association, referred: Referred) -> Iterator[RegistryError]:
    """The submission set takes up what is already registered: only an Approved document can be (V11, V57)."""
    if association.submission_set_status == (ORIGINAL,):
        return  # wrong whatever is registered
    stored = referred.object(association.target)
    if stored is None:
        yield _unresolved(association, association.target)
    elif stored.kind != "document":
        yield _fault(
            ErrorCode.REGISTRY_METADATA,
            f"{association.target} is a registered {stored.kind}; a submission set takes up registered documents only",
            association,
        )
    elif association.submission_set_status != (REFERENCE,):
        yield _fault(
            ErrorCode.REGISTRY_METADATA,
            f"the SubmissionSetStatus of {association.target} is not Reference",
            association,
        )
    elif not stored.approved:
        yield _deprecated(association, association.target)


def _in_folder(
    association: Association, source: RegistryObject | None, target: RegistryObject | None, referred: Referred
) -> Iterator[RegistryError]:
    """A document is put in a folder; each of the two may be new or registered (V54 to V56)."""
    patients = []
    for end, new, kind in ((association.source, source, "folder"), (association.target, target, "document")):
        if new is not None:
            patients.append(getattr(new, "patient_id", None))
            continue
        if is_symbolic(end):
            continue  # a symbolic id that names nothing is found without the database
        stored = referred.object(end)
        if stored is None:
            yield _unresolved(association, end)
        elif stored.kind != kind:
            yield _fault(ErrorCode.REGISTRY_METADATA, f"{end} is a registered {stored.kind}, not a {kind}", association)
        elif not stored.approved and kind == "document":
            yield _deprecated(association, end)
        elif not stored.approved:
            yield _fault(ErrorCode.REGISTRY_METADATA, f"folder {end} is not Approved", association)
        else:
            patients.append(stored.patient)
    if len(patients) == 2 and patients[0] != patients[1]:
        yield _fault(
            ErrorCode.PATIENT_ID_DOES_NOT_MATCH,
            f"the folder is of patient {patients[0]}, the document of {patients[1]}",
            association,
        )


def _relationships(association: Association, message: _Message, referred: Referred) -> Iterator[RegistryError]:
    """V59 to V65: what RPLC, XFRM, APND, XFRM_RPLC, signs and IsSnapshotOf may join."""
    source = message.get(same_id(association.source))
    target = message.get(same_id(association.target))
    if target is not None or is_symbolic(association.target):
        return  # needs nothing stored
    stored = referred.object(association.target)
    if stored is None or stored.kind != "document":
        yield _unresolved(association, association.target)
        return
    if not stored.approved:
        yield _deprecated(association, association.target)
    if isinstance(source, DocumentEntry) and source.patient_id:
        others = {stored.patient}
        if association.association_type in REPLACEMENTS:
            others |= {folder.patient for folder in referred.folders.get(stored.key, ())}
        for patient in sorted(others - {source.patient_id}):
            yield _fault(
                ErrorCode.PATIENT_ID_DOES_NOT_MATCH,
                f"the document is of patient {source.patient_id}, what it refers to of {patient}",
                association,
            )
    if association.association_type == IS_SNAPSHOT_OF and not stored.on_demand:
        yield _fault(ErrorCode.REGISTRY_METADATA, f"{association.target} is not an on-demand document", association)
    if association.association_type == APND and stored.transformed:
        yield _fault(
            ErrorCode.REGISTRY_METADATA,
            f"{association.target} is a transformation; nothing can be appended to it",
            association,
        )


def _unresolved(association: Association, end: str) -> RegistryError:
    return _fault(ErrorCode.UNRESOLVED_REFERENCE, f"{end} names nothing that an association could lead to", association)


def _deprecated(association: Association, end: str) -> RegistryError:
    return _fault(ErrorCode.REGISTRY_DEPRECATED_DOCUMENT, f"document {end} is deprecated", association)
