"""multipart/related packages, incremental: bytes in, events out; and the writer of the same (ITI TF-2: V.8, RFC 2046).

Sans IO: `feed` what arrived, handle the events, call `finish` at the end. Part bytes pass through unchanged: the line
break before a boundary belongs to the boundary, nothing else is stripped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from node.soap import names
from node.soap.faults import sender, too_large
from node.soap.leniencies import Leniency
from node.soap.limits import MimeLimits
from node.soap.mime import DECODERS, Decoder, MediaType, PartHeaders, boundary_of, read_part_headers

_END_OF_HEADERS = re.compile(rb"\n\r?\n")
_AFTER_BOUNDARY = re.compile(rb"[ \t]{0,256}(\r?)\n")
_FIELD = re.compile(r"[ -~]{1,255}")
_CONTENT_ID = re.compile(r"[!-;=?-~]{1,255}")


@dataclass(frozen=True, slots=True)
class PartStart:
    """A part begins."""

    headers: PartHeaders


@dataclass(frozen=True, slots=True)
class PartData:
    """Some bytes of the current part, decoded; never empty. A view of what was fed where nothing had to be changed."""

    data: bytes | memoryview


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The current part is complete."""


@dataclass(frozen=True, slots=True)
class End:
    """The package is complete: the closing boundary was seen."""


Event = PartStart | PartData | PartEnd | End
_PART_END: Final = PartEnd()
_END: Final = End()


class _State(Enum):
    PREAMBLE = auto()
    HEADERS = auto()
    BODY = auto()
    EPILOGUE = auto()


