"""ITI TF-2: 3.18.4.1.2.3: how parameters are written, which a query takes, what is wrong with a request."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.ebrim.messages import AdhocQuery
from registry.errors import XdsErrors
from registry.metadata.objects import APPROVED, DEPRECATED, ON_DEMAND_DOCUMENT, STABLE_DOCUMENT, Slot
from registry.queries.catalogue import STORED_QUERIES, Kind, is_patient_query, patient_of, patient_slot
from registry.queries.criteria import Condition, criteria
from registry.queries.parameters import MalformedValue, read_code, read_instant, scan
from tests.registry.registry_bench import P1, QUERY_ID, coded, stored_query, uuid
from tests.shared import SHARED, needs_shared


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("'a'", ("a",), id="a string"),
        pytest.param("('a')", ("a",), id="one value in a list"),
        pytest.param("('a','b')", ("a", "b"), id="values of one list"),
        pytest.param("( 'a' , 'b' )", ("a", "b"), id="blanks inside parentheses"),
        pytest.param("\n  ('a',\n 'b')\t", ("a", "b"), id="white space around the value"),
        pytest.param("20240101", ("20240101",), id="a number"),
        pytest.param("(1,2)", ("1", "2"), id="numbers in a list"),
        pytest.param("'it''s'", ("it's",), id="a doubled apostrophe is one"),
        pytest.param("''''", ("'",), id="nothing but an apostrophe"),
        pytest.param("('a,b','c')", ("a,b", "c"), id="a comma inside a value"),
        pytest.param("('f(x)',')')", ("f(x)", ")"), id="parentheses inside a value"),
        pytest.param("('a^^b''c, d')", ("a^^b'c, d",), id="everything at once"),
        pytest.param("'P1^^^&2.999&ISO'", ("P1^^^&2.999&ISO",), id="a patient id"),
        pytest.param('("a","b")', ("a", "b"), id="double quotes, as a sample of the framework has them"),
        pytest.param('"say ""a"""', ('say "a"',), id="a doubled double quote"),
        pytest.param("''", ("",), id="an empty string"),
    ],
)
def test_a_value_is_scanned(text, expected):
    assert scan(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("a", id="an unquoted string"),
        pytest.param("(a)", id="an unquoted string in a list"),
        pytest.param("'a", id="an open string"),
        pytest.param("('a'", id="an open list"),
        pytest.param("'a''", id="an odd number of apostrophes"),
        pytest.param("()", id="an empty list"),
        pytest.param("('a',)", id="a list that ends with a comma"),
        pytest.param("('a' 'b')", id="no comma between values"),
        pytest.param("'a','b'", id="a list without parentheses"),
        pytest.param("('a')('b')", id="two lists in one value"),
        pytest.param("('a'),", id="something after the list"),
        pytest.param("(('a'))", id="a list in a list"),
        pytest.param("-1", id="a negative number"),
        pytest.param("('a", id="an open string in a list"),
    ],
)
def test_a_malformed_value_is_refused(text):
    with pytest.raises(MalformedValue):
        scan(text)


@given(st.lists(st.text(), min_size=1))
def test_what_is_quoted_can_be_scanned(texts):
    assert scan(coded(tuple(texts))) == tuple(texts)


