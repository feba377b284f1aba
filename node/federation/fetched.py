"""Documents that another community sent: checked, then answered as if they were ours (ITI-39 to ITI-43)."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from node.exchange import Exchange
from node.federation.copies import marked
from node.retrievals import Outgoing, RetrieveResult
from registry.errors import ErrorCode, RegistryError
from repository.messages import DocumentAnswer, DocumentRequest

if TYPE_CHECKING:
    from node.federation.answered import Answered
    from node.federation.client import Fetched


def documents_of(answer: Answered, exchange: Exchange) -> RetrieveResult:
    """What one community delivered of what it was asked, and one error for each document that is missing.

    A document nobody asked for is dropped; one whose hash or size is not that of its metadata never reaches a reader.
    """
    asked = {_key(request): request for request in answer.call.requests}
    documents: list[Outgoing] = []
    errors: dict[tuple[str, str], RegistryError] = {}
    for delivered in answer.retrieve.documents:
        key = _key(delivered.request)
        request = asked.get(key)
        part = answer.answer.documents.pop(delivered.content_id or "", None) if answer.answer else None
        if request is None or part is None or any(_key(item.request) == key for item in documents):
            continue
        fault = _damaged(request, part, answer, exchange)
        if fault:
            errors[key] = fault
            part.part.close()
            continue
        known = exchange.actors.gateway.known(answer.community.home, *key)
        patient = known.patient if known else ""
        documents.append(_outgoing(request, delivered, part, exchange, patient))
    if answer.answer:
        answer.answer.close()
    copies = [
        copy
        for key in asked.keys() - {_key(item.request) for item in documents}
        if (copy := exchange.actors.copies.instead(answer, asked[key], exchange))
    ]
    documents += copies
    delivered_keys = {_key(item.request) for item in documents}
    failed = tuple(request for key, request in asked.items() if key not in delivered_keys)
    return RetrieveResult(
        documents=tuple(documents),
        errors=(
            *(marked(copy, answer) for copy in copies),
            *(errors.get(_key(request)) or _missing(request, answer) for request in failed),
        ),
        failed=failed,
    )


def _outgoing(
    request: DocumentRequest, delivered: DocumentAnswer, part: Fetched, exchange: Exchange, patient: str
) -> Outgoing:
    return Outgoing(
        request=request,
        content_id=f"{exchange.actors.new_uuid().removeprefix('urn:uuid:')}@{exchange.actors.own.repository_unique_id}",
        mime_type=delivered.mime_type or "application/octet-stream",
        size=part.size,
        sha256=part.sha256,
        frames=part.frames(),
        patient=patient,
        new_repository_unique_id=delivered.new_repository_unique_id,
        new_document_unique_id=delivered.new_document_unique_id,
    )


def _damaged(request: DocumentRequest, part: Fetched, answer: Answered, exchange: Exchange) -> RegistryError | None:
    known = exchange.actors.gateway.known(
        answer.community.home, request.repository_unique_id, request.document_unique_id
    )
    if known is None or not known.sha1 or (part.size == known.size and hmac.compare_digest(part.sha1, known.sha1)):
        return None
    exchange.actors.alarm("remote-document-damaged")
    return RegistryError(
        ErrorCode.REPOSITORY_ERROR,
        f"{answer.community.name} sent a document that is not the one its metadata describes; it was dropped",
        request.document_unique_id,
    )


def _missing(request: DocumentRequest, answer: Answered) -> RegistryError:
    """Why a document did not come: the community's own error about it, else that the community gave none."""
    unique_id = request.document_unique_id
    if answer.error is not None:
        return RegistryError(answer.error.code, answer.error.context, unique_id)
    for error in answer.retrieve.head.errors:
        if unique_id in (error.context, error.location) or unique_id in error.context.split():
            return RegistryError(error.code, f"{answer.community.name}: {error.context}", unique_id, error.severity)
    return RegistryError(
        ErrorCode.DOCUMENT_UNIQUE_ID, f"document {unique_id} is not available at {answer.community.name}", unique_id
    )


def _key(request: DocumentRequest) -> tuple[str, str]:
    return request.repository_unique_id, request.document_unique_id
