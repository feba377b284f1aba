"""What somebody may know of who may see only some documents: everything else is as if it were not registered.

A document is out of sight by its confidentiality, or when the `Judge` of single documents does not let it pass; an
association when either of its ends is, whatever kind that end has; a submission set or folder when it has members and
all of them are. So the plans of the stored queries need no rule of their own, and a withheld document leaves no trace
in counts and errors either.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from registry.metadata.objects import HAS_MEMBER
from registry.store import labels, versions
from registry.store.codes import CodeBook, CodePair
from registry.store.conditions import one_of
from registry.store.keys import ASSOCIATION_NUMBER, Hidden, ObjectKind, kind_of_id

Sees = Callable[[Sequence[CodePair]], bool]  # whether documents with these (code, scheme) pairs may be seen

_DEPRECATED: Final = 2  # position in the row of a document or folder
_CONFIDENTIALITY: Final = 3  # position in the row of a document
_AT_ONCE: Final = 200
_MEMBER: Final = ASSOCIATION_NUMBER[HAS_MEMBER]
_CODES_OF: Final = "SELECT id, confidentiality_codes FROM document_entry WHERE "
VISIBLE: Final = {1: "hidden = 0", 2: "hidden & 1 = 0"}  # by metadata level
FINDABLE: Final = {1: f"hidden & ~{Hidden.LEFT} = 0", 2: VISIBLE[2]}  # the same for what is found by its patient
_ENDS_OF: Final = {
    level: f"SELECT id, source, target FROM association WHERE {VISIBLE[level]} AND "  # noqa: S608
    for level in (1, 2)
}
_MEMBERS_OF: Final = {
    level: f"SELECT source, target FROM association WHERE {VISIBLE[level]} AND type = {_MEMBER} AND "  # noqa: S608
    for level in (1, 2)
}


class Sight:
    """One query's view. `withheld` are the ids of documents that it would have come upon.

    `sees` is asked once for each set of confidentiality codes; what passes it is shown to `judge`, each document.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        codes: CodeBook,
        sees: Sees,
        judge: labels.Judge | None = None,
        level: int = 1,
    ) -> None:
        self._connection = connection
        self._level = level
        self._codes = codes
        self._sees = sees
        self._judge_of_documents = judge
        self._labels: dict[str, bool] = {}
        self._known: dict[int, bool] = {}
        self.withheld: set[int] = set()

    def shown(self, kind: ObjectKind, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """Those of a query's rows that may be known of, read as they are wanted."""
        if kind != ObjectKind.DOCUMENT:
            return self._others(rows)
        simple = self._judge_of_documents is None and self._level == 1
        return self._documents(rows) if simple else self._judged(rows)

    def _documents(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        for row in rows:
            if row[_DEPRECATED]:  # a link change may have left it behind
                yield from self._judged([row])
            elif self._allowed(row[_CONFIDENTIALITY]):
                yield row
            else:
                self.withheld.add(row[0])

    def _judged(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        rows = iter(rows)
        while some := list(islice(rows, _AT_ONCE)):
            old = frozenset(row[0] for row in some if row[_DEPRECATED])
            self._know({row[0]: row[_CONFIDENTIALITY] for row in some}, old)
            self.withheld |= {row[0] for row in some if not self._known[row[0]]}
            yield from (row for row in some if self._known[row[0]])

    def _others(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        rows = iter(rows)
        while some := list(islice(rows, _AT_ONCE)):
            self._learn(row[0] for row in some)
            yield from (row for row in some if self._known[row[0]])

    def _know(self, documents: dict[int, str], old: frozenset[int] = frozenset()) -> None:
        """Settle which of these documents (id: confidentiality) may be known of; `old` ones may be older versions."""
        new = {id_: packed for id_, packed in documents.items() if id_ not in self._known}
        self._known |= {id_: self._allowed(packed) for id_, packed in new.items()}
        if self._judge_of_documents is not None:
            passed = [id_ for id_ in new if self._known[id_]]
            for one in labels.read(self._connection, self._codes, passed):
                self._known[one.id] = self._judge_of_documents(one)
        self._know_latest([id_ for id_ in new if self._known[id_] and (self._level > 1 or id_ in old)])

    def _know_latest(self, documents: Sequence[int]) -> None:
        """An older version may be known of only by who may know of the latest: it may have become more restricted."""
        latest = versions.latest_of(self._connection, documents)
        if not latest:
            return
        self._know(dict(self._read(_CODES_OF, "id", [id_ for id_ in latest.values() if id_ not in self._known])))
        self._known |= {id_: self._known[id_] and self._known[last] for id_, last in latest.items()}

    def _allowed(self, packed: str) -> bool:
        allowed = self._labels.get(packed)
        if allowed is None:
            allowed = self._labels[packed] = self._sees(self._codes.codes(self._connection, packed))
        return allowed

    def _learn(self, ids: Iterable[int]) -> None:
        """Settle which of these objects may be known of: first read all that they depend on, then judge."""
        asked = [id_ for id_ in ids if id_ not in self._known]
        ends: dict[int, list[int]] = {}
        members: dict[int, list[int]] = {}
        newer: dict[int, int] = {}  # the latest version of an older folder
        new = set(asked)
        while new:
            of_kind = {kind: [id_ for id_ in new if kind_of_id(id_) == kind] for kind in ObjectKind}
            self._know(dict(self._read(_CODES_OF, "id", of_kind[ObjectKind.DOCUMENT])))
            for id_, source, target in self._read(_ENDS_OF[self._level], "id", of_kind[ObjectKind.ASSOCIATION]):
                ends[id_] = [source, target]
            packages = [*of_kind[ObjectKind.SUBMISSION_SET], *of_kind[ObjectKind.FOLDER]]
            members |= {id_: [] for id_ in packages}
            for source, target in self._read(_MEMBERS_OF[self._level], "source", packages):
                members[source].append(target)
            newer |= versions.latest_of(self._connection, of_kind[ObjectKind.FOLDER])
            reached = {id_ for origin in new for id_ in ends.get(origin) or members.get(origin) or ()}
            reached |= {newer[origin] for origin in new if origin in newer}
            new = reached - self._known.keys() - ends.keys() - members.keys() - new
        for id_ in asked:
            self._judge(id_, ends, members, newer)

    def _judge(
        self, id_: int, ends: dict[int, list[int]], members: dict[int, list[int]], newer: dict[int, int]
    ) -> bool:
        """What is not found, or depends on itself, may not be known of."""
        known = self._known.get(id_)
        if known is None:
            self._known[id_] = False
            if id_ in ends:
                known = all(self._judge(end, ends, members, newer) for end in ends[id_])
            elif id_ in members:
                known = not members[id_] or any(self._judge(one, ends, members, newer) for one in members[id_])
                known = known and (id_ not in newer or self._judge(newer[id_], ends, members, newer))
            else:
                known = False
            self._known[id_] = known
        return known

    def _read(self, select: str, column: str, ids: Sequence[int]) -> list[tuple[Any, ...]]:
        if not ids:
            return []
        clause = one_of(column, ids)
        return self._connection.execute(select + clause.text, clause.values).fetchall()
