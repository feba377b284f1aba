"""Send one SOAP message to one community over mutual TLS and read what comes back, within bounds.

Connections are pooled; each community is spoken to with a TLS context of its own, which trusts exactly what was
recorded for it, so that nothing leaves before the other side has proved who it is. Redirects are never followed.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from hashlib import sha256
from typing import Final

import aiohttp

from node.federation.calls import Call, Pushed
from node.federation.peer_answer import Fetched, PeerAnswer, PeerFault, checked, complete, judge_taken
from node.federation.resolver import ForbiddenAddress, GuardedResolver
from node.hl7v3.wrapper import BadMessage
from node.outcome_words import Word
from node.soap.faults import SoapFault
from node.soap.leniencies import Leniency
from node.soap.limits import ANSWER, MimeLimits
from node.soap.message import Message, read_answer
from node.soap.mime import MediaType, PartHeaders, plain_media_type, read_media_type
from node.soap.mtom import MtomWriter, MultipartReader, PartData, PartEnd, PartStart
from node.soap.names import SOAP_TYPE, XOP_TYPE
from node.soap.xop import canonical
from repository.store.spool import Spool, SpooledPart
from trust.addresses import host_of
from trust.communities import Community
from trust.errors import BadCertificate
from trust.ledger.receipt import HEADER, to_header
from trust.ledger.record import payload_digest

__all__ = ["UNREACHED", "Fetched", "PeerAnswer", "PeerClient", "PeerFault"]

UNREACHED: Final = "cannot be reached"  # nothing was sent

_CHUNK: Final = 256 * 1024
_ROOT: Final = "root@xdsnode"
_ENVELOPES: Final = frozenset({XOP_TYPE, SOAP_TYPE, "text/xml", "application/xml"})
_TAKEN: Final = (200, 202, 204)  # a one-way message
_NOTHING: Final = payload_digest([("body", 0, sha256(b"").digest())])


class PeerClient:
    """Calls other communities. One for the whole node: it owns the pooled connections."""

    def __init__(
        self,
        context: Callable[[Community], ssl.SSLContext],
        spool: Spool,
        limits: MimeLimits,
        resolver: Callable[[], GuardedResolver],
        barred: Callable[[str], str] = lambda _home: "",
    ) -> None:
        """`resolver` is called once the event loop runs."""
        self._context = context
        self._barred = barred  # why a community is not asked, "" where nothing speaks against it
        self._spool = spool
        self._limits = limits
        self._new_resolver = resolver
        self._resolver: GuardedResolver | None = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the pool. No proxy settings, cookies or redirects of any environment apply."""
        self._resolver = self._new_resolver()
        connector = aiohttp.TCPConnector(
            limit=0, limit_per_host=64, keepalive_timeout=75, ttl_dns_cache=60, resolver=self._resolver
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),  # the gateway's deadline rules
            auto_decompress=False,
            trust_env=False,
            read_bufsize=_CHUNK,
            skip_auto_headers=("Accept-Encoding",),
            max_line_size=8190,
            max_field_size=8190,
        )

    async def stop(self) -> None:
        """Close every connection."""
        if self._session:
            await self._session.close()
        if self._resolver:
            await self._resolver.close()

    async def send(
        self, call: Call, receipt: bytes, progress: Callable[[int], None] = lambda _: None
    ) -> PeerAnswer | None:
        """Send a request and read its answer; None where the question was taken and its answer comes later.

        Args:
            call: what is asked.
            receipt: that this is on record here; b"" for a community that has no use for it.
            progress: is told how many octets of documents came so far.

        Raises:
            PeerFault: not reachable, refused, or an answer that is not what the transaction allows.
        """
        assert self._session is not None  # noqa: S101  start() comes first
        assert self._resolver is not None  # noqa: S101
        if why := self._barred(call.community.home):
            raise PeerFault(why, word=Word.NOT_ASKED)
        payload, content_type = _packaged(call)
        headers = {"Content-Type": content_type}
        if receipt:
            headers[HEADER] = to_header(receipt)
        try:
            self._resolver.check_literal(call.host)
            async with self._session.post(
                call.url,
                data=payload,
                headers=headers,
                ssl=self._context(call.community),
                allow_redirects=False,
            ) as response:
                return await self._read(call, response, progress)
        except aiohttp.ClientSSLError as error:
            what = "is not who it should be, or does not accept our certificate"
            raise PeerFault(what, _kind(error), word=Word.CERTIFICATE) from None
        except aiohttp.ClientConnectorError as error:
            raise PeerFault(UNREACHED, _kind(error.os_error), word=Word.UNREACHABLE) from None
        except ForbiddenAddress as error:
            raise PeerFault(UNREACHED, _kind(error), word=Word.UNREACHABLE) from None
        except (aiohttp.ClientConnectionError, OSError, EOFError) as error:
            raise PeerFault("broke off", _kind(error), word=Word.UNREACHABLE) from None
        except aiohttp.ClientError as error:  # HTTP that is none
            raise PeerFault("broke off", _kind(error)) from None
        except (SoapFault, BadMessage, ValueError) as error:
            raise PeerFault("answered what cannot be read", str(error)[:120]) from None

    async def plain(
        self,
        community: Community,
        method: str,
        url: str,
        body: bytes | AsyncIterator[bytes] = b"",
        *,
        content_type: str = "text/plain; charset=utf-8",
        most: int,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, str, bytes]:
        """A plain HTTP request: status, Content-Type and the body of the answer, at most `most` bytes.

        Raises:
            PeerFault: not reachable, or an answer that is larger.
        """
        assert self._session is not None  # noqa: S101  start() comes first
        assert self._resolver is not None  # noqa: S101
        headers = {**(headers or {}), **({"Content-Type": content_type} if body else {})}
        try:
            context = self._context(community)
            self._resolver.check_literal(host_of(url))
            async with self._session.request(
                method, url, data=body or None, headers=headers, ssl=context, allow_redirects=False
            ) as response:
                found = bytearray()
                async for chunk in response.content.iter_chunked(_CHUNK):
                    found += chunk
                    _bounded(len(found), most)
                return response.status, response.headers.get("Content-Type", ""), bytes(found)
        except BadCertificate as error:
            raise PeerFault("cannot be asked without a certificate of this node", str(error)) from None
        except (aiohttp.ClientError, OSError, EOFError, ValueError) as error:
            raise PeerFault("cannot be asked", _kind(error)) from None

    async def _read(
        self, call: Call, response: aiohttp.ClientResponse, progress: Callable[[int], None]
    ) -> PeerAnswer | None:
        if not call.response_root and response.status in _TAKEN:
            return PeerAnswer(message=None, digest=_NOTHING, audit_proof=response.headers.get(HEADER, ""))
        if response.status == 202 and call.reply_to and not call.taken:
            return None
        if response.status not in (200, 400, 403, 500, 503):
            raise PeerFault(f"answered HTTP status {response.status}", word=_word_of(response.status))
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise PeerFault("compressed its answer although that was not asked for")
        content_type = response.headers.get("Content-Type", "")
        media_type = read_media_type(content_type) if call.mtom else plain_media_type(content_type)
        if media_type.name.startswith("multipart/"):
            answer = await self._read_package(media_type, response, progress)
        elif media_type.name in ("application/soap+xml", "text/xml", "application/xml"):
            answer = await self._read_plain(call, media_type, response)
        else:
            what = f"answered no SOAP under HTTP status {response.status}"
            raise PeerFault(what, media_type.name, word=_word_of(response.status))
        answer.audit_proof = response.headers.get(HEADER, "")
        if call.taken and answer.body.tag == call.taken:
            judge_taken(answer)
            return None
        return checked(call, answer)

    async def _read_plain(self, call: Call, media_type: MediaType, response: aiohttp.ClientResponse) -> PeerAnswer:
        root = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            root += chunk
            _bounded(len(root), ANSWER.size)
        message = read_answer(bytes(root), charset=media_type.parameter("charset"))
        if media_type.name != "application/soap+xml":
            message.leniencies.add(Leniency.ROOT_TYPE)
        if call.mtom:
            message.leniencies.add(Leniency.PLAIN_ANSWER)
        return self._answer(message, "body", {})

    async def _read_package(
        self, media_type: MediaType, response: aiohttp.ClientResponse, progress: Callable[[int], None]
    ) -> PeerAnswer:
        parts = _Parts(self._spool, progress, media_type)
        try:
            reader = MultipartReader(media_type, self._limits)
            await parts.read(reader, response.content, self._limits.total)
            message = read_answer(bytes(parts.root))
            message.leniencies |= reader.leniencies | parts.leniencies
        except BaseException:
            parts.close()
            raise
        return self._answer(message, parts.root_id or _ROOT, parts.documents)

    def _answer(self, message: Message, root_id: str, documents: dict[str, Fetched]) -> PeerAnswer:
        parts = [(root_id, message.root_size, message.root_sha256)]
        parts += [(name, document.size, document.sha256) for name, document in documents.items()]
        for reference in message.documents:
            if reference.inline is not None:  # it stood in the envelope, so it is part of the digest already
                part = self._spool.create()
                part.write(reference.inline)
                documents[reference.content_id] = complete(part)
        return PeerAnswer(message=message, digest=payload_digest(parts), documents=documents)


