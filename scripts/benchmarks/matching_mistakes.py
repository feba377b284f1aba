"""The mistakes of registration desks, each by its name, in a record in the making.

Kinds of mistakes follow FEBRL's generator (Christen 2005) and what masters of patient indexes report: keyboard, typing,
optical reading, sound, scripts, orders of names, dates and their guesses, moves, what is left out. Nothing is shared
with the matcher.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from registry.patients.demographics import Address, BirthDate, Demographics, Identifier, Name, Telecom
from scripts.benchmarks.matching_people import CULTURES, Somebody, Town

NATIONAL: Final = "2.999.77"
_ROWS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SEEN: Final = (
    ("rn", "m"),
    ("m", "rn"),
    ("cl", "d"),
    ("d", "cl"),
    ("l", "1"),
    ("o", "0"),
    ("i", "l"),
    ("h", "b"),
    ("vv", "w"),
    ("B", "8"),
    ("S", "5"),
    ("e", "c"),
)
_HEARD: Final = (
    ("ph", "f"),
    ("f", "v"),
    ("ck", "k"),
    ("tz", "z"),
    ("ei", "ey"),
    ("ai", "ay"),
    ("th", "t"),
    ("dt", "t"),
    ("y", "i"),
    ("c", "k"),
    ("ie", "ee"),
    ("ou", "oo"),
    ("z", "s"),
    ("qu", "kw"),
    ("x", "ks"),
    ("ll", "l"),
    ("nn", "n"),
    ("w", "v"),
    ("gh", "g"),
    ("b", "v"),
)
_SHORT: Final = {
    "William": "Bill", "Robert": "Bob", "Richard": "Dick", "Elizabeth": "Betty", "Margaret": "Peggy", "Edward": "Ted",
    "Catherine": "Kate", "Michael": "Mick", "James": "Jim", "Thomas": "Tom", "John": "Jack", "Anthony": "Tony",
    "Christopher": "Kit", "Stephen": "Steve", "Susan": "Sue", "Rebecca": "Becky", "Jessica": "Jess", "Philip": "Pip",
    "Katharina": "Käthe", "Jürgen": "Jörg", "Maximilian": "Max", "Friederike": "Rike", "Wolfgang": "Wolf",
    "José": "Pepe", "Francisco": "Paco", "Dolores": "Lola", "Rosario": "Charo", "Ignacio": "Nacho", "Jesús": "Chus",
    "Małgorzata": "Gosia", "Katarzyna": "Kasia", "Stanisław": "Staszek", "Aleksandr": "Sasha", "Dmitry": "Dima",
    "Ekaterina": "Katya", "Mikhail": "Misha", "Georgios": "Yorgos", "Ioannis": "Yannis", "László": "Laci",
}  # fmt: skip
_WITHOUT_MARKS: Final = str.maketrans(
    {"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "\u0131": "i", "ß": "ss", "ø": "o", "Ø": "O"}
)


@dataclass(slots=True)
class Draft:
    """One record in the making."""

    chance: random.Random
    town: Town
    body: Somebody
    family: str
    given: list[str]
    date: str
    sex: str
    lines: list[str]
    city: str
    code: str
    phones: list[str]
    maiden: str
    national: str
    estimated: bool = False
    suffix: str = ""
    kinds: set[str] = field(default_factory=set)

    def written(self) -> Demographics:
        """As a message would bring it."""
        return Demographics(
            identifiers=(Identifier(self.national, NATIONAL),) if self.national else (),
            names=(Name(family=self.family, given=tuple(self.given), suffix=self.suffix),),
            sex=self.sex,
            birth_date=BirthDate(value=self.date, estimated=self.estimated) if self.date else None,
            addresses=(Address(lines=tuple(self.lines), city=self.city, postal_code=self.code),) if self.lines else (),
            telecoms=tuple(Telecom(value=one) for one in self.phones),
            mothers_maiden_name=self.maiden,
            birth_order=self.body.order,
        )


def plain(text: str) -> str:
    """Without diacritics."""
    return "".join(
        one for one in unicodedata.normalize("NFKD", text.translate(_WITHOUT_MARKS)) if not unicodedata.combining(one)
    )


# Mistakes in one word -------------------------------------------------------------------------------------------------


def neighbour(chance: random.Random, word: str) -> str:
    """A key beside the right one."""
    place = chance.randrange(len(word))
    for row in _ROWS:
        at = row.find(word[place].lower())
        if at >= 0:
            beside = row[max(0, at - 1) : at] + row[at + 1 : at + 2]
            return word[:place] + chance.choice(beside) + word[place + 1 :]
    return word


def transposed(chance: random.Random, word: str) -> str:
    """Two letters in the wrong order."""
    place = chance.randrange(max(1, len(word) - 1))
    return word[:place] + word[place + 1 : place + 2] + word[place] + word[place + 2 :]


def dropped(chance: random.Random, word: str) -> str:
    """One letter too few, or twice."""
    place = chance.randrange(len(word))
    return word[:place] + (word[place + 1 :] if chance.random() < 0.6 else word[place] + word[place:])


def read_wrong(chance: random.Random, word: str) -> str:
    """As optical reading does."""
    found = [pair for pair in _SEEN if pair[0] in word]
    return word.replace(*chance.choice(found), 1) if found else word


def heard_wrong(chance: random.Random, word: str) -> str:
    """As it sounds on the telephone."""
    found = [pair for pair in _HEARD if pair[0] in word.lower()]
    if not found:
        return word
    one, other = chance.choice(found)
    return re.sub(one, other, word, count=1, flags=re.IGNORECASE)


def _in_name(change: Callable[[random.Random, str], str]) -> Callable[[Draft], None]:
    def make(draft: Draft) -> None:
        words = draft.family.split(" ")
        place = draft.chance.randrange(len(words) + 1)
        if place < len(words):
            words[place] = change(draft.chance, words[place]) if len(words[place]) > 2 else words[place]
            draft.family = " ".join(words)
        elif draft.given and len(draft.given[0]) > 2:
            draft.given[0] = change(draft.chance, draft.given[0])

    return make


# Mistakes in a record -------------------------------------------------------------------------------------------------


def swapped(draft: Draft) -> None:
    """Family and given names exchanged."""
    draft.family, draft.given = " ".join(draft.given), draft.family.split(" ")


def in_one_field(draft: Draft) -> None:
    """The whole name in the field of the family name, in the order of the culture."""
    given = " ".join(draft.given)
    first = CULTURES[draft.body.culture].get("family_first", False)
    draft.family, draft.given = f"{draft.family} {given}" if first else f"{given} {draft.family}", []


def short_form(draft: Draft) -> None:
    """What friends say, or the initial."""
    if not draft.given:
        return
    if draft.chance.random() < 0.5:
        draft.given[0] = _SHORT.get(draft.given[0], draft.given[0])
    elif draft.given[0][0] < "\u0370":
        draft.given[0] = draft.given[0][:1]


def second_names(draft: Draft) -> None:
    """Another number of given names."""
    draft.given = draft.given[:1] if len(draft.given) > 1 else draft.given


def half(draft: Draft) -> None:
    """One of several family names."""
    words = draft.family.split(" ")
    draft.family = draft.chance.choice([words[0], words[-1]]) if len(words) > 1 else draft.family


def married(draft: Draft) -> None:
    """The family name of a husband, alone or beside the own."""
    if draft.body.sex == "F":
        name = plain(draft.chance.choice(CULTURES["english"]["families"].split()))
        draft.family = draft.chance.choice([name, f"{draft.family}-{name}", f"{draft.family} {name}"])


def date_exchanged(draft: Draft) -> None:
    """Day and month exchanged, where that gives a date."""
    if len(draft.date) == 8 and draft.date[6:] <= "12":
        draft.date = draft.date[:4] + draft.date[6:] + draft.date[4:6]


def date_typed(draft: Draft) -> None:
    """One digit wrong, or two transposed."""
    if len(draft.date) == 8:
        place = draft.chance.choice([2, 3, 4, 5, 6, 7])
        typed = draft.date[:place] + draft.chance.choice("0123456789") + draft.date[place + 1 :]
        if "01" <= typed[4:6] <= "12" and "01" <= typed[6:] <= "28":
            draft.date = typed


def date_guessed(draft: Draft) -> None:
    """An estimated year, the year alone, or 1 January for it."""
    year = draft.body.born[0]
    draft.date, draft.estimated = draft.chance.choice(
        [(f"{year + draft.chance.choice([-2, -1, 0, 1, 2])}", True), (str(year), False), (f"{year}0101", False)]
    )


def moved(draft: Draft) -> None:
    """Another address, and often another telephone."""
    home = draft.town.new_home(draft.body.culture)
    street = home.street.split("=")[-1].split("|")[0].replace("~", " ")
    draft.lines, draft.city, draft.code = (
        [f"{street} {home.number}"],
        home.town.split("=")[-1].replace("~", " "),
        home.code,
    )
    if draft.chance.random() < 0.5:
        draft.phones = [f"tel:{home.landline}"] if home.landline else []


def address_typed(draft: Draft) -> None:
    """A typing mistake in the street, the house number or the code."""
    if not draft.lines:
        return
    what = draft.chance.random()
    if what < 0.6:
        draft.lines = [dropped(draft.chance, draft.lines[0]), *draft.lines[1:]]
    elif what < 0.8:
        draft.lines = [
            re.sub(r"\d+", lambda found: str(int(found.group()) + 1), draft.lines[0], count=1),
            *draft.lines[1:],
        ]
    else:
        draft.code = transposed(draft.chance, draft.code)


def phone_wrong(draft: Draft) -> None:
    """A digit wrong, or what is typed where there is none."""
    if draft.chance.random() < 0.3:
        draft.phones = [draft.chance.choice(["tel:0000000", "tel:9999999999", "tel:0123456789", "tel:11111111"])]
    elif draft.phones and draft.phones[0].startswith("tel:"):
        draft.phones = [draft.phones[0][:-1] + draft.chance.choice("0123456789"), *draft.phones[1:]]


def card_typed(draft: Draft) -> None:
    """A digit of the national identifier wrong."""
    if draft.national:
        place = draft.chance.randrange(len(draft.national))
        draft.national = draft.national[:place] + draft.chance.choice("0123456789") + draft.national[place + 1 :]


def _left_out(name: str, empty: object) -> Callable[[Draft], None]:
    return lambda draft: setattr(draft, name, empty() if callable(empty) else empty)


MISTAKES: Final[list[tuple[str, Callable[[Draft], None]]]] = [
    ("keyboard", _in_name(neighbour)), ("transposed", _in_name(transposed)), ("letter dropped", _in_name(dropped)),
    ("optical reading", _in_name(read_wrong)), ("sound", _in_name(heard_wrong)), ("sound", _in_name(heard_wrong)),
    ("names swapped", swapped), ("names in one field", in_one_field), ("short form", short_form),
    ("second names", second_names), ("half a family name", half), ("married", married),
    ("day and month exchanged", date_exchanged), ("date typed", date_typed), ("date guessed", date_guessed),
    ("moved", moved), ("moved", moved), ("address typed", address_typed), ("address typed", address_typed),
    ("telephone wrong", phone_wrong), ("card typed", card_typed),
    ("date missing", _left_out("date", "")), ("sex missing", _left_out("sex", "")),
    ("address missing", _left_out("lines", list)), ("telephone missing", _left_out("phones", list)),
    ("card missing", _left_out("national", "")),
]  # fmt: skip
