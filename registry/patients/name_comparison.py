"""Two names of persons compared: in one script or in two, in either order, in one field or in two. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum, auto
from typing import Final

from rapidfuzz.distance import OSA

from registry.patients.evidence import Evidence, total
from registry.patients.names import bones, heard, same_name_in_another_form, sound
from registry.patients.profile import NameWords

Words = tuple[str, ...]
_LEAST_SLIP: Final = 5  # letters: in shorter names one letter makes another name too easily
_LEAST_LOOSE: Final = 4


class _Between(Enum):
    """What lies between two spellings."""

    NOTHING = auto()  # one script
    LETTERS = auto()  # two that write every sound, each in its way
    VOWELS = auto()  # one of them leaves vowels out
    CHARACTERS = auto()  # one is Chinese characters: pinyin if the other is, and else not to be compared


def names(ones: Sequence[NameWords], others: Sequence[NameWords]) -> list[Evidence]:
    """What the best pair of names says."""
    return max((_pair(one, other) for one in ones for other in others), key=total, default=[])


def nearly(one: str, other: str) -> bool:
    """One typing error apart, two in long words, or of one sound."""
    longest = max(len(one), len(other))
    if longest < 3:
        return False
    allowed = 2 if longest >= 8 else 1
    return OSA.distance(one, other, score_cutoff=allowed) <= allowed or (
        len(sound(one)) >= 3 and sound(one) == sound(other)
    )


def _pair(one: NameWords, other: NameWords) -> list[Evidence]:
    between = _between(one, other)
    if between is _Between.VOWELS:
        one, other = (_as_heard(one, other), other) if one.consonants else (one, _as_heard(other, one))
    found = _straight(one, other, between)
    if len(found) < 2 or any(item.weight < 0 for item in found):
        others = _swapped(one, other, between), _in_one_field(one, other, between)
        found = max(found, *filter(None, others), key=total) if any(others) else found
    if between is _Between.CHARACTERS and any(item.level == "different" for item in found[:1]):
        found = [_names("another script", one, other)]
    if one.generation and other.generation and one.generation != other.generation:
        found.append(Evidence("generation", "different"))
    return found


def _between(one: NameWords, other: NameWords) -> _Between:
    if bool(one.consonants) is not bool(other.consonants):
        return _Between.VOWELS
    if one.han is not other.han:
        return _Between.CHARACTERS
    return _Between.NOTHING if one.latin is other.latin else _Between.LETTERS


def _straight(one: NameWords, other: NameWords, between: _Between) -> list[Evidence]:
    found = []
    if one.family and other.family:
        found.append(
            Evidence("family name", _family_level(one.family, other.family, between), f"{one.shown} / {other.shown}")
        )
    if one.given and other.given and not (one.unnamed or other.unnamed):
        level = _given_level(one.given, other.given, between)
        found.append(Evidence("given name", level, spellings=(one.given[0], other.given[0])))
    return found


def _names(level: str, one: NameWords, other: NameWords) -> Evidence:
    return Evidence("names", level, f"{one.shown} / {other.shown}")


def _swapped(one: NameWords, other: NameWords, between: _Between) -> list[Evidence]:
    if not (one.family and one.given and other.family and other.given):
        return []
    if _joined_same(one.family, other.given) and _joined_same(one.given, other.family):
        return [_names("swapped", one, other)]
    if (
        _family_level(one.family, other.given, between)
        != "different"
        != _family_level(one.given, other.family, between)
    ):
        return [_names("nearly swapped", one, other)]
    return []


def _in_one_field(one: NameWords, other: NameWords, between: _Between) -> list[Evidence]:
    """One has all its words in the field of the family name, or of the given name; the other has both."""
    whole, parts = (one, other) if not (one.family and one.given) else (other, one)
    bag = whole.family or whole.given
    if (whole.family and whole.given) or len(bag) < 2 or not (parts.family and parts.given) or parts.unnamed:
        return []
    both = (*parts.family, *parts.given)
    if _joined_same(bag, both) or "".join(bag) == "".join((*parts.given, *parts.family)):
        return [_names("in one field", one, other)]
    if all(any(_like(word, item, between) for word in bag for item in part) for part in (parts.family, parts.given)):
        return [_names("nearly in one field", one, other)]
    return []


def _as_heard(name: NameWords, other: NameWords) -> NameWords:
    """`name` with the words of `other` where they sound alike: its script leaves vowels out."""
    sounds = {heard(word): word for word in (*other.family, *other.given)}

    def found(word: str) -> str:
        if word not in name.consonants:
            return word
        article = word[1:] if word[0] == "l" and len(word) > 2 else word  # al-, which others write apart or leave out
        return sounds.get(heard(word)) or sounds.get(heard(article)) or word

    return replace(name, family=tuple(map(found, name.family)), given=tuple(map(found, name.given)))


def _joined_same(one: Words, other: Words) -> bool:
    return "".join(one) == "".join(other) or sorted(one) == sorted(other)


def _like(one: str, other: str, between: _Between) -> bool:
    """Nearly the same, or what two ways from one script to another may make of one name."""
    if nearly(one, other):
        return True
    longest = max(len(one), len(other))
    if between is _Between.LETTERS and longest >= _LEAST_LOOSE:
        return OSA.distance(one, other) <= longest // 3
    return between is _Between.VOWELS and bones(one) == bones(other) != ""


def _family_level(one: Words, other: Words, between: _Between) -> str:
    if _joined_same(one, other):
        return "same"
    if set(one) <= set(other) or set(other) <= set(one):
        return "part"
    shorter, longer = sorted((one, other), key=len)
    part = len(shorter) < len(longer) and all(any(_like(word, item, between) for item in longer) for word in shorter)
    return "near" if part or _like("".join(one), "".join(other), between) else "different"


def _given_level(one: Words, other: Words, between: _Between) -> str:
    """How given names agree.

    Maria and Marie are forms of one name, and twins: forms that nearly are the same count as nearly the same. From one
    alphabet to another they are what transliteration makes of one name, unless only one ends as women's names do.
    """
    if _joined_same(one, other):
        return "same"
    first, second = one[0], other[0]
    further = _further_differ(one[1:], other[1:])
    if first == second:
        return "further" if further else "same"
    near = nearly("".join(one), "".join(other)) or nearly(first, second)
    form = same_name_in_another_form(first, second)
    transliterated = between is _Between.LETTERS and near and first.endswith("a") is second.endswith("a")
    if transliterated or (form and not near):
        return "further" if further else "form"
    if len(first) == 1 or len(second) == 1:
        return "initial" if first[0] == second[0] else "different"
    if between is _Between.NOTHING and not further and _is_slip(first, second):
        return "slip"
    if near or form or first in other or second in one or _like(first, second, between):
        return "near"
    return "near" if _like("".join(one), "".join(other), between) else "different"


def _is_slip(one: str, other: str) -> bool:
    """One letter wrong inside: names that parents give to twins rhyme, or end in another way."""
    long_enough = min(len(one), len(other)) >= _LEAST_SLIP
    return long_enough and (one[0], one[-1]) == (other[0], other[-1]) and OSA.distance(one, other, score_cutoff=1) == 1


def _further_differ(one: Words, other: Words) -> bool:
    """Whether both have further given names and none of them fits."""
    return bool(one and other) and not any(
        first == second or (1 in (len(first), len(second)) and first[0] == second[0])
        for first in one
        for second in other
    )  # fmt: skip
