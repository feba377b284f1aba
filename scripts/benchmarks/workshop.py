"""The processes of a run, each on its core, and a target as the measurement sees it: start, load, count, end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from scripts.benchmarks import machine
from scripts.benchmarks.rounds import Measured, Round, Slice, palindrome
from scripts.benchmarks.wire import Tls
from scripts.demonstration.federation import free_base
from scripts.demonstration.processes import dies_with_parent


class BenchError(Exception):
    """A process of the run did not do its part, or answers were wrong."""


class Target(Protocol):
    """Something that can be kept busy for a while."""

    def run(self, seconds: float) -> dict[str, Any]:
        """Counts of one slice, with `cpu` the server's CPU seconds."""


@dataclass(frozen=True, slots=True)
class Server:
    """A process under load."""

    port: int
    process: subprocess.Popen[str]


@dataclass(frozen=True, slots=True)
class Aim:
    """One target of the load generator: where and what is sent."""

    server: Server
    template: bytes
    connections: int
    same: bool = False  # whether a patient's answer must always have the same length
    marker: str = ""  # what must stand in the body of every answer that is looked at


class Loaded:
    """A target that the load generator keeps busy."""

    def __init__(self, load: Load, name: str, server: Server) -> None:
        """`name` is the generator's name of the target."""
        self._load, self._name, self._server = load, name, server

    def run(self, seconds: float, *, each: bool = False) -> dict[str, Any]:
        """Counts of one slice; `each`: also when every request began, and what it took (ns of `perf_counter`)."""
        before = machine.cpu_seconds(self._server.process.pid)
        counted = self._load.order(target=self._name, seconds=seconds, each=each)
        counted["cpu"] = machine.cpu_seconds(self._server.process.pid) - before
        return counted

    @property
    def process(self) -> subprocess.Popen[str]:
        """The load generator, which has its connections open until it ends."""
        return self._load.process

    def once(self) -> dict[str, Any]:
        """One request alone; `body` in the answer is a file."""
        return self._load.order(target=self._name, once=True)


class Lines:
    """A child that reads and answers JSON lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Its first line says that it is ready."""
        self.process = process

    def read(self) -> dict[str, Any]:
        """The next answer.

        Raises:
            BenchError: it ended, or says what went wrong.
        """
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise BenchError(f"{self.process.args!r} ended with {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BenchError(answer["error"])
        return answer

    def order(self, **order: object) -> dict[str, Any]:
        """Send one order and wait for its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self.read()


class Load(Lines):
    """The load generator of one case."""


class Workshop:
    """Starts what a run needs and ends all of it."""

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        """Everything is kept below `folder`; `report` is told what goes on."""
        self.folder = folder
        self.report = report
        self.cores = machine.cores()
        self._running: list[subprocess.Popen[str]] = []
        self._numbers = int(time.time()) % 10**8 * 1000  # so that a second run meets no old uniqueId
        self._next_base = 31000
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Workshop:
        """Nothing runs yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every process."""
        for process in self._running:
            self.end(process)

    def ports(self, nodes: int = 1) -> int:
        """A port base for `nodes` nodes or controls, given out once."""
        base = free_base(nodes, self._next_base)
        self._next_base = base - 10
        return base

    def start(
        self, arguments: Sequence[str], *, core: int = 0, log: str = "", reads: bool = False
    ) -> subprocess.Popen[str]:
        """Start a child on one of the two cores."""
        prepare = dies_with_parent()
        pinned = {self.cores[core]} if self.cores else None

        def before() -> None:
            prepare()
            if pinned:
                os.sched_setaffinity(0, pinned)

        with (self.folder / f"{log or 'child'}.log").open("a") as file:
            process = subprocess.Popen(
                list(arguments),
                stdin=subprocess.PIPE if reads else subprocess.DEVNULL,
                stdout=subprocess.PIPE if reads or not log else file,
                stderr=file,
                text=True,
                start_new_session=True,
                preexec_fn=before,  # noqa: PLW1509  (one thread only)
            )
        self._running.append(process)
        return process

    def module(self, name: str, *arguments: str, core: int = 0, reads: bool = False) -> Lines:
        """Start a module of this package that speaks JSON lines, and wait for its first one."""
        lines = Lines(
            self.start([sys.executable, "-P", "-m", f"scripts.benchmarks.{name}", *arguments], core=core, reads=reads)
        )
        lines.read()
        return lines

    def end(self, process: subprocess.Popen[str]) -> None:
        """End a child: politely, then for certain."""
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(8)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process in self._running:
            self._running.remove(process)

    def load(self, tls: Tls, aims: Mapping[str, Aim], patients: int) -> dict[str, Loaded]:
        """Start a load generator with all its connections open, and give its targets by name."""
        specs = {}
        for name, aim in aims.items():
            self._numbers += 10_000_000
            template = self.folder / f"request-{name}.http"
            template.write_bytes(aim.template)
            requests = {"template": str(template), "first": self._numbers, "patients": patients, "same": aim.same}
            specs[name] = {
                **{"ca": tls.ca, "cert": tls.cert, "key": tls.key, "port": aim.server.port, "marker": aim.marker},
                **{"connections": aim.connections, "requests": requests},
                "answers": str(self.folder / f"answer-{name}"),
            }
        process = self.start([sys.executable, "-P", "-m", "scripts.benchmarks.load"], core=1, reads=True)
        load = Load(process)
        load.order(**specs)
        return {name: Loaded(load, name, aim.server) for name, aim in aims.items()}


def measure(
    targets: Mapping[str, Target],
    *,
    control: str,
    seconds: float,
    least_share: float = 0.0,
    report: Callable[[str], None],
) -> Measured:
    """Run rounds until enough of them count, or too many do not.

    Raises:
        BenchError: answers were wrong: speed with wrong answers is no speed.
    """
    measured = Measured(control, least_share)
    for target in targets.values():
        target.run(min(1.0, seconds))  # caches, code paths and connections are warm before anything counts
    while not measured.finished:
        stolen, all_time = machine.jiffies()
        slices = tuple(_slice(name, targets[name], seconds) for name in palindrome(list(targets)))
        stolen_after, all_after = machine.jiffies()
        one = Round(slices, (stolen_after - stolen) / max(all_after - all_time, 1))
        measured.take(one)
        rates = ", ".join(f"{name} {one.rate(name):,.0f}" for name in targets)
        void = one.void(control, least_share)
        report(f"  per CPU second: {rates}" + (f"   void: {void}" if void else ""))
    return measured


def _slice(name: str, target: Target, seconds: float) -> Slice:
    counted = target.run(seconds)
    if counted["wrong"]:
        raise BenchError(
            f"{name}: {counted['wrong']} of {counted['done']} answers were wrong: {counted['first_wrong']}"
        )
    return Slice(
        name,
        counted["done"],
        counted["seconds"],
        counted["cpu"],
        counted["p50"],
        counted["p99"],
        counted["p999"],
    )
