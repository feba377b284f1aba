"""ITI-41 Provide and Register Document Set-b: documents in, metadata registered (ITI TF-2: 3.41).

Bytes before rows, rows before the answer, audit with the rows: there is no state in which metadata points to a
document that is not durable.
"""

from __future__ import annotations

import sqlite3

from lxml import etree

from node.consents.documents import MOST_BYTES, form_of, take_consents
from node.exchange import Exchange
from node.notifications.noting import note
from node.registrations import RegisterRequest, RegisterResult, Taken
from registry.ebrim.reader import read_submission
from registry.errors import XdsErrors
from repository.messages import read_provide_and_register
from repository.provide import complete, pairing_faults
from repository.store.staging import Staged


def decode(body: etree._Element) -> RegisterRequest:
    """Read xds:ProvideAndRegisterDocumentSetRequest."""
    submit_objects, parts = read_provide_and_register(body)
    submission, faults = read_submission(submit_objects)
    tolerated = frozenset(faults.tolerated)
    return RegisterRequest(submission=submission, faults=tuple(faults), documents=tuple(parts), tolerated=tolerated)


async def stage(request: RegisterRequest, incoming: object, exchange: Exchange) -> Taken:
    """Store the bytes of each document, durable and without a row; what nobody registers is swept later.

    Raises:
        XdsErrors: documents and metadata do not pair; nothing is stored then.
    """
    faults = pairing_faults(request.submission, request.documents)
    if faults:
        raise XdsErrors(faults)
    staged: dict[str, Staged] = {}
    consents = {item.entry_uuid: bytearray() for item in request.submission.documents if form_of(item)}
    async for document_id, chunks in incoming.documents():  # type: ignore[attr-defined]
        staging = exchange.actors.repository.begin()
        try:
            async for chunk in chunks:
                staging.write(chunk)
                if document_id in consents:
                    consents[document_id] += chunk[: MOST_BYTES + 1 - len(consents[document_id])]
            staged[document_id] = await staging.finish()
        finally:
            staging.discard()  # does nothing once it is finished
    return Taken(staged, {document_id: bytes(content) for document_id, content in consents.items()})


def provide_and_register_document_set(
    request: RegisterRequest, taken: Taken, exchange: Exchange, connection: sqlite3.Connection
) -> RegisterResult:
    """Complete the metadata from the bytes, register it, and keep the documents (ITI TF-2: 3.41.4.1.3)."""
    actors = exchange.actors
    submission = complete(request.submission, taken.staged, actors.own.repository_unique_id)
    registered = actors.registry_on(connection).register(
        submission,
        request.faults,
        transaction="ITI-41",
        now=exchange.now.strftime("%Y%m%d%H%M%S"),
        new_uuid=actors.new_uuid,
    )
    for document in submission.documents:
        if document.unique_id and document.mime_type:
            actors.repository.keep(
                connection, document.unique_id, document.mime_type, taken.staged[document.entry_uuid]
            )
    take_consents(connection, submission, taken.consents, exchange)
    note(connection, registered, exchange)
    actors.summaries.note(registered.patient_id)
    return RegisterResult(registered=registered, errors=tuple(registered.warnings))
