"""scripts/demo: what it promises to those who start it, watch it and end it (interfaces: Environment and scripts)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.demonstration.federation import free_base

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
# As scripts/demo does after it has made the environment, which runs these tests already.
DEMO = [sys.executable, "-P", "-m", "scripts.demonstration"]


class Demo:
    """One run of the demonstration, its output in a file."""

    def __init__(self, folder: Path, base: int, *words: str) -> None:
        self.output = folder.parent / f"output-{time.monotonic_ns()}"
        with self.output.open("wb") as file:
            self.process = subprocess.Popen(
                [*DEMO, "--dir", str(folder), "--port-base", str(base), *words],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def text(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def wait_ready(self, seconds: float = 110) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            if any(line.startswith("ready") for line in self.text().splitlines()):
                return
            time.sleep(0.1)
        raise AssertionError(f"not ready ({self.process.poll()}):\n{self.text()}")

    def ended(self, seconds: float) -> int:
        try:
            return self.process.wait(seconds)
        finally:
            self.process.kill()


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def nobody_listens(base: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not any(listening(port) for port in range(base, base + 30)):
            return True
        time.sleep(0.1)
    return False


@dataclass(frozen=True)
class First:
    """The first start, from nothing to ready and ended by SIGTERM."""

    folder: Path
    base: int
    status: int
    quiet: bool  # whether nobody listened afterwards


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> First:
    folder, base = tmp_path_factory.mktemp("demo") / "kept", free_base(3, 30000 - 30 * (os.getpid() % 100))
    demo = Demo(folder, base)
    demo.wait_ready()
    demo.process.send_signal(signal.SIGTERM)
    return First(folder, base, demo.ended(10), nobody_listens(base, 1))


@pytest.mark.timeout(300)
def test_sigterm_ends_everything_within_ten_seconds(first: First) -> None:
    assert (first.status, first.quiet) == (0, True)


@pytest.mark.timeout(300)
def test_the_folder_holds_nodes_and_folders_without_toml(first: First) -> None:
    folder, base = first.folder, first.base
    assert [path for path in folder.iterdir() if not path.is_dir()] == []
    nodes = sorted(path for path in folder.iterdir() if list(path.glob("*.toml")))
    assert [[one.name for one in path.glob("*.toml")] for path in nodes] == [["node.toml"]] * 3
    for k, node in enumerate(nodes):
        assert f"port_base = {base + 10 * k}" in (node / "node.toml").read_text(encoding="utf-8")


@pytest.mark.timeout(300)
def test_a_second_start_continues_and_shows_everything(first: First) -> None:
    folder, base = first.folder, first.base
    demo = Demo(folder, base, "--exit")
    assert demo.ended(110) == 0, demo.text()
    assert "making" not in demo.text()
    assert "10 documents found, 10 fetched" in demo.text()
    assert f"to go on: scripts/demo --dir {folder}" in demo.text().splitlines()[-1]
    assert nobody_listens(base, 1)


@pytest.mark.timeout(300)
def test_children_die_with_their_parent(first: First) -> None:
    folder, base = first.folder, first.base
    demo = Demo(folder, base)
    demo.wait_ready()
    demo.process.kill()
    demo.process.wait()
    assert nobody_listens(base, 5)


@pytest.mark.timeout(300)
def test_a_taken_port_is_named(first: First) -> None:
    folder, base = first.folder, first.base
    with socket.create_server(("127.0.0.1", base + 11)):
        demo = Demo(folder, base, "--exit")
        assert demo.ended(30) == 2
    assert str(base + 11) in demo.text()


def test_other_ports_than_those_kept_are_refused(first: First) -> None:
    folder, base = first.folder, first.base
    demo = Demo(folder, base + 30, "--exit")
    assert demo.ended(30) == 2
    assert str(base) in demo.text()
