"""xds: messages of the repository: elements in, bytes out (ITI TF-2: 3.41.4, 3.43.4; XDS.b_DocumentRepository.xsd).

Reading is lenient: what is absent is empty, and judging it is for `provide` and `retrieve`.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final
from urllib.parse import quote, unquote

from lxml import etree

from registry.ebrim.elements import SUBMIT_OBJECTS_REQUEST, is_annotation, text_of
from registry.ebrim.messages import registry_response, submit_objects_request
from registry.ebrim.reader import ResponseHead, read_registry_response
from registry.ebrim.writer import escape
from registry.errors import ErrorCode, GeneralRepositoryError, RegistryError, XdsErrors
from registry.metadata.submission import Submission

XDS: Final = "urn:ihe:iti:xds-b:2007"
XOP: Final = "http://www.w3.org/2004/08/xop/include"
_DOCUMENT: Final = f"{{{XDS}}}Document"
_DOCUMENT_REQUEST: Final = f"{{{XDS}}}DocumentRequest"
_DOCUMENT_RESPONSE: Final = f"{{{XDS}}}DocumentResponse"
_HOME: Final = f"{{{XDS}}}HomeCommunityId"
_REPOSITORY: Final = f"{{{XDS}}}RepositoryUniqueId"
_UNIQUE_ID: Final = f"{{{XDS}}}DocumentUniqueId"
_NEW_REPOSITORY: Final = f"{{{XDS}}}NewRepositoryUniqueId"
_NEW_UNIQUE_ID: Final = f"{{{XDS}}}NewDocumentUniqueId"
_MIME_TYPE: Final = f"{{{XDS}}}mimeType"
_INCLUDE: Final = f"{{{XOP}}}Include"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPart:
    """One xds:Document of a submission: the id of its entry, and its bytes here or in the part `content_id`."""

    id: str
    content_id: str | None = None
    content: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRequest:
    """One document asked for; `home_community_id` is None when the request does not name a community."""

    repository_unique_id: str
    document_unique_id: str
    home_community_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentAnswer:
    """One xds:DocumentResponse. The ids echo the request; the new ones are those of a document made on demand."""

    request: DocumentRequest
    mime_type: str
    content_id: str | None = None
    content: bytes | None = None
    new_repository_unique_id: str = ""
    new_document_unique_id: str = ""


@dataclass(frozen=True, slots=True)
class RetrieveAnswer:
    """An xds:RetrieveDocumentSetResponse as it was read."""

    head: ResponseHead
    documents: tuple[DocumentAnswer, ...] = ()

    EMPTY: ClassVar[RetrieveAnswer]


RetrieveAnswer.EMPTY = RetrieveAnswer(ResponseHead(""))


# --- ITI-41 -----------------------------------------------------------------------------------------------------------


def read_provide_and_register(request: etree._Element) -> tuple[etree._Element, list[DocumentPart]]:
    """Take xds:ProvideAndRegisterDocumentSetRequest apart: lcm:SubmitObjectsRequest, and the documents in order.

    Raises:
        XdsErrors: there is not exactly one SubmitObjectsRequest, or a document is neither base64 nor one reference.

    Source: ITI TF-2: 3.41.4.1.2
    """
    submissions = list(request.iterchildren(SUBMIT_OBJECTS_REQUEST))
    if len(submissions) != 1:
        raise GeneralRepositoryError(f"the request has {len(submissions)} lcm:SubmitObjectsRequest instead of one")
    parts, errors = [], []
    for element in request.iterchildren(_DOCUMENT):
        document_id = element.get("id") or ""
        try:
            content_id, content = _binary(element)
        except ValueError as problem:
            text = f"document {document_id!r:.120}: {problem}"
            errors.append(RegistryError(ErrorCode.REPOSITORY_ERROR, text, document_id))
        else:
            parts.append(DocumentPart(id=document_id, content_id=content_id, content=content))
    if errors:
        raise XdsErrors(errors)
    return submissions[0], parts


def _binary(element: etree._Element) -> tuple[str | None, bytes | None]:
    """Content id or content of an element that holds base64Binary."""
    children = [child for child in element if not is_annotation(child)]
    if not children:
        text = "".join("".join(map(str, element.itertext())).split())
        try:
            return None, binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
        except (binascii.Error, UnicodeEncodeError):
            raise ValueError("its content is not base64") from None
    href = (children[0].get("href") or "").strip()
    if len(children) > 1 or children[0].tag != _INCLUDE or not href.lower().startswith("cid:") or href[4:] == "":
        raise ValueError("it holds neither base64 nor one reference to a part of this message")
    return unquote(href[4:]).strip().removeprefix("<").removesuffix(">"), None


def provide_and_register_request(submission: Submission, content_ids: Mapping[str, str]) -> bytes:
    """Write xds:ProvideAndRegisterDocumentSetRequest; `content_ids` names the part of each entry's document."""
    documents = "".join(
        f'<xds:Document id="{escape(entry)}"><xop:Include xmlns:xop="{XOP}" href="cid:{quote(part, safe="@.-_")}"/>'
        "</xds:Document>"
        for entry, part in content_ids.items()
    )
    return (
        f'<xds:ProvideAndRegisterDocumentSetRequest xmlns:xds="{XDS}">'.encode()
        + submit_objects_request(submission)
        + documents.encode()
        + b"</xds:ProvideAndRegisterDocumentSetRequest>"
    )


