"""Answers on the wire: head and body in one write, documents streamed after the envelope.

No header can carry a line break (threats I8). Never FileResponse: under TLS it is five times slower (performance 1.2).
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from http import HTTPStatus
from typing import Final, Protocol, cast, runtime_checkable

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time

from node.http.connection import Connection
from node.http.overriding import override
from node.soap.mtom import MtomWriter

log = logging.getLogger("node.http")

SOAP_CONTENT: Final = "application/soap+xml; charset=UTF-8"
BLOCK: Final = 256 * 1024
_YIELD_EVERY: Final = 1024 * 1024
_VALUE = re.compile(r"[ -~]{0,4096}")
_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}


@runtime_checkable
class OutgoingDocument(Protocol):
    """One document of an answer. `size` (bytes) may be None when it is not known before."""

    @property
    def content_id(self) -> str:
        """Content id without brackets."""

    @property
    def mime_type(self) -> str:
        """Media type of the metadata."""

    @property
    def size(self) -> int | None:
        """Number of bytes."""

    @property
    def frames(self) -> Iterator[bytes] | AsyncIterator[bytes]:
        """The bytes, in pieces of 64 KiB to 1 MiB."""


def header(name: str, value: str) -> str:
    """One header line.

    Raises:
        ValueError: name or value could end the line or is not ASCII.
    """
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise ValueError(f"header {name!r} cannot be written")
    return f"{name}: {value}\r\n"


def _content_type(value: str) -> str:
    return header("Content-Type", value) if value else ""


_SOAP_LINE: Final = _content_type(SOAP_CONTENT)


class Reply(web.StreamResponse):
    """A complete answer. aiohttp sees it as its own response; the head is written without its header objects."""

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        *,
        content_type: str = "",
        headers: Sequence[tuple[str, str]] = (),
        close: bool = False,
        cache: str = "no-store",
    ) -> None:
        # aiohttp's constructor is not called: it prepares header maps that nobody reads here.
        self._status = status
        self._content = body
        self._closing = close
        self._cache = cache
        self._extra = _SOAP_LINE if content_type is SOAP_CONTENT else _content_type(content_type)
        for name, value in headers:
            self._extra += header(name, value)

    @property
    @override
    def status(self) -> int:
        """HTTP status."""
        return self._status

    @override
    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Remember the request; nothing is written yet."""
        self._req = request
        if self._closing:
            self._keep_alive = False
        elif self._keep_alive is None:
            self._keep_alive = request.keep_alive and request.version >= (1, 1)
        return None

    @override
    async def write_eof(self, data: bytes = b"") -> None:
        """Write head and body."""
        request = cast(web.BaseRequest, self._req)
        head = self._head(f"Content-Length: {len(self._content)}\r\n")
        _write(request, (head, self._content) if request.method != "HEAD" else (head,))
        await request.writer.drain()

    def _head(self, length: str) -> bytes:
        closing = "" if self._keep_alive else "Connection: close\r\n"
        return (
            f"{_LINES[self._status]}Date: {rfc822_formatted_time()}\r\n{self._extra}{length}{closing}"
            f"Cache-Control: {self._cache}\r\n\r\n"
        ).encode("ascii")


class PackageReply(Reply):
    """An MTOM answer: the envelope, then the documents as they are read from their store."""

    def __init__(
        self,
        status: int,
        envelope: bytes,
        documents: Sequence[OutgoingDocument],
        writer: MtomWriter,
        *,
        headers: Sequence[tuple[str, str]] = (),
        close: bool = False,
    ) -> None:
        super().__init__(status, content_type=writer.content_type, headers=headers, close=close)
        self._root = writer.root(envelope)
        self._tail = writer.tail()
        self._documents = [(document, writer.part(document.content_id, document.mime_type)) for document in documents]

    @override
    async def write_eof(self, data: bytes = b"") -> None:
        """Write the package.

        A document that fails while it is read ends the connection, so that nobody takes the part for the whole.
        """
        request = cast(web.BaseRequest, self._req)
        length = self._length()
        chunked = length is None and request.version >= (1, 1)
        if length is None and not chunked:
            self._keep_alive = False
        line = (
            "Transfer-Encoding: chunked\r\n" if chunked else "" if length is None else f"Content-Length: {length}\r\n"
        )
        out = _Blocks(request, chunked=chunked)
        out.head(self._head(line))
        await out.add(self._root)
        await _sent(request, self._stream_all(out))
        await out.add(self._tail)
        await out.finish()

    async def _stream_all(self, out: _Blocks) -> None:
        for document, part in self._documents:
            await out.add(part)
            await _stream(out, document)

    def _length(self) -> int | None:
        total = len(self._root) + len(self._tail)
        for document, part in self._documents:
            if document.size is None:
                return None
            total += len(part) + document.size
        return total


