"""What a suite hands back, and what it is given."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
RESULTS = ROOT / ".test-results"


class Status(StrEnum):
    """How a suite ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked of the suites that take options."""

    cycles: int
    seed: int | None
    minutes: float = 1.0


@dataclass(frozen=True, slots=True)
class Suite:
    """One gate: a short name for `--only`, a heading, and what it does."""

    name: str
    title: str
    run: Callable[[Request], Status]


def has_shared() -> bool:
    """Whether the given reference data lies beside the checkout."""
    return (SHARED / "README.md").is_file()


def command(*arguments: str) -> Callable[[Request], Status]:
    """A gate that is one command of the environment; its output goes straight through."""

    def run(_: Request) -> Status:
        return of_status(subprocess.run([tool(arguments[0]), *arguments[1:]], cwd=ROOT, check=False).returncode)

    return run


def tool(name: str) -> str:
    """A command of the environment that runs this script."""
    return str(Path(sys.executable).with_name(name))


def of_status(status: int) -> Status:
    """Exit status 0 is passed, everything else failed."""
    return Status.PASSED if status == 0 else Status.FAILED


def echoed(arguments: Sequence[str]) -> tuple[int, list[str]]:
    """Run a command, show its output line by line as it comes, and hand it back with the exit status."""
    lines: list[str] = []
    with subprocess.Popen(
        list(arguments), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line.rstrip("\n"))
    return process.returncode, lines
