"""Codecs of the repository's messages: what is written can be read, and is valid (XDS.b_DocumentRepository.xsd)."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from registry.ebrim.messages import FAILURE, PARTIAL_SUCCESS, SUCCESS
from registry.errors import ErrorCode, RegistryError, XdsErrors
from repository.messages import (
    DocumentAnswer,
    DocumentPart,
    DocumentRequest,
    RetrieveAnswer,
    read_provide_and_register,
    read_retrieve_request,
    read_retrieve_response,
    retrieve_request,
    retrieve_response,
)
from tests.shared import SHARED, needs_shared

XDS = "urn:ihe:iti:xds-b:2007"
HEAD = f'xmlns:xds="{XDS}" xmlns:lcm="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0" xmlns:xop="http://www.w3.org/2004/08/xop/include"'
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp", "Cn"]), min_size=1, max_size=30
)
REQUESTS = st.builds(
    DocumentRequest,
    repository_unique_id=TEXT,
    document_unique_id=TEXT,
    home_community_id=st.one_of(st.none(), TEXT),
)
ANSWERS = st.builds(
    DocumentAnswer,
    request=REQUESTS,
    mime_type=TEXT,
    content_id=st.from_regex(r"[A-Za-z0-9._-]{1,20}@[a-z.]{1,10}", fullmatch=True),
    new_repository_unique_id=st.one_of(st.just(""), TEXT),
    new_document_unique_id=st.one_of(st.just(""), TEXT),
)


def provide(body: str) -> etree._Element:
    return etree.fromstring(
        f"<xds:ProvideAndRegisterDocumentSetRequest {HEAD}>{body}</xds:ProvideAndRegisterDocumentSetRequest>"
    )


def valid(message: bytes) -> bool:
    assert SHARED is not None
    schema = etree.XMLSchema(etree.parse(SHARED / "schemas" / "xds" / "XDS.b_DocumentRepository.xsd"))
    schema.assertValid(etree.fromstring(message))
    return True


@given(st.lists(REQUESTS, min_size=1, max_size=4))
def test_a_request_that_is_written_can_be_read(requests: list[DocumentRequest]) -> None:
    assert read_retrieve_request(etree.fromstring(retrieve_request(requests))) == requests


@given(st.lists(ANSWERS, max_size=4))
def test_a_response_that_is_written_can_be_read(answers: list[DocumentAnswer]) -> None:
    error = RegistryError(ErrorCode.DOCUMENT_UNIQUE_ID, 'not <here> & "there"', "2.999.1")
    answer = read_retrieve_response(etree.fromstring(retrieve_response(PARTIAL_SUCCESS, [error], answers)))
    assert answer.documents == tuple(answers)
    assert (answer.head.status, answer.head.errors) == (PARTIAL_SUCCESS, (error,))


@given(st.binary(max_size=100))
def test_a_document_inside_the_envelope(content: bytes) -> None:
    written = DocumentAnswer(
        request=DocumentRequest(repository_unique_id="1", document_unique_id="2"),
        mime_type="text/plain",
        content=content,
    )
    assert read_retrieve_response(etree.fromstring(retrieve_response(SUCCESS, [], [written]))).documents == (written,)


@needs_shared
def test_messages_are_valid() -> None:
    local = DocumentRequest(repository_unique_id="2.999.1", document_unique_id="2.999.2")
    remote = DocumentRequest(
        repository_unique_id="2.999.1", document_unique_id="2.999.3", home_community_id="urn:oid:2.999"
    )
    assert valid(retrieve_request([local, remote]))
    on_demand = DocumentAnswer(
        request=remote,
        mime_type="text/xml",
        content_id="d",
        new_repository_unique_id="2.999.4",
        new_document_unique_id="2.999.5",
    )
    message = retrieve_response(SUCCESS, [], [DocumentAnswer(request=local, mime_type="a/b", content=b"x"), on_demand])
    # xop:Include is what the package makes of base64: the schema sees the message before that.
    root = etree.fromstring(message)
    for include in root.iter("{http://www.w3.org/2004/08/xop/include}Include"):
        include.getparent().remove(include)
    assert valid(etree.tostring(root))
    assert [child.tag.rpartition("}")[2] for child in root[-1]] == [
        "HomeCommunityId",
        "RepositoryUniqueId",
        "DocumentUniqueId",
        "NewRepositoryUniqueId",
        "NewDocumentUniqueId",
        "mimeType",
        "Document",
    ]
    assert valid(retrieve_response(FAILURE, [RegistryError("XDSRepositoryError", "x")], []))


def test_home_is_echoed_only_when_it_was_asked() -> None:
    local = DocumentRequest(repository_unique_id="1", document_unique_id="2")
    message = retrieve_response(SUCCESS, [], [DocumentAnswer(request=local, mime_type="a/b", content_id="c")])
    assert b"HomeCommunityId" not in message


def test_no_white_space_around_a_reference() -> None:
    local = DocumentRequest(repository_unique_id="1", document_unique_id="2")
    message = retrieve_response(SUCCESS, [], [DocumentAnswer(request=local, mime_type="a/b", content_id="d%1@h")])
    assert (
        b'<xds:Document><xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:d%251@h"/></xds:Document>'
        in message
    )


def test_children_of_a_response_in_any_order() -> None:
    answer = read_retrieve_response(
        etree.fromstring(
            f"<x:R xmlns:x='{XDS}'><x:DocumentResponse><x:NewDocumentUniqueId>new</x:NewDocumentUniqueId>"
            "<x:mimeType> text/plain </x:mimeType><x:Document>eA==</x:Document><x:DocumentUniqueId>old</x:DocumentUniqueId>"
            "<x:RepositoryUniqueId>r</x:RepositoryUniqueId></x:DocumentResponse></x:R>"
        )
    )
    assert answer.documents == (
        DocumentAnswer(
            request=DocumentRequest(repository_unique_id="r", document_unique_id="old"),
            mime_type="text/plain",
            content=b"x",
            new_document_unique_id="new",
        ),
    )


def test_what_a_response_lacks_is_empty() -> None:
    assert RetrieveAnswer.EMPTY.documents == ()
    answer = read_retrieve_response(etree.fromstring(f"<x:R xmlns:x='{XDS}'><x:DocumentResponse/></x:R>"))
    empty = DocumentRequest(repository_unique_id="", document_unique_id="")
    assert answer.documents == (DocumentAnswer(request=empty, mime_type=""),)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param("", DocumentPart(id="D", content=b""), id="an empty document"),
        pytest.param(base64.b64encode(b"hello").decode(), DocumentPart(id="D", content=b"hello"), id="inline"),
        pytest.param("aGVs\n bG8=\r\n", DocumentPart(id="D", content=b"hello"), id="inline in lines"),
        pytest.param("aGVs<!-- c -->bG8=", DocumentPart(id="D", content=b"hello"), id="a comment inside"),
        pytest.param('<xop:Include href="cid:a%40b"/>', DocumentPart(id="D", content_id="a@b"), id="percent-encoded"),
        pytest.param(' <xop:Include href="CID:&lt;a@b&gt;"/>\n', DocumentPart(id="D", content_id="a@b"), id="brackets"),
    ],
)
def test_forms_of_a_document(document: str, expected: DocumentPart) -> None:
    submission, parts = read_provide_and_register(
        provide(f'<lcm:SubmitObjectsRequest/><xds:Document id="D">{document}</xds:Document>')
    )
    assert submission.tag.endswith("}SubmitObjectsRequest")
    assert parts == [expected]


@pytest.mark.parametrize(
    "document",
    [
        "not base64!",
        "aGVsbG8",
        '<xop:Include href="http://example.org/x"/>',
        '<xop:Include href="file:///etc/passwd"/>',
        '<xop:Include href="cid:"/>',
        "<xop:Include/>",
        '<xop:Include href="cid:a"/><xop:Include href="cid:b"/>',
        '<other href="cid:a"/>',
    ],
)
def test_what_is_no_document_is_an_error_at_its_id(document: str) -> None:
    with pytest.raises(XdsErrors) as failure:
        read_provide_and_register(provide(f'<lcm:SubmitObjectsRequest/><xds:Document id="D">{document}</xds:Document>'))
    assert [(error.code, error.location) for error in failure.value.errors] == [("XDSRepositoryError", "D")]


@pytest.mark.parametrize("count", [0, 2])
def test_exactly_one_submission(count: int) -> None:
    with pytest.raises(XdsErrors, match="instead of one"):
        read_provide_and_register(provide("<lcm:SubmitObjectsRequest/>" * count))


def test_a_submission_without_documents() -> None:
    assert read_provide_and_register(provide("<lcm:SubmitObjectsRequest/>"))[1] == []