@pytest.mark.parametrize(
    "hostile", ["'" * 200_001, "(" * 200_000, "('a'," * 100_000, "'" + "''" * 100_000, "9" * 200_000]
)
def test_a_hostile_value_costs_one_pass(hostile):
    with suppress(MalformedValue):
        scan(hostile)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("NOTE^^2.999.8.1", ("NOTE", "2.999.8.1"), id="code and scheme"),
        pytest.param(
            "urn:a:b^^Connect-a-thon codes", ("urn:a:b", "Connect-a-thon codes"), id="a scheme that is no OID"
        ),
        pytest.param("NOTE", None, id="no scheme"),
        pytest.param("NOTE^^", None, id="an empty scheme"),
        pytest.param("^^2.999", None, id="an empty code"),
        pytest.param("NOTE^Note^2.999", None, id="a display name between"),
        pytest.param("NOTE^2.999", None, id="one caret"),
        pytest.param("NOTE^^2.999^x", None, id="more than a scheme"),
    ],
)
def test_a_code_is_code_and_scheme(text, expected):
    if expected is None:
        with pytest.raises(MalformedValue):
            read_code(text)
    else:
        assert read_code(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024", 20240101000000),
        ("202402", 20240201000000),
        ("20240229", 20240229000000),
        ("2024022910", 20240229100000),
        ("202402291015", 20240229101500),
        ("20240229101501", 20240229101501),
        ("202413", None),
        ("2024022", None),
        ("20240229101501.5", None),
        ("20240229101501+0100", None),
        ("", None),
    ],
)
def test_a_time_is_padded_to_its_first_instant(text, expected):
    if expected is None:
        with pytest.raises(MalformedValue):
            read_instant(text)
    else:
        assert read_instant(text) == expected


def _codes(*errors: XdsErrors) -> list[str]:
    return [str(fault.code) for error in errors for fault in error.errors]


def _refused(query: AdhocQuery) -> list[str]:
    with pytest.raises(XdsErrors) as refused:
        criteria(query)
    return _codes(refused.value)


def _documents(**more: object) -> AdhocQuery:
    return stored_query(
        "FindDocuments", **({"XDSDocumentEntryPatientId": P1, "XDSDocumentEntryStatus": (APPROVED,)} | more)
    )


def test_the_catalogue_has_the_fourteen_queries_of_the_framework():
    assert len(STORED_QUERIES) == 14
    assert all(query.section.startswith("ITI TF-2: 3.18") for query in STORED_QUERIES.values())


_ANY_VALUE = {
    Kind.PATIENT: P1,
    Kind.ENTRY_UUID: uuid(1),
    Kind.UNIQUE_ID: "2.999.1",
    Kind.TEXT: "2.999.2",
    Kind.STATUS: APPROVED,
    Kind.OBJECT_TYPE: STABLE_DOCUMENT,
    Kind.CODE: "NOTE^^2.999.8.1",
    Kind.LIKE: "%Welby%",
    Kind.FROM: 2024,
    Kind.TO: 2025,
    Kind.ASSOCIATION_TYPE: "urn:ihe:iti:2007:AssociationType:RPLC",
    Kind.ASSOCIATION_STATUS: APPROVED,
    Kind.LOGICAL_ID: uuid(1),
    Kind.LEVEL: 2,
    Kind.AVAILABILITY: "urn:ihe:iti:2010:DocumentAvailability:Online",
}
_EVERY_PARAMETER = [
    pytest.param(query, parameter, id=f"{query.name} {parameter.name}")
    for query in STORED_QUERIES.values()
    for parameter in query.parameters
]


def _complete(query, *without):
    """Everything that the query requires, and the first of its alternatives; at the level that knows versions."""
    return {"MetadataLevel": 2} | {
        parameter.name[1:]: _ANY_VALUE[parameter.kind]
        for parameter in query.parameters
        if (parameter.required or parameter.name in query.either[:1]) and parameter.name not in without
    }


@pytest.mark.parametrize("query", STORED_QUERIES.values(), ids=lambda query: query.name)
def test_what_is_required_is_enough(query):
    assert criteria(stored_query(query.id, **_complete(query))).query is query


@pytest.mark.parametrize(("query", "parameter"), _EVERY_PARAMETER)
def test_a_missing_parameter(query, parameter):
    request = stored_query(query.id, **_complete(query, parameter.name))
    if parameter.required or parameter.name in query.either[:1]:
        assert _refused(request) == ["XDSStoredQueryMissingParam"]
    else:
        criteria(request)


