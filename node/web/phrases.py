"""Sentences that the node makes with values in them, in the reader's language.

A finding or a cause of the doctor is an English sentence made from a template; catalogues hold the templates, with the
values as `{name}`. A sentence is matched against them, and the values are put into the translation. What no template
fits stays English, and pages mark it so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

_PLACE: Final = re.compile(r"\{(\w+)\}")
_MOST: Final = 2_000  # characters of a sentence that is matched


@dataclass(frozen=True, slots=True)
class _Template:
    pattern: re.Pattern[str]
    translation: str


@dataclass(slots=True)
class Phrases:
    """The templates of one language. `pairs` are templates with their translations; order does not matter."""

    _plain: dict[str, str] = field(default_factory=dict)
    _templates: list[_Template] = field(default_factory=list)

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Phrases:
        """Sort them: those without a value are looked up, the others are tried, the most telling first."""
        phrases, made = cls(), []
        for template, translation in pairs:
            if not _PLACE.search(template):
                phrases._plain[template] = translation
            elif _PLACE.sub("", template).strip():
                made.append((len(_PLACE.sub("", template)), _Template(_pattern(template), translation)))
        phrases._templates = [one for _, one in sorted(made, key=lambda pair: -pair[0])]
        return phrases

    def find(self, sentence: str, depth: int = 2) -> str | None:
        """The sentence in this language; None when no template fits.

        A value in it may be a sentence again (`…; 3 of 5 must sign`), and is translated too, down to `depth`.
        """
        if sentence in self._plain:
            return self._plain[sentence]
        if len(sentence) > _MOST or not depth:
            return None
        for template in self._templates:
            matched = template.pattern.fullmatch(sentence)
            if matched:
                values = {name: self.find(value, depth - 1) or value for name, value in matched.groupdict().items()}
                pieces = _PLACE.split(template.translation)
                return "".join(values.get(one, "") if odd % 2 else one for odd, one in enumerate(pieces))
        return None


def _pattern(template: str) -> re.Pattern[str]:
    """A template as an expression; a value that stands twice has to be the same at both."""
    pieces = _PLACE.split(template)
    seen: set[str] = set()
    parts = []
    for place, piece in enumerate(pieces):
        if place % 2 == 0:
            parts.append(re.escape(piece))
        elif piece in seen:
            parts.append(f"(?P={piece})")
        else:
            seen.add(piece)
            parts.append(f"(?P<{piece}>.{{0,400}}?)")
    return re.compile("".join(parts), re.DOTALL)
