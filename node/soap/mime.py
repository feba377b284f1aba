"""MIME values: parameters of a Content-Type, headers of a part, transfer encodings (RFC 2045, 2387). Bounded."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from node.soap.faults import sender
from node.soap.leniencies import Leniency
from node.soap.limits import MimeLimits
from node.soap.xop import canonical

_TCHARS = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TYPE = re.compile(rf"\s*({_TCHARS}/{_TCHARS})\s*")
# Unquoted values are read up to the next `;`: type=application/xop+xml without quotes is common.
_PARAMETER = re.compile(rf';\s*(?:({_TCHARS})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"]*))\s*)?')
_ESCAPED = re.compile(r"\\(.)")
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64})[ \t]*:[ \t]*(.*)", re.DOTALL)
_SPACE: Final = b"\r\n\t "


@dataclass(frozen=True, slots=True)
class MediaType:
    """A Content-Type: type in lower case, parameters by lower-case name."""

    name: str
    parameters: dict[str, str] = field(default_factory=dict)

    def parameter(self, name: str) -> str:
        """A parameter's value, "" when it is absent."""
        return self.parameters.get(name, "")


def read_media_type(text: str) -> MediaType:
    """Read a Content-Type value; a parameter that cannot be read is skipped, of a doubled one the first counts.

    Raises:
        SoapFault: there is no type, or two boundaries.
    """
    found = _TYPE.match(text)
    if found is None or len(text) > 4096:
        raise sender("the Content-Type cannot be read", status=415)
    parameters: dict[str, str] = {}
    position = found.end()
    while match := _PARAMETER.match(text, position):
        position = match.end()
        name, quoted, plain = match.groups()
        if name is None:
            continue
        value = _ESCAPED.sub(r"\1", quoted) if quoted is not None else plain.strip()
        if name.lower() == "boundary" and "boundary" in parameters:
            raise sender("the Content-Type names two boundaries")
        parameters.setdefault(name.lower(), value)
    return MediaType(found[1].lower(), parameters)


# A package has a boundary of its own each time; what is simple SOAP always has the same few headers.
plain_media_type = lru_cache(maxsize=64)(read_media_type)


def boundary_of(media_type: MediaType) -> bytes:
    """The boundary of a multipart type: 1 to 70 characters of the legal set.

    Raises:
        SoapFault: it is missing or illegal.

    Source: RFC 2046: 5.1.1
    """
    boundary = media_type.parameter("boundary")
    if not _BOUNDARY.fullmatch(boundary):
        raise sender("the boundary of the package is missing or not legal")
    return boundary.encode("ascii")


@dataclass(frozen=True, slots=True)
class PartHeaders:
    """Headers of one part. `content_id` is in canonical form, "" when the part has none."""

    content_id: str
    media_type: MediaType
    encoding: str


def read_part_headers(block: bytes, limits: MimeLimits, leniencies: set[Leniency]) -> PartHeaders:
    """Read the header lines of a part.

    Raises:
        SoapFault: too many lines, a line that is no header, a header twice, a part inside a part, or a transfer
            encoding that is not known.
    """
    if _FOLD.search(block):
        leniencies.add(Leniency.FOLDED_HEADER)
        block = _FOLD.sub(b" ", block)
    lines = [line.removesuffix(b"\r") for line in block.split(b"\n") if line.strip(_SPACE)]
    if len(lines) > limits.header_lines:
        raise sender("a part has too many headers", status=431)
    headers: dict[bytes, str] = {}
    for line in lines:
        found = _HEADER.fullmatch(line)
        if found is None or b"\r" in line or b"\0" in line:
            raise sender("a header of a part cannot be read")
        name = found[1].lower()
        if name in headers:
            raise sender("a header of a part stands twice")
        headers[name] = found[2].decode("utf-8", "replace").strip()
    return _part_headers(headers, leniencies)


def _part_headers(headers: dict[bytes, str], leniencies: set[Leniency]) -> PartHeaders:
    content_id = headers.get(b"content-id", "")
    if content_id and not content_id.startswith("<"):
        leniencies.add(Leniency.CONTENT_ID_WITHOUT_BRACKETS)
    media_type = MediaType("application/octet-stream")
    if headers.get(b"content-type"):
        media_type = read_media_type(headers[b"content-type"])
    if media_type.name.startswith(("multipart/", "message/")):
        raise sender("a package inside a part is not allowed")
    encoding = headers.get(b"content-transfer-encoding", "").strip("\"' ").lower()
    if not encoding:
        leniencies.add(Leniency.TRANSFER_ENCODING_MISSING)
    elif encoding not in DECODERS:
        raise sender("the Content-Transfer-Encoding of a part is not supported", status=415)
    elif DECODERS[encoding] is not None:
        leniencies.add(Leniency.ENCODED_PART)
    return PartHeaders(canonical(content_id), media_type, encoding)


class Base64Decoder:
    """Decodes base64 as it streams; holds at most three characters back."""

    __slots__ = ("_ended", "_held")

    def __init__(self) -> None:
        self._held = b""
        self._ended = False

    def feed(self, data: bytes) -> bytes:
        """Decode what is complete.

        Raises:
            SoapFault: characters outside the alphabet, or data after the padding.
        """
        text = self._held + data.translate(None, _SPACE)
        whole = len(text) - len(text) % 4
        text, self._held = text[:whole], text[whole:]
        if not text:
            return b""
        if self._ended:
            raise sender("a part is not base64")
        self._ended = text.endswith(b"=")
        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except binascii.Error:
            raise sender("a part is not base64") from None

    def finish(self) -> bytes:
        """What is left at the end: nothing, or the text was cut.

        Raises:
            SoapFault: the last group is not complete.
        """
        if self._held:
            raise sender("a part is not base64")
        return b""


class QuotedPrintableDecoder:
    """Decodes quoted-printable line by line; an endless line is decoded in pieces."""

    __slots__ = ("_held",)

    _LONGEST: Final = 65536

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Decode the lines that are complete."""
        text = self._held + data
        end = text.rfind(b"\n") + 1
        if not end and len(text) > self._LONGEST:
            escape = text.rfind(b"=", len(text) - 2)
            end = escape if escape >= 0 else len(text)
        self._held = text[end:]
        return binascii.a2b_qp(text[:end])

    def finish(self) -> bytes:
        """Decode the last line."""
        text, self._held = self._held, b""
        return binascii.a2b_qp(text)


Decoder = Base64Decoder | QuotedPrintableDecoder
DECODERS: Final[dict[str, Callable[[], Decoder] | None]] = {
    "": None,
    "binary": None,
    "7bit": None,
    "8bit": None,
    "base64": Base64Decoder,
    "quoted-printable": QuotedPrintableDecoder,
}
