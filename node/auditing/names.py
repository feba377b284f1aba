"""Names of users and patients made comparable, for the rule about family and colleagues. Pure."""

from __future__ import annotations

from typing import Final

from registry.patients.names import family_words, spelled, words
from trust.findings.picture import Name

_TITLES: Final = frozenset({
    "dr", "prof", "med", "mr", "mrs", "ms", "miss", "herr", "frau", "sr", "pd", "phd", "md", "mph", "rn", "dipl", "ing",
})  # fmt: skip
_TWO_CHARACTERS: Final = frozenset({"欧阳", "司马", "上官", "诸葛", "司徒", "东方", "慕容", "令狐", "皇甫", "尉迟"})


def of_person(text: str) -> Name:
    """The name of a user from how people write it: `Dr. Jane Doe`, `Doe, Jane`, `李伟`."""
    text = text.strip()
    if len(text) in (2, 3, 4) and not text.isascii() and " " not in text and text[0] >= "\u4e00":
        family = text[:2] if text[:2] in _TWO_CHARACTERS else text[:1]
        return folded(family, text[len(family) :])
    family, comma, given = text.partition(",")
    if not comma:
        named = [word for word in text.split() if word.strip(".").lower() not in _TITLES]
        family, given = (named[-1], " ".join(named[:-1])) if named else ("", "")
    return folded(family, given)


def folded(family: str, given: str) -> Name:
    """A name whose spellings are one; of the given names the first. An initial is no given name."""
    first = next(iter(words(given)), "")
    return Name(" ".join(map(spelled, family_words(family))), spelled(first) if len(first) > 1 else "")
