"""What the agreement of a field weighs, and how people are told of it. Pure.

A weight is log2(m/u) of Fellegi and Sunter (1969): how much more often a field agrees in this way for one person's two
records than for two persons', in bits. `WEIGHTS` holds them, estimated for errors of registration desks; README 10.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

# (field, how it agrees): weight in bits, and how people are told
WEIGHTS: Final[dict[tuple[str, str], tuple[float, str]]] = {
    ("family name", "same"): (9.0, "the same"),
    ("family name", "part"): (6.0, "one is a part of the other"),
    ("family name", "near"): (6.0, "nearly the same, or sounds alike"),
    ("family name", "different"): (-4.5, "different"),
    ("given name", "same"): (7.0, "the same"),
    ("given name", "form"): (5.0, "forms of one name"),
    ("given name", "near"): (4.0, "nearly the same, or sounds alike"),
    ("given name", "initial"): (2.0, "the initial fits"),
    ("given name", "further"): (1.0, "the first fits, further ones differ"),
    ("given name", "different"): (-6.0, "different"),
    ("given name", "slip"): (4.0, "one letter inside differs: a slip, or another name"),
    ("names", "swapped"): (14.0, "the same with family and given name exchanged"),
    ("names", "nearly swapped"): (9.0, "nearly the same with family and given name exchanged"),
    ("names", "in one field"): (14.0, "the same, written in one field"),
    ("names", "nearly in one field"): (8.0, "nearly the same, written in one field"),
    ("names", "another script"): (0.0, "in Chinese characters and in letters: not to be compared"),
    ("generation", "different"): (-6.0, "different: perhaps father and son"),
    ("birth date", "same"): (13.0, "the same"),
    ("birth date", "first of the year"): (7.0, "the same, but probably only the year is known"),
    ("birth date", "exchanged"): (9.5, "the same with day and month exchanged"),
    ("birth date", "near"): (6.5, "one digit of day or month differs"),
    ("birth date", "month"): (7.5, "year and month fit, the day is not known"),
    ("birth date", "year"): (4.5, "the year fits, more is not known"),
    ("birth date", "estimated"): (2.0, "an estimate, which fits"),
    ("birth date", "digit of the year"): (4.0, "one digit of the year differs"),
    ("birth date", "year alone"): (-2.0, "only day and month agree"),
    ("birth date", "different"): (-7.0, "different"),
    ("birth date", "generations"): (-16.0, "twelve years or more apart: perhaps parent and child"),
    ("sex", "same"): (1.0, "the same"),
    ("sex", "different"): (-5.0, "different"),
    ("address", "same"): (7.0, "the same household"),
    ("address", "place"): (2.5, "the same place"),
    ("address", "different"): (-0.5, "different: people move"),
    ("telephone or e-mail", "same"): (8.0, "one in common"),
    ("telephone or e-mail", "different"): (-0.5, "none in common"),
    ("mother's maiden name", "same"): (6.0, "the same"),
    ("mother's maiden name", "near"): (3.5, "nearly the same"),
    ("mother's maiden name", "different"): (-3.5, "different"),
    ("birth place", "same"): (3.0, "the same"),
    ("birth place", "different"): (-1.0, "different"),
    ("identifier", "same"): (20.0, "one in common"),
    ("identifier", "near"): (6.0, "of one authority, one character differs"),
    ("identifier", "different"): (-6.0, "of one authority, different"),
    ("birth order", "different"): (-12.0, "born together, but not in the same place: twins"),
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one field says: how it agrees, and the weight of that in bits; for a slip, the two spellings."""

    field: str
    level: str
    shown: str = ""
    spellings: tuple[str, str] = ("", "")

    @property
    def weight(self) -> float:
        """Bits for (positive) or against the two being one person."""
        return WEIGHTS[self.field, self.level][0]

    @property
    def words(self) -> str:
        """For people."""
        return WEIGHTS[self.field, self.level][1] + (f" ({self.shown})" if self.shown else "")


def total(evidence: Iterable[Evidence]) -> float:
    """The weight of all evidence, in bits."""
    return sum(item.weight for item in evidence)
