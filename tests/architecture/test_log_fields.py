"""What a line of the log is given is one of the fields that it may have: any other would be left out without a word."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from node.logs import FIELDS
from tests.architecture.sources import PACKAGES, modules, name_of, tree

LOGGING = [path for path in modules(*PACKAGES) if "extra" in path.read_text(encoding="utf-8")]


def given(path: Path) -> set[str]:
    """Names in every dictionary that is called `extra`, or handed over as such."""
    found = set()
    for node in ast.walk(tree(path)):
        value = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            value = next((one.value for one in node.keywords if one.arg == "extra"), None)
        elif isinstance(node, ast.Assign) and [ast.unparse(one) for one in node.targets] == ["extra"]:
            value = node.value
        if isinstance(value, ast.Dict):
            found |= {str(ast.literal_eval(key)) for key in value.keys if key is not None}
    return found


LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


@pytest.mark.parametrize("path", LOGGING, ids=name_of)
def test_a_line_has_every_field_that_it_is_given(path: Path) -> None:
    assert given(path) - {*FIELDS} == set()


def test_there_are_such_lines() -> None:
    assert len({name for path in LOGGING for name in given(path)}) > len(FIELDS) / 2
