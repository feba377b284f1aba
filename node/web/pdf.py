"""Pages of a PDF as pictures, drawn by a process that is thrown away (`pdf_worker`)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from dataclasses import dataclass
from typing import Final

_SECONDS: Final = 15.0
_AT_ONCE: Final = asyncio.Semaphore(2)
MOST_PAGES: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One page: the picture (PNG), its size in pixels, its text, and how many pages there are."""

    picture: bytes
    width: int
    height: int
    text: str
    pages: int


async def draw(content: bytes, number: int) -> Drawn | None:
    """Page `number`, from 1; None when the document cannot be drawn within the bounds."""
    async with _AT_ONCE:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "node.web.pdf_worker", str(number)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
        )
        try:
            async with asyncio.timeout(_SECONDS):
                answer, _ = await process.communicate(content)
        except TimeoutError:
            return None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
    head, _, picture = answer.partition(b"\n")
    if process.returncode or not picture.startswith(b"\x89PNG"):
        return None
    said = json.loads(head)
    return Drawn(
        picture=picture, width=said["width"], height=said["height"], text=said["text"], pages=min(said["pages"], 99_999)
    )
