"""Command line of `scripts/bench`: status 0 when no gate failed, 1 when one did, 2 when the run could not be done."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from scripts.benchmarks import machine
from scripts.benchmarks.audit import audit
from scripts.benchmarks.cases import Case, growth, iti18, iti41, iti42, iti43
from scripts.benchmarks.fanout import fanout
from scripts.benchmarks.federations import communities, fifty
from scripts.benchmarks.findings import findings
from scripts.benchmarks.huge_document import memory
from scripts.benchmarks.machine import ROOT
from scripts.benchmarks.matching import matching
from scripts.benchmarks.pages import pages
from scripts.benchmarks.report import Row, table, write
from scripts.benchmarks.rounds import Verdict
from scripts.benchmarks.scenarios import scenarios
from scripts.benchmarks.setting import Setting
from scripts.benchmarks.subscriptions import subscriptions
from scripts.benchmarks.workshop import BenchError, Workshop
from scripts.demonstration.processes import CommandFailed

QUICK: dict[str, Case] = {
    "iti18": iti18,
    "iti42": iti42,
    "iti43": iti43,
    "iti41": iti41,
    "fanout": fanout,
    "audit": audit,
    "findings": findings,
    "subscriptions": subscriptions,
    "pages": pages,
}
FULL: dict[str, Case] = {
    **QUICK,
    "fifty": fifty,
    "communities": communities,
    "scenarios": scenarios,
    "matching": matching,
    "growth": growth,
    "memory": memory,
}
SIZES: dict[str, tuple[int, dict[str, Case]]] = {
    "quick": (10_000, QUICK),
    "full": (1_000_000, FULL),
    "huge": (10_000_000, FULL),
}


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure the node as ratios to controls: requests per second of server CPU time, interleaved.",
    )
    parser.add_argument("size", choices=SIZES, help="quick: 10,000 documents; full: a million; huge: ten million")
    parser.add_argument("--only", choices=FULL, action="append", help="run this case alone; may be repeated")
    parser.add_argument("--seconds", type=float, default=1.5, help="of one slice; less than 1.5 is for trying out")
    parser.add_argument("--documents", type=int, help="another number of documents, for trying out")
    return parser.parse_args(words)


def _say(text: str) -> None:
    print(text, flush=True)


def _measure(options: argparse.Namespace, folder: Path) -> list[Row]:
    documents, cases = SIZES[options.size]
    chosen = {name: FULL[name] for name in options.only} if options.only else cases
    rows: list[Row] = []
    with Workshop(folder, _say) as workshop:
        if workshop.cores is None:
            _say("only one core: nothing is pinned, and figures say little")
        setting = Setting(workshop, options.documents or documents, options.seconds, _say)
        for name, case in chosen.items():
            started = time.monotonic()
            _say(f"\n{name}")
            rows += case(setting)
            _say(f"  {time.monotonic() - started:.0f} s")
    return rows


def main(words: list[str]) -> int:
    """Run, print the table, keep the result."""
    options = _arguments(words)
    folder = ROOT / ".bench"
    try:
        rows = _measure(options, folder)
    except (BenchError, CommandFailed, OSError) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 2
    _say("\n" + ", ".join(f"{name} {value}" for name, value in machine.description().items()))
    _say(f"commit {machine.git_id()}\n\n{table(rows)}\n")
    _say(f"written to {write(folder / 'results', options.size, rows)}")
    return 1 if any(row.verdict is Verdict.FAIL for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
