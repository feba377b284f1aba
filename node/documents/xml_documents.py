"""Documents that may be XML, read to learn what they are; they are stored and sent as they came."""

from __future__ import annotations

import codecs
import re
from typing import Final

from lxml import etree

from node.soap.faults import SoapFault
from node.soap.limits import DOCUMENT
from node.soap.message import parse

# What may hold what looks like an instruction, an instruction itself, and how each ends.
_ENDS: Final = {b"<![CDATA[": b"]]>", b"<!--": b"-->", b"<?": b"?>"}
_XML: Final = re.compile(rb"<\?xml[ \t\r\n]")
_DECLARATION: Final = re.compile(rb"""^(<\?xml[^>]{0,200}?encoding\s*=\s*["'])([A-Za-z0-9._-]{1,40})(["'])""")
_OTHER_CHARSETS: Final = frozenset({"iso8859-1", "iso8859-15", "cp1252", "gb2312", "gbk", "gb18030", "big5", "ascii"})


def read(content: bytes) -> etree._Element | None:
    """The root element; None for a document that is no XML or cannot be parsed safely."""
    try:
        return parse(_without_instructions(_as_utf8(content)), limits=DOCUMENT)
    except SoapFault:
        return None


def _without_instructions(content: bytes) -> bytes:
    """A CDA may name a stylesheet, which this node would neither fetch nor run; a SOAP message may hold none.

    In short steps, each mark sought on from where it was last: a pattern over 50 MB holds up every thread for seconds.
    What is not closed goes on to the end, and stays.
    """
    pieces, kept = [], 0
    at = {start: content.find(start) for start in _ENDS}
    while at[b"<?"] >= 0:
        begin, start = min((place, start) for start, place in at.items() if place >= 0)
        after = begin + len(start)
        if not _XML.match(content, begin):
            end = content.find(_ENDS[start], after)
            if end < 0:
                break
            after = end + len(_ENDS[start])
            if start == b"<?":
                pieces.append(content[kept:begin])
                kept = after
        at |= {one: content.find(one, after) for one, place in at.items() if 0 <= place < after}
    return b"".join((*pieces, content[kept:])) if pieces else content


def _as_utf8(content: bytes) -> bytes:
    """A document in one of the older character sets as UTF-8."""
    found = _DECLARATION.match(content)
    if not found:
        return content
    try:
        name = codecs.lookup(found[2].decode()).name
        if name in _OTHER_CHARSETS:
            return _DECLARATION.sub(rb"\1UTF-8\3", content).decode(name).encode()
    except (LookupError, UnicodeDecodeError):
        pass
    return content
