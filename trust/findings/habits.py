"""Rules about how somebody uses the exchange: volume, hours, two places at once, refusals, an account that slept. Pure.

Everybody is compared with their own other days first: a pharmacist sees more patients than a surgeon.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from trust.findings.finding import Finding, Rule, Severity
from trust.findings.looking import about
from trust.findings.picture import DAY, Picture
from trust.search.activity import Activity

_QUARTER: Final = 900
_IN_QUARTER: Final = 12
_IN_DAY: Final = 25
_TIMES_USUAL: Final = 2
_ACTIVE_DAYS: Final = 15
_ODD_LOOKS: Final = 2
_RARE: Final = 0.04  # of the days on which somebody works
_NEAR: Final = 4  # hours that a shift may be earlier or later
_FRESH: Final = DAY // 2
_CHANGES: Final = 4
_USUAL_PLACE: Final = 0.3
_REFUSED: Final = 5
_REFUSED_SPAN: Final = 3 * DAY
_SLEPT: Final = 30 * DAY
_WOKE: Final = 3 * DAY
_WOKEN_PATIENTS: Final = 4


def by_habit(picture: Picture) -> Iterator[Finding]:
    """Every rule of this module, person by person; people of other institutions too."""
    for looks in picture.looks.values():
        for rule in (_volume, _hours, _places, _refused, _slept):
            yield from rule(picture, looks)


def _volume(picture: Picture, looks: Sequence[Activity]) -> Iterator[Finding]:
    """The busiest quarter of an hour, or day, against the busiest of all other days."""
    quarters: dict[int, tuple[int, list[Activity]]] = {}  # day -> its busiest quarter of an hour
    days: dict[int, list[Activity]] = defaultdict(list)
    low = 0
    for high, one in enumerate(looks):
        days[one.time // DAY].append(one)
        while looks[low].time < one.time - _QUARTER:
            low += 1
        if high - low + 1 > quarters.get(one.time // DAY, (0, []))[0]:  # no more patients than looks
            part = list(looks[low : high + 1])
            count = len({each.patient for each in part})
            if count > quarters.get(one.time // DAY, (0, []))[0]:
                quarters[one.time // DAY] = count, part
    found = _outstanding({day: count for day, (count, _) in quarters.items()}, _IN_QUARTER)
    if found is not None:
        day, usual = found
        count, part = quarters[day]
        values = {"patients": str(count), "usual": str(usual)}
        yield about(picture, Rule.VOLUME, "volume-minutes", Severity.HIGH, _around(looks, part), values)
        return
    found = _outstanding({day: len({one.patient for one in part}) for day, part in days.items()}, _IN_DAY)
    if found is not None:
        day, usual = found
        values = {"patients": str(len({one.patient for one in days[day]})), "usual": str(usual)}
        yield about(picture, Rule.VOLUME, "volume-day", Severity.HIGH, days[day], values)


def _outstanding(counts: dict[int, int], least: int) -> tuple[int, int] | None:
    """The day with most, and the most of the others, when it stands out."""
    day = max(counts, key=lambda one: counts[one])
    usual = max((count for other, count in counts.items() if other != day), default=0)
    return (day, usual) if counts[day] >= least and counts[day] > _TIMES_USUAL * usual else None


def _around(looks: Sequence[Activity], part: Sequence[Activity]) -> list[Activity]:
    """The whole burst that a quarter of an hour is part of."""
    found = list(part)
    rest = [one for one in looks if one.time > part[-1].time]
    for one in rest:
        if one.time - found[-1].time > 120:
            break
        found.append(one)
    return found


def _hours(picture: Picture, looks: Sequence[Activity]) -> Iterator[Finding]:
    """Hours of the day at which this person never works, unless the patient just came."""
    days: dict[int, set[int]] = defaultdict(set)  # hour -> days with looks then
    for one in looks:
        days[one.time % DAY // 3600].add(one.time // DAY)
    active = {day for each in days.values() for day in each}
    if len(active) < _ACTIVE_DAYS:
        return
    near = [set().union(*(days.get((hour + step) % 24, ()) for step in range(-_NEAR, _NEAR + 1))) for hour in range(24)]
    odd = []
    for one in looks:
        around = near[one.time % DAY // 3600]
        alone = len(around) - (one.time // DAY in around)
        if alone <= max(2, _RARE * len(active)) and not picture.came(one.patient, one.time, _FRESH, 3600):
            odd.append(one)
    if len(odd) >= _ODD_LOOKS:
        values = {
            "patients": str(len({one.patient for one in odd})),
            "hour": f"{odd[0].time % DAY // 3600:02d}",
            "active": str(len(active - {one.time // DAY for one in odd})),
        }
        yield about(picture, Rule.HOURS, "odd-hours", Severity.MEDIUM, odd, values)


def _places(picture: Picture, looks: Sequence[Activity]) -> Iterator[Finding]:
    """To and fro between two places, one of them strange: two people use one account."""
    usual: dict[str, int] = defaultdict(int)
    for one in looks:
        usual[one.place] += 1
    if len(usual) < 2:
        return
    for start, first in enumerate(looks):
        part = [one for one in looks[start : start + 40] if one.time <= first.time + _QUARTER]
        changes = [(one.place, other.place) for one, other in pairwise(part) if one.place != other.place]
        strange = [
            place for place in {place for pair in changes for place in pair} if usual[place] < _USUAL_PLACE * len(looks)
        ]
        if len(changes) >= _CHANGES and strange:
            whole = [one for one in looks if one.place == strange[0] or one in part]
            other = next(place for pair in changes for place in pair if place != strange[0])
            values = {"place": strange[0], "other": other, "changes": str(len(changes))}
            yield about(picture, Rule.PLACES, "two-places", Severity.HIGH, whole, values)
            return


def _refused(picture: Picture, looks: Sequence[Activity]) -> Iterator[Finding]:
    """One patient after the other, refused each time."""
    bad = [one for one in looks if not one.good]
    for one in bad:
        part = [other for other in bad if one.time <= other.time <= one.time + _REFUSED_SPAN]
        patients = {other.patient for other in part}
        if len(patients) >= _REFUSED:
            values = {"patients": str(len(patients))}
            yield about(picture, Rule.REFUSED, "refused", Severity.HIGH, part, values)
            return


def _slept(picture: Picture, looks: Sequence[Activity]) -> Iterator[Finding]:
    """An account that works again after a long time."""
    for before, one in pairwise(looks):
        if one.time - before.time < _SLEPT:
            continue
        woken = [other for other in looks if one.time <= other.time <= one.time + _WOKE]
        patients = {other.patient for other in woken}
        if len(patients) >= _WOKEN_PATIENTS:
            values = {"days": str((one.time - before.time) // DAY), "patients": str(len(patients))}
            yield about(picture, Rule.SLEEPER, "unused-account", Severity.HIGH, woken, values)
            return
