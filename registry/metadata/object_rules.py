"""Checks of one metadata object: the rows of `attributes`, and what binds several attributes (ITI TF-3: 4.2.3).

Nothing stops at the first violation. Each is a sentence that names the attribute and its value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from registry.metadata.affinity_domain import AffinityDomain
from registry.metadata.attributes import (
    LIMITED,
    ROWS,
    SLOT_LENGTH,
    AttributeRow,
    CodedRow,
    TextRow,
    Transaction,
)
from registry.metadata.objects import (
    ON_DEMAND_DOCUMENT,
    STABLE_DOCUMENT,
    Association,
    Author,
    Code,
    DocumentEntry,
    Folder,
    LocalizedString,
    RegistryObject,
    Slot,
    SubmissionSet,
)
from registry.metadata.values import is_speakable, is_symbolic, is_uuid_urn, shown

# Not the whole grammar of URNs: `urn:att`, without a namespace of its own, is in use.
_EXTRA_NAME: Final = re.compile(r"(?i:urn:)(?!(?i:ihe:))[!-~]{1,252}")
NAMES: Final[dict[type, str]] = {
    DocumentEntry: "DocumentEntry",
    SubmissionSet: "SubmissionSet",
    Folder: "Folder",
    Association: "Association",
    Author: "author",
}


class Findings(list[str]):
    """Sentences about what is wrong. An object can be wrong in a million places; these are the first hundred."""

    most: Final = 100

    def add(self, context: str) -> None:
        """Note one violation."""
        if len(self) < self.most:
            self.append(context)


def check_object(obj: RegistryObject, transaction: Transaction, domain: AffinityDomain) -> Findings:
    """Everything that is wrong with one object in itself."""
    found = Findings()
    kind = type(obj)
    limited = transaction == "XDR" and not isinstance(obj, Association) and obj.limited_metadata
    _check_attributes(obj, _SHEETS[kind, _LIMITED if limited else transaction], domain, found)
    for rule in _RULES_OF[kind]:
        for context in rule.check(obj, transaction, domain):
            found.add(f"{context} ({rule.source})")
    return found


# --- attributes -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The rows of one kind of object for one transaction, with getters of all their values at once."""

    name: str
    attributes: tuple[tuple[AttributeRow, bool, bool], ...]
    of_attributes: Callable[[Any], tuple[Any, ...]]
    coded: tuple[tuple[CodedRow, bool], ...]
    of_coded: Callable[[Any], tuple[Any, ...]]
    texts: tuple[tuple[TextRow, bool], ...]
    of_texts: Callable[[Any], tuple[Any, ...]]


def _sheet(kind: type, transaction: str) -> _Sheet:
    rows = ROWS[kind]

    def required(row: AttributeRow | CodedRow | TextRow) -> bool:
        if transaction == _LIMITED:
            return row.name in LIMITED.get(kind, ())
        return ("ITI-41" if transaction == "XDR" else transaction) in row.required

    attributes = [row for row in rows if isinstance(row, AttributeRow)]
    coded = [row for row in rows if isinstance(row, CodedRow)]
    texts = [row for row in rows if isinstance(row, TextRow)]
    return _Sheet(
        name=NAMES[kind],
        attributes=tuple((row, required(row), transaction in row.forbidden) for row in attributes),
        of_attributes=_getter([row.attribute for row in attributes]),
        coded=tuple((row, required(row)) for row in coded),
        of_coded=_getter([row.attribute for row in coded]),
        texts=tuple((row, required(row)) for row in texts),
        of_texts=_getter([row.attribute for row in texts]),
    )


