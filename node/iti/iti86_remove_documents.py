"""ITI-86 Remove Documents: bytes go for good, their metadata stays (Remove Metadata and Documents, 3.86).

Rows go with the answer's record, in one commit; files afterwards, by the sweep that removes what no row refers to.
Each document is a matter of its own: what cannot be removed is an error beside what can.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from node import access
from node.bindings import AuditFact
from node.exchange import Exchange
from node.records import DESTROYED, document_object
from node.retrievals import refuse_empty
from registry.document_registry import DocumentRegistry, RegisteredDocument
from registry.ebrim.messages import registry_response
from registry.errors import ErrorCode, RegistryError
from repository.messages import DocumentRequest, read_retrieve_request
from repository.retrieve import distinct, overall_status
from repository.store.catalogue import StoredDocument
from trust.audit.event import AuditedObject


@dataclass(frozen=True, slots=True)
class Removed:
    """One document that is no more."""

    request: DocumentRequest
    stored: StoredDocument
    patients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveResult:
    """What was removed, and one error for each document that was not."""

    removed: tuple[Removed, ...]
    errors: tuple[RegistryError, ...] = ()
    failed: tuple[DocumentRequest, ...] = ()
    documents: tuple[()] = ()


def decode(body: etree._Element) -> tuple[DocumentRequest, ...]:
    """Read rmd:RemoveDocumentsRequest; the same line twice counts once."""
    return distinct(read_retrieve_request(body))


def encode(result: RemoveResult) -> bytes:
    """Write rs:RegistryResponse."""
    return registry_response(result.errors, status=overall_status(len(result.removed), result.errors))


def encode_errors(errors: Sequence[RegistryError]) -> bytes:
    """Write the Failure answer: nothing was removed."""
    return registry_response(errors)


async def nothing(_requests: tuple[DocumentRequest, ...], _incoming: object, _exchange: Exchange) -> None:
    """Nothing to wait for."""


def remove_documents(
    requests: tuple[DocumentRequest, ...], _prepared: None, exchange: Exchange, connection: sqlite3.Connection
) -> RemoveResult:
    """Remove the documents that lie here and that who asks may see."""
    refuse_empty(requests)
    actors, view = exchange.actors, access.of(exchange)
    registry = actors.registry_on(connection)
    registered = registry.documents([item.document_unique_id for item in requests])
    removed: list[Removed] = []
    errors: list[RegistryError] = []
    failed: list[DocumentRequest] = []
    for request in requests:
        unique_id = request.document_unique_id
        entries = registered.get(unique_id, [])
        fault = _fault(request, exchange)
        stored = None
        if fault is None and _may_go(entries, view):
            fault = _held(unique_id, registry)
            stored = None if fault else actors.repository.remove(connection, unique_id)
        if stored is None:
            absent = RegistryError(ErrorCode.DOCUMENT_UNIQUE_ID, f"document {unique_id} is not available", unique_id)
            errors.append(fault or absent)
            failed.append(request)
        else:
            removed.append(Removed(request, stored, tuple(dict.fromkeys(entry.patient_id for entry in entries))))
    return RemoveResult(tuple(removed), tuple(errors), tuple(failed))


def _may_go(entries: Sequence[RegisteredDocument], view: access.Access) -> bool:
    """As for retrieval: whoever may not see a document, or one in quarantine, is told that there is none."""
    latest = [entry for entry in entries if not entry.superseded]
    return bool(latest) and not any(entry.quarantined for entry in latest) and view.may_see(latest)


def _held(unique_id: str, registry: DocumentRegistry) -> RegistryError | None:
    """A legal hold binds everybody."""
    if not registry.keeping().held(unique_id):
        return None
    text = f"document {unique_id} is under legal hold and is not removed"
    return RegistryError(ErrorCode.REPOSITORY_ERROR, text, unique_id)


def _fault(request: DocumentRequest, exchange: Exchange) -> RegistryError | None:
    own, unique_id = exchange.actors.own, request.document_unique_id
    if request.home_community_id not in (None, own.home):
        text = f"{request.home_community_id} of document {unique_id} is not this community"
        return RegistryError(ErrorCode.UNKNOWN_COMMUNITY, text, unique_id)
    if request.repository_unique_id != own.repository_unique_id:
        text = f"repository {request.repository_unique_id} of document {unique_id} is not served here"
        return RegistryError(ErrorCode.UNKNOWN_REPOSITORY_ID, text, unique_id)
    return None


def audited(requests: tuple[DocumentRequest, ...], result: RemoveResult | None, exchange: Exchange) -> list[AuditFact]:
    """One record for each patient whose documents went, one more for what was not removed."""
    home = exchange.actors.own.home
    if result is None:
        return [AuditFact(objects=tuple(_asked(item, home) for item in requests))]
    facts = [
        AuditFact(
            patient=patient,
            objects=tuple(_gone(item, home) for item in result.removed if patient in (item.patients or ("",))),
        )
        for patient in dict.fromkeys(one for item in result.removed for one in item.patients or ("",))
    ]
    if result.failed or not facts:
        facts.append(AuditFact(objects=tuple(_asked(item, home) for item in result.failed), errors=result.errors))
    return facts


def _asked(item: DocumentRequest, home: str) -> AuditedObject:
    return document_object(
        item.document_unique_id, item.repository_unique_id, item.home_community_id or home, life=DESTROYED
    )


def _gone(item: Removed, home: str) -> AuditedObject:
    stored = item.stored
    facts = (("mimeType", stored.mime_type), ("size", str(stored.size)), ("hash", stored.sha1))
    return document_object(stored.unique_id, item.request.repository_unique_id, home, facts, DESTROYED)
