"""The drawing of CDA: every text of the narrative is there, what is negated or struck is said (threats I16)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.documents import xml_documents
from node.web.drawing import worker
from node.web.drawing.narrative import Narrative
from tests.hostile import DOCUMENTS, cda
from tests.node.web.extractor import Page, lost, narrative_texts
from tests.shared import SHARED, needs_shared


def page(content: bytes) -> Page:
    root = xml_documents.read(content)
    assert root is not None
    return Page(Narrative(root, {}, lambda kind, content: "").html())


def drawn(narrative: str, entries: str = "") -> Page:
    return page(cda(narrative, entries=entries))


SAMPLES = sorted((SHARED / "samples" / "cda").glob("*.xml")) if SHARED else []


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_I16_every_text_of_real_documents_is_drawn(path):
    content = path.read_bytes()
    wanted = narrative_texts(content)
    assert wanted or "unstructured" in path.name
    assert lost(wanted, page(content).text) == []


@pytest.mark.parametrize(
    "one",
    [one for one in DOCUMENTS if one.form == "cda" and one.id not in ("I16-combining-flood",)],
    ids=lambda one: one.id,
)
def test_I16_every_text_of_hostile_documents_is_drawn(one):
    said, _ = worker.drawn(
        one.content, {"what": "look", "number": 1, "full": False, "turn": 0, "words": {}, "language": ""}
    )
    try:
        wanted = narrative_texts(one.content)
    except Exception:  # what is read with a guess has no independent reader
        pytest.skip("not well-formed for another parser")
    assert lost(wanted, Page(said["html"]).text) == []


NAMES = (
    "content", "linkHtml", "sub", "sup", "br", "footnote", "footnoteRef", "renderMultiMedia", "paragraph", "list", "item",
    "table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption", "col", "colgroup", "script", "style", "title", "unknown",
    "div", "iframe", "textarea", "plaintext",
)  # fmt: skip
STYLES = ("", "Bold", "Italics", "Strikethrough", "xUnknown", "Lrule Botrule", "LittleRoman", "Underline bold")
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Mn", "Me", "Cf", "Zl", "Zp", "Co", "Cn"]), max_size=12)


@st.composite
def elements(draw, depth=0):
    name = draw(st.sampled_from(NAMES))
    attributes = {
        "styleCode": draw(st.sampled_from(STYLES)),
        "revised": draw(st.sampled_from(("", "insert", "delete"))),
    }
    if name in ("td", "th"):
        attributes["colspan"] = draw(st.sampled_from(("1", "2", "0", "x")))
    from xml.sax.saxutils import escape, quoteattr

    inside = escape(draw(TEXTS))
    if depth < 3:
        for child in draw(st.lists(elements(depth=depth + 1), max_size=3)):
            inside += child + escape(draw(TEXTS))
    written = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items() if value)
    noise = draw(st.sampled_from(("", "<!-- a comment -->", "<?instruction?>")))
    return f"<{name}{written}>{inside}{noise}</{name}>"


@settings(max_examples=25, deadline=None)
@given(st.lists(elements(), max_size=4), TEXTS)
def test_I16_every_text_of_any_narrative_is_drawn(parts, title):
    from xml.sax.saxutils import escape

    content = cda("".join(parts), title=escape(title))
    assert lost(narrative_texts(content), page(content).text) == []


def test_I16_what_is_struck_or_deleted_is_marked():
    struck = drawn("<content styleCode='strikethrough'>aspirin</content><content revised='delete'>heparin</content>")
    assert {"s", "del"} <= {tag for tag, _ in struck.tags}
    assert "[deleted] heparin" in struck.text


@pytest.mark.parametrize(
    "narrative",
    [
        "<table><tbody><tr revised='delete'><td>a</td><td>b</td></tr></tbody></table>",
        "<table><tbody styleCode='Strikethrough'><tr><td>a</td><th>b</th></tr></tbody></table>",
    ],
)
def test_I16_a_struck_row_is_struck_in_every_cell(narrative):
    """HTML moves an element that stands between rows out of the table, and with it the stroke."""
    tags = [tag for tag, _ in drawn(narrative).tags]
    assert sum(tag in ("s", "del") for tag in tags) == 2
    for place, tag in enumerate(tags):
        if tag in ("td", "th"):
            assert tags[place + 1] in ("s", "del")


@pytest.mark.parametrize("name", ["table", "list"])
def test_I16_a_struck_table_or_list_is_struck_as_a_whole(name):
    inside = "<tr><td>a</td></tr>" if name == "table" else "<item>a</item>"
    tags = [tag for tag, _ in drawn(f"<{name} revised='delete'>{inside}</{name}>").tags]
    assert tags.index("del") < tags.index({"table": "table", "list": "ul"}[name])


NEGATED = {
    "code": ("<act negationInd='true'><code displayName='Latex allergy'/></act>", "NOT: Latex allergy"),
    "value": ("<observation negationInd='true'><value displayName='Asthma'/></observation>", "NOT: Asthma"),
    "original text": ("<act negationInd='1'><code><originalText>Fever</originalText></code></act>", "NOT: Fever"),
    "text in the narrative": (
        "<act negationInd='true'><text><reference value='#n1'/></text><code displayName='x'/></act>",
        "NOT: no known drugs",
    ),
    "drug": (
        "<substanceAdministration negationInd='true'><consumable><manufacturedProduct><manufacturedMaterial>"
        "<code displayName='Heparin'/></manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration>",
        "NOT: Heparin",
    ),
}


@pytest.mark.parametrize("name", NEGATED)
def test_I16_a_negation_among_the_entries_is_said(name):
    entry, said = NEGATED[name]
    text = drawn("<content ID='n1'>no known drugs</content>", f"<entry>{entry}</entry>").text
    assert "NOT so: 1" in text
    assert said in text


def test_I16_what_is_not_negated_is_not_said_to_be():
    assert "NOT" not in drawn("text", "<entry><act negationInd='false'><code displayName='Asthma'/></act></entry>").text


def test_an_unknown_style_keeps_its_content():
    assert "dose 5 mg" in drawn("<content styleCode='xWhite Hidden'>dose 5 mg</content>").text


def test_characters_that_turn_text_around_become_visible():
    assert "U+202E" in drawn("a\u202eb").text


def test_joiners_of_scripts_that_need_them_are_left_alone():
    persian = "\u0645\u06cc\u200c\u062e"
    assert persian in drawn(persian).text
    assert "U+200C" in drawn("no\u200ct").text


def test_footnotes_are_numbered_where_they_stand_and_where_they_are_named():
    text = drawn("a<footnote ID='f'>one</footnote>b<footnote ID='g'>two</footnote>c<footnoteRef IDREF='g'/>").text
    assert "[1] one" in text
    assert "[2] two" in text
    assert text.rstrip().endswith("c[2]")


def test_sections_are_listed_when_there_are_two():
    section = "<component><section><title>{0}</title><text>x</text></section></component>"
    body = f"<structuredBody>{section.format('Diagnoses')}{section.format('Plan')}</structuredBody>"
    shown = page(cda("", body=body))
    targets = {attributes["id"] for _, attributes in shown.tags if "id" in attributes}
    links = [attributes["href"] for tag, attributes in shown.tags if tag == "a"]
    assert len(links) == 2
    assert {link[1:] for link in links} <= targets


def test_a_name_in_parts_has_spaces_between_them():
    who = "<recordTarget><patientRole><patient><name><given>Wei</given><family>Li</family></name></patient></patientRole></recordTarget>"
    assert "Wei Li" in page(cda("x", head=who)).text


def test_every_text_of_ours_is_known_to_the_catalogue():
    """What the drawing says beside the document reaches it as `words`: a text that is not in the list stays English."""
    import re
    from pathlib import Path

    from node.web.drawing import wording

    said = set()
    for path in Path(wording.__file__).parent.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        said |= set(re.findall(r'(?:note|word)\(\s*(?:self\._)?words,\s*"([^"]+)"', source))
        said |= set(re.findall(r'words\.get\("([^"]+)"', source))
    assert said
    assert said <= set(wording.TEXTS)
