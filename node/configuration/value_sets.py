"""Which roles and purposes of use this node accepts in assertions, as its configuration says."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any, Final

from node.configuration.config import Config
from node.faults import Exit, Fault, Faults
from trust.identity.issuers import ValueSet

_PARTS: Final = ("roles", "purposes")


def value_sets(config: Config) -> tuple[ValueSet, ValueSet]:
    """Roles and purposes: the shipped sets (`value_sets.toml`), or those of a file of the same form.

    Raises:
        Faults: the file is missing or wrong.
    """
    wanted = config.xua.values
    path = config.root / wanted
    try:
        if wanted == "default":
            text = resources.files("node").joinpath("value_sets.toml").read_text(encoding="utf-8")
        else:
            text = path.read_text(encoding="utf-8")
        return read_value_sets(text)
    except (OSError, ValueError) as problem:
        step = 'correct the file, or write values = "default" in [xua]'
        raise Faults([Fault("config.value-sets", str(path), str(problem), step)], Exit.USAGE) from None


def read_value_sets(text: str) -> tuple[ValueSet, ValueSet]:
    """Roles and purposes of a TOML text: below each, code systems with lists of [code, text].

    Raises:
        ValueError: the text is not of this form; the message says where.
    """
    table = tomllib.loads(text)
    for name in sorted(table.keys() - set(_PARTS)):
        raise ValueError(f"there is no part {name}: {', '.join(_PARTS)}")
    roles, purposes = (_value_set(part, table.get(part, {})) for part in _PARTS)
    return roles, purposes


def _value_set(part: str, table: Any) -> ValueSet:  # noqa: ANN401  what TOML holds
    codes: dict[tuple[str, str], str] = {}
    if not isinstance(table, dict):
        raise ValueError(f"[{part}] is not a table of code systems")  # noqa: TRY004  a wrong file, not a wrong call
    for system, pairs in table.items():
        for pair in pairs if isinstance(pairs, list) else [pairs]:
            if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(one, str) and one for one in pair):
                raise ValueError(f'[{part}] {system}: {pair!r} is not ["code", "text"]')
            codes[pair[0], system] = pair[1]
    return ValueSet(codes)
