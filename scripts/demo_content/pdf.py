"""Small valid PDF files: pages of text lines, Latin in Helvetica, Chinese in a standard CID font (ISO 32000-1: 9.7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_LINES_PER_PAGE: Final = 44
_HEIGHT: Final = 842  # A4, points
_CATALOGUE, _PAGES, _LATIN, _CHINESE, _DESCENDANT, _DESCRIPTOR, _INFO = range(1, 8)
_FIRST_PAGE: Final = 8


def render(title: str, lines: Sequence[str]) -> bytes:
    """A PDF 1.4 document with `lines` on as many pages as they need; `title` goes to the document information."""
    pages = [lines[start : start + _LINES_PER_PAGE] for start in range(0, max(len(lines), 1), _LINES_PER_PAGE)]
    objects = _fixed_objects(title, len(pages))
    for number, page in enumerate(pages):
        content = _content(page)
        here = _FIRST_PAGE + 2 * number
        objects[here] = (
            f"<< /Type /Page /Parent {_PAGES} 0 R /MediaBox [0 0 595 {_HEIGHT}] /Contents {here + 1} 0 R "
            f"/Resources << /Font << /L {_LATIN} 0 R /C {_CHINESE} 0 R >> >> >>"
        ).encode()
        objects[here + 1] = b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content)
    return _assemble(objects)


def _fixed_objects(title: str, pages: int) -> dict[int, bytes]:
    kids = " ".join(f"{_FIRST_PAGE + 2 * number} 0 R" for number in range(pages))
    return {
        _CATALOGUE: f"<< /Type /Catalog /Pages {_PAGES} 0 R >>".encode(),
        _PAGES: f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode(),
        _LATIN: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        _CHINESE: (
            f"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H "
            f"/DescendantFonts [{_DESCENDANT} 0 R] >>"
        ).encode(),
        _DESCENDANT: (
            "<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /DW 1000 "
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 2 >> "
            f"/FontDescriptor {_DESCRIPTOR} 0 R >>"
        ).encode(),
        _DESCRIPTOR: (
            b"<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] "
            b"/ItalicAngle 0 /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>"
        ),
        _INFO: b"<< /Title <feff" + title.encode("utf-16-be").hex().encode() + b"> /Producer (demo content) >>",
    }


def _content(lines: Sequence[str]) -> bytes:
    drawn = ["BT", "17 TL", f"56 {_HEIGHT - 64} Td"]
    for line in lines:
        drawn += [_show(line), "T*"]
    return "\n".join([*drawn, "ET"]).encode("ascii")


def _show(line: str) -> str:
    """Operators that draw one line, changing the font where the script changes."""
    runs: list[tuple[bool, str]] = []
    for character in line:
        latin = character.isascii()
        if runs and runs[-1][0] == latin:
            runs[-1] = (latin, runs[-1][1] + character)
        else:
            runs.append((latin, character))
    drawn = []
    for latin, text in runs:
        data = text.encode("ascii" if latin else "utf-16-be").hex()
        drawn.append(f"/{'L' if latin else 'C'} 11 Tf <{data}> Tj")
    return "\n".join(drawn)


def _assemble(objects: dict[int, bytes]) -> bytes:
    written = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number in sorted(objects):
        offsets.append(len(written))
        written += b"%d 0 obj\n%b\nendobj\n" % (number, objects[number])
    start = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1)
    written += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    written += b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R >>\n" % (len(offsets) + 1, _CATALOGUE, _INFO)
    written += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(written)
