"""Whether two records are one person: linked by itself, doubtful (a person decides), or not. Pure.

Weight alone never links: twins at one address agree in nearly everything, and a name with a birth date is shared by
strangers. So a link needs every rule of `_reasons_against` besides; what is missing is said in words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from registry.patients.comparison import compare
from registry.patients.evidence import Evidence, total
from registry.patients.profile import Profile


class Verdict(StrEnum):
    """What follows from a comparison."""

    LINK = "link"
    REVIEW = "review"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Weights in bits from which two records are linked, or shown to a person."""

    automatic: float = 30.0
    review: float = 18.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A comparison: its weight in bits, what follows, each field's part, and why it is not linked if it is not."""

    weight: float
    verdict: Verdict
    evidence: tuple[Evidence, ...]
    against: tuple[str, ...] = ()

    @property
    def score(self) -> int:
        """0 to 100: the probability in percent that both are one person, for one in `2**20` at first, never 100.

        Source: queryMatchObservation, ITI TF-2: 3.47.4.2.2.2.
        """
        odds = 2.0 ** max(-60.0, min(60.0, self.weight - _PRIOR))
        return min(99, int(100 * odds / (1 + odds)))


_PRIOR: Final = 20.0
_CONFLICTS: Final = {
    ("sex", "different"): "the sex differs",
    ("identifier", "different"): "one authority gave them different identifiers",
    ("identifier", "near"): "identifiers of one authority differ in one character",
    ("birth order", "different"): "they are twins",
    ("generation", "different"): "one is junior, the other senior",
    ("given name", "further"): "further given names differ",
    ("mother's maiden name", "different"): "the mother's maiden names differ",
}
_FAMILY: Final = frozenset({"same", "part", "near"})
_GIVEN: Final = frozenset({"same", "form"})
_NAMES: Final = frozenset({"swapped", "in one field"})
_NEARLY: Final = frozenset({"nearly swapped", "nearly in one field", "another script"})  # with an identifier in common
_DATES: Final = frozenset({"same", "exchanged"})
_MISTYPED_DATES: Final = frozenset({"near", "digit of the year"})
# An age that fits: with an identifier in common, or with a household and the mother, who is another one of fathers.
_AGES: Final = frozenset({"near", "digit of the year", "first of the year", "month", "year", "estimated"})
_NO_AGES: Final = frozenset({"year alone", "missing"})  # with an identifier in common alone
Slip = Callable[[str, str], bool]


def no_slip(_one: str, _other: str) -> bool:
    """Whoever has no index to look names up in takes every spelling for a name."""
    return False


def match(one: Profile, other: Profile, bars: Bars, slip: Slip = no_slip) -> Match:
    """Compare two records.

    `slip`: of two given names that differ in one letter, whether one is no name but a mistake in writing the other.
    """
    evidence = compare(one, other)
    weight = total(evidence)
    pairs = {(item.field, item.level) for item in evidence}
    against = _reasons_against(dict(pairs), pairs, mistyped=_mistyped(evidence, slip))
    if weight < bars.automatic:
        against = (*against, f"the weight is below {bars.automatic:g} bits")
    verdict = Verdict.REVIEW if against else Verdict.LINK
    if weight < bars.review or _somebody_else(pairs):
        verdict = Verdict.NONE
    return Match(weight=weight, verdict=verdict, evidence=evidence, against=against)


def _mistyped(evidence: tuple[Evidence, ...], slip: Slip) -> bool:
    return any((item.field, item.level) == ("given name", "slip") and slip(*item.spellings) for item in evidence)


def _somebody_else(pairs: set[tuple[str, str]]) -> bool:
    """Whether no person needs to look: brothers and sisters, parents and children, whatever household they share."""
    return ("identifier", "same") not in pairs and not pairs.isdisjoint(
        {("given name", "different"), ("birth date", "generations"), ("birth order", "different")}
    )


def _reasons_against(levels: dict[str, str], pairs: set[tuple[str, str]], *, mistyped: bool) -> tuple[str, ...]:
    """Why two records are not linked without a person, whatever they weigh."""
    found = [words for pair, words in _CONFLICTS.items() if pair in pairs]
    personal = ("identifier", "same") in pairs
    exact = levels.get("family name") == "same" and levels.get("given name") == "same"
    household = {("address", "same"), ("telephone or e-mail", "same")} & pairs
    mother = ("mother's maiden name", "same") in pairs
    date = levels.get("birth date", "missing")
    if not _names_agree(levels, personal=personal, household=bool(household), mistyped=mistyped):
        found.append("the names do not agree well enough")
    fits = date in _DATES or (date in _MISTYPED_DATES and exact)
    borne = date in _AGES and (personal or (exact and mother and household))
    if not fits and not borne and not (personal and date in _NO_AGES):
        found.append("the birth dates do not agree well enough")
    if not personal and not mother and not household:
        found.append("nothing but name, birth date and sex speaks for it")
    return tuple(found)


def _names_agree(levels: dict[str, str], *, personal: bool, household: bool, mistyped: bool) -> bool:
    """Whether the names are those of one person.

    A family name changes with marriages, so another one, or none, is borne where given name, birth date and household
    or an identifier are the same; brothers and sisters share no given name, twins included. But a number may be a whole
    family's, so a given name that is missing or another is never borne.
    """
    family, given = levels.get("family name"), levels.get("given name")
    if levels.get("names") in _NAMES or (family in _FAMILY and given in _GIVEN):
        return True
    if personal and given in {"near", "slip", "initial"}:
        return True
    if levels.get("birth date") != "same":
        return False
    if "names" in levels:
        return personal and levels["names"] in _NEARLY
    other_family = family in {None, "different"} and given == "same"
    return (family == "same" and mistyped) or (other_family and (household or personal))