@pytest.mark.parametrize(("query", "parameter"), _EVERY_PARAMETER)
def test_more_than_one_value(query, parameter):
    value = _ANY_VALUE[parameter.kind]
    second = value + 1 if isinstance(value, int) else DEPRECATED if parameter.kind is Kind.STATUS else f"{value}0"
    given = _complete(query, *query.either) | {parameter.name[1:]: (value, second)}
    if query.either and parameter.name not in query.either:
        given |= {query.either[0][1:]: uuid(1)}
    request = stored_query(query.id, **given)
    if parameter.many:
        criteria(request)
    else:
        assert _refused(request) == ["XDSStoredQueryParamNumber"]


@pytest.mark.parametrize(("query", "parameter"), _EVERY_PARAMETER)
def test_a_repeated_slot(query, parameter):
    value = _ANY_VALUE[parameter.kind]
    given = _complete(query, *query.either) | {parameter.name[1:]: [(value,), (value,)]}
    if query.either and parameter.name not in query.either:
        given |= {query.either[0][1:]: uuid(1)}
    request = stored_query(query.id, **given)
    if parameter.repeatable:
        criteria(request)
    else:
        assert _refused(request) == ["XDSStoredQueryParamNumber"]


def test_repeated_slots_and_are_only_for_four_parameters():
    repeatable = {p.name for query in STORED_QUERIES.values() for p in query.parameters if p.repeatable}
    assert repeatable == {
        "$XDSDocumentEntryEventCodeList",
        "$XDSDocumentEntryConfidentialityCode",
        "$XDSFolderCodeList",
        "$XDSDocumentEntryReferenceIdList",
    }


@pytest.mark.parametrize("query", [q for q in STORED_QUERIES.values() if q.either], ids=lambda query: query.name)
def test_exactly_one_of_the_alternatives(query):
    both = {name[1:]: uuid(1) for name in query.either}
    assert _refused(stored_query(query.id, **(_complete(query) | both))) == ["XDSStoredQueryParamNumber"]
    assert _refused(stored_query(query.id, **_complete(query, *query.either))) == ["XDSStoredQueryMissingParam"]
    by_unique_id = criteria(
        stored_query(query.id, **(_complete(query, *query.either) | {query.either[1][1:]: "2.999.1"}))
    )
    assert (by_unique_id.entry_uuids, by_unique_id.unique_ids) == ((), ("2.999.1",))


def test_values_of_several_value_elements_are_one_list():
    slots = (
        Slot(name="$XDSDocumentEntryPatientId", values=(coded(P1),)),
        Slot(name="$XDSDocumentEntryStatus", values=(coded((APPROVED,)), coded((DEPRECATED,)))),
        Slot(name="$XDSDocumentEntryClassCode", values=("('a^^s')", "('b^^s','a^^s')")),
    )
    found = criteria(AdhocQuery(QUERY_ID["FindDocuments"], "LeafClass", None, slots)).documents
    assert Condition("class_codes", Kind.CODE, (("a", "s"), ("b", "s"))) in found
    assert Condition("availability_status", Kind.STATUS, (APPROVED, DEPRECATED)) in found


def test_repeated_slots_must_all_hold():
    found = criteria(_documents(XDSDocumentEntryEventCodeList=[("a^^s", "b^^s"), ("c^^s",)])).documents
    events = [condition.values for condition in found if condition.attribute == "event_codes"]
    assert events == [(("a", "s"), ("b", "s")), (("c", "s"),)]


def test_a_list_of_one_for_one_value_and_the_reverse():
    query = _documents(XDSDocumentEntryPatientId=(P1,), XDSDocumentEntryStatus=APPROVED)
    assert criteria(query).patient == P1


def test_a_quoted_time_is_a_time():
    assert (
        Condition("creation_time", Kind.FROM, (20240101000000,))
        in criteria(_documents(XDSDocumentEntryCreationTimeFrom="2024")).documents
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param((APPROVED, "Approved"), (APPROVED,), id="an unknown one is dropped"),
        pytest.param((APPROVED, APPROVED), (APPROVED,), id="twice the same"),
    ],
)
def test_status_values(given, expected):
    assert (
        Condition("availability_status", Kind.STATUS, expected)
        in criteria(_documents(XDSDocumentEntryStatus=given)).documents
    )


