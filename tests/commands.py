"""Commands of `xdsnode`: as a process of its own, or in the test's process where the process is not the point.

Starting Python costs more than most commands do, so a test that only needs something done uses `command`.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

from node.cli import main

_MASK = os.umask(0o077)
os.umask(_MASK)
XDSNODE = str(Path(sys.executable).with_name("xdsnode"))


def process(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """One command as a real process without a terminal."""
    return subprocess.run(
        [XDSNODE, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
    )


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The same command in this process: its exit status and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            mock.patch.object(sys, "stdin", io.StringIO()),
        ):
            status = main(arguments)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    finally:
        os.umask(_MASK)  # not what was found: another command may run beside this one
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())
