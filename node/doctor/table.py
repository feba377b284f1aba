"""THE TABLE of what can be wrong between this node and another institution: `causes.toml`, read."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from node.doctor.steps import Level, Row, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One row. `sentence` and `next_step` have places for what was seen, in braces; `who` has to act."""

    code: str
    step: Step
    level: Level
    who: str
    shows: str
    sentence: str
    next_step: str


def _read() -> dict[str, Cause]:
    tables = tomllib.loads(files("node.doctor").joinpath("causes.toml").read_text(encoding="utf-8"))
    return {
        code: Cause(
            code=code,
            step=Step(row["step"]),
            level=Level(row["level"]),
            who=row["who"],
            shows=row["shows"],
            sentence=row["says"],
            next_step=row["next"],
        )
        for code, row in tables.items()
    }


CAUSES: Final[Mapping[str, Cause]] = _read()


def finding(code: str, where: str = "", *, step: Step | None = None, **seen: object) -> Row:
    """The row of the table for `code`, with what was seen; `step` where the same is found at a later step."""
    cause = CAUSES[code]
    return Row(
        step=step or cause.step,
        level=cause.level,
        what=cause.sentence.format_map(seen),
        where=where,
        code=code,
        next_step=cause.next_step.format_map(seen),
        who=cause.who,
    )
