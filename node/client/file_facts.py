"""Reads a file once, before it is sent: size, digest, kind, and the header when it is a CDA document."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from node.documents import cda_header, xml_documents
from node.documents.cda_header import CdaHeader
from node.documents.submission_builder import FileFacts, mime_type
from node.faults import misused

_CHUNK: Final = 1 << 20
_HEAD: Final = 4096
# A header is looked for in documents up to this size; larger XML is shared all the same.
_MOST_PARSED: Final = 32 << 20


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
    """The header of a CDA; None for anything else."""
    root = xml_documents.read(content)
    return None if root is None else cda_header.read(root)
