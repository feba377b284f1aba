"""A document's bytes -> what of its text goes into a summary. Pure; nothing that was read is passed on as markup.

Of CDA the narrative of known sections is taken, as text in blocks: it is what was attested (content-wire 5.5). What
changes the meaning of a text, a deletion or a coded negation, becomes words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lxml import etree

from node.documents import xml_documents
from node.documents.cda_header import CLINICAL_DOCUMENT
from node.summary.content import NOTE, SECTIONS, Block, Bullets, Excerpt, Paragraph, Table

_V3: Final = "{urn:hl7-org:v3}"
_DEEPEST: Final = 20
MOST_TEXT: Final = 8000  # characters of one excerpt
_MOST_CELLS: Final = 1000
_STRUCK: Final = frozenset({"strike", "strikethrough", "linethrough", "line-through", "deleted", "del"})
_CUT: Final = "[cut here; the document has more]"
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPACE: Final = re.compile("[ \\t\\r\\n]+")
_TURNING: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")  # characters that change the direction of what follows


def excerpts(content: bytes, mime_type: str) -> tuple[Excerpt, ...]:
    """What a document contributes; nothing when it is neither CDA with known sections nor plain text."""
    kind = mime_type.partition(";")[0].strip().lower()
    if kind == "text/plain":
        return _note(content)
    if "xml" not in kind:
        return ()
    root = xml_documents.read(content)
    return tuple(_sections(root)) if root is not None and root.tag == CLINICAL_DOCUMENT else ()


def _note(content: bytes) -> tuple[Excerpt, ...]:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return ()
    lines = [line.rstrip() for line in clean(text).splitlines()]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    if not text:
        return ()
    blocks = [Paragraph(part) for part in text[:MOST_TEXT].split("\n\n") if part.strip()]
    cut = [Paragraph(_CUT)] if len(text) > MOST_TEXT else []
    return (Excerpt(kind=NOTE, blocks=(*blocks, *cut)),)


def _sections(root: etree._Element) -> Iterator[Excerpt]:
    body = root.find(f"{_V3}component/{_V3}structuredBody")
    for section in () if body is None else body.iter(f"{_V3}section"):
        code = section.find(f"{_V3}code")
        kind = "" if code is None else str(code.get("code") or "")
        if kind not in SECTIONS:
            continue
        parts = [section, *(one for one in section.iter(f"{_V3}section") if one is not section and not _known(one))]
        blocks = [block for part in parts for block in _of_section(part)]
        if blocks:
            yield Excerpt(kind=kind, blocks=_limited(blocks))


def _known(section: etree._Element) -> bool:
    """Whether a section within another stands for itself."""
    code = section.find(f"{_V3}code")
    return code is not None and code.get("code") in SECTIONS


def _of_section(section: etree._Element) -> list[Block]:
    text = section.find(f"{_V3}text")
    found = list(_blocks(text, 0)) if text is not None else []
    entries = section.findall(f"{_V3}entry")
    if entries and not found:
        found.append(Paragraph(f"[coded entries without text, to be found in the document: {len(entries)}]"))
    denied = sum(one.get("negationInd") in ("true", "1") for entry in entries for one in entry.iter(f"{_V3}*"))
    if denied:
        found.append(Paragraph(f"[coded entries that say something is NOT so: {denied}]"))
    return found


def _blocks(element: etree._Element, depth: int) -> Iterator[Block]:
    """The blocks of a narrative element; text between them becomes paragraphs."""
    loose: list[str] = [_laid_out(element.text)]

    def gathered() -> Iterator[Paragraph]:
        text = _tidy("".join(loose))
        loose.clear()
        if text:
            yield Paragraph(text)

    for child in element:
        name = _name(child)
        if name in {"paragraph", "list", "table"} and depth < _DEEPEST:
            yield from gathered()
            yield from _block(child, name, depth + 1)
        else:
            loose.append(_text(child, depth + 1))
        loose.append(_laid_out(child.tail))
    yield from gathered()


def _block(element: etree._Element, name: str, depth: int) -> Iterator[Block]:
    if name == "paragraph":
        text = _tidy(_text(element, depth))
        if text:
            yield Paragraph(text)
        return
    caption = element.find(f"{_V3}caption")
    if caption is not None and (text := _tidy(_text(caption, depth))):
        yield Paragraph(text)
    if name == "list":
        items = [tuple(_blocks(item, depth)) for item in element.findall(f"{_V3}item")]
        if kept := tuple(item for item in items if item):
            yield Bullets(kept)
        return
    heads = _rows(element, "thead", depth)
    rows = [*heads, *_rows(element, "tbody", depth), *_rows(element, "", depth), *_rows(element, "tfoot", depth)]
    if rows:
        yield Table(tuple(rows), len(heads))


def _rows(table: etree._Element, group: str, depth: int) -> list[tuple[str, ...]]:
    path = f"{_V3}{group}/{_V3}tr" if group else f"{_V3}tr"
    rows = [
        tuple(_tidy(_text(cell, depth)) for cell in row if _name(cell) in {"td", "th"}) for row in table.findall(path)
    ]
    return [row for row in rows if any(row)]


def _text(element: etree._Element, depth: int) -> str:
    """An element's text, with what its marks mean in words."""
    name = _name(element)
    if name in {"", "colgroup"}:
        return ""
    if name == "br":
        return "\n"
    if name == "renderMultiMedia":
        return "[an image or file within the document]"
    parts = [_laid_out(element.text)]
    for child in element:
        parts.append(_text(child, depth + 1) if depth < _DEEPEST else _CUT)  # its marks could not be told
        if _name(child) in {"paragraph", "item", "tr", "table", "list"}:
            parts.append("\n")
        elif _name(child) in {"td", "th"}:
            parts.append(" ")
        parts.append(_laid_out(child.tail))
    text = "".join(parts)
    if name == "sup" and text.strip():
        text = f"^{text}"  # 10 to the 9th is not 109
    struck = _STRUCK & {*str(element.get("styleCode") or "").lower().split()}
    if struck or element.get("revised") == "delete":
        return f"[deleted: {text.strip()}]"
    return f"[inserted: {text.strip()}]" if element.get("revised") == "insert" else text


def _laid_out(text: str | None) -> str:
    """White space in XML means a space; only `br` ends a line."""
    return _SPACE.sub(" ", text or "")


def _name(element: etree._Element) -> str:
    """Local name; "" of a comment."""
    tag: object = element.tag
    return etree.QName(element).localname if isinstance(tag, str) else ""


def _tidy(text: str) -> str:
    """Lines without the white space that XML is laid out with."""
    lines = [" ".join(line.split()) for line in clean(text).split("\n")]
    return "\n".join(line for line in lines if line)


def clean(text: str) -> str:
    """Text that can be written; characters that turn the direction of others become visible."""
    text = _NOT_XML.sub("\ufffd", text)
    return _TURNING.sub(lambda found: f"[U+{ord(found[0]):04X}]", text)


def _limited(blocks: list[Block]) -> tuple[Block, ...]:
    """The first blocks, up to some thousand characters; what is cut is said."""
    kept: list[Block] = []
    left = MOST_TEXT
    for block in blocks:
        left -= _size(block)
        if left < 0:
            return (*kept, Paragraph(_CUT))
        kept.append(block)
    return tuple(kept)


def _size(block: Block) -> int:
    if isinstance(block, Paragraph):
        return len(block.text)
    if isinstance(block, Bullets):
        return sum(_size(one) for item in block.items for one in item)
    return sum(len(cell) + MOST_TEXT // _MOST_CELLS for row in block.rows for cell in row)
