"""The test suites that are pytest: the fast one of every run, and the fault suite."""

from __future__ import annotations

import re
import sys

from scripts.suites.outcome import RESULTS, Request, Status, echoed, of_status

_CLOSING = re.compile(r"^=* ?(\d+ (passed|failed|error|skipped)|no tests ran)")


def fast(_: Request) -> Status:
    """Every test below `tests/` but the fault suite, on two workers."""
    status, lines = echoed([sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup"])
    RESULTS.mkdir(exist_ok=True)
    closing = next((line for line in reversed(lines) if _CLOSING.match(line)), "pytest gave no closing line")
    (RESULTS / "pytest-closing-line.txt").write_text(closing.strip("= ") + "\n", encoding="utf-8")
    return of_status(status)


def faults(request: Request) -> Status:
    """`kill -9` under load and a full disk, against a real node (tests/faults)."""
    arguments = [sys.executable, "-m", "pytest", "-q", "-s", "--timeout", "0", "tests/faults"]
    arguments += ["--cycles", str(request.cycles)]
    if request.seed is not None:
        arguments += ["--seed", str(request.seed)]
    status, _ = echoed(arguments)
    return of_status(status)


def nothing_yet(_: Request) -> Status:
    """A suite that the interface names and that has no tests so far."""
    print("nothing belongs to this suite yet")
    return Status.SKIPPED