# --- ITI-43, ITI-39 ---------------------------------------------------------------------------------------------------


def read_retrieve_request(request: etree._Element) -> list[DocumentRequest]:
    """Read xds:RetrieveDocumentSetRequest; every line as it stands, in order.

    Source: ITI TF-2: 3.43.4.1.2
    """
    return [_request(element) for element in request.iterchildren(_DOCUMENT_REQUEST)]


def retrieve_request(requests: Sequence[DocumentRequest]) -> bytes:
    """Write xds:RetrieveDocumentSetRequest."""
    lines = [f"<xds:DocumentRequest>{_ids(item)}</xds:DocumentRequest>" for item in requests]
    return (
        f'<xds:RetrieveDocumentSetRequest xmlns:xds="{XDS}">{"".join(lines)}</xds:RetrieveDocumentSetRequest>'
    ).encode()


def retrieve_response(status: str, errors: Sequence[RegistryError], answers: Sequence[DocumentAnswer]) -> bytes:
    """Write xds:RetrieveDocumentSetResponse; documents with a `content_id` follow as parts of the package.

    Source: ITI TF-2: 3.43.5, 3.39.5
    """
    documents = "".join([_document_response(answer) for answer in answers])
    return b"".join(
        [
            f'<xds:RetrieveDocumentSetResponse xmlns:xds="{XDS}">'.encode(),
            registry_response(errors, status=status),
            documents.encode(),
            b"</xds:RetrieveDocumentSetResponse>",
        ]
    )


def _document_response(answer: DocumentAnswer) -> str:
    new = _optional("NewRepositoryUniqueId", answer.new_repository_unique_id)
    new += _optional("NewDocumentUniqueId", answer.new_document_unique_id)
    return (
        f"<xds:DocumentResponse>{_ids(answer.request)}{new}<xds:mimeType>{escape(answer.mime_type)}</xds:mimeType>"
        f"<xds:Document>{_content(answer)}</xds:Document></xds:DocumentResponse>"
    )


def _content(answer: DocumentAnswer) -> str:
    if answer.content_id is None:
        return binascii.b2a_base64(answer.content or b"", newline=False).decode("ascii")
    # No white space around it: receivers would take it for content (ITI TF-2: V.8.2).
    return f'<xop:Include xmlns:xop="{XOP}" href="cid:{quote(answer.content_id, safe="@.-_~:+")}"/>'


def _ids(request: DocumentRequest) -> str:
    return (
        f"{_optional('HomeCommunityId', request.home_community_id)}"
        f"<xds:RepositoryUniqueId>{escape(request.repository_unique_id)}</xds:RepositoryUniqueId>"
        f"<xds:DocumentUniqueId>{escape(request.document_unique_id)}</xds:DocumentUniqueId>"
    )


def _optional(name: str, value: str | None) -> str:
    return f"<xds:{name}>{escape(value)}</xds:{name}>" if value else ""


def read_retrieve_response(response: etree._Element) -> RetrieveAnswer:
    """Read another repository's or community's xds:RetrieveDocumentSetResponse; children in any order.

    Raises:
        ValueError: a document is neither base64 nor one reference to a part of the message.
    """
    documents = tuple([_answer(element) for element in response.iterchildren(_DOCUMENT_RESPONSE)])
    return RetrieveAnswer(read_registry_response(response), documents)


def _answer(element: etree._Element) -> DocumentAnswer:
    document = element.find(_DOCUMENT)
    content_id, content = _binary(document) if document is not None else (None, None)
    return DocumentAnswer(
        request=_request(element),
        mime_type=_child(element, _MIME_TYPE),
        content_id=content_id,
        content=content,
        new_repository_unique_id=_child(element, _NEW_REPOSITORY),
        new_document_unique_id=_child(element, _NEW_UNIQUE_ID),
    )


def _request(element: etree._Element) -> DocumentRequest:
    return DocumentRequest(
        repository_unique_id=_child(element, _REPOSITORY),
        document_unique_id=_child(element, _UNIQUE_ID),
        home_community_id=_child(element, _HOME) or None,
    )


def _child(element: etree._Element, tag: str) -> str:
    child = element.find(tag)
    return text_of(child) if child is not None else ""
