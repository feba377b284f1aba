"""XOP references and inline documents of one envelope (ITI TF-2: V.8; xds-wire 2.5).

After `take_documents` every xds:Document holds an xop:Include with a `cid:` reference, whether the sender optimised
it or not: whoever reads the body knows one form only.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from lxml import etree

from node.soap import names
from node.soap.faults import sender
from node.soap.leniencies import Leniency
from node.soap.tree import children, text_of

INLINE: Final = "inline.{}@xdsnode.invalid"  # content id of a document that stood inside the envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentReference:
    """One xds:Document: its `id` ("" in answers) and the content id of its bytes.

    `inline` holds the bytes of a small document that stood in the envelope; None when they come as a part.
    """

    document_id: str
    content_id: str
    inline: bytes | None = None


def canonical(content_id: str) -> str:
    """The form in which Content-ID headers and cid references are compared: no blanks, no <>, percent-decoded."""
    return unquote(content_id.strip().removeprefix("<").removesuffix(">").strip())


def take_documents(
    root: etree._Element, placeholders: Sequence[str], leniencies: set[Leniency]
) -> tuple[DocumentReference, ...]:
    """Find every document of a message and turn inline base64 into a reference.

    Args:
        root: the envelope; changed in place.
        placeholders: the texts left where documents were taken out while the root arrived, in order; number n of
            them is the part with the content id `INLINE.format(n)`.
        leniencies: tolerated deviations are added.

    Raises:
        SoapFault: a reference that is not `cid:`, two references to one part, or what should be base64 is not.
    """
    included = _included(root, leniencies)
    documents: list[DocumentReference] = []
    large: set[int] = set()
    for element in root.iter(names.DOCUMENT):
        reference = _referred(element, leniencies)
        if reference is None:
            leniencies.add(Leniency.INLINE_DOCUMENT)
            reference = _inlined(element, len(placeholders) + len(documents), placeholders, large)
            if reference.content_id in included:
                raise sender("two elements refer to the same part")
        documents.append(reference)
    if len(large) != len(placeholders):
        raise sender("base64 of this length may stand in xds:Document only")
    return tuple(documents)


def _included(root: etree._Element, leniencies: set[Leniency]) -> set[str]:
    """Content ids that are referred to, each once."""
    found: set[str] = set()
    for include in root.iter(names.INCLUDE):
        content_id = _content_id(include)
        if content_id in found:
            raise sender("two elements refer to the same part")
        found.add(content_id)
        holder = include.getparent()
        if holder is None or holder.tag != names.DOCUMENT:
            if not any(ancestor.tag == names.HEADER for ancestor in include.iterancestors()):
                raise sender("xop:Include stands outside of a document")
            leniencies.add(Leniency.XOP_OUTSIDE_DOCUMENT)
    return found


def _content_id(include: etree._Element) -> str:
    href = include.get("href", "").strip()
    if href[:4].lower() != "cid:" or len(href) == 4 or len(href) > 1024:
        raise sender("xop:Include refers to something other than a part of this message (cid:)")
    return canonical(href[4:])


def _referred(element: etree._Element, leniencies: set[Leniency]) -> DocumentReference | None:
    """The reference in a document, None when the document stands inline."""
    if not len(element):
        return None
    inside = children(element)
    if not inside:
        return None
    if len(inside) > 1 or inside[0].tag != names.INCLUDE:
        raise sender("a document holds base64 or one xop:Include")
    around = text_of(element)
    if around.strip():
        raise sender("a document holds base64 or one xop:Include")
    if around:
        leniencies.add(Leniency.XOP_WHITESPACE)
    return DocumentReference(document_id=element.get("id", ""), content_id=_content_id(inside[0]))


def _inlined(element: etree._Element, number: int, placeholders: Sequence[str], large: set[int]) -> DocumentReference:
    """Put a reference where base64 stood."""
    text = text_of(element)
    content: bytes | None = None
    if text.strip() in placeholders:
        number = placeholders.index(text.strip())
        if number in large:
            raise sender("base64 of this length may stand in xds:Document only")
        large.add(number)
    else:
        content = _decoded(text)
    for child in list(element):
        element.remove(child)
    element.text = None
    content_id = INLINE.format(number)
    etree.SubElement(element, names.INCLUDE, href=f"cid:{content_id}")
    return DocumentReference(document_id=element.get("id", ""), content_id=content_id, inline=content)


def _decoded(text: str) -> bytes:
    try:
        return binascii.a2b_base64("".join(text.split()).encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        raise sender("a document inside the envelope is not base64") from None