def _getter(attributes: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(attributes) == 1:
        one = attrgetter(attributes[0])
        return lambda obj: (one(obj),)
    return attrgetter(*attributes) if attributes else lambda _: ()


_LIMITED: Final = "limited"
_SHEETS: Final = {
    (kind, transaction): _sheet(kind, transaction)
    for kind in ROWS
    for transaction in ("ITI-41", "ITI-42", "ITI-61", "XDR", _LIMITED)
}


def _check_attributes(obj: RegistryObject | Author, sheet: _Sheet, domain: AffinityDomain, found: Findings) -> None:
    _check_values(obj, sheet, found)
    for (coded, required), codes in zip(sheet.coded, sheet.of_coded(obj), strict=True):
        if codes:
            _check_codes(sheet, coded, codes, domain, found)
        elif required:
            found.add(_missing(sheet, coded))
    for (text, required), strings in zip(sheet.texts, sheet.of_texts(obj), strict=True):
        _check_texts(sheet, text, strings, found)
        if required and not "".join([item.value for item in strings]):
            found.add(_missing(sheet, text))


def _check_values(obj: RegistryObject | Author, sheet: _Sheet, found: Findings) -> None:
    for (row, required, forbidden), values in zip(sheet.attributes, sheet.of_attributes(obj), strict=True):
        if not values:
            if required:
                found.add(_missing(sheet, row))
            continue
        # Identifiers and XML attributes are one text, slots a tuple of values.
        values = (values,) if isinstance(values, str) else values  # noqa: PLW2901
        if row.single and len(values) > 1:
            found.add(f"{sheet.name}.{row.name} has {len(values)} values instead of one ({row.source})")
        most, form = row.most, row.form
        for value in values:
            if not (len(value) <= most and form(value) and value.isprintable()):
                _check_value(sheet, row, value, found)
        if forbidden:
            found.add(f"{sheet.name}.{row.name} must not stand in an on-demand entry ({row.source})")


def _missing(sheet: _Sheet, row: AttributeRow | CodedRow | TextRow) -> str:
    return f"{sheet.name}.{row.name} is missing ({row.source})"


def _too_long(sheet: _Sheet, row: AttributeRow | TextRow, value: str) -> str:
    return f"{sheet.name}.{row.name} {shown(value)} has {len(value)} characters, {row.most} are allowed ({row.source})"


def _unspeakable(sheet: _Sheet, row: AttributeRow | TextRow, value: str) -> str:
    return f"{sheet.name}.{row.name} {shown(value)} has a character that XML cannot carry ({row.source})"


def _check_value(sheet: _Sheet, row: AttributeRow, value: str, found: Findings) -> None:
    """What is wrong with a value that is not plainly right."""
    # A value that is too long is not looked at further: no form has to cope with a megabyte.
    if len(value) > row.most:
        found.add(_too_long(sheet, row, value))
    elif not row.form(value):
        found.add(f"{sheet.name}.{row.name} {shown(value)} is not {row.says} ({row.source})")
    elif not is_speakable(value):
        found.add(_unspeakable(sheet, row, value))


def _check_texts(sheet: _Sheet, row: TextRow, strings: tuple[LocalizedString, ...], found: Findings) -> None:
    for value in [item.value for item in strings]:
        if len(value) > row.most:
            found.add(_too_long(sheet, row, value))
        elif not is_speakable(value):
            found.add(_unspeakable(sheet, row, value))


_CODE_SOURCE: Final = "ITI TF-3: 4.2.3.1.2"
_DISPLAY_LENGTH: Final = 1024


def _check_codes(
    sheet: _Sheet, row: CodedRow, codes: tuple[Code, ...], domain: AffinityDomain, found: Findings
) -> None:
    name = f"{sheet.name}.{row.name}"
    if row.single and len(codes) > 1:
        found.add(f"{name} stands {len(codes)} times instead of once ({row.source})")
    for code in codes:
        if not _is_plainly_right(code):
            for context in _wrong_code(code):
                found.add(f"{name} {context} ({_CODE_SOURCE})")
        if code.code and code.scheme and not domain.accepts(row.name, code.code, code.scheme):
            found.add(
                f"{name} {shown(code.code)} of {shown(code.scheme)} is not in the code set of this affinity domain"
                f" ({row.source})"
            )


def _is_plainly_right(code: Code) -> bool:
    """The usual code: all there, short, printable, nothing beside it. Of any other `_wrong_code` says what is wrong."""
    if not (code.code and code.scheme and code.display) or code.extra:
        return False
    display = code.display[0].value
    return (
        0 < len(display) <= _DISPLAY_LENGTH
        and len(code.code) <= SLOT_LENGTH
        and len(code.scheme) <= SLOT_LENGTH
        and f"{code.code}{code.scheme}{display}".isprintable()
    )


def _wrong_code(code: Code) -> Iterator[str]:
    display = code.display[0].value if code.display else ""
    if not code.code:
        yield "has no code: nodeRepresentation is empty"
    if not code.scheme:
        yield f"{shown(code.code)} has no codingScheme"
    if not display:
        yield f"{shown(code.code)} has no display name"
    texts = ((code.code, SLOT_LENGTH), (code.scheme or "", SLOT_LENGTH), (display, _DISPLAY_LENGTH))
    for text, most in texts:
        if len(text) > most or not is_speakable(text):
            yield f"{shown(text)} is longer than {most} characters or no text for XML"
    if code.extra:
        yield from _wrong_extra(code.extra)


# --- what binds several attributes ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRule:
    """One rule over a whole object; `check` gives a sentence for each violation."""

    of: tuple[type, ...]
    says: str
    check: Callable[[Any, Transaction, AffinityDomain], Iterator[str]]
    source: str


def _well_formed_id(obj: RegistryObject, _transaction: Transaction, _domain: AffinityDomain) -> Iterator[str]:
    if not obj.entry_uuid:
        yield f"{NAMES[type(obj)]} has no id"
    elif not is_symbolic(obj.entry_uuid) and not is_uuid_urn(obj.entry_uuid):
        yield f"{NAMES[type(obj)]}.entryUUID {shown(obj.entry_uuid)} is not a UUID"
    elif len(obj.entry_uuid) > SLOT_LENGTH or not is_speakable(obj.entry_uuid):
        yield f"{NAMES[type(obj)]}.entryUUID {shown(obj.entry_uuid)} is too long or no text for XML"


def _object_type(entry: DocumentEntry, transaction: Transaction, _domain: AffinityDomain) -> Iterator[str]:
    expected = ON_DEMAND_DOCUMENT if transaction == "ITI-61" else STABLE_DOCUMENT
    if entry.object_type != expected:
        yield f"DocumentEntry.objectType {shown(entry.object_type)} is not {expected}, which {transaction} registers"


def _allowed_mime_type(entry: DocumentEntry, _transaction: Transaction, domain: AffinityDomain) -> Iterator[str]:
    if entry.mime_type and not domain.accepts_mime_type(entry.mime_type):
        yield f"DocumentEntry.mimeType {shown(entry.mime_type)} is not shared in this affinity domain"


def _service_times(entry: DocumentEntry, _transaction: Transaction, _domain: AffinityDomain) -> Iterator[str]:
    if entry.service_start_time and entry.service_stop_time:
        start, stop = entry.service_start_time[0], entry.service_stop_time[0]
        common = min(len(start), len(stop))  # 2024 to 202403 is an hour of March at most, not a contradiction
        if start[:common] > stop[:common]:
            yield f"DocumentEntry.serviceStopTime {shown(stop)} is before serviceStartTime {shown(start)}"


def _patient_info(entry: DocumentEntry, _transaction: Transaction, _domain: AffinityDomain) -> Iterator[str]:
    fields = [value.partition("|")[0] for value in entry.source_patient_info]
    for name in ("PID-7", "PID-8"):
        if fields.count(name) > 1:
            yield f"DocumentEntry.sourcePatientInfo has {fields.count(name)} values of {name} instead of one"


def _authors(obj: DocumentEntry | SubmissionSet, transaction: Transaction, domain: AffinityDomain) -> Iterator[str]:
    name = NAMES[type(obj)]
    for author in obj.authors:
        found = Findings()
        _check_attributes(author, _SHEETS[Author, transaction], domain, found)
        if not (author.persons or author.institutions or author.telecommunications):
            found.add("author has neither person nor institution nor telecommunication")
        if author.node_representation:
            found.add(f"author has nodeRepresentation {shown(author.node_representation)}, which must be empty")
        found += _wrong_extra(author.extra)
        yield from [f"{name}.{context}" for context in found]


def _not_limited(
    obj: DocumentEntry | SubmissionSet | Folder, transaction: Transaction, _domain: AffinityDomain
) -> Iterator[str]:
    if obj.limited_metadata and transaction != "XDR":
        yield f"{NAMES[type(obj)]}.limitedMetadata is for media and point-to-point exchange, not for a registry"


def _extra_metadata(obj: RegistryObject, _transaction: Transaction, _domain: AffinityDomain) -> Iterator[str]:
    yield from _wrong_extra(obj.extra)


def _wrong_extra(slots: tuple[Slot, ...]) -> Iterator[str]:
    for slot in slots:
        if not _EXTRA_NAME.fullmatch(slot.name):
            yield f"slot {shown(slot.name)} is no attribute; extra metadata is named by a URN outside urn:ihe:"
        for value in slot.values:
            if not value or len(value) > SLOT_LENGTH or not is_speakable(value):
                yield f"slot {shown(slot.name)}: {shown(value)} is empty, too long or no text for XML"


_ALL: Final[tuple[type, ...]] = (DocumentEntry, SubmissionSet, Folder, Association)

OBJECT_RULES: Final = (
    ObjectRule(of=_ALL, says="an id, symbolic or a UUID", check=_well_formed_id, source="ITI TF-2: 3.42.4.1.3.7"),
    ObjectRule(of=(DocumentEntry,), says="objectType fits", check=_object_type, source="ITI TF-3: 4.2.3.2.17"),
    ObjectRule(of=(DocumentEntry,), says="mimeType shared", check=_allowed_mime_type, source="ITI TF-3: 4.2.3.2.16"),
    ObjectRule(of=(DocumentEntry,), says="start before stop", check=_service_times, source="ITI TF-3: 4.2.3.2.23"),
    ObjectRule(of=(DocumentEntry,), says="one PID-7, one PID-8", check=_patient_info, source="ITI TF-3: 4.2.3.2.26"),
    ObjectRule(of=(DocumentEntry, SubmissionSet), says="authors", check=_authors, source="ITI TF-3: 4.2.3.1.4"),
    ObjectRule(
        of=(DocumentEntry, SubmissionSet, Folder),
        says="no limited metadata",
        check=_not_limited,
        source="ITI TF-3: 4.2.3.2.15",
    ),
    ObjectRule(of=_ALL, says="extra metadata is named by URNs", check=_extra_metadata, source="ITI TF-3: 4.2.3.1.6"),
)


_RULES_OF: Final = {kind: tuple(rule for rule in OBJECT_RULES if kind in rule.of) for kind in _ALL}
