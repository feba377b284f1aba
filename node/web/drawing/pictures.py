"""Images and pages of PDFs as WebP, drawn anew: nothing of the file but its picture (ui 4.d; threats I12, I15).

Runs in the process that is thrown away: the libraries here read hostile bytes with code in C.
"""

from __future__ import annotations

import io
import re
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image, ImageOps, TiffImagePlugin, WebPImagePlugin  # noqa: F401  loaded for the formats they bring

from node.web.drawing import kinds

_MOST_PIXELS: Final = 40_000_000
_FIT: Final = 1600  # pixels, the longer side
_FULL_PIXELS: Final = 16_000_000  # of an image in its own size: WebP takes many times that in bytes
_LONGEST: Final = 16_000  # WebP ends at 16,383
_PAGE_PIXELS: Final = 8_000_000
_SCALE: Final = 220 / 72  # 110 dpi for a screen of two dots a pixel
_MOST_TEXT: Final = 1_000_000
_QUALITY: Final = 85
_FORMATS: Final = ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP")
_EMBEDDED_PAGES: Final = 10
_EMBEDDED_SCALE: Final = 110 / 72
_EMBEDDED_SECONDS: Final = 3.0  # of processor time: the text around the pictures counts more than the last of them
_TEXT_PAGES: Final = 100  # whose text can be read aloud
_READ_PAGES: Final = 20  # of a PDF in which words are looked for
_EMBEDDED_BYTES: Final = 24 << 20  # of all pictures within one document
_ACTIVE: Final = (
    ("JavaScript", re.compile(rb"/(?:JavaScript|JS)\b")),
    ("OpenAction", re.compile(rb"/(?:OpenAction|AA)\b")),
    ("Launch", re.compile(rb"/Launch\b")),
    ("SubmitForm", re.compile(rb"/(?:SubmitForm|ImportData)\b")),
    ("XFA", re.compile(rb"/XFA\b")),
    ("RichMedia", re.compile(rb"/(?:RichMedia|Movie|Sound|3D)\b")),
)

