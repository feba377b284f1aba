"""One submission set as it goes into a package, and as it comes out of one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from lxml import etree

from node.packages.layout import document_name
from node.soap.limits import ANSWER
from node.soap.message import parse
from registry.ebrim.messages import submit_objects_request
from registry.ebrim.reader import read_submission
from registry.ebrim.vocabulary import LCM, RIM
from registry.errors import RegistryError
from registry.metadata.objects import (
    APND,
    DEPRECATED,
    HAS_MEMBER,
    RPLC,
    SIGNS,
    STABLE_DOCUMENT,
    XFRM,
    XFRM_RPLC,
    Association,
    DocumentEntry,
)
from registry.metadata.submission import Submission

_KEPT: Final = frozenset({HAS_MEMBER, RPLC, XFRM, APND, XFRM_RPLC, SIGNS})
_OF_UPDATES: Final = frozenset({"PreviousVersion", "AssociationPropagation", "OriginalStatus", "NewStatus"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A submission set for a package: its METADATA.XML, and which document goes into which file."""

    metadata: bytes
    files: dict[str, DocumentEntry]
    titles: tuple[tuple[str, str, str], ...]  # file, title, creationTime
    left_out: int  # objects that a package cannot hold: made on demand, or about what is not there
    empty: bool  # nothing of it can be shown any more


def pack(leaves: Iterable[bytes], *, repository: str) -> Packed:
    """A submission set out of what a query found of it; documents of this repository get a file each."""
    head = f'<lcm:SubmitObjectsRequest xmlns:lcm="{LCM}" xmlns:rim="{RIM}"><rim:RegistryObjectList>'.encode()
    tail = b"</rim:RegistryObjectList></lcm:SubmitObjectsRequest>"
    found, _ = read_submission(parse(b"".join((head, *leaves, tail)), limits=ANSWER))
    documents = [one for one in found.documents if one.object_type == STABLE_DOCUMENT]
    ours = [one for one in documents if repository in one.repository_unique_id]
    names = {one.entry_uuid: document_name(number, one.mime_type or "") for number, one in enumerate(ours, start=1)}
    written = tuple(replace(one, uri=(names[one.entry_uuid],)) if one.entry_uuid in names else one for one in documents)
    gone = {one.entry_uuid for one in found.documents} - {one.entry_uuid for one in documents}
    associations = _joined(found.associations, gone)
    submission = replace(found, documents=written, associations=associations)
    return Packed(
        metadata=submit_objects_request(submission),
        files={names[one.entry_uuid]: one for one in ours},
        titles=tuple(
            (names[one.entry_uuid], next((text.value for text in one.title), ""), next(iter(one.creation_time), ""))
            for one in ours
        ),
        empty=not (documents or found.folders),
        left_out=len(gone) + len(found.associations) - len(associations),
    )


def _joined(associations: Sequence[Association], gone: set[str]) -> tuple[Association, ...]:
    """Associations of a submission, without those that lead to what is not there; a few times, for chains."""
    kept, gone = list(associations), {*gone}
    while True:
        out = [one for one in kept if one.association_type not in _KEPT or {one.source, one.target} & gone]
        if not out:
            return tuple(kept)
        gone |= {one.entry_uuid for one in out}
        kept = [one for one in kept if one not in out]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """A submission set out of a package, ready to be registered; `files` by the id of the entry."""

    submission: Submission
    faults: tuple[RegistryError, ...]
    files: dict[str, str]
    deprecated: tuple[str, ...]  # uniqueIds of documents that are no longer current


def unpack(metadata: bytes, *, patient: str) -> Unpacked:
    """Read METADATA.XML; all of it becomes that of `patient` (CX), "" leaves it as it is.

    What the registry that it came from gave, status, home, version, is left behind: this registry gives its own.

    Raises:
        SoapFault: it is no XML that can be read.
    """
    found, faults = read_submission(_request(parse(metadata, limits=ANSWER)))
    new: dict[str, Any] = {"patient_id": patient} if patient else {}
    plain: dict[str, Any] = {
        "home_community_id": None,
        "availability_status": None,
        "logical_id": None,
        "version": None,
    }

    def document(one: DocumentEntry) -> DocumentEntry:
        return replace(one, **plain, **new, uri=() if len(one.uri) == 1 else one.uri)

    submission = replace(
        found,
        documents=tuple(map(document, found.documents)),
        submission_sets=tuple(replace(one, **plain, **new) for one in found.submission_sets),
        folders=tuple(replace(one, **plain, **new, last_update_time=()) for one in found.folders),
        associations=tuple(map(_plain, found.associations)),
    )
    return Unpacked(
        submission=submission,
        faults=tuple(faults),
        files={one.entry_uuid: one.uri[0] for one in found.documents if len(one.uri) == 1},
        deprecated=tuple(
            one.unique_id for one in found.documents if one.availability_status == DEPRECATED and one.unique_id
        ),
    )


def _plain(one: Association) -> Association:
    extra = tuple(slot for slot in one.extra if slot.name not in _OF_UPDATES)
    return replace(one, home_community_id=None, availability_status=None, logical_id=None, version=None, extra=extra)


def _request(root: etree._Element) -> etree._Element:
    """The lcm:SubmitObjectsRequest of a METADATA.XML; some wrap it into a ProvideAndRegister request."""
    found = root.find(f".//{{{LCM}}}SubmitObjectsRequest")
    return root if found is None else found


def with_bytes(unpacked: Unpacked, completed: Mapping[str, DocumentEntry]) -> Submission:
    """The submission with those entries that were completed from their bytes."""
    submission = unpacked.submission
    return replace(submission, documents=tuple(completed.get(one.entry_uuid, one) for one in submission.documents))
