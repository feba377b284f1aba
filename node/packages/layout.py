"""Names and texts of a package on disk: XDM's folders, a manifest for sha256sum, pages for people. Pure.

INDEX.HTM, README.TXT                    for people
IHE_XDM/SUBSET01/METADATA.XML            one submission set: lcm:SubmitObjectsRequest
IHE_XDM/SUBSET01/DOC00001.PDF            its documents; the URI of an entry names its file
IHE_XDM/SUBSET01/MANIFEST.TXT            SHA-256 of each file, as sha256sum writes it
PATIENT.TXT, CONSENTS.TXT                JSON, a line each: what XDM has no place for
MANIFEST.TXT                             all of it: sha256sum -c MANIFEST.TXT
"""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from html import escape
from pathlib import PurePosixPath
from typing import Any, Final

XDM: Final = "IHE_XDM"
METADATA: Final = "METADATA.XML"
MANIFEST: Final = "MANIFEST.TXT"
PATIENT: Final = "PATIENT.TXT"
CONSENTS: Final = "CONSENTS.TXT"
INDEX: Final = "INDEX.HTM"
README: Final = "README.TXT"
_LINE: Final = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_EXTENSIONS: Final = {"text/xml": "XML", "application/xml": "XML", "text/plain": "TXT", "application/dicom": "DCM"}


def set_name(number: int) -> str:
    """Folder of the submission set with this number, from 1 on: at most eight characters."""
    return f"SUBSET{number:02d}" if number < 100 else f"SUB{number:05d}"


def patient_name(number: int) -> str:
    """Folder of a patient in the export of a whole node."""
    return f"P{number:07d}"


def document_name(number: int, mime_type: str) -> str:
    """File of a document: 8.3, capitals."""
    guessed = (mimetypes.guess_extension(mime_type) or ".bin").lstrip(".").upper()[:3]
    return f"DOC{number:05d}.{_EXTENSIONS.get(mime_type, guessed)}"


def digest(content: bytes) -> str:
    """SHA-256 in hex."""
    return sha256(content).hexdigest()


def manifest(hashes: Mapping[str, str], below: str = "") -> str:
    """Lines as sha256sum writes them; names are below a folder."""
    return "".join(f"{digest}  {below}{name}\n" for name, digest in sorted(hashes.items()))


def read_manifest(text: str) -> dict[str, str]:
    """Name -> SHA-256 (hex).

    Raises:
        ValueError: a line is none of sha256sum's, or names a file outside.
    """
    found = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None or not is_inside(match[2]):
            raise ValueError(f"{line[:100]!r} is no line of a manifest")
        found[match[2]] = match[1]
    return found


def is_inside(name: str) -> bool:
    """Whether a relative name stays in its folder."""
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts and "\\" not in name and "\0" not in name


def lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """JSON, a line each."""
    return "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows)


def readme(institution: str, version: str, when: str) -> str:
    """README.TXT."""
    return (
        f"Documents of one patient, written by {institution} on {when} with xdsnode {version}.\r\n\r\n"
        f"Layout: IHE XDM. Each folder in {XDM} is one submission set: {METADATA} describes the documents beside it\r\n"
        f"(ebRIM, lcm:SubmitObjectsRequest). {MANIFEST} holds the SHA-256 of every file: sha256sum -c {MANIFEST}\r\n"
        f"{PATIENT} and {CONSENTS} hold identifiers and consents, as JSON. Open {INDEX} to read the documents.\r\n"
        "Another xdsnode takes all of it in with: xdsnode import FOLDER\r\n"
    )


def index(institution: str, patient: str, rows: Iterable[tuple[str, str, str]]) -> str:
    """INDEX.HTM: rows are (file, title, creationTime)."""
    listed = "".join(
        f'<li><a href="{escape(file)}">{escape(title or file)}</a> ({escape(created)})</li>\n'
        for file, title, created in rows
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML Basic 1.0//EN" '
        '"http://www.w3.org/TR/xhtml-basic/xhtml-basic10.dtd">\n<html xmlns="http://www.w3.org/1999/xhtml">'
        f"<head><title>Documents of {escape(patient)}</title></head>\n<body><h1>Documents of {escape(patient)}</h1>\n"
        f'<p>From {escape(institution)}. <a href="{README}">What this is</a></p>\n<ul>\n{listed}</ul></body></html>\n'
    )
