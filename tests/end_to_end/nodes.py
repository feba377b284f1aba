"""Real nodes as processes, made and told what to do with the command line, as an administrator would.

Most starts are forked from a process that has loaded the program already (`forking`): loading it is the largest part of
a start. Where the process as such is looked at, `forked` is false; then it is the command `xdsnode serve`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import signal
import sqlite3
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from scripts.demonstration.federation import is_free
from tests.commands import XDSNODE, command
from tests.end_to_end.forking import Forked
from tests.end_to_end.wire import Client
from tests.schema import give_schema

AUTHORITY = "2.999.1.1"


_FIRST, _LAST = 20000, 32000  # below the ephemeral range
_taken: dict[int, IO[str]] = {}


def free_base(nodes: int = 1) -> int:
    """A port base whose ten ports are free, for each of `nodes`; no other process of tests gets it as long as this one lives."""
    blocks = (_LAST - _FIRST) // 10
    for block in range(blocks):
        first = _FIRST + (os.getpid() + block) % blocks * 10
        bases = range(first, first + 10 * nodes, 10)
        if bases[-1] < _LAST and all(is_free(port) for port in range(first, first + 10 * nodes)) and _take(bases):
            return first
    raise RuntimeError("no free ports")


def _take(bases: range) -> bool:
    """All of them or none; the locks end with the process."""
    folder = Path(tempfile.gettempdir()) / f"xdsnode-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    files: dict[int, IO[str]] = {}
    for base in bases:
        if base in _taken:
            return False
        files[base] = (folder / str(base)).open("w")
        try:
            fcntl.flock(files[base], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    _taken.update(files)
    return True


@dataclass
class Node:
    """One node: its folder, its process, its description."""

    folder: Path
    base: int
    name: str
    authority: str = AUTHORITY
    process: subprocess.Popen[bytes] | Forked | None = None
    forked: bool = True
    described: dict = field(default_factory=dict)

    @property
    def home(self) -> str:
        return self.described["home_community_id"]

    @property
    def repository(self) -> str:
        return self.described["repository_unique_id"]

    def init(self, ca: Path) -> Node:
        give_schema(self.folder / "data" / "node.db")
        identity = ("--name", self.name, "--port-base", str(self.base), "--authority", self.authority)
        self.run("init", *identity, "--ca", str(ca), "--dev")
        self.described = json.loads(self.run("endpoints", "--json").stdout)
        return self

    def set(self, key: str, value: str) -> None:
        """Set a key of node.toml that has its default."""
        path = self.folder / "node.toml"
        text, changed = re.subn(rf"^# {key} = \S+", f"{key} = {value}", path.read_text(), count=1, flags=re.MULTILINE)
        assert changed == 1, key
        path.write_text(text)

    def launch(self) -> None:
        if self.forked:
            self.process = Forked(self.folder)
            return
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen([XDSNODE, "serve", "--dir", str(self.folder)], stdout=log, stderr=log)

    def start(self) -> Node:
        with contextlib.ExitStack() as if_it_fails:
            if_it_fails.callback(self.stop, signal.SIGKILL)
            self.launch()
            self.wait_ready()
            if_it_fails.pop_all()
        return self

    def wait_ready(self, seconds: float = 120) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert self.process is not None
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.base + 9}/ready", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.02)
        raise AssertionError(f"{self.name} is not ready:\n{(self.folder / 'serve.log').read_text()[-4000:]}")

    def stop(self, sig: int = signal.SIGTERM) -> int | None:
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(60)
            raise
        finally:
            self.process = None
        return code

    def client(self) -> Client:
        return Client.of(self.described)

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command about this node, run in the test's process; with `check` it must succeed."""
        ended = command(*arguments, "--dir", str(self.folder))
        assert not (check and ended.returncode), f"{arguments} -> {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return ended

    def records(self, cid: str) -> dict[int, dict]:
        """The records of one exchange by their kind, each of which there is once."""
        connection = sqlite3.connect(f"file:{self.folder / 'data' / 'node.db'}?mode=ro", uri=True)
        with contextlib.closing(connection):
            wanted = f'"cid":{json.dumps(cid)}'.encode()
            rows = connection.execute("SELECT body FROM audit_record WHERE instr(body, ?)", (wanted,)).fetchall()
        found = [json.loads(body) for (body,) in rows]
        assert len({body["kind"] for body in found}) == len(found)
        return {body["kind"]: body for body in found}

    def know(self, patient: str) -> None:
        self.run("patient", "add", patient)


def connect(nodes: list[Node]) -> None:
    """Make every node a peer of every other, fingerprints compared out of band."""
    exports = {}
    for node in nodes:
        path = node.folder / "export.json"
        path.write_text(node.run("endpoints", "--export").stdout)
        exports[node.name] = path
    for node in nodes:
        for other in nodes:
            if other is not node:
                fingerprint = json.loads(exports[other.name].read_text())["fingerprint"]
                node.run("peer", "add", str(exports[other.name]), "--fingerprint", fingerprint)


@contextlib.contextmanager
def running(nodes: list[Node]) -> Iterator[None]:
    """All of them, started together; whatever fails, none is left over."""
    with contextlib.ExitStack() as ending:
        for node in nodes:
            ending.callback(node.stop)
            node.launch()
        for node in nodes:
            node.wait_ready()
        yield


@contextlib.contextmanager
def federation(folder: Path, count: int = 3, *, apart: bool = False, forked: bool = True) -> Iterator[list[Node]]:
    """`count` running development nodes that know each other and share an assigning authority.

    `apart`: each has one of its own, and all of them are locators.
    """
    base = free_base(count)
    nodes = [Node(folder / f"node{k + 1}", base + 10 * k, f"Institution {k + 1}", forked=forked) for k in range(count)]
    for number, node in enumerate(nodes if apart else ()):
        node.authority = f"2.999.77.{number + 1}"
    for node in nodes:
        node.init(folder / "ca")
    for node in nodes if apart else ():
        node.set("locator", "true")
    with running(nodes):
        connect(nodes)
        yield nodes
