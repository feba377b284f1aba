"""Reading rows of each kind of object, with a common limit on how many a query may find.

Quarantined documents, and associations that lead to them, are invisible to every method here; so is what lies out of
the `Sight` of whoever asks, and at metadata level 1 older versions, Offline documents, Deprecated folders and
associations, and associations that lead to any of these. What a link change left behind is found by its patient.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain, count
from typing import Any, Final

from registry.errors import TooManyResults
from registry.metadata.objects import HAS_MEMBER
from registry.store import versions
from registry.store.conditions import ALWAYS, Clause, one_of
from registry.store.keys import ASSOCIATION_NUMBER, ObjectKind, cluster_range, id_range, kind_of_id
from registry.store.objects import ids_by_uuid
from registry.store.sight import FINDABLE, VISIBLE, Sight

Row = tuple[Any, ...]

_TABLE: Final = {
    ObjectKind.DOCUMENT: "document_entry",
    ObjectKind.SUBMISSION_SET: "submission_set",
    ObjectKind.FOLDER: "folder",
    ObjectKind.ASSOCIATION: "association",
}
# What of a row an object is made of; `template` is last and left out where only references are asked for.
_COLUMNS: Final = {
    ObjectKind.DOCUMENT: "id, entry_uuid, deprecated, confidentiality_codes, unique_id, repository_unique_id",
    ObjectKind.SUBMISSION_SET: "id, entry_uuid, deprecated, unique_id",
    ObjectKind.FOLDER: "id, entry_uuid, deprecated, unique_id, last_update_time",
    ObjectKind.ASSOCIATION: "id, entry_uuid, deprecated, source, target, source_uuid, target_uuid",
}
_HAS_HIDDEN: Final = frozenset({ObjectKind.DOCUMENT, ObjectKind.FOLDER, ObjectKind.ASSOCIATION})
_MEMBER: Final = ASSOCIATION_NUMBER[HAS_MEMBER]
MOST_STEPS: Final = 20  # of 100,000 operations of the database for one query about everybody: half a million documents
MOST_LOOKED_AT: Final = 20_000  # rows of such a query that are judged one by one, where whoever asks may not see all
_STEP: Final = 100_000
_MOST_RANGES: Final = 16
_NEAR: Final = 8  # clusters; to begin another range costs as much as to pass over some thirty documents
SOURCE, TARGET = 3, 4  # positions in the row of an association


@lru_cache(maxsize=512)
def _select(kind: ObjectKind, where: str, *, leaf: bool, level: int, by_patient: bool) -> str:
    columns = _COLUMNS[kind] + (", template" if leaf else "")
    visible = f" AND {(FINDABLE if by_patient else VISIBLE)[level]}" if kind in _HAS_HIDDEN else ""
    return f"SELECT {columns} FROM {_TABLE[kind]} WHERE {where}{visible}"  # noqa: S608  own names only


class Selection:
    """What one query has found so far, by kind. Rows are kept once, in the order they were found.

    Raises TooManyResults from any method as soon as more than `limit` objects are kept.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        leaf: bool,
        limit: int,
        level: int = 1,
        joins: Clause = ALWAYS,
        sight: Sight | None = None,
    ) -> None:
        self._connection = connection
        self._level = level
        self._joins = joins  # what every association that is looked at must fulfil
        self._sight = sight
        self._leaf = leaf
        self._left = limit
        self._limit = limit
        self.rows: dict[ObjectKind, dict[int, Row]] = {kind: {} for kind in ObjectKind}

    def keep(self, kind: ObjectKind, rows: Iterable[Row]) -> None:
        """Make rows part of the result."""
        kept = self.rows[kind]
        most = len(kept) + self._left
        for row in rows:
            kept[row[0]] = row
            if len(kept) > most:
                raise TooManyResults(f"more than {self._limit} objects match; ask for less at once")
        self._left = most - len(kept)

    def ids(self, kind: ObjectKind) -> set[int]:
        """Ids of what is kept of one kind."""
        return set(self.rows[kind])

    def of_patients(
        self, kind: ObjectKind, patients: Sequence[int], conditions: Clause, *, clusters: Sequence[int] = ()
    ) -> None:
        """Keep what these patients have that fulfils the conditions.

        `clusters`: nothing outside these clusters of a patient's objects can; without any, all are looked at.
        """
        for patient in patients:
            ranges = _ranges(patient, clusters)
            where = f"({' OR '.join(['id BETWEEN ? AND ?'] * len(ranges))})"
            values = (*chain.from_iterable(ranges), *conditions.values)
            self.keep(kind, self._read(kind, where + conditions.text, values, limited=True, by_patient=True))

    def of_everybody(self, kind: ObjectKind, conditions: Clause) -> None:
        """Keep whatever fulfils the conditions, of any patient: every row is looked at, up to `MOST_STEPS`.

        Raises:
            TooManyResults: that, or the registry is too large to be gone through at once.
        """
        steps = count(1)  # SQLite's own counter goes on when a prepared statement is used again
        self._connection.set_progress_handler(lambda: next(steps) > MOST_STEPS, _STEP)
        try:
            self.keep(
                kind, self._read(kind, "1" + conditions.text, conditions.values, limited=True, most=MOST_LOOKED_AT)
            )
        except sqlite3.OperationalError as stopped:
            if "interrupt" not in str(stopped):
                raise
            raise _too_many() from stopped
        finally:
            self._connection.set_progress_handler(None, 0)

    def with_ids(self, kind: ObjectKind, ids: Iterable[int], conditions: Clause = ALWAYS) -> None:
        """Keep those of these objects that fulfil the conditions."""
        self.keep(kind, self.read_ids(kind, ids, conditions))

    def read_ids(self, kind: ObjectKind, ids: Iterable[int], conditions: Clause = ALWAYS) -> list[Row]:
        """Those of these objects that fulfil the conditions; ids of other kinds are passed over."""
        wanted = [id_ for id_ in ids if kind_of_id(id_) == kind]
        if not wanted:
            return []
        clause = one_of("id", wanted)
        return list(self._read(kind, clause.text + conditions.text, (*clause.values, *conditions.values)))

    def with_unique_ids(self, kind: ObjectKind, unique_ids: Sequence[str]) -> list[Row]:
        """Objects with these uniqueIds; several documents may share one."""
        clause = one_of("unique_id", unique_ids)
        return list(self._read(kind, clause.text, clause.values, limited=True))

    def ids_of(self, entry_uuids: Iterable[str]) -> list[int]:
        """Ids of registered objects by entryUUID; what is not registered is passed over."""
        return list(ids_by_uuid(self._connection, entry_uuids).values())

    def ids_of_versions(self, logical_ids: Iterable[str]) -> list[int]:
        """Ids of every version of these logicalIDs."""
        return [id_ for one in logical_ids for id_ in versions.of_logical_id(self._connection, one).values()]

    def associations(
        self, end: str, ids: Iterable[int], types: Sequence[int] = (), kinds: Sequence[ObjectKind] = ()
    ) -> Iterable[Row]:
        """Associations whose `end` (source or target) is one of `ids`, of these types and with these other ends."""
        wanted = list(ids)
        if not wanted:
            return ()
        clause = one_of(end, wanted)
        text, values = clause.text, [*clause.values]
        if types:
            of_types = one_of("type", types)
            text += f" AND {of_types.text}"
            values += of_types.values
        rows = self._read(ObjectKind.ASSOCIATION, text, values)
        other = TARGET if end == "source" else SOURCE
        return (row for row in rows if not kinds or kind_of_id(row[other]) in kinds)

    def memberships(self, end: str, ids: Iterable[int], *kinds: ObjectKind) -> list[Row]:
        """HasMember associations, as `associations`."""
        return list(self.associations(end, ids, (_MEMBER,), kinds))

    def associations_of_patient(self, end: str, patient: int) -> Iterable[Row]:
        """Associations whose `end` is any object of the patient."""
        return self._read(ObjectKind.ASSOCIATION, f"{end} BETWEEN ? AND ?", id_range(patient))

    def _read(
        self,
        kind: ObjectKind,
        where: str,
        values: Sequence[object],
        *,
        limited: bool = False,
        most: int = 0,
        by_patient: bool = False,
    ) -> Iterable[Row]:
        if kind is ObjectKind.ASSOCIATION and self._joins.text:
            where, values = where + self._joins.text, (*values, *self._joins.values)
        text = _select(kind, where, leaf=self._leaf, level=self._level, by_patient=by_patient)
        if self._sight is not None:  # what is out of sight must not use up the limit
            rows = self._connection.execute(text, tuple(values))
            return self._sight.shown(kind, _at_most(most, rows) if most else rows)
        if limited:
            return self._connection.execute(text + " LIMIT ?", (*values, self._left + 1))
        return self._connection.execute(text, tuple(values))


def _ranges(patient: int, clusters: Sequence[int]) -> list[tuple[int, int]]:
    """Where the rows of these clusters (ascending) lie, in few ranges: between near ones nothing much can lie."""
    if not clusters:
        return [id_range(patient)]
    parts = [[clusters[0], clusters[0]]]
    for cluster in clusters[1:]:
        if cluster - parts[-1][1] <= _NEAR:
            parts[-1][1] = cluster
        else:
            parts.append([cluster, cluster])
    if len(parts) > _MOST_RANGES:
        return [id_range(patient)]
    return [(cluster_range(patient, first)[0], cluster_range(patient, last)[1]) for first, last in parts]


def _at_most(most: int, rows: Iterable[Row]) -> Iterable[Row]:
    for number, row in enumerate(rows, 1):
        if number > most:
            raise _too_many()
        yield row


def _too_many() -> TooManyResults:
    return TooManyResults("too many objects to look through; name the patients that are meant")
