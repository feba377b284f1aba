"""The drawing of CDA: every text of the narrative is there, nothing of the document's markup is (threats I9, I10, I16)."""

import re
from html.parser import HTMLParser

import pytest

from node import xml_documents
from node.web.narrative import Narrative

ALLOWED = {
    "h1", "h2", "h3", "h4", "h5", "h6", "dl", "dt", "dd", "p", "section", "span", "b", "i", "u", "s", "ins", "del", "small",
    "table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption", "ul", "ol", "li", "sub", "sup", "br", "strong", "code",
    "img", "pre",
}  # fmt: skip


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.text, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def drawn(narrative: str, entries: str = "") -> Reader:
    document = (
        '<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xlink="http://www.w3.org/1999/xlink"><title>T</title><component>'
        f"<structuredBody><component><section><title>S</title><text>{narrative}</text>{entries}</section></component>"
        "</structuredBody></component></ClinicalDocument>"
    )
    root = xml_documents.read(document.encode())
    assert root is not None
    reader = Reader()
    reader.feed(Narrative(root, {}).html())
    return reader


HOSTILE = [
    "<script>alert(1)</script>",
    "<paragraph onload='alert(1)' onmouseover='alert(1)'>text</paragraph>",
    "<linkHtml href='javascript:alert(1)'>text</linkHtml>",
    "<linkHtml href='data:text/html,x'>text</linkHtml>",
    "<content styleCode='bold\"&gt;&lt;script&gt;'>text</content>",
    "<td colspan='1\" onclick=\"x'>text</td>",
    "<img src='https://evil.example/x'/>",
    "<iframe src='https://evil.example/'>text</iframe>",
    "<style>@import 'https://evil.example/x'</style>",
    "<svg xmlns='http://www.w3.org/2000/svg' onload='x'><script>alert(1)</script></svg>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<renderMultiMedia referencedObject='none'/>",
    "<base href='https://evil.example/'/><meta http-equiv='refresh' content='0;url=https://evil.example/'/>",
    "<form action='https://evil.example/'><input name='p'/></form>",
    "<table background='https://evil.example/x' style='position:fixed'><tr><td>text</td></tr></table>",
]


@pytest.mark.parametrize("narrative", HOSTILE)
def test_I10_nothing_of_the_document_becomes_markup(narrative):
    reader = drawn(narrative)
    for tag, attributes in reader.tags:
        assert tag in ALLOWED
        assert set(attributes) <= {"class", "colspan", "rowspan", "alt", "src"}
        assert attributes.get("src", "data:image/").startswith("data:image/")
        assert re.fullmatch(r"[0-9]{0,2}", attributes.get("colspan", ""))


@pytest.mark.parametrize("narrative", HOSTILE)
def test_I16_every_text_of_the_narrative_is_there(narrative):
    root = xml_documents.read(f'<text xmlns="urn:hl7-org:v3">{narrative}</text>'.encode())
    wanted = "".join("".join(root.itertext()).split())
    assert wanted in "".join("".join(drawn(narrative).text).split())


def test_I16_what_is_struck_or_deleted_is_marked():
    struck = drawn("<content styleCode='strikethrough'>aspirin</content><content revised='delete'>heparin</content>")
    assert {"s", "del"} <= {tag for tag, _ in struck.tags}
    assert "deleted" in "".join(struck.text)


def test_I16_a_negation_among_the_entries_is_said():
    text = "".join(drawn("no text", "<entry><act negationInd='true'/></entry>").text)
    assert "NOT" in text


def test_an_unknown_style_keeps_its_content():
    assert "dose 5 mg" in "".join(drawn("<content styleCode='xWhite Hidden'>dose 5 mg</content>").text)


def test_characters_that_turn_text_around_become_visible():
    assert "U+202E" in "".join(drawn("a\u202eb").text)
