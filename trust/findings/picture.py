"""The log as the rules see it: who looked at whom, who came where, who works with which unit. Pure.

What a unit is comes from the patient feed, who works there from whom people look at: nothing is configured.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from trust.search.activity import LOOKED, Act, Activity

DAY: Final = 86_400
AFTER: Final = 30 * DAY  # how long a contact lasts that nobody ended
BEFORE: Final = 7 * DAY  # and how long before it somebody may prepare
_SOON: Final = 3 * 3600  # the feed is late
_LEAST_PATIENTS: Final = 3
_LEAST_SHARE: Final = 0.15
_HOUSE_UNITS: Final = 5
_HOUSE_PATIENTS: Final = 15
_HOUSE_SHARE: Final = 0.4
_HOUR: Final = 3600
_TOGETHER: Final = 3 * DAY
_LEAST_PEOPLE: Final = 3


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name, folded so that two spellings of one are equal; "" is not known."""

    family: str = ""
    given: str = ""


def _nobody(_: str) -> Name:
    return Name()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the log itself does not say. `now` is in seconds since 1970.

    `patient` gives the name of a patient, `person` that of a user from how the log writes it. `reviews` are the
    outcomes of emergency accesses by user and patient, "" while one waits.
    """

    now: int
    patient: Callable[[str], Name] = _nobody
    person: Callable[[str], Name] = _nobody
    reviews: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(slots=True)
class _Course:
    """When a patient came, and where to; both in the order of time."""

    times: list[int] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    silent: list[bool] = field(default_factory=list)  # the feed names no unit

    def around(self, when: int) -> tuple[int, int]:
        """The contacts that count at a time, as a range."""
        return bisect_left(self.times, when - AFTER), bisect_right(self.times, when + BEFORE)

    def now(self, when: int) -> str:
        """The unit at a time: the last one the patient came to, else the next."""
        low, high = self.around(when)
        here = bisect_right(self.times, when + _SOON, low, high)
        before = (self.units[at] for at in range(here - 1, low - 1, -1) if self.units[at])
        after = (self.units[at] for at in range(here, high) if self.units[at])
        return next(before, "") or next(after, "")


class Picture:
    """The log of some time. `looks` are acts of people who looked at a patient, by person, in the order of time."""

    def __init__(self, acts: Iterable[Activity], known: Known) -> None:
        self.known = known
        self.looks: dict[str, list[Activity]] = defaultdict(list)
        self.names: dict[str, str] = {}
        self.asked: dict[str, list[Activity]] = defaultdict(list)  # by institution, people's or not
        self.gave: Counter[str] = Counter()
        self.broke: list[Activity] = []
        self._courses: dict[str, _Course] = defaultdict(_Course)
        self._authors: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._around: dict[tuple[str, int], frozenset[str]] = {}
        self.begins = known.now
        for one in sorted(acts, key=lambda act: (act.time, act.seq)):
            self.begins = min(self.begins, one.time)
            self._take(one)
        self._units = {user: self._learned(looks) for user, looks in self.looks.items()}
        self._of = {user: self._works_with(counted) for user, counted in self._units.items()}
        self._main = {user: self._stands_out(user) for user in self._units}
        self._lookers: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for user, looks in self.looks.items():
            for one in looks:
                if one.good and not one.peer:
                    self._lookers[one.patient].append((one.time, user))

    def _take(self, one: Activity) -> None:
        if one.user and one.name:
            self.names.setdefault(one.user, one.name)
        if one.act in LOOKED:
            if one.peer:
                self.asked[one.peer].append(one)
            if one.user and one.patient:
                self.looks[one.user].append(one)
        elif one.act in (Act.CAME, Act.WROTE) and one.patient and one.good:
            course = self._courses[one.patient]
            course.times.append(one.time)
            course.units.append(one.place if one.act is Act.CAME else "")
            course.silent.append(one.act is Act.CAME and not one.place)
            if one.act is Act.WROTE and one.user:
                self._authors[one.user, one.patient].append(one.time)
        elif one.act is Act.GAVE:
            self.gave[one.peer] += 1
        elif one.act is Act.BROKE:
            self.broke.append(one)

    def _learned(self, looks: list[Activity]) -> Counter[str]:
        """With how many patients of each unit somebody had to do."""
        pairs = {(one.patient, self.unit(one.patient, one.time)) for one in looks if one.good and not one.peer}
        return Counter(unit for _, unit in pairs if unit)

    def unit(self, patient: str, when: int) -> str:
        """The unit that a patient was in, "" where nothing is known."""
        course = self._courses.get(patient)
        return course.now(when) if course else ""

    def here(self, patient: str, when: int) -> bool:
        """Whether the patient had to do with this institution at that time."""
        course = self._courses.get(patient)
        if course is None:
            return False
        low, high = course.around(when)
        return high > low

    def is_unstated(self, patient: str, when: int) -> bool:
        """Whether the patient was here, and the feed did not say where."""
        course = self._courses.get(patient)
        if course is None:
            return False
        low, high = course.around(when)
        if low == high:
            return False
        blank = (abs(course.times[at] - when) <= BEFORE for at in range(low, high) if course.silent[at])
        return not any(course.units[low:high]) or any(blank)

    def came(self, patient: str, when: int, before: int, after: int) -> bool:
        """Whether anything of a patient happened between so many seconds before a time and after it."""
        course = self._courses.get(patient)
        if course is None:
            return False
        return bisect_right(course.times, when + after) > bisect_left(course.times, when - before)

    def wrote(self, user: str, patient: str, when: int, before: int, after: int) -> bool:
        """Whether somebody stored documents of a patient around a time."""
        times = self._authors.get((user, patient), ())
        return any(when - before <= one <= when + after for one in times)

    def wrote_anything(self) -> Iterable[tuple[str, str, int]]:
        """Person, patient and time of everything that people stored."""
        return ((user, patient, one) for (user, patient), times in self._authors.items() for one in times)

    def units_of(self, user: str) -> frozenset[str]:
        """The units that somebody works with."""
        return self._of.get(user, frozenset())

    def _works_with(self, found: Counter[str]) -> frozenset[str]:
        whole = sum(found.values())
        return frozenset(
            unit for unit, count in found.items() if count >= _LEAST_PATIENTS and count >= _LEAST_SHARE * whole
        )

    def main_unit(self, user: str) -> str:
        """The unit that somebody mostly works with, "" where none stands out."""
        return self._main.get(user, "")

    def _stands_out(self, user: str) -> str:
        units = self._units.get(user, Counter()).most_common(1)
        return units[0][0] if units and units[0][0] in self.units_of(user) else ""

    def is_everywhere(self, user: str) -> bool:
        """Whether somebody works for the whole house, as a pharmacist does."""
        found = self._units.get(user, Counter())
        whole = sum(found.values())
        return (
            whole >= _HOUSE_PATIENTS
            and len(found) >= _HOUSE_UNITS
            and found.most_common(1)[0][1] < _HOUSE_SHARE * whole
        )

    def is_new(self, user: str) -> bool:
        """Whether somebody has looked at too few patients yet to know what their work is."""
        return sum(self._units.get(user, Counter()).values()) < _HOUSE_PATIENTS

    def units_around(self, patient: str, when: int) -> frozenset[str]:
        """Every unit that a patient was in around a time, as the feed says, or as those show who look after them."""
        key = patient, when // _HOUR
        if key not in self._around:
            course, units = self._courses.get(patient), frozenset[str]()
            if course is not None:
                low, high = course.around(when)
                said = (*course.units[low:high], self._shown(patient, when)) if high > low else ()
                units = frozenset(filter(None, said))
            self._around[key] = units
        return self._around[key]

    def with_others(self, user: str, patient: str, when: int) -> bool:
        """Whether others of somebody's unit looked at the same patient in these days."""
        unit = self.main_unit(user)
        return bool(unit) and any(
            who != user and abs(time - when) <= _TOGETHER and self.main_unit(who) == unit
            for time, who in self._lookers[patient]
        )

    def _shown(self, patient: str, when: int) -> str:
        """The unit whose people are most of those who looked at a patient then: the feed may have lost a message."""
        people = {user for time, user in self._lookers[patient] if abs(time - when) <= _TOGETHER}
        units = Counter(unit for unit in map(self.main_unit, people) if unit).most_common(1)
        if units and units[0][1] >= _LEAST_PEOPLE and units[0][1] > len(people) / 2:
            return units[0][0]
        return ""
