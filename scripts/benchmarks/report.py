"""Rows of a result: a ratio with its gate and aims, as a table for people and as JSON for comparison."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scripts.benchmarks import machine
from scripts.benchmarks.rounds import Measured, Spread, Verdict, verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a figure must and should reach (performance 5)."""

    gate: float | None = None
    aim: float | None = None
    moonshot: float | None = None
    lower_is_better: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure."""

    name: str
    unit: str  # what the figure is a ratio to, or its unit
    spread: Spread | None
    goal: Goal = field(default_factory=Goal)
    verdict: Verdict
    wall: float | None = None  # the same ratio by wall time, where there is one
    note: str = ""

    def line(self) -> tuple[str, ...]:
        """Cells of the table."""
        goals = (self.goal.gate, self.goal.aim, self.goal.moonshot)
        shown = f"{self.spread.low:.2f}/{self.spread.median:.2f}/{self.spread.high:.2f}" if self.spread else "-"
        return (
            self.name,
            self.unit,
            shown,
            *("-" if goal is None else f"{goal:g}" for goal in goals),
            "-" if self.wall is None else f"{self.wall:.2f}",
            str(self.verdict),
            self.note,
        )


HEAD = ("case", "against", "min/median/max", "gate", "aim", "moonshot", "by wall", "verdict", "note")


def ratio(
    name: str, unit: str, measured: Measured, subject: str, goal: Goal, *, control: str = "", note: str = ""
) -> Row:
    """The row of a ratio of requests per CPU second."""
    spread = measured.ratios(subject, control)
    wall = measured.ratios(subject, control, wall=True)
    said = verdict(spread.median if spread else None, goal.gate, noisy=measured.noisy)
    rates = [one.rate(subject) for one in measured.rounds]
    slices = [part for one in measured.rounds for part in one.of(subject)]
    if slices:
        median = Spread.of(rates).median
        latency = Spread.of([part.p50 for part in slices]).median, Spread.of([part.p99 for part in slices]).median
        note = f"{median:,.0f}/cpu-s, p50 {latency[0]:.1f} ms, p99 {latency[1]:.1f} ms" + (f"; {note}" if note else "")
    if measured.noisy:
        note = f"{note}; void rounds: {', '.join(measured.voids)}".lstrip("; ")
    return Row(
        name=name, unit=unit, spread=spread, goal=goal, verdict=said, wall=wall.median if wall else None, note=note
    )


def control_row(name: str, measured: Measured) -> Row:
    """The control against itself."""
    said = Verdict.NOISY if measured.noisy else Verdict.REPORTED
    return Row(name=name, unit="itself (A/A)", spread=measured.control_ratios(), verdict=said)


def figure(name: str, unit: str, values: Sequence[float], goal: Goal, note: str = "") -> Row:
    """The row of a plain figure, lower being better."""
    spread = Spread.of(values)
    said = verdict(spread.median, goal.gate, noisy=False, lower_is_better=True)
    return Row(name=name, unit=unit, spread=spread, goal=goal, verdict=said, note=note)


def table(rows: Sequence[Row]) -> str:
    """The rows with aligned columns."""
    lines = [HEAD, *(row.line() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]).rstrip()
        for line in lines
    )


def write(folder: Path, size: str, rows: Sequence[Row]) -> Path:
    """Write everything as JSON and return where."""
    git = machine.git_id()
    result: dict[str, Any] = {
        "size": size,
        "git": git,
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine.description(),
        "rows": [asdict(row) for row in rows],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{size}-{git.rstrip('+')}.json"
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
