"""Reading submissions: every form that is in use, and every fault that ebRIM itself forbids (ITI TF-3: 4.2.3.1)."""

from __future__ import annotations

import copy
import random

import pytest
from lxml import etree

from registry.ebrim.elements import values_of
from registry.ebrim.reader import read_submission
from registry.ebrim.tolerances import Tolerance
from registry.metadata.affinity_domain import ANY, AffinityDomain, default_toml
from registry.metadata.objects import HAS_MEMBER, LocalizedString, Slot
from registry.metadata.rules import violations
from tests.registry.samples import element, vector

RIM = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"
SET_NODE = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"
FOLDER_NODE = "urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2"
PATIENT_SCHEME = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
CLASS_SCHEME = "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a"


@pytest.fixture
def request_() -> etree._Element:
    return vector("iti42/submit_objects_request.xml")


def find(request, path: str) -> etree._Element:
    found = request.find(path.replace("rim:", RIM))
    assert found is not None, path
    return found


def slot(request, name: str) -> etree._Element:
    return find(request, f".//rim:Slot[@name='{name}']")


def test_the_worked_example(request_):
    made, faults = read_submission(request_)
    assert faults == []
    assert violations(made, ANY, transaction="ITI-42") == []
    document = made.documents[0]
    assert document.entry_uuid == "Discharge"
    assert document.patient_id == "ZY-20418^^^&2.999.40.1&ISO"
    assert document.title == (LocalizedString(value="出院小结\uff1a肺炎", lang="zh-CN"),)
    assert document.source_patient_info[1] == "PID-5|Zhao^Yan"
    assert document.extra == (Slot(name="urn:example:ward", values=("呼吸三区",)),)
    assert [(code.code, code.scheme) for code in document.type_codes] == [("18842-5", "2.16.840.1.113883.6.1")]
    assert document.authors[0].institutions[1] == "Department of Pulmonary Medicine"
    assert made.submission_set.source_id == "2.999.41.9"
    assert [(item.association_type, item.source, item.target) for item in made.associations] == [
        (HAS_MEMBER, "Set", "Discharge")
    ]


def test_the_worked_example_is_within_the_default_code_sets(request_):
    made, _ = read_submission(request_)
    domain = AffinityDomain.from_toml(default_toml())
    found = violations(made, domain, transaction="ITI-42")
    # Pulmonary medicine is not in the default set: an institution extends it.
    assert [error.context.split(" ")[0] for error in found] == ["DocumentEntry.practiceSettingCode"]


# --- tolerated ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_children(request_, seed):
    expected, _ = read_submission(request_)
    shuffled = copy.deepcopy(request_)
    chance = random.Random(seed)
    for parent in list(shuffled.iter(f"{RIM}RegistryObjectList", f"{RIM}ExtrinsicObject", f"{RIM}Classification")):
        children = list(parent)
        chance.shuffle(children)
        parent[:] = children
    made, faults = read_submission(shuffled)
    assert faults == []
    assert made.documents[0].hash == expected.documents[0].hash
    assert made.documents[0].part_ids == expected.documents[0].part_ids or len(made.documents[0].part_ids) == 2
    assert violations(made, ANY, transaction="ITI-42") == []


def test_any_prefix(request_):
    text = etree.tostring(request_).replace(b"rim:", b"ns3:").replace(b"xmlns:rim", b"xmlns:ns3")
    text = text.replace(b"regrep:xsd:ns3:3.0", b"regrep:xsd:rim:3.0")
    assert b"<ns3:Slot" in text
    assert read_submission(element(text)) == read_submission(request_)


def test_no_prefix(request_):
    text = etree.tostring(request_).replace(b"<rim:", b"<").replace(b"</rim:", b"</").replace(b"xmlns:rim=", b"xmlns=")
    assert read_submission(element(text)) == read_submission(request_)


def test_comments_instructions_and_cdata_within_text(request_):
    expected = read_submission(request_)
    text = etree.tostring(request_, encoding="UTF-8")
    text = text.replace(b"<rim:Value>20250311143000<", b"<rim:Value>2025<!-- x -->0311<?pi?><![CDATA[143000]]><")
    text = text.replace(b"<rim:ValueList>", b"<rim:ValueList><!-- list -->").replace(
        b"<rim:Name>", b"<!-- n --><rim:Name>"
    )
    assert read_submission(element(text)) == expected


