"""The timeline: a lane for each kind, and in it each document where it belongs in time. Pure (ui 5.7).

A date of which only the year or the month is known is a bar over all of it. Where there are many documents, those of
one month are one mark with their number, which narrows the list to that month.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from node.web.items import Item

MOST_DOTS: Final = 120
_LANES: Final = 8
_LEFT, _RIGHT, _TOP, _LANE = 190.0, 944.0, 18, 28
_DATED: Final = re.compile(r"[0-9]{4}([0-9]{2}([0-9]{2})?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One document, or those of one month: its place in pixels; `width` over 0 is a bar."""

    x: float
    y: int
    width: float = 0.0
    items: tuple[Item, ...]
    month: str = ""  # YYYY-MM of several


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What is drawn; without marks nothing is."""

    lanes: tuple[str, ...] = ()
    rest: bool = False  # the last lane is for all other kinds
    marks: tuple[Mark, ...] = ()
    years: tuple[tuple[float, int], ...] = ()
    undated: int = 0
    height: int = 0


def timeline(items: Sequence[Item]) -> Timeline:
    """The timeline of documents that are shown."""
    placed = [(item, span) for item in items if (span := _span(item.date))]
    undated = len(items) - len(placed)
    if not placed:
        return Timeline(undated=undated)
    start = min(first for _, (first, _) in placed)
    end = max(last for _, (_, last) in placed)
    scale = (_RIGHT - _LEFT) / max(end - start, 30)
    kinds = [kind for kind, _ in Counter(item.kind for item, _ in placed).most_common(_LANES)]
    rest = len({item.kind for item, _ in placed}) > _LANES
    rows = {kind: _TOP + _LANE * place for place, kind in enumerate(kinds)}
    other = _TOP + _LANE * len(kinds)
    marks: list[Mark] = []
    if len(placed) <= MOST_DOTS:
        for item, (first, last) in placed:
            width = round((last - first) * scale, 1) if last - first > 1 else 0.0
            x = _LEFT + (first - start) * scale
            marks.append(Mark(x=round(x, 1), y=rows.get(item.kind, other), width=width, items=(item,)))
    else:
        months: dict[tuple[str, str], list[Item]] = {}
        for item, _ in placed:
            lane = item.kind if item.kind in rows else ""
            months.setdefault((lane, item.date[:6].ljust(6, "0")), []).append(item)
        for (lane, month), several in months.items():
            first, last = _span(month.removesuffix("00")) or (start, start)
            x, width = _LEFT + (first - start) * scale, max((last - first) * scale, 6.0)
            named = f"{month[:4]}-{month[4:]}".removesuffix("-00")
            y = rows.get(lane, other)
            marks.append(Mark(x=round(x, 1), y=y, width=round(width, 1), items=tuple(several), month=named))
    first_year, last_year = date.fromordinal(start).year, date.fromordinal(end).year
    step = max(1, (last_year - first_year) // 8)
    years = tuple(
        (round(max(_LEFT, _LEFT + (date(year, 1, 1).toordinal() - start) * scale), 1), year)
        for year in range(first_year, last_year + 1, step)
    )
    return Timeline(
        lanes=tuple(kinds),
        rest=rest,
        marks=tuple(marks),
        years=years,
        undated=undated,
        height=_LANE * (len(kinds) + rest) + 30,
    )


def _span(dtm: str) -> tuple[int, int] | None:
    """First and last day of a DTM as ordinals; None for what is no date."""
    found = _DATED.match(dtm[:8])
    if not found:
        return None
    digits = found.group()
    try:
        first = date(int(digits[:4]), int(digits[4:6] or "1"), int(digits[6:8] or "1"))
    except ValueError:
        return None
    if len(digits) == 8:
        return first.toordinal(), first.toordinal()
    month = int(digits[4:6] or "12")
    return first.toordinal(), date(first.year, month, monthrange(first.year, month)[1]).toordinal()
