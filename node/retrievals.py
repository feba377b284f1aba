"""What ITI-43 and ITI-39 share: fetching what this node holds, the result, its encoding and its audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lxml import etree

from node import access
from node.access import Access
from node.bindings import AuditFact
from node.exchange import Exchange
from node.records import document_object
from registry.document_registry import RegisteredDocument
from registry.ebrim.messages import FAILURE
from registry.errors import ErrorCode, RegistryError, XdsErrors
from registry.store.on_demand import OnDemandDocuments
from repository.errors import BlobDamaged
from repository.messages import DocumentAnswer, DocumentRequest, read_retrieve_request, retrieve_response
from repository.retrieve import distinct, overall_status
from repository.store.catalogue import StoredDocument
from trust.audit.event import AuditedObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One document that leaves as a MIME part."""

    request: DocumentRequest
    content_id: str
    mime_type: str
    size: int
    sha256: bytes
    frames: Iterator[bytes]
    patient: str = ""
    new_repository_unique_id: str = ""  # of what was made on demand: where the same bytes can be had again
    new_document_unique_id: str = ""
    sources: tuple[DocumentRequest, ...] = ()  # the documents that it was made of
    copy: str = ""  # of what is no document of the moment: when and where it was fetched


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveResult:
    """Documents found and one error for each that was not."""

    documents: tuple[Outgoing, ...] = ()
    errors: tuple[RegistryError, ...] = ()
    failed: tuple[DocumentRequest, ...] = ()


def decode(body: etree._Element) -> tuple[DocumentRequest, ...]:
    """Read xds:RetrieveDocumentSetRequest; the same line twice is answered once."""
    return distinct(read_retrieve_request(body))


def encode(result: RetrieveResult) -> bytes:
    """Write xds:RetrieveDocumentSetResponse; the documents themselves follow as MIME parts."""
    answers = [
        DocumentAnswer(
            request=item.request,
            mime_type=item.mime_type,
            content_id=item.content_id,
            new_repository_unique_id=item.new_repository_unique_id,
            new_document_unique_id=item.new_document_unique_id,
        )
        for item in result.documents
    ]
    return retrieve_response(overall_status(len(answers), result.errors), result.errors, answers)


def encode_errors(errors: Sequence[RegistryError]) -> bytes:
    """Write the Failure answer: errors and no document."""
    return retrieve_response(FAILURE, errors, ())


def from_here(
    requests: Sequence[DocumentRequest],
    made: Mapping[DocumentRequest, Outgoing],
    exchange: Exchange,
    *,
    gateway: bool,
) -> RetrieveResult:
    """Fetch what this node holds and the caller may see; `made` is what it has made on demand.

    A document that is unknown, withheld or quarantined gets the same XDSDocumentUniqueIdError: whoever may not see
    it does not learn that it exists. One that is damaged is an XDSRepositoryError to those who may see it. `gateway`
    puts the error's location as ITI-39 wants it.
    """
    actors, view = exchange.actors, access.of(exchange)
    ours = [item for item in requests if item.repository_unique_id == actors.own.repository_unique_id]
    registered = actors.registry.documents([item.document_unique_id for item in ours])
    documents: list[Outgoing] = []
    errors: list[RegistryError] = []
    failed: list[DocumentRequest] = []
    for request in requests:
        entries = registered.get(request.document_unique_id, []) if request in ours else []
        entry = visible(entries, view) if _given_with_sources(request, view, exchange) else None
        if entry and entry.on_demand and request in made:
            documents.append(made[request])
            continue
        stored = actors.repository.locate(request.document_unique_id) if entry else None
        try:
            if entry and stored:
                documents.append(_outgoing(request, entry, stored, exchange))
                continue
        except BlobDamaged:
            assert stored is not None  # noqa: S101  its file is what is damaged
            actors.damages.found(stored, exchange.incident)
            errors.append(_broken(request, exchange, gateway=gateway))
        else:
            errors.append(_missing(request, exchange, known_repository=request in ours, gateway=gateway))
        failed.append(request)
    return RetrieveResult(documents=tuple(documents), errors=tuple(errors), failed=tuple(failed))


def visible(entries: Sequence[RegisteredDocument], view: Access) -> RegisteredDocument | None:
    """Several entries may share one uniqueId; the caller must be allowed to see every one, none may be quarantined.

    Older versions of an entry do not count: the latest says who may see the document.
    """
    entries = [entry for entry in entries if not entry.superseded]
    live = [entry for entry in entries if not entry.quarantined]
    if not live or len(live) != len(entries):
        return None
    return live[0] if view.may_see(live) else None


