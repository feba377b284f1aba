"""What registration desks make of people: how each institution writes, and the mistakes of a record, each by its name.

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
SOURCES: Final = tuple(f"2.999.1.{number}" for number in range(6))
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
_ABBREVIATED: Final = (
    ("Street", "St"),
    ("Road", "Rd"),
    ("Avenue", "Ave"),
    ("Lane", "Ln"),
    ("straße", "str."),
    ("Calle", "C/"),
    ("Avenida", "Av."),
    ("ulitsa", "ul."),
    ("улица", "ул."),
    ("Caddesi", "Cd."),
    ("Sokak", "Sk."),
    ("utca", "u."),
)
_WITHOUT_MARKS: Final = str.maketrans(
    {"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "\u0131": "i", "ß": "ss", "ø": "o", "Ø": "O"}
)
_EXPANDED: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as an institution has it, whose it is, and what is different in it."""

    identifier: Identifier
    person: Demographics
    true: int
    kinds: frozenset[str]
    script: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """How one institution writes."""

    latin: bool
    plain: bool  # without diacritics
    loud: bool  # in capitals
    seconds: bool
    short: bool  # abbreviates streets
    abroad: bool  # telephone numbers with the country
    cards: float  # how often it asks for the national card


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


def population(originals: int, *, seed: int) -> list[Entry]:
    """`originals` people, each with one record of the first institution and one to five of others, shuffled."""
    chance = random.Random(seed)
    town = Town(chance)
    desks = [desk(chance) for _ in SOURCES]
    entries: list[Entry] = []
    for number, body in enumerate(town.fill(originals)):
        others = chance.sample(range(1, len(SOURCES)), chance.choice([1, 1, 2, 2, 3, 4, 5]))
        for source in (0, *others):
            entries.append(_entry(town, body, number, source, desks[source]))
    chance.shuffle(entries)
    return entries


def desk(chance: random.Random) -> Desk:
    """An institution with habits of its own."""
    return Desk(
        latin=chance.random() < 0.5,
        plain=chance.random() < 0.5,
        loud=chance.random() < 0.3,
        seconds=chance.random() < 0.6,
        short=chance.random() < 0.4,
        abroad=chance.random() < 0.3,
        cards=chance.choice([0.2, 0.6, 0.9]),
    )


def _entry(town: Town, body: Somebody, number: int, source: int, at: Desk) -> Entry:
    chance = town.chance
    draft = _drafted(town, body, at)
    for _ in range(chance.choices([0, 1, 2, 3], weights=[30, 35, 25, 10] if source else [70, 25, 5, 0])[0]):
        kind, make = chance.choice(MISTAKES)
        before = draft.written()
        make(draft)
        if draft.written() != before:
            draft.kinds.add(kind)
    if body.unnamed and chance.random() < 0.5:
        draft.given = [chance.choice(["Baby", "Baby Boy" if body.sex == "M" else "Baby Girl", "Newborn", "Twin A"])]
        draft.kinds.add("not named yet")
    if body.borrowed and chance.random() < 0.2:
        draft.national = body.borrowed
        draft.kinds.add("borrowed card")
    native = any(one >= "\u0370" and not "\u1e00" <= one <= "\u1fff" for one in draft.family + "".join(draft.given))
    return Entry(
        identifier=Identifier(f"R{number}", SOURCES[source]),
        person=draft.written(),
        true=number,
        kinds=frozenset(draft.kinds),
        script="native" if native else "latin",
    )


def _drafted(town: Town, body: Somebody, at: Desk) -> Draft:
    chance, home = town.chance, body.home
    latin = at.latin or chance.random() < 0.1
    kinds: set[str] = set()

    def text(raw: str) -> str:
        native, _, variants = raw.partition("=")
        forms = variants.split("|") if variants else [native]
        place = 0 if chance.random() < 0.7 else chance.randrange(len(forms))
        said = forms[place] if latin or native.isascii() or native[0] < "\u0370" else native
        if latin and place:
            kinds.add("romanised otherwise")
        said = said.replace("~", " ")
        if at.plain and said[0] < "\u0370":
            plain = _plain(said.translate(_EXPANDED) if body.culture == "german" and chance.random() < 0.7 else said)
            said = plain
        return said.upper() if at.loud else said

    seconds = [text(body.second)] if body.second and at.seconds else []
    street = text(home.street)
    if at.short:
        for whole, brief in _ABBREVIATED:
            street = street.replace(whole, brief)
    line = f"{home.number} {street}" if body.culture in ("english", "arabic", "indian") else f"{street} {home.number}"
    numbers = [one for one in (body.mobile, home.landline) if one and chance.random() < 0.8]
    return Draft(
        chance=chance,
        town=town,
        body=body,
        family=" ".join(text(one) for one in body.family),
        given=[*text(body.given).split(" "), *seconds],
        date=f"{body.born[0]}0101" if body.day_unknown else "{:04d}{:02d}{:02d}".format(*body.born),
        sex=body.sex,
        lines=[line, f"Flat {home.flat}"] if home.flat and chance.random() < 0.7 else [line],
        city=text(home.town),
        code=home.code,
        phones=[_phone(one, at) for one in numbers]
        + ([f"mailto:{body.mail}"] if body.mail and chance.random() < 0.5 else []),
        maiden=text(body.maiden) if chance.random() < 0.5 else "",
        national=body.national if chance.random() < at.cards else "",
        suffix=body.suffix if chance.random() < 0.5 else "",
        kinds=kinds,
    )


def _phone(number: str, at: Desk) -> str:
    return f"tel:+99-{number.lstrip('0')}" if at.abroad else f"tel:{number[:4]} {number[4:]}"


def _plain(text: str) -> str:
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
        name = _plain(draft.chance.choice(CULTURES["english"]["families"].split()))
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
