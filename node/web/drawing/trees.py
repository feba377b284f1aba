"""What the modules that read CDA elements share. Pure."""

from __future__ import annotations

from base64 import b64decode
from typing import Final, cast

from lxml import etree

V3: Final = "{urn:hl7-org:v3}"


def first(element: etree._Element, path: str) -> etree._Element | None:
    """The first element at a path of CDA names, `component/structuredBody`."""
    return element.find("/".join(part if part.startswith(("*", ".")) else f"{V3}{part}" for part in path.split("/")))


def every(element: etree._Element, path: str) -> list[etree._Element]:
    """All elements at a path."""
    return element.findall("/".join(f"{V3}{part}" for part in path.split("/")))


def text_of(element: etree._Element | None) -> str:
    """All text below; comments and processing instructions say nothing, what stands behind them does."""
    if element is None:
        return ""
    return "".join(pieces_of(element))


def pieces_of(element: etree._Element) -> list[str]:
    """Every text below, but for files in base64."""
    return cast(list[str], element.xpath(".//text()[not(parent::*/@representation='B64')]"))


def line_of(element: etree._Element | None) -> str:
    """The same on one line."""
    return " ".join(text_of(element).split())


def words_of(element: etree._Element | None) -> str:
    """A name in parts on one line, with a space between the parts."""
    return "" if element is None else " ".join(" ".join(pieces_of(element)).split())


def decoded(element: etree._Element) -> bytes:
    """The bytes of a base64 value, b"" when it is something else (CDA R2: ED)."""
    if element.get("representation") != "B64":
        return b""
    try:
        return b64decode("".join(str(element.text or "").split()), validate=True)
    except ValueError:
        return b""
