"""What a file is, by its bytes and never by what it is called. Pure (threats I11, I13)."""

from __future__ import annotations

import re
from typing import Final

PDF: Final = "application/pdf"
CDA: Final = "application/hl7-cda+xml"
RTF: Final = "text/rtf"
TEXT: Final = "text/plain"
UNKNOWN: Final = "application/octet-stream"
IMAGES: Final = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/tiff": ".tif",
    "image/webp": ".webp",
    "image/bmp": ".bmp",
}
ENDINGS: Final = {**IMAGES, PDF: ".pdf", CDA: ".xml", "text/xml": ".xml", RTF: ".rtf", TEXT: ".txt"}
_STARTS: Final = (
    (b"%PDF-", PDF),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"BM", "image/bmp"),
    (b"{\\rtf", RTF),
    (b"PK\x03\x04", "application/zip"),
    (b"MZ", "application/x-msdownload"),
    (b"\x7fELF", "application/x-executable"),
)
_BMP_HEAD: Final = 26
_HTML: Final = re.compile(
    rb"<(?:!doctype\s+html|html|head|body|script|iframe|img|meta|style|table|form|base|link)[\s>/]", re.I
)
_SVG: Final = re.compile(rb"<(?:[A-Za-z0-9]+:)?svg[\s>/]", re.I)
_CDA: Final = re.compile(rb"<(?:[A-Za-z0-9._-]+:)?ClinicalDocument[\s>]")


def kind_of(content: bytes) -> str:
    """Its media type, as far as the first bytes tell; XML that may be a CDA is CDA until it is read."""
    if content[128:132] == b"DICM":
        return "application/dicom"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    for start, kind in _STARTS:
        if content.startswith(start) and (kind != "image/bmp" or _is_bitmap(content)):
            return kind
    head = _plain(content[:8192]).lstrip()
    if head.startswith(b"<") and (_CDA.search(head) or b"ClinicalDocument" in content):
        return CDA
    if _SVG.search(head):
        return "image/svg+xml"
    if _HTML.search(head):
        return "text/html"
    if head.startswith(b"<"):
        return "text/xml"
    return UNKNOWN if b"\0" in head else TEXT


def _is_bitmap(content: bytes) -> bool:
    return len(content) > _BMP_HEAD and int.from_bytes(content[14:18], "little") in (12, 40, 52, 56, 64, 108, 124)


def _plain(head: bytes) -> bytes:
    """The start of a text as ASCII bytes where it is UTF-16 or UTF-32 with a mark, or UTF-8 with one."""
    for mark, name in (
        (b"\xff\xfe\0\0", "utf-32"),
        (b"\0\0\xfe\xff", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if head.startswith(mark):
            return head[: len(head) & ~3].decode(name, "replace").encode("utf-8", "replace")
    return head.removeprefix(b"\xef\xbb\xbf")
