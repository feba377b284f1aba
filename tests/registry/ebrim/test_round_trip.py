"""What is written can be read, value by value, and is valid by the schema."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from registry.ebrim import writer
from registry.ebrim.fragments import Fragments
from registry.ebrim.messages import submit_objects_request
from registry.ebrim.reader import read_submission
from registry.ebrim.vocabulary import DOCUMENT_ENTRY
from registry.metadata.identifiers import assign_ids
from registry.metadata.objects import (
    APPROVED,
    Association,
    Author,
    Code,
    DocumentEntry,
    Folder,
    LocalizedString,
    Slot,
)
from tests.registry.ebrim.strategies import HOSTILE, objects, texts
from tests.registry.samples import (
    REGISTERED,
    association,
    code,
    element,
    entry,
    folder,
    spliced,
    submission,
    submission_set,
    with_folder,
)
from tests.shared import SHARED, needs_shared

slow = settings(
    max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None
)


def read(fragment: bytes):
    made, faults = read_submission(spliced(fragment))
    return list(made.objects()), faults


@slow
@given(objects)
def test_what_is_written_is_read_again(obj):
    assert read(writer.render(obj)) == ([obj], [])


ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def test_every_character_is_escaped_alone_and_among_others():
    """What XML has no form for is U+FFFD; everything that is not markup stays, printable or not."""
    for number in (*range(0x3100), *range(0xD7F0, 0xE010), *range(0xFE00, 0x10010)):
        character = chr(number)
        forbidden = number < 0x20 or 0xD800 <= number < 0xE000 or number in {0xFFFE, 0xFFFF}
        expected = ESCAPED.get(character, "\ufffd" if forbidden else character)
        assert writer.escape(character) == expected
        assert writer.escape(f'a{character}b&"<>') == f"a{expected}b&amp;&quot;&lt;&gt;"


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_everywhere(value):
    strings = (LocalizedString(value=value),)
    kept = value.strip(" \t\r\n")
    whole = entry(
        title=strings,
        comments=strings,
        uri=(kept,),
        patient_id=value,
        mime_type=value,
        event_codes=(Code(code=value, scheme=kept, display=strings, id="urn:uuid:1"),),
    )
    (again,), faults = read(writer.render(whole))
    assert isinstance(again, DocumentEntry)
    assert faults == []
    assert (again.title, again.uri, again.patient_id, again.mime_type) == (strings, (kept,), value, value)
    assert again.event_codes == whole.event_codes


def filled_in(obj, *, home: str, status: str, patient_id: str, time: str):
    """The object that `fill` stands for."""
    if isinstance(obj, Association):
        return replace(obj, home_community_id=None, availability_status=status)
    changed = {"home_community_id": home, "availability_status": status, "patient_id": patient_id}
    if isinstance(obj, Folder):
        changed["last_update_time"] = (time,)
    return replace(obj, **changed)


@slow
@given(objects, texts, st.sampled_from([APPROVED, "x&y"]), texts)
def test_a_filled_template_is_the_rendered_object(obj, home, status, patient_id):
    time = "20250311150212"
    filled = writer.fill(writer.template(obj), home=home, status=status, patient_id=patient_id, last_update_time=time)
    assert filled == writer.render(filled_in(obj, home=home, status=status, patient_id=patient_id, time=time))


def test_a_template_without_home_has_no_home():
    filled = writer.fill(writer.template(entry()), home="", status=APPROVED, patient_id="p")
    assert b"home" not in filled
    assert b'status="urn:oasis' in filled


def test_home_is_not_put_on_associations():
    made = association("a", "b", "c", home_community_id="urn:oid:2.999")
    assert b"home" not in writer.render(made)
    assert b"home" not in writer.fill(writer.template(made), home="urn:oid:2.999", status=APPROVED, patient_id="")


@slow
@given(objects)
def test_a_stored_template_comes_back(obj):
    stored = writer.template(obj)
    assert Fragments().expand(Fragments().compress(stored)) == stored


@given(texts, texts)
def test_an_object_reference(entry_uuid, home):
    item = element(
        b'<r xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">' + writer.object_ref(entry_uuid, home) + b"</r>"
    )[0]
    assert dict(item.attrib) == {"id": entry_uuid, "home": home}


@given(st.text())
def test_whatever_a_value_holds_the_result_is_xml(value):
    made = entry(title=(LocalizedString(value=value),), uri=(value or "x",))
    assert len(spliced(writer.render(made))) == 1


def test_what_xml_cannot_carry_is_replaced():
    made = entry(patient_id="a\x01b\x02c\x03d\ud800", title=(LocalizedString(value="\x00"),))
    (again,), _ = read(writer.fill(writer.template(made), home="", status="", patient_id="a\x02b"))
    assert isinstance(again, DocumentEntry)
    assert again.patient_id == "a\ufffdb"
    assert again.title[0].value == "\ufffd"


@pytest.mark.parametrize("made", [entry("urn:uuid:0f9a2f10-5d0e-4a52-9d0c-9d1f6f3b7a01"), entry("Document01")])
def test_parts_without_an_id_get_one_each(made):
    written = spliced(writer.render(made))
    ids = [item.get("id") for item in written.iter() if item.get("id")]
    assert len(ids) == len(set(ids)) == 10
    assert writer.render(made) == writer.render(made)


def test_only_uuids_of_parts_are_kept():
    patient_scheme, unique_scheme = (row.scheme for row in DOCUMENT_ENTRY.identifiers)
    own = "urn:uuid:0f9a2f10-5d0e-4a52-9d0c-9d1f6f3b7a01"
    made = entry(
        own,
        class_codes=(code(id="class"),),
        type_codes=(code(id=REGISTERED),),
        authors=(Author(persons=("^Lin",), id="author"),),
        part_ids=((patient_scheme, "patient"), (unique_scheme, REGISTERED[:-1] + "f")),
    )
    (again,), _ = read(writer.render(made))
    assert isinstance(again, DocumentEntry)
    kept = dict(again.part_ids)
    assert (again.type_codes[0].id, kept[unique_scheme]) == (REGISTERED, REGISTERED[:-1] + "f")
    for derived in (again.class_codes[0].id, again.authors[0].id, kept[patient_scheme]):
        assert derived.startswith("urn:uuid:0f9a2f")
        assert derived.endswith(own[-20:])
        assert derived != own


def test_a_written_submission_is_read_again():
    made = submission(
        documents=(entry(part_ids=()), entry("Document02", unique_id="1.2.3")),
        folders=(folder(),),
        associations=with_folder().associations,
    )
    again, faults = read_submission(element(submit_objects_request(made)))
    assert faults == []
    strip = {"part_ids": ()}
    assert [item.entry_uuid for item in again.objects()] == [item.entry_uuid for item in made.objects()]
    assert [replace(item, **strip).unique_id for item in again.documents] == [item.unique_id for item in made.documents]


# --- the schema -----------------------------------------------------------------------------------------------------


def schema(name: str) -> etree.XMLSchema:
    assert SHARED is not None
    return etree.XMLSchema(etree.parse(str(SHARED / "schemas" / "xds" / name)))


FULL = {
    "document": entry(
        title=(LocalizedString(value="出院小结", lang="zh-CN"),),
        comments=(LocalizedString(value="c"),),
        event_codes=(code("a"), code("b")),
        uri=("DOC.PDF",),
        logical_id="urn:uuid:1",
        version="1",
        home_community_id="urn:oid:2.999",
        availability_status=APPROVED,
    ),
    "submission set": submission_set(
        title=(LocalizedString(value="t"),), intended_recipient=("H", "||^^Internet^a@b.example")
    ),
    "folder": folder(last_update_time=("20250311150212",), version="2"),
    "association": association("a", "b", "c", documentation=(code(),), submission_set_status=("Original",)),
}


@needs_shared
@pytest.mark.parametrize("made", [pytest.param(made, id=says) for says, made in FULL.items()])
def test_what_is_written_is_valid(made):
    schema("lcm.xsd").assertValid(spliced(writer.render(made)))


@needs_shared
@pytest.mark.parametrize("value", [value for value in HOSTILE if len(value) <= 200])
def test_hostile_values_are_valid(value):
    strings = (LocalizedString(value=value, lang="ar"),)
    made = entry(
        title=strings,
        uri=(value,),
        unique_id=value,
        mime_type=value,
        event_codes=(code(value, value),),
        extra=(Slot(name=value, values=(value,)),),
    )
    schema("lcm.xsd").assertValid(spliced(writer.render(made)))


@needs_shared
def test_a_registered_submission_is_valid():
    numbers = iter(range(100))
    assigned, names = assign_ids(with_folder(), lambda: f"urn:uuid:00000000-0000-4000-8000-{next(numbers):012d}")
    assert set(names) >= {"Document01", "SubmissionSet01", "Folder01", "fd-de"}
    request = element(submit_objects_request(assigned))
    schema("lcm.xsd").assertValid(request)
    for item in request.iter("{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}*"):
        for attribute in ("id", "lid", "classifiedObject", "registryObject", "sourceObject", "targetObject"):
            assert item.get(attribute, "urn:uuid:").startswith("urn:uuid:")
