"""Cores take values and give values: nothing to await, no clock, no chance, no logging, no database (architecture 3.3)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, functions, modules, name_of, pure_modules, tree

BANNED_IMPORTS = {
    "asyncio",
    "logging",
    "random",
    "secrets",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "threading",
    "time",
}
# Used for a reason: a line here that is no longer needed fails too.
ALLOWED_IMPORTS = {
    "node/soap/message.py": {"threading"},  # a parser belongs to a thread; deep documents get their own stack
    "registry/ebrim/fragments.py": {"threading"},  # no two threads may use one (de)compressor at once
}
PARSING = {"fromstring", "parse", "XML", "iterparse", "XMLParser", "XMLPullParser", "HTML"}
THE_PARSER = "node/soap/message.py"


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("path", pure_modules(), ids=name_of)
def test_a_core_does_no_io(path: Path) -> None:
    assert [name for name, _, awaits in functions(path) if awaits] == []
    assert imported(path) & BANNED_IMPORTS == ALLOWED_IMPORTS.get(name_of(path), set())


@pytest.mark.parametrize("path", pure_modules(), ids=name_of)
def test_a_core_opens_no_file(path: Path) -> None:
    names = {
        node.func.id for node in ast.walk(tree(path)) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert names & {"open", "print", "input"} == set()


def test_bytes_become_xml_in_one_place() -> None:
    places = {
        name_of(path)
        for path in modules(*PACKAGES)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and node.attr in PARSING
        and isinstance(node.value, ast.Name)
        and node.value.id in ("etree", "ElementTree", "ET")
    }
    assert places <= {THE_PARSER}
