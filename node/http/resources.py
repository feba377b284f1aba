"""Plain HTTP resources beside the SOAP paths: a row for each, the same checks before, the same proof after.

A row names the method, the path, who may call and what is put on record. A path is matched as a whole against the
patterns of its parts, raw as it came: what a pattern does not match does not exist, so no path leads out of a folder.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast
from urllib.parse import parse_qsl

from node.http.checks import Objection, objection_to_body
from node.http.reply import BLOCK, Reply, StreamReply
from node.http.request import Body, Request, has_body
from trust.errors import TokenRefused
from trust.identity.caller import Caller, Role
from trust.identity.claims import acts_as
from trust.ledger.sequencer import AuditProof

NO_STORE: Final = "no-store"  # the default: what is about somebody stays nowhere on the way
REVALIDATE: Final = "no-cache"
IMMUTABLE: Final = "public, max-age=31536000, immutable"

TEXT: Final = "text/plain; charset=utf-8"
BYTES: Final = "application/octet-stream"
JSON: Final = "application/json"
FHIR_JSON: Final = "application/fhir+json"

_MOST_PARAMETERS: Final = 64
_PATIENT: Final = ("patient.identifier", "patient")

# What may stand at a `{name}` of a path. None matches a dot at the beginning of a segment.
PARTS: Final[Mapping[str, str]] = {
    "year": r"[0-9]{4}[a-z]{0,2}",  # a shard of the audit log
    "tile": r"(?:entries|[0-9]{1,2})/(?:x[0-9]{3}/){0,5}[0-9]{3}(?:\.p/[1-9][0-9]{0,2})?",  # C2SP tlog-tiles
    "digest": r"[0-9a-f]{64}",
    "index": r"0|[1-9][0-9]{0,17}",
    "word": r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One authenticated request; its body is complete. `query` keeps the order and every repetition."""

    caller: Caller
    parameters: Mapping[str, str]  # what stands at the `{name}` parts of the path
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]  # case-insensitive
    content_type: str
    body: bytes
    endpoint: str  # the path, as records name it
    incident: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A body that is read while it is sent; `size` in bytes is None when it is not known before.

    `live`: somebody waits for each frame, so that it leaves at once.
    """

    mime_type: str
    size: int | None
    frames: Iterator[bytes] | AsyncIterator[bytes]
    content_id: str = ""
    live: bool = False


@dataclass(slots=True, kw_only=True)
class Given:
    """An answer. `proof` shows that it is on record; a row that says what it audits cannot answer without one."""

    status: int = 200
    body: bytes | Stream = b""
    content_type: str = TEXT
    headers: Sequence[tuple[str, str]] = ()
    cache: str = NO_STORE
    proof: AuditProof | None = None


Handle = Callable[[Asked, Any], Awaitable[Given]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One row: a method at a path.

    `template` is a path with `{name}` for the parts of `PARTS`. `audits` says which record is durable before the answer
    leaves; "" for what tells nothing about anybody: then only refusals are recorded. `most_bytes` bounds the body of a
    POST. `handle` gets the request and the context that all rows share.
    """

    method: str  # GET (HEAD with it) or POST
    template: str
    roles: frozenset[Role]
    purpose: str  # for the table in README.md
    handle: Handle
    audits: str = ""
    most_bytes: int = 0
    scopes: frozenset[str] = frozenset()


# Authorization header, caller, certificate, scopes, patient -> the caller with the person behind it, or TokenRefused.
Bearer = Callable[[str, Caller, bytes, frozenset[str], str], Caller]


class Resources:
    """The rows, by path. `context` is handed to every handler; `bearer` judges access tokens where a row has scopes."""

    def __init__(self, rows: Iterable[Resource], context: object, bearer: Bearer | None = None) -> None:
        self._context = context
        self._bearer = bearer
        by_template: dict[str, dict[str, Resource]] = {}
        for row in rows:
            by_template.setdefault(row.template, {})[row.method] = row
        self._rows = [(pattern(template), methods) for template, methods in by_template.items()]

    def find(self, path: str) -> Found | None:
        """What is at this path, as it was sent."""
        for compiled, methods in self._rows:
            matched = compiled.fullmatch(path)
            if matched is not None:
                return Found(methods, matched.groupdict(), self._context, self._bearer)
        return None


def pattern(template: str) -> re.Pattern[str]:
    """The expression that a path of this template matches as a whole.

    Raises:
        KeyError: a part that `PARTS` does not know.
    """
    pieces = re.split(r"\{(\w+)\}", template)
    parts = [f"(?P<{piece}>{PARTS[piece]})" if odd % 2 else re.escape(piece) for odd, piece in enumerate(pieces)]
    return re.compile("".join(parts), re.ASCII)


