"""Invented people for `matching`: households of several cultures, and everybody whom a matching could take for another.

Shares nothing with the matcher but the form of demographics: names are those of `matching_names.toml`, mistakes those
of `matching_mistakes`. Among the people: twins, fathers and sons of one name, cousins named after one grandfather,
namesakes born on one day, residents of homes with one address and telephone, newborns without a name, borrowed cards.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

CULTURES: Final[dict[str, dict[str, Any]]] = tomllib.loads(
    Path(__file__).with_name("matching_names.toml").read_text(encoding="utf-8")
)
# Pairs of given names that parents give to twins, alike on purpose; where a culture has none of its own.
_TWINS: Final = {
    "english": "Ellen-Helen Martin-Marvin Jayden-Kayden Amelia-Emelia Jon-Ron Kara-Cara",
    "german": "Jana-Jan Lena-Lea Mara-Marta Tim-Tom Karla-Karl Marina-Martina Johanna-Joanna",
    "spanish": "Juan-Juana Mario-Maria Daniel-Daniela",
    "arabic": "حسن=Hassan-حسين=Hussein محمد=Mohammed-محمود=Mahmoud",
    "chinese": "美玲=Meiling-美琳=Meilin 明=Ming-敏=Min",
    "russian": "Александр=Aleksandr-Александра=Aleksandra Юлия=Yulia-Юлиана=Yuliana",
    "turkish": "Hasan-Hüseyin Ayşe-Ayşen",
    "indian": "राम=Ram-श्याम=Shyam सुनीता=Sunita-अनीता=Anita",
}
_FIRST_YEAR: Final = 1930
_LAST_YEAR: Final = 1998


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where people live together. Street and town are `native=latin`."""

    street: str
    number: str
    flat: str
    town: str
    code: str
    landline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Somebody:
    """A person as they are; names are `native=latin|latin`."""

    culture: str
    family: tuple[str, ...]
    given: str
    second: str
    sex: str
    born: tuple[int, int, int]
    home: Home
    maiden: str = ""
    mobile: str = ""
    mail: str = ""
    national: str = ""
    order: int | None = None
    suffix: str = ""
    unnamed: bool = False  # some desks wrote them down before they had a name
    day_unknown: bool = False  # papers say 1 January
    borrowed: str = ""  # the card of somebody else, which one desk saw


