"""Speaks to the own node as any application does: SOAP over mutual TLS, documents streamed both ways.

So a document that was shared by hand has passed every check that one from another system passes, and is on record.
"""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final
from uuid import UUID

import aiohttp
from lxml import etree

from node.config import Config
from node.faults import Fault, Faults, refused, unreachable
from node.soap.faults import SoapFault
from node.soap.limits import ANSWER, MimeLimits
from node.soap.message import Message, read_answer, write_envelope
from node.soap.mime import MediaType, read_media_type
from node.soap.mtom import MultipartReader, PartData, PartEnd, PartStart

_CHUNK: Final = 256 * 1024
_ACTIONS: Final = {
    "iti-18": "urn:ihe:iti:2007:RegistryStoredQuery",
    "iti-41": "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b",
    "iti-43": "urn:ihe:iti:2007:RetrieveDocumentSet",
}
_ROOT_ID: Final = "root@xdsnode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that is sent with a request."""

    content_id: str
    mime_type: str
    path: Path
    size: int


@dataclass(slots=True, kw_only=True)
class Received:
    """An answer: its message, and the files its documents were written to, by content id."""

    message: Message
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def body(self) -> etree._Element:
        """The element of the response."""
        return self.message.body


class NodeSession:
    """One connection pool to the own node, with the node's own client certificate."""

    def __init__(self, config: Config, paths: dict[str, str], seconds: float = 120.0) -> None:
        """`paths` leads from the key of a transaction to its path; `seconds` is for one request without documents."""
        self._config = config
        self._paths = paths
        self._seconds = seconds
        host = config.node.listen if config.node.listen not in ("", "0.0.0.0", "::") else "localhost"  # noqa: S104
        self._base = f"https://{f'[{host}]' if ':' in host else host}:{config.port('https')}"
        self._session: aiohttp.ClientSession | None = None

    @property
    def home(self) -> str:
        """The homeCommunityId of the own node."""
        return self._config.node.home_community_id

    async def __aenter__(self) -> NodeSession:
        self._context = _tls(self._config)
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=self._seconds),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=_CHUNK,
            skip_auto_headers=("Accept-Encoding",),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()

    async def send(
        self,
        transaction: str,
        body: bytes,
        *,
        message_id: UUID,
        attachments: tuple[Attachment, ...] = (),
        folder: Path | None = None,
    ) -> Received:
        """Send a request and read its answer.

        Args:
            transaction: key, e.g. "iti-18".
            body: the child of soap:Body.
            message_id: of the request.
            attachments: files sent as MTOM parts.
            folder: where documents of the answer are written; None when there can be none.

        Raises:
            Faults: the node cannot be reached (status 3) or refused (status 1).
        """
        url = self._base + self._paths[transaction]
        envelope = write_envelope(
            _ACTIONS[transaction], body, message_id=message_id.urn, to=self._config.base_url, reply_to=True
        )
        package = _Package(envelope, attachments, message_id.hex) if transaction != "iti-18" else None
        try:
            async with self._post(url, envelope, package) as response:
                return await _read(url, response, folder)
        except aiohttp.ClientSSLError as problem:
            raise _unreachable(
                url, "TLS", problem, "xdsnode check: are the certificates of this node in order?"
            ) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            step = f"is it running? xdsnode serve --dir {self._config.root}"
            raise _unreachable(url, "the connection", problem, step) from None
        except SoapFault as problem:
            raise refused("answer.unreadable", url, str(problem)[:300], "look at the node's log") from None

    def _post(
        self, url: str, envelope: bytes, package: _Package | None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        headers = {"Host": f"{self._config.node.host}:{self._config.port('https')}"}
        if package:
            headers |= {"Content-Type": package.content_type, "Content-Length": str(package.size)}
        else:
            headers["Content-Type"] = "application/soap+xml; charset=UTF-8"
        assert self._session is not None  # noqa: S101  used as a context manager
        return self._session.post(
            url,
            data=package.chunks() if package else envelope,
            headers=headers,
            ssl=self._context,
            server_hostname=self._config.node.host,
            allow_redirects=False,
        )


class _Package:
    """A multipart/related request that is streamed from files; its size is known before it is sent."""

    def __init__(self, envelope: bytes, attachments: tuple[Attachment, ...], boundary: str) -> None:
        self._attachments = attachments
        self._heads = [
            _part_head(boundary, _ROOT_ID, 'application/xop+xml; charset=UTF-8; type="application/soap+xml"') + envelope
        ]
        self._heads += [b"\r\n" + _part_head(boundary, item.content_id, item.mime_type) for item in attachments]
        self._end = f"\r\n--{boundary}--\r\n".encode()
        self.content_type = (
            f'multipart/related; boundary="{boundary}"; type="application/xop+xml"; start="<{_ROOT_ID}>"; '
            'start-info="application/soap+xml"'
        )
        self.size = sum(map(len, self._heads)) + sum(item.size for item in attachments) + len(self._end)

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._heads[0]
        for head, item in zip(self._heads[1:], self._attachments, strict=True):
            yield head
            with item.path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    yield chunk
        yield self._end


def _part_head(boundary: str, content_id: str, content_type: str) -> bytes:
    return (
        f"--{boundary}\r\nContent-Type: {content_type}\r\nContent-Transfer-Encoding: binary\r\n"
        f"Content-ID: <{content_id}>\r\n\r\n"
    ).encode()


async def _read(url: str, response: aiohttp.ClientResponse, folder: Path | None) -> Received:
    media_type = read_media_type(response.headers.get("Content-Type", "text/plain"))
    if media_type.name.startswith("multipart/"):
        received = await _read_package(media_type, response.content, folder)
    elif media_type.name == "application/soap+xml":
        root = bytearray()
        async for chunk in response.content.iter_any():
            root += chunk
        received = Received(message=read_answer(bytes(root), charset=media_type.parameter("charset")))
    else:
        text = (await response.content.read(300)).decode("utf-8", "replace")
        step = "xdsnode status; the node's log has more"
        raise refused(f"http.{response.status}", url, text or response.reason or "no reason given", step)
    fault = received.message.fault
    if fault:
        code = f"soap.{'.'.join((fault.code, *fault.subcodes))}"
        raise refused(code, url, fault.reason, "an incident id in the cause is found in the node's log and audit log")
    return received


async def _read_package(media_type: MediaType, content: aiohttp.StreamReader, folder: Path | None) -> Received:
    """The first part is the envelope, every other one a document that is written to `folder` as it arrives."""
    reader, root = MultipartReader(media_type, MimeLimits(total=1 << 50)), bytearray()
    files: dict[str, Path] = {}
    parts = 0
    with contextlib.ExitStack() as open_files:
        current = None
        async for chunk in content.iter_any():
            for event in reader.feed(chunk):
                if isinstance(event, PartStart):
                    parts += 1
                    if parts > 1 and folder is not None:
                        path = folder / f".part-{os.getpid()}-{parts}"
                        files[event.headers.content_id] = path
                        current = open_files.enter_context(path.open("wb"))
                elif isinstance(event, PartData) and parts == 1 and len(root) <= ANSWER.size:
                    root += event.data
                elif isinstance(event, PartData) and current is not None:
                    current.write(event.data)
                elif isinstance(event, PartEnd) and current is not None:
                    current.close()
    reader.finish()
    message = read_answer(bytes(root))
    for reference in message.documents:
        if reference.inline is not None and folder is not None:
            path = folder / f".part-{os.getpid()}-inline-{len(files)}"
            path.write_bytes(reference.inline)
            files[reference.content_id] = path
    return Received(message=message, files=files)


def _tls(config: Config) -> ssl.SSLContext:
    folder = config.folder
    try:
        context = ssl.create_default_context(cafile=str(folder.trust))
        context.load_cert_chain(folder.client_cert, folder.client_key)
    except (OSError, ssl.SSLError) as problem:
        step = "xdsnode check says what is missing; the node's own client certificate is made by xdsnode init"
        raise Faults([Fault("client.certificate", str(folder.client_cert), str(problem), step)]) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _unreachable(url: str, what: str, problem: BaseException, next_step: str) -> Faults:
    return unreachable("node.unreachable", url, f"{what} failed: {str(problem) or type(problem).__name__}", next_step)