def test_nothing_but_unknown_status_values_is_a_missing_parameter():
    wrong = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Approved"
    assert _refused(_documents(XDSDocumentEntryStatus=(wrong,))) == ["XDSStoredQueryMissingParam"]


@pytest.mark.parametrize("query", [q for q in STORED_QUERIES.values() if q.stable_by_default], ids=lambda q: q.name)
def test_without_a_type_only_stable_documents_are_meant(query):
    by_default = Condition("object_type", Kind.OBJECT_TYPE, (STABLE_DOCUMENT,))
    assert by_default in criteria(stored_query(query.id, **_complete(query))).documents
    both = stored_query(query.id, **_complete(query), XDSDocumentEntryType=(STABLE_DOCUMENT, ON_DEMAND_DOCUMENT))
    assert by_default not in criteria(both).documents


def test_the_queries_that_take_a_type():
    assert {q.name for q in STORED_QUERIES.values() if q.stable_by_default} == {
        "FindDocuments",
        "FindDocumentsByReferenceId",
        "GetAll",
        "GetSubmissionSetAndContents",
        "GetFolderAndContents",
        "GetRelatedDocuments",
    }


def test_an_unknown_type_is_no_error():
    criteria(_documents(XDSDocumentEntryType=("urn:uuid:00000000-0000-0000-0000-000000000000",)))


def test_unknown_parameters_are_ignored_and_names_stripped():
    query = _documents(targetCommunityIdList=("urn:oid:1.2",), XDSDocumentEntryFoo="x'y")
    padded = AdhocQuery(
        query.query_id, query.return_type, None, tuple(Slot(name=f" {s.name} ", values=s.values) for s in query.slots)
    )
    assert criteria(padded) == criteria(_documents())


def test_a_slot_without_values_is_absent():
    empty = Slot(name="$XDSDocumentEntryClassCode", values=())
    query = _documents()
    assert criteria(AdhocQuery(query.query_id, "LeafClass", None, (*query.slots, empty))) == criteria(query)


def test_home_restricts_nothing():
    query = stored_query("GetDocuments", XDSDocumentEntryEntryUUID=(uuid(1),), home="urn:oid:2.999.4")
    assert criteria(query) == criteria(stored_query("GetDocuments", XDSDocumentEntryEntryUUID=(uuid(1),)))


@pytest.mark.parametrize("return_type", ["RegistryObject", "LeafClassWithRepositoryItem", "leafclass", ""])
def test_other_return_types_are_refused(return_type):
    assert _refused(stored_query("GetAssociations", uuid=(uuid(1),), returns=return_type)) == ["XDSRegistryError"]


def test_an_unknown_query_is_refused():
    assert _refused(stored_query("urn:uuid:f2072993-9478-41df-a603-8f016706efe8")) == ["XDSUnknownStoredQuery"]
    assert _refused(stored_query("", returns="x")) == ["XDSUnknownStoredQuery", "XDSRegistryError"]


def test_the_case_of_a_query_id_does_not_matter():
    assert criteria(stored_query(QUERY_ID["GetAssociations"].upper(), uuid=(uuid(1),))).query.name == "GetAssociations"


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"XDSDocumentEntryClassCode": ("NOTE",)}, id="a code without scheme"),
        pytest.param({"XDSDocumentEntryCreationTimeFrom": 20241301}, id="a month 13"),
        pytest.param({"XDSDocumentEntryPatientId": ""}, id="an empty patient id"),
        pytest.param({"XDSDocumentEntryAuthorPerson": ("%" * 257,)}, id="M27 a pattern longer than any value"),
    ],
)
def test_malformed_values_are_refused(given):
    assert _refused(_documents(**given)) == ["XDSRegistryError"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param(
            stored_query("FindDocuments", XDSDocumentEntryPatientId=P1),
            "XDSStoredQueryMissingParam",
            id="M27 no status",
        ),
        pytest.param(
            _documents(XDSDocumentEntryPatientId=tuple(f"P{n}" for n in range(10_000))),
            "XDSStoredQueryParamNumber",
            id="M27 a list of 10,000 patients",
        ),
        pytest.param(
            _documents(XDSDocumentEntryAuthorPerson=tuple(f"%{n}%" for n in range(51))),
            "XDSStoredQueryParamNumber",
            id="M27 more patterns than are tried",
        ),
    ],
)
def test_what_would_cost_too_much_is_refused(query, expected):
    assert _refused(query) == [expected]


