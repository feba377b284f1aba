"""Whether the patient of a document is the patient whose pages are open: what differs, and what is the same. Pure.

Only what both sides say is compared; a difference is shown above the document, so that nobody reads another person's
(ui 4.d).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final

from node.web.drawing.header import Subject
from registry.patients.demographics import Demographics
from registry.patients.names import GENERATIONS, spelled, words

_MOST_WORDS: Final = 5  # of a name that is also tried in every order without spaces
_SEXES: Final = {"M": "M", "F": "F", "UN": "O"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sameness:
    """Names of what was compared: "name", "date of birth", "sex", "number"."""

    differs: tuple[str, ...] = ()
    same: tuple[str, ...] = ()


def compare(subject: Subject, records: Sequence[Demographics], cx: str) -> Sameness:
    """Whom a document says it is about, and what is known of the patient under this identifier (CX)."""
    judged = {
        "name": _names(subject.names, records),
        "date of birth": _birth(subject.born, [one.birth_date.value for one in records if one.birth_date]),
        "sex": _sex(subject.sex, [_SEXES[one.sex] for one in records if one.sex in _SEXES]),
        "number": _number(subject.numbers, cx),
    }
    return Sameness(
        differs=tuple(name for name, same in judged.items() if same is False),
        same=tuple(name for name, same in judged.items() if same),
    )


def registered(info: Iterable[str]) -> Subject:
    """What the metadata of a document say of its patient (ITI TF-3: 4.2.3.2.23, sourcePatientInfo)."""
    fields = dict(one.split("|", 1) for one in info if "|" in one)
    parts = [" ".join(part.split("&")[0] for part in name.split("^")[:3] if part) for name in [fields.get("PID-5", "")]]
    sex = fields.get("PID-8", "").strip().upper()[:1]
    return Subject(
        names=tuple(name for name in parts if name.strip()),
        born="".join(one for one in fields.get("PID-7", "")[:8] if one.isascii() and one.isdigit()),
        sex=sex if sex in ("M", "F", "O") else "",
    )


def _names(said: Iterable[str], records: Sequence[Demographics]) -> bool | None:
    known = [_words((name.family, *name.given)) for one in records for name in one.names]
    told = [_words((name,)) for name in said]
    pairs = [(one, other) for one in known for other in told if one and other]
    return any(_same_name(one, other) for one, other in pairs) if pairs else None


def _words(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(spelled(word) for part in parts for word in words(part) if word not in GENERATIONS)


def _same_name(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """One holds the other's words, or both are the same letters: Chinese names have no spaces."""
    if set(one) <= set(other) or set(other) <= set(one):
        return True
    shorter, longer = sorted((one, other), key=len)
    joined = "".join(shorter)
    return len(longer) <= _MOST_WORDS and any("".join(order) == joined for order in permutations(longer))


def _birth(said: str, known: Sequence[str]) -> bool | None:
    dates = [one for one in known if len(one) >= 4]
    if len(said) < 4 or not said.isdigit() or not dates:
        return None
    return any(one[: len(said)] == said[: len(one)] for one in dates)


def _sex(said: str, known: Sequence[str]) -> bool | None:
    return said in known if said and known else None


def _number(said: Iterable[tuple[str, str]], cx: str) -> bool | None:
    """Numbers can be compared only where one authority gave both."""
    number, _, rest = cx.partition("^")
    authority = rest.split("&")[1] if rest.count("&") >= 2 else ""
    ours = [extension for extension, root in said if authority and root == authority]
    return number in ours if ours else None
