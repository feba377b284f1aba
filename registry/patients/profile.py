"""A patient's demographics prepared for comparing and finding: everything folded once. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from registry.patients.demographics import Address, Demographics, Name
from registry.patients.names import family_words, generation, lettered, sound, spelled, unnamed, words

MOST_NAMES: Final = 6  # of one patient: each pair of names is compared
MOST_ADDRESSES: Final = 6
MOST_KEYS: Final = 40
_DIGITS: Final = re.compile(r"\D")
_PHONE_DIGITS: Final = 7  # the last ones: with and without country code


@dataclass(frozen=True, slots=True)
class NameWords:
    """One name: the words of the family name and of the given names, `spelled`, and the generation.

    `consonants`: its words in a script that leaves vowels out (Arabic, Hebrew, Syriac).
    `latin`: the given names are in Latin letters.
    `han`: there are characters whose sound depends on the language. `unnamed`: no given name is known yet.
    """

    family: tuple[str, ...]
    given: tuple[str, ...]
    generation: str
    consonants: frozenset[str]
    latin: bool
    han: bool
    unnamed: bool
    shown: str


@dataclass(frozen=True, slots=True)
class AddressWords:
    """One address: its street's words and house numbers, and where that is."""

    street: tuple[str, ...]
    numbers: frozenset[str]
    city: str
    postal_code: str


@dataclass(frozen=True, slots=True)
class Profile:
    """Demographics as they are compared."""

    source: Demographics
    names: tuple[NameWords, ...]
    addresses: tuple[AddressWords, ...]
    contacts: frozenset[str]  # last digits of telephone numbers; e-mail addresses
    maiden: str
    birth_place: str


def profile(person: Demographics) -> Profile:
    """Prepare demographics; what is beyond the bounds is not compared."""
    return Profile(
        source=person,
        names=tuple(_name(name) for name in person.names[:MOST_NAMES] if name.family or name.given),
        addresses=tuple(_address(address) for address in person.addresses[:MOST_ADDRESSES]),
        contacts=frozenset(found for item in person.telecoms if (found := contact(item.value))),
        maiden=" ".join(map(spelled, family_words(person.mothers_maiden_name))),
        birth_place=" ".join(map(spelled, words(person.birth_place))),
    )


def contact(value: str) -> str:
    """An e-mail address, or the last digits of a telephone number; "" when there are too few."""
    scheme, _, rest = value.rpartition(":")
    if "@" in rest:
        return rest.strip().lower()
    digits = _DIGITS.sub("", rest if scheme else value)
    return "" if len(digits) < 6 or _is_filler(digits) else digits[-_PHONE_DIGITS:]


def _is_filler(digits: str) -> bool:
    """What is typed where there is no number: 0000000, 0123456789."""
    return len(set(digits[-_PHONE_DIGITS:])) == 1 or digits in "01234567890"


def contact_key(item: str) -> int:
    """The key under which everybody with a telephone number or address of `contact` is filed."""
    return _number(f"contact {item}")


def keys(person: Profile) -> frozenset[int]:
    """Blocking keys, 63 bits each: two records of one person nearly always share one of them, others rarely.

    Birth date (day and month in either order); both names with year, with day and month, alone; each name with year
    and month; given name with house number and place; telephone, e-mail. The order of the names does not matter.
    """
    found: set[str] = {f"contact {item}" for item in person.contacts}
    date = person.source.birth_date.value if person.source.birth_date else ""
    year, days = date[:4], "".join(sorted((date[4:6], date[6:8]))) if len(date) >= 8 else ""
    if days:
        found.add(f"date {year} {days}")
    for name in person.names:
        for family in {sound(word) for word in name.family[:3]}:
            if year:
                found.add(f"word {family} {date[:6]}")
            for given in {sound(word) for word in name.given[:2]} | {sound("".join(name.given[:2]))}:
                pair = " ".join(sorted((family, given)))
                found.add(f"names {pair}")
                found.update([f"year {pair} {year}"] if year else [])
                found.update([f"days {pair} {days}"] if days else [])
        for given in {sound(word) for word in name.given[:2]}:
            found.update([f"word {given} {date[:6]}"] if year else [])
            found.update(
                f"house {given} {item.postal_code or item.city} {' '.join(sorted(item.numbers))}"
                for item in person.addresses
                if item.numbers
            )
    return frozenset(_number(text) for text in sorted(found)[:MOST_KEYS])


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) >> 1


def _name(name: Name) -> NameWords:
    shown = " ".join([*name.given, name.family]).strip()
    given = tuple(spelled(lettered(word)) for part in name.given for word in words(part))
    return NameWords(
        family=tuple(spelled(lettered(word)) for word in family_words(name.family)),
        given=given,
        generation=generation(name.suffix, name.family),
        consonants=frozenset(
            spelled(word)
            for part in (name.family, *name.given)
            if any("\u0590" <= character <= "\u08ff" for character in part)
            for word in words(part)
        ),
        latin=all(character < "\u0370" or "\u1e00" <= character <= "\u1eff" for character in "".join(name.given)),
        han=any("\u3400" <= character <= "\u9fff" for character in shown),
        unnamed=unnamed(given),
        shown=shown,
    )


def _address(address: Address) -> AddressWords:
    found = [spelled(word) for line in address.lines for word in words(line)]
    return AddressWords(
        street=tuple(sorted(word for word in found if not word[0].isdigit())),
        numbers=frozenset(word for word in found if word[0].isdigit()),
        city=" ".join(map(spelled, words(address.city))),
        postal_code="".join(words(address.postal_code)),
    )