class MultipartReader:
    """Reads one package. `leniencies` collects what was tolerated."""

    __slots__ = ("_buffer", "_decoder", "_delimiter", "_limits", "_parts", "_skipped", "_state", "leniencies")

    def __init__(self, media_type: MediaType, limits: MimeLimits) -> None:
        self._delimiter = b"\n--" + boundary_of(media_type)
        self._limits = limits
        # The first boundary may stand at the very beginning: a line break is put before it.
        self._buffer = b"\r\n"
        self._state = _State.PREAMBLE
        self._skipped = 0
        self._parts = 0
        self._decoder: Decoder | None = None
        self.leniencies: set[Leniency] = set()

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take the next bytes and yield what they complete. Exhaust the iterator before feeding again.

        Raises:
            SoapFault: a limit is exceeded or the package cannot be read.
        """
        if self._state is _State.EPILOGUE:
            self._skip(data)
            return
        if self._state is _State.BODY and self._decoder is None and self._is_inside(data):
            yield from self._passed(data)
            return
        buffer = self._buffer + data
        while True:
            if self._state is _State.HEADERS:
                read = self._read_headers(buffer)
                if read is None:
                    return
                buffer, start = read
                yield start
            body, buffer, closing = self._to_boundary(buffer)
            yield from self._take(body)
            if closing is None:
                self._buffer = buffer
                return
            if self._state is _State.BODY:
                yield from self._end_part()
            if closing:
                self._end_package(buffer)
                yield _END
                return
            self._begin_part()

    def finish(self) -> None:
        """Nothing more arrives.

        Raises:
            SoapFault: the closing boundary is missing, so that the last part may be cut.
        """
        if self._state is not _State.EPILOGUE:
            raise sender("the package ends before its closing boundary")

    def _is_inside(self, data: bytes) -> bool:
        """Whether no boundary begins in what was held back or in `data`, but perhaps at its very end."""
        length = len(self._delimiter)
        return (
            len(self._buffer) <= length < len(data)
            and data.find(self._delimiter) < 0
            and (self._buffer + data[:length]).find(self._delimiter) < 0
        )

    def _passed(self, data: bytes) -> Iterator[Event]:
        """The middle of a large part goes on as it came: most bytes of a document are never copied here."""
        if self._buffer:
            yield PartData(self._buffer)
        keep = len(data) - len(self._delimiter)
        self._buffer = data[keep:]
        yield PartData(memoryview(data)[:keep])

    def _take(self, body: bytes) -> Iterator[Event]:
        if self._state is not _State.BODY:
            self._skip(body)
            return
        if self._decoder is not None and body:
            body = self._decoder.feed(body)
        if body:
            yield PartData(body)

    def _end_package(self, rest: bytes) -> None:
        self._state = _State.EPILOGUE
        self._buffer = b""
        self._skipped = 0
        self._skip(rest)

    def _to_boundary(self, buffer: bytes) -> tuple[bytes, bytes, bool | None]:
        """Split `buffer` at the next boundary: (before, after, closing); closing is None when there is none yet."""
        position = 0
        while True:
            found = buffer.find(self._delimiter, position)
            if found < 0:
                # What may be the beginning of a boundary stays back, with the CR before it.
                keep = max(0, len(buffer) - len(self._delimiter))
                return buffer[:keep], buffer[keep:], None
            after = found + len(self._delimiter)
            start = found - 1 if found and buffer[found - 1] == 0x0D else found
            if buffer.startswith(b"--", after):
                return buffer[:start], buffer[after + 2 :], True
            line = _AFTER_BOUNDARY.match(buffer, after)
            if line:
                if not line[1]:
                    self.leniencies.add(Leniency.LINE_FEED_ONLY)
                return buffer[:start], buffer[line.end() :], False
            if len(buffer) - after <= 258 and _may_become_a_line(buffer[after:]):
                return buffer[:start], buffer[start:], None
            position = after  # text that only begins like a boundary belongs to the part

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > self._limits.parts:
            raise too_large(f"the package has more than {self._limits.parts} parts")
        self._state = _State.HEADERS

    def _read_headers(self, buffer: bytes) -> tuple[bytes, PartStart] | None:
        """Headers and what follows them, None when they are not complete."""
        # The line break that ended the boundary line makes empty headers look like any other.
        found = _END_OF_HEADERS.search(b"\n" + buffer[: self._limits.part_headers + 4])
        if found is None:
            if len(buffer) > self._limits.part_headers:
                raise sender("the headers of a part are too long", status=431)
            self._buffer = buffer
            return None
        end = found.end() - 1
        rest = buffer[end:]
        dashes = self._delimiter[1:]
        if rest.startswith(dashes):
            # A part without content: the blank line is at once the line break of the boundary (RFC 2046: 5.1.1).
            rest = b"\n" + rest
        elif dashes.startswith(rest):
            self._buffer = buffer
            return None
        headers = read_part_headers(buffer[:end], self._limits, self.leniencies)
        make = DECODERS[headers.encoding]
        self._decoder = make() if make else None
        self._state = _State.BODY
        return rest, PartStart(headers)

    def _end_part(self) -> Iterator[Event]:
        if self._decoder is not None:
            rest = self._decoder.finish()
            self._decoder = None
            if rest:
                yield PartData(rest)
        yield _PART_END

    def _skip(self, data: bytes) -> None:
        if not data:
            return
        if data.strip(b"\r\n"):
            self.leniencies.add(Leniency.TEXT_AROUND_PARTS)
        self._skipped += len(data)
        if self._skipped > self._limits.around:
            raise too_large("too much text before the first or after the last boundary")


def _may_become_a_line(rest: bytes) -> bool:
    """Whether what follows a boundary so far may still become the end of its line."""
    return rest == b"-" or rest.strip(b" \t") in (b"", b"\r")


class MtomWriter:
    """Writes one package: `root`, then for each document `part` and its bytes, then `tail`.

    Args:
        boundary: characters `[A-Za-z0-9._-]`, at most 70, that do not occur in the documents (a random one).
        root_id: content id of the root part, without brackets.
    """

    __slots__ = ("_boundary", "_root_id")

    def __init__(self, boundary: str, root_id: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,70}", boundary):
            raise ValueError("boundary")
        self._boundary = boundary.encode("ascii")
        self._root_id = _content_id(root_id)

    @property
    def content_type(self) -> str:
        """Value of the HTTP header Content-Type."""
        return (
            f'{names.MULTIPART_TYPE}; boundary="{self._boundary.decode()}"; type="{names.XOP_TYPE}"; '
            f'start="<{self._root_id}>"; start-info="{names.SOAP_TYPE}"'
        )

    def root(self, envelope: bytes) -> bytes:
        """The first part: boundary, headers and the envelope."""
        head = (
            f'\r\nContent-Type: {names.XOP_TYPE}; charset=UTF-8; type="{names.SOAP_TYPE}"\r\n'
            f"Content-Transfer-Encoding: binary\r\nContent-ID: <{self._root_id}>\r\n\r\n"
        )
        return b"".join((b"--", self._boundary, head.encode("ascii"), envelope))

    def part(self, content_id: str, mime_type: str) -> bytes:
        """Boundary and headers of the next part; its bytes follow as they are.

        Raises:
            ValueError: the content id cannot stand in a header.
        """
        shown = mime_type if _FIELD.fullmatch(mime_type) and "/" in mime_type else "application/octet-stream"
        head = (
            f"\r\nContent-Type: {shown}\r\nContent-Transfer-Encoding: binary\r\n"
            f"Content-ID: <{_content_id(content_id)}>\r\n\r\n"
        )
        return b"".join((b"\r\n--", self._boundary, head.encode("ascii")))

    def tail(self) -> bytes:
        """The closing boundary."""
        return b"\r\n--" + self._boundary + b"--\r\n"


def _content_id(content_id: str) -> str:
    if not _CONTENT_ID.fullmatch(content_id):
        raise ValueError("content id")
    return content_id
