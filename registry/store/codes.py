"""Codes as numbers: every (code, scheme) ever registered has one, so that comparing codes is comparing integers.

Numbers are never changed or reused. Only what is committed is remembered: a transaction in progress may still be
rolled back, and would take the numbers it gave out with it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from registry.store.keys import unpacked_numbers

CodePair = tuple[str, str]
UNKNOWN: Final = -1  # the number of no code: comparing with it finds nothing
_MOST_REMEMBERED: Final = 50_000
_NUMBER: Final = "SELECT no FROM code WHERE code = ? AND scheme = ?"
_NUMBERS: Final = """
SELECT code.code, code.scheme, code.no FROM json_each(?) AS pair
JOIN code ON code.code = json_extract(pair.value, '$[0]') AND code.scheme = json_extract(pair.value, '$[1]')
"""
_MOST_ONE_BY_ONE: Final = 64
_CODE: Final = "SELECT code, scheme FROM code WHERE no = ?"


class CodeBook:
    """Numbers of codes and codes of numbers, for every connection to one database.

    A writing connection is in a transaction whenever it is used. With a `reader` beside it, a connection that outlives
    the book, what is committed is remembered all the same.
    """

    def __init__(self, reader: sqlite3.Connection | None = None) -> None:
        self._reader = reader
        self._numbers: dict[CodePair, int] = {}
        self._unpacked: dict[str, tuple[CodePair, ...]] = {}
        read_only = reader is not None and reader.execute("PRAGMA query_only").fetchone()[0]
        self._committed = reader if read_only else None  # what it reads is committed, inside of a transaction too

    def numbers(self, connection: sqlite3.Connection, pairs: Sequence[CodePair]) -> list[int]:
        """Numbers of those codes that something was registered with; `[UNKNOWN]` when there is none."""
        if len(pairs) > _MOST_ONE_BY_ONE:
            rows = connection.execute(_NUMBERS, (json.dumps(pairs),)).fetchall()
            for code, scheme, number in rows:
                self._remember(connection, (code, scheme), number)
            numbers = {row[2] for row in rows}
        else:
            numbers = {number for pair in pairs if (number := self._number(connection, pair)) is not None}
        return sorted(numbers) or [UNKNOWN]

    def assigned(self, connection: sqlite3.Connection, pairs: Iterable[CodePair]) -> list[int]:
        """The number of each code, new ones for new codes. `connection` is in a writing transaction."""
        return [self._number(connection, pair) or _insert(connection, pair) for pair in pairs]

    def codes(self, connection: sqlite3.Connection, packed: str) -> tuple[CodePair, ...]:
        """The codes of a packed list of numbers."""
        known = self._unpacked.get(packed)
        if known is None:
            known = tuple(connection.execute(_CODE, (number,)).fetchone() for number in unpacked_numbers(packed))
            lasting = connection is self._committed or not connection.in_transaction
            if lasting and len(self._unpacked) < _MOST_REMEMBERED:
                self._unpacked[packed] = known
        return known

    def _number(self, connection: sqlite3.Connection, pair: CodePair) -> int | None:
        number = self._numbers.get(pair)
        if number is not None:
            return number
        for source in (self._reader, connection):
            row = source.execute(_NUMBER, pair).fetchone() if source else None
            if source and row:
                self._remember(source, pair, row[0])
                return int(row[0])
        return None

    def _remember(self, source: sqlite3.Connection, pair: CodePair, number: int) -> None:
        if not source.in_transaction and len(self._numbers) < _MOST_REMEMBERED:
            self._numbers[pair] = number


def _insert(connection: sqlite3.Connection, pair: CodePair) -> int:
    inserted = connection.execute("INSERT INTO code (code, scheme) VALUES (?, ?) RETURNING no", pair).fetchone()
    return int(inserted[0])
