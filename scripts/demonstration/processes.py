"""Child processes that never outlive the script, and commands of `xdsnode` run beside each other."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

XDSNODE = str(Path(sys.executable).with_name("xdsnode"))
_PR_SET_PDEATHSIG = 1
_PARTLY = 4


class CommandFailed(Exception):  # noqa: N818
    """A command of `xdsnode` ended with another status than 0; says which and what it printed."""


def dies_with_parent() -> Callable[[], None]:
    """For `preexec_fn`: the kernel ends the child when this process ends, however it ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the line above
            os._exit(1)

    return prepare


def start(arguments: Sequence[str], output: IO[bytes] | int) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, so that Ctrl-C reaches this script alone."""
    return subprocess.Popen(
        list(arguments),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=dies_with_parent(),  # noqa: PLW1509  (one thread only)
    )


@dataclass(frozen=True, slots=True)
class Ended:
    """What one command printed."""

    out: str
    err: str


def xdsnode(*arguments: str, partly: bool = False) -> Ended:
    """Run one command of `xdsnode`. With `partly`, status 4 (somebody could not be asked) is good enough.

    Raises:
        CommandFailed: its status was another one than 0.
    """
    return together([arguments], good=(0, _PARTLY) if partly else (0,))[0]


def together(commands: Sequence[Sequence[str]], good: Sequence[int] = (0,)) -> list[Ended]:
    """Run several commands of `xdsnode` at once and return what each printed.

    Raises:
        CommandFailed: the status of one of them was not among `good`.
    """
    running = [
        subprocess.Popen(
            [XDSNODE, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=dies_with_parent(),  # noqa: PLW1509  (one thread only)
        )
        for arguments in commands
    ]
    try:
        ended = [Ended(*process.communicate()) for process in running]
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
    for process, arguments, said in zip(running, commands, ended, strict=True):
        if process.returncode not in good:
            raise CommandFailed(
                f"xdsnode {' '.join(arguments)} ended with {process.returncode}:\n{said.out}{said.err}".rstrip()
            )
    return ended
