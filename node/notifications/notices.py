"""What ITI-53 and ITI-54 share: a Notify with metadata, read and answered with nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from lxml import etree

from node.bindings import AuditFact
from node.exchange import Exchange
from node.notifications.content import Told
from node.notifications.wsn import read_notify
from node.records import document_object, submission_set_object
from node.soap.faults import receiver
from registry.ebrim.reader import read_submission
from registry.errors import RegistryError
from registry.metadata.objects import DocumentEntry, SubmissionSet
from registry.metadata.submission import Submission
from registry.metadata.values import is_uuid_urn
from trust.audit.event import AuditedObject


@dataclass(frozen=True, slots=True)
class ReadNotice:
    """One message: under which subscription, from whom, and the objects in it that can be passed on."""

    subscription: str
    producer: str
    documents: tuple[DocumentEntry, ...]
    submission_sets: tuple[SubmissionSet, ...]

    @property
    def objects(self) -> tuple[DocumentEntry | SubmissionSet, ...]:
        """All of them."""
        return (*self.documents, *self.submission_sets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What was taken of it, by our identifier of each patient; `errors` say why some of it was not."""

    items: tuple[Told, ...]
    errors: tuple[RegistryError, ...] = ()
    patient: str = ""  # of whom it should have been
    documents: tuple[()] = ()


def decode(body: etree._Element) -> tuple[ReadNotice, ...]:
    """Read wsnt:Notify; objects without the ids that they need to be passed on are left out.

    Raises:
        SoapFault: it holds no metadata.
    """
    return tuple(_read(one.subscription, one.producer, read_submission(one.content)[0]) for one in read_notify(body))


def _read(subscription: str, producer: str, submission: Submission) -> ReadNotice:
    return ReadNotice(
        subscription,
        producer,
        tuple(one for one in submission.documents if _complete(one)),
        tuple(one for one in submission.submission_sets if _complete(one)),
    )


def _complete(item: DocumentEntry | SubmissionSet) -> bool:
    return bool(is_uuid_urn(item.entry_uuid) and item.unique_id and item.patient_id)


def encode(_taken: Taken) -> bytes:
    """A one-way message has no answer."""
    return b""


def encode_errors(errors: Sequence[RegistryError]) -> NoReturn:
    """A failure is a fault."""
    raise receiver("; ".join(error.context for error in errors[:4]))


async def nothing(_request: tuple[ReadNotice, ...], _incoming: object, _exchange: Exchange) -> None:
    """Nothing to wait for."""


def audited(request: tuple[ReadNotice, ...], taken: Taken | None, exchange: Exchange) -> list[AuditFact]:
    """One record for each patient, with the documents."""
    if taken is None:
        return [AuditFact()]
    if taken.errors:
        asked = (_document(one.unique_id or "", "", exchange) for notice in request for one in notice.documents)
        return [AuditFact(patient=taken.patient, objects=tuple(asked), errors=taken.errors)]
    patients = dict.fromkeys(one.patient for one in taken.items) or {taken.patient: None}
    return [AuditFact(patient=patient, objects=objects_of(taken.items, patient)) for patient in patients]


def _document(unique_id: str, repository: str, exchange: Exchange) -> AuditedObject:
    return document_object(unique_id, repository, exchange.caller.home or exchange.actors.own.home)


def objects_of(items: Iterable[Told], patient: str) -> tuple[AuditedObject, ...]:
    """The documents and submission sets of one patient, for the record."""
    return tuple(
        document_object(one.unique_id, one.repository_unique_id, one.home)
        if one.kind == "document"
        else submission_set_object(one.unique_id)
        for one in items
        if one.patient == patient
    )
