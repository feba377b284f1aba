"""ITI-41 as XDR: another institution pushes documents to this one; they wait until somebody here decides (3.41).

Nothing that was pushed is found or fetched before it is accepted: it is of whatever patient the sender says, and would
stand beside documents that this institution vouches for. So it lies in an inbox; the sender is told (DocumentQueued).
Codes of the sender's domain are taken as they are; whoever accepts it learns of those that this domain does not have.
Folders and relations speak of objects in the sender's registry, and are not kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from node.bindings import AuditFact
from node.exchange import Exchange
from node.records import submission_set_object
from node.registrations import RegisterRequest, Taken
from registry.ebrim.messages import registry_response, submit_objects_request
from registry.errors import ErrorCode, RegistryError, Severity, XdsErrors
from registry.metadata.affinity_domain import ANY
from registry.metadata.objects import APND, HAS_MEMBER, RPLC, XFRM, XFRM_RPLC
from registry.metadata.rules import violations
from registry.metadata.submission import Submission
from repository.provide import complete
from repository.store.inbox import MOST_WAITING, Inbox, held_name

_IGNORED: Final = {
    APND: ErrorCode.PARTIAL_APPEND,
    RPLC: ErrorCode.PARTIAL_REPLACE,
    XFRM: ErrorCode.PARTIAL_TRANSFORM,
    XFRM_RPLC: ErrorCode.PARTIAL_TRANSFORM_REPLACE,
}


@dataclass(frozen=True, slots=True)
class ReceivedResult:
    """What was taken; `errors` are warnings only."""

    no: int
    errors: tuple[RegistryError, ...] = ()
    documents: tuple[()] = ()


def document_recipient(
    request: RegisterRequest, taken: Taken, exchange: Exchange, connection: sqlite3.Connection
) -> ReceivedResult:
    """Keep a pushed submission in the inbox, documents and metadata, durable with its record.

    Raises:
        XdsErrors: what is wrong with it in itself; that it came before; that the sender has too many waiting.
    """
    actors, sender = exchange.actors, exchange.caller.home
    found = [*request.faults, *violations(request.submission, ANY, transaction="XDR")]
    if any(fault.severity is Severity.ERROR for fault in found):
        raise XdsErrors(found)
    inbox = Inbox(connection)
    if inbox.is_full(sender):
        text = f"{MOST_WAITING} submissions of this community wait to be looked at; come again later"
        raise XdsErrors([RegistryError(ErrorCode.REPOSITORY_BUSY, text)])
    submission = complete(request.submission, taken.staged, actors.own.repository_unique_id)
    own = submission.submission_set
    no = inbox.add(
        sender=sender,
        unique_id=own.unique_id or "",
        submission=submit_objects_request(_kept(submission)),
        documents=len(submission.documents),
        now=exchange.now.strftime("%Y%m%d%H%M%S"),
    )
    if no is None:
        text = f"submission set {own.unique_id} was received before"
        raise XdsErrors([RegistryError(ErrorCode.DUPLICATE_UNIQUE_ID_IN_REGISTRY, text, own.entry_uuid)])
    for place, document in enumerate(submission.documents):
        mime_type = document.mime_type or "application/octet-stream"
        actors.repository.keep(connection, held_name(no, place), mime_type, taken.staged[document.entry_uuid])
    return ReceivedResult(no, tuple(_warnings(submission)))


def encode(result: ReceivedResult) -> bytes:
    """Write rs:RegistryResponse."""
    return registry_response(result.errors)


def _kept(submission: Submission) -> Submission:
    """The submission set and its documents; nothing that speaks of the sender's registry."""
    documents = {item.entry_uuid for item in submission.documents}
    members = [
        item
        for item in submission.associations
        if item.association_type == HAS_MEMBER
        and item.source == submission.submission_set.entry_uuid
        and item.target in documents
    ]
    return replace(submission, folders=(), associations=tuple(members))


def _warnings(submission: Submission) -> Iterator[RegistryError]:
    """That it waits, and each kind of content that was not kept."""
    waits = "the documents wait until somebody of this institution assigns them to a patient"
    yield RegistryError(ErrorCode.DOCUMENT_QUEUED, waits, severity=Severity.WARNING)
    ids = {item.entry_uuid for item in submission.submission_sets}
    members = [item for item in submission.associations if item.association_type == HAS_MEMBER]
    ignored: dict[str, str] = {}
    if submission.folders or any(item.source not in ids for item in members):
        ignored[ErrorCode.PARTIAL_FOLDER] = "folders are not kept"
    for item in submission.associations:
        if item.association_type != HAS_MEMBER:
            code = _IGNORED.get(item.association_type, ErrorCode.PARTIAL_RELATIONSHIP)
            ignored[code] = f"{item.association_type.rpartition(':')[2]} is not kept"
    yield from (RegistryError(code, text, severity=Severity.WARNING) for code, text in ignored.items())


def received_facts(request: RegisterRequest, result: ReceivedResult | None, _exchange: Exchange) -> list[AuditFact]:
    """One record for each patient that the sender names, with the submission set."""
    submission = request.submission
    said = [item.patient_id for item in submission.submission_sets]
    said += [item.patient_id for item in submission.documents]
    named = {patient for patient in said if patient}
    unique_id = next((item.unique_id for item in submission.submission_sets if item.unique_id), "")
    errors = result.errors if result else ()
    return [
        AuditFact(patient=patient, objects=(submission_set_object(unique_id),), errors=errors)
        for patient in sorted(named) or [""]
    ]
