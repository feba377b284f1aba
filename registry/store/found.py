"""What a query finds: objects with their stored ebRIM, ready to be filled and spliced into an answer."""

from __future__ import annotations

from dataclasses import dataclass

from registry.ebrim.fragments import Fragments
from registry.ebrim.messages import AdhocQuery
from registry.ebrim.writer import fill, object_ref
from registry.errors import GeneralRegistryError


@dataclass(slots=True)
class FoundObject:
    """One object that a query found.

    `patient_id` is the surviving identity of its patient. `confidentiality` and `repository_unique_id` are those of a
    document, `source` and `target` those of an association, else empty.
    """

    kind: str  # document, submission_set, folder or association
    entry_uuid: str
    patient_id: str
    template: bytes  # compressed, with markers; empty when only a reference was asked for
    status: str
    home: str
    fragments: Fragments  # what expands `template`
    confidentiality: tuple[tuple[str, str], ...] = ()
    source: str = ""
    target: str = ""
    last_update_time: str = ""
    unique_id: str = ""
    repository_unique_id: str = ""

    def leaf(self) -> bytes:
        """The object as ebRIM, to stand in a rim:RegistryObjectList."""
        if not self.template:
            raise GeneralRegistryError(f"{self.entry_uuid} was found as a reference only")
        return fill(
            self.fragments.expand(self.template),
            home=self.home,
            status=self.status,
            patient_id=self.patient_id,
            last_update_time=self.last_update_time,
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

    entry_uuid: str
    unique_id: str
    patient_id: str
    status: str
    confidentiality: tuple[tuple[str, str], ...]
    repository_unique_id: str
    hash: str
    size: int | None
    mime_type: str
    quarantined: bool
    title: str
    creation_time: str
