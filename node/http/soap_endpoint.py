"""The one handler of requests: connection -> caller -> bounded message -> dispatch -> answer with its proof.

Plain HTTP resources (`resources`) take the same way as far as the message.

Every refusal goes through `refused`, which records it, before its answer leaves (threats: general rules).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from hashlib import sha256
from typing import Final, cast

from aiohttp import web

from node.http.checks import Objection, objection, objection_to_body, objection_to_host
from node.http.connection import Connected
from node.http.incoming import Incoming, Outgoing, Refusal
from node.http.reading import PackageReader, SpooledPart
from node.http.reply import SOAP_CONTENT, PackageReply, Reply
from node.http.request import Body, Request, drop, has_body, is_read, refusal_of
from node.http.resources import FHIR_JSON, Found, Resources, refused_token
from node.http.turns import TooMany, Turns
from node.soap import faults
from node.soap.faults import FaultCode, SoapFault, write_fault
from node.soap.leniencies import Leniency
from node.soap.limits import MimeLimits
from node.soap.message import Message, read_envelope
from node.soap.mime import plain_media_type, read_media_type
from node.soap.mtom import MtomWriter
from node.soap.names import SOAP_TYPE
from trust.audit.event import Kind
from trust.errors import LedgerBroken, LedgerBusy, NotAuthenticated, NotPermitted, StorageFailed
from trust.identity.caller import Caller, Role
from trust.ledger.receipt import HEADER, to_header
from trust.ledger.record import payload_digest
from trust.ledger.sequencer import AuditProof

log = logging.getLogger("node.http")

Authenticate = Callable[[Connected], Caller]
Dispatch = Callable[[Incoming], Awaitable[Outgoing]]
Refused = Callable[[Refusal], Awaitable[AuditProof]]

_NO_METHOD: Final = Objection(405, "only POST is answered here")
_FAULT_ID: Final = "root"
_AGAIN: Final = 1  # seconds
_RETRY: Final = (("Retry-After", str(_AGAIN)),)


class SoapEndpoint:
    """Serves the SOAP paths of a node.

    Args:
        routes: path -> most bytes of a request there.
        hosts: names this node answers to (lower case, without port); it may change while the node runs.
        authenticate: who holds this certificate; raises NotAuthenticated. Called for every request, so that a
            revoked certificate ends at once.
        dispatch: the pipeline. SoapFault, NotPermitted and LedgerBusy that it raises become answers.
        refused: records a refusal durably; raises LedgerBusy when it cannot.
        spool: makes a place for bytes that come too early or inside the envelope.
        new_uuid: a fresh `urn:uuid:…`, for boundaries and incidents.
        resources: what is answered at other paths, in plain HTTP.
        turns: how many requests of one community are worked on at once.
    """

    def __init__(  # noqa: PLR0913  what the edge is given, each by name
        self,
        *,
        routes: Mapping[str, int],
        hosts: Collection[str],
        authenticate: Authenticate,
        dispatch: Dispatch,
        refused: Refused,
        spool: Callable[[], SpooledPart],
        new_uuid: Callable[[], str],
        mime: MimeLimits | None = None,
        resources: Resources | None = None,
        turns: Turns | None = None,
    ) -> None:
        self._routes = routes
        self._hosts = hosts
        self._authenticate = authenticate
        self._dispatch = dispatch
        self._refused = refused
        self._spool = spool
        self._new_uuid = new_uuid
        self._mime = mime or MimeLimits()
        self._resources = resources
        self._turns = turns or Turns()

    async def __call__(self, request: web.BaseRequest) -> Reply:
        """Answer one request."""
        exchange = Request(request)
        try:
            exchange.caller = self._authenticate(exchange.peer)
        except NotAuthenticated as error:
            return await self._plain(exchange, Objection(403, str(error)))
        most = self._routes.get(exchange.path, 0)
        found = self._resources.find(exchange.path) if self._resources and not most else None
        wrong = self._objection(exchange, most, found)
        if wrong is not None:
            return await self._plain(exchange, wrong)
        if found is not None:
            return await self._resource(exchange, found)
        if exchange.caller.role is not Role.PEER:
            return await self._answer(exchange, most)
        await exchange.connection.as_told()
        try:
            async with self._turns.turn(exchange.caller.home):
                return await self._answer(exchange, most)
        except TooMany:
            exchange.connection.is_told_to_come_again(_AGAIN)
            await drop(request)
            return self._unavailable(exchange)

    async def malformed(self, request: web.BaseRequest, status: int) -> Reply:
        """Answer what aiohttp's parser refused."""
        exchange = Request(request)
        exchange.path = ""
        return await self._plain(exchange, Objection(status, "the request is not HTTP"))

    def _objection(self, exchange: Request, most: int, found: Found | None) -> Objection | None:
        request = exchange.request
        headers = request.headers
        if request.method == "CONNECT":  # its target is no path
            return _NO_METHOD
        wrong = objection(request.version, exchange.target, headers) or self._misdirected(exchange)
        if wrong is not None:
            return wrong
        if found is not None:
            return found.objection(exchange)
        if not most:
            return Objection(404, "there is no such path", close=has_body(request))
        if request.method != "POST":
            return _NO_METHOD
        return objection_to_body(headers, most)

    def _misdirected(self, exchange: Request) -> Objection | None:
        """Whether Host and server name are ours; on one connection they are judged once."""
        connection = exchange.connection
        host = exchange.request.headers.get("Host", "")
        if host == connection.accepted_host:
            return None
        wrong = objection_to_host(host, exchange.peer.sni, self._hosts)
        if wrong is None:
            connection.accepted_host = host
        return wrong

    async def _answer(self, exchange: Request, most: int) -> Reply:
        package: PackageReader | None = None
        try:
            exchange.mtom = _is_package(exchange.request)
            package = self._at_once(exchange, most) or self._package(exchange, most)
            message = await package.message()
            exchange.message, exchange.message_id = message, message.message_id
            if not message.documents and not package.complete:
                # Nobody will ask for parts: the request is read to its end before anything is done.
                await package.finish()
            outgoing = await self._dispatch(_incoming(exchange, message, package))
            return self._written(outgoing, close=not package.complete)
        except SoapFault as fault:
            return await self._fault(exchange, fault)
        except (NotAuthenticated, NotPermitted) as error:
            return await self._fault(exchange, faults.not_authenticated(), str(error))
        except (LedgerBusy, LedgerBroken, StorageFailed, TimeoutError):
            return self._unavailable(exchange)
        except ConnectionError:
            raise
        except Exception:
            log.exception("unexpected failure")
            return await self._fault(exchange, faults.receiver("internal error"))
        finally:
            if package is not None:
                package.close()

    async def _resource(self, exchange: Request, found: Found) -> Reply:
        """Answer in plain HTTP."""
        try:
            return await found.answer(exchange, self._new_uuid())
        except SoapFault as fault:  # of the body: too large, too slow
            return await self._plain(exchange, Objection(fault.status, fault.reason))
        except (LedgerBusy, LedgerBroken, StorageFailed, TimeoutError):
            return Reply(503, headers=_RETRY, close=not is_read(exchange.request))
        except ConnectionError:
            raise
        except Exception:
            log.exception("unexpected failure")
            return await self._plain(exchange, Objection(500, "internal error"))

    def _package(self, exchange: Request, most: int) -> PackageReader:
        request = exchange.request
        if request.headers.get("Expect") and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        content_type = request.headers.get("Content-Type", "")
        if content_type[:8].lower() == "text/xml":
            raise SoapFault(FaultCode.VERSION_MISMATCH, "SOAP 1.1 is not supported")
        body = Body(request, most)
        media_type = read_media_type(content_type) if exchange.mtom else plain_media_type(content_type)
        return PackageReader(body.next_chunk, media_type, self._spool, mime=self._mime)

    def _at_once(self, exchange: Request, most: int) -> PackageReader | None:
        """The usual case, without its waiting steps: a small simple envelope that has arrived completely."""
        content = exchange.request.content
        if exchange.mtom or not content.is_eof() or content.total_bytes > min(most, self._mime.inline_from):
            return None
        media_type = plain_media_type(exchange.request.headers.get("Content-Type", ""))
        if media_type.name != SOAP_TYPE or content.exception() is not None:
            return None
        message = read_envelope(content.read_nowait(), charset=media_type.parameter("charset"))
        return PackageReader.of(message, media_type, self._spool)

    def _written(self, outgoing: Outgoing, *, close: bool) -> Reply:
        if not isinstance(outgoing.proof, AuditProof):
            raise TypeError("an answer without proof of its record")
        headers = outgoing.headers
        if outgoing.proof.entry[1] == Kind.RESPONSE_SENT:  # to another community: it gets its receipt
            headers = (*headers, (HEADER, to_header(outgoing.proof.receipt())))
        if not outgoing.body:  # a one-way message was taken
            return Reply(outgoing.status, headers=headers, close=close)
        if outgoing.packaging == "soap":
            return Reply(outgoing.status, outgoing.body, content_type=SOAP_CONTENT, headers=headers, close=close)
        writer = MtomWriter("MIMEBoundary_" + self._new_uuid().removeprefix("urn:uuid:"), outgoing.root_id)
        return PackageReply(outgoing.status, outgoing.body, outgoing.documents, writer, headers=headers, close=close)

    async def _fault(self, exchange: Request, fault: SoapFault, why: str = "") -> Reply:
        """Record, then answer with a fault packaged like the request."""
        message_id = fault.message_id or exchange.message_id
        exchange.message_id = message_id
        incident = self._new_uuid()
        if why:  # it may quote the message, so it is for the record alone
            facts = {"incident": incident, "status": fault.status, "path": exchange.path}
            log.info("refused", extra={**facts, "address": exchange.peer.address})
        body = write_fault(fault, relates_to=message_id, incident=incident)
        packaging = "mtom" if exchange.mtom else "soap"
        digest = payload_digest([(_FAULT_ID if exchange.mtom else "body", len(body), sha256(body).digest())])
        try:
            proof = await self._refused(
                refusal_of(exchange, why or fault.reason, fault.status, incident, digest, fault.detail)
            )
        except (LedgerBusy, LedgerBroken, StorageFailed):
            return self._unavailable(exchange)
        outgoing = Outgoing(
            proof=proof, action=fault.action, body=body, packaging=packaging, status=fault.status, root_id=_FAULT_ID
        )
        return self._written(outgoing, close=not is_read(exchange.request))

    async def _plain(self, exchange: Request, wrong: Objection) -> Reply:
        """Record, then answer with a bare status: the request never became a message."""
        try:
            await self._refused(refusal_of(exchange, wrong.reason, wrong.status, self._new_uuid()))
        except (LedgerBusy, LedgerBroken, StorageFailed):
            return self._unavailable(exchange)
        headers: tuple[tuple[str, str], ...] = (("Allow", wrong.allow),) if wrong.status == 405 else ()
        if not wrong.error:
            return Reply(wrong.status, headers=headers, close=wrong.close)
        headers = (("WWW-Authenticate", f'Bearer error="{wrong.error}"'),)
        body = refused_token(wrong.error)
        return Reply(wrong.status, body, content_type=FHIR_JSON, headers=headers, close=wrong.close)

    def _unavailable(self, exchange: Request) -> Reply:
        """Nothing can be recorded, or too much came at once, so nothing is done: the one reply without a record."""
        body = write_fault(faults.busy(), relates_to=exchange.message_id)
        return Reply(503, body, content_type=SOAP_CONTENT, headers=_RETRY, close=not is_read(exchange.request))


def _incoming(exchange: Request, message: Message, package: PackageReader) -> Incoming:
    headers = exchange.request.headers
    if message.to and not message.to.startswith(f"https://{headers.get('Host', '')}{exchange.path}"):
        message.leniencies.add(Leniency.TO_DIFFERS)
    return Incoming(
        message=message,
        caller=cast(Caller, exchange.caller),
        path=exchange.path,
        query=exchange.query,
        address=exchange.peer.address,
        sni=exchange.peer.sni,
        audit_proof=headers.get(HEADER, ""),
        package=package,
        certificate=exchange.peer.certificate,
    )


def _is_package(request: web.BaseRequest) -> bool:
    return request.headers.get("Content-Type", "").lstrip()[:17].lower() == "multipart/related"
