"""A process of its own that draws one page of a PDF: `python -P -m node.web.pdf_worker PAGE`, PDF in, answer out.

It holds nothing and may be killed: bounds of memory and time are set before a byte of the document is read. The answer
is one line of JSON (pages, width, height, text), then the picture as PNG. Source: threats I12, I15.
"""

from __future__ import annotations

import json
import resource
import struct
import sys
import zlib
from typing import Final

import pypdfium2

_MEMORY: Final = 1 << 30
_SECONDS: Final = 10
_WIDTH: Final = 1100  # pixels
_MOST_PIXELS: Final = 8_000_000
_MOST_TEXT: Final = 200_000


def main() -> int:
    """Draw."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    number = int(sys.argv[1])
    document = pypdfium2.PdfDocument(sys.stdin.buffer.read())
    pages = len(document)
    page = document[min(max(number, 1), pages) - 1]
    width, height = page.get_size()
    scale = min(_WIDTH / max(width, 1), (_MOST_PIXELS / max(width * height, 1)) ** 0.5)
    bitmap = page.render(scale=scale, rev_byteorder=True, may_draw_forms=False)
    text = page.get_textpage().get_text_bounded()[:_MOST_TEXT]
    head = {"pages": pages, "width": bitmap.width, "height": bitmap.height, "text": text}
    out = sys.stdout.buffer
    out.write(json.dumps(head).encode() + b"\n")
    out.write(_png(bytes(bitmap.buffer), bitmap.width, bitmap.height, bitmap.stride, bitmap.n_channels))
    out.flush()
    return 0


def _png(pixels: bytes, width: int, height: int, stride: int, channels: int) -> bytes:
    """RGB or RGBX rows as PNG (RFC 2083)."""
    rows = []
    for row in range(height):
        line = pixels[row * stride : row * stride + width * channels]
        if channels == 4:
            rgb = bytearray(width * 3)
            rgb[0::3], rgb[1::3], rgb[2::3] = line[0::4], line[1::4], line[2::4]
            line = bytes(rgb)
        rows.append(b"\0" + line)
    colour = 0 if channels == 1 else 2
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(rows), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


if __name__ == "__main__":
    sys.exit(main())
