"""What a description of a community may say besides: names in other languages, capabilities, quirks.

Quirks are rows of data about how a community differs from the standards; whoever acts on one knows its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

Quirk = bool | int | str | tuple[str, ...]

_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", re.ASCII)
_WORD: Final = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", re.ASCII)
_MOST: Final = 64
_MOST_TEXT: Final = 200
_MOST_NUMBER: Final = 1 << 53


def names_of(content: Mapping[str, Any]) -> Mapping[str, str]:
    """Names by language (BCP 47) of a description without faults."""
    return dict(content.get("names", {}))


def quirks_of(content: Mapping[str, Any]) -> Mapping[str, Quirk]:
    """The quirks of a description without faults."""
    given = content.get("quirks", {})
    return {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}


def detail_faults(content: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with `names`, `capabilities` and `quirks`, each of which may be absent."""
    names = content.get("names", {})
    if not isinstance(names, dict) or len(names) > _MOST:
        yield f"names is not an object of at most {_MOST} names by language"
    else:
        yield from (
            f"names: {language[:20]!r} is no language, or its name is not 1 to 100 printable characters"
            for language, name in names.items()
            if not _LANGUAGE.fullmatch(language) or not _is_name(name)
        )
    capabilities = content.get("capabilities", [])
    if not isinstance(capabilities, list) or len(capabilities) > _MOST or not all(map(_is_word, capabilities)):
        yield f"capabilities is not a list of at most {_MOST} lower-case words"
    quirks = content.get("quirks", {})
    if not isinstance(quirks, dict) or len(quirks) > _MOST:
        yield f"quirks is not an object of at most {_MOST} values"
    else:
        yield from (
            f"quirks: {key[:40]!r} is no lower-case word, or not a truth value, whole number, short text or texts"
            for key, value in quirks.items()
            if not _is_word(key) or not _is_value(value)
        )


def _is_name(name: object) -> bool:
    return isinstance(name, str) and bool(name.strip()) and len(name) <= 100 and name.isprintable()


def _is_word(word: object) -> bool:
    return isinstance(word, str) and len(word) <= 40 and _WORD.fullmatch(word) is not None


def _is_value(value: object) -> bool:
    if isinstance(value, list):
        return len(value) <= _MOST and all(isinstance(one, str) and _is_text(one) for one in value)
    if isinstance(value, str):
        return _is_text(value)
    return isinstance(value, bool) or (isinstance(value, int) and abs(value) < _MOST_NUMBER)


def _is_text(text: str) -> bool:
    return len(text) <= _MOST_TEXT and (text.isprintable() or not text)
