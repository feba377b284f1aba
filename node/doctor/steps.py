"""What the doctor says: steps, levels, and one row for each thing that was looked at. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import IntEnum, StrEnum
from typing import Any, Final


class Step(IntEnum):
    """The way from here to the other institution, in the order in which it is tried."""

    NAME = 1
    REACH = 2
    ENCRYPTION = 3
    IDENTITY = 4
    OURS = 5
    CLOCK = 6
    STATEMENT = 7
    DISCOVERY = 8
    QUERY = 9
    RETRIEVE = 10
    RECEIPT = 11
    SPEED = 12


TITLES: Final[Mapping[Step, str]] = {
    Step.NAME: "name",
    Step.REACH: "reach",
    Step.ENCRYPTION: "encryption",
    Step.IDENTITY: "their identity",
    Step.OURS: "our identity",
    Step.CLOCK: "clock",
    Step.STATEMENT: "statement about the user",
    Step.DISCOVERY: "find a patient",
    Step.QUERY: "list documents",
    Step.RETRIEVE: "fetch a document",
    Step.RECEIPT: "log receipt",
    Step.SPEED: "speed",
}
NETWORK: Final = tuple(step for step in Step if step <= Step.CLOCK)  # what needs no running node


class Level(StrEnum):
    """How a step ended. FAIL is a hard failure: later steps are not tried. INFO is no finding."""

    OK = "OK"
    INFO = "INFO"
    WARN = "WARN"
    FAIL = "FAIL"
    NOT_TRIED = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing that was looked at. `code` is that of the table of faults, "" where all is well; `who` has to act."""

    step: Step
    level: Level
    what: str
    where: str = ""
    code: str = ""
    next_step: str = ""
    who: str = ""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {**asdict(self), "step": int(self.step), "title": TITLES[self.step], "level": str(self.level)}


def from_json(value: Mapping[str, Any]) -> Row:
    """What `as_json` wrote, as it comes from the running node."""
    plain = {name: text for name, text in value.items() if name != "title"}
    return Row(**{**plain, "step": Step(value["step"]), "level": Level(value["level"])})


def ok(step: Step, what: str, where: str = "") -> Row:
    """A step that passed, with what was seen."""
    return Row(step=step, level=Level.OK, what=what, where=where)


def failed(rows: Iterable[Row]) -> bool:
    """Whether a hard failure is among them."""
    return any(row.level is Level.FAIL for row in rows)


def found(rows: Iterable[Row]) -> list[Row]:
    """The rows that somebody has to act on."""
    return [row for row in rows if row.level in (Level.WARN, Level.FAIL)]


def completed(rows: Iterable[Row]) -> list[Row]:
    """All rows in the order of the steps, and for each step without a row that it was not tried, and why."""
    rows = list(rows)
    broken = {row.step for row in rows if row.level is Level.FAIL}  # a later step may have shown that it was not well
    rows = [row for row in rows if row.step not in broken or row.level is not Level.OK]
    cause = next((row for row in rows if row.level is Level.FAIL), None)
    because = f"not tried: {TITLES[cause.step]} ({cause.code}) comes first" if cause else "not tried"
    had = {row.step for row in rows}
    missing = [Row(step=step, level=Level.NOT_TRIED, what=because) for step in Step if step not in had]
    return sorted([*rows, *missing], key=lambda row: row.step)
