"""Pitfalls 43 to 57 of xds-wire 10: stored queries and retrieval (ITI TF-2: 3.18.4.1.2.3, 3.43.4)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.end_to_end.wire import (
    DEPRECATED,
    FAILURE,
    NS,
    ON_DEMAND,
    PARTIAL,
    STABLE,
    SUCCESS,
    Answer,
    Document,
    adhoc,
    code,
    oid,
    provide,
    retrieve,
    slot,
    submission,
    urn,
)
from tests.pitfalls.registry import (
    APND,
    QUERIES,
    XFRM,
    Registry,
    association,
    associations,
    entry,
    listed,
    new_patient,
    packages,
    quoted,
)

EVENT = "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4"


@dataclass
class Shelf:
    """A patient with documents whose attributes are hard to ask for; `ids` by what each is called."""

    registry: Registry
    patient: str
    ids: dict[str, str]

    def names(self, answer: Answer) -> set[str]:
        assert answer.status == SUCCESS, answer.errors
        back = {id_: name for name, id_ in self.ids.items()}
        return {back[one.get("id")] for one in answer.entries()}

    def found(self, **parameters: object) -> set[str]:
        return self.names(self.registry.find(self.patient, **parameters))

    def refused(self, **parameters: object) -> list[str]:
        answer = self.registry.find(self.patient, **parameters)
        assert (answer.http_status, answer.status, answer.entries()) == (200, FAILURE, [])
        return answer.codes


HOSTILE = {
    "comma": "a,b",
    "list": "'),('",
    "apostrophe": "it's",
    "parentheses": "f(x)",
    "ampersand": "R&D",
}


@pytest.fixture(scope="module")
def shelf(registry: Registry) -> Shelf:
    own = new_patient()
    documents = {name: entry(class_code=value) for name, value in HOSTILE.items()}
    times = {"march": ("20240301", "20240331"), "april": ("20240401000000", "20240430235959"), "no time": ()}
    for name, given in times.items():
        names = ("serviceStartTime", "serviceStopTime")
        slots = "".join(slot(one, time) for one, time in zip(names, given, strict=False))
        documents[name] = entry(slots=slots, class_code=f"TIME {name}")
    events = {"one": ("A",), "both": ("A", "B"), "other": ("C",)}
    for name in events:
        documents[name] = entry(class_code=f"EVENT {name}")
    body = submission(own, list(documents.values()))
    for name, codes in events.items():
        id_ = documents[name].id
        place = body.index("<rim:Classification", body.index(f'<rim:ExtrinsicObject id="{id_}"'))
        body = body[:place] + "".join(code(EVENT, id_, one, "2.999.8.9", one) for one in codes) + body[place:]
    assert registry.register(body).status == SUCCESS
    return Shelf(registry, own, {name: document.id for name, document in documents.items()})


# --- 43 to 46: how values are written -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [pytest.param(one, id=f"P43-{one}-in-a-value") for one in HOSTILE])
def test_a_value_may_hold_what_divides_lists(shelf: Shelf, name: str) -> None:
    assert shelf.found(XDSDocumentEntryClassCode=listed(f"{HOSTILE[name]}^^2.999.8.1")) == {name}
    together = listed(*(f"{value}^^2.999.8.1" for value in HOSTILE.values()))
    assert shelf.found(XDSDocumentEntryClassCode=together) == set(HOSTILE)


@pytest.mark.parametrize("case", [pytest.param(None, id="P44-several-values-are-one-list")])
def test_several_values_of_a_slot_are_one_list(shelf: Shelf, case: None) -> None:
    values = tuple(listed(f"{HOSTILE[name]}^^2.999.8.1") for name in ("comma", "apostrophe"))
    assert shelf.found(XDSDocumentEntryClassCode=[values]) == {"comma", "apostrophe"}
    ids = tuple(listed(id_) for id_ in shelf.ids.values())
    assert shelf.names(shelf.registry.ask("GetDocuments", XDSDocumentEntryEntryUUID=[ids])) == set(shelf.ids)


def event(*values: str) -> str:
    return listed(*(f"{value}^^2.999.8.9" for value in values))


@pytest.mark.parametrize(
    ("slots", "expected"),
    [
        pytest.param([event("A")], {"one", "both"}, id="P45-one-slot"),
        pytest.param([event("A", "C")], {"one", "both", "other"}, id="P45-values-of-one-slot-are-or"),
        pytest.param([event("A"), event("B")], {"both"}, id="P45-slots-are-and"),
        pytest.param([event("A", "C"), event("B")], {"both"}, id="P45-or-within-and"),
        pytest.param([event("B"), event("C")], set(), id="P45-nothing-has-both"),
    ],
)
def test_repeated_slots_all_hold(shelf: Shelf, slots: list[str], expected: set[str]) -> None:
    assert shelf.found(XDSDocumentEntryEventCodeList=slots) == expected


@pytest.mark.parametrize("name", [pytest.param(one, id=f"P45-{one}-may-not-be-repeated") for one in ("ClassCode", "TypeCode", "FormatCode", "HealthcareFacilityTypeCode", "PracticeSettingCode", "AuthorPerson", "Type")])  # fmt: skip
def test_other_slots_may_not_be_repeated(shelf: Shelf, name: str) -> None:
    assert shelf.refused(**{f"XDSDocumentEntry{name}": ["('a^^b')", "('a^^b')"]}) == ["XDSStoredQueryParamNumber"]


@pytest.mark.parametrize("value", [pytest.param(one, id=f"P46-{one}") for one in ("a,b", "a,b^^", "^^2.999.8.1", "a,b^Note^2.999.8.1", "a,b^2.999.8.1", "a,b^^2.999.8.1^x")])  # fmt: skip
def test_a_code_is_code_and_scheme(shelf: Shelf, value: str) -> None:
    assert shelf.refused(XDSDocumentEntryClassCode=listed(value)) == ["XDSRegistryError"]


# --- 47, 48: times --------------------------------------------------------------------------------------------------

TIMES = {"march", "april", "no time"}


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        pytest.param({"StartTimeTo": "20240401000000"}, {"march"}, id="P47-to-is-exclusive"),
        pytest.param({"StartTimeTo": "20240401"}, {"march"}, id="P47-to-is-exclusive-whatever-its-precision"),
        pytest.param({"StartTimeTo": "20240401000001"}, {"march", "april"}, id="P47-a-second-later"),
        pytest.param({"StartTimeFrom": "20240401"}, {"april"}, id="P47-from-is-inclusive"),
        pytest.param({"StartTimeFrom": "20240401000001"}, set(), id="P47-a-second-after-from"),
        pytest.param({"StopTimeTo": "20240331"}, set(), id="P48-without-a-stop-time"),
        pytest.param({"StopTimeFrom": "2025"}, set(), id="P48-without-a-stop-time-from"),
        pytest.param({"StartTimeFrom": "20240301", "StopTimeTo": "20240401"}, {"march"}, id="P48-both-times"),
    ],
)
def test_times(shelf: Shelf, parameters: dict[str, str], expected: set[str]) -> None:
    """A document without the time is not excluded, whatever is asked (ITI TF-2: 3.18.4.1.2.3.3.1)."""
    found = shelf.found(**{f"XDSDocumentEntryService{name}": value for name, value in parameters.items()})
    assert found & TIMES == expected | {"no time"}


# --- 49 to 53: what is found ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        pytest.param({}, {STABLE}, id="P49-without-a-type"),
        pytest.param({"XDSDocumentEntryType": listed(ON_DEMAND)}, {ON_DEMAND}, id="P49-on-demand"),
        pytest.param({"XDSDocumentEntryType": listed(STABLE, ON_DEMAND)}, {STABLE, ON_DEMAND}, id="P49-both"),
        pytest.param({"XDSDocumentEntryType": listed(urn())}, set(), id="P52-a-type-that-is-none"),
        pytest.param({"XDSDocumentEntryType": listed(urn(), STABLE)}, {STABLE}, id="P52-one-type-of-two-is-none"),
    ],
)
def test_types(registry: Registry, parameters: dict[str, str], expected: set[str]) -> None:
    own = new_patient()
    for transaction, on_demand in (("iti-42", False), ("iti-61", True)):
        assert registry.register(submission(own, [entry(on_demand=on_demand)]), transaction).status == SUCCESS
    answer = registry.find(own, **parameters)
    assert answer.status == SUCCESS
    assert {one.get("objectType") for one in answer.entries()} == expected
    ids = listed(*(one.get("id") for one in registry.everything(own).entries()))
    by_id = registry.ask("GetDocuments", XDSDocumentEntryEntryUUID=ids)
    assert {one.get("objectType") for one in by_id.entries()} == {STABLE, ON_DEMAND}


@pytest.fixture(scope="module")
def of_two(registry: Registry) -> tuple[str, str]:
    ids = (urn(), urn())
    for id_ in ids:
        assert registry.register(submission(new_patient(), [entry(id_)])).status == SUCCESS
    return ids


@pytest.mark.parametrize(
    ("query", "parameter", "single"),
    [
        pytest.param("GetDocuments", "XDSDocumentEntryEntryUUID", True, id="P50-GetDocuments"),
        pytest.param("GetDocumentsAndAssociations", "XDSDocumentEntryEntryUUID", True, id="P50-GetDocumentsAndAssociations"),
        pytest.param("GetSubmissionSets", "uuid", True, id="P50-GetSubmissionSets"),
        pytest.param("GetAssociations", "uuid", False, id="P50-GetAssociations"),
    ],
)  # fmt: skip
def test_only_whole_objects_are_of_one_patient(registry: Registry, of_two, query, parameter, single) -> None:
    references = registry.ask(query, returns="ObjectRef", **{parameter: listed(*of_two)})
    assert references.status == SUCCESS
    assert len(references.body.findall(".//rim:ObjectRef", NS)) >= 2
    whole = registry.ask(query, **{parameter: listed(*of_two)})
    assert whole.codes == (["XDSResultNotSinglePatient"] if single else [])
    assert whole.body.findall("rim:RegistryObjectList/*", NS) == [] or not single


@pytest.mark.parametrize("case", [pytest.param(None, id="P51-nothing-related-nothing-returned")])
def test_a_document_without_relations_is_not_returned(registry: Registry, case: None) -> None:
    own, first, second = new_patient(), urn(), urn()
    made = submission(own, [entry(first), entry(second)], association(APND, second, first))
    assert registry.register(made).status == SUCCESS
    for types, expected in ((listed(APND), {first, second}), (listed(XFRM), set()), (listed(XFRM, APND), {first, second})):  # fmt: skip
        answer = registry.ask("GetRelatedDocuments", XDSDocumentEntryEntryUUID=quoted(first), AssociationTypes=types)
        assert answer.status == SUCCESS
        assert {one.get("id") for one in answer.entries()} == expected
        assert len(associations(answer)) == bool(expected)


@pytest.mark.parametrize("query", [pytest.param(one, id=f"P52-home-of-{one}") for one in QUERIES])
def test_a_home_restricts_nothing(registry: Registry, shelf: Shelf, query: str) -> None:
    own = quoted(shelf.patient)
    id_ = shelf.ids["march"]
    (of_set,) = packages(registry.ask("GetSubmissionSets", uuid=listed(id_)))
    status = listed("urn:oasis:names:tc:ebxml-regrep:StatusType:Approved", DEPRECATED)
    documents = {"XDSDocumentEntryPatientId": own, "XDSDocumentEntryStatus": status}
    given: dict[str, dict[str, object]] = {
        "FindDocuments": documents,
        "FindDocumentsByReferenceId": documents | {"XDSDocumentEntryReferenceIdList": listed("x")},
        "FindSubmissionSets": {"XDSSubmissionSetPatientId": own, "XDSSubmissionSetStatus": status},
        "FindFolders": {"XDSFolderPatientId": own, "XDSFolderStatus": status},
        "GetAll": {"patientId": own, **dict.fromkeys(("XDSDocumentEntryStatus", "XDSSubmissionSetStatus", "XDSFolderStatus"), status)},
        "GetFolders": {"XDSFolderEntryUUID": listed(urn())},
        "GetAssociations": {"uuid": listed(id_)},
        "GetSubmissionSets": {"uuid": listed(id_)},
        "GetSubmissionSetAndContents": {"XDSSubmissionSetEntryUUID": quoted(of_set.get("id"))},
        "GetFolderAndContents": {"XDSFolderEntryUUID": quoted(urn())},
        "GetFoldersForDocument": {"XDSDocumentEntryEntryUUID": quoted(id_)},
        "GetRelatedDocuments": {"XDSDocumentEntryEntryUUID": quoted(id_), "AssociationTypes": listed(APND)},
    }  # fmt: skip
    parameters = given.get(query, {"XDSDocumentEntryEntryUUID": listed(id_)})
    without, with_home = (registry.ask(query, home=home, **parameters) for home in ("", registry.node.home))
    assert (without.status, with_home.status) == (SUCCESS, SUCCESS)
    ids = [{one.get("id") for one in answer.body.find("rim:RegistryObjectList", NS)} for answer in (without, with_home)]
    assert ids[0] == ids[1]


@pytest.mark.parametrize("returns", [pytest.param(one, id=f"P53-{one}") for one in ("LeafClass", "ObjectRef")])
def test_an_empty_result_has_an_empty_list(registry: Registry, returns: str) -> None:
    for query, parameters in {
        "FindDocuments": {"XDSDocumentEntryPatientId": quoted(new_patient()), "XDSDocumentEntryStatus": listed(DEPRECATED)},
        "GetDocuments": {"XDSDocumentEntryEntryUUID": listed(urn())},
        "GetAssociations": {"uuid": listed(urn())},
    }.items():  # fmt: skip
        answer = registry.ask(query, returns=returns, **parameters)
        assert (answer.status, [child.tag for child in answer.body]) == (SUCCESS, [f"{{{NS['rim']}}}RegistryObjectList"])  # fmt: skip
        assert len(answer.body[0]) == 0
    refused = registry.client.send("iti-18", adhoc(QUERIES["GetDocuments"], ""))
    assert [child.tag.rpartition("}")[2] for child in refused.body] == ["RegistryErrorList", "RegistryObjectList"]


# --- 54 to 57: retrieval --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [pytest.param(None, id="P54-one-of-three-is-missing")])
def test_what_is_missing_costs_nobody_else(registry: Registry, case: None) -> None:
    here = registry.node.repository
    documents = [Document(b"first", id="D1"), Document(b"second", id="D2")]
    assert registry.client.send("iti-41", *provide(new_patient(), documents)).status == SUCCESS
    missing, foreign = oid(), oid()
    wanted = [(None, here, documents[0].unique_id), (None, here, missing), (None, "2.999.404", foreign), (None, here, documents[1].unique_id)]  # fmt: skip
    answer = registry.client.send("iti-43", retrieve(*wanted))
    assert (answer.http_status, answer.status) == (200, PARTIAL)
    assert {unique_id: content for unique_id, (_, content) in answer.documents().items()} == {
        one.unique_id: one.content for one in documents
    }
    assert sorted((code, location) for code, location, _ in answer.errors) == sorted(
        [("XDSDocumentUniqueIdError", missing), ("XDSUnknownRepositoryId", foreign)]
    )
    nothing = registry.client.send("iti-43", retrieve((None, here, missing)))
    assert (nothing.status, nothing.documents()) == (FAILURE, {})


@pytest.mark.parametrize("home", [pytest.param(False, id="P55-no-home-asked-none-given"), pytest.param(True, id="P55-home-echoed")])  # fmt: skip
def test_home_is_echoed(registry: Registry, home: bool) -> None:
    document = Document(b"home")
    assert registry.client.send("iti-41", *provide(new_patient(), [document])).status == SUCCESS
    given = registry.node.home if home else None
    answer = registry.client.send("iti-43", retrieve((given, registry.node.repository, document.unique_id)))
    (response,) = answer.body.findall("xds:DocumentResponse", NS)
    assert response.findtext("xds:HomeCommunityId", None, NS) == given
    names = [child.tag.rpartition("}")[2] for child in response]
    assert names == [*(["HomeCommunityId"] if home else []), "RepositoryUniqueId", "DocumentUniqueId", "mimeType", "Document"]  # fmt: skip


@pytest.mark.parametrize(("mime", "content"), [
    pytest.param("text/xml", b"%PDF-1.4 not what it says", id="P56-text-xml"),
    pytest.param("application/dicom", b"<ClinicalDocument/>", id="P56-application-dicom"),
    pytest.param("text/plain; charset=iso-8859-1", b"\xe9", id="P56-with-a-parameter"),
])  # fmt: skip
def test_the_type_is_that_of_the_metadata(registry: Registry, mime: str, content: bytes) -> None:
    document = Document(content, mime=mime)
    body, _ = provide(new_patient(), [document])
    parts = [("Document01@source", "application/octet-stream", content)]
    answer = registry.client.send("iti-41", body, parts)
    assert answer.status == SUCCESS, answer.errors
    fetched = registry.client.send("iti-43", retrieve((None, registry.node.repository, document.unique_id)))
    assert fetched.documents() == {document.unique_id: (mime, content)}
    ((kind, _),) = fetched.parts.values()
    assert kind == mime


@pytest.mark.parametrize("case", [pytest.param(None, id="P57-metadata-the-repository-does-not-know")])
def test_the_repository_passes_on_what_it_does_not_know(registry: Registry, case: None) -> None:
    own = new_patient()
    slots = slot("urn:example:ward", "3 West") + slot("repositoryUniqueId", "2.999.404")
    document = Document(b"passed on", slots=slots)
    assert registry.client.send("iti-41", *provide(own, [document])).status == SUCCESS
    (found,) = registry.find(own).entries()
    values = {item.get("name"): [value.text for value in item.iter("{*}Value")] for item in found.findall("rim:Slot", NS)}  # fmt: skip
    assert values["urn:example:ward"] == ["3 West"]
    assert values["repositoryUniqueId"] == [registry.node.repository]
    assert (values["size"], len(values["hash"][0])) == (["9"], 40)


@pytest.mark.parametrize("case", [pytest.param(None, id="P57-what-can-be-found-can-be-fetched")])
def test_what_can_be_found_can_be_fetched(registry: Registry, case: None) -> None:
    """A refused submission leaves no document that could be fetched, an accepted one no entry that could not be."""
    own, good, bad = new_patient(), Document(b"good"), Document(b"bad", class_code="")
    assert registry.client.send("iti-41", *provide(own, [bad])).status == FAILURE
    assert registry.client.send("iti-41", *provide(own, [good])).status == SUCCESS
    here = registry.node.repository
    answer = registry.client.send("iti-43", retrieve((None, here, good.unique_id), (None, here, bad.unique_id)))
    assert set(answer.documents()) == set(registry.find(own).unique_ids()) == {good.unique_id}
