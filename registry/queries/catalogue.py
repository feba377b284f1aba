"""The stored queries of ITI-18 as data: ids, parameters, what each parameter means (ITI TF-2: 3.18.4.1.2.3.7).

The fourteen queries of the Technical Framework, FindDocumentsByReferenceId (Reference ID option) among them. A new
query is a row here and a plan in `store.search`; those of ITI-51 stand in `several_patients`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from registry.ebrim.messages import AdhocQuery
from registry.queries.parameters import MalformedValue, scan

DOCUMENT: Final = "document"
SUBMISSION_SET: Final = "submission_set"
FOLDER: Final = "folder"


class Kind(Enum):
    """What the values of a parameter are, and so how they are read and compared."""

    __hash__ = object.__hash__  # Enum's own is Python code, and a key of every look-up here

    PATIENT = auto()
    ENTRY_UUID = auto()
    UNIQUE_ID = auto()
    TEXT = auto()
    STATUS = auto()
    OBJECT_TYPE = auto()
    CODE = auto()
    LIKE = auto()
    FROM = auto()
    TO = auto()
    ASSOCIATION_TYPE = auto()
    ASSOCIATION_STATUS = auto()
    LOGICAL_ID = auto()
    LEVEL = auto()
    AVAILABILITY = auto()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parameter:
    """One parameter of a stored query.

    `of` and `attribute` name what it restricts. `many`: several values, any of which may hold. `repeatable`: the slot
    may stand several times, and each time must hold.
    """

    name: str
    kind: Kind
    of: str = ""
    attribute: str = ""
    required: bool = False
    many: bool = False
    repeatable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredQuery:
    """One stored query. `either` names parameters of which exactly one is given, `at_least_one` those that narrow it.

    `several_patients`: it may name any number of patients, or none (ITI-51).
    `single_patient`: a LeafClass answer must not span patients (ITI TF-2: 3.18.4.1.2.3.6).
    `stable_by_default`: without $XDSDocumentEntryType only stable documents are meant.
    """

    id: str
    name: str
    section: str
    parameters: tuple[Parameter, ...]
    either: tuple[str, ...] = ()
    at_least_one: tuple[str, ...] = ()
    several_patients: bool = False
    single_patient: bool = False
    stable_by_default: bool = False

    @property
    def patient_parameter(self) -> Parameter | None:
        """The parameter that names the patient; None for a query by ids."""
        return next((parameter for parameter in self.parameters if parameter.kind is Kind.PATIENT), None)


def _patient(name: str) -> Parameter:
    return Parameter(name=name, kind=Kind.PATIENT, required=True)


def _codes(name: str, of: str, attribute: str, *, repeatable: bool = False) -> Parameter:
    return Parameter(name=name, kind=Kind.CODE, of=of, attribute=attribute, many=True, repeatable=repeatable)


def _between(name: str, of: str, attribute: str) -> tuple[Parameter, Parameter]:
    return (
        Parameter(name=f"{name}From", kind=Kind.FROM, of=of, attribute=attribute),
        Parameter(name=f"{name}To", kind=Kind.TO, of=of, attribute=attribute),
    )


def _status(name: str, of: str) -> Parameter:
    return Parameter(name=name, kind=Kind.STATUS, of=of, attribute="availability_status", required=True, many=True)


def _ids(prefix: str, of: str, *, many: bool) -> tuple[Parameter, Parameter]:
    return (
        Parameter(name=f"{prefix}EntryUUID", kind=Kind.ENTRY_UUID, of=of, many=many),
        Parameter(name=f"{prefix}UniqueId", kind=Kind.UNIQUE_ID, of=of, many=many),
    )


def _logical_ids(prefix: str, of: str) -> Parameter:
    """Every version of an object (XDS Metadata Update, 3.18): asks for MetadataLevel 2."""
    return Parameter(name=f"{prefix}LogicalID", kind=Kind.LOGICAL_ID, of=of, many=True)


def _names(parameters: Iterable[Parameter]) -> tuple[str, ...]:
    return tuple(parameter.name for parameter in parameters)


_UUIDS = Parameter(name="$uuid", kind=Kind.ENTRY_UUID, required=True, many=True)
_REFERENCE_IDS = Parameter(
    name="$XDSDocumentEntryReferenceIdList",
    kind=Kind.LIKE,  # ITI TF-2: 3.18.4.1.2.3.7.14 says exact, its footnote says LIKE: a LIKE without wildcards is exact
    of=DOCUMENT,
    attribute="reference_id_list",
    required=True,
    many=True,
    repeatable=True,
)
_OBJECT_TYPE = Parameter(
    name="$XDSDocumentEntryType", kind=Kind.OBJECT_TYPE, of=DOCUMENT, attribute="object_type", many=True
)
_FORMAT = _codes("$XDSDocumentEntryFormatCode", DOCUMENT, "format_codes")
_CONFIDENTIALITY = _codes("$XDSDocumentEntryConfidentialityCode", DOCUMENT, "confidentiality_codes", repeatable=True)
_DOCUMENT_STATUS = _status("$XDSDocumentEntryStatus", DOCUMENT)
_CONTENTS = (_FORMAT, _CONFIDENTIALITY, _OBJECT_TYPE)
_DOCUMENTS = (
    _codes("$XDSDocumentEntryClassCode", DOCUMENT, "class_codes"),
    _codes("$XDSDocumentEntryTypeCode", DOCUMENT, "type_codes"),
    _codes("$XDSDocumentEntryPracticeSettingCode", DOCUMENT, "practice_setting_codes"),
    *_between("$XDSDocumentEntryCreationTime", DOCUMENT, "creation_time"),
    *_between("$XDSDocumentEntryServiceStartTime", DOCUMENT, "service_start_time"),
    *_between("$XDSDocumentEntryServiceStopTime", DOCUMENT, "service_stop_time"),
    _codes("$XDSDocumentEntryHealthcareFacilityTypeCode", DOCUMENT, "healthcare_facility_type_codes"),
    _codes("$XDSDocumentEntryEventCodeList", DOCUMENT, "event_codes", repeatable=True),
    _CONFIDENTIALITY,
    Parameter(name="$XDSDocumentEntryAuthorPerson", kind=Kind.LIKE, of=DOCUMENT, attribute="author_persons", many=True),
    _FORMAT,
    _DOCUMENT_STATUS,
    _OBJECT_TYPE,
)
_DOCUMENT_ID = _ids("$XDSDocumentEntry", DOCUMENT, many=False)
_DOCUMENT_IDS = (*_ids("$XDSDocumentEntry", DOCUMENT, many=True), _logical_ids("$XDSDocumentEntry", DOCUMENT))
_FOLDER_ID = _ids("$XDSFolder", FOLDER, many=False)
_FOLDER_IDS = (*_ids("$XDSFolder", FOLDER, many=True), _logical_ids("$XDSFolder", FOLDER))
_SUBMISSION_SET_ID = _ids("$XDSSubmissionSet", SUBMISSION_SET, many=False)

# What XDS Metadata Update adds to every query. Level 1, the default, is what a consumer sees that knows no versions.
OF_EVERY_QUERY: Final = (
    Parameter(name="$MetadataLevel", kind=Kind.LEVEL),
    Parameter(name="$XDSAssociationStatus", kind=Kind.ASSOCIATION_STATUS, many=True),
    Parameter(
        name="$XDSDocumentEntryDocumentAvailability",
        kind=Kind.AVAILABILITY,
        of=DOCUMENT,
        attribute="document_availability",
        many=True,
    ),
)

FIND_DOCUMENTS: Final = StoredQuery(
    id="urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d",
    name="FindDocuments",
    section="ITI TF-2: 3.18.4.1.2.3.7.1",
    parameters=(_patient("$XDSDocumentEntryPatientId"), *_DOCUMENTS),
    stable_by_default=True,
)
FIND_SUBMISSION_SETS: Final = StoredQuery(
    id="urn:uuid:f26abbcb-ac74-4422-8a30-edb644bbc1a9",
    name="FindSubmissionSets",
    section="ITI TF-2: 3.18.4.1.2.3.7.2",
    parameters=(
        _patient("$XDSSubmissionSetPatientId"),
        Parameter(
            name="$XDSSubmissionSetSourceId", kind=Kind.TEXT, of=SUBMISSION_SET, attribute="source_id", many=True
        ),
        *_between("$XDSSubmissionSetSubmissionTime", SUBMISSION_SET, "submission_time"),
        Parameter(name="$XDSSubmissionSetAuthorPerson", kind=Kind.LIKE, of=SUBMISSION_SET, attribute="author_persons"),
        _codes("$XDSSubmissionSetContentType", SUBMISSION_SET, "content_type_codes"),
        _status("$XDSSubmissionSetStatus", SUBMISSION_SET),
    ),
)
FIND_FOLDERS: Final = StoredQuery(
    id="urn:uuid:958f3006-baad-4929-a4de-ff1114824431",
    name="FindFolders",
    section="ITI TF-2: 3.18.4.1.2.3.7.3",
    parameters=(
        _patient("$XDSFolderPatientId"),
        *_between("$XDSFolderLastUpdateTime", FOLDER, "last_update_time"),
        _codes("$XDSFolderCodeList", FOLDER, "codes", repeatable=True),
        _status("$XDSFolderStatus", FOLDER),
    ),
)
GET_ALL: Final = StoredQuery(
    id="urn:uuid:10b545ea-725c-446d-9b95-8aeb444eddf3",
    name="GetAll",
    section="ITI TF-2: 3.18.4.1.2.3.7.4",
    parameters=(
        _patient("$patientId"),
        _DOCUMENT_STATUS,
        _status("$XDSSubmissionSetStatus", SUBMISSION_SET),
        _status("$XDSFolderStatus", FOLDER),
        *_CONTENTS,
    ),
    stable_by_default=True,
)
GET_DOCUMENTS: Final = StoredQuery(
    id="urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4",
    name="GetDocuments",
    section="ITI TF-2: 3.18.4.1.2.3.7.5",
    parameters=_DOCUMENT_IDS,
    either=_names(_DOCUMENT_IDS),
    single_patient=True,
)
GET_FOLDERS: Final = StoredQuery(
    id="urn:uuid:5737b14c-8a1a-4539-b659-e03a34a5e1e4",
    name="GetFolders",
    section="ITI TF-2: 3.18.4.1.2.3.7.6",
    parameters=_FOLDER_IDS,
    either=_names(_FOLDER_IDS),
    single_patient=True,
)
GET_ASSOCIATIONS: Final = StoredQuery(
    id="urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155",
    name="GetAssociations",
    section="ITI TF-2: 3.18.4.1.2.3.7.7",
    parameters=(_UUIDS,),
)
GET_DOCUMENTS_AND_ASSOCIATIONS: Final = StoredQuery(
    id="urn:uuid:bab9529a-4a10-40b3-a01f-f68a615d247a",
    name="GetDocumentsAndAssociations",
    section="ITI TF-2: 3.18.4.1.2.3.7.8",
    parameters=_DOCUMENT_IDS,
    either=_names(_DOCUMENT_IDS),
    single_patient=True,
)
GET_SUBMISSION_SETS: Final = StoredQuery(
    id="urn:uuid:51224314-5390-4169-9b91-b1980040715a",
    name="GetSubmissionSets",
    section="ITI TF-2: 3.18.4.1.2.3.7.9",
    parameters=(_UUIDS,),
    single_patient=True,
)
GET_SUBMISSION_SET_AND_CONTENTS: Final = StoredQuery(
    id="urn:uuid:e8e3cb2c-e39c-46b9-99e4-c12f57260b83",
    name="GetSubmissionSetAndContents",
    section="ITI TF-2: 3.18.4.1.2.3.7.10",
    parameters=(*_SUBMISSION_SET_ID, *_CONTENTS),
    either=_names(_SUBMISSION_SET_ID),
    single_patient=True,
    stable_by_default=True,
)
GET_FOLDER_AND_CONTENTS: Final = StoredQuery(
    id="urn:uuid:b909a503-523d-4517-8acf-8e5834dfc4c7",
    name="GetFolderAndContents",
    section="ITI TF-2: 3.18.4.1.2.3.7.11",
    parameters=(*_FOLDER_ID, *_CONTENTS),
    either=_names(_FOLDER_ID),
    single_patient=True,
    stable_by_default=True,
)
GET_FOLDERS_FOR_DOCUMENT: Final = StoredQuery(
    id="urn:uuid:10cae35a-c7f9-4cf5-b61e-fc3278ffb578",
    name="GetFoldersForDocument",
    section="ITI TF-2: 3.18.4.1.2.3.7.12",
    parameters=_DOCUMENT_ID,
    either=_names(_DOCUMENT_ID),
)
GET_RELATED_DOCUMENTS: Final = StoredQuery(
    id="urn:uuid:d90e5407-b356-4d91-a89f-873917b4b0e6",
    name="GetRelatedDocuments",
    section="ITI TF-2: 3.18.4.1.2.3.7.13",
    parameters=(
        *_DOCUMENT_ID,
        Parameter(name="$AssociationTypes", kind=Kind.ASSOCIATION_TYPE, required=True, many=True),
        _OBJECT_TYPE,
    ),
    either=_names(_DOCUMENT_ID),
    stable_by_default=True,
)
FIND_DOCUMENTS_BY_REFERENCE_ID: Final = StoredQuery(
    id="urn:uuid:12941a89-e02e-4be5-967c-ce4bfc8fe492",
    name="FindDocumentsByReferenceId",
    section="ITI TF-2: 3.18.4.1.2.3.7.14",
    parameters=(_patient("$XDSDocumentEntryPatientId"), _REFERENCE_IDS, *_DOCUMENTS),
    stable_by_default=True,
)

STORED_QUERIES: Final[dict[str, StoredQuery]] = {
    query.id: query
    for query in (
        FIND_DOCUMENTS,
        FIND_SUBMISSION_SETS,
        FIND_FOLDERS,
        GET_ALL,
        GET_DOCUMENTS,
        GET_FOLDERS,
        GET_ASSOCIATIONS,
        GET_DOCUMENTS_AND_ASSOCIATIONS,
        GET_SUBMISSION_SETS,
        GET_SUBMISSION_SET_AND_CONTENTS,
        GET_FOLDER_AND_CONTENTS,
        GET_FOLDERS_FOR_DOCUMENT,
        GET_RELATED_DOCUMENTS,
        FIND_DOCUMENTS_BY_REFERENCE_ID,
    )
}
_PATIENT_SLOT: Final = {
    query.id: query.patient_parameter.name if query.patient_parameter else None for query in STORED_QUERIES.values()
}


def stored_query(query_id: str, queries: Mapping[str, StoredQuery] = STORED_QUERIES) -> StoredQuery | None:
    """The row of a query id; blanks around it and the case of a UUID do not matter."""
    return queries.get(query_id) or queries.get(query_id.strip().lower())


def patient_slot(query_id: str) -> str | None:
    """Name of the parameter that carries the patient id, or None: unknown query or one by ids."""
    query = stored_query(query_id)
    return _PATIENT_SLOT[query.id] if query else None


def is_patient_query(query_id: str) -> bool:
    """Whether the query is by patient id, and so is answered by every community (XCA: ITI TF-1: 18)."""
    return patient_slot(query_id) is not None


def patient_of(query: AdhocQuery) -> str:
    """The patient id asked for as it stands in the request; "" for a query by ids, or when it cannot be read."""
    name = patient_slot(query.query_id)
    if name is None:
        return ""
    for slot in query.slots:
        if slot.name.strip() == name and slot.values:
            try:
                return scan(slot.values[0])[0]
            except MalformedValue:
                return ""
    return ""