def test_white_space_around_values(request_):
    expected = read_submission(request_)
    for value in request_.iter(f"{RIM}Value"):
        value.text = f"\n        {value.text}\t\n"
    assert read_submission(request_) == expected


@pytest.mark.parametrize(
    ("content", "values", "padded"),
    [
        ("<rim:ValueList><rim:Value>a</rim:Value><rim:Value>b</rim:Value></rim:ValueList>", ("a", "b"), False),
        ("<rim:ValueList> <rim:Value>a</rim:Value>\n<rim:Value> b</rim:Value> </rim:ValueList>", ("a", "b"), True),
        ("<rim:ValueList><rim:Value>a</rim:Value><rim:Value/></rim:ValueList>", ("a", ""), False),
        (
            "<rim:ValueList><rim:Value>1<!-- -->2</rim:Value><rim:Value>b</rim:Value></rim:ValueList>",
            ("12", "b"),
            False,
        ),
        ("<rim:ValueList><!-- --><rim:Value>a</rim:Value><rim:Value>b</rim:Value></rim:ValueList>", ("a", "b"), False),
        ("<rim:ValueList><rim:Value>a</rim:Value></rim:ValueList><rim:ValueList/>", ("a",), False),
        ("<rim:Value>a</rim:Value>", ("a",), False),
        ("<rim:ValueList/>", (), False),
        ("", (), False),
    ],
)
def test_the_values_of_a_slot_in_every_shape(content, values, padded):
    tolerated = set()
    found = element(f'<rim:Slot xmlns:rim="{RIM[1:-1]}" name="x">{content}</rim:Slot>'.encode())
    assert values_of(found, tolerated) == values
    assert tolerated == ({Tolerance.PADDED_VALUE} if padded else set())


def test_a_node_classification_beside_its_package(request_):
    expected = read_submission(request_)
    inside = find(request_, f".//rim:Classification[@classificationNode='{SET_NODE}']")
    find(request_, "rim:RegistryObjectList").append(inside)
    made, faults = read_submission(request_)
    assert faults == []
    assert set(made.submission_set.part_ids) == set(expected[0].submission_set.part_ids)


def test_object_references_are_ignored(request_):
    etree.SubElement(find(request_, "rim:RegistryObjectList"), f"{RIM}ObjectRef", id=SET_NODE)
    assert read_submission(request_)[1] == []


def test_empty_name_and_description(request_):
    description = find(request_, ".//rim:Description")
    description[:] = []
    made, faults = read_submission(request_)
    assert (made.documents[0].comments, faults) == ((), [])


@pytest.mark.parametrize(
    ("values", "uri"),
    [
        (["http://a.example/b"], ("http://a.example/b",)),
        (["2|/second", "1|http://a.example"], ("http://a.example/second",)),
        (["1|http://a.example"], ("http://a.example",)),
        (["http://a.example", "2|/second"], ("http://a.example", "2|/second")),
        ([f"{i}|{i}," for i in (10, 9, 1)], ("1,9,10,",)),
    ],
)
def test_uri_in_one_piece_or_several(request_, values, uri):
    made_slot = slot(request_, "size")
    made_slot.set("name", "URI")
    made_slot[0][:] = []
    for value in values:
        etree.SubElement(made_slot[0], f"{RIM}Value").text = value
    assert read_submission(request_)[0].documents[0].uri == uri


# --- faults ---------------------------------------------------------------------------------------------------------


def drop_list(request):
    request.remove(find(request, "rim:RegistryObjectList"))


def two_lists(request):
    etree.SubElement(request, f"{RIM}RegistryObjectList")


def other_root(request):
    request.tag = "{urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0}UpdateObjectsRequest"


def strange_object(request):
    etree.SubElement(find(request, "rim:RegistryObjectList"), f"{RIM}Service", id="service")


