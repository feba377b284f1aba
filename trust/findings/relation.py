"""Is there, on record, a reason why this person looked at this patient? Pure.

Evidence, strongest first: they wrote something of the patient; the patient asked for it; the patient was in a unit they
work with; they work for the whole house and the patient was here; they helped a whole unit out that day. Weaker ties
(`Tie`) leave one look unquestioned. None of it says that an access was right, only that it is explained.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Set
from enum import IntEnum
from typing import Final

from trust.findings.picture import DAY, Picture
from trust.search.activity import Activity

_WROTE_BEFORE: Final = 180 * DAY
_WROTE_AFTER: Final = 14 * DAY
_HELPED: Final = 3  # patients of one unit within half a day
_CALLS: Final = 4  # times that people of a unit wrote of patients of others
_REACH: Final = 14 * DAY  # longer than most stays
_LEAST_EXPLAINED: Final = 0.6
_ASKED_FOR: Final = frozenset({"PATRQT"})


class Tie(IntEnum):
    """How well an access is explained."""

    NONE = 0
    EARLY = 1  # the log does not say enough yet: about the person, or about who was here when it began
    TOGETHER = 2  # others of the unit looked at the same patient: the feed may have lost a message
    UNSTATED = 3  # the patient was here, and nothing says where
    CALLED = 4  # people of this unit are called to others
    FIRM = 5


_WEAK: Final = {Tie.CALLED: "called", Tie.UNSTATED: "unstated", Tie.TOGETHER: "together", Tie.EARLY: "early"}


class Relations:
    """Judges looks of this institution's own people; for those of others their institution answers."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._ties: dict[int, Tie] = {}  # by entry
        self._called = self._calling()
        self._helping: dict[str, dict[tuple[int, str], set[str]]] = {}
        own = [one for looks in picture.looks.values() for one in looks if not one.peer]
        explained = sum(self.tie(one) > Tie.NONE for one in own)
        # Where no feed says who came, nothing can be missed.
        self.can_judge = bool(own) and explained >= _LEAST_EXPLAINED * len(own)

    def _calling(self) -> frozenset[tuple[str, str]]:
        """(unit, role) of those who are called to other units, as what they wrote there shows."""
        roles = {user: looks[0].role for user, looks in self._picture.looks.items()}
        calls: Counter[tuple[str, str]] = Counter()
        for user, patient, when in self._picture.wrote_anything():
            own = self._picture.main_unit(user)
            there = self._picture.unit(patient, when)
            if own and there and own != there and user in roles:
                calls[own, roles[user]] += 1
        return frozenset(one for one, count in calls.items() if count >= _CALLS)

    def tie(self, one: Activity) -> Tie:
        """What ties a person to the patient they looked at."""
        found = self._ties.get(one.seq)
        if found is None:
            found = self._ties[one.seq] = self._judged(one)
        return found

    def _judged(self, one: Activity) -> Tie:
        picture, user, patient, when = self._picture, one.user, one.patient, one.time
        if one.peer or one.purpose in _ASKED_FOR or picture.wrote(user, patient, when, _WROTE_BEFORE, _WROTE_AFTER):
            return Tie.FIRM
        around = picture.units_around(patient, when)
        if around & picture.units_of(user):
            return Tie.FIRM
        here = picture.here(patient, when)
        if here and (picture.is_everywhere(user) or self._helped(user, around, when)):
            return Tie.FIRM
        if here and (picture.main_unit(user), one.role) in self._called:
            return Tie.CALLED
        if picture.is_unstated(patient, when):
            return Tie.UNSTATED
        if picture.with_others(user, patient, when):
            return Tie.TOGETHER
        early = picture.is_new(user) if here else when < picture.begins + _REACH
        return Tie.EARLY if early else Tie.NONE

    def _helped(self, user: str, units: Set[str], when: int) -> bool:
        """Whether somebody looked at several patients of a unit that half day, as one does who helps out."""
        if user not in self._helping:
            found: dict[tuple[int, str], set[str]] = defaultdict(set)
            for one in self._picture.looks[user]:
                for unit in self._picture.units_around(one.patient, one.time) if one.good else ():
                    for half in _halves(one.time):
                        found[half, unit].add(one.patient)
            self._helping[user] = found
        helping = self._helping[user]
        return any(len(helping.get((half, unit), ())) >= _HELPED for half in _halves(when) for unit in units)

    def why_not(self, one: Activity) -> str:
        """Code of EVIDENCE for a look that nothing firm explains."""
        tie = self.tie(one)
        if tie in _WEAK:
            return _WEAK[tie]
        return "elsewhere" if self._picture.here(one.patient, one.time) else "never-here"


def _halves(when: int) -> tuple[int, int]:
    """The two half days, by number, that a time is part of: one begins where the other is in its middle."""
    return when // (DAY // 2) * 2, (when + DAY // 4) // (DAY // 2) * 2 + 1