class StreamReply(Reply):
    """An answer whose body is read while it is sent: a file, a long list. `document` is taken once.

    With `live` each frame leaves at once instead of waiting for a full block.
    """

    def __init__(
        self,
        status: int,
        document: OutgoingDocument,
        *,
        headers: Sequence[tuple[str, str]] = (),
        close: bool = False,
        cache: str = "no-store",
        live: bool = False,
    ) -> None:
        super().__init__(status, content_type=document.mime_type, headers=headers, close=close, cache=cache)
        self._document = document
        self._live = live

    @override
    async def write_eof(self, data: bytes = b"") -> None:
        """Write head and body; a body that fails on its way ends the connection."""
        request = cast(web.BaseRequest, self._req)
        size = self._document.size
        chunked = size is None and request.version >= (1, 1)
        if size is None and not chunked:
            self._keep_alive = False
        line = "Transfer-Encoding: chunked\r\n" if chunked else "" if size is None else f"Content-Length: {size}\r\n"
        out = _Blocks(request, chunked=chunked, block=1 if self._live else BLOCK)
        out.head(self._head(line))
        if request.method == "HEAD":
            await out.nothing()
            return
        await _sent(request, _stream(out, self._document))
        await out.finish()


async def _sent(request: web.BaseRequest, sending: Awaitable[None]) -> None:
    """Send; when the source fails the connection ends, so that nobody takes the part for the whole."""
    try:
        await sending
    except (ConnectionError, asyncio.CancelledError):
        raise
    except Exception as error:
        log.exception("a document failed while it was sent")
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the document cannot be read") from error


async def _stream(out: _Blocks, document: OutgoingDocument) -> None:
    frames = document.frames
    size = 0
    if isinstance(frames, AsyncIterator):
        async for frame in frames:
            size += len(frame)
            await out.add(frame)
    else:
        for frame in frames:
            size += len(frame)
            await out.add(frame)
    if document.size is not None and size != document.size:
        raise ValueError("the document has another size than announced")


class _Blocks:
    """Gathers small pieces into blocks and lets the peer's pace hold us back."""

    __slots__ = ("_block", "_chunked", "_gathered", "_request", "_since_yield", "_size", "_start")

    def __init__(self, request: web.BaseRequest, *, chunked: bool, block: int = BLOCK) -> None:
        self._request = request
        self._chunked = chunked
        self._block = block
        self._start = b""
        self._gathered: list[bytes] = []
        self._size = 0
        self._since_yield = 0

    def head(self, head: bytes) -> None:
        """The HTTP head; it leaves with the first block."""
        self._start = head

    async def add(self, piece: bytes) -> None:
        """Add a piece."""
        self._gathered.append(piece)
        self._size += len(piece)
        if self._size >= self._block:
            await self._flush()

    async def nothing(self) -> None:
        """Write the head alone."""
        _write(self._request, (self._start,))
        await self._request.writer.drain()

    async def finish(self) -> None:
        """Write what is left."""
        await self._flush(last=True)

    async def _flush(self, *, last: bool = False) -> None:
        pieces, size = self._gathered, self._size
        self._gathered, self._size = [], 0
        if self._chunked and size:
            pieces = [f"{size:x}\r\n".encode("ascii"), *pieces, b"\r\n"]
        if self._chunked and last:
            pieces.append(b"0\r\n\r\n")
        if self._start:
            pieces.insert(0, self._start)
            self._start = b""
        if pieces:
            _write(self._request, pieces)
        await self._request.writer.drain()
        self._since_yield += size
        if self._since_yield >= _YIELD_EVERY:
            # A fast peer never makes us wait; others must get their turn all the same.
            self._since_yield = 0
            await asyncio.sleep(0)


def _write(request: web.BaseRequest, pieces: Sequence[bytes]) -> None:
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the connection is closed")
    # TLS takes the pieces as they are and sends once; plain TCP joins them first.
    transport.writelines(pieces)
    protocol = request.protocol
    if isinstance(protocol, Connection):
        protocol.written += sum(map(len, pieces))
