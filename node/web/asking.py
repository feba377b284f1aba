"""Pages ask as every application does: a message with an assertion about the person, through the dispatcher.

So consent, access, emergencies and the audit are the same as on the wire, and no page has a way around them.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from node.federation.watching import Watching
from node.http.incoming import Incoming, Outgoing
from node.http.reading import PackageReader
from node.outcome_words import Outcome, Word
from node.paths import PATHS
from node.security_records import refusal
from node.soap.faults import SoapFault
from node.soap.message import Message, read_answer, read_envelope, write_envelope
from node.soap.mime import read_media_type
from node.soap.mtom import MtomWriter
from node.soap.names import XDS, XOP
from node.web.sessions import Visit
from node.web.uploads import Upload
from node.web.view import View
from registry.ebrim.messages import AdhocQuery, adhoc_query_request, submit_objects_request
from registry.ebrim.object_reader import read_association, read_document_entry
from registry.ebrim.reader import read_registry_response
from registry.ebrim.tolerances import Faults
from registry.errors import ErrorCode, RegistryError, Severity
from registry.metadata.objects import (
    APPROVED,
    DEPRECATED,
    ON_DEMAND_DOCUMENT,
    RPLC,
    STABLE_DOCUMENT,
    XFRM_RPLC,
    DocumentEntry,
    Slot,
)
from registry.metadata.submission import Submission
from repository.messages import DocumentRequest, retrieve_request
from trust.errors import NotPermitted
from trust.identity.making import LIFETIME, Draft, signed
from trust.pki import assertion_key

_RIM: Final = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"
_FIND_DOCUMENTS: Final = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
_GET_ASSOCIATIONS: Final = "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155"
_REPLACEMENTS: Final = frozenset({RPLC, XFRM_RPLC})
_MOST_FORMER: Final = 500
_QUERY: Final = "urn:ihe:iti:2007:RegistryStoredQuery"
_PROVIDE: Final = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
_RETRIEVE: Final = "urn:ihe:iti:2007:RetrieveDocumentSet"
_PATIENCE: Final = 60.0  # seconds: what comes after the common deadline is offered as a late answer
MOST_BYTES: Final = 50 << 20  # larger documents can be saved, not shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How one institution ended, and what it has."""

    outcome: Outcome
    entries: tuple[DocumentEntry, ...] = ()
    replaced: tuple[tuple[str, str], ...] = ()  # entryUUIDs: a former version, and what replaced it


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A document's bytes, or why there are none; `entry` is the audit entry of fetching it.

    `at` is when its last byte came, `seconds` how long that took from the question on. `copy` marks a kept copy.
    """

    content: bytes | None
    entry: str
    error: RegistryError | None = None
    too_large: bool = False
    at: datetime | None = None
    seconds: float = 0.0
    copy: str = ""


class RefusedHere(Exception):  # noqa: N818
    """This node itself let a request of its pages go no further; that is on record, and nobody was asked."""


async def documents_of(view: View, visit: Visit, home: str, name: str) -> Said:
    """What one institution has of the visit's patient, former versions too: shown as soon as it is on record."""
    desk = view.desk
    body = adhoc_query_request(
        AdhocQuery(
            _FIND_DOCUMENTS,
            "LeafClass",
            home,
            (
                Slot(name="$XDSDocumentEntryPatientId", values=(_quoted(visit.person.cx),)),
                Slot(name="$XDSDocumentEntryStatus", values=(f"({_quoted(APPROVED)},{_quoted(DEPRECATED)})",)),
                Slot(
                    name="$XDSDocumentEntryType",
                    values=(f"({_quoted(STABLE_DOCUMENT)},{_quoted(ON_DEMAND_DOCUMENT)})",),
                ),
            ),
        )
    )
    began = view.desk.services.clock()
    incoming = _incoming(view, visit, _QUERY, "iti-18", body)
    heard: Outcome | None = None
    watching: Watching = desk.services.actors.gateway.watching
    with watching.watch(incoming.caller.fingerprint, incoming.message.message_id) as watcher:
        try:
            outgoing = await _sent(view, incoming)
        except RefusedHere as refused:
            return Said(outcome=Outcome(home=home, name=name, word=Word.NOT_ASKED, reason=str(refused)))
        if watcher is not None and home != desk.home:
            async for outcome in watcher.outcomes(1.0):
                heard = outcome
    element = read_answer(outgoing.body).body
    faults = Faults()
    entries = tuple(read_document_entry(one, (), faults) for one in element.iterfind(f".//{_RIM}ExtrinsicObject"))
    errors = read_registry_response(element).errors
    seconds = (view.desk.services.clock() - began).total_seconds()
    former = [one.entry_uuid for one in entries if one.availability_status == DEPRECATED][:_MOST_FORMER]
    replaced = await _replaced(view, visit, home, former) if former else ()
    return Said(outcome=heard or _ended(home, name, entries, errors, seconds), entries=entries, replaced=replaced)


