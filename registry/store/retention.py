"""Documents that have been kept for as long as the rules say. Reads only."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from registry.store.codes import CodeBook, CodePair
from registry.store.keys import Hidden

_AT_ONCE: Final = 5_000
_SELECT: Final = """
SELECT id, unique_id, class_code, type_code, creation_time, hidden, on_demand, repository_unique_id
FROM document_entry WHERE """


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Documents of these classes, and of these types, were to be kept if made since `before` (14 digits).

    Nothing named: of every class, or type.
    """

    name: str
    classes: tuple[CodePair, ...] = ()
    types: tuple[CodePair, ...] = ()
    before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlived:
    """A document that need not be kept any more, and the rule that decided."""

    unique_id: str
    created: int
    rule: str


class Retention:
    """The rules over one connection. Of several that speak of a document the one that keeps it longest decides."""

    def __init__(self, connection: sqlite3.Connection, codes: CodeBook, rules: Sequence[Rule], repository: str) -> None:
        self._connection = connection
        self._repository = repository
        self._rules = [
            (
                one,
                frozenset(codes.numbers(connection, one.classes)) if one.classes else None,
                frozenset(codes.numbers(connection, one.types)) if one.types else None,
            )
            for one in rules
        ]

    def page(self, after: int) -> tuple[list[Outlived], int]:
        """Of the next entries after one: documents that are outlived; and where to go on, 0 at the end."""
        rows = self._connection.execute(f"{_SELECT}id > ? ORDER BY id LIMIT ?", (after, _AT_ONCE)).fetchall()
        found = {row[1]: None for row in rows if self._decides(row)}
        outlived = [one for unique_id in found if (one := self.outlived(unique_id))]
        return outlived, rows[-1][0] if len(rows) == _AT_ONCE else 0

    def outlived(self, unique_id: str) -> Outlived | None:
        """Whether every entry of a document is outlived; those of older versions do not count."""
        rows = self._connection.execute(f"{_SELECT}unique_id = ?", (unique_id,)).fetchall()
        latest = [row for row in rows if not row[5] & Hidden.NOT_LATEST]
        decided = [self._decides(row) for row in latest]
        if not latest or not all(decided):
            return None
        rule = next(one for one in decided if one)
        return Outlived(unique_id=unique_id, created=max(row[4] for row in latest), rule=rule.name)

    def _decides(self, row: Sequence[object]) -> Rule | None:
        """The rule by which an entry is outlived; None while it is to be kept, and for what no rule speaks of."""
        _, _, class_code, type_code, created, _, on_demand, repository = row
        if on_demand or created is None or repository != self._repository:
            return None
        speaking = [
            rule
            for rule, classes, types in self._rules
            if (classes is None or class_code in classes) and (types is None or type_code in types)
        ]
        longest = min(speaking, key=lambda rule: rule.before, default=None)
        return longest if longest and int(str(created)) < longest.before else None
