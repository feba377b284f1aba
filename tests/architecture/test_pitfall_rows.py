"""Every pitfall of xds-wire 10 is a test whose id carries its number, and every recorded message is sent by a test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.sources import tree
from tests.shared import SHARED, needs_shared

TESTS = Path(__file__).resolve().parents[1]
LAST = 57
_ID = re.compile(r"P([0-9]{1,2})-")


def texts() -> set[str]:
    """Every text in a test module, and the first part of every text that is put together."""
    nodes = (node for path in TESTS.rglob("test_*.py") for node in ast.walk(tree(path)))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.fixture(scope="module")
def said() -> set[str]:
    return texts()


@pytest.mark.parametrize("number", range(1, LAST + 1))
def test_every_pitfall_is_a_test(said: set[str], number: int) -> None:
    assert any((found := _ID.match(text)) and int(found[1]) == number for text in said)


def test_every_recorded_message_is_sent(said: set[str]) -> None:
    recorded = {path.stem for path in (TESTS / "vectors" / "pitfalls").glob("*.xml")}
    assert recorded - said == set()


@needs_shared
def test_there_are_as_many() -> None:
    assert SHARED is not None
    text = (SHARED / "ihe" / "xds-wire.md").read_text(encoding="utf-8")
    block = text.partition("## 10. Pitfalls")[2].partition("\n## ")[0]
    assert [int(number) for number in re.findall(r"^(\d+)\. ", block, re.MULTILINE)] == [*range(1, LAST + 1)]
