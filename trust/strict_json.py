"""JSON in which nothing can be meant in two ways: no key twice in one object, no NaN."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def read_object(text: str) -> dict[str, Any]:
    """An object.

    Raises:
        ValueError: it is none, in words that follow "it is".
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as fault:
        raise ValueError(f"not JSON: {fault}") from fault
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  whoever reads it judges what it says, not its type
    return value


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")
