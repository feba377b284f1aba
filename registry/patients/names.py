"""Names made comparable: scripts to Latin letters, spelling to sound, words without particles. Pure.

`spelled` is what two spellings of one name have in common in writing, `sound` what survives an ear and a keyboard.
Both only serve to find and to compare; nobody is shown them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from anyascii import anyascii

# Words that come and go: a registration desk leaves them out, another writes them as a part of the name.
PARTICLES: Final = frozenset({
    "al", "bin", "bint", "bn", "da", "dal", "de", "del", "den", "der", "di", "do", "dos", "du", "e", "el", "ibn",
    "la", "las", "le", "los",
    "san", "ten", "ter", "van", "vom", "von", "y", "zu", "zum", "zur",
})  # fmt: skip
GENERATIONS: Final = {"jr": "jr", "jun": "jr", "junior": "jr", "ii": "jr", "sr": "sr", "sen": "sr", "senior": "sr"} | {
    "iii": "iii",
    "iv": "iv",
}
# Forms of one given name; a word may stand in several groups.
_FORMS: Final = (
    "alexander alex sasha sacha aleksandr alessandro alejandro iskandar",
    "alexandra alex sasha sacha sandra aleksandra",
    "andrew andy drew andreas andre andrea andrei andrey",
    "anthony tony antonio anton antoine",
    "benjamin ben benny",
    "catherine katherine kathryn kate katie cathy kathy katharina katarina ekaterina katja catalina",
    "charles charlie chuck karl carl carlos carlo",
    "christopher chris christoph kit",
    "christine christina chris kristina tina",
    "daniel dan danny",
    "david dave davide dawud",
    "dmitri dmitriy dmitry dima",
    "edward ed eddie ted eduard eduardo",
    "elizabeth elisabeth liz lizzy beth betty eliza lisa elsbeth elisabetta isabel",
    "francis frank francisco franz francesco paco",
    "frederick fred freddy friedrich fritz federico",
    "george georg jorge giorgio georges yuri jerzy",
    "giuseppe joseph joe josef jose pepe yusuf yosef",
    "gregory greg gregor grigori grigoriy",
    "heinrich henry harry heinz enrique henri hendrik",
    "helen helena elena ellen olena",
    "ivan john johann johannes jon jack hans juan jean jan giovanni johnny",
    "jacob jakob jake james jim jimmy jaime yakub jacques",
    "jennifer jen jenny",
    "jessica jess jessie",
    "jonathan jon johnny",
    "lawrence laurence larry lorenz lorenzo",
    "margaret maggie meg peggy margarete margarita greta grete",
    "maria mary marie miriam maryam mariya",
    "matthew matt matthias mateo matteo matvey",
    "michael mike mick mikhail michel miguel michele mikael misha",
    "mohammed muhammad mohamed mohammad mhmd mehmet",
    "natalia natalya natalie natasha",
    "nicholas nick nicolas nikolaus klaus nikolai nikolay",
    "nora eleanor eleonora leonora",
    "patrick pat paddy patricio",
    "paul pablo paolo pavel",
    "peter pete pedro pietro pierre pyotr petr",
    "philip phil philipp felipe",
    "rebecca becky",
    "richard rick dick rich ricardo riccardo",
    "robert bob bobby rob roberto",
    "samuel sam sammy",
    "sergei sergey sergio serge",
    "sophia sofia sophie",
    "stephen steven steve stefan stephan esteban stefano",
    "susan sue susanne susanna suzanne",
    "theodore ted theo fyodor fedor",
    "thomas tom tommy tomas",
    "timothy tim timmy",
    "vladimir volodymyr vova",
    "william bill billy will wilhelm guillermo guillaume willem",
    "yuri yuriy iurii jurij",
)
# What stands where a given name is not known yet: newborns, and people who could not say it.
_UNNAMED: Final = frozenset({
    "baby", "boy", "girl", "newborn", "neonate", "infant", "male", "female", "twin", "triplet", "unknown", "unnamed",
    "anonymous", "nn", "neugeborenes", "neugeborener", "knabe", "madchen", "saugling", "unbekannt", "bebe", "nouveau",
    "ne", "garcon", "fille", "inconnu", "recien", "nacido", "desconocido", "neonato",
})  # fmt: skip
_MISREAD: Final = str.maketrans("0158", "olsb")  # digits that optical reading makes of letters
_SOUNDS: Final = (
    ("sch", "s"), ("tch", "c"), ("sh", "s"), ("sc", "s"), ("ph", "f"), ("ck", "k"), ("qu", "k"),
    ("th", "t"), ("gh", "g"), ("kh", "h"), ("zh", "j"), ("ts", "z"), ("tz", "z"), ("cz", "c"), ("dt", "t"),
)  # fmt: skip
_HEARD: Final = (
    ("sh", "S"), ("ch", "S"), ("kh", "K"), ("th", "T"), ("gh", "G"), ("ou", "W"), ("ow", "W"), ("aw", "W"), ("w", "W"),
    ("ei", "Y"), ("ey", "Y"), ("ai", "Y"), ("ay", "Y"), ("ie", "Y"), ("y", "Y"), ("i", "Y"), ("g", "j"), ("q", "k"),
)  # fmt: skip
_FIRST_VOWELS: Final = re.compile(r"^[aeiou]+")
_SHORT_VOWELS: Final = re.compile(r"[aeou]|h$")
_NO_LONG_VOWELS: Final = str.maketrans("", "", "WY")
_LETTERS: Final = str.maketrans({"q": "k", "x": "s", "z": "s", "v": "f", "w": "f", "d": "t", "b": "p", "c": "k"})
_NOT_A_LETTER: Final = re.compile(r"[^a-z0-9]+")
_APOSTROPHES: Final = re.compile(r"['`]")
_DOUBLED: Final = re.compile(r"(.)\1+")
_SILENT: Final = re.compile(r"[aeiouyj]")
_UMLAUT: Final = re.compile(r"([aou])e")


@lru_cache(maxsize=65_536)
def words(text: str) -> tuple[str, ...]:
    """The words of a text in small Latin letters, digits kept, in their order."""
    return tuple(word for word in _NOT_A_LETTER.split(_APOSTROPHES.sub("", anyascii(text).lower())) if word)


@lru_cache(maxsize=65_536)
def spelled(word: str) -> str:
    """A word of `words` without what only spelling adds: Mueller, Müller and Muler are one."""
    return _DOUBLED.sub(r"\1", _UMLAUT.sub(r"\1", word))


@lru_cache(maxsize=65_536)
def sound(word: str) -> str:
    """A word of `words` as consonants of one class each; short ones keep their vowels, or all would sound alike."""
    text = spelled(word)
    for written, heard in _SOUNDS:
        text = text.replace(written, heard)
    text = text.translate(_LETTERS)
    skeleton = _DOUBLED.sub(r"\1", _SILENT.sub("", text))
    return skeleton if len(skeleton) >= 3 else text[:6]


@lru_cache(maxsize=65_536)
def heard(word: str) -> str:
    """A word of `words` without the vowels that Arabic, Hebrew and Syriac leave out; those they write stay, as W and Y.

    Hassan and Hussein are two, and so are Mohammed and Mahmoud.
    """
    text = _FIRST_VOWELS.sub("", spelled(word))
    for written, sign in _HEARD:
        text = text.replace(written, sign)
    return _DOUBLED.sub(r"\1", _SHORT_VOWELS.sub("", text))


def bones(word: str) -> str:
    """`heard` without any vowel; "" where so little is left that it says nothing."""
    found = heard(word).translate(_NO_LONG_VOWELS)
    return found if len(found) >= 2 else ""


def unnamed(given: tuple[str, ...]) -> bool:
    """Whether given names, as `words`, only say that there is none yet: Baby, Newborn, Twin A."""
    return any(word in _UNNAMED for word in given) and all(word in _UNNAMED or len(word) == 1 for word in given)


def lettered(word: str) -> str:
    """A word of a name with the letters that its digits were."""
    return word if word.isdigit() else word.translate(_MISREAD)


def family_words(family: str) -> tuple[str, ...]:
    """What counts in a family name: without particles and generations, unless there is nothing else."""
    found = words(family)
    named = found[:1] + tuple(word for word in found[1:] if word not in GENERATIONS)
    return tuple(word for word in named if word not in PARTICLES) or named


def generation(suffix: str, family: str) -> str:
    """`jr`, `sr`, `iii`, `iv` or "", from a suffix or the end of a family name."""
    return next((GENERATIONS[word] for word in (*words(suffix), *words(family)[1:]) if word in GENERATIONS), "")


def _by_form() -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for number, group in enumerate(_FORMS):
        for form in group.split():
            found.setdefault(spelled(form), set()).add(number)
    return {form: frozenset(numbers) for form, numbers in found.items()}


_GROUPS: Final = _by_form()


def same_name_in_another_form(one: str, other: str) -> bool:
    """Whether two given names are forms of one: Bill and William, Юрий and Yuri."""
    return not _GROUPS.get(spelled(one), frozenset()).isdisjoint(_GROUPS.get(spelled(other), frozenset()))
