"""One stored query request -> Criteria: what to select, as plain data (ITI TF-2: 3.18.4.1.2.3).

Everything wrong with a request is found before it is refused. Parameters that a query does not know are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from registry.ebrim.messages import LEAF_CLASS, OBJECT_REF, AdhocQuery
from registry.errors import ErrorCode, RegistryError, UnknownStoredQuery, XdsErrors
from registry.metadata.objects import APPROVED, DEPRECATED, STABLE_DOCUMENT
from registry.queries.catalogue import (
    DOCUMENT,
    FOLDER,
    OF_EVERY_QUERY,
    STORED_QUERIES,
    SUBMISSION_SET,
    Kind,
    Parameter,
    StoredQuery,
    stored_query,
)
from registry.queries.parameters import MalformedValue, read_code, read_instant, read_pattern, scan
from registry.queries.several_patients import MOST_PATIENTS

MOST_REPETITIONS: Final = 20  # of a slot that may be repeated: each is one more condition on each object
MOST_PATTERNS: Final = 50  # of one LIKE parameter: each is tried on each object of the patient


@dataclass(frozen=True, slots=True)
class Condition:
    """One restriction: any of `values` holds for `attribute`.

    Values by kind: CODE (code, scheme) pairs, FROM and TO one number of 14 digits, everything else text.
    """

    attribute: str
    kind: Kind
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What to select. Conditions are all to hold; no condition on an attribute, no restriction of it.

    `patient` is "" for a query by ids, which then stand in `entry_uuids`, `unique_ids` or `logical_ids`, and for one
    about several patients, who then stand in `patients`: none there, everybody.
    `level` 1: as if there were no versions; 2: older ones, Offline documents, Deprecated folders and associations too.
    `association_statuses`: of associations that are looked at; none: any.
    """

    query: StoredQuery
    leaf: bool
    patient: str = ""
    patients: tuple[str, ...] = ()
    entry_uuids: tuple[str, ...] = ()
    unique_ids: tuple[str, ...] = ()
    logical_ids: tuple[str, ...] = ()
    association_types: tuple[str, ...] = ()
    association_statuses: tuple[str, ...] = ()
    level: int = 1
    documents: tuple[Condition, ...] = ()
    submission_sets: tuple[Condition, ...] = ()
    folders: tuple[Condition, ...] = ()


@dataclass(slots=True)
class _Reading:
    """Criteria in the making, and what is wrong so far."""

    query: StoredQuery
    errors: list[RegistryError] = field(default_factory=list)
    named: dict[Kind, tuple[str, ...]] = field(default_factory=dict)
    conditions: dict[str, list[Condition]] = field(
        default_factory=lambda: {DOCUMENT: [], SUBMISSION_SET: [], FOLDER: []}
    )

    def fault(self, code: ErrorCode, context: str) -> None:
        self.errors.append(RegistryError(code, context))


def criteria(query: AdhocQuery, queries: Mapping[str, StoredQuery] = STORED_QUERIES) -> Criteria:
    """Read a stored query request; `queries` are those that its transaction has.

    Raises:
        XdsErrors: XDSUnknownStoredQuery, XDSStoredQueryMissingParam, XDSStoredQueryParamNumber, or XDSRegistryError for
            a malformed value or returnType; all that apply.
    """
    row = stored_query(query.query_id, queries)
    if row is None:
        unknown = UnknownStoredQuery(f"no stored query {query.query_id[:80]}").errors
        raise XdsErrors((*unknown, *_return_type_faults(query)))
    return criteria_of(row, query, _return_type_faults(query))


def criteria_of(row: StoredQuery, query: AdhocQuery, faults: Sequence[RegistryError] = ()) -> Criteria:
    """The criteria of a query whose row is known; `faults` were found before.

    Raises:
        XdsErrors: as `criteria`.
    """
    reading = _Reading(row, [*faults])
    given: dict[str, list[tuple[str, ...]]] = {}
    for slot in query.slots:
        if slot.values:
            given.setdefault(slot.name.strip(), []).append(slot.values)
    for parameter in (*row.parameters, *OF_EVERY_QUERY):
        slots = given.get(parameter.name)
        if slots:
            _read(reading, parameter, slots)
        elif parameter.required:
            reading.fault(ErrorCode.STORED_QUERY_MISSING_PARAM, f"{parameter.name} is required by {row.name}")
        elif parameter.kind is Kind.OBJECT_TYPE and row.stable_by_default:
            reading.conditions[DOCUMENT].append(_STABLE_ONLY)
    _check_together(reading, given)
    level = reading.named.get(Kind.LEVEL, ("1",))[0]
    if Kind.LOGICAL_ID in reading.named and level == "1":
        reading.fault(ErrorCode.REGISTRY_ERROR, "a LogicalID names several versions; ask with $MetadataLevel 2")
    if reading.errors:
        raise XdsErrors(reading.errors)
    patients = reading.named.get(Kind.PATIENT, ())
    return Criteria(
        query=row,
        leaf=query.return_type == LEAF_CLASS,
        patient=patients[0] if patients and not row.several_patients else "",
        patients=patients if row.several_patients else (),
        entry_uuids=reading.named.get(Kind.ENTRY_UUID, ()),
        unique_ids=reading.named.get(Kind.UNIQUE_ID, ()),
        logical_ids=reading.named.get(Kind.LOGICAL_ID, ()),
        association_types=reading.named.get(Kind.ASSOCIATION_TYPE, ()),
        association_statuses=reading.named.get(Kind.ASSOCIATION_STATUS, ()),
        level=int(level),
        documents=tuple(reading.conditions[DOCUMENT]),
        submission_sets=tuple(reading.conditions[SUBMISSION_SET]),
        folders=tuple(reading.conditions[FOLDER]),
    )


