"""Starts of a node that cost no imports: a process that has loaded the node's program and forks for each start.

What is forked is a real process with everything of its own that `serve` opens, locks or writes; only Python and the
modules were loaded before. Run as a module it is that process: one JSON command a line on its input, one answer a line.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

from scripts.demonstration.processes import dies_with_parent

ROOT = Path(__file__).resolve().parents[2]


class Launcher:
    """The process that forks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.end_to_end.forking"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **command: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())


@cache
def launcher() -> Launcher:
    """The one of this process, with which it ends."""
    return Launcher()


class Forked:
    """One forked node, as far as `Node` needs a `Popen`."""

    def __init__(self, folder: Path) -> None:
        self.pid: int = launcher().ask(do="serve", folder=str(folder), log=str(folder / "serve.log"))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = launcher().ask(do="poll", pid=self.pid)
        return self.returncode

    def wait(self, seconds: float = 60) -> int:
        until = time.monotonic() + seconds
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(f"node {self.pid}", seconds)
            time.sleep(0.01)
        return code

    def send_signal(self, sig: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _serve(folder: str, log: str) -> None:
    """In the child: as the command would, with the log in a file."""
    from node.cli import main

    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    status = 1
    try:
        status = main(["serve", "--dir", folder])
    finally:
        os._exit(status)


def _answer(command: dict[str, Any]) -> Any:
    if command["do"] == "serve":
        prepare = dies_with_parent()
        child = os.fork()
        if not child:
            prepare()
            _serve(command["folder"], command["log"])
        return child
    ended, status = os.waitpid(command["pid"], os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _run() -> None:
    import node.cli
    import node.commands.serve
    import node.serving  # noqa: F401

    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    _run()
