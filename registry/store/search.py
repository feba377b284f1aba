"""Criteria -> objects: one plan for each stored query (ITI TF-2: 3.18.4.1.2.3.7; results as its table lists them).

Criteria are compiled first, rows are read in one snapshot, objects are made afterwards. Only raw SQL, with parameters.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from registry.ebrim.fragments import Fragments
from registry.errors import ResultNotSinglePatient
from registry.queries import catalogue
from registry.queries.criteria import Criteria
from registry.queries.several_patients import MULTI_PATIENT_QUERIES
from registry.store.codes import CodeBook
from registry.store.conditions import Clause, compile_conditions, with_status
from registry.store.found import FoundIn, FoundObject
from registry.store.keys import ASSOCIATION_NUMBER, ObjectKind, class_cluster, patient_of_id
from registry.store.labels import Judge
from registry.store.patients import PatientDirectory
from registry.store.selection import SOURCE, TARGET, Row, Selection
from registry.store.sight import Sees, Sight

_DOCUMENT, _SUBMISSION_SET = ObjectKind.DOCUMENT, ObjectKind.SUBMISSION_SET
_FOLDER, _ASSOCIATION = ObjectKind.FOLDER, ObjectKind.ASSOCIATION
_KIND: Final = {
    _DOCUMENT: "document",
    _SUBMISSION_SET: "submission_set",
    _FOLDER: "folder",
    _ASSOCIATION: "association",
}


@dataclass(frozen=True, slots=True)
class _Asked:
    """Criteria as far as they are SQL; `patients` are the numbers of the patient asked for and all it subsumes."""

    criteria: Criteria
    patients: Sequence[int]
    documents: Clause
    submission_sets: Clause
    folders: Clause
    clusters: Sequence[int]  # of documents that can be meant; none: any


class Search:
    """Answers stored queries over one connection. `home` goes on every object, `limit` is the most a query may find."""

    def __init__(
        self, connection: sqlite3.Connection, codes: CodeBook, fragments: Fragments, *, home: str, limit: int
    ) -> None:
        self._connection = connection
        self._codes = codes
        self._limit = limit
        self._found_in = FoundIn(home, fragments.expand, lambda packed: codes.codes(connection, packed))

    def find(
        self, criteria: Criteria, sees: Sees | None = None, judge: Judge | None = None
    ) -> tuple[list[FoundObject], int] | None:
        """The objects that `criteria` select; None when the patient asked for is not known (or was subsumed).

        Args:
            criteria: what is asked for.
            sees: which documents whoever asks may see, by confidentiality; None: any. The rest is as if it were not
                registered; the number beside the objects says how many documents that kept back.
            judge: asked about each document that passed `sees`; None: nothing more is asked.

        Raises:
            XdsErrors: XDSTooManyResults, XDSResultNotSinglePatient.
        """
        documents = compile_conditions(criteria.documents, self._codes, self._connection)
        submission_sets = compile_conditions(criteria.submission_sets, self._codes, self._connection)
        folders = compile_conditions(criteria.folders, self._codes, self._connection)
        clusters = self._clusters(criteria)
        joins = with_status(criteria.association_statuses)
        directory = PatientDirectory(self._connection)
        with _Snapshot(self._connection):
            named = (criteria.patient,) if criteria.patient else criteria.patients
            patients = list(dict.fromkeys(number for name in named for number in directory.chain(name)))
            if criteria.patient and not patients:
                return None
            sight = Sight(self._connection, self._codes, sees, judge, criteria.level) if sees else None
            selection = Selection(
                self._connection,
                leaf=criteria.leaf,
                limit=self._limit,
                level=criteria.level,
                joins=joins,
                sight=sight,
            )
            PLANS[criteria.query.id](
                selection, _Asked(criteria, patients, documents, submission_sets, folders, clusters)
            )
            shown = dict.fromkeys(patients, criteria.patient) if criteria.patient else {}
            if not criteria.patient or selection.rows[_ASSOCIATION]:
                found = {patient_of_id(id_) for rows in selection.rows.values() for id_ in rows}
                shown |= directory.survivors(found - shown.keys())
        if criteria.leaf and criteria.query.single_patient and len(shown) > 1:
            _refuse_several_patients(selection, shown)
        return self._objects(selection, shown), len(sight.withheld) if sight else 0

    def _clusters(self, criteria: Criteria) -> list[int]:
        """Where documents of the class codes asked for lie."""
        return sorted(
            {
                class_cluster(number)
                for condition in criteria.documents
                if condition.attribute == "class_codes"
                for number in self._codes.numbers(self._connection, condition.values)
            }
        )

    def _objects(self, selection: Selection, patients: dict[int, str]) -> list[FoundObject]:
        found_in = self._found_in
        return [
            FoundObject(_KIND[kind], row, patients[patient_of_id(row[0])], found_in)
            for kind, rows in selection.rows.items()
            for row in rows.values()
        ]


class _Snapshot:
    """Several statements that see one state of the registry."""

    __slots__ = ("_begun", "_connection")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._begun = not connection.in_transaction

    def __enter__(self) -> None:
        if self._begun:
            self._connection.execute("BEGIN")

    def __exit__(self, *_failure: object) -> None:
        if self._begun:
            self._connection.execute("ROLLBACK")  # nothing was written


def _refuse_several_patients(selection: Selection, shown: dict[int, str]) -> None:
    patients = {
        shown[patient_of_id(id_)] for kind, rows in selection.rows.items() if kind is not _ASSOCIATION for id_ in rows
    }
    if len(patients) > 1:
        raise ResultNotSinglePatient(f"the result is of {len(patients)} patients; ask for ObjectRef instead")


# --- the plans ------------------------------------------------------------------------------------------------------


def _find_documents(selection: Selection, asked: _Asked) -> None:
    selection.of_patients(_DOCUMENT, asked.patients, asked.documents, clusters=asked.clusters)


def _find_submission_sets(selection: Selection, asked: _Asked) -> None:
    selection.of_patients(_SUBMISSION_SET, asked.patients, asked.submission_sets)


def _find_folders(selection: Selection, asked: _Asked) -> None:
    selection.of_patients(_FOLDER, asked.patients, asked.folders)


def _of_several(selection: Selection, asked: _Asked, kind: ObjectKind, conditions: Clause) -> None:
    if asked.criteria.patients:
        selection.of_patients(kind, asked.patients, conditions)
    else:
        selection.of_everybody(kind, conditions)


def _find_documents_of_several(selection: Selection, asked: _Asked) -> None:
    _of_several(selection, asked, _DOCUMENT, asked.documents)


def _find_folders_of_several(selection: Selection, asked: _Asked) -> None:
    _of_several(selection, asked, _FOLDER, asked.folders)


def _get_all(selection: Selection, asked: _Asked) -> None:
    """Objects of the patient and the associations that touch any of them; the other end need not be in the result."""
    _find_submission_sets(selection, asked)
    _find_documents(selection, asked)
    _find_folders(selection, asked)
    touched = set().union(*(selection.ids(kind) for kind in ObjectKind))
    for patient in asked.patients:
        for end, position in (("source", SOURCE), ("target", TARGET)):
            rows = selection.associations_of_patient(end, patient)
            selection.keep(_ASSOCIATION, (row for row in rows if row[position] in touched))


def _named(selection: Selection, kind: ObjectKind, asked: _Asked) -> list[Row]:
    """The objects of one kind that a query by ids names, by entryUUID, logicalID or uniqueId."""
    if asked.criteria.entry_uuids:
        return selection.read_ids(kind, selection.ids_of(asked.criteria.entry_uuids))
    if asked.criteria.logical_ids:
        return selection.read_ids(kind, selection.ids_of_versions(asked.criteria.logical_ids))
    return selection.with_unique_ids(kind, asked.criteria.unique_ids)


def _ids(rows: Iterable[Row]) -> list[int]:
    return [row[0] for row in rows]


def _get_documents(selection: Selection, asked: _Asked) -> None:
    selection.keep(_DOCUMENT, _named(selection, _DOCUMENT, asked))


def _get_folders(selection: Selection, asked: _Asked) -> None:
    selection.keep(_FOLDER, _named(selection, _FOLDER, asked))


def _keep_associations_of(selection: Selection, ids: Iterable[int]) -> None:
    ids = list(ids)
    selection.keep(_ASSOCIATION, selection.associations("source", ids))
    selection.keep(_ASSOCIATION, selection.associations("target", ids))


def _get_associations(selection: Selection, asked: _Asked) -> None:
    _keep_associations_of(selection, selection.ids_of(asked.criteria.entry_uuids))


def _get_documents_and_associations(selection: Selection, asked: _Asked) -> None:
    _get_documents(selection, asked)
    _keep_associations_of(selection, selection.ids(_DOCUMENT))


def _get_submission_sets(selection: Selection, asked: _Asked) -> None:
    """Submission sets that have one of the named documents or folders as member, and those memberships."""
    named = selection.ids_of(asked.criteria.entry_uuids)
    members = [id_ for id_ in named if id_ & 3 in {_DOCUMENT, _FOLDER}]
    memberships = selection.memberships("target", members, _SUBMISSION_SET)
    selection.with_ids(_SUBMISSION_SET, {row[SOURCE] for row in memberships})
    selection.keep(_ASSOCIATION, memberships)


def _get_submission_set_and_contents(selection: Selection, asked: _Asked) -> None:
    """The set; its documents (filtered) and folders; members that join two of these; how all of them are members."""
    sets = _named(selection, _SUBMISSION_SET, asked)
    selection.keep(_SUBMISSION_SET, sets)
    memberships = selection.memberships("source", _ids(sets))
    targets = {row[TARGET] for row in memberships}
    selection.with_ids(_DOCUMENT, targets, asked.documents)
    selection.with_ids(_FOLDER, targets)
    contents = selection.ids(_DOCUMENT) | selection.ids(_FOLDER)
    inner = [
        row for row in selection.read_ids(_ASSOCIATION, targets) if row[SOURCE] in contents and row[TARGET] in contents
    ]
    members = contents | set(_ids(inner))
    selection.keep(_ASSOCIATION, (row for row in memberships if row[TARGET] in members))
    selection.keep(_ASSOCIATION, inner)


def _get_folder_and_contents(selection: Selection, asked: _Asked) -> None:
    folders = _named(selection, _FOLDER, asked)
    selection.keep(_FOLDER, folders)
    memberships = selection.memberships("source", _ids(folders), _DOCUMENT)
    selection.with_ids(_DOCUMENT, {row[TARGET] for row in memberships}, asked.documents)
    documents = selection.ids(_DOCUMENT)
    selection.keep(_ASSOCIATION, (row for row in memberships if row[TARGET] in documents))


def _get_folders_for_document(selection: Selection, asked: _Asked) -> None:
    documents = _ids(_named(selection, _DOCUMENT, asked))
    selection.with_ids(_FOLDER, {row[SOURCE] for row in selection.memberships("target", documents, _FOLDER)})


def _get_related_documents(selection: Selection, asked: _Asked) -> None:
    """Relationships of the document, and the documents at both ends; without any, not even the document itself.

    The type asked for restricts the related documents. The document that was named is shown whatever its type.
    """
    start = {row[0]: row for row in _named(selection, _DOCUMENT, asked)}
    types = [ASSOCIATION_NUMBER[name] for name in asked.criteria.association_types if name in ASSOCIATION_NUMBER]
    if not start or not types:
        return
    touching = [
        *selection.associations("source", start, types, (_DOCUMENT,)),
        *selection.associations("target", start, types, (_DOCUMENT,)),
    ]
    others = {row[end] for row in touching for end in (SOURCE, TARGET)} - start.keys()
    documents = start | {row[0]: row for row in selection.read_ids(_DOCUMENT, others, asked.documents)}
    related = [row for row in touching if row[SOURCE] in documents and row[TARGET] in documents]
    ends = {row[end] for row in related for end in (SOURCE, TARGET)}
    selection.keep(_DOCUMENT, (row for id_, row in documents.items() if id_ in ends))
    selection.keep(_ASSOCIATION, related)


PLANS: Final[dict[str, Callable[[Selection, _Asked], None]]] = {
    catalogue.FIND_DOCUMENTS.id: _find_documents,
    catalogue.FIND_DOCUMENTS_BY_REFERENCE_ID.id: _find_documents,
    **{
        query.id: _find_folders_of_several if query.name.startswith("FindFolders") else _find_documents_of_several
        for query in MULTI_PATIENT_QUERIES.values()
    },
    catalogue.FIND_SUBMISSION_SETS.id: _find_submission_sets,
    catalogue.FIND_FOLDERS.id: _find_folders,
    catalogue.GET_ALL.id: _get_all,
    catalogue.GET_DOCUMENTS.id: _get_documents,
    catalogue.GET_FOLDERS.id: _get_folders,
    catalogue.GET_ASSOCIATIONS.id: _get_associations,
    catalogue.GET_DOCUMENTS_AND_ASSOCIATIONS.id: _get_documents_and_associations,
    catalogue.GET_SUBMISSION_SETS.id: _get_submission_sets,
    catalogue.GET_SUBMISSION_SET_AND_CONTENTS.id: _get_submission_set_and_contents,
    catalogue.GET_FOLDER_AND_CONTENTS.id: _get_folder_and_contents,
    catalogue.GET_FOLDERS_FOR_DOCUMENT.id: _get_folders_for_document,
    catalogue.GET_RELATED_DOCUMENTS.id: _get_related_documents,
}
