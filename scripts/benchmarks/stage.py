"""Nodes that are measured: made with the command line, filled once and kept, measured as a copy."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from scripts.benchmarks.machine import ROOT, cpu_seconds
from scripts.benchmarks.metadata import AUTHORITY
from scripts.benchmarks.wire import Tls
from scripts.benchmarks.workshop import BenchError, Server, Workshop
from scripts.demonstration.federation import HTTPS, MANAGEMENT
from scripts.demonstration.processes import XDSNODE, xdsnode

# What decides how a filled database looks: when one of these changes, it is filled again.
_DECIDES: Final = (
    "scripts/benchmarks/metadata.py",
    "scripts/benchmarks/seeding.py",
    "registry/store/tables.py",
    "registry/store/submissions.py",
    "registry/store/dictionaries.py",
    "registry/ebrim/writer.py",
    "registry/ebrim/fragments.py",
    "trust/ledger/tables.py",
)
_AT_REST: Final = 0.05  # seconds of CPU that a node uses in a second in which nobody asks it anything
_RESTS: Final = 3  # seconds of rest in a row: longer than until it looks whether its audit index is behind


def _fingerprint() -> str:
    digest = hashlib.sha256()
    migrations = sorted((ROOT / "node" / "migrations" / "versions").glob("r*.py"))
    for path in (*(ROOT / name for name in _DECIDES), *migrations):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


class Stage:
    """One node under measurement, running on the server's core."""

    def __init__(self, workshop: Workshop, folder: Path, base: int) -> None:
        """`folder` holds a node; it gets the ports from `base` on."""
        self._workshop = workshop
        self.folder = folder
        self.base = base
        config = folder / "node.toml"
        text, changed = re.subn(
            r"^port_base = \d+", f"port_base = {base}", config.read_text(encoding="utf-8"), flags=re.MULTILINE
        )
        if changed != 1:
            raise BenchError(f"{config} has no port_base")
        config.write_text(text, encoding="utf-8")
        self.described: dict[str, Any] = json.loads(xdsnode("endpoints", "--json", "--dir", str(folder)).out)
        self.server: Server

    def start(self, command: Sequence[str] = (XDSNODE, "serve")) -> Stage:
        """Start it and wait until it answers.

        Raises:
            BenchError: it did not.
        """
        process = self._workshop.start([*command, "--dir", str(self.folder)], log=f"node-{self.folder.name}")
        self.server = Server(self.base + HTTPS, process)
        until = time.monotonic() + 60
        while time.monotonic() < until and process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.base + MANAGEMENT}/ready", timeout=1) as answer:
                    if answer.status == 200:
                        return self
            except OSError:
                time.sleep(0.05)
        raise BenchError(f"{self.folder.name} does not answer; see {self._workshop.folder}/node-{self.folder.name}.log")

    def settle(self) -> None:
        """Wait until it rests: what it still does because of an earlier case is not charged to the next one."""
        until, resting = time.monotonic() + 120, 0
        while resting < _RESTS and time.monotonic() < until:
            before = cpu_seconds(self.pid)
            time.sleep(1)
            resting = resting + 1 if cpu_seconds(self.pid) - before < _AT_REST else 0

    def stop(self) -> None:
        """End it."""
        self._workshop.end(self.server.process)

    @property
    def pid(self) -> int:
        """The process that is measured."""
        return self.server.process.pid

    @property
    def tls(self) -> Tls:
        """The development client of the node."""
        files = self.described["tls"]
        return Tls(files["ca"], files["client_cert"], files["client_key"])

    def path(self, transaction: str) -> str:
        """The path of an endpoint."""
        return "/" + str(self.described["endpoints"][transaction]).split("/", 3)[3]


def filled(workshop: Workshop, documents: int) -> Path:
    """The folder of a node with so many documents; made when it is not kept from an earlier run."""
    kept = workshop.folder / "nodes" / f"{documents}-{_fingerprint()}"
    if (kept / "node.toml").is_file():
        return kept
    from scripts.benchmarks.seeding import fill  # noqa: PLC0415  the registry is imported only when there is work

    shutil.rmtree(kept.parent / "making", ignore_errors=True)
    making = kept.parent / "making" / "node"
    workshop.report(f"filling a node with {documents:,} documents (kept in {kept})")
    xdsnode(
        *("init", "--dev", "--dir", str(making), "--name", "Benchmark", "--port-base", str(workshop.ports())),
        *("--authority", AUTHORITY, "--ca", str(kept.parent / "making" / "ca")),
    )
    described = json.loads(xdsnode("endpoints", "--json", "--dir", str(making)).out)
    fill(making / "data" / "node.db", documents, described["repository_unique_id"], workshop.report)
    making.rename(kept)
    return kept


def staged(workshop: Workshop, source: Path, name: str) -> Stage:
    """A fresh copy of a filled node, not running yet."""
    copy = workshop.folder / "work" / "nodes" / name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("control.sock"))
    return Stage(workshop, copy, workshop.ports())
