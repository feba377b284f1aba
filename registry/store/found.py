"""What a query finds: objects with their stored ebRIM, ready to be filled and spliced into an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from registry.ebrim.messages import AdhocQuery
from registry.ebrim.writer import fill, object_ref
from registry.errors import GeneralRegistryError
from registry.metadata.objects import APPROVED, DEPRECATED
from registry.store.selection import Row

_STATUS: Final = (APPROVED, DEPRECATED)
_UNIQUE_ID: Final = {"document": 4, "submission_set": 3, "folder": 3}  # its place in a row of `selection`


@dataclass(frozen=True, slots=True)
class FoundIn:
    """What the objects of one registry have in common: its home, and what reads the numbers and bytes of their rows."""

    home: str
    expand: Callable[[bytes], bytes]
    codes: Callable[[str], tuple[tuple[str, str], ...]]


class FoundObject:
    """One object that a query found. Of its row only what somebody asks for is made into values.

    `kind` is document, submission_set, folder or association. `patient_id` is the surviving identity of its patient.
    """

    __slots__ = ("_found_in", "_row", "kind", "patient_id")

    def __init__(self, kind: str, row: Row, patient_id: str, found_in: FoundIn) -> None:
        self.kind = kind
        self.patient_id = patient_id
        self._row = row
        self._found_in = found_in

    @property
    def entry_uuid(self) -> str:
        """Its entryUUID, `urn:uuid:…`."""
        return self._row[1]  # type: ignore[no-any-return]

    @property
    def status(self) -> str:
        """Its availabilityStatus."""
        return _STATUS[self._row[2]]

    @property
    def home(self) -> str:
        """The registry's homeCommunityId."""
        return self._found_in.home

    @property
    def confidentiality(self) -> tuple[tuple[str, str], ...]:
        """(code, scheme) pairs of a document, else empty."""
        return self._found_in.codes(self._row[3]) if self.kind == "document" else ()

    @property
    def unique_id(self) -> str:
        """Its uniqueId, "" of an association."""
        return str(self._row[_UNIQUE_ID[self.kind]]) if self.kind in _UNIQUE_ID else ""

    @property
    def repository_unique_id(self) -> str:
        """Where a document is, else ""."""
        return str(self._row[5]) if self.kind == "document" else ""

    @property
    def source(self) -> str:
        """EntryUUID of an association's source, else ""."""
        return str(self._row[5]) if self.kind == "association" else ""

    @property
    def target(self) -> str:
        """EntryUUID of an association's target, else ""."""
        return str(self._row[6]) if self.kind == "association" else ""

    @property
    def last_update_time(self) -> str:
        """When a folder last gained a document, 14 digits; else ""."""
        return str(self._row[4]) if self.kind == "folder" else ""

    def leaf(self) -> bytes:
        """The object as ebRIM, to stand in a rim:RegistryObjectList."""
        row = self._row
        if not isinstance(row[-1], bytes):
            raise GeneralRegistryError(f"{self.entry_uuid} was found as a reference only")
        return fill(
            self._found_in.expand(row[-1]),
            home=self._found_in.home,
            status=_STATUS[row[2]],
            patient_id=self.patient_id,
            last_update_time=str(row[4]) if self.kind == "folder" else "",
        )

    def reference(self) -> bytes:
        """The object as rim:ObjectRef."""
        return object_ref(self.entry_uuid, self.home)


@dataclass(frozen=True, slots=True)
class Found:
    """The answer of the registry to one stored query.

    `patient_id` is the patient asked for, "" for a query by ids; `withheld` the number of documents kept back.
    """

    query: AdhocQuery
    return_type: str
    objects: list[FoundObject]
    patient_id: str
    withheld: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredDocument:
    """What others need to know of a DocumentEntry without its ebRIM. `size` is None for an on-demand entry."""

    id: int
    entry_uuid: str
    unique_id: str
    patient_id: str
    status: str
    confidentiality: tuple[tuple[str, str], ...]
    repository_unique_id: str
    hash: str
    size: int | None
    mime_type: str
    on_demand: bool  # made when it is asked for; there are no bytes of it
    quarantined: bool
    superseded: bool  # by a newer version of its metadata
    title: str
    creation_time: str
