"""Some development nodes in one folder: made once, then kept. Node k has the ports N+10(k-1) to N+10(k-1)+9."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.demonstration.processes import XDSNODE, CommandFailed, start, together, xdsnode

AUTHORITY = "2.999.1.1"  # the assigning authority of the patient ids that all institutions share
WEB, HTTPS, MLLP, MANAGEMENT = 0, 1, 2, 9  # places in a node's block of ten ports
_KEPT = "demo"  # the folder beside the nodes: what this script remembers, logs, documents; no *.toml below it


class PortTaken(Exception):  # noqa: N818
    """Something else listens on a port that a node needs."""


class WrongState(Exception):  # noqa: N818
    """The folder cannot be continued with what was asked for."""


@dataclass(slots=True)
class Node:
    """One institution: its folder, its block of ports, its process while it runs."""

    number: int
    folder: Path
    base: int
    name: str
    process: subprocess.Popen[bytes] | None = None
    described: dict[str, Any] = field(default_factory=dict)

    @property
    def exists(self) -> bool:
        """Whether it was made already."""
        return (self.folder / "node.toml").is_file()

    def describe(self) -> dict[str, Any]:
        """What `endpoints --json` says, asked once."""
        if not self.described:
            self.described = json.loads(xdsnode("endpoints", "--json", "--dir", str(self.folder)).out)
        return self.described

    @property
    def state_url(self) -> str:
        """Where it says whether it is ready."""
        return f"http://127.0.0.1:{self.base + MANAGEMENT}/ready"

    def answers(self) -> bool:
        """Whether it is ready for requests."""
        try:
            with urllib.request.urlopen(self.state_url, timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


class Federation:
    """Nodes below `folder`, connected with each other in both directions."""

    def __init__(self, folder: Path, names: Sequence[str], base: int | None, default_base: int) -> None:
        """Look at what is kept in `folder`; `base` None means the kept ports, else the default.

        Raises:
            WrongState: the nodes in the folder have other ports than `base`.
        """
        self.folder = folder
        self._state_path = folder / _KEPT / "state.json"
        self._state: dict[str, Any] = {}
        with contextlib.suppress(FileNotFoundError):
            self._state = json.loads(self._state_path.read_text(encoding="utf-8"))
        kept = self._state.get("port_base")
        if kept is not None and base not in (None, kept):
            raise WrongState(f"the nodes in {folder} have port base {kept}; use that or another folder")
        self.base: int = kept or base or default_base
        self.nodes = [
            Node(k, folder / f"node{k}", self.base + 10 * (k - 1), name) for k, name in enumerate(names, start=1)
        ]

    @property
    def kept(self) -> Path:
        """The folder for everything that is no node."""
        return self._state_path.parent

    def done(self, step: str) -> bool:
        """Whether an earlier start finished `step`."""
        return bool(self._state.get(step))

    def mark(self, step: str, value: object = True) -> None:
        """Remember that `step` is finished."""
        self._state[step] = value
        self.kept.mkdir(parents=True, exist_ok=True)
        fresh = self._state_path.with_suffix(".new")
        fresh.write_text(json.dumps(self._state, indent=1), encoding="utf-8")
        fresh.replace(self._state_path)

    def check_ports(self) -> None:
        """Raise PortTaken for the first port that a node needs and cannot have."""
        for node in self.nodes:
            for place in (WEB, HTTPS, MLLP, MANAGEMENT):
                if not is_free(node.base + place):
                    raise PortTaken(f"port {node.base + place} (node {node.number}) is taken by another program")

    def make(self) -> None:
        """Make the nodes that are missing. What exists stays as it is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mark("port_base", self.base)
        missing = [node for node in self.nodes if not node.exists]
        for part in (missing[:1], missing[1:]):  # the first one makes the common development CA
            together([self._init(node) for node in part])

    def _init(self, node: Node) -> list[str]:
        return [
            *("init", "--dev", "--dir", str(node.folder), "--name", node.name, "--port-base", str(node.base)),
            *("--authority", AUTHORITY, "--ca", str(self.kept / "ca")),
        ]

    def _connect(self) -> None:
        exports = together([["endpoints", "--export", "--dir", str(node.folder)] for node in self.nodes])
        folder = self.kept / "exports"
        folder.mkdir(exist_ok=True)
        fingerprints = {}
        for node, export in zip(self.nodes, exports, strict=True):
            (folder / f"node{node.number}.json").write_text(export.out, encoding="utf-8")
            fingerprints[node.number] = json.loads(export.out)["fingerprint"]
        for distance in range(1, len(self.nodes)):  # each node learns of one peer per round, all nodes at once
            together(
                [
                    [
                        *("peer", "add", str(folder / f"node{other}.json"), "--fingerprint", fingerprints[other]),
                        *("--dir", str(node.folder)),
                    ]
                    for node in self.nodes
                    for other in [(node.number - 1 + distance) % len(self.nodes) + 1]
                ]
            )

    def start(self, seconds: float = 40) -> None:
        """Start every node, wait until all answer, and tell each about the others where that is not done yet.

        Raises:
            CommandFailed: one ended or did not answer in time; its log is in the message.
        """
        logs = self.kept / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        for node in self.nodes:
            with (logs / f"node{node.number}.log").open("ab") as log:
                node.process = start([XDSNODE, "serve", "--dir", str(node.folder)], log)
        until = time.monotonic() + seconds
        waiting = list(self.nodes)
        while waiting:
            waiting = [node for node in waiting if not node.answers()]
            ended = self.ended()
            if ended or time.monotonic() > until:
                node = (ended or waiting)[0]
                raise CommandFailed(f"node {node.number} does not answer; the end of its log:\n{self.log_tail(node)}")
            if waiting:
                time.sleep(0.05)
        if not self.done("connected"):
            self._connect()  # by the running nodes: a command without one would have to load all of it
            self.mark("connected")

    def log_tail(self, node: Node) -> str:
        """The last lines that a node logged."""
        lines = (self.kept / "logs" / f"node{node.number}.log").read_text("utf-8", "replace").splitlines()
        return "\n".join(lines[-15:])

    def ended(self) -> list[Node]:
        """Nodes that were started and run no longer."""
        return [node for node in self.nodes if node.process is not None and node.process.poll() is not None]

    def stop(self, seconds: float = 7) -> None:
        """End every node: politely, and after `seconds` for certain."""
        running = [node.process for node in self.nodes if node.process is not None and node.process.poll() is None]
        for process in running:
            process.terminate()
        until = time.monotonic() + seconds
        for process in running:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for node in self.nodes:
            node.process = None


def is_free(port: int) -> bool:
    """Whether nobody listens there, on this machine alone."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_base(nodes: int, first: int = 32000) -> int:
    """A port base (below the ephemeral ports) whose blocks of ten are free for `nodes` nodes."""
    for base in range(first, 18000, -10 * nodes):
        if all(is_free(port) for port in range(base, base + 10 * nodes)):
            return base
    raise PortTaken("no free block of ports")
