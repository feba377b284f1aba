"""What a document source and consumer does: provide, find, fetch (ITI-41, ITI-18, ITI-43)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from lxml import etree

from node.client.hearing import Tell, listening
from node.client.session import Attachment, NodeSession
from registry.ebrim.messages import AdhocQuery, adhoc_query_request
from registry.ebrim.object_reader import read_document_entry
from registry.ebrim.reader import ResponseHead, read_registry_response
from registry.ebrim.tolerances import Faults
from registry.errors import Severity
from registry.metadata.objects import (
    APPROVED,
    DEPRECATED,
    ON_DEMAND_DOCUMENT,
    STABLE_DOCUMENT,
    DocumentEntry,
    Slot,
)
from registry.metadata.submission import Submission
from repository.messages import DocumentRequest, provide_and_register_request, retrieve_request

RIM: Final = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"
XDS: Final = "urn:ihe:iti:xds-b:2007"
FIND_DOCUMENTS: Final = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
FIND_FOLDERS: Final = "urn:uuid:958f3006-baad-4929-a4de-ff1114824431"
GET_DOCUMENTS: Final = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"

EVERY_TYPE: Final = (STABLE_DOCUMENT, ON_DEMAND_DOCUMENT)  # without it stable documents alone are meant

NewUuid = Callable[[], UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A query's answer: the documents and what went wrong."""

    documents: tuple[DocumentEntry, ...]
    head: ResponseHead


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A retrieve's answer: uniqueId -> file, and what went wrong."""

    files: dict[str, Path]
    head: ResponseHead


class Documents:
    """Document Source and Document Consumer of the own node."""

    def __init__(self, session: NodeSession, new_uuid: NewUuid) -> None:
        self._session = session
        self._new_uuid = new_uuid

    def provide(self, submission: Submission, path: Path) -> ResponseHead:
        """ITI-41 of a submission with one document whose bytes are in `path`."""
        (entry,) = submission.documents
        content_id = f"{self._new_uuid().hex}@xdsnode"
        body = provide_and_register_request(submission, {entry.entry_uuid: content_id})
        attachment = Attachment(
            content_id=content_id,
            mime_type=entry.mime_type or "application/octet-stream",
            path=path,
            size=int(entry.size[0]),
        )
        received = self._session.send("iti-41", body, message_id=self._new_uuid(), attachments=(attachment,))
        return read_registry_response(received.body)

    def of_patient(
        self, patient: str, *, deprecated: bool = False, on_demand: bool = False, tell: Tell = lambda _: None
    ) -> Found:
        """FindDocuments here and at every connected institution; `tell` hears how each ended, as it ends."""
        types = (Slot(name="$XDSDocumentEntryType", values=(f"({','.join(map(quoted, EVERY_TYPE))})",)),)
        statuses = (APPROVED, DEPRECATED) if deprecated else (APPROVED,)
        message_id = self._new_uuid()
        with listening(self._session, message_id, tell):
            return self._find(
                FIND_DOCUMENTS,
                Slot(name="$XDSDocumentEntryPatientId", values=(quoted(patient),)),
                Slot(name="$XDSDocumentEntryStatus", values=(f"({','.join(map(quoted, statuses))})",)),
                *(types if on_demand else ()),
                message_id=message_id,
            )

    def by_unique_id(self, unique_id: str, home: str | None = None) -> Found:
        """GetDocuments by uniqueId: here, or at the community `home`."""
        return self._find(
            GET_DOCUMENTS, Slot(name="$XDSDocumentEntryUniqueId", values=(f"({quoted(unique_id)})",)), home=home
        )

    def folder(self, patient: str, title: str) -> str:
        """The entryUUID of a patient's folder with this title in the own registry, "" when there is none."""
        body = self._ask(
            FIND_FOLDERS,
            Slot(name="$XDSFolderPatientId", values=(quoted(patient),)),
            Slot(name="$XDSFolderStatus", values=(f"({quoted(APPROVED)})",)),
        )
        for package in body.iter(RIM + "RegistryPackage"):
            name = package.find(f"{RIM}Name/{RIM}LocalizedString")
            home = package.get("home")
            if name is not None and name.get("value") == title and home in (None, self._session.home):
                return package.get("id") or ""
        return ""

    def fetch(self, requests: Sequence[DocumentRequest], folder: Path) -> Fetched:
        """ITI-43; documents are written to `folder` under names of their own."""
        received = self._session.send("iti-43", retrieve_request(requests), message_id=self._new_uuid(), folder=folder)
        files: dict[str, Path] = {}
        for response, reference in zip(
            received.body.iterfind(f"{{{XDS}}}DocumentResponse"), received.message.documents, strict=False
        ):
            unique_id = response.findtext(f"{{{XDS}}}DocumentUniqueId", "").strip()
            if reference.content_id in received.files:
                files[unique_id] = received.files.pop(reference.content_id)
        for path in received.files.values():  # parts that no response names
            path.unlink(missing_ok=True)
        return Fetched(files=files, head=read_registry_response(received.body))

    def _find(self, query_id: str, *slots: Slot, home: str | None = None, message_id: UUID | None = None) -> Found:
        body = self._ask(query_id, *slots, home=home, message_id=message_id)
        faults = Faults()  # what another community wrote is shown as far as it can be read
        elements = body.iterfind(f".//{RIM}ExtrinsicObject")
        return Found(
            documents=tuple(read_document_entry(element, (), faults) for element in elements),
            head=read_registry_response(body),
        )

    def _ask(
        self, query_id: str, *slots: Slot, home: str | None = None, message_id: UUID | None = None
    ) -> etree._Element:
        query = AdhocQuery(query_id, "LeafClass", home, slots)
        received = self._session.send("iti-18", adhoc_query_request(query), message_id=message_id or self._new_uuid())
        return received.body


def quoted(value: str) -> str:
    """A text in a stored query parameter (ITI TF-2: 3.18.4.1.2.3.5)."""
    return "'" + value.replace("'", "''") + "'"


def failed(head: ResponseHead) -> bool:
    """Whether a response holds an error, not warnings alone."""
    return any(error.severity is Severity.ERROR for error in head.errors)
