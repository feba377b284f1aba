"""Stored queries as they are asked, and answers of other communities (ITI TF-2: 3.18.4.1, 3.38.4.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from registry.ebrim import messages
from registry.ebrim.messages import FAILURE, PARTIAL_SUCCESS, SUCCESS, AdhocQuery
from registry.ebrim.reader import read_adhoc_query, read_query_answer, read_registry_response
from registry.ebrim.writer import object_ref, render
from registry.errors import RegistryError, Severity
from registry.metadata.objects import Slot
from tests.registry.ebrim.strategies import slot_texts, texts
from tests.registry.samples import association, element, entry, folder, submission_set, vector
from tests.shared import SHARED, needs_shared

NS = {
    "query": "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0",
    "rim": "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0",
    "rs": "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0",
}
DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NS.items())


def schema() -> etree.XMLSchema:
    assert SHARED is not None
    return etree.XMLSchema(etree.parse(str(SHARED / "schemas" / "xds" / "query.xsd")))


# --- queries --------------------------------------------------------------------------------------------------------


def test_the_worked_query():
    query = read_adhoc_query(vector("iti18/find_documents.xml"))
    assert query.query_id == "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
    assert (query.return_type, query.home) == ("LeafClass", None)
    assert query.slots[0] == Slot(name="$XDSDocumentEntryPatientId", values=("'ZY-20418^^^&2.999.40.1&ISO'",))
    assert len(query.slots[4].values) == 2
    assert [slot.name for slot in query.slots].count("$XDSDocumentEntryEventCodeList") == 2
    assert query.slots[-1].values == ("('%^Lin^%','%^O''Hara^%')",)


def query_of(inner: str) -> AdhocQuery:
    return read_adhoc_query(element(f"<query:AdhocQueryRequest {DECLARED}>{inner}</query:AdhocQueryRequest>".encode()))


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("", AdhocQuery("", "", None)),
        ("<query:ResponseOption/>", AdhocQuery("", "RegistryObject", None)),
        ('<query:ResponseOption returnType="ObjectRef"/>', AdhocQuery("", "ObjectRef", None)),
        ('<rim:AdhocQuery id=" urn:uuid:1 " home="urn:oid:2.999"/>', AdhocQuery("urn:uuid:1", "", "urn:oid:2.999")),
        ('<rim:AdhocQuery id="a" home=""/>', AdhocQuery("a", "", None)),
        (
            '<rim:AdhocQuery id="a"><rim:Slot name="$uuid "><rim:ValueList><rim:Value>\n ( \'x\' )\t</rim:Value>'
            "</rim:ValueList></rim:Slot></rim:AdhocQuery>",
            AdhocQuery("a", "", None, (Slot(name="$uuid", values=("( 'x' )",)),)),
        ),
        (
            '<!-- c --><rim:AdhocQuery id="a"><!-- c --><rim:Slot name="$a"/><rim:Slot/></rim:AdhocQuery>',
            AdhocQuery("a", "", None, (Slot(name="$a", values=()), Slot(name="", values=()))),
        ),
    ],
)
def test_a_query_is_read_as_it_stands(inner, expected):
    assert query_of(inner) == expected


@given(
    st.builds(
        AdhocQuery,
        texts,
        st.sampled_from(["LeafClass", "ObjectRef"]),
        st.one_of(st.none(), texts),
        st.lists(
            st.builds(
                Slot,
                name=slot_texts.map(str.strip).filter(bool),
                values=st.lists(slot_texts, min_size=1, max_size=3).map(tuple),
            ),
            max_size=3,
        ).map(tuple),
    ).filter(lambda query: query.query_id == query.query_id.strip())
)
def test_a_written_query_is_read_again(query):
    assert read_adhoc_query(element(messages.adhoc_query_request(query))) == query


@needs_shared
def test_a_written_query_is_valid():
    query = read_adhoc_query(vector("iti18/find_documents.xml"))
    schema().assertValid(element(messages.adhoc_query_request(query)))


# --- answers --------------------------------------------------------------------------------------------------------

ERROR = RegistryError("XDSRegistryError", 'a & b "c" 出', "here")
WARNING = RegistryError("XDSExtraMetadataNotSaved", "", "", Severity.WARNING)


@pytest.mark.parametrize(
    ("errors", "status"), [((), SUCCESS), ((WARNING,), SUCCESS), ((ERROR,), FAILURE), ((WARNING, ERROR), FAILURE)]
)
def test_a_registry_response(errors, status):
    head = read_registry_response(element(messages.registry_response(errors)))
    assert (head.status, head.errors) == (status, errors)


def test_the_status_of_a_response_can_be_given():
    head = read_registry_response(element(messages.registry_response([ERROR], status=PARTIAL_SUCCESS)))
    assert head.status == PARTIAL_SUCCESS


@pytest.mark.parametrize(("errors", "highest"), [([WARNING], "Warning"), ([WARNING, ERROR], "Error")])
def test_the_highest_severity_is_named(errors, highest):
    error_list = element(messages.registry_response(errors))[0]
    assert error_list.get("highestSeverity") == f"urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:{highest}"


OBJECTS = [
    render(entry("urn:uuid:1", home_community_id="urn:oid:2.999")),
    render(submission_set("urn:uuid:2")),
    render(folder("urn:uuid:3")),
    render(association("urn:uuid:4", "urn:uuid:2", "urn:uuid:1")),
    object_ref("urn:uuid:5", "urn:oid:2.999"),
]


@pytest.mark.parametrize("errors", [[], [ERROR, WARNING]])
@pytest.mark.parametrize("fragments", [[], OBJECTS])
def test_a_query_response(errors, fragments):
    data = messages.adhoc_query_response(PARTIAL_SUCCESS if errors else SUCCESS, errors, iter(fragments))
    answer = read_query_answer(element(data))
    assert answer.head.errors == tuple(errors)
    kinds = ["document", "submission_set", "folder", "association", "object_ref"]
    assert [item.kind for item in answer.objects] == kinds[: len(fragments)]


@needs_shared
@pytest.mark.parametrize("errors", [[], [ERROR, WARNING]])
@pytest.mark.parametrize("fragments", [[], OBJECTS])
def test_a_query_response_is_valid(errors, fragments):
    schema().assertValid(element(messages.adhoc_query_response(SUCCESS, errors, fragments)))


@needs_shared
@pytest.mark.parametrize("errors", [[], [ERROR, WARNING]])
def test_a_registry_response_is_valid(errors):
    assert SHARED is not None
    rs = etree.XMLSchema(etree.parse(str(SHARED / "schemas" / "xds" / "rs.xsd")))
    rs.assertValid(element(messages.registry_response(errors)))


def test_the_answer_of_another_stack():
    answer = read_query_answer(vector("iti18/leaf_class_response.xml"))
    assert answer.head.status == PARTIAL_SUCCESS
    assert [(error.code, error.location, error.severity) for error in answer.head.errors] == [
        ("XDSUnavailableCommunity", "urn:oid:2.999.50", Severity.ERROR),
        ("XDSExtraMetadataNotSaved", "", Severity.WARNING),
    ]
    assert [item.kind for item in answer.objects] == [
        "document", "submission_set", "folder", "association", "object_ref",
    ]  # fmt: skip
    document, package, *_, reference = answer.objects
    assert (document.size, document.hash) == ("17", "A94A8FE5CCB19BA61C4C0873D391E987982FBBD3")
    assert (document.repository_unique_id, document.unique_id) == ("2.999.43.7", "2.999.43.100.1")
    assert (document.home, document.patient_id) == ("urn:oid:2.999.43", "ZY-20418^^^&2.999.40.1&ISO")
    assert document.status.endswith("Approved")
    assert package.unique_id == "2.999.43.200.1"
    assert (reference.home, reference.id[-2:]) == ("urn:oid:2.999.43", "51")


def test_objects_of_another_stack_can_be_spliced():
    answer = read_query_answer(vector("iti18/leaf_class_response.xml"))
    for item in answer.objects:
        alone = element(item.xml)
        assert etree.QName(alone).namespace == NS["rim"]
        assert alone.get("id") == item.id
    spliced = element(messages.adhoc_query_response(SUCCESS, (), [item.xml for item in answer.objects]))
    assert [item.kind for item in read_query_answer(spliced).objects] == [item.kind for item in answer.objects]
    assert b"<!--" not in b"".join(item.xml for item in answer.objects)
    # What stood beside its package is within it: the objects travel one by one.
    assert b"a54d6aa5-d40d-43f9-88c5-b4633d873bdd" in answer.objects[1].xml


@pytest.mark.parametrize(
    "body",
    [
        "<query:AdhocQueryResponse {0}/>",
        '<query:AdhocQueryResponse {0} status="x"><rs:RegistryErrorList/></query:AdhocQueryResponse>',
        "<query:AdhocQueryResponse {0}><rim:RegistryObjectList/></query:AdhocQueryResponse>",
        "<query:AdhocQueryResponse {0}><rim:RegistryObjectList><rim:Service/><x/></rim:RegistryObjectList></query:AdhocQueryResponse>",
        "<x/>",
    ],
)
def test_an_answer_that_lacks_everything_is_empty(body):
    answer = read_query_answer(element(body.format(DECLARED).encode()))
    assert answer.objects == ()
    assert answer.head.errors == ()


def test_an_object_that_lacks_everything():
    body = f"<query:AdhocQueryResponse {DECLARED}><rim:RegistryObjectList><rim:ExtrinsicObject/></rim:RegistryObjectList></query:AdhocQueryResponse>"
    (item,) = read_query_answer(element(body.encode())).objects
    assert (item.kind, item.id, item.home, item.unique_id, item.hash, item.size, item.status) == (
        "document", "", None, "", "", "", "",
    )  # fmt: skip


def test_the_head_of_a_retrieve_response():
    body = f'<x:R xmlns:x="urn:ihe:iti:xds-b:2007" {DECLARED}><rs:RegistryResponse status="{FAILURE}"><rs:RegistryErrorList>'
    body += '<rs:RegistryError errorCode="E" codeContext="c" location="l"/></rs:RegistryErrorList></rs:RegistryResponse></x:R>'
    head = read_registry_response(element(body.encode()))
    assert (head.status, head.errors) == (FAILURE, (RegistryError("E", "c", "l"),))
