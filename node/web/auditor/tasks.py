"""What takes longer than a page may wait: the verifier, run as the file that an auditor would run elsewhere."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from trust.ledger import hdn_verify

log = logging.getLogger("node.web")

_MOST: Final = 1024 * 1024  # characters of what the verifier says


class Unable(Exception):  # noqa: N818  what happened
    """Why a task cannot be done, in the reader's language."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the verifier said, and its exit status."""

    status: int
    output: str
    complaint: str


@dataclass(slots=True)
class Task:
    """Something that runs; `result` when it is done, `failed` why it could not be done."""

    what: str
    began: float
    subject: str = ""
    result: Any = None
    failed: str = ""
    ended: float = 0.0
    _running: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def done(self) -> bool:
        """Whether there is nothing to wait for any more."""
        return bool(self.ended)

    def start(self, work: Callable[[], Awaitable[Any]]) -> None:
        """Begin; the page looks from time to time."""
        self._running = asyncio.create_task(self._run(work))

    async def _run(self, work: Callable[[], Awaitable[Any]]) -> None:
        try:
            self.result = await work()
        except Unable as problem:
            self.failed = str(problem)
        except Exception as problem:  # whatever it is, the page says so instead of waiting for ever
            log.exception("%s failed", self.what)
            self.failed = type(problem).__name__
        self.ended = asyncio.get_running_loop().time()


async def verifier(*words: str) -> Said:
    """Run hdn_verify.py as a process of its own: it imports nothing of this program and holds nothing of it up."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(Path(hdn_verify.__file__)),
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, complaint = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        raise
    text = complaint.decode("utf-8", "replace").strip()[:2000]
    return Said(process.returncode or 0, output.decode("utf-8", "replace")[:_MOST], text)