def strange_child(request):
    etree.SubElement(find(request, ".//rim:ExtrinsicObject"), f"{RIM}Slots")


def old_namespace(request):
    for item in list(request.iter(f"{RIM}ExtrinsicObject")):
        item.tag = "{urn:oasis:names:tc:ebxml-regrep:rim:xsd:2.1}ExtrinsicObject"


def repeat_slot(request):
    made = slot(request, "hash")
    made.addnext(copy.deepcopy(made))


def no_value_list(request):
    made = slot(request, "hash")
    made[:] = []


def empty_value_list(request):
    slot(request, "hash")[0][:] = []


def empty_value(request):
    slot(request, "hash")[0][0].text = "   "


def one_empty_value(request):
    etree.SubElement(slot(request, "sourcePatientInfo")[0], f"{RIM}Value")


def nameless_slot(request):
    del slot(request, "hash").attrib["name"]


def two_coding_schemes(request):
    made = find(request, f".//rim:Classification[@classificationScheme='{CLASS_SCHEME}']")
    etree.SubElement(made[0][0], f"{RIM}Value").text = "2.999.8"


def repeat_identifier(request):
    made = find(request, f".//rim:ExternalIdentifier[@identificationScheme='{PATIENT_SCHEME}']")
    made.addnext(copy.deepcopy(made))


def unknown_identifier(request):
    find(request, ".//rim:ExternalIdentifier").set("identificationScheme", "urn:uuid:unknown")


def identifier_of_another_kind(request):
    find(request, ".//rim:ExternalIdentifier").set(
        "identificationScheme", "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446"
    )


def unknown_scheme(request):
    find(request, f".//rim:Classification[@classificationScheme='{CLASS_SCHEME}']").set("classificationScheme", "x")


def neither_scheme_nor_node(request):
    del find(request, f".//rim:Classification[@classificationScheme='{CLASS_SCHEME}']").attrib["classificationScheme"]


def unknown_node(request):
    made = find(request, f".//rim:Classification[@classificationScheme='{CLASS_SCHEME}']")
    del made.attrib["classificationScheme"]
    made.set("classificationNode", "urn:uuid:unknown")


def classified_elsewhere(request):
    find(request, ".//rim:ExtrinsicObject/rim:Classification").set("classifiedObject", "Other")


def not_classified(request):
    del find(request, ".//rim:ExtrinsicObject/rim:Classification").attrib["classifiedObject"]


def identified_elsewhere(request):
    find(request, ".//rim:ExtrinsicObject/rim:ExternalIdentifier").set("registryObject", "Other")


def no_package_kind(request):
    made = find(request, f".//rim:Classification[@classificationNode='{SET_NODE}']")
    made.getparent().remove(made)


def both_package_kinds(request):
    made = find(request, f".//rim:Classification[@classificationNode='{SET_NODE}']")
    made.addnext(etree.Element(f"{RIM}Classification", id="x", classifiedObject="Set", classificationNode=FOLDER_NODE))


def twice_a_set(request):
    made = find(request, f".//rim:Classification[@classificationNode='{SET_NODE}']")
    made.addnext(copy.deepcopy(made))


def sibling_of_nothing(request):
    etree.SubElement(
        find(request, "rim:RegistryObjectList"),
        f"{RIM}Classification",
        id="x",
        classifiedObject="Nobody",
        classificationNode=SET_NODE,
    )