def _given_with_sources(request: DocumentRequest, view: Access, exchange: Exchange) -> bool:
    """A snapshot of what was made on demand goes to who may see everything that it was made of, and to nobody else."""
    actors = exchange.actors
    sources = OnDemandDocuments(actors.reader).sources(request.document_unique_id)
    if not sources:
        return True
    registered = actors.registry.documents(sources)
    return all(_is_there(visible(registered.get(source, []), view), exchange) for source in sources)


def _is_there(entry: RegisteredDocument | None, exchange: Exchange) -> bool:
    """Whether a document can be had: what was removed (ITI-86) is not given out as an excerpt either."""
    actors = exchange.actors
    if entry is None:
        return False
    elsewhere = entry.repository_unique_id != actors.own.repository_unique_id
    return elsewhere or actors.repository.locate(entry.unique_id) is not None


def _outgoing(
    request: DocumentRequest, entry: RegisteredDocument, stored: StoredDocument, exchange: Exchange
) -> Outgoing:
    return Outgoing(
        request=request,
        content_id=f"{exchange.actors.new_uuid().removeprefix('urn:uuid:')}@{exchange.actors.own.repository_unique_id}",
        mime_type=entry.mime_type or stored.mime_type,
        size=stored.size,
        sha256=stored.sha256,
        frames=_watched(exchange.actors.repository.open(stored).frames(), stored, exchange),
        patient=entry.patient_id,
    )


def _watched(frames: Iterator[bytes], stored: StoredDocument, exchange: Exchange) -> Iterator[bytes]:
    """A document that turns out to be damaged while it leaves breaks its answer off; the next answer names it."""
    try:
        yield from frames
    except BlobDamaged:
        exchange.actors.damages.found(stored, exchange.incident)
        raise


def _broken(request: DocumentRequest, exchange: Exchange, *, gateway: bool) -> RegistryError:
    return RegistryError(
        ErrorCode.REPOSITORY_ERROR,
        f"document {request.document_unique_id} is damaged and cannot be given out, incident {exchange.incident}",
        exchange.actors.own.home if gateway else request.document_unique_id,
    )


def _missing(request: DocumentRequest, exchange: Exchange, *, known_repository: bool, gateway: bool) -> RegistryError:
    unique_id = request.document_unique_id
    location = exchange.actors.own.home if gateway else unique_id
    if not known_repository:
        return RegistryError(
            ErrorCode.UNKNOWN_REPOSITORY_ID,
            f"repository {request.repository_unique_id} of document {unique_id} is not served here",
            location,
        )
    incident = f", incident {exchange.incident}" if gateway else ""
    return RegistryError(ErrorCode.DOCUMENT_UNIQUE_ID, f"document {unique_id} is not available{incident}", location)


def retrieve_facts(
    requests: tuple[DocumentRequest, ...], result: RetrieveResult | None, exchange: Exchange
) -> list[AuditFact]:
    """One record for each patient whose documents leave, one more for what failed."""
    if result is None:
        return [AuditFact(objects=_objects(requests, exchange))]
    facts = [
        AuditFact(
            patient=patient,
            objects=tuple(
                part
                for item in result.documents
                if item.patient == patient
                for part in (_object(item.request, exchange, item.copy), *_objects(item.sources, exchange))
            ),
        )
        for patient in dict.fromkeys(item.patient for item in result.documents)
    ]
    if result.failed or not facts:
        facts.append(AuditFact(objects=_objects(result.failed, exchange), errors=result.errors))
    return facts


def _objects(requests: Sequence[DocumentRequest], exchange: Exchange) -> tuple[AuditedObject, ...]:
    return tuple(_object(item, exchange) for item in requests)


def _object(item: DocumentRequest, exchange: Exchange, copy: str = "") -> AuditedObject:
    home = item.home_community_id or exchange.actors.own.home
    facts = (("Copy", copy),) if copy else ()
    return document_object(item.document_unique_id, item.repository_unique_id, home, facts)


def refuse_empty(requests: Sequence[DocumentRequest]) -> None:
    """A retrieve without a DocumentRequest asks for nothing (the schema wants one)."""
    if not requests:
        raise XdsErrors([RegistryError(ErrorCode.REPOSITORY_ERROR, "the request names no document")])
