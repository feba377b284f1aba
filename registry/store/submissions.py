"""Writing what a submission changes: rows of its objects, deprecated documents, updated folders. Never commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from registry.ebrim.fragments import Fragments
from registry.ebrim.writer import template
from registry.errors import RegistryOutOfResources
from registry.lifecycle import Changes, Referred
from registry.metadata.objects import (
    OFFLINE,
    ON_DEMAND_DOCUMENT,
    Association,
    Author,
    Code,
    DocumentEntry,
    Folder,
    RegistryObject,
    SubmissionSet,
)
from registry.metadata.values import dtm_floor
from registry.store.codes import CodeBook
from registry.store.keys import (
    ASSOCIATION_NUMBER,
    MOST_OBJECTS,
    MOST_PATIENTS,
    Hidden,
    ObjectKind,
    class_cluster,
    object_id,
    packed_numbers,
    packed_texts,
    uuid_key,
)

_TAKE_NUMBERS: Final = "UPDATE patient SET objects = objects + ? WHERE no = ? RETURNING objects"


@dataclass(slots=True)
class _Writing:
    """One submission on its way into the tables: the numbers of its objects and codes."""

    connection: sqlite3.Connection
    book: CodeBook
    referred: Referred
    ids: dict[str, int]  # of the submission's own objects, by lower-case entryUUID

    def id(self, entry_uuid: str) -> int:
        """The id of an object of the submission, or of one that it refers to."""
        own = self.ids.get(entry_uuid.lower())
        return own if own is not None else self.referred.objects[entry_uuid.lower()].key

    def codes(self, codes: Sequence[Code]) -> list[int]:
        return self.book.assigned(self.connection, [(code.code, code.scheme or "") for code in codes])

    def code(self, codes: Sequence[Code]) -> int | None:
        return self.codes(codes[:1])[0] if codes else None

    def number(self, objects: Sequence[RegistryObject], patient: int) -> None:
        """Give every object its id."""
        last = take_numbers(self.connection, patient, len(objects))
        if last > MOST_OBJECTS or patient > MOST_PATIENTS:
            raise RegistryOutOfResources("the registry cannot hold more objects of this patient")
        for number, item in enumerate(objects, start=last - len(objects) + 1):
            cluster = class_cluster(self.code(item.class_codes) or 0) if isinstance(item, DocumentEntry) else 0
            self.ids[item.entry_uuid.lower()] = object_id(patient, cluster, number, _OF[type(item)].kind)


def take_numbers(connection: sqlite3.Connection, patient: int, count: int) -> int:
    """The last of `count` numbers that no object of the patient has yet."""
    (last,) = connection.execute(_TAKE_NUMBERS, (count, patient)).fetchone()
    return int(last)


def write(
    connection: sqlite3.Connection,
    book: CodeBook,
    fragments: Fragments,
    changes: Changes,
    referred: Referred,
    *,
    patient: int,
) -> None:
    """Write everything `changes` says. `patient` is the number of the submission's patient.

    The connection is in a transaction; whoever opened it undoes everything when this raises.

    Raises:
        XdsErrors: XDSRegistryOutOfResources, the patient has as many objects as can be numbered.
    """
    objects = list(changes.submission.objects())
    writing = _Writing(connection, book, referred, {})
    writing.number(objects, patient)
    connection.executemany(
        "INSERT INTO registry_object (key, id) VALUES (?, ?)",
        [(uuid_key(entry_uuid), id_) for entry_uuid, id_ in writing.ids.items()],
    )
    for item in objects:
        form = _OF[type(item)]
        connection.execute(form.insert, (*form.row(writing, item), fragments.compress(template(item))))
    if changes.deprecated:
        connection.executemany(
            "UPDATE document_entry SET deprecated = 1 WHERE id = ?", [(stored.key,) for stored in changes.deprecated]
        )
    if changes.updated_folders:
        connection.executemany(
            "UPDATE folder SET last_update_time = ? WHERE id = ?",
            [(int(changes.now), stored.key) for stored in changes.updated_folders],
        )


def _document(writing: _Writing, item: DocumentEntry) -> tuple[Any, ...]:
    return (
        writing.id(item.entry_uuid),
        Hidden.AWAY if item.document_availability == (OFFLINE,) else 0,
        0,
        int(item.object_type == ON_DEMAND_DOCUMENT),
        writing.code(item.class_codes),
        writing.code(item.type_codes),
        writing.code(item.practice_setting_codes),
        writing.code(item.healthcare_facility_type_codes),
        writing.code(item.format_codes),
        _instant(item.creation_time),
        _instant(item.service_start_time),
        _instant(item.service_stop_time),
        packed_numbers(writing.codes(item.confidentiality_codes)),
        packed_numbers(writing.codes(item.event_codes)),
        _persons(item.authors),
        packed_texts(item.reference_id_list),
        item.entry_uuid,
        item.unique_id,
        _first(item.repository_unique_id),
        _first(item.hash),
        int(item.size[0]) if item.size else None,
        item.mime_type,
        item.title[0].value if item.title else "",
    )


def _submission_set(writing: _Writing, item: SubmissionSet) -> tuple[Any, ...]:
    return (
        writing.id(item.entry_uuid),
        0,
        writing.code(item.content_type_codes),
        _instant(item.submission_time),
        item.source_id,
        _persons(item.authors),
        item.entry_uuid,
        item.unique_id,
    )


def _folder(writing: _Writing, item: Folder) -> tuple[Any, ...]:
    return (
        writing.id(item.entry_uuid),
        0,
        _instant(item.last_update_time),
        packed_numbers(writing.codes(item.codes)),
        item.entry_uuid,
        item.unique_id,
    )


def _association(writing: _Writing, item: Association) -> tuple[Any, ...]:
    return (
        writing.id(item.entry_uuid),
        0,
        0,
        ASSOCIATION_NUMBER[item.association_type],
        writing.id(item.source),
        writing.id(item.target),
        item.entry_uuid,
        item.source,
        item.target,
    )


def _first(values: Sequence[str]) -> str:
    return values[0] if values else ""


def _instant(values: Sequence[str]) -> int | None:
    return int(dtm_floor(values[0])) if values else None


def _persons(authors: Sequence[Author]) -> str | None:
    return packed_texts(chain.from_iterable(author.persons for author in authors))


DOCUMENT_COLUMNS: Final = (
    "id, hidden, deprecated, on_demand, class_code, type_code, practice_setting_code, healthcare_facility_type_code, "
    "format_code, creation_time, service_start_time, service_stop_time, confidentiality_codes, event_codes, "
    "author_persons, reference_id_list, entry_uuid, unique_id, repository_unique_id, hash, size, mime_type, title"
)
_SUBMISSION_SET_COLUMNS: Final = (
    "id, deprecated, content_type_code, submission_time, source_id, author_persons, entry_uuid, unique_id"
)
FOLDER_COLUMNS: Final = "id, deprecated, last_update_time, codes, entry_uuid, unique_id"
_ASSOCIATION_COLUMNS: Final = "id, hidden, deprecated, type, source, target, entry_uuid, source_uuid, target_uuid"


@dataclass(frozen=True, slots=True)
class _Form:
    """How one kind of object becomes a row; `row` gives every column but the template, which is last."""

    kind: ObjectKind
    insert: str
    row: Callable[[_Writing, Any], tuple[Any, ...]]


def _insert(table: str, columns: str) -> str:
    names = f"{columns}, template"
    return f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(names.split(',')))})"  # noqa: S608  own names


_OF: Final[Mapping[type, _Form]] = {
    DocumentEntry: _Form(ObjectKind.DOCUMENT, _insert("document_entry", DOCUMENT_COLUMNS), _document),
    SubmissionSet: _Form(
        ObjectKind.SUBMISSION_SET, _insert("submission_set", _SUBMISSION_SET_COLUMNS), _submission_set
    ),
    Folder: _Form(ObjectKind.FOLDER, _insert("folder", FOLDER_COLUMNS), _folder),
    Association: _Form(ObjectKind.ASSOCIATION, _insert("association", _ASSOCIATION_COLUMNS), _association),
}
