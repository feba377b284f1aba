"""Filters of subscriptions as data, and whether a registered object fulfils one (ITI TF-2: 3.52.5.2).

A filter is coded as a stored query. What it selects is judged on the objects of a submission themselves, so that
matching reads nothing: a subscription must cost a submission next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from registry.ebrim.messages import LEAF_CLASS, AdhocQuery
from registry.errors import ErrorCode, RegistryError, XdsErrors
from registry.metadata.objects import Author, Code, DocumentEntry, SubmissionSet
from registry.queries.catalogue import DOCUMENT, FIND_DOCUMENTS, SUBMISSION_SET, Kind, Parameter, StoredQuery
from registry.queries.criteria import Condition, Criteria, criteria_of
from registry.queries.like import Pattern, like


class Topic(StrEnum):
    """What a notification carries of a matching submission (ITI TF-2: 3.52.5.1)."""

    FULL_DOCUMENT_ENTRY = "ihe:FullDocumentEntry"
    MINIMAL_DOCUMENT_ENTRY = "ihe:MinimalDocumentEntry"
    SUBMISSION_SET_METADATA = "ihe:SubmissionSetMetadata"


# ITI TF-2: Table 3.52.5.2-1: what FindDocuments knows, less the times and what a new object has anyway.
_ABOUT_DOCUMENTS: Final = frozenset(
    {
        "class_codes",
        "type_codes",
        "practice_setting_codes",
        "healthcare_facility_type_codes",
        "event_codes",
        "confidentiality_codes",
        "author_persons",
        "format_codes",
    }
)
_DOCUMENTS: Final = (
    *(parameter for parameter in FIND_DOCUMENTS.parameters if parameter.attribute in _ABOUT_DOCUMENTS),
    Parameter(
        name="$XDSDocumentEntryReferenceIdList",
        kind=Kind.LIKE,
        of=DOCUMENT,
        attribute="reference_id_list",
        many=True,
        repeatable=True,
    ),
)
_SETS: Final = (
    Parameter(name="$XDSSubmissionSetSourceId", kind=Kind.TEXT, of=SUBMISSION_SET, attribute="source_id", many=True),
    Parameter(
        name="$XDSSubmissionSetAuthorPerson",
        kind=Kind.LIKE,
        of=SUBMISSION_SET,
        attribute="author_persons",
        many=True,
    ),
    Parameter(
        name="$XDSSubmissionSetIntendedRecipient",
        kind=Kind.LIKE,
        of=SUBMISSION_SET,
        attribute="intended_recipient",
        many=True,
    ),
)
_DOCUMENT_PATIENT: Final = "$XDSDocumentEntryPatientId"
_SET_PATIENT: Final = "$XDSSubmissionSetPatientId"


def _patient(name: str) -> Parameter:
    return Parameter(name=name, kind=Kind.PATIENT, required=True)


DOCUMENTS_OF_PATIENT: Final = StoredQuery(
    id="urn:uuid:aa2332d0-f8fe-11e0-be50-0800200c9a66",
    name="DocumentEntry subscription",
    section="ITI TF-2: 3.52.5.2",
    parameters=(_patient(_DOCUMENT_PATIENT), *_DOCUMENTS),
)
SETS_OF_PATIENT: Final = StoredQuery(
    id="urn:uuid:fbede94e-dbdc-4f6b-bc1f-d730e677cece",
    name="SubmissionSet subscription",
    section="ITI TF-2: 3.52.5.2",
    parameters=(_patient(_SET_PATIENT), *_SETS),
)
DOCUMENTS_OF_ANYBODY: Final = StoredQuery(
    id="urn:uuid:742790e0-aba6-43d6-9f1f-e43ed9790b79",
    name="patient-independent DocumentEntry subscription",
    section="ITI TF-2: 3.52.5.2 (Extensions)",
    parameters=_DOCUMENTS,
)
SETS_OF_ANYBODY: Final = StoredQuery(
    id="urn:uuid:868cad3d-ec09-4565-b66c-1be10d034399",
    name="patient-independent SubmissionSet subscription",
    section="ITI TF-2: 3.52.5.2 (Extensions)",
    parameters=_SETS,
)
FILTERS: Final = {row.id: row for row in (DOCUMENTS_OF_PATIENT, SETS_OF_PATIENT, DOCUMENTS_OF_ANYBODY, SETS_OF_ANYBODY)}
_ANYBODY: Final = (DOCUMENTS_OF_ANYBODY, SETS_OF_ANYBODY)
# Attributes with one value each, by what they leave over of all submissions: the first that a filter names is its key.
_ANCHORS: Final = (
    "type_codes",
    "format_codes",
    "healthcare_facility_type_codes",
    "practice_setting_codes",
    "class_codes",
)
_EVERYTHING: Final = "*"


def read_filter(query: AdhocQuery) -> Criteria:
    """The criteria of a filter.

    Raises:
        XdsErrors: XDSUnknownStoredQuery for another query than the four of the table, and what `criteria` raises;
            XDSStoredQueryMissingParam for one that would select every object of everybody.
    """
    row = FILTERS.get(query.query_id.strip().lower())
    if row is None:
        raise XdsErrors([RegistryError(ErrorCode.UNKNOWN_STORED_QUERY, f"no filter {query.query_id[:80]}")])
    found = criteria_of(row, AdhocQuery(query.query_id, LEAF_CLASS, None, query.slots))
    if row in _ANYBODY and not (found.documents or found.submission_sets):
        names = ", ".join(parameter.name for parameter in row.parameters)
        raise XdsErrors([RegistryError(ErrorCode.STORED_QUERY_MISSING_PARAM, f"one of {names} is needed")])
    return found


def patient_of_filter(query: AdhocQuery) -> str:
    """The patient (CX) of a filter that was read; "" for one about anybody."""
    return read_filter(query).patient


def for_patient(query: AdhocQuery, patient: str) -> AdhocQuery:
    """The same filter for another identifier (CX)."""
    of_sets = FILTERS[query.query_id.strip().lower()] is SETS_OF_PATIENT
    name = _SET_PATIENT if of_sets else _DOCUMENT_PATIENT
    literal = "'" + patient.replace("'", "''") + "'"
    slots = tuple(replace(slot, values=(literal,)) if slot.name.strip() == name else slot for slot in query.slots)
    return replace(query, slots=slots)


def keys_of(found: Criteria) -> tuple[str, ...]:
    """Under which keys a subscription is kept: a submission with none of them cannot match it."""
    if found.patient:
        return (_of_patient(found.patient),)
    for attribute in _ANCHORS:
        for condition in found.documents:
            if condition.attribute == attribute:
                return tuple(_of_code(attribute, pair) for pair in condition.values)
    return (_EVERYTHING,)


def keys_of_submission(patients: Iterable[str], documents: Sequence[DocumentEntry]) -> list[str]:
    """Every key that a submission has. `patients` are all identities of its patient."""
    keys = dict.fromkeys(_of_patient(patient) for patient in patients)
    for item in documents:
        for attribute in _ANCHORS:
            keys |= dict.fromkeys(_of_code(attribute, pair) for pair in _pairs(getattr(item, attribute)))
    return [*keys, _EVERYTHING]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter made ready for judging: per condition the attribute and which values, or which patterns, fulfil it."""

    sets: bool  # it selects submission sets, not documents
    conditions: tuple[tuple[str, frozenset[Any], tuple[Pattern, ...]], ...]


