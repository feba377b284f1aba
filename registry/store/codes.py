"""Codes as numbers: every (code, scheme) ever registered has one, so that comparing codes is comparing integers.

Numbers are never changed or reused. What this remembers has been committed: a transaction in progress may still be
rolled back, and would take the numbers it gave out with it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from registry.store.keys import unpacked_numbers

CodePair = tuple[str, str]
UNKNOWN: Final = -1  # the number of no code: comparing with it finds nothing
_MOST_REMEMBERED: Final = 50_000


class CodeBook:
    """Numbers of codes and codes of numbers. One book may serve many connections to the same database."""

    def __init__(self) -> None:
        self._numbers: dict[CodePair, int] = {}
        self._codes: dict[int, CodePair] = {}
        self._unpacked: dict[str, tuple[CodePair, ...]] = {}

    def numbers(self, connection: sqlite3.Connection, pairs: Iterable[CodePair]) -> list[int]:
        """The number of each code; `UNKNOWN` for one that nothing was ever registered with."""
        return [self._number(connection, pair) for pair in pairs]

    def assigned(self, connection: sqlite3.Connection, pairs: Iterable[CodePair]) -> list[int]:
        """The number of each code, new ones for new codes. `connection` is in a writing transaction."""
        return [
            number if (number := self._number(connection, pair)) != UNKNOWN else _insert(connection, pair)
            for pair in pairs
        ]

    def codes(self, connection: sqlite3.Connection, packed: str) -> tuple[CodePair, ...]:
        """The codes of a packed list of numbers."""
        known = self._unpacked.get(packed)
        if known is None:
            known = tuple(self._code(connection, number) for number in unpacked_numbers(packed))
            if not connection.in_transaction and len(self._unpacked) < _MOST_REMEMBERED:
                self._unpacked[packed] = known
        return known

    def _number(self, connection: sqlite3.Connection, pair: CodePair) -> int:
        number = self._numbers.get(pair)
        if number is not None:
            return number
        row = connection.execute("SELECT no FROM code WHERE code = ? AND scheme = ?", pair).fetchone()
        if row is None:
            return UNKNOWN
        self._remember(connection, row[0], pair)
        return int(row[0])

    def _code(self, connection: sqlite3.Connection, number: int) -> CodePair:
        pair = self._codes.get(number)
        if pair is None:
            pair = connection.execute("SELECT code, scheme FROM code WHERE no = ?", (number,)).fetchone()
            self._remember(connection, number, pair)
        return pair

    def _remember(self, connection: sqlite3.Connection, number: int, pair: CodePair) -> None:
        if not connection.in_transaction and len(self._numbers) < _MOST_REMEMBERED:
            self._numbers[pair] = number
            self._codes[number] = pair


def _insert(connection: sqlite3.Connection, pair: CodePair) -> int:
    inserted = connection.execute("INSERT INTO code (code, scheme) VALUES (?, ?) RETURNING no", pair).fetchone()
    return int(inserted[0])
