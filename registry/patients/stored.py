"""Demographics as the text that a table keeps, and back: JSON without what is empty. Pure."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, Final

from registry.patients.demographics import Address, BirthDate, Demographics, Identifier, Name, Telecom

_LISTS: Final = {"names": Name, "addresses": Address, "telecoms": Telecom}
_SINGLE: Final = {"birth_date": BirthDate, "birth_address": Address}


def to_text(person: Demographics) -> str:
    """One line of JSON; equal demographics give equal text."""
    return json.dumps(to_plain(person), ensure_ascii=False, separators=(",", ":"))


def from_text(text: str) -> Demographics:
    """What `to_text` was given."""
    found: dict[str, Any] = json.loads(text)
    for name, kind in _LISTS.items():
        if name in found:
            found[name] = tuple(_built(kind, item) for item in found[name])
    for name, kind in _SINGLE.items():
        if name in found:
            found[name] = _built(kind, found[name])
    if "identifiers" in found:
        found["identifiers"] = tuple(Identifier(*item) for item in found["identifiers"])
    return Demographics(**found)


def to_plain(value: Any) -> Any:  # noqa: ANN401  any of the values of `demographics`
    """Plain lists and dicts of a value of `demographics`, without what is empty."""
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    if not hasattr(value, "__dataclass_fields__"):
        return value
    return {
        item.name: to_plain(found) for item in fields(value) if (found := getattr(value, item.name)) != item.default
    }


def _built(kind: Any, found: dict[str, Any]) -> Any:  # noqa: ANN401
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in found.items()})
