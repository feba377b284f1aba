"""Records of invented people as institutions have them: how each writes, with mistakes of `matching_mistakes`."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from registry.patients.demographics import Demographics, Identifier
from scripts.benchmarks.matching_mistakes import MISTAKES, Draft, plain
from scripts.benchmarks.matching_people import Somebody, Town

SOURCES: Final = tuple(f"2.999.1.{number}" for number in range(6))
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
            said = plain(said.translate(_EXPANDED) if body.culture == "german" and chance.random() < 0.7 else said)
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