class Found:
    """What is at the path of one request."""

    __slots__ = ("_bearer", "_context", "_methods", "_parameters")

    def __init__(
        self,
        methods: Mapping[str, Resource],
        parameters: Mapping[str, str],
        context: object,
        bearer: Bearer | None = None,
    ) -> None:
        self._bearer = bearer
        self._methods = methods
        self._parameters = parameters
        self._context = context

    def objection(self, exchange: Request) -> Objection | None:
        """Why this request is refused before its body is read: role, method, size, in this order."""
        request = exchange.request
        roles = frozenset().union(*(row.roles for row in self._methods.values()))
        row = self._row(request.method)
        if not acts_as(cast(Caller, exchange.caller)) & (row.roles if row else roles):
            return Objection(403, "this role may not call here", close=has_body(request))
        if row is None:
            return Objection(405, f"{request.method} is not answered here", allow=", ".join(self._methods))
        if row.scopes and self._bearer is not None:
            try:
                self._take_token(exchange, row, self._bearer)
            except TokenRefused as refusal:
                status = 401 if refusal.code == "invalid_token" else 403
                return Objection(status, str(refusal), close=has_body(request), error=refusal.code)
        if row.method == "GET":
            return Objection(400, "a GET has no body") if has_body(request) else None
        return objection_to_body(request.headers, row.most_bytes)

    def _take_token(self, exchange: Request, row: Resource, bearer: Bearer) -> None:
        """The caller becomes the person that an access token names.

        Raises:
            TokenRefused: it is not accepted, or there must be one.
        """
        named = [value for name, value in _query(exchange.query) if name in _PATIENT]
        exchange.caller = bearer(
            exchange.request.headers.get("Authorization", ""),
            cast(Caller, exchange.caller),
            exchange.peer.certificate,
            row.scopes,
            named[0] if len(named) == 1 else "",
        )

    async def answer(self, exchange: Request, incident: str) -> Reply:
        """Read the body, have the row answer, and let the answer go with its proof.

        Raises:
            SoapFault: the body is too large, too slow, or not what the head announced.
            TypeError: an answer that should be on record and is not.
        """
        request = exchange.request
        row = cast(Resource, self._row(request.method))
        if request.headers.get("Expect") and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        pieces = []
        body = Body(request, row.most_bytes)
        while row.method != "GET" and (piece := await body.next_chunk()):
            pieces.append(piece)
        given = await row.handle(self._asked(exchange, b"".join(pieces), incident), self._context)
        if row.audits and not isinstance(given.proof, AuditProof):
            raise TypeError("an answer without proof of its record")
        if isinstance(given.body, Stream):
            return StreamReply(given.status, given.body, headers=given.headers, cache=given.cache, live=given.body.live)
        content_type = given.content_type if given.body else ""
        return Reply(given.status, given.body, content_type=content_type, headers=given.headers, cache=given.cache)

    def _row(self, method: str) -> Resource | None:
        return self._methods.get("GET" if method == "HEAD" else method)

    def _asked(self, exchange: Request, body: bytes, incident: str) -> Asked:
        headers = exchange.request.headers
        return Asked(
            caller=cast(Caller, exchange.caller),
            parameters=self._parameters,
            query=_query(exchange.query),
            headers=headers,
            content_type=headers.get("Content-Type", ""),
            body=body,
            endpoint=exchange.path,
            incident=incident,
        )


def refused_token(error: str) -> bytes:
    """The body of a refusal: an OperationOutcome that says no more than the header does."""
    code = "login" if error == "invalid_token" else "forbidden"
    issue = f'{{"severity":"error","code":"{code}","diagnostics":"{error}"}}'
    return f'{{"resourceType":"OperationOutcome","issue":[{issue}]}}'.encode()


def _query(text: str) -> list[tuple[str, str]]:
    """The parameters of a URL; too many are none, which a handler refuses as incomplete."""
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        return []


def of_file(path: Path, content_type: str, *, cache: str = NO_STORE, proof: AuditProof | None = None) -> Given:
    """A file as an answer, never whole in memory; 404 when there is none. Links are not followed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return Given(status=404, proof=proof)
    file = os.fdopen(descriptor, "rb")
    size = os.fstat(descriptor).st_size
    if size <= BLOCK:
        with file:
            return Given(body=file.read(), content_type=content_type, cache=cache, proof=proof)
    body = Stream(mime_type=content_type, size=size, frames=_blocks(file))
    return Given(body=body, cache=cache, proof=proof)


async def _blocks(file: BinaryIO) -> AsyncIterator[bytes]:
    """The bytes of an open file; a disk that is slow holds up nobody else."""
    with file:
        while block := await asyncio.to_thread(file.read, BLOCK):
            yield block
