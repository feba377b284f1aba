"""Two profiles compared field by field: what agrees, and how well. Pure."""

from __future__ import annotations

from typing import Final

from rapidfuzz.distance import OSA

from registry.patients.demographics import BirthDate
from registry.patients.evidence import Evidence
from registry.patients.name_comparison import names, nearly
from registry.patients.profile import AddressWords, Profile

_GENERATION_YEARS: Final = 12
_LEAST_WORD: Final = 3  # letters of a word that tells streets apart: not St, Rd, ul


def compare(one: Profile, other: Profile) -> tuple[Evidence, ...]:
    """What each field that both records have says, in a fixed order; a field that one leaves empty says nothing."""
    first, second = one.source, other.source
    found = [
        *names(one.names, other.names),
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
    generations = abs(int(one[:4]) - int(other[:4])) >= _GENERATION_YEARS
    if one[4:] == other[4:] and sum(a != b for a, b in zip(one[:4], other[:4], strict=True)) == 1:
        return "year alone" if generations or one[4:] == "0101" else "digit of the year"
    if generations:
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
    house = one.numbers <= other.numbers or other.numbers <= one.numbers  # one leaves the flat out
    if near and house and bool(one.numbers) is bool(other.numbers) and _same_street(one.street, other.street):
        return "same"
    return "place" if place else "different"


def _same_street(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether streets share a word, and only one of them has further ones: the name of a house, a quarter."""
    if one == other:
        return bool(one)
    mine = [word for word in one if not any(_same_word(word, item) for item in other)]
    theirs = [word for word in other if not any(_same_word(word, item) for item in one)]
    if len(mine) == len(one) or len(theirs) == len(other):
        return nearly("".join(one), "".join(other))
    return not (_longest(mine) >= _LEAST_WORD and _longest(theirs) >= _LEAST_WORD)


def _same_word(one: str, other: str) -> bool:
    """The same, mistyped, or one an abbreviation of the other."""
    shorter, longer = sorted((one, other), key=len)
    return nearly(one, other) or (len(shorter) > 1 and longer.startswith(shorter))


def _longest(words: list[str]) -> int:
    return max(map(len, words), default=0)


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
