"""Pitfalls 14 to 33 of xds-wire 10: what stands in metadata, what of it is taken, refused and given back.

The messages are recorded ones (tests/vectors/pitfalls), sent to a node as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from lxml import etree

from registry.ebrim.vocabulary import DOCUMENT_ENTRY, FOLDER, SUBMISSION_SET
from tests.end_to_end.wire import (
    APPROVED,
    FAILURE,
    NS,
    ON_DEMAND,
    SUCCESS,
    Document,
    provide,
    retrieve,
    slot,
    submission,
    urn,
)
from tests.pitfalls.registry import (
    APND,
    VECTORS,
    Registry,
    association,
    associations,
    entry,
    folder,
    listed,
    new_patient,
    packages,
    patient,
    slot_of,
    title_of,
)

ELSEWHERE = "PIT33^^^&2.999.77&ISO"
SHA1 = "e4419ade7d13d4aebc4e7e559188131f9ea84566"

# Recorded message -> (code, what of the text of the error names the fault).
REFUSED = {
    "P14-patient-id-escaped-twice": ("XDSRegistryMetadataError", "patientId"),
    "P15-status-short": ("XDSStoredQueryMissingParam", "$XDSDocumentEntryStatus"),
    "P15-status-of-a-response": ("XDSStoredQueryMissingParam", "$XDSDocumentEntryStatus"),
    "P17-limited-metadata-as-scheme": ("XDSRegistryMetadataError", "classificationScheme"),
    "P17-limited-metadata-in-a-registry": ("XDSRegistryMetadataError", "limitedMetadata"),
    "P23-unique-id-too-long": ("XDSRegistryMetadataError", "uniqueId"),
    "P24-empty-slot": ("XDSRegistryMetadataError", "URI"),
    "P24-empty-value": ("XDSRegistryMetadataError", "URI"),
    "P25-slot-twice": ("XDSRegistryMetadataError", "URI"),
    "P25-patient-info-in-two-slots": ("XDSRegistryMetadataError", "sourcePatientInfo"),
    "P27-on-demand-with-content": ("XDSRegistryMetadataError", "creationTime"),
    "P28-time-with-zone": ("XDSRegistryMetadataError", "creationTime"),
    "P28-time-with-fraction": ("XDSRegistryMetadataError", "creationTime"),
    "P28-time-with-separators": ("XDSRegistryMetadataError", "creationTime"),
    "P29-extra-name-of-ihe": ("XDSRegistryMetadataError", "urn:ihe:iti:made-up"),
    "P29-extra-name-no-urn": ("XDSRegistryMetadataError", "ward"),
    "P30-caret-in-uri": ("XDSRegistryMetadataError", "URI"),
    "P32-patient-id-as-in-pid-3": ("XDSRegistryMetadataError", "patientId"),
    "P34-membership-not-recorded": ("XDSRegistryMetadataError", "HasMember of a Folder"),
    "P40-one-of-two-is-wrong": ("XDSRegistryMetadataError", "hash"),
    "P42-documentation-on-membership": ("XDSRegistryMetadataError", "documentation"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_standard_refuses(registry: Registry, name: str) -> None:
    """With the code it has for it (P33), in an answer and no fault (P11), and nothing of it is kept."""
    code, words = REFUSED[name]
    answer = registry.recorded(name)
    assert (answer.http_status, answer.status) == (200, FAILURE)
    assert set(answer.codes) - {"XDSUnknownPatientId"} == {code}  # what is no patient id is not known either
    assert any(words in context for _, _, context in answer.errors), answer.errors
    if "AdhocQueryResponse" in answer.body.tag:
        return
    kept = {title_of(one) for one in registry.everything(patient(name[1:3])).entries()}
    assert kept <= {"kept"}


@pytest.mark.parametrize(
    ("made", "code"),
    [
        pytest.param(lambda d: submission(ELSEWHERE, [d]), "XDSUnknownPatientId", id="P33-an-unknown-patient"),
        pytest.param(lambda d: submission(patient(33), [d], association(APND, d.id, urn())), "UnresolvedReferenceException", id="P33-a-reference-to-nothing"),
        pytest.param(lambda d: submission(patient(33), [d, replace(d, id="E")]), "XDSRegistryDuplicateUniqueIdInMessage", id="P33-a-uniqueId-twice"),
        pytest.param(lambda d: submission(patient(33), [d]).replace(patient(33).replace("&", "&amp;"), ELSEWHERE.replace("&", "&amp;"), 1), "XDSPatientIdDoesNotMatch", id="P33-two-patients"),
        pytest.param(lambda d: submission(patient(33), []), "XDSRegistryMetadataError", id="P33-nothing-submitted"),
    ],
)  # fmt: skip
def test_a_fault_has_the_code_that_says_most(registry: Registry, made: Callable[[Document], str], code: str) -> None:
    """XDSRegistryError is for what no other code says, and no recorded submission is refused with it."""
    assert "XDSRegistryError" not in {code for code, _ in REFUSED.values()}
    answer = registry.register(made(entry()))
    assert set(answer.codes) - {"XDSUnknownPatientId"} in ({code}, set())
    assert code in answer.codes


# --- 13 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [pytest.param(None, id="P13-no-Entry-in-the-action-of-the-response")])
def test_the_action_of_the_response_of_iti_61(registry: Registry, case: None) -> None:
    answer = registry.register(submission(new_patient(), [entry(on_demand=True)]), "iti-61")
    assert answer.status == SUCCESS
    action = answer.root.findtext("s:Header/wsa:Action", "", NS)
    assert action == "urn:ihe:iti:2010:RegisterOnDemandDocumentResponse"


# --- 14 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [pytest.param(None, id="P14-an-ampersand-is-written-once")])
def test_an_ampersand_in_a_patient_id(registry: Registry, case: None) -> None:
    assert registry.register(submission(patient(14), [entry(title="kept")])).status == SUCCESS
    answer = registry.find(patient(14))
    (found,) = answer.entries()
    values = {item.get("value") for item in found.findall("rim:ExternalIdentifier", NS)}
    assert patient(14) in values
    assert b'value="PIT14^^^&amp;2.999.1.1&amp;ISO"' in answer.raw
    assert b"&amp;amp;" not in answer.raw


@pytest.mark.parametrize("name", ["P14-ampersand-bare"])
def test_a_message_that_is_no_xml_is_a_fault(registry: Registry, name: str) -> None:
    answer = registry.recorded(name)
    assert answer.http_status == 400
    assert answer.body.findtext("s:Code/s:Value", "", NS).endswith(":Sender")


# --- 15 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["P15-status-submitted-short"])
def test_a_submitted_status_is_ignored(registry: Registry, name: str) -> None:
    assert registry.recorded(name).status == SUCCESS
    (found,) = registry.find(patient(15)).entries()
    assert found.get("status") == APPROVED


# --- 16 -------------------------------------------------------------------------------------------------------------


def slots_come_first(element: etree._Element) -> bool:
    names = [etree.QName(child).localname for child in element]
    order = ["Slot", "Name", "Description", "VersionInfo", "Classification", "ExternalIdentifier"]
    return names == sorted(names, key=order.index)


@pytest.mark.parametrize("name", ["P16-name-before-slot"])
def test_children_in_any_order_leave_in_that_of_the_schema(registry: Registry, name: str) -> None:
    assert registry.recorded(name).status == SUCCESS
    (found,) = registry.find(patient(16)).entries()
    parts = [found, *found.findall("rim:Classification", NS), *found.findall("rim:ExternalIdentifier", NS)]
    assert len(parts) == 9
    assert all(map(slots_come_first, parts))


# --- 17 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [pytest.param(None, id="P17-limited-metadata-is-never-returned")])
def test_limited_metadata_is_never_returned(registry: Registry, case: None) -> None:
    own = new_patient()
    assert registry.register(submission(own, [entry("D")], packages=folder("F", own))).status == SUCCESS
    answer = registry.everything(own)
    for node in (DOCUMENT_ENTRY, SUBMISSION_SET, FOLDER):
        assert node.limited_metadata.encode() not in answer.raw


# --- 18 to 20: ids --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["P18-node-beside-its-package"])
def test_a_node_classification_may_stand_beside_its_package(registry: Registry, name: str) -> None:
    assert registry.recorded(name).status == SUCCESS
    answer = registry.everything(patient(18))
    nodes = [
        item.get("classificationNode")
        for package in packages(answer)
        for item in package.findall("rim:Classification", NS)
        if item.get("classificationNode")
    ]
    assert sorted(nodes) == sorted([SUBMISSION_SET.node, FOLDER.node])
    assert answer.body.findall("rim:RegistryObjectList/rim:Classification", NS) == []
    assert len(associations(answer)) == 4


@pytest.mark.parametrize("name", ["P19-symbolic-ids-everywhere"])
def test_no_symbolic_id_is_left(registry: Registry, name: str) -> None:
    assert registry.recorded(name).status == SUCCESS
    listed_ = registry.everything(patient(19)).body.find("rim:RegistryObjectList", NS)
    ids = {item.get("id") for item in listed_}
    assert len(ids) == 2 + 1 + 1 + 6
    for owner in listed_:
        assert owner.get("lid") == owner.get("id")
        for part in owner:
            reference = part.get("classifiedObject") or part.get("registryObject")
            assert reference in (None, owner.get("id"))
    every = [item.get("id") for item in listed_.iter() if item.get("id")]
    assert len(every) == len(set(every))
    assert all(re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", one) for one in every)
    for link in listed_.findall("rim:Association", NS):
        assert {link.get("sourceObject"), link.get("targetObject")} <= ids


@pytest.mark.parametrize("name", ["P20-uuid-given"])
def test_a_given_uuid_is_kept(registry: Registry, name: str) -> None:
    assert registry.recorded(name).status == SUCCESS
    given = "urn:uuid:20000000-0000-4000-8000-000000000001"
    (found,) = registry.ask("GetDocuments", XDSDocumentEntryEntryUUID=listed(given)).entries()
    assert (found.get("id"), found.get("lid")) == (given, given)
    again = registry.recorded("P20-uuid-registered")
    assert (again.status, again.codes) == (FAILURE, ["XDSRegistryMetadataError"])
    assert again.errors[0][1] == given


@pytest.mark.parametrize("name", ["P20-uuid-registered-upper-case"])
def test_the_case_of_a_uuid_makes_no_other(registry: Registry, name: str) -> None:
    upper = "urn:uuid:20000000-0000-4000-8000-00000000000A"
    message = (VECTORS / f"{name}.xml").read_bytes()
    assert registry.sent(message).status == SUCCESS
    (found,) = registry.ask("GetDocuments", XDSDocumentEntryEntryUUID=listed(upper.lower())).entries()
    assert found.get("id").lower() == upper.lower()
    again = message.replace(upper.encode(), upper.lower().encode()).replace(b"5a1c", b"5a1d")
    again = again.replace(b"2.999.314.20.3", b"2.999.314.20.4").replace(b"2.999.314.20.903", b"2.999.314.20.904")
    assert registry.sent(again).codes == ["XDSRegistryMetadataError"]


# --- 21 to 23: the same document again ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["P21-hash-upper-case"])
def test_a_hash_is_compared_without_case(registry: Registry, name: str) -> None:
    first = entry(unique_id="2.999.314.21.1", title="kept")
    assert registry.register(submission(patient(21), [first])).status == SUCCESS
    assert registry.recorded(name).status == SUCCESS
    assert {slot_of(one, "hash")[0].lower() for one in registry.find(patient(21)).entries()} == {SHA1}
    document = Document(b"Hello XDS", slots=slot("hash", SHA1.upper()) + slot("size", "9"))
    assert registry.client.send("iti-41", *provide(patient(21), [document])).status == SUCCESS


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("P22-the-same-again", []),
        ("P22-other-hash", ["XDSNonIdenticalHash"]),
        ("P22-other-size", ["XDSNonIdenticalSize"]),
    ],
)
def test_a_unique_id_again(registry: Registry, name: str, expected: list[str]) -> None:
    if not registry.find(patient(22)).entries():
        first = entry(unique_id="2.999.314.22.1")
        assert registry.register(submission(patient(22), [first])).status == SUCCESS
    before = len(registry.find(patient(22)).entries())
    answer = registry.recorded(name)
    assert (answer.status, answer.codes) == (FAILURE if expected else SUCCESS, expected)
    assert [location for _, location, _ in answer.errors] == ["Document01"] * len(expected)
    assert len(registry.find(patient(22)).entries()) == before + (not expected)


OPAQUE = ("2.999.314.23^ext-1", "urn:uuid:23000000-0000-4000-8000-000000000001", "http://example.org/doc?x=1&y=2", "x" * 100 + "-" + "9" * 27)  # fmt: skip


@pytest.mark.parametrize("name", ["P23-opaque-unique-ids"])
def test_a_document_unique_id_is_opaque(registry: Registry, name: str) -> None:
    assert registry.recorded(name).status == SUCCESS
    assert sorted(registry.find(patient(23)).unique_ids()) == sorted(OPAQUE)
    for unique_id in OPAQUE:
        again = registry.ask("GetDocuments", XDSDocumentEntryUniqueId=listed(unique_id))
        assert again.unique_ids() == [unique_id]


@pytest.mark.parametrize("unique_id", [pytest.param(one + "x", id=f"P23-{one[:16]}-in-the-repository") for one in OPAQUE[:3]])  # fmt: skip
def test_the_repository_takes_it_too(registry: Registry, unique_id: str) -> None:
    document = Document(b"opaque", unique_id=unique_id)
    assert registry.client.send("iti-41", *provide(new_patient(), [document])).status == SUCCESS
    fetched = registry.client.send("iti-43", retrieve((None, registry.node.repository, unique_id)))
    assert fetched.documents() == {unique_id: ("text/plain", b"opaque")}


# --- 24 to 30: slots ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [pytest.param(None, id="P24-no-empty-slot-leaves")])
def test_no_empty_slot_leaves(registry: Registry, case: None) -> None:
    own = new_patient()
    assert registry.register(submission(own, [entry("D")], packages=folder("F", own))).status == SUCCESS
    for item in registry.everything(own).body.iter(f"{{{NS['rim']}}}Slot"):
        values = item.findall("rim:ValueList/rim:Value", NS)
        assert values
        assert all(value.text for value in values)
    for element in registry.everything(own).body.iter(f"{{{NS['rim']}}}Name", f"{{{NS['rim']}}}Description"):
        assert len(element), "an empty Name or Description"


@pytest.mark.parametrize("name", ["P26-patient-info-in-any-order", "P26-patient-info-discouraged"])
def test_source_patient_info_comes_back_as_it_went_in(registry: Registry, name: str) -> None:
    assert registry.recorded(name).status == SUCCESS
    sent = etree.fromstring((VECTORS / f"{name}.xml").read_bytes()).find(".//rim:ExtrinsicObject", NS)
    given = slot_of(sent, "sourcePatientInfo")
    assert given in [slot_of(one, "sourcePatientInfo") for one in registry.find(patient(26)).entries()]


@pytest.mark.parametrize("case", [pytest.param(None, id="P27-on-demand-without-content")])
def test_an_on_demand_entry_has_no_content(registry: Registry, case: None) -> None:
    own = new_patient()
    answer = registry.register(submission(own, [entry(on_demand=True)]), "iti-61")
    assert answer.status == SUCCESS
    (found,) = registry.find(own, XDSDocumentEntryType=listed(ON_DEMAND)).entries()
    assert (found.get("objectType"), found.get("status")) == (ON_DEMAND, APPROVED)
    for name in ("creationTime", "hash", "size"):
        assert slot_of(found, name) == []


@pytest.mark.parametrize("time", ["2024", "202402", "20240229", "2024022923", "202402292359", "20240229235959"])
@pytest.mark.parametrize("case", [pytest.param(None, id="P28-a-time-comes-back-digit-by-digit")])
def test_a_time_comes_back_as_it_went_in(registry: Registry, case: None, time: str) -> None:
    own = new_patient()
    document = entry(slots=slot("serviceStartTime", time) + slot("serviceStopTime", time))
    assert registry.register(submission(own, [document])).status == SUCCESS
    (found,) = registry.find(own).entries()
    assert slot_of(found, "serviceStartTime") == slot_of(found, "serviceStopTime") == [time]


@pytest.mark.parametrize("name", ["P29-extra-metadata"])
def test_extra_metadata_is_kept_without_a_warning(registry: Registry, name: str) -> None:
    answer = registry.recorded(name)
    assert (answer.status, answer.codes) == (SUCCESS, [])
    (found,) = registry.find(patient(29)).entries()
    assert slot_of(found, "urn:example:ward") == ["3 West", "3 East"]


@pytest.mark.parametrize("name", ["P30-caret-in-uri-encoded"])
def test_titles_beyond_ascii_and_a_caret_in_a_uri(registry: Registry, name: str) -> None:
    title = "Entlassbrief Ærø — 出院小结 📄 ملخص"
    assert registry.recorded(name).status == SUCCESS
    (found,) = registry.find(patient(30)).entries()
    assert (title_of(found), slot_of(found, "URI")) == (title, ["http://example.org/a%5Eb"])
    own = new_patient()
    assert registry.client.send("iti-41", *provide(own, [Document("内容".encode(), title=title)])).status == SUCCESS
    (through,) = registry.find(own).entries()
    assert title_of(through) == title


# --- 31 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [pytest.param(None, id="P31-everything-says-what-it-is")])
def test_everything_says_its_type_and_version(registry: Registry, case: None) -> None:
    own = new_patient()
    assert registry.register(submission(own, [entry("D")], packages=folder("F", own))).status == SUCCESS
    listed_ = registry.everything(own).body.find("rim:RegistryObjectList", NS)
    kind = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:"
    expected = {name: kind + name for name in ("RegistryPackage", "Association", "Classification", "ExternalIdentifier")}  # fmt: skip
    seen = set()
    for element in listed_.iter():
        name = etree.QName(element).localname
        if name in expected:
            seen.add(name)
            assert element.get("objectType") == expected[name]
    assert seen == set(expected)
    for element in listed_:
        assert element.get("lid") == element.get("id")
        assert element.get("status") == APPROVED
        assert element.find("rim:VersionInfo", NS).get("versionName") == "1"


# --- 32 -------------------------------------------------------------------------------------------------------------

AS_IN_PID_3 = {
    "P32-with-a-namespace-and-a-type": "{id}^^^ALPHA&2.999.1.1&ISO^MR^HOSPITAL",
    "P32-without-the-type-of-the-authority": "{id}^^^ALPHA&2.999.1.1",
    "P32-without-an-authority": "{id}^^^ALPHA^MR",
    "P32-beside-another-identifier": "77^^^LAB&2.999.5.1&ISO^PI~{id}^^^&2.999.1.1&ISO",
}


@pytest.mark.parametrize("name", AS_IN_PID_3)
def test_a_patient_id_of_the_feed_is_put_into_the_form_of_metadata(registry: Registry, name: str) -> None:
    id_ = name.replace("-", "")[:16]
    assert registry.told(AS_IN_PID_3[name].format(id=id_), f"{id_}1") == "AA"
    own = f"{id_}^^^&2.999.1.1&ISO"
    known = {one["patient"] for one in json.loads(registry.node.run("patient", "list", "--json").stdout)["patients"]}
    assert own in known
    assert not any(one.startswith(id_) for one in known - {own})
