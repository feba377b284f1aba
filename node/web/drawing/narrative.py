"""A CDA document as HTML: the whole narrative, of a fixed set of elements and escaped text, nothing else. Pure.

No element, attribute or style of the document is passed on; what is not known keeps its text. So it is
safe whatever the document holds, and no text of the narrative can get lost. Source: CDA R2: 4.3.5;
threats I9, I10, I14, I16.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from lxml import etree

from node.web.drawing.entries import remarks
from node.web.drawing.header import grid
from node.web.drawing.marks import Words, note, shown, word
from node.web.drawing.trees import V3, decoded, first, text_of

# Draws an embedded file: its declared type and its bytes; "" when it is nothing that is drawn.
Embed = Callable[[str, bytes], str]

_DEEPEST: Final = 60
# Elements that are the same in HTML.
_SAME: Final = frozenset({"thead", "tbody", "tfoot", "tr", "sub", "sup"})
_CELLS: Final = frozenset({"td", "th"})
_ROWS: Final = frozenset({"tr", "thead", "tbody", "tfoot"})
_WHOLE: Final = frozenset({"table", "list", "item", "caption", "paragraph"})
# A style, or an element that is no CDA but is met -> element of HTML.
_STYLES: Final = {
    **dict.fromkeys(("bold", "b", "strong"), "b"),
    **dict.fromkeys(("italics", "emphasis", "i", "em"), "i"),
    **dict.fromkeys(("underline", "u"), "u"),
    **dict.fromkeys(("strike", "strikethrough", "linethrough", "line-through", "s"), "s"),
    **dict.fromkeys(("deleted", "del"), "del"),
    **dict.fromkeys(("inserted", "ins"), "ins"),
}
_RULES: Final = {"lrule": "lr", "rrule": "rr", "toprule": "tr", "botrule": "br"}
_LISTS: Final = frozenset({"arabic", "littleroman", "bigroman", "littlealpha", "bigalpha", "disc", "circle", "square"})
_SPAN: Final = re.compile(r"[1-9][0-9]?")
_BROKEN: Final = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


class Narrative:
    """One document. `words` translates the few texts that are ours; `embed` draws images and PDFs within it."""

    def __init__(self, root: etree._Element, words: Words, embed: Embed) -> None:
        self._root = root
        self._words = words
        self._embed = embed
        self._media: dict[str, etree._Element] = {}
        for tag in ("observationMedia", "regionOfInterest"):
            for one in root.iter(f"{V3}{tag}"):
                self._media.setdefault(str(one.get("ID")), one)
        notes = [str(one.get("ID")) for one in root.iter(f"{V3}footnote")]
        self._notes = {name: number for number, name in enumerate(notes, 1) if name}
        self._drawn: set[etree._Element] = set()
        self._headings: list[tuple[int, str]] = []
        self._count = 0

    def html(self) -> str:
        """The header in a grid, a list of the sections, then every section, and text that stands outside of them."""
        body = first(self._root, "component/structuredBody")
        sections = [] if body is None else body.findall(f"{V3}component/{V3}section")
        title = text_of(self._root.find(f"{V3}title")) or self._words.get("Document", "Document")
        drawn = "".join(self._section(one, 2, 0) for one in sections)
        parts = [f"<h1>{shown(title)}</h1>", grid(self._root, self._words), self._contents(), drawn]
        other = first(self._root, "component/nonXMLBody/text")
        if other is not None:
            self._drawn.add(other)
            parts.append(self._embedded(other))
        parts.append(self._outside())
        return "".join(parts)

    def _contents(self) -> str:
        if len(self._headings) < 2:
            return ""
        links = "".join(f'<li><a href="#s{number}">{text}</a></li>' for number, text in self._headings)
        return f"<nav><p>{word(self._words, 'Sections')}</p><ul>{links}</ul></nav>"

    def _outside(self) -> str:
        """Narrative that stands where no section of the body leads to it, so that it is not lost."""
        found = [
            one
            for section in self._root.iter(f"{V3}section")
            for tag in ("title", "text")
            for one in section.iterfind(f"{V3}{tag}")
            if one not in self._drawn
        ]
        if not found:
            return ""
        inside = "".join(f'<div class="p">{self._safely(one)}</div>' for one in found)
        return f"<section><h2>{word(self._words, 'Text outside of the sections')}</h2>{inside}</section>"

    def _section(self, section: etree._Element, level: int, depth: int) -> str:
        if depth > _DEEPEST:
            return note(self._words, "Sections below this one are too deep to be drawn in their place.")
        heads, texts = section.findall(f"{V3}title"), section.findall(f"{V3}text")
        self._drawn |= {*heads, *texts}
        parts = []
        for head in heads:
            if text_of(head).strip():
                self._count += 1
                text = shown(text_of(head))
                if level <= 3:
                    self._headings.append((self._count, text))
                parts.append(f'<h{min(level, 6)} id="s{self._count}">{text}</h{min(level, 6)}>')
        parts += [self._safely(text) for text in texts]
        parts.append(remarks(section, texts, self._words))
        parts += [self._section(one, level + 1, depth + 1) for one in section.findall(f"{V3}component/{V3}section")]
        return f"<section>{''.join(parts)}</section>"

    def _safely(self, text: etree._Element) -> str:
        """A part that fails is named, and its text still shown."""
        try:
            return "".join(self._inside(text, 0))
        except _BROKEN:
            failed = note(self._words, "This part could not be drawn as it was laid out; this is its text.")
            return f'{failed}<div class="p">{shown(text_of(text))}</div>'

    def _inside(self, element: etree._Element, depth: int) -> Iterator[str]:
        """The content of an element: text, and each child with the text behind it."""
        yield shown(element.text or "")
        for child in element:
            if isinstance(child.tag, str):
                yield self._child(child, depth + 1) if depth < _DEEPEST else shown(text_of(child))
            yield shown(child.tail or "")

    def _child(self, element: etree._Element, depth: int) -> str:
        name = etree.QName(element).localname
        inside = "".join(self._inside(element, depth))
        if name in _CELLS:
            return self._cell(element, name, inside)
        if name in _SAME:
            return f"<{name}>{inside}</{name}>"
        if name == "br":
            return f"<br>{inside}"
        if name == "linkHtml":
            inside = f'<span class="link">{inside} <code>{shown(str(element.get("href") or ""))}</code></span>'
        elif name == "renderMultiMedia":
            inside += self._multimedia(str(element.get("referencedObject") or ""))
        elif name == "footnote":
            number = self._notes.get(str(element.get("ID")), "")
            inside = f'<span class="footnote"><sup>[{number}]</sup> {inside}</span>'
        elif name == "footnoteRef":
            inside = f"<sup>[{self._notes.get(str(element.get('IDREF')), '?')}]</sup>{inside}"
        elif name in _WHOLE:
            return self._whole(element, name, inside)
        return f"<span>{self._styled([element], inside)}</span>"

    def _cell(self, element: etree._Element, name: str, inside: str) -> str:
        """A cell, with what its row and the group of rows say of it: their own elements could hold no style."""
        spans = "".join(
            f' {attribute}="{element.get(attribute)}"'
            for attribute in ("colspan", "rowspan")
            if _SPAN.fullmatch(str(element.get(attribute) or ""))
        )
        rules = " ".join(sorted({_RULES[style] for style in _styles(element) if style in _RULES}))
        marked = f' class="{rules}"' if rules else ""
        above = [element]
        for one in element.iterancestors():
            if etree.QName(one).localname not in _ROWS:
                break
            above.append(one)
        return f"<{name}{spans}{marked}>{self._styled(above, inside)}</{name}>"

    def _whole(self, element: etree._Element, name: str, inside: str) -> str:
        """An element that stands as a block; a style of a table or a list is around it."""
        if name == "table":
            return self._styled([element], f'<div class="scroll"><table>{inside}</table></div>')
        if name == "list":
            kind = "ol" if element.get("listType") == "ordered" else "ul"
            style = next((style for style in _styles(element) if style in _LISTS), "")
            marked = f' class="{style}"' if style else ""
            return self._styled([element], f"<{kind}{marked}>{inside}</{kind}>")
        inside = self._styled([element], inside)
        if name == "item":
            return f"<li>{inside}</li>"
        if name == "caption":
            within = element.getparent()
            if within is not None and etree.QName(within).localname == "table":
                return f"<caption>{inside}</caption>"
            return f'<strong class="caption">{inside}</strong>'
        return f'<div class="p">{inside}</div>'

    def _styled(self, elements: list[etree._Element], inside: str) -> str:
        """Revisions and styles as elements of our own; an unknown style keeps the content."""
        found = []
        for element in elements:
            revised = {"insert": "ins", "delete": "del"}.get(str(element.get("revised")), "")
            named = _STYLES.get(etree.QName(element).localname.lower(), "")
            found += [revised, *(_STYLES.get(code, "") for code in _styles(element)), named]
        for style in dict.fromkeys(style for style in found if style):
            if style in ("ins", "del"):
                said = word(self._words, "inserted" if style == "ins" else "deleted")
                inside = f"<{style}><small>[{said}]</small> {inside}</{style}>"
            else:
                inside = f"<{style}>{inside}</{style}>"
        return inside

    def _multimedia(self, references: str) -> str:
        drawn = []
        for reference in references.split():
            media = self._media.get(reference)
            if media is not None and etree.QName(media).localname == "regionOfInterest":
                drawn.append(note(self._words, "A region of the image is marked. The mark is in the original file."))
                media = next(media.iter(f"{V3}observationMedia"), None)
            value = None if media is None else next(media.iter(f"{V3}value"), None)
            drawn.append(self._embedded(value) if value is not None else self._not_shown(reference))
        return "".join(drawn)

    def _embedded(self, element: etree._Element) -> str:
        """A file within the document is drawn; whatever lies elsewhere is named and not loaded."""
        kind, content = str(element.get("mediaType") or ""), decoded(element)
        drawn = self._embed(kind, content) if content else ""
        if drawn:
            return drawn
        reference = first(element, "reference")
        if reference is not None:
            return self._not_shown(f"{kind} {reference.get('value') or ''}")
        return self._not_shown(kind) if content else "".join(self._inside(element, 0))

    def _not_shown(self, what: str) -> str:
        text = (
            "A part that is not shown here: {what}. It is in the original file, or lies elsewhere and was not loaded."
        )
        return note(self._words, text, what=what.strip()[:200] or "?")


def _styles(element: etree._Element) -> list[str]:
    return str(element.get("styleCode") or "").lower().split()
