"""The tables of federation-wire 5.5, read from the page itself: what each transaction has to leave on record."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache

from tests.shared import SHARED


@dataclass(frozen=True)
class Rule:
    """One row at one of its two sides."""

    transaction: str
    name: str
    event: str  # code of EventID
    actions: dict[str, str]  # HL7 trigger, or "" -> EventActionCode
    objects: dict[str, tuple[int, int]]  # object -> least and most


@cache
def _rows(heading: str, columns: int) -> tuple[tuple[str, ...], ...]:
    assert SHARED is not None
    page = (SHARED / "ihe/federation-wire.md").read_text(encoding="utf-8")
    section = page.partition(heading)[2].partition("\n### ")[0]
    lines = [line.strip().strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return tuple(tuple(cell.strip() for cell in line) for line in lines if len(line) == columns)


def transaction(wanted: str, side: int) -> Rule:
    """The row that names the transaction `wanted`; side 0 is the first of "Side", 1 the second."""
    rows = _rows("### 5.5 Per-transaction table", 6)
    number = next(k for k, row in enumerate(rows) if re.search(rf"{wanted}\b", row[0]))
    first = rows[number]
    name = re.search(rf"{wanted} ([^/]*)", first[0])
    assert name
    if like := re.match(r"as (ITI-\d+)", first[1]):
        return replace(transaction(like[1], side), transaction=wanted, name=name[1].strip())
    row = rows[number + 1] if side and rows[number + 1][0] in ("same", wanted) else first
    return Rule(
        wanted,
        name[1].strip(),
        _at(re.findall(r"\d{6}", row[2]), side),
        _actions(row[3], side),
        dict(map(_object, row[5].split(";"))),
    )


def name_of(wanted: str) -> str:
    """What the page calls a transaction."""
    rows = _rows("### 5.5 Per-transaction table", 6)
    (found,) = [match for row in rows if (match := re.search(rf"{wanted} ([^/]*)", row[0]))]
    return found[1].strip()


def _at(found: list[str], side: int) -> str:
    return found[side] if len(found) > 1 else found[0]


def _actions(cell: str, side: int) -> dict[str, str]:
    triggers: dict[str, str] = {}
    for letter, names in re.findall(r"\b([CRUDE]) \(([^)]*)\)", cell):
        triggers |= dict.fromkeys(re.findall(r"A\d\d", names), letter)
    merged = re.search(r"A40: ([CRUDE])[^+]*\+ ([CRUDE])", cell)
    if merged:
        triggers["A40"] = merged[1] + merged[2]
    return triggers or {"": _at(re.findall(r"\b[CRUDE]\b", cell), side)}


def _object(text: str) -> tuple[str, tuple[int, int]]:
    text = re.sub(r" only$", "", re.sub(r" *\([^)]*\)", "", text.strip()))
    found = re.fullmatch(r"(?:one )?(\w+)(?: (0|1)\.\.(1|n))?(?: \+ detail .*)?", text.strip())
    assert found, text
    least = int(found[2] or 1)
    return found[1], (least, 1 if found[3] in (None, "1") else 1000)


def security(event: str) -> tuple[str, str, str]:
    """(EventID, EventTypeCode or "none", action) of a security event."""
    row = next(row for row in _rows("Security events:", 6) if row[0].startswith(event))
    return row[1], row[2], row[3]
