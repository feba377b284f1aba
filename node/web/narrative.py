"""A CDA document as HTML: the whole narrative, of a fixed set of elements and escaped text, nothing else. Pure.

No element, attribute or style of the document is passed on; what is not known keeps its text. So it is
safe whatever the document holds, and no text of the narrative can get lost. Source: CDA R2: 4.3.5;
threats I9, I10, I14, I16.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from html import escape
from typing import Final

from lxml import etree

_V3: Final = "{urn:hl7-org:v3}"
_DEEPEST: Final = 60
_MOST_IMAGE: Final = 8 << 20
# Element of the narrative -> element of HTML.
_BLOCKS: Final = {
    "paragraph": "p",
    "table": "table",
    "thead": "thead",
    "tbody": "tbody",
    "tfoot": "tfoot",
    "tr": "tr",
    "th": "th",
    "td": "td",
    "caption": "caption",
    "item": "li",
    "sub": "sub",
    "sup": "sup",
    "footnote": "small",
}
_DROPPED: Final = frozenset({"colgroup", "col"})  # they hold no text
_STYLES: Final = {
    "bold": "b",
    "italics": "i",
    "underline": "u",
    "emphasis": "i",
    "strike": "strike",
    "strikethrough": "strike",
    "linethrough": "strike",
}
_SPAN: Final = re.compile(r"[1-9][0-9]?")
_SIGNATURES: Final = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))
_INVISIBLE: Final = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00-\x08\x0b\x0c\x0e-\x1f]")


class Narrative:
    """One document. `words` translates the few texts that are ours."""

    def __init__(self, root: etree._Element, words: dict[str, str]) -> None:
        self._root = root
        self._words = words
        self._media = {str(one.get("ID")): one for one in root.iter(f"{_V3}observationMedia") if one.get("ID")} | {
            str(one.get("ID")): one for one in root.iter(f"{_V3}regionOfInterest") if one.get("ID")
        }

    def html(self) -> str:
        """The header in a grid, then every section."""
        body = self._root.find(f"{_V3}component/{_V3}structuredBody")
        sections = [] if body is None else body.findall(f"{_V3}component/{_V3}section")
        title = _text(self._root.find(f"{_V3}title")) or self._word("Document")
        parts = [f"<h1>{_shown(title)}</h1>", self._header(), *(self._section(one, 2, 0) for one in sections)]
        if body is None and (one := self._root.find(f"{_V3}component/{_V3}nonXMLBody/{_V3}text")) is not None:
            parts.append(self._embedded(one))
        return "".join(parts)

    def _header(self) -> str:
        def first(*paths: str) -> str:
            found = (self._root.find("/".join(f"{_V3}{part}" for part in path.split("/"))) for path in paths)
            return next((" ".join(_text(one).split()) for one in found if one is not None and _text(one).strip()), "")

        def value(path: str, name: str) -> str:
            found = self._root.find("/".join(f"{_V3}{part}" for part in path.split("/")))
            return "" if found is None else str(found.get(name) or "")

        rows = (
            ("Patient", first("recordTarget/patientRole/patient/name")),
            ("Born", value("recordTarget/patientRole/patient/birthTime", "value")[:8]),
            ("Author", first("author/assignedAuthor/assignedPerson/name")),
            ("Institution", first("custodian/assignedCustodian/representedCustodianOrganization/name")),
            ("Written", value("effectiveTime", "value")[:12]),
        )
        shown = "".join(f"<dt>{self._word(name)}</dt><dd>{_shown(text)}</dd>" for name, text in rows if text)
        return f"<dl>{shown}</dl>" if shown else ""

    def _section(self, section: etree._Element, level: int, depth: int) -> str:
        if depth > _DEEPEST:
            return f"<p class='note'>{self._word('Sections below this one are too deep to be drawn.')}</p>"
        title = section.find(f"{_V3}title")
        text = section.find(f"{_V3}text")
        parts = ["<section>"]
        if title is not None and _text(title).strip():
            heading = min(level, 6)
            parts.append(f"<h{heading}>{_shown(_text(title))}</h{heading}>")
        if text is not None:
            parts.append("".join(self._inside(text, 0)))
        entries = section.findall(f"{_V3}entry")
        if entries and (text is None or not _text(text).strip()):
            note = self._word("Coded entries without text: {n}. They are in the original file.")
            parts.append(f"<p class='note'>{note.format(n=len(entries))}</p>")
        denied = sum(one.get("negationInd") == "true" for entry in entries for one in entry.iter())
        if denied:
            note = self._word("Coded entries that say something is NOT so: {n}.")
            parts.append(f"<p class='note'>{note.format(n=denied)}</p>")
        parts += [self._section(one, level + 1, depth + 1) for one in section.findall(f"{_V3}component/{_V3}section")]
        return "".join(parts) + "</section>"

    def _inside(self, element: etree._Element, depth: int) -> Iterator[str]:
        """The content of an element: text, and each child with the text behind it."""
        yield _shown(element.text or "")
        for child in element:
            if isinstance(child.tag, str):
                yield self._child(child, depth + 1) if depth < _DEEPEST else _shown(_text(child))
            yield _shown(child.tail or "")

    def _child(self, element: etree._Element, depth: int) -> str:
        name = etree.QName(element).localname
        inside = "".join(self._inside(element, depth))
        if name == "br":
            return f"<br>{inside}"
        if name == "list":
            kind = "ol" if element.get("listType") == "ordered" else "ul"
            return f"<{kind}>{inside}</{kind}>"
        if name == "caption" and etree.QName(element.getparent()).localname != "table":
            return f"<strong class='caption'>{inside}</strong>"
        if name == "linkHtml":
            return f"<span class='link'>{inside} <code>{_shown(str(element.get('href') or ''))}</code></span>"
        if name == "renderMultiMedia":
            return inside + self._multimedia(str(element.get("referencedObject") or ""))
        if name in _BLOCKS:
            return self._block(_BLOCKS[name], element, inside)
        if name in _DROPPED:
            return inside
        return self._styled(element, inside)

    def _block(self, tag: str, element: etree._Element, inside: str) -> str:
        spans = ""
        if tag in ("td", "th"):
            for attribute in ("colspan", "rowspan"):
                value = str(element.get(attribute) or "")
                spans += f' {attribute}="{value}"' if _SPAN.fullmatch(value) else ""
        return f"<{tag}{spans}>{self._styled(element, inside, bare=True)}</{tag}>"

    def _styled(self, element: etree._Element, inside: str, *, bare: bool = False) -> str:
        """Revisions and styles as elements of our own; an unknown style keeps the content."""
        revised = element.get("revised")
        if revised in ("insert", "delete"):
            tag, word = ("ins", "inserted") if revised == "insert" else ("del", "deleted")
            inside = f"<{tag}><small>[{self._word(word)}]</small> {inside}</{tag}>"
        for code in str(element.get("styleCode") or "").lower().split():
            style = _STYLES.get(code)
            if style == "strike":
                inside = f"<s>{inside}</s>"
            elif style:
                inside = f"<{style}>{inside}</{style}>"
        return inside if bare else f"<span>{inside}</span>"

    def _multimedia(self, references: str) -> str:
        shown = []
        for reference in references.split():
            media = self._media.get(reference)
            value = None if media is None else next(media.iter(f"{_V3}value"), None)
            shown.append(self._embedded(value) if value is not None else self._not_shown(reference))
        return "".join(shown)

    def _embedded(self, element: etree._Element) -> str:
        """An image within the document as data; whatever else, and whatever lies elsewhere, is named and not loaded."""
        content = _decoded(element)
        kind = next((kind for start, kind in _SIGNATURES if content.startswith(start)), "")
        if kind and len(content) <= _MOST_IMAGE:
            alt = self._word("image within the document")
            return f'<img alt="{alt}" src="data:{kind};base64,{b64encode(content).decode()}">'
        if str(element.get("mediaType") or "").startswith("text/plain"):
            text = content.decode("utf-8", "replace") if content else _text(element)
            return f"<pre>{_shown(text)}</pre>"
        return self._not_shown(str(element.get("mediaType") or ""))

    def _not_shown(self, what: str) -> str:
        note = self._word("A part that is not shown here: {what}. It is in the original file.")
        return f"<p class='note'>{_shown(note.format(what=what[:100] or '?'))}</p>"

    def _word(self, text: str) -> str:
        return escape(self._words.get(text, text))


def embedded_pdf(root: etree._Element) -> bytes:
    """The PDF that is the body of a CDA document, b"" when its body is something else."""
    text = root.find(f"{_V3}component/{_V3}nonXMLBody/{_V3}text")
    content = b"" if text is None else _decoded(text)
    return content if content.startswith(b"%PDF-") else b""


def _decoded(element: etree._Element) -> bytes:
    if element.get("representation") != "B64":
        return b""
    try:
        return b64decode("".join((_text(element)).split()), validate=True)
    except ValueError:
        return b""


def _text(element: etree._Element | None) -> str:
    """All text below, without comments."""
    return "" if element is None else "".join(str(one) for one in element.itertext(tag="*"))


def _shown(text: str) -> str:
    """Text as HTML; characters that change the direction or hide others become visible (ui 6.6)."""
    return _INVISIBLE.sub(lambda found: f"<span class='mark'>U+{ord(found[0]):04X}</span>", escape(text))
