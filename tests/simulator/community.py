"""A whole other community in memory: an mTLS server that answers truthfully, or lies, sleeps and dies.

ITI-38 and ITI-39 here, ITI-55 and ITI-56 in `discovery`.

    with running(Community("urn:oid:2.999.7", keys)) as north:
        north.holds("P1^^^&2.999.1&ISO", Document(b"..."))
        north.behaves(silent)

None of the node's codecs is used: what it understands and says comes from the specification alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha1
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from aiohttp import web
from lxml import etree

from tests.end_to_end.wire import (
    ACTIONS,
    APPROVED,
    FAILURE,
    NS,
    PARTIAL,
    SUCCESS,
    Document,
    package,
    read_answer,
    urn,
)
from tests.simulator import discovery

FIND_DOCUMENTS = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
GET_DOCUMENTS = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
SOAP_TYPE = "application/soap+xml; charset=UTF-8"


@dataclass(frozen=True)
class Keys:
    """PEM files: what the community shows, and the CA of those it lets in."""

    certificate: Path
    key: Path
    ca: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.ca))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(self.certificate, self.key)
        return context


@dataclass
class Held:
    """A document and where it belongs."""

    patient: str
    document: Document
    entry_uuid: str = field(default_factory=urn)


@dataclass
class Asked:
    """One request as it arrived."""

    transaction: str
    message_id: str
    body: etree._Element


Behaviour = Callable[["Community", web.Request, Asked], Awaitable[web.StreamResponse]]


class Community:
    """What it holds, how it behaves now, and what it was asked."""

    def __init__(self, home: str, keys: Keys, *, repository: str = "2.999.3.7") -> None:
        self.home = home
        self.keys = keys
        self.repository = repository
        self.held: list[Held] = []
        self.locating = discovery.Locating()
        self.asked: list[Asked] = []
        self.keep_requests = True
        self.behaviour: Behaviour = truthful
        self.port = 0
        self._runner: web.AppRunner | None = None

    def holds(self, patient: str, *documents: Document) -> None:
        self.held += [Held(patient, document) for document in documents]

    def behaves(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour

    def endpoint(self, transaction: str) -> str:
        return f"https://localhost:{self.port}/{transaction}"

    async def start(self, port: int = 0) -> None:
        application = web.Application(client_max_size=1 << 26)
        application.router.add_post("/{transaction:iti-(?:38|39|55|56)}", self._answer)
        application.router.add_post("/locations", partial(discovery.told, self))
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=self.keys.server_context())
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        received = read_answer(200, request.headers.get("Content-Type", ""), await request.read())
        message_id = received.root.findtext("s:Header/wsa:MessageID", "", NS)
        asked = Asked(request.match_info["transaction"], message_id, received.body)
        if self.keep_requests:
            self.asked.append(asked)
        return await self.behaviour(self, request, asked)

    def entry(self, held: Held, *, home: str) -> str:
        """The ExtrinsicObject of one held document."""
        document = held.document
        document.hash, document.repository = not document.on_demand, self.repository
        return (
            document.entry(held.patient)
            .replace(f'id="{document.id}"', f'id="{held.entry_uuid}" lid="{held.entry_uuid}" home="{home}"', 1)
            .replace(" objectType=", f' status="{APPROVED}" objectType=', 1)
            .replace(f'"{document.id}"', f'"{held.entry_uuid}"')
        )


# How a community may answer -------------------------------------------------------------------------------------------


async def truthful(community: Community, _request: web.Request, asked: Asked) -> web.StreamResponse:
    """What the specification says."""
    if asked.transaction == "iti-55":
        return discovery.discovered(community, asked)
    if asked.transaction == "iti-56":
        return discovery.located(community, asked)
    if asked.transaction == "iti-38":
        return _soap(asked, _query_response(community, asked, home=community.home))
    return _retrieve_response(community, asked)


async def silent(_community: Community, request: web.Request, _asked: Asked) -> web.StreamResponse:
    """Takes the request and says nothing until the other side has gone."""
    with contextlib.suppress(ConnectionError):
        while request.transport is not None and not request.transport.is_closing():
            await asyncio.sleep(0.05)
    return web.Response(status=500)


async def hangs_up(_community: Community, request: web.Request, _asked: Asked) -> web.StreamResponse:
    """Closes the connection without an answer."""
    if request.transport is not None:
        request.transport.close()
    return web.Response(status=500)


def slow(seconds: float) -> Behaviour:
    """Truthful, later."""

    async def behave(community: Community, request: web.Request, asked: Asked) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return await truthful(community, request, asked)

    return behave


def garbage(raw: bytes, content_type: str = SOAP_TYPE, status: int = 200) -> Behaviour:
    """Answers these bytes, whatever was asked."""

    async def behave(_community: Community, _request: web.Request, _asked: Asked) -> web.StreamResponse:
        return web.Response(body=raw, status=status, headers={"Content-Type": content_type})

    return behave


def refusing(code: str, context: str = "refused") -> Behaviour:
    """A Failure with one XDS error."""

    async def behave(community: Community, _request: web.Request, asked: Asked) -> web.StreamResponse:
        error = (code, context, community.home)
        if asked.transaction == "iti-38":
            return _soap(asked, _query_frame(FAILURE, [error], ""))
        return _mtom(asked, _retrieve_frame(FAILURE, [error], ""), [])

    return behave


def of_another_home(home: str) -> Behaviour:
    """Truthful, but every object claims to belong to `home`."""

    async def behave(community: Community, request: web.Request, asked: Asked) -> web.StreamResponse:
        if asked.transaction == "iti-38":
            return _soap(asked, _query_response(community, asked, home=home))
        return await truthful(community, request, asked)

    return behave


def huge(size: int) -> Behaviour:
    """A well-formed start that goes on for `size` bytes."""

    async def behave(_community: Community, request: web.Request, _asked: Asked) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": SOAP_TYPE})
        await response.prepare(request)
        await response.write(f'<s:Envelope xmlns:s="{NS["s"]}"><s:Body><a>'.encode())
        block = b"x" * 65536
        with contextlib.suppress(ConnectionError):
            for _ in range(size // len(block)):
                await response.write(block)
        return response

    return behave


# Answers --------------------------------------------------------------------------------------------------------------


def _errors(errors: list[tuple[str, str, str]]) -> str:
    if not errors:
        return ""
    lines = "".join(
        f'<rs:RegistryError errorCode="{code}" codeContext={quoteattr(context)} location={quoteattr(location)} '
        'severity="urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error"/>'
        for code, context, location in errors
    )
    return f"<rs:RegistryErrorList>{lines}</rs:RegistryErrorList>"


def _query_frame(status: str, errors: list[tuple[str, str, str]], objects: str) -> str:
    return (
        f'<query:AdhocQueryResponse xmlns:query="{NS["query"]}" xmlns:rs="{NS["rs"]}" xmlns:rim="{NS["rim"]}" '
        f'status="{status}">{_errors(errors)}<rim:RegistryObjectList>{objects}</rim:RegistryObjectList>'
        "</query:AdhocQueryResponse>"
    )


def _retrieve_frame(status: str, errors: list[tuple[str, str, str]], documents: str) -> str:
    return (
        f'<xds:RetrieveDocumentSetResponse xmlns:xds="{NS["xds"]}" xmlns:rs="{NS["rs"]}">'
        f'<rs:RegistryResponse status="{status}">{_errors(errors)}</rs:RegistryResponse>{documents}'
        "</xds:RetrieveDocumentSetResponse>"
    )


def _values(asked: Asked, name: str) -> list[str]:
    found = asked.body.findall(f".//rim:Slot[@name='{name}']//rim:Value", NS)
    return [part.strip().strip("'") for value in found for part in (value.text or "").strip("()").split(",")]


def _query_response(community: Community, asked: Asked, *, home: str) -> str:
    query = asked.body.find("rim:AdhocQuery", NS)
    reference = asked.body.find("query:ResponseOption", NS).get("returnType") == "ObjectRef"
    if query.get("id") == FIND_DOCUMENTS:
        patients = _values(asked, "$XDSDocumentEntryPatientId")
        found = [held for held in community.held if held.patient in patients]
    elif query.get("id") == GET_DOCUMENTS:
        wanted = _values(asked, "$XDSDocumentEntryEntryUUID") + _values(asked, "$XDSDocumentEntryUniqueId")
        found = [held for held in community.held if wanted and {held.entry_uuid, held.document.unique_id} & set(wanted)]
    else:
        return _query_frame(FAILURE, [("XDSUnknownStoredQuery", query.get("id"), community.home)], "")
    if reference:
        objects = "".join(f'<rim:ObjectRef id="{held.entry_uuid}" home="{home}"/>' for held in found)
    else:
        objects = "".join(community.entry(held, home=home) for held in found)
    return _query_frame(SUCCESS, [], objects)


def _retrieve_response(community: Community, asked: Asked) -> web.Response:
    parts, documents, errors = [], "", []
    for wanted in asked.body.findall("xds:DocumentRequest", NS):
        unique_id = wanted.findtext("xds:DocumentUniqueId", "", NS)
        held = next((held for held in community.held if held.document.unique_id == unique_id), None)
        if held is None:
            errors.append(("XDSDocumentUniqueIdError", "no such document", unique_id))
            continue
        content_id = f"{sha1(unique_id.encode()).hexdigest()}@community"
        parts.append((content_id, held.document.mime, held.document.content))
        documents += (
            f"<xds:DocumentResponse><xds:HomeCommunityId>{community.home}</xds:HomeCommunityId>"
            f"<xds:RepositoryUniqueId>{community.repository}</xds:RepositoryUniqueId>"
            f"<xds:DocumentUniqueId>{escape(unique_id)}</xds:DocumentUniqueId>{_made(held.document)}"
            f"<xds:mimeType>{held.document.mime}</xds:mimeType><xds:Document>"
            f'<xop:Include xmlns:xop="{NS["xop"]}" href="cid:{content_id}"/></xds:Document></xds:DocumentResponse>'
        )
    status = SUCCESS if not errors else PARTIAL if parts else FAILURE
    return _mtom(asked, _retrieve_frame(status, errors, documents), parts)


def _made(document: Document) -> str:
    """What was made on demand has an id of its own, and lies nowhere."""
    new = f"{document.unique_id}.{len(document.content)}"
    return f"<xds:NewDocumentUniqueId>{new}</xds:NewDocumentUniqueId>" if document.on_demand else ""


def _envelope(asked: Asked, body: str) -> bytes:
    action = ACTIONS[asked.transaction] + "Response"
    return (
        f'<s:Envelope xmlns:s="{NS["s"]}" xmlns:wsa="{NS["wsa"]}"><s:Header>'
        f'<wsa:Action s:mustUnderstand="1">{action}</wsa:Action><wsa:MessageID>{urn()}</wsa:MessageID>'
        f"<wsa:RelatesTo>{escape(asked.message_id)}</wsa:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def query_answer(asked: Asked, status: str, objects: str) -> web.Response:
    """An answer to ITI-38 with these registry objects, for behaviours that are made elsewhere."""
    return _soap(asked, _query_frame(status, [], objects))


def retrieve_answer(asked: Asked, status: str) -> web.Response:
    """An answer to ITI-39 with this status, and neither document nor error."""
    return _mtom(asked, _retrieve_frame(status, [], ""), [])


def _soap(asked: Asked, body: str) -> web.Response:
    return web.Response(body=_envelope(asked, body), headers={"Content-Type": SOAP_TYPE})


def _mtom(asked: Asked, body: str, parts: list[tuple[str, str, bytes]]) -> web.Response:
    kind = (
        'multipart/related; boundary="MIMEBoundary_community"; type="application/xop+xml"; start="<root@source>"; '
        'start-info="application/soap+xml"'
    )
    payload = package("MIMEBoundary_community", _envelope(asked, body), parts)
    return web.Response(body=payload, headers={"Content-Type": kind})


async def _ended() -> None:
    """Answers that still sleep are given up."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def running(*communities: Community) -> Iterator[None]:
    """Communities that answer from an event loop of their own, for tests that are not asynchronous themselves."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def wait(work: Awaitable[None]) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(20)  # type: ignore[arg-type]

    try:
        for community in communities:
            wait(community.start(community.port))
        yield
    finally:
        for community in communities:
            wait(community.stop())
        wait(_ended())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
