"""Languages of the pages: gettext catalogues in `words/`, read when the node starts; no step of building."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from gettext import NullTranslations
from importlib import resources
from io import BytesIO
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

ENGLISH: Final = "en"
CHINESE: Final = "zh-Hans"
LANGUAGES: Final[Mapping[str, str]] = {ENGLISH: "English", CHINESE: "简体中文"}


def translations() -> dict[str, NullTranslations]:
    """Each language with its catalogue; the texts of templates are English."""
    return {ENGLISH: NullTranslations(), CHINESE: _read("zh_Hans")}


def pairs(words: NullTranslations) -> Iterator[tuple[str, str]]:
    """Every text of a catalogue with its translation; none where the language is that of the templates."""
    for text, translated in getattr(words, "_catalog", {}).items():
        if isinstance(text, str) and text:
            yield text, translated


def chosen(cookie: str, accepted: str) -> str:
    """The language of a request: the user's choice, else the first that the browser accepts and we speak.

    Source: RFC 9110, 12.5.4
    """
    if cookie in LANGUAGES:
        return cookie
    wanted: list[tuple[float, str]] = []
    for part in accepted[:400].split(","):
        tag, _, rest = part.strip().partition(";")
        try:
            weight = float(rest.strip().removeprefix("q=")) if rest else 1.0
        except ValueError:
            continue
        wanted.append((-weight, tag.lower()))
    for _, tag in sorted(wanted, key=lambda one: one[0]):
        if tag.startswith("zh"):
            return CHINESE
        if tag.startswith("en"):
            return ENGLISH
    return ENGLISH


def _read(language: str) -> Translations:
    """All catalogues of a language as one: `LANGUAGE.po` and, for each part of the pages, `LANGUAGE.PART.po`."""
    folder = resources.files("node.web").joinpath("words")
    found: Translations | None = None
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if file.name.startswith(f"{language}.") and file.name.endswith(".po"):
            compiled = BytesIO()
            write_mo(compiled, read_po(BytesIO(file.read_bytes()), locale=language, abort_invalid=True))
            compiled.seek(0)
            read = Translations(compiled)
            found = found.merge(read) if found else read  # the first one brings the rule of plurals
    return found or Translations()
