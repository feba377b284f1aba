"""Conditions of a stored query -> SQL: which column each attribute is, and how each kind of value compares with it.

The text depends on the kinds and the number of values only; values travel as parameters.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from registry.metadata.objects import APPROVED, DEPRECATED, OFFLINE, ON_DEMAND_DOCUMENT, ONLINE, STABLE_DOCUMENT
from registry.queries.catalogue import Kind
from registry.queries.criteria import Condition
from registry.queries.like import like
from registry.store.codes import UNKNOWN, CodeBook
from registry.store.keys import SEPARATOR, Hidden

_COLUMN: Final = {
    "availability_status": "deprecated",
    "object_type": "on_demand",
    "document_availability": f"(hidden & {Hidden.AWAY})",
    "class_codes": "class_code",
    "type_codes": "type_code",
    "practice_setting_codes": "practice_setting_code",
    "healthcare_facility_type_codes": "healthcare_facility_type_code",
    "format_codes": "format_code",
    "content_type_codes": "content_type_code",
}  # any other attribute is a column of its own name
_PACKED: Final = frozenset({"confidentiality_codes", "event_codes", "codes"})
_STATUS_NUMBER: Final = {APPROVED: 0, DEPRECATED: 1}
_TYPE_NUMBER: Final = {STABLE_DOCUMENT: 0, ON_DEMAND_DOCUMENT: 1}
_AVAILABILITY_NUMBER: Final = {ONLINE: 0, OFFLINE: Hidden.AWAY}
_MOST_PLACEHOLDERS: Final = 32


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a WHERE and its parameters. Empty text: it always holds."""

    text: str = ""
    values: tuple[object, ...] = ()


ALWAYS: Final = Clause()


def compile_conditions(conditions: Sequence[Condition], codes: CodeBook, connection: sqlite3.Connection) -> Clause:
    """All of `conditions` as one clause that begins with AND."""
    if not conditions:
        return ALWAYS
    texts: list[str] = []
    values: list[object] = []
    for condition in conditions:
        found = _compare(condition, codes, connection)
        texts.append(_text(condition.attribute, condition.kind, len(found)))
        values += found if len(found) <= _MOST_PLACEHOLDERS else [json.dumps(found)]
    return Clause("".join(texts), tuple(values))


def one_of(column: str, values: Sequence[object]) -> Clause:
    """`column IN values`, with one parameter for many values: SQLite limits how many there may be."""
    if len(values) <= _MOST_PLACEHOLDERS:
        return Clause(_in(column, len(values)), tuple(values))
    return Clause(_in(column, len(values)), (json.dumps(values),))


def with_status(statuses: Sequence[str]) -> Clause:
    """Objects with any of these statuses, as a clause that begins with AND; none: any object."""
    if not statuses:
        return ALWAYS
    clause = one_of("deprecated", [_STATUS_NUMBER[status] for status in statuses])
    return Clause(f" AND {clause.text}", clause.values)


def _compare(condition: Condition, codes: CodeBook, connection: sqlite3.Connection) -> list[object]:
    """The values that the column is compared with; none where every value is meant."""
    match condition.kind:
        case Kind.CODE:
            numbers = codes.numbers(connection, condition.values)
            return [f",{number}," for number in numbers] if condition.attribute in _PACKED else [*numbers]
        case Kind.STATUS:
            return [_STATUS_NUMBER[status] for status in condition.values]
        case Kind.OBJECT_TYPE:
            return [_TYPE_NUMBER.get(type_, UNKNOWN) for type_ in condition.values]
        case Kind.AVAILABILITY:
            return [_AVAILABILITY_NUMBER.get(word, UNKNOWN) for word in condition.values]
        case Kind.LIKE:
            return [SEPARATOR.join(condition.values)]
        case _:
            return [*condition.values]


@lru_cache(maxsize=512)
def _text(attribute: str, kind: Kind, count: int) -> str:
    column = _COLUMN.get(attribute, attribute)
    if kind is Kind.LIKE:
        return f" AND any_like({column}, ?)"
    if kind is Kind.FROM:  # an object without the time is not excluded (ITI TF-2: 3.18.4.1.2.3.3.1)
        return f" AND ({column} IS NULL OR {column} >= ?)"
    if kind is Kind.TO:
        return f" AND ({column} IS NULL OR {column} < ?)"
    if attribute in _PACKED:
        if count <= _MOST_PLACEHOLDERS:
            return " AND (" + " OR ".join([f"instr({column}, ?)"] * count) + ")"
        return f" AND EXISTS (SELECT 1 FROM json_each(?) WHERE instr({column}, value))"  # noqa: S608  own names
    return f" AND {_in(column, count)}"


def _in(column: str, count: int) -> str:
    if count <= _MOST_PLACEHOLDERS:
        return f"{column} IN ({', '.join('?' * count)})"
    return f"{column} IN (SELECT value FROM json_each(?))"  # noqa: S608  own names only


def any_like(packed: str | None, patterns: str) -> int:
    """SQL function: whether any of the packed texts is LIKE any of the packed patterns."""
    if packed is None:
        return 0
    texts = packed.split(SEPARATOR)
    return any(like(pattern).fullmatch(text) for pattern in patterns.split(SEPARATOR) for text in texts)


def prepare(connection: sqlite3.Connection) -> None:
    """Give a connection the function that clauses use."""
    connection.create_function("any_like", 2, any_like, deterministic=True)
