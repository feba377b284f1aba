"""Documents of a patient pushed to another institution (XDR, ITI-41): `push`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Final
from uuid import UUID

from node.access import Access
from node.administration.orders import Order, Result
from node.client.institutions import meant
from node.cx import escaped
from node.documents import xml_documents
from node.documents.pushing import described, pushed
from node.faults import Exit, Fault, Faults, refused
from node.federation.answered import Answered
from node.federation.calls import Attachment, push_call
from node.records import document_object
from registry.ebrim.messages import LEAF_CLASS, AdhocQuery
from registry.ebrim.reader import read_submission
from registry.ebrim.vocabulary import LCM, RIM
from registry.errors import Severity
from registry.metadata.objects import APPROVED, Author, DocumentEntry, Slot
from registry.metadata.submission import Submission
from registry.patients.demographics import Demographics, Identifier
from repository.store.catalogue import StoredDocument
from trust.audit.event import Action, Coded
from trust.communities import Community
from trust.consent.words import ACT_REASON, PURPOSES
from trust.identity.caller import Caller, Role

_SECONDS: Final = 60.0  # for the answer, beyond what the documents need
_SLOWEST: Final = 256 * 1024  # octets of documents a second that a recipient must take
_TREATMENT: Final = Coded(PURPOSES["treatment"], ACT_REASON, "treatment")
_GET_DOCUMENTS: Final = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"


async def push(order: Order) -> Result:
    """Push documents of a patient to the Document Recipient of a connected institution (ITI-41, XDR).

    Only what the patient's policy lets that institution see goes out, and only after it is on record.

    Raises:
        Faults: a document is not there or not for them, they take none, or they refuse.
    """
    services, patient = order.services, order.patient()
    community = meant(services.communities.all(), order.text("peer"))
    if "iti-41-xdr" not in community.endpoints:
        step = "ask its administrator for the address of its Document Recipient"
        raise refused("push.no-recipient", community.name, "this institution takes no pushed documents", step)
    unique_ids = [str(one) for one in order.arguments.get("unique_ids") or ()]
    entries = _entries(order, patient, unique_ids)
    if person := _person(order, patient):
        entries = [described(entry, person) for entry in entries]
    _refuse_what_they_may_not_see(order, community, unique_ids)
    stored = [_stored(order, entry) for entry in entries]
    config = services.config
    submission = pushed(
        entries,
        community,
        patient=patient,
        author=Author(institutions=(config.submit.author_institution or escaped(config.node.name),)),
        source_id=config.node.repository_unique_id,
        now=order.now,
        new_uuid=lambda: UUID(services.new_uuid()).int,
    )
    attachments = [
        Attachment(
            content_id=f"{UUID(services.new_uuid()).hex}@xdsnode",
            mime_type=one.mime_type,
            frames=partial(_frames, order, one),
        )
        for one in stored
    ]
    answered = await _sent(order, community, submission, attachments, patient, sum(one.size for one in stored))
    objects = [document_object(one.unique_id, config.node.repository_unique_id, community.home) for one in stored]
    await order.record([order.patient_record(Action.READ, f"pushed to {community.name}", patient, *objects)])
    return _outcome(answered, community, submission)


async def _sent(
    order: Order,
    community: Community,
    submission: Submission,
    attachments: Sequence[Attachment],
    patient: str,
    octets: int,
) -> Answered:
    services = order.services
    exchange = order.exchange()
    exchange.deadline = asyncio.get_running_loop().time() + _SECONDS + octets / _SLOWEST
    call = push_call(submission, attachments, community, services.new_uuid(), patient=patient)
    async with aclosing(services.actors.gateway.ask([call], exchange, durable=True)) as arrivals:
        async for answered in arrivals:
            return answered
    raise AssertionError("a call ends in an outcome")


def _outcome(answered: Answered, community: Community, submission: Submission) -> Result:
    errors = [one for one in answered.faults() if one.severity is Severity.ERROR]
    if errors:
        status = Exit.UNREACHABLE if answered.error is not None else Exit.REFUSED
        step = f"xdsnode doctor {community.name!r}" if answered.error is not None else "correct what it names"
        raise Faults([Fault(one.code, community.name, one.context, step) for one in errors], status)
    return {
        "recipient": community.name,
        "submission_set": submission.submission_set.unique_id,
        "documents": [entry.unique_id for entry in submission.documents],
        "notes": [{"code": one.code, "text": one.context} for one in answered.faults()],
    }


def _entries(order: Order, patient: str, unique_ids: Sequence[str]) -> list[DocumentEntry]:
    """The Approved entries of these documents, each once.

    Raises:
        Faults: one is not registered here for this patient.
    """
    listed = ",".join("'" + one.replace("'", "''") + "'" for one in unique_ids)
    slot = Slot(name="$XDSDocumentEntryUniqueId", values=(f"({listed})",))
    found = order.services.registry.find(AdhocQuery(_GET_DOCUMENTS, LEAF_CLASS, None, (slot,))).objects
    of_patient = [item for item in found if item.patient_id == patient and item.status == APPROVED]
    objects = b"".join(item.leaf() for item in of_patient)
    text = f'<lcm:SubmitObjectsRequest xmlns:lcm="{LCM}" xmlns:rim="{RIM}"><rim:RegistryObjectList>'.encode()
    root = xml_documents.read(text + objects + b"</rim:RegistryObjectList></lcm:SubmitObjectsRequest>")
    entries = {one.unique_id: one for one in read_submission(root)[0].documents} if root is not None else {}
    missing = [one for one in unique_ids if one not in entries]
    if missing or not unique_ids:
        step = "look for its uniqueId: xdsnode find --patient ID"
        cause = "no approved document of this patient has this uniqueId here"
        raise refused("document.unknown", ", ".join(missing) or order.command, cause, step)
    return [entries[one] for one in dict.fromkeys(unique_ids)]


def _refuse_what_they_may_not_see(order: Order, community: Community, unique_ids: Sequence[str]) -> None:
    services = order.services
    caller = Caller(
        role=Role.PEER,
        name=community.name,
        fingerprint="",
        address="",
        home=community.home,
        clearance=community.clearance,
        purpose=_TREATMENT,
    )
    view = Access(caller, services.actors.policy, services.registry, services.reader, services.clock())
    documents = services.registry.documents(unique_ids)
    denied = [one for one in unique_ids if not view.may_see([x for x in documents[one] if x.status == APPROVED])]
    if denied:
        step = "xdsnode policy explain --patient ID --community NAME says why"
        cause = f"the policy does not let {community.name} see it"
        raise refused("push.denied", ", ".join(denied), cause, step)


def _person(order: Order, patient: str) -> Demographics | None:
    """Who the patient is, as the master index here knows them."""
    record = order.services.actors.index(order.services.reader).show(Identifier.of(patient))
    return record.person if record else None


def _stored(order: Order, entry: DocumentEntry) -> StoredDocument:
    found = order.services.actors.repository.locate(entry.unique_id or "")
    if found is None:
        cause = "its bytes are not in the repository of this node"
        raise refused("document.elsewhere", entry.unique_id or "", cause, "push it from where it is held")
    return found


def _frames(order: Order, stored: StoredDocument) -> Iterator[bytes]:
    yield from order.services.actors.repository.open(stored).frames()