FAULTS = [
    (drop_list, "", "0 RegistryObjectList"),
    (two_lists, "", "2 RegistryObjectList"),
    (other_root, "", "is not lcm:SubmitObjectsRequest"),
    (strange_object, "service", "unexpected element"),
    (strange_child, "Discharge", "unexpected element"),
    (old_namespace, "Discharge", "unexpected element"),
    (repeat_slot, "Discharge", "slot 'hash' is repeated"),
    (no_value_list, "Discharge", "slot 'hash' has no value"),
    (empty_value_list, "Discharge", "slot 'hash' has no value"),
    (empty_value, "Discharge", "slot 'hash' has no value or an empty one"),
    (one_empty_value, "Discharge", "slot 'sourcePatientInfo' has no value or an empty one"),
    (two_coding_schemes, "Discharge", "code 'SUMMARIES' has 2 values of codingScheme"),
    (repeat_identifier, "Discharge", "patient_id"),
    (unknown_identifier, "Discharge", "identificationScheme 'urn:uuid:unknown' is not one of XDSDocumentEntry"),
    (identifier_of_another_kind, "Discharge", "is not one of XDSDocumentEntry"),
    (unknown_scheme, "Discharge", "classificationScheme 'x' is not one of XDSDocumentEntry"),
    (neither_scheme_nor_node, "Discharge", "classificationNode '' is not one of XDSDocumentEntry"),
    (unknown_node, "Discharge", "classificationNode 'urn:uuid:unknown'"),
    (classified_elsewhere, "Discharge", "classifiedObject 'Other' is not the id"),
    (not_classified, "Discharge", "classifiedObject None is not the id"),
    (identified_elsewhere, "Discharge", "registryObject 'Other' is not the id"),
    (no_package_kind, "Set", "neither submission set nor folder"),
    (both_package_kinds, "Set", "both submission set and folder"),
    (twice_a_set, "Set", "as XDSSubmissionSet is repeated"),
    (sibling_of_nothing, "Nobody", "which is not in this submission"),
]


@pytest.mark.parametrize(("change", "location", "context"), [pytest.param(*row, id=row[0].__name__) for row in FAULTS])
def test_a_fault_is_noted_with_its_place(request_, change, location, context):
    change(request_)
    _, faults = read_submission(request_)
    assert [(fault.code, fault.location) for fault in faults if context in fault.context] == [
        ("XDSRegistryMetadataError", location)
    ], faults


def test_a_nameless_slot_is_extra_metadata_without_a_name(request_):
    nameless_slot(request_)
    made, _ = read_submission(request_)
    assert any("slot ''" in error.context for error in violations(made, ANY, transaction="ITI-42"))


def test_limited_metadata_is_noticed(request_):
    made = find(request_, f".//rim:Classification[@classificationNode='{SET_NODE}']")
    made.addnext(
        etree.Element(
            f"{RIM}Classification",
            id="x",
            classifiedObject="Set",
            classificationNode="urn:uuid:5003a9db-8d8d-49e6-bf0c-990e34ac7707",
        )
    )
    made_, faults = read_submission(request_)
    assert faults == []
    assert made_.submission_set.limited_metadata


def test_ids_that_are_absent_are_empty(request_):
    for item in request_.iter(f"{RIM}ExtrinsicObject", f"{RIM}Association", f"{RIM}Classification"):
        item.attrib.pop("id", None)
    made, _ = read_submission(request_)
    assert made.documents[0].entry_uuid == made.associations[0].entry_uuid == ""
    assert any("has no id" in error.context for error in violations(made, ANY, transaction="ITI-42"))


# --- hostile sizes --------------------------------------------------------------------------------------------------


def test_a_flood_of_faults_is_cut():
    request = vector("iti42/submit_objects_request.xml")
    document = find(request, ".//rim:ExtrinsicObject")
    for _ in range(20_000):
        etree.SubElement(document, f"{RIM}Classification", classificationScheme="x", classifiedObject="Discharge")
    _, faults = read_submission(request)
    assert len(faults) == 100


@pytest.mark.parametrize(
    ("where", "attributes"),
    [
        (".//rim:ExtrinsicObject", {"classifiedObject": "Discharge", "classificationScheme": CLASS_SCHEME}),
        ("rim:RegistryObjectList", {"classifiedObject": "Discharge", "classificationScheme": CLASS_SCHEME}),
        ("rim:RegistryObjectList", {"classifiedObject": "Nobody", "classificationNode": SET_NODE}),
    ],
)
def test_many_classifications_are_read_in_one_go(where, attributes):
    request = vector("iti42/submit_objects_request.xml")
    place = find(request, where)
    for _ in range(50_000):
        etree.SubElement(place, f"{RIM}Classification", attributes)
    made, _ = read_submission(request)
    assert len(violations(made, ANY, transaction="ITI-42")) <= 100
