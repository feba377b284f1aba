"""Every row of the attack catalogue that is promised is a test under its id, so that none can get lost unseen.

Counted are names of tests (`test_m18_…`) and texts in test modules that begin with the row (`id="T22-…"`, keys of tables).
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.sources import FUNCTIONS, tree

TESTS = Path(__file__).resolve().parents[1]


def _rows(letter: str, last: int, without: tuple[int, ...] = ()) -> list[str]:
    return [f"{letter}{number}" for number in range(1, last + 1) if number not in without]


# "What it must reach", point 8 of part 1, and what part 3 adds: T11 (lists) and M23.
PART_1 = [
    *_rows("T", 25),
    *_rows("X", 18, (9, 15)),
    *_rows("M", 27),
    *(f"A{number}" for number in (1, 2, 3, 8, 9, 13, 14)),
    *(f"I{number}" for number in (1, 4, 6, 7, 8, 23)),
]
# "What it must reach", point 2 of part 2, as far as peers are witnesses.
WITNESSES = [f"A{number}" for number in (4, 5, 6, 7, 12, 15)]
# And receipts, leaves that say nothing, the disclosure report, and what an Audit Record Repository misses.
AUDITOR = [f"A{number}" for number in (10, 11, 16, 17, 18)]
# "What it must reach", point 2 of part 3, as far as it is about the user.
USERS = [*_rows("S", 24), *_rows("J", 15), "X9", "X15"]
# "What it must reach", point 2 of part 3, as far as consent and who may call.
CONSENT = _rows("C", 18, (14, 15, 16, 17))
# And of its directory.
DIRECTORY = ["C15", "C16"]
# And of who asks other institutions: floods of discovery, answers that lie.
FEDERATION = ["C14", "C17"]
# "What it must reach", point 3 of part 5: documents of others on the pages.
VIEWER = _rows("I", 16, tuple(range(1, 9)))
# And of the pages themselves: forms, sessions, headers, guesses, what is typed.
DOOR = ["I2", "I17", "I18", "I19", "I20", "I22"]
# "What it must reach", point 5 of part 4: the scenarios of the fault suite that are about others.
SCENARIOS = _rows("F", 15, tuple(range(9)))
_IN_NAME = re.compile(r"(?<![a-z0-9])([txmaicsjf][0-9]+)(?![0-9])", re.IGNORECASE)
_IN_TEXT = re.compile(r"([TXMAICSJF][0-9]+)(?![0-9A-Za-z])")


@cache
def named() -> dict[str, str]:
    """Row -> a module that has a test for it. A docstring tells what a test is about; it is no id."""
    found: dict[str, str] = {}
    for path in TESTS.rglob("test_*.py"):
        if path == Path(__file__):
            continue
        nodes = list(ast.walk(tree(path)))
        statements = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            rows: list[str] = []
            if isinstance(node, FUNCTIONS) and node.name.startswith("test_"):
                rows = [row.upper() for row in _IN_NAME.findall(node.name)]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements:
                match = _IN_TEXT.match(node.value)
                rows = [match.group(1)] if match else []
            found |= dict.fromkeys(rows, str(path.relative_to(TESTS)))
    return found


@pytest.mark.parametrize(
    "row", [*PART_1, *WITNESSES, *AUDITOR, *USERS, *CONSENT, *DIRECTORY, *FEDERATION, *SCENARIOS, *VIEWER, *DOOR]
)
def test_every_promised_row_is_a_test(row: str) -> None:
    assert row in named()
