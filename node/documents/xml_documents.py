"""Documents that may be XML, read to learn what they are; they are stored and sent as they came."""

from __future__ import annotations

import codecs
import re
from typing import Final

from lxml import etree

from node.soap.faults import SoapFault
from node.soap.limits import DOCUMENT
from node.soap.message import parse

# A CDA may name a stylesheet, which this node would neither fetch nor run; a SOAP message may hold none. What is not
# closed goes on to the end: looking for its end again and again would hold up the whole process for hours.
_INSTRUCTION: Final = re.compile(
    rb"(?P<kept><!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z))|<\?(?!xml[ \t\r\n])(?:.*?\?>|(?P<open>.*))", re.DOTALL
)
_DECLARATION: Final = re.compile(rb"""^(<\?xml[^>]{0,200}?encoding\s*=\s*["'])([A-Za-z0-9._-]{1,40})(["'])""")
_OTHER_CHARSETS: Final = frozenset({"iso8859-1", "iso8859-15", "cp1252", "gb2312", "gbk", "gb18030", "big5", "ascii"})


def read(content: bytes) -> etree._Element | None:
    """The root element; None for a document that is no XML or cannot be parsed safely."""
    try:
        return parse(_without_instructions(_as_utf8(content)), limits=DOCUMENT)
    except SoapFault:
        return None


def _without_instructions(content: bytes) -> bytes:
    if content.find(b"<?", 2) < 0:  # most have none, and looking for them takes long where a scan is inside
        return content
    return _INSTRUCTION.sub(lambda found: found["kept"] or (found[0] if found["open"] is not None else b""), content)


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
