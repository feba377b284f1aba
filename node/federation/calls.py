"""What one community is asked: a complete SOAP request, ready to be sent and recorded (ITI-38, 39, 41, 92)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final, TypedDict, Unpack
from urllib.parse import urlsplit

from node.soap.writing import write_envelope
from registry.ebrim.messages import AdhocQuery, adhoc_query_request, submit_objects_request
from registry.metadata.submission import Submission
from registry.patients.demographics import Demographics
from registry.queries.catalogue import patient_of
from repository.messages import DocumentRequest, provide_and_register_request, retrieve_request
from trust.audit.event import AuditedObject
from trust.communities import Community
from trust.ledger.record import payload_digest

CROSS_GATEWAY_QUERY: Final = "urn:ihe:iti:2007:CrossGatewayQuery"
CROSS_GATEWAY_RETRIEVE: Final = "urn:ihe:iti:2007:CrossGatewayRetrieve"
PROVIDE_AND_REGISTER: Final = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
RESTRICTED_UPDATE: Final = "urn:ihe:iti:2018:RestrictedUpdateDocumentSet"

NAMES: Final = {
    "ITI-38": "Cross Gateway Query",
    "ITI-39": "Cross Gateway Retrieve",
    "ITI-52": "Document Metadata Subscribe",
    "ITI-53": "Document Metadata Notify",
    "ITI-41": "Provide and Register Document Set-b",
    "ITI-55": "Cross Gateway Patient Discovery",
    "ITI-56": "Patient Location Query",
    "ITI-92": "Restricted Update Document Set",
}

QUERY_RESPONSE: Final = "{urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0}AdhocQueryResponse"
RETRIEVE_RESPONSE: Final = "{urn:ihe:iti:xds-b:2007}RetrieveDocumentSetResponse"
REGISTRY_RESPONSE: Final = "{urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0}RegistryResponse"
_ROOT: Final = "root@xdsnode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What ITI-55 asks, for the record: the id of the query, its parameters, and the person it describes.

    `seen` is the fingerprint of the person for which the answer may be kept.
    """

    id: str
    parameters: bytes
    person: Demographics
    seen: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What ITI-56 asks, for the record: the identifier, and the element of the body."""

    id: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One document that goes along; `frames` gives its bytes, once."""

    content_id: str
    mime_type: str
    frames: Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What ITI-41 pushes to a Document Recipient: uniqueId of the submission set, and the documents.

    The digest of such a request is that of its envelope, which holds the hash of every document.
    """

    submission_set: str
    attachments: tuple[Attachment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to one community. `root_content_id` names the envelope in the digest: "body" for simple SOAP.

    `patient` is our identifier (CX) of the patient it is about, where the request itself names another or none; `named`
    is how its query names the patient, "" for one by ids.
    Without a `response_root` it is one-way. `told` are the documents that it tells of (ITI-53). `updates` is the
    uniqueId of the submission set of a metadata update (ITI-92), None for anything else. `body` is the query of ITI-38
    as it leaves, for the audit record.

    `revokes`: it takes an identifier back that was given for a correlation (ITI-55).

    `again` makes the same request under another message id; None for one that is never asked twice at once. `reply_to`
    is where the answer is to come, "" for back on the connection; `taken` is then the root of what says that the
    question was taken, "" for a bare HTTP 202.
    """

    community: Community
    transaction: str
    name: str
    url: str
    message_id: str
    envelope: bytes
    mtom: bool
    digest: bytes
    response_root: str
    root_content_id: str = "body"
    query: AdhocQuery | None = None
    body: bytes = b""
    requests: tuple[DocumentRequest, ...] = ()
    asked: Asked | None = None
    sought: Sought | None = None
    revokes: bool = False
    told: tuple[AuditedObject, ...] = ()
    pushed: Pushed | None = None
    updates: str | None = None
    patient: str = ""
    named: str = ""
    again: Callable[[str], Call] | None = None
    reply_to: str = ""
    taken: str = ""

    @property
    def host(self) -> str:
        """Host name of the community's endpoint."""
        return urlsplit(self.url).hostname or ""


class Facts(TypedDict, total=False):
    """What one call is about: the fields of `Call` of these names."""

    query: AdhocQuery
    body: bytes
    requests: tuple[DocumentRequest, ...]
    asked: Asked
    sought: Sought
    revokes: bool
    told: tuple[AuditedObject, ...]
    pushed: Pushed
    updates: str
    patient: str
    again: Callable[[str], Call] | None
    reply_to: str
    taken: str