def test_everything_wrong_is_said_at_once():
    query = stored_query(
        "FindDocuments",
        returns="RegistryObject",
        XDSDocumentEntryPatientId=(P1, P1 + "x"),
        XDSDocumentEntryClassCode=("NOTE",),
        XDSDocumentEntryCreationTimeTo=20249999,
        XDSDocumentEntryServiceStartTimeFrom=[2020, 2021],
    )
    assert sorted(_refused(query)) == sorted(
        [
            "XDSRegistryError",  # returnType
            "XDSStoredQueryParamNumber",  # two patients
            "XDSRegistryError",  # code
            "XDSRegistryError",  # time
            "XDSStoredQueryParamNumber",  # repeated slot
            "XDSStoredQueryMissingParam",  # status
        ]
    )


@pytest.mark.parametrize("query", STORED_QUERIES.values(), ids=lambda query: query.name)
def test_patient_queries_know_their_patient(query):
    request = stored_query(query.id, **_complete(query))
    assert is_patient_query(query.id) is (query.name.startswith("Find") or query.name == "GetAll")
    assert patient_of(request) == (P1 if is_patient_query(query.id) else "")
    assert (patient_slot(query.id) is None) is not is_patient_query(query.id)


@pytest.mark.parametrize("value", ["P1", "('", ""])
def test_a_patient_that_cannot_be_read_is_none(value):
    query = AdhocQuery(
        QUERY_ID["FindDocuments"], "LeafClass", None, (Slot(name="$XDSDocumentEntryPatientId", values=(value,)),)
    )
    assert patient_of(query) == ""


@needs_shared
def test_names_and_ids_are_those_of_the_reference():
    """Every row of the reference's table of queries, but those of other transactions, and every parameter's name."""
    text = (SHARED / "ihe" / "xds-wire.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (\w+)(?: \([^|]*\))? \| `(urn:uuid:[0-9a-f-]+)` \|", text, re.MULTILINE)
    others = {name for name, _ in table if name.endswith(("MultiplePatients", "Exclude")) or name == "Fetch"}
    assert {(name, id_) for name, id_ in table if name not in others} == {
        (query.name, query.id) for query in STORED_QUERIES.values()
    }
    names = set(re.findall(r"\$\w+", text))
    assert {parameter.name for query in STORED_QUERIES.values() for parameter in query.parameters} <= names


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        ({"XDSDocumentEntryLogicalID": (uuid(1),)}, ["XDSRegistryError"]),
        ({"XDSDocumentEntryLogicalID": (uuid(1),), "MetadataLevel": 1}, ["XDSRegistryError"]),
        ({"XDSDocumentEntryEntryUUID": (uuid(1),), "MetadataLevel": 3}, ["XDSRegistryError"]),
        ({"XDSDocumentEntryEntryUUID": (uuid(1),), "MetadataLevel": (1, 2)}, ["XDSStoredQueryParamNumber"]),
        (
            {"XDSDocumentEntryEntryUUID": (uuid(1),), "XDSDocumentEntryLogicalID": (uuid(1),), "MetadataLevel": 2},
            ["XDSStoredQueryParamNumber"],
        ),
    ],
)
def test_a_metadata_level_that_cannot_be_answered(given, codes):
    assert _refused(stored_query("GetDocuments", **given)) == codes