_STABLE_ONLY: Final = Condition("object_type", Kind.OBJECT_TYPE, (STABLE_DOCUMENT,))


def _return_type_faults(query: AdhocQuery) -> list[RegistryError]:
    if query.return_type in {LEAF_CLASS, OBJECT_REF}:
        return []
    return [
        RegistryError(
            ErrorCode.REGISTRY_ERROR,
            f"returnType {query.return_type[:40]!r} is not served; {LEAF_CLASS} and {OBJECT_REF} are",
        )
    ]


def _check_together(reading: _Reading, given: dict[str, list[tuple[str, ...]]]) -> None:
    row = reading.query
    if row.at_least_one and given.keys().isdisjoint(row.at_least_one):
        reading.fault(ErrorCode.STORED_QUERY_MISSING_PARAM, f"{row.name} requires one of {', '.join(row.at_least_one)}")
    if not row.either:
        return
    count = sum(name in given for name in reading.query.either)
    names = " or ".join(reading.query.either)
    if count == 0:
        reading.fault(ErrorCode.STORED_QUERY_MISSING_PARAM, f"{reading.query.name} requires {names}")
    elif count > 1:
        reading.fault(ErrorCode.STORED_QUERY_PARAM_NUMBER, f"{reading.query.name} takes only one of {names}")


def _read(reading: _Reading, parameter: Parameter, slots: list[tuple[str, ...]]) -> None:
    """One parameter with all its slots: a name without object is a name, the rest are conditions."""
    if len(slots) > (MOST_REPETITIONS if parameter.repeatable else 1):
        reading.fault(ErrorCode.STORED_QUERY_PARAM_NUMBER, f"{parameter.name} stands {len(slots)} times")
        return
    for slot in slots:
        try:
            values = _values(parameter.kind, slot)
        except MalformedValue as fault:
            reading.fault(ErrorCode.REGISTRY_ERROR, f"{parameter.name}: {fault}")
            continue
        if len(values) > 1 and not parameter.many:
            reading.fault(
                ErrorCode.STORED_QUERY_PARAM_NUMBER, f"{parameter.name} takes one value and has {len(values)}"
            )
        elif parameter.kind is Kind.LIKE and len(values) > MOST_PATTERNS:
            reading.fault(
                ErrorCode.STORED_QUERY_PARAM_NUMBER,
                f"{parameter.name} has {len(values)} patterns; at most {MOST_PATTERNS} are taken",
            )
        elif parameter.kind is Kind.PATIENT and len(values) > MOST_PATIENTS:
            reading.fault(
                ErrorCode.STORED_QUERY_PARAM_NUMBER,
                f"{parameter.name} has {len(values)} patients; at most {MOST_PATIENTS} are taken",
            )
        elif not values and parameter.required:
            reading.fault(ErrorCode.STORED_QUERY_MISSING_PARAM, f"{parameter.name} has no value that is known here")
        elif parameter.attribute:
            reading.conditions[parameter.of].append(Condition(parameter.attribute, parameter.kind, values))
        else:
            reading.named[parameter.kind] = values


def _values(kind: Kind, slot: tuple[str, ...]) -> tuple[Any, ...]:
    """Every value of a slot, each once; several rim:Value of a slot are one list."""
    short = sum(map(len, slot)) <= _LONGEST_REMEMBERED
    return _remembered(kind, slot) if short else _converted(kind, slot)


def _converted(kind: Kind, slot: tuple[str, ...]) -> tuple[Any, ...]:
    read = _READERS[kind]
    values = dict.fromkeys(read(item) for text in slot for item in scan(text))
    if kind in {
        Kind.STATUS,
        Kind.ASSOCIATION_STATUS,
    }:  # an unknown status is dropped (3.18.4.1.2.3.5); others that are unknown match nothing
        return tuple(status for status in values if status in {APPROVED, DEPRECATED})
    return tuple(values)


def _named(text: str) -> str:
    if not text:
        raise MalformedValue("an empty value names nothing")
    return text


def _level(text: str) -> str:
    if text not in {"1", "2"}:
        raise MalformedValue(f"{text[:40]!r} is not 1 or 2")
    return text


_LONGEST_REMEMBERED: Final = 1024  # characters; bounds what clients can make this module hold to some 2 MB
_remembered = lru_cache(maxsize=2048)(_converted)  # statuses, types and codes come again and again

_READERS: Final[dict[Kind, Callable[[str], Any]]] = {
    **dict.fromkeys(Kind, str),
    **dict.fromkeys((Kind.PATIENT, Kind.ENTRY_UUID, Kind.UNIQUE_ID, Kind.LOGICAL_ID), _named),
    Kind.LEVEL: _level,
    Kind.CODE: read_code,
    Kind.FROM: read_instant,
    Kind.TO: read_instant,
    Kind.LIKE: read_pattern,
}