@dataclass(slots=True)
class Town:
    """Makes people until there are enough; everything follows from the seed."""

    chance: random.Random
    people: list[Somebody] = field(default_factory=list)

    def fill(self, wanted: int) -> Sequence[Somebody]:
        """Households, homes and namesakes."""
        while len(self.people) < wanted:
            kind = self.chance.random()
            if kind < 0.01:
                self.people += self._residents()
            else:
                self.people += self._household()
            if kind > 0.96 and self.people:
                self.people.append(self._namesake(self.chance.choice(self.people), near=kind > 0.99))
        return self.people[:wanted]

    def _household(self) -> Iterator[Somebody]:
        chance, culture = self.chance, self.chance.choice(sorted(CULTURES))
        home = self._home(culture)
        family, hers = self._family(culture), self._family(culture)
        year = chance.randint(_FIRST_YEAR, _LAST_YEAR - 20)
        father = self._somebody(culture, family, "M", year, home)
        keeps = chance.random() < 0.3 or CULTURES[culture].get("double", False)
        mother = self._somebody(culture, hers if keeps else family, "F", year + chance.randint(-3, 5), home)
        yield from [father, mother][: chance.choice([1, 2, 2])]
        theirs = (family[0], hers[0]) if CULTURES[culture].get("double") else family
        taken = {mother.given}
        for _ in range(chance.choice([0, 0, 1, 1, 2, 3])):
            child = self._somebody(
                culture, theirs, chance.choice("FM"), mother.born[0] + chance.randint(19, 38), home, maiden=hers[0]
            )
            if child.given in taken:  # brothers and sisters have names of their own
                continue
            taken.add(child.given)
            if child.sex == "M" and father.given not in taken and chance.random() < 0.1:
                taken.add(father.given)
                child = replace(child, given=father.given, second=father.second, suffix=chance.choice(["", "Jr"]))
            if chance.random() < 0.02:
                child = replace(child, unnamed=True)
            yield from self._twins(child) if chance.random() < 0.06 else [child]
        if chance.random() < 0.01:  # cousins after one grandfather, in one street
            other = replace(home, number=str(int(home.number) + 2), landline=self._number("555"))
            cousin = self._somebody(culture, family, "M", father.born[0] + chance.choice([0, 0, 1]), other)
            yield replace(cousin, given=father.given, second=father.second, maiden=self._family(culture)[0])

    def _twins(self, child: Somebody) -> list[Somebody]:
        chance, alike = self.chance, _TWINS.get(child.culture)
        other = self._somebody(child.culture, child.family, chance.choice("FM"), child.born[0], child.home)
        one_given, other_given = child.given, other.given
        if (alike and chance.random() < 0.5) or one_given == other_given:
            alike = alike or _TWINS["german"]
            one_given, other_given = chance.choice(alike.split()).split("-")
        ordered = chance.random() < 0.3
        return [
            replace(child, given=one_given, order=1 if ordered else None),
            replace(
                child,
                given=other_given,
                second=other.second,
                sex=other.sex,
                mobile=other.mobile,
                mail=other.mail,
                national=other.national,
                order=2 if ordered else None,
            ),
        ]

    def _residents(self) -> Iterator[Somebody]:
        """A home for the old, or a shelter: one address, one telephone, often no papers."""
        chance, home = self.chance, self._home("english")
        shelter = chance.random() < 0.5
        cultures = ["arabic", "indian", "russian", "turkish"] if shelter else ["english"]
        for _ in range(chance.randint(8, 25)):
            culture = chance.choice(cultures)
            year = chance.randint(1970, 2000) if shelter else chance.randint(_FIRST_YEAR, _FIRST_YEAR + 15)
            one = self._somebody(culture, self._family(culture), chance.choice("FM"), year, home)
            yield replace(one, mobile="", mail="", day_unknown=shelter and chance.random() < 0.6)

    def _namesake(self, other: Somebody, *, near: bool) -> Somebody:
        """Somebody else with the name, sex and birth date of `other`; `near`: in the same town."""
        home = self._home(other.culture)
        if near:
            home = replace(home, town=other.home.town, code=other.home.code)
        return replace(
            other,
            home=home,
            national=self._card(),
            mobile=self._number("077"),
            mail="",
            maiden=self._family(other.culture)[0],
            order=None,
            unnamed=False,
            borrowed="",
        )

    def _somebody(
        self, culture: str, family: tuple[str, ...], sex: str, year: int, home: Home, maiden: str = ""
    ) -> Somebody:
        chance, names = self.chance, CULTURES[culture]
        women, men = names.get("second", "|").split("|")  # no second name has two spellings
        seconds = (women if sex == "F" else men).split()
        return Somebody(
            culture=culture,
            family=tuple(_of_a_woman(one, names) if sex == "F" else one for one in family),
            given=self._frequent(names["women" if sex == "F" else "men"].split()),
            second=chance.choice(seconds) if seconds and chance.random() < 0.6 else "",
            sex=sex,
            born=(year, chance.randint(1, 12), chance.randint(1, 28)),
            home=home,
            maiden=maiden or self._family(culture)[0],
            mobile=self._number("077") if chance.random() < 0.7 else "",
            mail=f"mail{chance.randrange(10**8)}@post.example" if chance.random() < 0.3 else "",
            national=self._card(),
            borrowed=self._borrowed(home),
        )

    def _borrowed(self, home: Home) -> str:
        if self.people and self.chance.random() < 0.003 and self.people[-1].home == home:
            return self.people[-1].national
        return ""

    def _family(self, culture: str) -> tuple[str, ...]:
        names = CULTURES[culture]
        if "rare" in names and self.chance.random() < 0.6:
            first, last = (part.split() for part in names["rare"])
            return (self.chance.choice(first) + self.chance.choice(last),)
        families = names["families"].split()
        many = 2 if names.get("double") else 1
        return tuple(self._frequent(families) for _ in range(many))

    def _frequent(self, names: Sequence[str]) -> str:
        """The first are the most frequent, as names are (Zipf)."""
        return self.chance.choices(names, weights=[1 / (place + 4) for place in range(len(names))])[0]

    def _home(self, culture: str) -> Home:
        chance, names = self.chance, CULTURES[culture]
        town, code = chance.choice(names["towns"].split()).rsplit("=", 1)
        return Home(
            street=chance.choice(names["streets"].split()),
            number=str(chance.randint(1, 160)),
            flat=str(chance.randint(1, 30)) if chance.random() < 0.3 else "",
            town=town,
            code=code,
            landline=self._number("0555") if chance.random() < 0.7 else "",
        )

    def _number(self, first: str) -> str:
        return first + "".join(self.chance.choices("0123456789", k=7))

    def _card(self) -> str:
        return "".join(self.chance.choices("0123456789", k=10)) if self.chance.random() < 0.6 else ""

    def new_home(self, culture: str) -> Home:
        """Where somebody moves."""
        return self._home(culture)


def _of_a_woman(family: str, names: dict[str, Any]) -> str:
    native, _, latin = family.partition("=")
    forms = [_ended(one, names) for one in (native, *latin.split("|")) if one]
    return forms[0] + ("=" + "|".join(forms[1:]) if latin else "")


def _ended(word: str, names: dict[str, Any]) -> str:
    for ending, hers in sorted(names.get("feminine", []), key=lambda pair: -len(pair[0])):
        if word.endswith(ending):
            return word[: -len(ending)] + str(hers)
    return word
