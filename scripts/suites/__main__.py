"""Command line of `scripts/test`.

Status 0 when nothing failed, 1 when something did, 2 for wrong usage (also --conformance without ../shared).
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from scripts.suites import conformance, fuzz, unit
from scripts.suites.outcome import ROOT, SHARED, Request, Status, Suite, command, has_shared

GATES = (
    Suite("format", "ruff format --check", command("ruff", "format", "--check", ".")),
    Suite("lint", "ruff check", command("ruff", "check", ".")),
    Suite("types", "mypy", command("mypy")),
    Suite("imports", "lint-imports", command("lint-imports")),
    Suite("tests", "pytest", unit.fast),
)
ADDED = (
    Suite("conformance", "NIST's plans against a fresh federation of three nodes", conformance.run),
    Suite("long", "the tests that take tens of seconds each", unit.long),
    Suite("faults", "kill -9 under load, full disk", unit.faults),
    Suite("arr", "rsyslog as Audit Record Repository, stopped and killed under load", unit.arr),
    Suite("security", "openssl, xmlsec1 and sslyze against a real node", unit.security),
    Suite("fuzz", "every message reader under atheris, or by mutation", fuzz.run),
    Suite("browser", "the pages in Chromium, with the demonstration behind them", unit.browser),
)


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/test", description="Run the gates: " + ", ".join(suite.title for suite in GATES) + "."
    )
    for suite in ADDED:
        parser.add_argument(f"--{suite.name}", action="store_true", help=f"also: {suite.title}")
    parser.add_argument("--only", choices=[suite.name for suite in GATES + ADDED], help="run this one suite alone")
    parser.add_argument("--cycles", type=int, default=500, metavar="N", help="kill cycles of --faults (default 500)")
    parser.add_argument("--seed", type=int, metavar="N", help="repeat a run of --faults or --fuzz with this seed")
    parser.add_argument("--minutes", type=float, default=1.0, metavar="N", help="of --fuzz for each reader (default 1)")
    return parser.parse_args(words)


def _chosen(options: argparse.Namespace) -> list[Suite]:
    if options.only:
        return [suite for suite in GATES + ADDED if suite.name == options.only]
    return [*GATES, *(suite for suite in ADDED if getattr(options, suite.name))]


def _run(suite: Suite, request: Request) -> Status:
    print(f"\n=== {suite.name}: {suite.title}", flush=True)
    started = time.monotonic()
    status = suite.run(request)
    print(f"--- {suite.name}: {status} in {time.monotonic() - started:.1f} s", flush=True)
    return status


def main(words: list[str]) -> int:
    """Run what was asked for and list it: passed, failed, and skipped last."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    options = _arguments(words)
    chosen = _chosen(options)
    if any(suite.name == "conformance" for suite in chosen) and not has_shared():
        print(f"--conformance needs the given data: {SHARED} is not there", file=sys.stderr)
        return 2
    os.chdir(ROOT)
    started = time.monotonic()
    request = Request(options.cycles, options.seed, options.minutes)
    ended = [(suite.name, _run(suite, request)) for suite in chosen]
    if not has_shared():
        print("\n../shared is not beside the checkout: the tests that read it were left out")
        ended.append(("shared", Status.SKIPPED))
    print(f"\n=== {time.monotonic() - started:.0f} s in all")
    for wanted in (Status.PASSED, Status.FAILED, Status.SKIPPED):
        for name, status in ended:
            if status is wanted:
                print(f"{status}: {name}")
    return 1 if any(status is Status.FAILED for _, status in ended) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
