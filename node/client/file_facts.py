"""Reads a file once, before it is sent: size, digest, kind, and the header when it is a CDA document."""

from __future__ import annotations

import codecs
import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from node import cda_header
from node.cda_header import CdaHeader
from node.faults import misused
from node.soap.limits import ANSWER
from node.soap.message import SoapFault, parse
from node.submission_builder import FileFacts, mime_type

_CHUNK: Final = 1 << 20
_HEAD: Final = 4096
# A header is looked for in documents up to this size; larger XML is shared all the same.
_MOST_PARSED: Final = 32 << 20
# A CDA may name a stylesheet, which this node would neither fetch nor run; a SOAP message may hold none.
_INSTRUCTION: Final = re.compile(rb"<\?(?!xml[ \t\r\n]).*?\?>", re.DOTALL)
_DECLARATION: Final = re.compile(rb"""^(<\?xml[^>]{0,200}?encoding\s*=\s*["'])([A-Za-z0-9._-]{1,40})(["'])""")
_OTHER_CHARSETS: Final = frozenset({"iso8859-1", "iso8859-15", "cp1252", "gb2312", "gbk", "gb18030", "big5", "ascii"})


def read(path: Path) -> FileFacts:
    """The facts of one file.

    Raises:
        Faults: it cannot be read or is empty.
    """
    digest, size, head = hashlib.sha1(usedforsecurity=False), 0, b""
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                head = head or chunk[:_HEAD]
                digest.update(chunk)
                size += len(chunk)
            modified = path.stat().st_mtime
    except OSError as problem:
        cause = problem.strerror or type(problem).__name__
        raise misused("file.unreadable", str(path), cause, "name a file that you may read") from None
    if not size:
        raise misused("file.empty", str(path), "the file is empty", "leave it out: an empty document cannot be shared")
    mime = mime_type(path.name, head)
    header = _header(path.read_bytes()) if mime == "text/xml" and size <= _MOST_PARSED else None
    return FileFacts(
        name=path.name,
        mime_type=mime,
        size=size,
        sha1=digest.hexdigest(),
        modified=f"{datetime.fromtimestamp(modified, UTC):%Y%m%d%H%M%S}",
        header=header,
    )


def _header(content: bytes) -> CdaHeader | None:
    """The header of a CDA; None for other XML, and for a document that cannot be parsed safely."""
    try:
        return cda_header.read(parse(_INSTRUCTION.sub(b"", _as_utf8(content)), limits=ANSWER))
    except SoapFault:
        return None


def _as_utf8(content: bytes) -> bytes:
    """A document in one of the older character sets as UTF-8; only for reading its header, never for sending it."""
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
