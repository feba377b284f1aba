"""A file that a browser sends with a form: bounded, judged before it is read, kept sealed and nameless on the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp import web

from node.http.connection import SlowBody
from node.http.reading import SpooledPart

MOST_BYTES: Final = 50 << 20
_MOST_FIELD: Final = 4096
_MOST_PARTS: Final = 16
_SECONDS: Final = 600.0  # a slow line in a practice; what stalls altogether is ended by the connection itself
_CHUNK: Final = 64 * 1024
_UNREADABLE: Final = (
    TimeoutError,
    SlowBody,
    ValueError,
    AssertionError,
    RuntimeError,
    aiohttp.ClientError,
    aiohttp.BadContentDispositionHeader,
)


@dataclass(slots=True, kw_only=True)
class Upload:
    """The fields that came before the file, and the file. `problem`: "" or a code of what is wrong with it."""

    fields: Mapping[str, str]
    name: str = ""
    kept: SpooledPart | None = None
    size: int = 0
    sha1: str = ""
    problem: str = ""

    @property
    def content(self) -> bytes:
        """The whole file."""
        return b"".join(self.kept.frames()) if self.kept else b""

    def close(self) -> None:
        """Forget the file."""
        if self.kept is not None:
            self.kept.close()
            self.kept = None


class _NoForm(Exception):  # noqa: N818
    """What came is no form with one file, or more than anybody sends by accident."""


async def read(
    request: web.BaseRequest, allowed: Callable[[Mapping[str, str]], bool], spool: Callable[[], SpooledPart]
) -> Upload | None:
    """The form; None for what is none, or comes from elsewhere.

    Args:
        request: its body is read.
        allowed: judges the fields before a byte of the file is kept.
        spool: makes the place for it.
    """
    upload = Upload(fields={})
    try:
        async with asyncio.timeout(_SECONDS):
            await _parts(aiohttp.MultipartReader(request.headers, request.content), upload, allowed, spool)
    except (*_UNREADABLE, _NoForm):
        upload.close()
        return None
    return upload


async def _parts(
    parts: aiohttp.MultipartReader,
    upload: Upload,
    allowed: Callable[[Mapping[str, str]], bool],
    spool: Callable[[], SpooledPart],
) -> None:
    fields: dict[str, str] = {}
    upload.fields = fields
    for _ in range(_MOST_PARTS):
        part = await parts.next()
        if part is None:
            break
        if not isinstance(part, aiohttp.BodyPartReader) or upload.kept is not None:
            raise _NoForm  # a package in a package, or something behind the file
        if part.name != "file":
            fields[part.name or ""] = await _text(part)
        elif allowed(fields):
            upload.name, upload.kept = (part.filename or "")[:200], spool()
            await _take(part, upload, upload.kept)
        else:
            raise _NoForm
    if upload.kept is None:
        raise _NoForm


async def _text(part: aiohttp.BodyPartReader) -> str:
    content = b""
    while chunk := await part.read_chunk(_CHUNK):
        content += chunk
        if len(content) > _MOST_FIELD:
            raise _NoForm
    return content.decode()


async def _take(part: aiohttp.BodyPartReader, upload: Upload, kept: SpooledPart) -> None:
    """The file; of one that is too large the rest is read and forgotten, so that the answer can be read."""
    while chunk := await part.read_chunk(_CHUNK):
        upload.size += len(chunk)
        if upload.size <= MOST_BYTES:
            kept.write(chunk)
        elif upload.size > 2 * MOST_BYTES:
            raise _NoForm
    _, upload.sha1, _ = kept.finish()
    if upload.size > MOST_BYTES:
        upload.problem = "PUB-21"
    elif not upload.size:
        upload.problem = "PUB-14"
