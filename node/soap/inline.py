"""Large base64 documents taken out of the root part while it arrives (threats M13).

A sender may put documents into the envelope. What is base64 and longer than `SHORTEST` between `>` and `<` leaves the
stream here, decoded, and a placeholder stays; after parsing, `node.soap.xop` accepts placeholders in xds:Document
only. So this scanner needs to know nothing of XML, and the tree stays small.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from node.soap.faults import sender, too_large
from node.soap.limits import MimeLimits, XmlLimits
from node.soap.mime import Base64Decoder

if TYPE_CHECKING:
    from hashlib import _Hash as HASH

SHORTEST: Final = 64 * 1024
_RUN = re.compile(rb">[A-Za-z0-9+/=\s]{%d}" % SHORTEST)
_OTHER = re.compile(rb"[^A-Za-z0-9+/=\s]")
_PLACEHOLDER: Final = "*inline-{}*"  # cannot be base64


@dataclass(frozen=True, slots=True)
class InlineStart:
    """A document begins; `number` counts from 0."""

    number: int


@dataclass(frozen=True, slots=True)
class InlineData:
    """Decoded bytes of the current document."""

    data: bytes


@dataclass(frozen=True, slots=True)
class InlineEnd:
    """The current document is complete."""


InlineEvent = InlineStart | InlineData | InlineEnd
_INLINE_END: Final = InlineEnd()


class RootReader:
    """Collects the root part. After `finish`: `size` and `sha256` of what arrived, `placeholders` of what left it."""

    __slots__ = ("_decoded", "_decoder", "_digest", "_kept", "_limits", "_mime", "_pending", "placeholders", "size")

    def __init__(self, limits: XmlLimits, mime: MimeLimits) -> None:
        self._limits = limits
        self._mime = mime
        self._kept: list[bytes] = []
        self._pending = b""  # may hold the beginning of a document
        self._decoder: Base64Decoder | None = None
        self._decoded = 0
        self._digest: HASH | None = None
        self.placeholders: list[str] = []
        self.size = 0

    def feed(self, data: bytes) -> Iterator[InlineEvent]:
        """Take the next bytes; yield what they hold of documents.

        Raises:
            SoapFault: more than the envelope may have, or more documents than may stand in it.
        """
        before, self.size = self.size, self.size + len(data)
        if self.size <= self._mime.inline_from:
            self._kept.append(data)
            return
        if before <= self._mime.inline_from:
            data = b"".join((*self._kept, data))
            self._kept = []
            self._digest = sha256()
        if self._digest is not None:
            self._digest.update(data)
        yield from self._search(data)
        if self._size_kept() > self._limits.size:
            raise too_large(
                f"the envelope is larger than {self._limits.size} bytes; send documents as parts (MTOM/XOP)"
            )

    def finish(self) -> bytes:
        """The root part with placeholders in the place of large documents.

        Raises:
            SoapFault: it ends inside a document.
        """
        if self._decoder is not None:
            raise sender("the message ends inside a document")
        return b"".join((*self._kept, self._pending))

    @property
    def sha256(self) -> bytes:
        """SHA-256 of the root part as it arrived; b"" while it is small enough to be hashed as a whole."""
        return self._digest.digest() if self._digest is not None else b""

    def _search(self, data: bytes) -> Iterator[InlineEvent]:
        if self._decoder is None:
            data, self._pending = self._pending + data, b""
        while data:
            if self._decoder is not None:
                other = _OTHER.search(data)
                end = other.start() if other else len(data)
                yield from self._take(data[:end])
                data = data[end:]
                if other:
                    yield from self._close(data)
                continue
            found = _RUN.search(data)
            if found is None:
                self._keep(data)
                return
            self._kept.append(data[: found.start() + 1])
            data = data[found.start() + 1 :]
            yield self._open()

    def _keep(self, data: bytes) -> None:
        """Keep what is not part of a document for sure; the last text may still become one."""
        last = data.rfind(b">")
        if last >= 0 and len(data) - last <= SHORTEST and not _OTHER.search(data, last + 1):
            self._kept.append(data[:last])
            self._pending = data[last:]
        else:
            self._kept.append(data)

    def _open(self) -> InlineStart:
        number = len(self.placeholders)
        self.placeholders.append(_PLACEHOLDER.format(number))
        self._kept.append(self.placeholders[-1].encode("ascii"))
        self._decoder = Base64Decoder()
        return InlineStart(number)

    def _take(self, text: bytes) -> Iterator[InlineEvent]:
        assert self._decoder is not None  # noqa: S101
        data = self._decoder.feed(text)
        self._decoded += len(data)
        if self._decoded > self._mime.inline:
            raise too_large(
                f"documents of more than {self._mime.inline} bytes stand in the envelope; send them as parts (MTOM/XOP)"
            )
        if data:
            yield InlineData(data)

    def _close(self, rest: bytes) -> Iterator[InlineEvent]:
        assert self._decoder is not None  # noqa: S101
        if not rest.startswith(b"<"):
            raise sender("a document inside the envelope is not base64")
        self._decoder.finish()
        self._decoder = None
        yield _INLINE_END

    def _size_kept(self) -> int:
        return sum(map(len, self._kept)) + len(self._pending)
