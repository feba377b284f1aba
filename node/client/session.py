"""Speaks to the own node as any application does: SOAP over mutual TLS, documents streamed both ways.

So a document that was shared by hand has passed every check that one from another system passes, and is on record.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final
from uuid import UUID

from lxml import etree

from node.configuration.config import Config
from node.faults import Fault, Faults, refused, unreachable
from node.paths import PATHS
from node.soap.faults import SoapFault
from node.soap.limits import ANSWER, MimeLimits
from node.soap.message import Message, read_answer, write_envelope
from node.soap.mime import MediaType, read_media_type
from node.soap.mtom import MultipartReader, PartData, PartEnd, PartStart

_CHUNK: Final = 256 * 1024
_CONNECT_SECONDS: Final = 10.0
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
    """One connection to the own node, with the node's own client certificate; taken anew when the node closed it."""

    def __init__(self, config: Config, seconds: float = 120.0, assertion: bytes = b"") -> None:
        """`seconds` is how long the node may say nothing; `assertion` names the user for whom everything is asked."""
        self._config = config
        self._assertion = assertion
        host = config.node.listen if config.node.listen not in ("", "0.0.0.0", "::") else "localhost"  # noqa: S104
        port = config.port("https")
        self._host = {"Host": f"{config.node.host}:{port}"}
        self._base = f"https://{f'[{host}]' if ':' in host else host}:{port}"
        self._connection = _NodeConnection(host, port, config.node.host, _tls(config), seconds)
        self._second = _NodeConnection(host, port, config.node.host, _tls(config), seconds)
        self._heard: socket.socket | None = None

    @property
    def home(self) -> str:
        """The homeCommunityId of the own node."""
        return self._config.node.home_community_id

    def __enter__(self) -> NodeSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._second.close()

    def listen(self, path: str) -> http.client.HTTPResponse | None:
        """A GET over a second connection, for what comes while a request is answered; None when there is nothing.

        What comes is a comfort: whatever goes wrong here shows again, with its cause, when the request itself is sent.
        """
        try:
            self._second.request(
                "GET", path, headers={"Host": f"{self._config.node.host}:{self._config.port('https')}"}
            )
            self._heard = self._second.sock
            response = self._second.getresponse()
        except (http.client.HTTPException, OSError):
            return None
        return response if response.status == http.HTTPStatus.OK else None

    def hush(self) -> None:
        """End what is listened to, also while another thread waits for the next line of it."""
        if self._heard is not None:
            with contextlib.suppress(OSError):
                self._heard.shutdown(socket.SHUT_RDWR)

    def send(
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
        url = self._base + PATHS[transaction]
        envelope = write_envelope(
            _ACTIONS[transaction],
            body,
            message_id=message_id.urn,
            to=self._config.base_url,
            reply_to=True,
            security=self._assertion,
        )
        package = _Package(envelope, attachments, message_id.hex) if transaction != "iti-18" else None
        try:
            with self._post(PATHS[transaction], envelope, package) as response:
                try:
                    return _read(url, response, folder)
                finally:
                    if not response.isclosed():  # what is left of it must not be taken for the next answer
                        self._connection.close()
        except ssl.SSLError as problem:
            self._connection.close()
            step = "xdsnode check: are the certificates of this node in order?"
            raise _unreachable(url, "TLS", problem, step) from None
        except (http.client.HTTPException, OSError) as problem:
            self._connection.close()
            step = f"is it running? xdsnode serve --dir {self._config.root}"
            raise _unreachable(url, "the connection", problem, step) from None
        except SoapFault as problem:
            raise refused("answer.unreadable", url, str(problem)[:300], "look at the node's log") from None

    def _post(self, path: str, envelope: bytes, package: _Package | None) -> http.client.HTTPResponse:
        headers = dict(self._host)
        if package:
            headers |= {"Content-Type": package.content_type, "Content-Length": str(package.size)}
        else:
            headers["Content-Type"] = "application/soap+xml; charset=UTF-8"
        # A node that refuses may answer before it has read everything: the answer says why.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            self._connection.request("POST", path, package.chunks() if package else envelope, headers)
        return self._connection.getresponse()


class _NodeConnection(http.client.HTTPSConnection):
    """To an address of this machine; the certificate must be for the node's name."""

    def __init__(self, address: str, port: int, name: str, context: ssl.SSLContext, seconds: float) -> None:
        super().__init__(address, port, timeout=seconds, context=context)
        self._address = (address, port)
        self._name = name
        self._tls = context

    def connect(self) -> None:  # type: ignore[explicit-override]
        plain = socket.create_connection(self._address, _CONNECT_SECONDS)
        plain.settimeout(self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self._name)


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

    def chunks(self) -> Iterator[bytes]:
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


def _read(url: str, response: http.client.HTTPResponse, folder: Path | None) -> Received:
    media_type = read_media_type(response.headers.get("Content-Type", "text/plain"))
    if media_type.name.startswith("multipart/"):
        received = _read_package(media_type, _pieces(response), folder)
    elif media_type.name == "application/soap+xml":
        received = Received(message=read_answer(response.read(), charset=media_type.parameter("charset")))
    else:
        text = response.read(300).decode("utf-8", "replace")
        step = "xdsnode status; the node's log has more"
        raise refused(f"http.{response.status}", url, text or response.reason or "no reason given", step)
    fault = received.message.fault
    if fault:
        code = f"soap.{'.'.join((fault.code, *fault.subcodes))}"
        step = "an incident id in the cause is found in the node's log and audit log"
        if fault.subcodes == ("InvalidSecurity",):  # nothing was said about a user
            step = "this node wants to know for whom: --user NAME, with --role and --purpose"
        raise refused(code, url, fault.reason, step)
    return received


def _pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body as it arrives, to its end.

    Raises:
        HTTPException: it ended early.
    """
    while piece := response.read1(_CHUNK):
        yield piece
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)


def _read_package(media_type: MediaType, pieces: Iterator[bytes], folder: Path | None) -> Received:
    """The first part is the envelope, every other one a document that is written to `folder` as it arrives."""
    reader, root = MultipartReader(media_type, MimeLimits(total=1 << 50)), bytearray()
    files: dict[str, Path] = {}
    parts = 0
    with contextlib.ExitStack() as open_files:
        current = None
        for piece in pieces:
            for event in reader.feed(piece):
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