async def _replaced(view: View, visit: Visit, home: str, former: list[str]) -> tuple[tuple[str, str], ...]:
    """Which documents replaced former versions; none where that is not told, and then they stay lines of their own."""
    asked = Slot(name="$uuid", values=(f"({','.join(map(_quoted, former))})",))
    body = adhoc_query_request(AdhocQuery(_GET_ASSOCIATIONS, "LeafClass", home, (asked,)))
    try:
        outgoing = await _sent(view, _incoming(view, visit, _QUERY, "iti-18", body))
    except RefusedHere:
        return ()
    element = read_answer(outgoing.body).body
    found = (read_association(one, (), Faults()) for one in element.iterfind(f".//{_RIM}Association"))
    return tuple((one.target, one.source) for one in found if one.association_type in _REPLACEMENTS)


def _ended(
    home: str, name: str, entries: tuple[DocumentEntry, ...], errors: tuple[RegistryError, ...], seconds: float
) -> Outcome:
    """The outcome where nobody told it: of the own registry."""
    code = str(errors[0].code) if errors else ""
    word = Word.FOUND if entries else Word.REFUSED if errors else Word.NONE
    if code == ErrorCode.UNKNOWN_PATIENT_ID and not entries:
        word = Word.NO_PATIENT
    reason = errors[0].context if errors else ""
    return Outcome(
        home=home, name=name, word=word, count=len(entries), seconds=seconds, code=code, reason=reason,
        incomplete=bool(entries and errors),
    )  # fmt: skip


async def fetch(view: View, visit: Visit, entry: DocumentEntry, heard: Callable[[int], None] | None = None) -> Brought:
    """One document, from whoever holds it (ITI-43); `heard` is told how many bytes have come so far."""
    clock = view.desk.services.clock
    began = clock()
    outgoing = await _retrieved(view, visit, entry)
    if isinstance(outgoing, Brought):
        return outgoing
    number, pieces, size = str(outgoing.proof.index), [], 0
    async for piece in _pieces(outgoing):
        size += len(piece)
        if size > MOST_BYTES:
            return Brought(content=None, entry=number, too_large=True)
        pieces.append(bytes(piece))
        if heard:
            heard(size)
    seconds = (clock() - began).total_seconds()
    return Brought(content=b"".join(pieces), entry=number, at=clock(), seconds=seconds, copy=_mark(outgoing))


def _mark(outgoing: Outgoing) -> str:
    """What the node says beside a document: that it is a copy, from when and where."""
    warnings = read_registry_response(read_answer(outgoing.body).body).errors
    return warnings[0].context if warnings else ""


async def stream(view: View, visit: Visit, entry: DocumentEntry) -> AsyncIterator[bytes] | Brought:
    """The same piece by piece, for a document too large to be kept; or why there is none."""
    outgoing = await _retrieved(view, visit, entry)
    return outgoing if isinstance(outgoing, Brought) else _pieces(outgoing)


async def _retrieved(view: View, visit: Visit, entry: DocumentEntry) -> Outgoing | Brought:
    """An answer that holds the document, or why there is none."""
    request = DocumentRequest(
        home_community_id=entry.home_community_id or view.desk.home,
        repository_unique_id=entry.repository_unique_id[0] if entry.repository_unique_id else "",
        document_unique_id=entry.unique_id or "",
    )
    incoming = _incoming(view, visit, _RETRIEVE, "iti-43", retrieve_request([request]))
    incoming.message.packaging = "mtom"
    try:
        outgoing = await _sent(view, incoming)
    except RefusedHere as refused:
        return Brought(content=None, entry="", error=RegistryError(ErrorCode.REPOSITORY_ERROR, str(refused), ""))
    if outgoing.documents:
        return outgoing
    errors = read_registry_response(read_answer(outgoing.body).body).errors
    return Brought(content=None, entry=str(outgoing.proof.index), error=errors[0] if errors else None)