class _Parts:
    """The parts of one package: one is the root, every other one is spooled. `leniencies`: what the root is like.

    The root is the part that `start` names; the first one where it names none, or where the first one is the envelope
    by its type (samples of the framework have a `start` that no part has).
    """

    def __init__(self, spool: Spool, progress: Callable[[int], None], media_type: MediaType) -> None:
        self._spool = spool
        start = media_type.parameter("start")
        self._start = canonical(start)
        self.leniencies: set[Leniency] = set()
        if not start:
            self.leniencies.add(Leniency.START_MISSING)
        elif not start.startswith("<"):
            self.leniencies.add(Leniency.START_WITHOUT_BRACKETS)
        if media_type.parameter("type").lower() != XOP_TYPE:
            self.leniencies.add(Leniency.ROOT_TYPE)
        self._progress = progress
        self._spooled = 0
        self.root = bytearray()
        self.root_id: str | None = None
        self.documents: dict[str, Fetched] = {}
        self._current: tuple[str, SpooledPart] | None = None

    async def read(self, reader: MultipartReader, content: aiohttp.StreamReader, most: int) -> None:
        """Take the whole package."""
        total = 0
        async for chunk in content.iter_any():
            total += len(chunk)
            _bounded(total, most)
            for event in reader.feed(chunk):
                if isinstance(event, PartStart):
                    self._begin(event)
                elif isinstance(event, PartData):
                    self._take(event.data)
                elif isinstance(event, PartEnd) and self._current:
                    name, part = self._current
                    self.documents[name] = complete(part)
                    self._current = None
        reader.finish()

    def _begin(self, start: PartStart) -> None:
        content_id = start.headers.content_id
        if self.root_id is None and self._is_root(start.headers):
            self.root_id = content_id or _ROOT
            return
        if content_id in self.documents:
            raise PeerFault("answered two parts with one Content-ID")
        self._current = (content_id, self._spool.create())

    def _is_root(self, headers: PartHeaders) -> bool:
        named = headers.content_id == self._start
        if self._start and not named:
            if headers.media_type.name not in (_ENVELOPES if not self.documents else {XOP_TYPE}):
                return False
            self.leniencies.add(Leniency.START_UNKNOWN)
        if self.documents:
            self.leniencies.add(Leniency.ROOT_NOT_FIRST)
        if headers.media_type.name != XOP_TYPE:
            self.leniencies.add(Leniency.ROOT_TYPE)
        return True

    def _take(self, data: bytes | memoryview) -> None:
        if self._current is not None:
            self._current[1].write(data)
            self._spooled += len(data)
            self._progress(self._spooled)
            return
        self.root += data
        _bounded(len(self.root), ANSWER.size)

    def close(self) -> None:
        """Give up what was spooled."""
        for document in self.documents.values():
            document.part.close()
        if self._current:
            self._current[1].close()


