"""Two profiles compared field by field: what agrees, how well, and what that weighs. Pure.

A weight is log2(m/u) of Fellegi and Sunter (1969): how much more often a field agrees in this way for one person's two
records than for two persons', in bits. `WEIGHTS` holds them, estimated for errors of registration desks; README 9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from rapidfuzz.distance import OSA

from registry.patients.demographics import BirthDate
from registry.patients.names import same_name_in_another_form, sound
from registry.patients.profile import AddressWords, NameWords, Profile

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
    ("names", "swapped"): (14.0, "the same with family and given name exchanged"),
    ("generation", "different"): (-6.0, "different: perhaps father and son"),
    ("birth date", "same"): (13.0, "the same"),
    ("birth date", "first of the year"): (7.0, "the same, but probably only the year is known"),
    ("birth date", "exchanged"): (9.5, "the same with day and month exchanged"),
    ("birth date", "near"): (6.5, "one digit of day or month differs"),
    ("birth date", "month"): (7.5, "year and month fit, the day is not known"),
    ("birth date", "year"): (4.5, "the year fits, more is not known"),
    ("birth date", "estimated"): (2.0, "an estimate, which fits"),
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


_GENERATION_YEARS: Final = 12


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one field says: how it agrees, and the weight of that in bits."""

    field: str
    level: str
    shown: str = ""

    @property
    def weight(self) -> float:
        """Bits for (positive) or against the two being one person."""
        return WEIGHTS[self.field, self.level][0]

    @property
    def words(self) -> str:
        """For people."""
        return WEIGHTS[self.field, self.level][1] + (f" ({self.shown})" if self.shown else "")


def compare(one: Profile, other: Profile) -> tuple[Evidence, ...]:
    """What each field that both records have says, in a fixed order; a field that one leaves empty says nothing."""
    first, second = one.source, other.source
    found = [
        *_names(one.names, other.names),
        *_birth_date(first.birth_date, second.birth_date),
        *_plain("sex", first.sex, second.sex),
        *_addresses(one.addresses, other.addresses),
        *_sets("telephone or e-mail", one.contacts, other.contacts),
        *_worded("mother's maiden name", one.maiden, other.maiden),
        *_plain("birth place", one.birth_place, other.birth_place),
        *_identifiers(one, other),
    ]
    if first.birth_order and second.birth_order and first.birth_order != second.birth_order:
        found.append(Evidence("birth order", "different"))
    return tuple(found)


def nearly(one: str, other: str) -> bool:
    """One typing error apart, two in long words, or of one sound."""
    longest = max(len(one), len(other))
    if longest < 3:
        return False
    allowed = 2 if longest >= 8 else 1
    return OSA.distance(one, other, score_cutoff=allowed) <= allowed or (
        len(sound(one)) >= 3 and sound(one) == sound(other)
    )


def _names(ones: tuple[NameWords, ...], others: tuple[NameWords, ...]) -> list[Evidence]:
    """The best pair of names."""
    pairs = [_pair(one, other) for one in ones for other in others]
    return max(pairs, key=lambda pair: sum(item.weight for item in pair), default=[])


def _pair(one: NameWords, other: NameWords) -> list[Evidence]:
    found: list[Evidence] = []
    shown = f"{one.shown} / {other.shown}"
    if one.consonants != other.consonants:
        one, other = (_as_heard(one, other), other) if one.consonants else (one, _as_heard(other, one))
    straight = [
        *_levelled("family name", one.family, other.family, _family_level, shown),
        *_levelled("given name", one.given, other.given, partial(_given_level, written=one.latin is other.latin)),
    ]
    crossed = (
        one.family and other.family and one.given and other.given
        and _joined_same(one.family, other.given) and _joined_same(one.given, other.family)
    )  # fmt: skip
    if crossed and any(item.weight < 0 for item in straight):
        found.append(Evidence("names", "swapped", shown))
    else:
        found += straight
    if one.generation and other.generation and one.generation != other.generation:
        found.append(Evidence("generation", "different"))
    return found


def _as_heard(name: NameWords, other: NameWords) -> NameWords:
    """`name` with the words of `other` where they sound alike: its script leaves vowels out."""
    heard = {sound(word): word for word in (*other.family, *other.given)}
    return replace(
        name,
        family=tuple(heard.get(sound(word), word) for word in name.family),
        given=tuple(heard.get(sound(word), word) for word in name.given),
    )


def _levelled(
    field: str,
    one: tuple[str, ...],
    other: tuple[str, ...],
    level: Callable[[tuple[str, ...], tuple[str, ...]], str],
    shown: str = "",
) -> list[Evidence]:
    return [Evidence(field, level(one, other), shown)] if one and other else []


