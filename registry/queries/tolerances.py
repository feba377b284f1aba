"""How a stored query deviates from the value grammar of ITI TF-2: 3.18.4.1.2.3.5 and is understood all the same. Pure.

What deviates is named, and written as it should have been: so it is handed on to other communities (xds-wire 6.4).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from registry.ebrim.messages import AdhocQuery
from registry.ebrim.tolerances import Tolerance
from registry.metadata.objects import APPROVED, DEPRECATED, Slot
from registry.queries.catalogue import OF_EVERY_QUERY, STORED_QUERIES, Kind, Parameter, StoredQuery, stored_query
from registry.queries.parameters import MalformedValue, scan
from registry.queries.several_patients import MULTI_PATIENT_QUERIES

_TIMES: Final = frozenset({Kind.FROM, Kind.TO})
_BARE: Final = _TIMES | {Kind.LEVEL}
_EVERY_QUERY: Final[Mapping[str, StoredQuery]] = {**STORED_QUERIES, **MULTI_PATIENT_QUERIES}
_QUOTED: Final = re.compile(r"""'[^']*'|"[^"]*\"""")
_BLANK_BESIDE_A_BRACKET_OR_COMMA: Final = re.compile(r"^\(\s|\s\)$|\s,|,\s")
_RESPONSE: Final = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:"  # as the samples of ITI TF-2: 3.18 have it
_STATUSES: Final = {
    f"{quote}{prefix}{status.rpartition(':')[2]}{quote}": f"'{status}'"
    for status in (APPROVED, DEPRECATED)
    for prefix in ("", _RESPONSE)
    for quote in "'\""
}
_SHORT_STATUS: Final = re.compile("|".join(map(re.escape, _STATUSES)))


def in_form(query: AdhocQuery) -> AdhocQuery:
    """A query with every value written as the grammar has it; beside it what deviated. What is malformed stays."""
    row = stored_query(query.query_id, _EVERY_QUERY)
    if row is None:
        return query
    parameters = _parameters(row)
    found: set[Tolerance] = set()
    slots = list(query.slots)
    for place, slot in enumerate(query.slots):
        parameter = parameters.get(slot.name)
        if parameter is None or all(_is_in_form(parameter, value) for value in slot.values):
            continue
        deviations = {one for value in slot.values for one in _deviations(parameter, value)}
        if deviations and (values := _rewritten(parameter, slot.values)):
            found |= deviations
            slots[place] = replace(slot, values=values)
    return replace(query, slots=tuple(slots), tolerated=query.tolerated | found) if found else query


@lru_cache(maxsize=64)
def _parameters(row: StoredQuery) -> dict[str, Parameter]:
    return {parameter.name: parameter for parameter in (*row.parameters, *OF_EVERY_QUERY)}


def _is_in_form(parameter: Parameter, value: str) -> bool:
    """Whether nothing can deviate in it: nearly every value, told at a glance."""
    if parameter.many:
        return value.startswith("('") and " " not in value and value.isprintable()
    return value.isdecimal() if parameter.kind in _BARE else value.startswith("'")


def _deviations(parameter: Parameter, value: str) -> Iterator[Tolerance]:
    listed = value.startswith("(")
    if listed and not parameter.many:
        yield Tolerance.LIST_FOR_ONE_VALUE
    if not listed and parameter.many:
        yield Tolerance.ONE_VALUE_FOR_LIST
    first = value[1:].lstrip()[:1] if listed else value[:1]
    if first == '"':
        yield Tolerance.DOUBLE_QUOTES
    if parameter.kind in _TIMES and first in ("'", '"'):
        yield Tolerance.QUOTED_TIME
    if listed and _BLANK_BESIDE_A_BRACKET_OR_COMMA.search(_QUOTED.sub("''", value)):
        yield Tolerance.PADDED_VALUE


def _rewritten(parameter: Parameter, values: Sequence[str]) -> tuple[str, ...]:
    """The values of a slot in the form of the grammar; none where they are no values, or too many."""
    try:
        items = [scan(value) for value in values]
    except MalformedValue:
        return ()
    if parameter.many:
        return tuple([f"({','.join(map(_quoted, one))})" for one in items])
    if len(items) > 1 or len(items[0]) > 1:
        return ()
    ((only,),) = items
    return (only if parameter.kind in _BARE and only.isdecimal() else _quoted(only),)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def with_required(query: AdhocQuery, required: Collection[str]) -> AdhocQuery:
    """A query as an asker meant it of whom statuses are taken that are no whole URN."""
    if Tolerance.SHORT_STATUS not in required:
        return query
    slots = tuple([_with_whole_statuses(slot) if slot.name.endswith("Status") else slot for slot in query.slots])
    if slots == query.slots:
        return query
    return replace(query, slots=slots, tolerated=query.tolerated | {Tolerance.SHORT_STATUS})


def _with_whole_statuses(slot: Slot) -> Slot:
    values = tuple([_SHORT_STATUS.sub(lambda found: _STATUSES[found[0]], value) for value in slot.values])
    return slot if values == slot.values else replace(slot, values=values)