async def provide(
    view: View, visit: Visit, submission: Submission, upload: Upload
) -> tuple[str, tuple[RegistryError, ...]]:
    """One document with its bytes, registered here (ITI-41): the audit entry, and the errors that kept it out.

    Raises:
        RefusedHere: the request went no further than this node's door.
    """
    (entry,) = submission.documents
    services, content_id = view.desk.services, f"{secrets.token_hex(16)}@xdsnode"
    body = (
        f'<xds:ProvideAndRegisterDocumentSetRequest xmlns:xds="{XDS}">'.encode()
        + submit_objects_request(submission)
        + f'<xds:Document id="{entry.entry_uuid}"><xop:Include xmlns:xop="{XOP}" href="cid:{content_id}"/>'
        "</xds:Document></xds:ProvideAndRegisterDocumentSetRequest>".encode()
    )
    writer = MtomWriter(secrets.token_hex(16), "root@xdsnode")
    head = writer.root(_envelope(view, visit, _PROVIDE, body))
    head += writer.part(content_id, entry.mime_type or "application/octet-stream")
    frames = upload.kept.frames() if upload.kept else iter(())
    pieces = iter((head, *frames, writer.tail()))

    async def following() -> bytes:
        return next(pieces, b"")

    package = PackageReader(following, read_media_type(writer.content_type), services.spool.create)
    try:
        outgoing = await _sent(view, _request(view, await package.message(), "iti-41", package))
    finally:
        package.close()
    answer = read_registry_response(read_answer(outgoing.body).body)
    failed = tuple(one for one in answer.errors if one.severity is Severity.ERROR)
    return str(outgoing.proof.index), failed


async def _sent(view: View, incoming: Incoming) -> Outgoing:
    """The answer of the dispatcher.

    Raises:
        RefusedHere: it refused the request before that became a transaction.
    """
    services = view.desk.services
    try:
        return await view.desk.dispatch(incoming)
    except (SoapFault, NotPermitted) as fault:
        user = fault.detail if isinstance(fault, SoapFault) else ""
        reason = user or str(fault)
        await view.record(
            refusal(
                services.clock(),
                incident=services.new_uuid(),
                caller=incoming.caller,
                address=view.address,
                node=view.desk.home,
                reason=f"{incoming.path} {reason}",
                user=bool(user),
            )
        )
        raise RefusedHere(reason) from None


async def _pieces(outgoing: Outgoing) -> AsyncIterator[bytes]:
    frames = outgoing.documents[0].frames
    if isinstance(frames, Iterator):
        for frame in frames:
            yield frame
    else:
        async for frame in frames:
            yield frame


def _incoming(view: View, visit: Visit, action: str, transaction: str, body: bytes) -> Incoming:
    message = read_envelope(_envelope(view, visit, action, body))
    package = PackageReader.of(message, read_media_type("application/soap+xml"), view.desk.services.spool.create)
    return _request(view, message, transaction, package)


def _envelope(view: View, visit: Visit, action: str, body: bytes) -> bytes:
    services = view.desk.services
    return write_envelope(
        action,
        body,
        message_id=services.new_uuid(),
        to=services.config.base_url,
        reply_to=True,
        security=assertion(view, visit),
    )


def _request(view: View, message: Message, transaction: str, package: PackageReader) -> Incoming:
    return Incoming(
        message=message,
        caller=view.caller(),
        path=PATHS[transaction],
        query="",
        address=view.address,
        sni="",
        audit_proof="",
        package=package,
        patience=_PATIENCE,
        vouched=True,
    )


def assertion(view: View, visit: Visit) -> bytes:
    """What this node says about the person: name, role, purpose of use, the one patient (ITI-40)."""
    services, session, role = view.desk.services, view.signed_in, view.profession
    own, moment = services.config.node, services.clock()
    emergency = visit.emergency_at(view.now)
    draft = Draft(
        id="_" + services.new_uuid().rpartition(":")[2],
        issuer=own.home_community_id,
        issued=moment,
        not_before=moment - timedelta(seconds=1),
        not_on_or_after=moment + LIFETIME,
        authenticated=session.authenticated,
        audiences=(own.home_community_id, *(one.home for one in services.communities.all())),
        subject=session.user,
        contexts=(session.context,),
        authority="" if session.local else services.config.sign_in.issuer,
        name=session.full_name,
        organisation=own.name,
        organisation_id=own.home_community_id,
        home=own.home_community_id,
        roles=(role,) if role else (),
        purposes=(visit.purpose_at(view.now),),
        reason=emergency.reason if emergency else "",
        patient=visit.person.cx,
    )
    folder = services.config.folder
    return signed(draft, *assertion_key.read(folder.assertion_key, folder.assertion_cert))


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