def _joined_same(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return "".join(one) == "".join(other) or sorted(one) == sorted(other)


def _family_level(one: tuple[str, ...], other: tuple[str, ...]) -> str:
    if _joined_same(one, other):
        return "same"
    if set(one) <= set(other) or set(other) <= set(one):
        return "part"
    if nearly("".join(one), "".join(other)) or _nearly_part(one, other):
        return "near"
    return "different"


def _nearly_part(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) < len(longer) and all(any(nearly(word, item) for item in longer) for word in shorter)


def _given_level(one: tuple[str, ...], other: tuple[str, ...], *, written: bool) -> str:
    """How given names agree; `written` in one script.

    Maria and Marie are forms of one name, and twins: forms that nearly are the same count as nearly the same. From one
    script to another they are what transliteration makes of one name.
    """
    if _joined_same(one, other):
        return "same"
    first, second = one[0], other[0]
    if first == second:
        return "further" if _further_differ(one[1:], other[1:]) else "same"
    near = nearly("".join(one), "".join(other)) or nearly(first, second)
    if near is not written and (near or same_name_in_another_form(first, second)):
        return "further" if _further_differ(one[1:], other[1:]) else "form"
    if len(first) == 1 or len(second) == 1:
        return "initial" if first[0] == second[0] else "different"
    if near or first in other or second in one or same_name_in_another_form(first, second):
        return "near"
    return "different"


def _further_differ(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether both have further given names and none of them fits."""
    return bool(one and other) and not any(
        first == second or (1 in (len(first), len(second)) and first[0] == second[0])
        for first in one
        for second in other
    )  # fmt: skip


def _birth_date(one: BirthDate | None, other: BirthDate | None) -> list[Evidence]:
    if not one or not other or len(one.value) < 4 or len(other.value) < 4:
        return []
    first, second = one.value[:8], other.value[:8]
    shown = f"{first} / {second}"
    if one.estimated or other.estimated:
        apart = abs(int(first[:4]) - int(second[:4]))
        exact = first == second and len(first) == 8 and first[4:] != "0101"
        level = "month" if exact else "estimated" if apart <= 2 else "year alone" if apart <= 5 else "different"
        return [Evidence("birth date", level, shown)]
    return [Evidence("birth date", _date_level(first, second), shown)]


def _date_level(one: str, other: str) -> str:
    if len(one) == len(other) == 8:
        return _full_date_level(one, other)
    shortest = min(len(one), len(other))
    if one[:shortest] != other[:shortest]:
        return "different"
    return "month" if shortest >= 6 else "year"


def _full_date_level(one: str, other: str) -> str:
    if one == other:
        return "first of the year" if one[4:] == "0101" else "same"
    if one[:4] == other[:4]:
        if one[4:6] + one[6:] == other[6:] + other[4:6]:
            return "exchanged"
        if "0101" in (one[4:], other[4:]):
            return "year"
        if OSA.distance(one[4:], other[4:]) == 1:
            return "near"
    if abs(int(one[:4]) - int(other[:4])) >= _GENERATION_YEARS:
        return "generations"
    return "year alone" if one[4:] == other[4:] else "different"


def _addresses(ones: tuple[AddressWords, ...], others: tuple[AddressWords, ...]) -> list[Evidence]:
    levels = {_address_level(one, other) for one in ones for other in others}
    best = next((level for level in ("same", "place", "different") if level in levels), "")
    return [Evidence("address", best)] if best else []


def _address_level(one: AddressWords, other: AddressWords) -> str:
    codes = one.postal_code and other.postal_code
    if not codes and not (one.city and other.city):  # nothing says where either is
        return "place" if one.street and (one.street, one.numbers) == (other.street, other.numbers) else "different"
    place = one.postal_code == other.postal_code if codes else bool(one.city) and one.city == other.city
    near = place or (codes and nearly(one.postal_code, other.postal_code)) or nearly(one.city, other.city)
    street = one.street and (one.street == other.street or nearly(one.street, other.street))
    if near and street and one.numbers == other.numbers:
        return "same"
    return "place" if place else "different"


def _identifiers(one: Profile, other: Profile) -> list[Evidence]:
    """The best that one authority says for, or else what one says against."""
    mine, theirs = _by_authority(one), _by_authority(other)
    levels: dict[str, str] = {}
    for authority in mine.keys() & theirs.keys():
        level = "same" if mine[authority] & theirs[authority] else "different"
        if level == "different" and any(_one_typed(a, b) for a in mine[authority] for b in theirs[authority]):
            level = "near"
        levels[level] = authority
    return [Evidence("identifier", level, levels[level]) for level in ("same", "near", "different") if level in levels]


def _one_typed(one: str, other: str) -> bool:
    """One character wrong in something long enough that its neighbours are rarely given out."""
    return min(len(one), len(other)) >= 8 and OSA.distance(one, other, score_cutoff=1) == 1


def _by_authority(person: Profile) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for item in person.source.identifiers:
        found.setdefault(item.authority, set()).add(item.id)
    return found


def _sets(field: str, one: frozenset[str], other: frozenset[str]) -> list[Evidence]:
    return [Evidence(field, "same" if one & other else "different")] if one and other else []


def _plain(field: str, one: str, other: str) -> list[Evidence]:
    return [Evidence(field, "same" if one == other else "different")] if one and other else []


def _worded(field: str, one: str, other: str) -> list[Evidence]:
    if not one or not other:
        return []
    return [Evidence(field, "same" if one == other else "near" if nearly(one, other) else "different")]


def total(evidence: Iterable[Evidence]) -> float:
    """The weight of all evidence, in bits."""
    return sum(item.weight for item in evidence)
