"""What registering a submission does to what it refers to, and why it may not (ITI TF-3: 4.2.2; ITI TF-2: 3.42.4.1.3).

Pure: the submission and what is stored of the objects it refers to go in; faults, or changes, come out. Checks that
need nothing stored are those of `metadata.rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from registry.errors import ErrorCode, RegistryError
from registry.metadata.objects import (
    APND,
    HAS_MEMBER,
    IS_SNAPSHOT_OF,
    ON_DEMAND_DOCUMENT,
    ORIGINAL,
    REFERENCE,
    RPLC,
    XFRM,
    XFRM_RPLC,
    Association,
    DocumentEntry,
    Folder,
    RegistryObject,
    SubmissionSet,
)
from registry.metadata.submission import Submission
from registry.metadata.submission_rules import same_id
from registry.metadata.values import is_symbolic

REPLACEMENTS: Final = frozenset({RPLC, XFRM_RPLC})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A registered object as the rules see it. `key` is the store's own; `patient` is the surviving identity."""

    key: int
    kind: Literal["document", "submission_set", "folder", "association"]
    entry_uuid: str
    patient: str
    approved: bool = True
    quarantined: bool = False
    unique_id: str = ""
    on_demand: bool = False
    hash: str = ""
    size: int | None = None
    transformed: bool = False  # a document that is the source of an XFRM


@dataclass(frozen=True, slots=True, kw_only=True)
class Referred:
    """What is stored of all that a submission refers to. Keys of `objects` are lower-case entryUUIDs.

    For each document (by key) that is to be replaced, `folders` holds the Approved folders it is in, all of them among
    `objects`, and `descendants` the Approved documents that are XFRM or APND of it, at any depth.
    """

    objects: Mapping[str, Stored] = field(default_factory=dict)
    unique_ids: Mapping[str, tuple[Stored, ...]] = field(default_factory=dict)
    known_patients: Mapping[str, int] = field(default_factory=dict)  # known and not subsumed, with the store's number
    folders: Mapping[int, tuple[Stored, ...]] = field(default_factory=dict)
    descendants: Mapping[int, tuple[Stored, ...]] = field(default_factory=dict)

    def object(self, entry_uuid: str) -> Stored | None:
        """A registered object that may be referred to. One in quarantine is not there for anybody."""
        stored = self.objects.get(entry_uuid.lower())
        return None if stored is None or stored.quarantined else stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What to write, all at once: the completed submission, and what becomes of registered objects."""

    submission: Submission
    now: str  # 14 digits, UTC
    deprecated: tuple[Stored, ...] = ()
    updated_folders: tuple[Stored, ...] = ()  # their lastUpdateTime becomes `now`


Identified = SubmissionSet | DocumentEntry | Folder


def identified(submission: Submission) -> tuple[Identified, ...]:
    """The objects that have a uniqueId and a patientId."""
    return (*submission.submission_sets, *submission.documents, *submission.folders)


# --- faults ---------------------------------------------------------------------------------------------------------


def faults(submission: Submission, referred: Referred) -> list[RegistryError]:
    """Every reason in the database not to register `submission`."""
    message = {same_id(item.entry_uuid): item for item in submission.objects()}
    checks = (_entry_uuids, _unique_ids, _patients, _made_from_replaced)
    found = [fault for check in checks for fault in check(submission, referred)]
    for association in submission.associations:
        check = _memberships if association.association_type == HAS_MEMBER else _relationships
        found += check(association, message, referred)
    return found


def _fault(code: ErrorCode, context: str, item: RegistryObject) -> RegistryError:
    return RegistryError(code, context, item.entry_uuid)


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
            conflicts = list(_conflicts(document, stored))
            yield from conflicts
            if conflicts:
                break


def _conflicts(document: DocumentEntry, stored: Stored) -> Iterator[RegistryError]:
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
        if document.size and document.size[0].isdecimal() and int(document.size[0]) != stored.size:
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


# --- changes --------------------------------------------------------------------------------------------------------


def changes(submission: Submission, referred: Referred, *, now: str, new_uuid: Callable[[], str]) -> Changes:
    """What registering a submission without faults changes. Its ids are assigned; `now` is 14 digits, UTC.

    A replaced document is deprecated with all that was made from it or appended to it, and its replacement takes its
    place in folders (ITI TF-3: 4.2.2.2.1, 4.2.2.2.3). A folder that gains a document is updated (4.2.3.4.6).
    """
    deprecated: dict[int, Stored] = {}
    links: list[Association] = []
    members = {(item.source.lower(), item.target.lower()) for item in submission.associations}
    for association in submission.associations:
        replaced = referred.object(association.target) if association.association_type in REPLACEMENTS else None
        if replaced is None:
            continue
        for stored in (replaced, *referred.descendants.get(replaced.key, ())):
            deprecated[stored.key] = stored
        for folder in _holding(submission, referred, replaced):
            member = (folder.lower(), association.source.lower())
            if member not in members:
                members.add(member)
                links += _links(submission.submission_set, folder, association.source, new_uuid)
    gaining = {
        item.source.lower() for item in (*submission.associations, *links) if item.association_type == HAS_MEMBER
    }
    known = (referred.object(end) for end in gaining)
    return Changes(
        submission=replace(
            submission,
            folders=tuple(_updated(folder, gaining, now) for folder in submission.folders),
            associations=(*submission.associations, *links),
        ),
        now=now,
        deprecated=tuple(deprecated.values()),
        updated_folders=tuple(stored for stored in known if stored is not None and stored.kind == "folder"),
    )


def _holding(submission: Submission, referred: Referred, document: Stored) -> list[str]:
    """Folders that a registered document is in, also those that this submission puts it in."""
    return [
        *(folder.entry_uuid for folder in referred.folders.get(document.key, ())),
        *(
            item.source
            for item in submission.associations
            if item.association_type == HAS_MEMBER
            and item.target.lower() == document.entry_uuid.lower()
            and item.source != submission.submission_set.entry_uuid
        ),
    ]


def _links(
    submission_set: SubmissionSet, folder: str, document: str, new_uuid: Callable[[], str]
) -> tuple[Association, Association]:
    """A replacement takes the place of what it replaces in a folder: FD-DE and the SS-HM that records it."""
    member = _member(folder, document, new_uuid())
    return member, _member(submission_set.entry_uuid, member.entry_uuid, new_uuid())


def _member(source: str, target: str, entry_uuid: str) -> Association:
    return Association(
        entry_uuid=entry_uuid,
        association_type=HAS_MEMBER,
        source=source,
        target=target,
        logical_id=entry_uuid,
        version="1",
    )


def _updated(folder: Folder, gaining: set[str], now: str) -> Folder:
    """A new folder with its lastUpdateTime: now, unless it is empty and came with one."""
    if folder.last_update_time and folder.entry_uuid.lower() not in gaining:
        return folder
    return replace(folder, last_update_time=(now,))
