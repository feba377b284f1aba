"""Modules and functions stay small enough to be read at once, and every module says what it is for."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, functions, modules, name_of, tree

MODULE_LINES = 400
FUNCTION_LINES = 50

# Longer for a reason; a line here that is no longer needed fails too.
LONG_MODULES = {
    "trust/ledger/hdn_verify.py": "one file that can be copied out and run alone with the standard library",
}
LONG_FUNCTIONS = {
    "scripts/benchmarks/metadata.py:document": "one line for each attribute of one value",
}

CODE = modules(*PACKAGES, "scripts")


def test_no_module_is_too_long() -> None:
    long = {name_of(path) for path in CODE if len(path.read_text(encoding="utf-8").splitlines()) > MODULE_LINES}
    assert long == set(LONG_MODULES)


def test_no_function_is_too_long() -> None:
    long = {f"{name_of(path)}:{name}" for path in CODE for name, lines, _ in functions(path) if lines > FUNCTION_LINES}
    assert long == set(LONG_FUNCTIONS)


@pytest.mark.parametrize("path", [path for path in CODE if path.stat().st_size], ids=name_of)
def test_a_module_opens_with_what_it_is_for(path: Path) -> None:
    text = ast.get_docstring(tree(path))
    assert text, "no docstring at the top of the module"


@pytest.mark.parametrize("path", modules(*PACKAGES), ids=name_of)
def test_annotations_are_not_evaluated(path: Path) -> None:
    if any(isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) for node in tree(path).body):
        assert "from __future__ import annotations" in path.read_text(encoding="utf-8")
