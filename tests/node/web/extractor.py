"""What a reader of a CDA must see and what a reader of HTML sees: plain and independent of how the node draws."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from lxml import etree

V3 = "{urn:hl7-org:v3}"
MARKS = re.compile(r"\[U\+[0-9A-F]{4,5}\]")
UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u00ad]")


def narrative_texts(content: bytes) -> list[str]:
    """Every text node of every title and narrative of a section, in the order of the document."""
    root = etree.fromstring(
        content, etree.XMLParser(resolve_entities=False, remove_comments=True, remove_pis=True, huge_tree=True)
    )
    found = []
    for section in root.iter(f"{V3}section"):
        for child in section:
            if child.tag in (f"{V3}title", f"{V3}text"):
                found += [text for text in child.itertext() if text.strip()]
    return found


class Page(HTMLParser):
    """An HTML page as a reader gets it: its text, and the elements with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.pieces.append(data)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def squeezed(text: str) -> str:
    """Without whitespace, and without the marks that stand for characters that cannot be seen."""
    return "".join(MARKS.sub("", text).split())


def lost(wanted: list[str], shown: str) -> list[str]:
    """The texts that are not among what is shown, each looked for behind the one before it, else anywhere."""
    shown, at, missing = squeezed(shown), 0, []
    for text in (squeezed(UNSEEN.sub("", one)) for one in wanted):
        place = shown.find(text, at)
        if place < 0:
            place = shown.find(text)
        if place < 0:
            missing.append(text)
        else:
            at = place + len(text) if place >= at else at
    return missing
