"""Documents drawn by a process that is thrown away (`worker`): what is asked, how long it may take, what is believed.

Bounds: 5 s of processor time and 256 MB for CDA and text, 10 s and 512 MB for PDF, images and CDA that hold them
(ui 6.7; threats I15). On the clock it may be three times as long: a busy machine is no reason to show nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.web.drawing import kinds
from node.web.drawing.checked import is_drawing
from node.web.drawing.header import Subject

_AT_ONCE: Final = asyncio.Semaphore(2)
_MOST_ANSWER: Final = 64 << 20
_TEXTS: Final = (5, 256 << 20)  # seconds of processor time, bytes of memory
_PICTURES: Final = (10, 512 << 20)
_ON_THE_CLOCK: Final = 3  # times the bound of processor time
FORMS: Final = ("cda", "text", "pdf", "image", "none", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One document as it is shown.

    `form` is one of `FORMS`. `html` passed `checked` (of a PDF within a CDA it is the header alone); `picture` is WebP,
    the page that was asked for, `texts`
    those of the first pages of a PDF; `why` says what failed: time, memory, damaged, password, pixels, xml, or a name.
    """

    form: str
    kind: str = ""
    html: str = ""
    picture: bytes = b""
    width: int = 0
    height: int = 0
    full: tuple[int, int] = (0, 0)
    pages: int = 0
    text: str = ""
    texts: tuple[str, ...] = ()
    active: tuple[str, ...] = ()
    subject: Subject | None = None
    why: str = ""


async def draw(
    content: bytes,
    *,
    words: Mapping[str, str],
    language: str = "",
    number: int = 1,
    full: bool = False,
    turn: int = 0,
) -> Drawn:
    """Draw a document, or page `number` of it.

    Args:
        content: the document.
        words: our own texts in the reader's language.
        language: of the document, for texts that do not say how they are written.
        number: of the page, from 1.
        full: an image in its own size, not to fit a screen.
        turn: an image turned to the right by so many degrees.
    """
    job = {"what": "look", "words": dict(words), "language": language, "number": number, "full": full, "turn": turn}
    return await _ask(job, content)


async def text_of(content: bytes, language: str = "") -> str | None:
    """The text of a document on one line, as far as it has one; None when it could not be read within the bounds."""
    read = await _ask({"what": "text", "language": language}, content)
    return None if read.form == "failed" else read.text


async def compare(former: bytes, latter: bytes, *, words: Mapping[str, str], language: str = "") -> Drawn:
    """The texts of two documents side by side; `why` is "kind" where one of them has no text."""
    job = {"what": "compare", "split": len(former), "words": dict(words), "language": language}
    return await _ask(job, former + latter)


async def _ask(job: Mapping[str, object], content: bytes) -> Drawn:
    kind = kinds.kind_of(content)
    pictures = kind == kinds.PDF or kind in kinds.IMAGES or (kind == kinds.CDA and b"B64" in content)
    seconds, memory = _PICTURES if pictures else _TEXTS
    async with _AT_ONCE:
        answer = await _answered(json.dumps(job).encode() + b"\n", content, seconds, memory)
    if isinstance(answer, str):
        return Drawn(form="failed", kind=kind, why=answer)
    try:
        return _believed(*answer)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Drawn(form="failed", kind=kind, why="answer")


async def _answered(job: bytes, content: bytes, seconds: int, memory: int) -> tuple[bytes, bytes] | str:
    """The line and the picture that the process said; or why it said nothing."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "node.web.drawing.worker", str(memory), str(seconds)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
        start_new_session=True,
        limit=1 << 20,
    )
    sending = asyncio.create_task(_send(process, job, content))
    try:
        async with asyncio.timeout(seconds * _ON_THE_CLOCK):
            said = await _received(process)
            status = await process.wait()
    except TimeoutError:
        return "time"
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if status:
        return "time" if status in (-9, -24) else "damaged"
    head, _, picture = said.partition(b"\n")
    return head, picture


async def _send(process: asyncio.subprocess.Process, job: bytes, content: bytes) -> None:
    if process.stdin is None:
        return
    with contextlib.suppress(ConnectionError):
        process.stdin.write(job)
        process.stdin.write(content)
        await process.stdin.drain()
    process.stdin.close()


async def _received(process: asyncio.subprocess.Process) -> bytes:
    pieces, size = [], 0
    while process.stdout is not None and (piece := await process.stdout.read(1 << 20)):
        size += len(piece)
        if size > _MOST_ANSWER:
            raise TimeoutError
        pieces.append(piece)
    return b"".join(pieces)


def _believed(head: bytes, picture: bytes) -> Drawn:
    """An answer as values of the right kinds within their bounds.

    Raises:
        ValueError: the answer is not one of ours.
    """
    said: dict[str, Any] = json.loads(head)
    form, html = str(said["form"]), str(said.get("html", ""))
    if form not in FORMS or not is_drawing(html) or (picture and not picture[8:12] == b"WEBP"):
        raise ValueError("not a drawing")
    if form in ("pdf", "image") and not picture:
        raise ValueError("no picture")
    about = said.get("subject")
    return Drawn(
        form=form,
        kind=str(said.get("kind", "")),
        html=html,
        picture=picture,
        width=_small(said.get("width", 0)),
        height=_small(said.get("height", 0)),
        full=(_small(said["full"][0]), _small(said["full"][1])) if said.get("full") else (0, 0),
        pages=_small(said.get("pages", 0)),
        text=str(said.get("text", "")),
        texts=tuple(str(one) for one in said.get("texts", ())),
        active=tuple(str(one)[:20] for one in said.get("active", ())),
        subject=None
        if about is None
        else Subject(
            names=tuple(str(one) for one in about["names"]),
            born=str(about["born"]),
            sex=str(about["sex"]),
            numbers=tuple((str(extension), str(root)) for extension, root in about["numbers"]),
        ),
        why=str(said.get("why", ""))[:40],
    )


def _small(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < 100_000:
        raise ValueError("not a size")
    return value