Image.MAX_IMAGE_PIXELS = _MOST_PIXELS // 2  # Pillow refuses twice as many
Image.preinit()  # what Pillow would load when it is needed: no file can be opened then


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture (WebP), its size in pixels, how many there are, the text of the first pages."""

    content: bytes
    width: int
    height: int
    pages: int = 1
    texts: tuple[str, ...] = ()  # of the first pages
    active: tuple[str, ...] = ()  # parts of a PDF that would run, and were not
    full: tuple[int, int] = (0, 0)  # of an image in its own size


def image(content: bytes, *, number: int = 1, full: bool = False, turn: int = 0) -> Picture:
    """An image, or one of a TIFF's, to fit a screen or in its own size up to 16 million pixels.

    `turn` is 90, 180 or 270 degrees to the right.

    Raises:
        ValueError: more than 40 million pixels, or no image that can be drawn.
    """
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
            if opened.width * opened.height > _MOST_PIXELS or min(opened.size) < 1:
                raise ValueError("pixels")
            pages = int(getattr(opened, "n_frames", 1)) if opened.format == "TIFF" else 1
            if pages > 1:
                opened.seek(min(max(number, 1), pages) - 1)
                if opened.width * opened.height > _MOST_PIXELS:
                    raise ValueError("pixels")
            if not full:
                opened.draft("RGB", (_FIT, _FIT)) if opened.mode in ("RGB", "L", "YCbCr") else None
            drawn = ImageOps.exif_transpose(_colours(opened))
            whole = opened.size
    except (
        OSError,
        SyntaxError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
        EOFError,
        TypeError,
    ) as error:
        raise ValueError(type(error).__name__) from error
    if turn:
        drawn = drawn.transpose(
            {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180}.get(turn, Image.Transpose.ROTATE_90)
        )
    longest = min(_LONGEST, int(max(drawn.size) * (_FULL_PIXELS / (drawn.width * drawn.height)) ** 0.5))
    longest = longest if full else _FIT
    if max(drawn.size) > longest:
        drawn.thumbnail((longest, longest))
    return Picture(content=_webp(drawn), width=drawn.width, height=drawn.height, pages=pages, full=whole)


def _colours(opened: Image.Image) -> Image.Image:
    """Colours or grey of 8 bits: grey of more bits is scaled to its range, not cut off; what is clear lies on white."""
    if opened.mode.startswith(("I", "F")):
        grey = opened.convert("F")
        low, high = cast(tuple[float, float], grey.getextrema())
        scale = 255.0 / ((high - low) or 1.0)
        return grey.point(lambda value: value * scale - low * scale).convert("L")
    if opened.mode in ("RGBA", "LA", "PA") or "transparency" in opened.info:
        clear = opened.convert("RGBA")
        white = Image.new("RGB", clear.size, (255, 255, 255))
        white.paste(clear, mask=clear.getchannel("A"))
        return white
    return opened.convert("L" if opened.mode in ("1", "L") else "RGB")


def _webp(drawn: Image.Image) -> bytes:
    out = io.BytesIO()
    drawn.save(out, "WEBP", quality=_QUALITY, method=1)
    return out.getvalue()


def page(content: bytes, number: int, *, scale: float = _SCALE) -> Picture:
    """One page of a PDF, from 1.

    Raises:
        ValueError: it is encrypted ("password"), or cannot be read.
    """
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        raise ValueError("password" if "password" in str(error).lower() else "damaged") from error
    try:
        pages = len(document)
        return _page(document, content, min(max(number, 1), pages), pages, scale)
    except (pypdfium2.PdfiumError, IndexError) as error:
        raise ValueError("damaged") from error


def _texts(document: pypdfium2.PdfDocument, pages: int) -> tuple[str, ...]:
    found: list[str] = []
    left = _MOST_TEXT
    for number in range(min(pages, _TEXT_PAGES)):
        try:
            text = str(document[number].get_textpage().get_text_bounded())[:left]
        except pypdfium2.PdfiumError:
            text = ""
        left -= len(text)
        found.append(text)
    return tuple(found)


def pages_text(content: bytes) -> str:
    """The text of the first pages of a PDF, "" where it cannot be read."""
    try:
        document = pypdfium2.PdfDocument(content)
        pages = range(min(len(document), _READ_PAGES))
        return " ".join(str(document[number].get_textpage().get_text_bounded()) for number in pages)
    except pypdfium2.PdfiumError:
        return ""


def _page(document: pypdfium2.PdfDocument, content: bytes, number: int, pages: int, most: float) -> Picture:
    one = document[number - 1]
    width, height = (max(side, 1.0) for side in one.get_size())
    scale = min(most, (_PAGE_PIXELS / (width * height)) ** 0.5, _LONGEST / max(width, height))
    drawn = one.render(scale=scale, rev_byteorder=True, may_draw_forms=False).to_pil().convert("RGB")
    active = [name for name, pattern in _ACTIVE if pattern.search(content)]
    if pdfium.FPDFDoc_GetJavaScriptActionCount(document) > 0:
        active.append("JavaScript")
    if pdfium.FPDFDoc_GetAttachmentCount(document) > 0:
        active.append("EmbeddedFile")
    return Picture(
        content=_webp(drawn),
        width=drawn.width,
        height=drawn.height,
        pages=pages,
        texts=_texts(document, pages) if number == 1 else (),
        active=tuple(dict.fromkeys(active)),
    )


class Embedder:
    """Draws the images and PDFs within one document, each once, all of them within one bound.

    Args:
        alt: what stands for a picture that is not seen, as HTML.
        more: says, as HTML, that a PDF has more pages than are drawn.
        text: plain text as HTML.
    """

    def __init__(self, alt: str, more: Callable[[int], str], text: Callable[[bytes], str]) -> None:
        self._alt = alt
        self._more = more
        self._text = text
        self._left = _EMBEDDED_BYTES
        self._until = time.process_time() + _EMBEDDED_SECONDS
        self._drawn: dict[bytes, str] = {}

    def __call__(self, declared: str, content: bytes) -> str:
        """As HTML; "" when it is nothing that is drawn."""
        found = self._drawn.get(content)
        if found is None:
            found = self._drawn[content] = self._draw(declared, content)
        self._left -= len(found)
        return found if self._left > 0 else ""

    def _draw(self, declared: str, content: bytes) -> str:
        kind = kinds.kind_of(content)
        if self._over:
            return ""
        try:
            if kind in kinds.IMAGES:
                return self._tag(image(content))
            if kind == kinds.PDF:
                return self._pages(content)
        except ValueError:
            return ""
        return self._text(content) if kind == kinds.TEXT and declared.startswith("text/plain") else ""

    def _pages(self, content: bytes) -> str:
        opening = page(content, 1, scale=_EMBEDDED_SCALE)
        tags = [self._tag(opening)]
        for number in range(2, min(opening.pages, _EMBEDDED_PAGES) + 1):
            if self._over:
                break
            tags.append(self._tag(page(content, number, scale=_EMBEDDED_SCALE)))
        return "".join(tags) + (self._more(opening.pages) if opening.pages > len(tags) else "")

    @property
    def _over(self) -> bool:
        return time.process_time() > self._until

    def _tag(self, one: Picture) -> str:
        data = b64encode(one.content).decode()
        return f'<img alt="{self._alt}" width="{one.width}" height="{one.height}" src="data:image/webp;base64,{data}">'
