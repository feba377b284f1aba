"""A request as the edge holds it before anybody has read its message: whose it is, its path, its counted body."""

from __future__ import annotations

from typing import Final, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from node.http.connection import Connection, SlowBody
from node.http.incoming import Refusal
from node.soap import faults
from node.soap.message import Message
from trust.identity.caller import Caller

_LEAST_CHUNK: Final = 16 * 1024


class Request:
    """What is known of a request so far, for whoever must refuse it."""

    __slots__ = ("caller", "connection", "message", "message_id", "mtom", "path", "peer", "query", "request", "target")

    def __init__(self, request: web.BaseRequest) -> None:
        self.request = request
        self.connection = cast(Connection, request.protocol)
        self.peer = self.connection.peer
        self.caller: Caller | None = None
        self.target = request._message.path  # noqa: SLF001  as it was sent, before aiohttp tidies it
        self.path, _, self.query = self.target.partition("?")
        self.message: Message | None = None
        self.message_id = ""
        self.mtom = False


class Body:
    """The body of a request, counted; small pieces are gathered before anybody looks at them."""

    __slots__ = ("_connection", "_content", "_most", "_size")

    def __init__(self, request: web.BaseRequest, most: int) -> None:
        self._content = request.content
        self._connection = cast(Connection, request.protocol)
        self._most = most
        self._size = 0

    async def next_chunk(self) -> bytes:
        """The next bytes, b"" at the end.

        Raises:
            SoapFault: more than the route takes, too slow, or not what the head announced.
        """
        content = self._content
        try:
            chunk = b"" if content.at_eof() else content.read_nowait(-1)
            if (not chunk and not content.at_eof()) or (chunk and len(chunk) < _LEAST_CHUNK and not content.is_eof()):
                chunk = await self._gather(chunk)
        except SlowBody:
            raise faults.sender("the request arrives too slowly", status=408) from None
        except (RequestPayloadError, HttpProcessingError):
            self._connection.give_up_body()
            raise faults.sender("the body is not what the head of the request announced") from None
        self._size += len(chunk)
        if self._size > self._most:
            raise faults.too_large(f"the request is larger than {self._most} bytes")
        return chunk

    async def _gather(self, chunk: bytes) -> bytes:
        self._connection.waits_for_body()
        try:
            pieces, size = [chunk], len(chunk)
            while size < _LEAST_CHUNK:
                piece = await self._content.readany()
                if not piece:
                    break
                pieces.append(piece)
                size += len(piece)
            return b"".join(pieces)
        finally:
            self._connection.has_body()


def refusal_of(
    exchange: Request, reason: str, status: int, incident: str, answer: bytes = b"", user: str = ""
) -> Refusal:
    """What the record of a refused request says; `user` is why the user could not be authenticated."""
    return Refusal(
        reason=user or reason,
        user=bool(user),
        status=status,
        caller=exchange.caller,
        address=exchange.peer.address,
        fingerprint=exchange.peer.fingerprint,
        path=exchange.path,
        message_id=exchange.message_id,
        incident=incident,
        message=exchange.message,
        answer=answer,
    )


def has_body(request: web.BaseRequest) -> bool:
    """Whether bytes of a body are still to come or to be read."""
    return not request.content.at_eof()


def is_read(request: web.BaseRequest) -> bool:
    """Whether the request was read to its end, so that the connection can go on."""
    return request.content.at_eof()


async def drop(request: web.BaseRequest) -> None:
    """Throw a body away that is here to its end: who is told to come again needs no new connection for it."""
    while request.content.is_eof() and not request.content.at_eof():
        await request.content.readany()
