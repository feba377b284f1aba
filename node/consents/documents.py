"""Consents that are registered as documents: BPPC and APPC, recognised by their format code (federation-wire 7.2, 7.3).

They are registered like any other document, and read besides. What is malformed, foreign, about somebody else or held
by another repository decides nothing; it is kept with the reason, which `consent show` names.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from lxml import etree

from node.consents import bppc
from node.documents import xml_documents
from registry.metadata.objects import APPROVED, DocumentEntry
from registry.metadata.submission import Submission
from registry.metadata.values import Cx
from trust.consent import store, xacml
from trust.consent.policy import Capacity, Consent, Status
from trust.consent.reading import NotFollowedError, ReadConsent

if TYPE_CHECKING:
    from node.access import Policy
    from node.exchange import Exchange
    from registry.document_registry import DocumentRegistry
    from repository.store.catalogue import StoredDocument

MOST_BYTES: Final = 1 << 20
_FORMAT_CODES: Final = "1.3.6.1.4.1.19376.1.2.3"


def form_of(entry: DocumentEntry) -> str:
    """Whether an entry says that it is a consent: `bppc`, `appc` or ""."""
    for code in entry.format_codes:
        if code.scheme == _FORMAT_CODES:
            if code.code in bppc.FORMATS:
                return "bppc"
            if code.code == xacml.FORMAT:
                return "appc"
    return ""


def take_consents(
    connection: sqlite3.Connection,
    submission: Submission,
    contents: Mapping[str, bytes],
    exchange: Exchange,
    read_before: Collection[str] = (),
) -> None:
    """Keep the consents among the documents of a submission that was just registered; in its transaction.

    Args:
        connection: the writing one.
        submission: as it was sent.
        contents: of its consent documents, by their id there; a document without one is held elsewhere.
        exchange: who registers, and when.
        read_before: uniqueIds of documents whose consents are here already.
    """
    registry, now = exchange.actors.registry_on(connection), exchange.now
    by = exchange.caller.user or exchange.caller.name
    if submission.associations and store.any_kept(connection):
        # A replacement deprecates the document before it, and with it what was read from that one.
        for patient in {entry.patient_id or "" for entry in submission.documents}:
            before = store.of_patient(connection, registry.identities_of(patient))
            for document in {one.document for one in before if one.document}:
                follow_documents(connection, registry, document, by=by, now=now)
    for entry in submission.documents:
        form, patient = form_of(entry), entry.patient_id or ""
        if not form or entry.unique_id in read_before:
            continue
        identities = registry.identities_of(patient)
        status, found = _read(form, entry, contents.get(entry.entry_uuid), identities, exchange.actors.policy)
        for one in found:
            kept = Consent(
                id=exchange.actors.new_uuid().removeprefix("urn:uuid:"),
                version=1,
                patient=patient,
                status=status,
                start=one.start or now,
                end=one.end,
                recorded=now,
                recorded_by=by,
                capacity=Capacity.PATIENT,
                provisions=one.provisions,
                source=form,
                document=entry.unique_id or "",
                policy=one.policy,
                why=one.why,
            )
            if kept.policy and kept.status is Status.ACTIVE:
                _supersede(connection, identities, kept, by, now)
            store.add(connection, kept)


def take_kept(
    connection: sqlite3.Connection, submission: Submission, kept: Mapping[str, StoredDocument], exchange: Exchange
) -> None:
    """The same for what did not come with ITI-41: `kept` by the id of its entry, in this repository by now.

    A package of another node brings the consents of its documents along; those are not read a second time.

    Raises:
        BlobDamaged: a consent that was to be followed cannot be read.
    """
    contents = {
        entry.entry_uuid: _head(exchange.actors.repository.open(kept[entry.entry_uuid]).frames())
        for entry in submission.documents
        if form_of(entry) and entry.entry_uuid in kept
    }
    known = {entry.unique_id for entry in submission.documents if form_of(entry) and entry.unique_id}
    read_before = {one for one in known if store.of_document(connection, one)}
    take_consents(connection, submission, contents, exchange, read_before)


def _head(frames: Iterable[bytes]) -> bytes:
    """As much of a document as tells whether it is too large."""
    found = bytearray()
    for frame in frames:
        found += frame
        if len(found) > MOST_BYTES:
            break
    return bytes(found)


def follow_documents(
    connection: sqlite3.Connection, registry: DocumentRegistry, unique_id: str, *, by: str, now: datetime
) -> None:
    """Let consents share the fate of their document: deprecated, in quarantine, back from it. For a write job."""
    entries = registry.documents([unique_id]).get(unique_id, [])
    for one in store.of_document(connection, unique_id):
        if one.status not in {Status.ACTIVE, Status.SUSPENDED}:
            continue
        wanted = Status.ACTIVE
        if all(entry.status != APPROVED for entry in entries):
            wanted = Status.SUPERSEDED
        elif any(entry.quarantined for entry in entries):
            wanted = Status.SUSPENDED
        if wanted is not one.status:
            store.change(connection, one, wanted, by, now)


def follow_patient(
    connection: sqlite3.Connection,
    unique_id: str,
    patient: str,
    *,
    by: str,
    now: datetime,
    new_uuid: Callable[[], str],
) -> None:
    """Let consents follow their document to another patient: the one they were kept for has none of it any more.

    For a write job.
    """
    for one in store.of_document(connection, unique_id):
        if one.status not in {Status.ACTIVE, Status.SUSPENDED} or one.patient == patient:
            continue
        store.change(connection, one, Status.SUPERSEDED, by, now)
        id_ = new_uuid().removeprefix("urn:uuid:")
        store.add(connection, replace(one, id=id_, version=1, patient=patient, recorded=now, recorded_by=by))


def _read(
    form: str, entry: DocumentEntry, content: bytes | None, identities: Sequence[str], policy: Policy
) -> tuple[Status, list[ReadConsent]]:
    patients = {*identities, *entry.source_patient_id}
    try:
        root = _root(content)
        if form == "bppc":
            named = [code.code for code in entry.event_codes]
            read = bppc.read(root, patients=patients, acknowledged=named, meaning=policy.meanings.get)
        else:
            ids = {f"{cx.authority}|{cx.id}" for text in patients if (cx := Cx.parse(text))}
            read = [xacml.read(root, patients=ids, meaning=policy.meanings.get)]
    except NotFollowedError as reason:
        return Status.IGNORED, [ReadConsent(start=None, end=None, provisions=(), why=str(reason))]
    return Status.ACTIVE, read


def _root(content: bytes | None) -> etree._Element:
    if content is None:
        raise NotFollowedError("it is held by another repository, so it cannot be read here")
    if len(content) > MOST_BYTES:
        raise NotFollowedError(f"it is larger than {MOST_BYTES} bytes")
    root = xml_documents.read(content)
    if root is None:
        raise NotFollowedError("it is no XML that can be read safely")
    return root


def _supersede(
    connection: sqlite3.Connection, identities: Sequence[str], kept: Consent, by: str, now: datetime
) -> None:
    """The latest acknowledgement of a policy wins (BPPC)."""
    for one in store.of_patient(connection, identities):
        if one.policy == kept.policy and one.status is Status.ACTIVE and one.source == kept.source:
            store.change(connection, one, Status.SUPERSEDED, by, now)
