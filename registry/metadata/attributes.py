"""What each attribute of a metadata object must be, as tables (ITI TF-3: 4.2.3.2, 4.2.3.3, 4.2.3.4 and 4.3.1).

A row is an attribute: its form, how often it may stand, in which transactions it must or must not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from registry.metadata.objects import Association, Author, DocumentEntry, Folder, SubmissionSet
from registry.metadata.values import (
    is_cx,
    is_cxi,
    is_dtm,
    is_dtm_to_the_second,
    is_intended_recipient,
    is_language_tag,
    is_mime_type,
    is_oid,
    is_oid_urn,
    is_patient_field,
    is_sha1,
    is_size,
    is_uri,
    is_xcn,
    is_xon,
    is_xtn,
)

Transaction = Literal["ITI-41", "ITI-42", "ITI-61", "XDR"]  # XDR: ITI-41 to a Document Recipient

_ALWAYS: Final = frozenset({"ITI-41", "ITI-42", "ITI-61"})
_NEVER: Final[frozenset[str]] = frozenset()
_ON_DEMAND: Final = frozenset({"ITI-61"})
_STABLE: Final = frozenset({"ITI-41", "ITI-42"})
# In ITI-41 the repository fills these in before it registers.
_BY_REPOSITORY: Final = frozenset({"ITI-42", "ITI-61"})
_STABLE_BY_REPOSITORY: Final = frozenset({"ITI-42"})
SLOT_LENGTH: Final = 256


@dataclass(frozen=True, slots=True)
class AttributeRow:
    """One attribute. `form` judges one value; `says` ends the sentence "… is not …"."""

    attribute: str
    name: str
    form: Callable[[str], bool]
    says: str
    source: str
    required: frozenset[str] = _NEVER
    forbidden: frozenset[str] = _NEVER
    single: bool = True
    most: int = SLOT_LENGTH


@dataclass(frozen=True, slots=True)
class CodedRow:
    """One coded attribute."""

    attribute: str
    name: str
    source: str
    required: frozenset[str] = _NEVER
    single: bool = True


@dataclass(frozen=True, slots=True)
class TextRow:
    """A title or comments, at most `most` characters."""

    attribute: str
    name: str
    most: int
    source: str
    required: frozenset[str] = _NEVER


Row = AttributeRow | CodedRow | TextRow


def _is_unique_id(text: str) -> bool:
    """Opaque, but something: blanks and control characters would make two ids of one."""
    return text.isprintable() and " " not in text


def _is_availability(text: str) -> bool:
    return text in (
        "urn:ihe:iti:2010:DocumentAvailability:Online",
        "urn:ihe:iti:2010:DocumentAvailability:Offline",
    )


def _is_something(text: str) -> bool:
    return bool(text)


_A_CX: Final = "of the form Id^^^&OID&ISO"
_AN_OID: Final = "an OID of at most 64 characters"
_A_DTM: Final = "a time of the form YYYY[MM[DD[hh[mm[ss]]]]]"
_AN_XCN: Final = "an XCN: Id^Last^First^Middle^Suffix^Prefix^^^&OID&ISO with id or last name"
_A_HOME: Final = "urn:oid: and an OID"

_DE: Final = "ITI TF-3: 4.2.3.2."
_SS: Final = "ITI TF-3: 4.2.3.3."
_FD: Final = "ITI TF-3: 4.2.3.4."

# What an object that says of itself that its metadata is limited still must have (column XDR MS of table 4.3.1-3).
LIMITED: Final[dict[type, frozenset[str]]] = {
    DocumentEntry: frozenset({"mimeType", "uniqueId"}),
    SubmissionSet: frozenset({"sourceId", "submissionTime", "uniqueId"}),
    Folder: frozenset({"uniqueId"}),
}

DOCUMENT_ENTRY: Final[tuple[Row, ...]] = (
    AttributeRow("mime_type", "mimeType", is_mime_type, "a media type", source=_DE + "16", required=_ALWAYS),
    AttributeRow("home_community_id", "homeCommunityId", is_oid_urn, _A_HOME, source=_DE + "12"),
    AttributeRow("patient_id", "patientId", is_cx, _A_CX, source=_DE + "18", required=_ALWAYS),
    AttributeRow(
        "unique_id",
        "uniqueId",
        _is_unique_id,
        "an identifier without blanks and control characters",
        source=_DE + "29",
        required=_ALWAYS,
        most=128,
    ),
    AttributeRow(
        "creation_time",
        "creationTime",
        is_dtm,
        _A_DTM,
        source=_DE + "6",
        required=_STABLE,
        forbidden=_ON_DEMAND,
    ),
    AttributeRow(
        "hash",
        "hash",
        is_sha1,
        "40 hexadecimal digits",
        source=_DE + "10",
        required=_STABLE_BY_REPOSITORY,
        forbidden=_ON_DEMAND,
    ),
    AttributeRow(
        "size",
        "size",
        is_size,
        "a decimal number of octets",
        source=_DE + "24",
        required=_STABLE_BY_REPOSITORY,
        forbidden=_ON_DEMAND,
    ),
    AttributeRow(
        "language_code",
        "languageCode",
        is_language_tag,
        "a language tag of RFC 5646",
        source=_DE + "13",
        required=_ALWAYS,
    ),
    AttributeRow("legal_authenticator", "legalAuthenticator", is_xcn, _AN_XCN, source=_DE + "14"),
    AttributeRow(
        "reference_id_list",
        "referenceIdList",
        is_cxi,
        "a CXi: Id^^^AssigningAuthority^TypeCode",
        source=_DE + "20",
        single=False,
    ),
    AttributeRow(
        "repository_unique_id", "repositoryUniqueId", is_oid, _AN_OID, source=_DE + "21", required=_BY_REPOSITORY
    ),
    AttributeRow("service_start_time", "serviceStartTime", is_dtm, _A_DTM, source=_DE + "22"),
    AttributeRow("service_stop_time", "serviceStopTime", is_dtm, _A_DTM, source=_DE + "23"),
    AttributeRow("source_patient_id", "sourcePatientId", is_cx, _A_CX, source=_DE + "25", required=_ALWAYS),
    AttributeRow(
        "source_patient_info",
        "sourcePatientInfo",
        is_patient_field,
        "of the form PID-n|value",
        source=_DE + "26",
        single=False,
    ),
    AttributeRow("uri", "URI", is_uri, "a URI of RFC 3986", source=_DE + "30"),
    AttributeRow(
        "document_availability",
        "documentAvailability",
        _is_availability,
        "urn:ihe:iti:2010:DocumentAvailability:Online or …:Offline",
        source="ITI TF-3: 4.2.3.2",
    ),
    CodedRow("class_codes", "classCode", source=_DE + "3", required=_ALWAYS),
    CodedRow("type_codes", "typeCode", source=_DE + "28", required=_ALWAYS),
    CodedRow("format_codes", "formatCode", source=_DE + "9", required=_ALWAYS),
    CodedRow("healthcare_facility_type_codes", "healthcareFacilityTypeCode", source=_DE + "11", required=_ALWAYS),
    CodedRow("practice_setting_codes", "practiceSettingCode", source=_DE + "19", required=_ALWAYS),
    CodedRow("confidentiality_codes", "confidentialityCode", source=_DE + "5", required=_ALWAYS, single=False),
    CodedRow("event_codes", "eventCodeList", source=_DE + "8", single=False),
    TextRow("title", "title", 127, source=_DE + "27"),
    TextRow("comments", "comments", 1024, source=_DE + "4"),
)

SUBMISSION_SET: Final[tuple[Row, ...]] = (
    AttributeRow("home_community_id", "homeCommunityId", is_oid_urn, _A_HOME, source=_SS + "6"),
    AttributeRow("patient_id", "patientId", is_cx, _A_CX, source=_SS + "9", required=_ALWAYS),
    AttributeRow("unique_id", "uniqueId", is_oid, _AN_OID, source=_SS + "13", required=_ALWAYS),
    AttributeRow("source_id", "sourceId", is_oid, _AN_OID, source=_SS + "10", required=_ALWAYS),
    AttributeRow("submission_time", "submissionTime", is_dtm, _A_DTM, source=_SS + "11", required=_ALWAYS),
    AttributeRow(
        "intended_recipient",
        "intendedRecipient",
        is_intended_recipient,
        "of the form XON|XCN|XTN",
        source=_SS + "7",
        single=False,
    ),
    CodedRow("content_type_codes", "contentTypeCode", source=_SS + "4", required=_ALWAYS),
    TextRow("title", "title", 255, source=_SS + "12"),
    TextRow("comments", "comments", 1024, source=_SS + "3"),
)

FOLDER: Final[tuple[Row, ...]] = (
    AttributeRow("home_community_id", "homeCommunityId", is_oid_urn, _A_HOME, source=_FD + "5"),
    AttributeRow("patient_id", "patientId", is_cx, _A_CX, source=_FD + "8", required=_ALWAYS),
    AttributeRow("unique_id", "uniqueId", is_oid, _AN_OID, source=_FD + "10", required=_ALWAYS),
    AttributeRow(
        "last_update_time",
        "lastUpdateTime",
        is_dtm_to_the_second,
        "a time of the form YYYYMMDDhhmmss",
        source=_FD + "6",
    ),
    CodedRow("codes", "codeList", source=_FD + "2", required=_ALWAYS, single=False),
    TextRow("title", "title", 256, source=_FD + "9", required=_ALWAYS),
    TextRow("comments", "comments", 1024, source=_FD + "3"),
)

ASSOCIATION: Final[tuple[Row, ...]] = (
    CodedRow("documentation", "documentation", source="ITI TF-3: 4.2.2.2", single=True),
)

AUTHOR: Final[tuple[Row, ...]] = (
    AttributeRow("persons", "authorPerson", is_xcn, _AN_XCN, source="ITI TF-3: 4.2.3.1.4.1"),
    AttributeRow(
        "institutions",
        "authorInstitution",
        is_xon,
        "an XON: Name^^^^^&OID&ISO^^^^Id",
        source="ITI TF-3: 4.2.3.1.4.2",
        single=False,
    ),
    AttributeRow("roles", "authorRole", _is_something, "a text", source="ITI TF-3: 4.2.3.1.4.3", single=False),
    AttributeRow(
        "specialties", "authorSpecialty", _is_something, "a text", source="ITI TF-3: 4.2.3.1.4.4", single=False
    ),
    AttributeRow(
        "telecommunications",
        "authorTelecommunication",
        is_xtn,
        "an XTN: ^^Internet^user@host or ^use^PH^^country^area^number^extension",
        source="ITI TF-3: 4.2.3.1.4.5",
        single=False,
    ),
)

ROWS: Final[dict[type, tuple[Row, ...]]] = {
    DocumentEntry: DOCUMENT_ENTRY,
    SubmissionSet: SUBMISSION_SET,
    Folder: FOLDER,
    Association: ASSOCIATION,
    Author: AUTHOR,
}