def _packaged(call: Call) -> tuple[bytes | AsyncIterator[bytes], str]:
    if call.pushed is not None:
        writer = MtomWriter(_boundary(call), call.root_content_id)
        return _with_documents(writer, call, call.pushed), writer.content_type
    if not call.mtom:
        return call.envelope, "application/soap+xml; charset=UTF-8"
    boundary = _boundary(call)
    head = (
        f'--{boundary}\r\nContent-Type: application/xop+xml; charset=UTF-8; type="application/soap+xml"\r\n'
        f"Content-Transfer-Encoding: binary\r\nContent-ID: <{call.root_content_id}>\r\n\r\n"
    ).encode()
    content_type = (
        f'multipart/related; boundary="{boundary}"; type="application/xop+xml"; '
        f'start="<{call.root_content_id}>"; start-info="application/soap+xml"'
    )
    return head + call.envelope + f"\r\n--{boundary}--\r\n".encode(), content_type


def _boundary(call: Call) -> str:
    return f"b{sha256(call.message_id.encode()).hexdigest()[:32]}"


async def _with_documents(writer: MtomWriter, call: Call, pushed: Pushed) -> AsyncIterator[bytes]:
    """The envelope and each document after it, read as it leaves."""
    yield writer.root(call.envelope)
    for attachment in pushed.attachments:
        yield writer.part(attachment.content_id, attachment.mime_type)
        for frame in attachment.frames():
            yield frame
    yield writer.tail()


def _word_of(status: int) -> Word:
    if status in (502, 503, 504):
        return Word.UNREACHABLE
    return Word.REFUSED if status in (401, 403) else Word.PROTOCOL


def _bounded(size: int, most: int) -> None:
    if size > most:
        raise PeerFault(f"sent more than {most} bytes")


def _kind(error: BaseException) -> str:
    return type(error).__name__ if not str(error) else f"{type(error).__name__}: {str(error)[:80]}"