def wanted(found: Criteria) -> Wanted:
    """Make a filter ready. Costs ten times as much as judging a submission by it."""
    sets = found.query in (SETS_OF_PATIENT, SETS_OF_ANYBODY)
    return Wanted(sets, tuple(map(_ready, found.submission_sets if sets else found.documents)))


def _ready(one: Condition) -> tuple[str, frozenset[Any], tuple[Pattern, ...]]:
    if one.kind is Kind.LIKE:
        return one.attribute, frozenset(), tuple(like(pattern) for pattern in one.values)
    return one.attribute, frozenset(one.values), ()


class Offered:
    """A submission as filters look at it: each attribute is read once, however many ask for it."""

    def __init__(self, documents: Sequence[DocumentEntry], submission_set: SubmissionSet | None) -> None:
        self._documents = [_Values(item) for item in documents]
        self._set = [_Values(submission_set)] if submission_set else []

    def matching(self, filter_: Wanted) -> list[DocumentEntry | SubmissionSet]:
        """The objects that a filter selects. That the patient is meant is known already (`keys_of`)."""
        items = self._set if filter_.sets else self._documents
        return [item.of for item in items if item.fulfils(filter_)]


class _Values:
    """One object, and the values of those of its attributes that were asked for."""

    __slots__ = ("_read", "of")

    def __init__(self, of: DocumentEntry | SubmissionSet) -> None:
        self.of = of
        self._read: dict[str, frozenset[Any]] = {}

    def fulfils(self, filter_: Wanted) -> bool:
        """Whether all conditions hold, as the registry's search would say (codes, texts and patterns)."""
        for attribute, values, patterns in filter_.conditions:
            own = self._read.get(attribute)
            if own is None:
                own = self._read[attribute] = frozenset(_values(self.of, attribute))
            if values.isdisjoint(own) and not _alike(patterns, own):
                return False
        return True


def _alike(patterns: tuple[Pattern, ...], texts: Iterable[str]) -> bool:
    """Whether any text is meant by any pattern; a generator would cost more than the comparison."""
    for pattern in patterns:
        for text in texts:
            if pattern.fullmatch(text):
                return True
    return False


def _values(item: DocumentEntry | SubmissionSet, attribute: str) -> Iterable[Any]:
    """The (code, scheme) pairs or the texts of an attribute."""
    if attribute == "author_persons":
        authors: Sequence[Author] = item.authors
        return (person for author in authors for person in author.persons)
    value = getattr(item, attribute)
    if isinstance(value, str):
        return (value,)
    return ((one.code, one.scheme or "") if isinstance(one, Code) else one for one in value or ())


def _pairs(codes: Sequence[Code]) -> list[tuple[str, str]]:
    return [(code.code, code.scheme or "") for code in codes]


def _of_patient(patient: str) -> str:
    return f"patient {patient}"


def _of_code(attribute: str, pair: tuple[str, str]) -> str:
    return f"{attribute} {pair[0]}^^{pair[1]}"
