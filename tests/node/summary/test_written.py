"""A summary as it is written: what of real and hostile documents is in it, where it is from; CDA to its schema, safe HTML."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from lxml import html as lxml_html

from node.summary.content import (
    NOTE,
    SECTIONS,
    STATEMENT,
    Bullets,
    Excerpt,
    Paragraph,
    Patient,
    Source,
    Summary,
    Table,
)
from node.summary.excerpts import MOST_TEXT, excerpts
from node.summary.writing import cda, html
from tests.shared import SHARED, needs_shared

PATIENT = Patient(identifier="P1", authority="2.999.1", family="Doe", given="Jane", born="19700131", sex="F")
UNIQUE_ID = "2.25.77"


@cache
def schema() -> etree.XMLSchema:
    assert SHARED is not None
    return etree.XMLSchema(etree.parse(SHARED / "schemas" / "cda" / "infrastructure" / "cda" / "CDA_SDTC.xsd"))


def source(*parts: Excerpt, **given: str) -> Source:
    values = {"unique_id": "2.999.4.1", "repository": "2.999.3", "title": "Letter", "institution": "North & South"}
    values |= {"created": "20240229101500", "mime_type": "text/xml"}
    return Source(**(values | given), excerpts=parts)


def summary(*sources: Source) -> Summary:
    return Summary(patient=PATIENT, institution="Alpha <1>", home="2.999.9", sources=sources)


def document(sections: str) -> bytes:
    return (
        f'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><component><structuredBody>{sections}'
        "</structuredBody></component></ClinicalDocument>"
    ).encode()


def section(text: str, code: str = "48765-2", more: str = "") -> str:
    return f'<component><section><code code="{code}"/><text>{text}</text>{more}</section></component>'


def read(text: str, code: str = "48765-2", more: str = "") -> tuple:
    found = excerpts(document(section(text, code, more)), "text/xml")
    return found[0].blocks if found else ()


@needs_shared
@pytest.mark.parametrize("name", ["ccd", "consultation-note", "discharge-summary", "procedure-note"])
def test_real_documents(name: str) -> None:
    """Every section that is excerpted is whole, in both forms, under the document that it is from."""
    assert SHARED is not None
    content = (SHARED / "samples" / "cda" / f"{name}.xml").read_bytes()
    parts = excerpts(content, "text/xml")
    assert parts
    made = summary(source(*parts))
    schema().assertValid(root := etree.fromstring(cda(made, UNIQUE_ID)))
    written = " ".join(" ".join(root.itertext()).split())
    shown = " ".join(" ".join(lxml_html.fromstring(html(made).decode()).itertext()).split())
    original = etree.fromstring(content)
    for one in original.iter("{urn:hl7-org:v3}section"):
        code = one.find("{urn:hl7-org:v3}code")
        if code is None or code.get("code") not in SECTIONS:
            continue
        for word in " ".join(one.find("{urn:hl7-org:v3}text").itertext()).split():
            assert word in written
            assert word in shown


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
BLOCKS = st.recursive(
    TEXT.map(lambda text: Paragraph(excerpts(f"x{text}".encode(), "text/plain")[0].blocks[0].text)),
    lambda inner: st.one_of(
        st.lists(st.lists(inner, min_size=1, max_size=2).map(tuple), min_size=1, max_size=3).map(
            lambda items: Bullets(tuple(items))
        ),
        st.tuples(
            st.lists(st.lists(st.just("a <b> & c"), min_size=1, max_size=3).map(tuple), min_size=1, max_size=3),
            st.integers(0, 2),
        ).map(lambda made: Table(tuple(made[0]), made[1])),
    ),
    max_leaves=6,
)


@needs_shared
@settings(max_examples=30)
@given(st.lists(BLOCKS, min_size=1, max_size=3), st.sampled_from([*SECTIONS, NOTE]), st.sampled_from("FMOU"), TEXT)
def test_whatever_is_said_it_is_a_valid_document(blocks, kind: str, sex: str, title: str) -> None:
    said = excerpts(f"x{title}".encode(), "text/plain")[0].blocks[0].text
    one = source(Excerpt(kind=kind, blocks=tuple(blocks)), unique_id=f"urn:x:{said}", title=said)
    made = replace(summary(one, source(unique_id="2.999.4^7&8")), patient=replace(PATIENT, sex=sex, given=said))
    schema().assertValid(root := etree.fromstring(cda(made, UNIQUE_ID)))
    assert " ".join(said.split()) in " ".join(" ".join(root.itertext()).split())
    page = html(made).decode()
    tags = {element.tag for element in lxml_html.fromstring(page).iter() if isinstance(element.tag, str)}
    assert tags <= {"html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "dl", "dt", "dd", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "br", "section"}  # fmt: skip


@needs_shared
def test_nothing_to_say_is_said() -> None:
    for content in (cda(summary(), UNIQUE_ID), html(summary())):
        assert b"No document that can be shown." in content
        assert STATEMENT in unescape(content.decode())
    schema().assertValid(etree.fromstring(cda(summary(), UNIQUE_ID)))


def test_every_source_is_named_with_its_institution_id_and_date() -> None:
    made = summary(source(remark="not text; see the document"), source(unique_id="2.999.4^7", created="2023"))
    root = etree.fromstring(cda(made, UNIQUE_ID))
    ids = [(one.get("root"), one.get("extension")) for one in root.iterfind(".//{*}externalDocument/{*}id")]
    assert ids == [("2.999.4.1", None), ("2.999.4", "7")]
    for content in (cda(made, UNIQUE_ID), html(made)):
        for cell in (
            "Letter",
            "North &amp; South",
            "2024-02-29 10:15",
            "2023",
            "2.999.4^7",
            "not text; see the document",
        ):
            assert f"<td>{cell}</td>" in content.decode()
    assert root.find("{*}id").get("root") == UNIQUE_ID
    assert root.find("{*}effectiveTime").get("value") == "20240229101500"


MARKED = {
    "a deletion": ('<paragraph>no <content revised="delete">penicillin</content> allergy</paragraph>', "no [deleted: penicillin] allergy"),
    "an insertion": ('<paragraph><content revised="insert">new</content></paragraph>', "[inserted: new]"),
    "a strike": ('<paragraph><content styleCode="Bold Strike">old</content></paragraph>', "[deleted: old]"),
    "a line through": ('<paragraph><content styleCode="line-through">old</content></paragraph>', "[deleted: old]"),
    "a power": ("<paragraph>4.2 x 10<sup>9</sup>/L, H<sub>2</sub>O</paragraph>", "4.2 x 10^9/L, H2O"),
    "an image": ('<paragraph><renderMultiMedia referencedObject="x"/></paragraph>', "[an image or file within the document]"),
    "white space": ("<paragraph>one\n   two<br/>three</paragraph>", "one two\nthree"),
    "turned text": ("<paragraph>a\u202eb</paragraph>", "a[U+202E]b"),
    "loose text": ("loose <content>words</content>", "loose words"),
}  # fmt: skip


@pytest.mark.parametrize(("narrative", "said"), MARKED.values(), ids=MARKED)
def test_what_marks_mean_is_kept_in_words(narrative: str, said: str) -> None:
    assert read(narrative) == (Paragraph(said),)


def test_what_is_too_deep_for_its_marks_is_cut() -> None:
    deep = '<content revised="delete">penicillin</content>'
    for _ in range(40):
        deep = f"<content>{deep}</content>"
    (found,) = read(f"<paragraph>{deep}</paragraph>")
    assert "penicillin" not in found.text.replace("[deleted: penicillin]", "")
    assert "cut here" in found.text


@pytest.mark.parametrize("true", ["true", "1"])
def test_negations_and_entries_without_text_are_said(true: str) -> None:
    negated = f'<entry><observation negationInd="{true}"/></entry>'
    assert read("<paragraph>none</paragraph>", more=negated)[-1] == Paragraph(
        "[coded entries that say something is NOT so: 1]"
    )
    assert read("", more="<entry><observation/></entry>") == (
        Paragraph("[coded entries without text, to be found in the document: 1]"),
    )


def test_parts_of_a_section_belong_to_it_and_known_ones_stand_for_themselves() -> None:
    inner = section("<paragraph>part</paragraph>", "99999-9") + section("<paragraph>own</paragraph>", "10160-0")
    found = excerpts(document(section("<paragraph>whole</paragraph>", more=inner)), "text/xml")
    assert [(one.kind, one.blocks) for one in found] == [
        ("48765-2", (Paragraph("whole"), Paragraph("part"))),
        ("10160-0", (Paragraph("own"),)),
    ]


def test_much_is_cut_and_that_is_said() -> None:
    long = "".join(f"<paragraph>{'x' * 999}</paragraph>" for _ in range(50))
    blocks = read(long)
    assert len(blocks) == MOST_TEXT // 999 + 1
    assert blocks[-1].text.startswith("[cut here")
    assert excerpts(b"x" * 20_000, "text/plain")[0].blocks[-1].text.startswith("[cut here")
    deep = "<list><item>" * 25 + "text" + "</item></list>" * 25
    assert "text" in str(read(deep))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xfe", "text/plain"),
        (b" \n ", "text/plain"),
        (b"%PDF-1.4", "application/pdf"),
        (b"<a", "text/xml"),
        (b"<a/>", "text/xml"),
        (document(section("<paragraph>x</paragraph>", "11488-4")), "text/xml"),
        (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "text/xml"),
    ],
)
def test_what_has_nothing_to_excerpt(content: bytes, kind: str) -> None:
    assert excerpts(content, kind) == ()