def call_of(  # noqa: PLR0913  one fact each
    community: Community,
    transaction: str,
    message_id: str,
    content: bytes,
    *,
    url: str,
    action: str,
    response_root: str,
    mtom: bool = False,
    assertion: bytes = b"",
    headers: bytes = b"",
    **facts: Unpack[Facts],
) -> Call:
    """The call of a transaction: `content`, a finished body, in its envelope, with its digest.

    `assertion` is the user's, as it came, b"" for none; `headers` are finished ones of the transaction's own.
    """
    # A deferred question is acknowledged at once, a one-way message is not answered.
    back = True if facts.get("taken") else facts.get("reply_to") or True
    envelope = write_envelope(
        action,
        content,
        message_id=message_id,
        to=url,
        reply_to=back if response_root else False,
        security=assertion,
        extra=headers,
    )
    root = _ROOT if mtom else "body"
    query = facts.get("query")
    return Call(
        community=community,
        transaction=transaction,
        name=NAMES[transaction],
        url=url,
        message_id=message_id,
        envelope=envelope,
        mtom=mtom,
        digest=payload_digest([(root, len(envelope), sha256(envelope).digest())]),
        response_root=response_root,
        root_content_id=root,
        named=patient_of(query) if query is not None else "",
        **facts,
    )


def query_call(
    query: AdhocQuery,
    community: Community,
    message_id: str,
    assertion: bytes = b"",
    *,
    body: bytes = b"",
    patient: str = "",
    reply_to: str = "",
) -> Call:
    """ITI-38: the query as it was asked; `home` only on queries by id, as XCA wants it.

    `body` is the query as `adhoc_query_request` writes it, where that was done already. `patient` is ours, where the
    query names theirs. `reply_to` as in `Call`.
    """
    body = body or adhoc_query_request(query)

    def again(other_id: str) -> Call:
        return query_call(query, community, other_id, assertion, body=body, patient=patient)

    return call_of(
        community,
        "ITI-38",
        message_id,
        body,
        url=community.endpoints["iti-38"],
        action=CROSS_GATEWAY_QUERY,
        response_root=QUERY_RESPONSE,
        assertion=assertion,
        query=query,
        body=body,
        patient=patient,
        again=None if reply_to else again,
        reply_to=reply_to,
    )


def retrieve_call(
    requests: Sequence[DocumentRequest],
    community: Community,
    message_id: str,
    assertion: bytes = b"",
    *,
    mtom: bool = True,
    reply_to: str = "",
) -> Call:
    """ITI-39: the documents of one community, each with its home.

    `mtom` is the packaging of the request; the answer is read in whatever form it comes.
    """
    requests = tuple(replace(request, home_community_id=community.home) for request in requests)
    return call_of(
        community,
        "ITI-39",
        message_id,
        retrieve_request(requests),
        url=community.endpoints["iti-39"],
        action=CROSS_GATEWAY_RETRIEVE,
        response_root=RETRIEVE_RESPONSE,
        mtom=mtom,
        assertion=assertion,
        requests=requests,
        reply_to=reply_to,
    )


def push_call(
    submission: Submission,
    attachments: Sequence[Attachment],
    community: Community,
    message_id: str,
    assertion: bytes = b"",
    *,
    patient: str,
) -> Call:
    """ITI-41 to the Document Recipient of a community (XDR); `attachments` are in the order of the documents."""
    ids = {
        entry.entry_uuid: attachment.content_id
        for entry, attachment in zip(submission.documents, attachments, strict=True)
    }
    return call_of(
        community,
        "ITI-41",
        message_id,
        provide_and_register_request(submission, ids),
        url=community.endpoints["iti-41-xdr"],
        action=PROVIDE_AND_REGISTER,
        response_root=REGISTRY_RESPONSE,
        mtom=True,
        assertion=assertion,
        pushed=Pushed(
            submission_set=submission.submission_set.unique_id or "",
            attachments=tuple(attachments),
        ),
        patient=patient,
    )


def update_call(
    submission: Submission, community: Community, message_id: str, assertion: bytes = b"", *, patient: str
) -> Call:
    """ITI-92 to the Update Responder of a community (XCA Persistence); its submission set names that community."""
    sets = tuple(replace(one, home_community_id=community.home) for one in submission.submission_sets)
    return call_of(
        community,
        "ITI-92",
        message_id,
        submit_objects_request(replace(submission, submission_sets=sets)),
        url=community.endpoints["iti-92-gateway"],
        action=RESTRICTED_UPDATE,
        response_root=REGISTRY_RESPONSE,
        assertion=assertion,
        updates=next((one.unique_id or "" for one in sets), ""),
        patient=patient,
    )
