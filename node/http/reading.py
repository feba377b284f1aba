"""From a stream of bytes to a message and its documents: packaging, spooling, laziness.

The root part becomes the `Message` first, so that the caller is judged before document bytes are kept; the other
parts are read only as far as somebody iterates over them. The same reader serves requests and answers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, Protocol

from node.soap import names
from node.soap.faults import SoapFault, sender, too_large
from node.soap.inline import InlineData, InlineEnd, InlineStart, RootReader
from node.soap.leniencies import Leniency
from node.soap.limits import REQUEST, MimeLimits, XmlLimits
from node.soap.message import Message, read_envelope
from node.soap.mime import MediaType, PartHeaders
from node.soap.mtom import Event, MultipartReader, PartData, PartEnd, PartStart
from node.soap.xop import INLINE, canonical

NextChunk = Callable[[], Awaitable[bytes]]  # b"" at the end
ReadRoot = Callable[..., Message]
Octets = bytes | memoryview

_MIME = MimeLimits()


class SpooledPart(Protocol):
    """Bytes kept aside, encrypted and nameless (repository.store.spool)."""

    def write(self, chunk: Octets) -> None:
        """Append."""

    def finish(self) -> Any:  # noqa: ANN401  digests that are not used here
        """Nothing more is written."""

    def frames(self) -> Iterator[bytes]:
        """What was written."""

    def close(self) -> None:
        """Forget it."""


class PackageReader:
    """Reads one request or answer.

    Args:
        next_chunk: gives the next bytes of the body, b"" at its end.
        content_type: the HTTP header, as `read_media_type` reads it.
        spool: makes a place for bytes that must wait.
        read_root: `read_envelope` for requests, `read_answer` for answers.
    """

    # Most requests are one small envelope: what they never touch stands here once.
    _reader: MultipartReader | None = None
    _queue: deque[Event] = deque()  # noqa: RUF012  replaced before the first use
    _message: Message | None = None
    _ended = False
    _in_part = False
    _started = False
    complete = False
    """Whether the body was read to its end."""

    def __init__(
        self,
        next_chunk: NextChunk,
        content_type: MediaType,
        spool: Callable[[], SpooledPart],
        *,
        xml: XmlLimits = REQUEST,
        mime: MimeLimits | None = None,
        read_root: ReadRoot = read_envelope,
    ) -> None:
        self._next_chunk = next_chunk
        self._media_type = content_type
        self._spool = spool
        self._xml = xml
        self._mime = mime or _MIME
        self._read_root = read_root
        self._early: list[tuple[PartHeaders, SpooledPart]] = []
        self._inline: list[SpooledPart] = []
        self._leniencies: set[Leniency] = set()

    @classmethod
    def of(cls, message: Message, media_type: MediaType, spool: Callable[[], SpooledPart]) -> PackageReader:
        """The reader of a simple envelope that was read at once."""
        reader = cls(_nothing, media_type, spool)
        reader._message = message
        reader._ended = reader.complete = True
        return reader

    @property
    def mtom(self) -> bool:
        """Whether the request is announced as a package, so that its answer is one."""
        return self._media_type.name == names.MULTIPART_TYPE

    async def message(self) -> Message:
        """Read up to the end of the root part.

        Raises:
            SoapFault: what came cannot be read.
        """
        if self._message is not None:
            return self._message
        first = await self._next_chunk()
        if self.mtom and not first.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            message = await self._packaged(first)
        else:
            if self.mtom:
                self._leniencies.add(Leniency.BARE_XML_IN_MULTIPART)
            message = await self._simple(first)
        message.packaging = "mtom" if self.mtom else "soap"
        message.leniencies |= self._leniencies
        self._leniencies = message.leniencies
        if self._reader is not None:  # parts that are still to come are noted in the same place
            self._reader.leniencies = message.leniencies
        self._message = message
        return message

    async def documents(self) -> AsyncIterator[tuple[str, AsyncIterator[Octets]]]:
        """The documents as they arrive: (`id` of xds:Document, its bytes). Whatever is not taken is skipped.

        Raises:
            SoapFault: a part is missing, doubled, or cannot be read; also after the last document.
        """
        message = self._known()
        ids = {reference.content_id: reference.document_id for reference in message.documents}
        async for content_id, chunks in self.parts():
            yield ids[content_id], chunks

    async def parts(self) -> AsyncIterator[tuple[str, AsyncIterator[Octets]]]:
        """The parts that documents refer to, as they arrive: (content id, its bytes). Can be iterated once."""
        message = self._known()
        if self._started:
            return
        self._started = True
        wanted = {reference.content_id for reference in message.documents}
        seen = {canonical(message.root_content_id)} if self._reader is not None else set()
        async for content_id, chunks in self._kept(message):
            seen.add(content_id)
            yield content_id, chunks
        for headers, spooled in self._early:
            if self._is_wanted(headers, wanted, seen):
                yield headers.content_id, _frames(spooled)
        skipped = 0
        while (event := await self._next()) is not None:
            if isinstance(event, PartStart):
                self._in_part = True
                if self._is_wanted(event.headers, wanted, seen):
                    yield event.headers.content_id, self._chunks()
                skipped += await self._skip_part(self._mime.not_referenced - skipped)
        if wanted - seen:
            raise sender("a document refers to a part that is not there")
        self.complete = True

    async def finish(self) -> None:
        """Read what nobody asked for, within `MimeLimits.not_referenced`."""
        async for _, chunks in self.parts():
            async for _ in chunks:
                pass

    def close(self) -> None:
        """Release what was spooled."""
        for _, spooled in self._early:
            spooled.close()
        for spooled in self._inline:
            spooled.close()
        self._early, self._inline = [], []

    def _known(self) -> Message:
        if self._message is None:
            raise RuntimeError("the message comes before its documents")
        return self._message

    async def _simple(self, first: bytes) -> Message:
        if self._media_type.name not in (names.SOAP_TYPE, names.MULTIPART_TYPE):
            raise sender("the Content-Type is neither application/soap+xml nor multipart/related", status=415)
        chunk = await self._next_chunk() if first else b""
        if not chunk and len(first) <= self._mime.inline_from:
            self._ended = self.complete = True
            return self._read_root(first, charset=self._media_type.parameter("charset"))
        root = RootReader(self._xml, self._mime)
        self._take_inline(root, first)
        while chunk:
            self._take_inline(root, chunk)
            chunk = await self._next_chunk()
        self._ended = self.complete = True
        return self._finished(root, self._media_type, "body")

    async def _packaged(self, first: bytes) -> Message:
        self._reader = MultipartReader(self._media_type, self._mime)
        self._queue = deque()
        self._reader.leniencies = self._leniencies
        self._queue.extend(self._reader.feed(first))
        if self._media_type.parameter("type").lower() != names.XOP_TYPE:
            self._leniencies.add(Leniency.ROOT_TYPE)
        start = self._start()
        spooled = 0
        while (event := await self._next()) is not None:
            if not isinstance(event, PartStart):
                continue
            if (not start and not self._early) or (start and event.headers.content_id == start):
                if self._early:
                    self._leniencies.add(Leniency.ROOT_NOT_FIRST)
                return await self._root_part(event.headers)
            spooled += await self._spool_part(event.headers, self._mime.before_root - spooled)
        return self._root_among_early()

    def _start(self) -> str:
        start = self._media_type.parameter("start")
        if not start:
            self._leniencies.add(Leniency.START_MISSING)
        elif not start.startswith("<"):
            self._leniencies.add(Leniency.START_WITHOUT_BRACKETS)
        return canonical(start)

    async def _root_part(self, headers: PartHeaders) -> Message:
        root = RootReader(self._xml, self._mime)
        while isinstance(event := await self._next(), PartData):
            self._take_inline(root, event.data)
        if not isinstance(event, PartEnd):
            raise sender("the package ends inside its root part")
        return self._finished(root, headers.media_type, headers.content_id)

    def _root_among_early(self) -> Message:
        """`start` named no part (xds-wire 2.5): the part typed application/xop+xml, else the first."""
        self._leniencies.add(Leniency.START_UNKNOWN)
        if not self._early:
            raise sender("the package has no part")
        typed = [item for item in self._early if item[0].media_type.name == names.XOP_TYPE]
        headers, spooled = chosen = (typed or self._early)[0]
        self._early.remove(chosen)
        root = RootReader(self._xml, self._mime)
        for frame in spooled.frames():
            self._take_inline(root, frame)
        spooled.close()
        return self._finished(root, headers.media_type, headers.content_id)

    def _finished(self, root: RootReader, media_type: MediaType, content_id: str) -> Message:
        if self._reader is not None and media_type.name != names.XOP_TYPE:
            self._leniencies.add(Leniency.ROOT_TYPE)
        data = root.finish()
        charset = media_type.parameter("charset")
        message = self._read_root(data, charset=charset, placeholders=root.placeholders)
        message.root_content_id = content_id
        message.root_size = root.size
        if root.placeholders:
            message.digest = root.sha256
        return message

    def _take_inline(self, root: RootReader, chunk: Octets) -> None:
        for event in root.feed(bytes(chunk)):
            if isinstance(event, InlineStart):
                self._inline.append(self._spool())
            elif isinstance(event, InlineData):
                self._inline[-1].write(event.data)
            elif isinstance(event, InlineEnd):
                self._inline[-1].finish()

    async def _spool_part(self, headers: PartHeaders, left: int) -> int:
        spooled = self._spool()
        self._early.append((headers, spooled))
        size = 0
        while isinstance(event := await self._next(), PartData):
            size += len(event.data)
            if size > left:
                raise too_large("too many bytes stand before the root part")
            spooled.write(event.data)
        spooled.finish()
        return size

    async def _kept(self, message: Message) -> AsyncIterator[tuple[str, AsyncIterator[Octets]]]:
        """Documents that stood in the envelope."""
        large = {INLINE.format(number): spooled for number, spooled in enumerate(self._inline)}
        for reference in message.documents:
            if reference.inline is not None:
                yield reference.content_id, _pieces([reference.inline])
            elif reference.content_id in large:
                yield reference.content_id, _frames(large[reference.content_id])

    def _is_wanted(self, headers: PartHeaders, wanted: set[str], seen: set[str]) -> bool:
        content_id = headers.content_id
        if content_id and content_id in seen:
            raise sender("two parts have the same Content-ID")
        seen.add(content_id)
        if content_id in wanted:
            return True
        self._leniencies.add(Leniency.PART_NOT_REFERENCED)
        return False

    async def _chunks(self) -> AsyncIterator[Octets]:
        """The bytes of the current part."""
        while self._in_part:
            event = await self._next()
            if isinstance(event, PartData):
                yield event.data
            else:
                self._in_part = False

    async def _skip_part(self, left: int) -> int:
        """Read the rest of the current part and drop it."""
        size = 0
        while self._in_part:
            event = await self._next()
            if isinstance(event, PartData):
                size += len(event.data)
                if size > left:
                    raise too_large("too many bytes in parts that nothing refers to")
            else:
                self._in_part = False
        return size

    async def _next(self) -> Event | None:
        while not self._queue:
            if self._ended or self._reader is None:
                return None
            chunk = await self._next_chunk()
            if chunk:
                self._queue.extend(self._reader.feed(chunk))
            else:
                self._ended = True
                self._reader.finish()
        return self._queue.popleft()


async def _nothing() -> bytes:
    return b""


async def _pieces(pieces: Sequence[bytes]) -> AsyncIterator[Octets]:
    for piece in pieces:
        yield piece


async def _frames(spooled: SpooledPart) -> AsyncIterator[Octets]:
    for frame in spooled.frames():
        yield frame


__all__ = ["NextChunk", "PackageReader", "SoapFault", "SpooledPart"]
