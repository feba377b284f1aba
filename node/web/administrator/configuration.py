"""The configuration that is in force, read-only: value, where it comes from, what it means (ui 4.h)."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from aiohttp import web

from node.configuration import readers
from node.configuration.config import FILE
from node.configuration.settings import SECTIONS
from node.web.view import View


async def configuration(view: View) -> web.StreamResponse:
    """Every key of every section. Secrets are no part of it: keys lie in files that are only named here."""
    config = view.desk.services.config
    text = (config.root / FILE).read_text(encoding="utf-8")
    try:
        written = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        written = {}
    lines = _lines(text)
    sections = []
    changed = 0
    for name, kind in SECTIONS.items():
        rows: list[dict[str, Any]] = []
        for item in fields(kind):
            value = getattr(getattr(config, name), item.name)
            filed = written.get(name, {}).get(item.name, MISSING)
            waits = filed is not MISSING and not _same(item.metadata["read"], filed, value)
            changed += waits
            rows.append(
                {
                    "key": item.name,
                    "value": _shown(value),
                    "line": lines.get((name, item.name), 0),
                    "waits": waits,
                    "meaning": item.metadata["meaning"],
                }
            )
        sections.append({"name": name, "rows": rows})
    peers = [
        {"name": one.name, "quirks": dict(one.quirks), "clearance": one.clearance, "proof": one.audit_proof}
        for one in view.desk.services.communities.all()
    ]
    return view.page(
        "administrator/configuration.html", sections=sections, peers=peers, changed=changed, file=config.root / FILE
    )


def _shown(value: object) -> str:
    """A value as TOML; of tables, which are issuers and repositories, their names."""
    if isinstance(value, tuple) and value and is_dataclass(value[0]) and hasattr(value[0], "name"):
        return ", ".join(str(one.name) for one in value)
    return readers.as_toml(value)


def _same(read: Any, filed: object, value: object) -> bool:  # noqa: ANN401  the reader of a key, whatever it reads
    try:
        return bool(read(filed) == value)
    except readers.Unusable:
        return False


def _lines(text: str) -> dict[tuple[str, str], int]:
    """Where each key stands in the file: section and key, line from 1 on."""
    found: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        plain = line.strip()
        if plain.startswith("[") and not plain.startswith("[["):
            section = plain.lstrip("[").partition("]")[0].strip()
        elif "=" in plain and not plain.startswith("#"):
            found.setdefault((section, plain.partition("=")[0].strip()), number)
    return found
