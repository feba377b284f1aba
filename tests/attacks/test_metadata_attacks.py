"""Rows of the attack catalogue that aim at metadata: values that are to be read as something else, or written as markup."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from registry.ebrim import writer
from registry.ebrim.messages import adhoc_query_response, registry_response
from registry.ebrim.reader import read_query_answer, read_registry_response, read_submission
from registry.errors import RegistryError
from registry.metadata.affinity_domain import ANY
from registry.metadata.objects import DocumentEntry, LocalizedString, Slot
from registry.metadata.rules import violations
from tests.registry.samples import element, entry, spliced, submission

plain = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=40
)
cuts = st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["cdata", "comment", "pi", "reference"])), max_size=6)


def disguised(value: str, places: list[tuple[int, str]]) -> str:
    """The same character data, cut into CDATA sections and references, with comments in between."""
    ends = sorted({min(place, len(value)) for place, _ in places} | {0, len(value)})
    forms = [form for _, form in places] or ["reference"]
    parts = []
    for number, (start, end) in enumerate(pairwise(ends)):
        piece, form = value[start:end], forms[number % len(forms)]
        if form == "cdata" and "]]>" not in piece:
            parts.append(f"<![CDATA[{piece}]]>")
        elif form == "comment":
            parts.append(f"<!-- x -->{writer.escape(piece)}")
        elif form == "pi":
            parts.append(f"<?x y?>{writer.escape(piece)}")
        else:
            parts.append("".join(f"&#{ord(character)};" for character in piece))
    return "".join(parts)


def read_value(text: str) -> tuple[str, ...]:
    whole = writer.render(entry(legal_authenticator=("PLACE",))).decode().replace("PLACE", text)
    made, _ = read_submission(spliced(whole.encode()))
    return made.documents[0].legal_authenticator  # not the URI: `0|` of it is a numbered piece


@pytest.mark.parametrize("row", [pytest.param("X17", id="X17")])
@given(value=plain, places=cuts)
def test_a_disguised_value_is_the_value(row, value, places):
    expected = value.strip(" \t\r\n")
    assert "".join(read_value(disguised(value, places))) == expected, row


INJECTIONS = [
    '"/><rim:Classification classificationNode="x"/>',
    "</rim:Value></rim:ValueList></rim:Slot><rim:Slot name='hash'>",
    "]]><!--",
    "&lt;&#x3c;&amp;",
    "\x01\x02\x03",
    "' OR 1=1 --",
]


@pytest.mark.parametrize("value", [pytest.param(value, id=f"I7-{number}") for number, value in enumerate(INJECTIONS)])
def test_values_stay_values(value):
    strings = (LocalizedString(value=value, lang=value, charset=value),)
    made = entry(
        title=strings, uri=(value,), unique_id=value, patient_id=value, extra=(Slot(name=value, values=(value,)),)
    )
    written = writer.fill(writer.template(made), home=value, status=value, patient_id=value, last_update_time="")
    plain_one = entry(title=(LocalizedString(value="t"),), uri=("u",), extra=(Slot(name="n", values=("v",)),))
    names = [item.tag for item in spliced(written).iter()]
    assert names == [item.tag for item in spliced(writer.render(plain_one)).iter()]
    error = RegistryError(value, value, value)
    assert len(list(element(registry_response([error])).iter())) == 3
    answer = read_query_answer(
        element(adhoc_query_response(value, [error], [written, writer.object_ref(value, value)]))
    )
    assert len(answer.objects) == 2


def test_marks_of_a_template_cannot_be_smuggled_in():
    made = entry(title=(LocalizedString(value="\x01\x02"),), uri=("\x02",))
    stored = writer.template(made)
    assert (stored.count(b"\x01"), stored.count(b"\x02"), stored.count(b"\x03")) == (1, 1, 0)


@pytest.mark.parametrize("character", ["\x00", "\x01", "\x0b", "\x1f", "\ufffe", "\ud800"])
def test_what_xml_cannot_carry_is_refused(character):
    made = submission(documents=(entry(title=(LocalizedString(value=f"a{character}b"),)),))
    found = violations(made, ANY, transaction="ITI-42")
    assert [(error.code, error.location) for error in found] == [("XDSRegistryMetadataError", "Document01")]


def test_errors_about_hostile_values_can_be_answered():
    hostile = "\x00<&\"'\ud800" + "x" * 10_000
    made = submission(documents=(entry(hash=(hostile,), unique_id=hostile, mime_type=hostile),))
    found = violations(made, ANY, transaction="ITI-42")
    head = read_registry_response(element(registry_response(found)))
    assert len(head.errors) == len(found) == 3
    assert all(len(error.context) < 400 for error in head.errors)


def test_an_instruction_in_a_peers_object_is_not_passed_on():
    data = adhoc_query_response(
        "s", (), [writer.render(entry()).replace(b"<rim:Slot ", b"<?xml-stylesheet href='x'?><rim:Slot ", 1)]
    )
    (item,) = read_query_answer(element(data)).objects
    assert b"<?" not in item.xml
    assert isinstance(read_submission(spliced(item.xml))[0].documents[0], DocumentEntry)
    assert etree.fromstring(item.xml) is not None
