"""Small steps in an element tree, without comments and processing instructions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from lxml import etree


def children(element: etree._Element) -> list[etree._Element]:
    """The child elements."""
    return list(element.iterchildren("*"))


def text_of(element: etree._Element) -> str:
    """The text of an element; a comment inside it does not cut it."""
    if not len(element):
        return element.text or ""
    return "".join(cast(Iterator[str], element.itertext()))
