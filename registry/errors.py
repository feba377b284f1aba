"""XDS error codes and the exceptions that carry them (ITI TF-3: 4.2.4.1, Table 4.2.4.1-2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class ErrorCode(StrEnum):
    """Every errorCode this node sends. Source: ITI TF-3: Table 4.2.4.1-2 and the supplements."""

    DOCUMENT_QUEUED = "DocumentQueued"
    PARTIAL_APPEND = "PartialAppendContentNotProcessed"
    PARTIAL_FOLDER = "PartialFolderContentNotProcessed"
    PARTIAL_RELATIONSHIP = "PartialRelationshipContentNotProcessed"
    PARTIAL_REPLACE = "PartialReplaceContentNotProcessed"
    PARTIAL_TRANSFORM = "PartialTransformNotProcessed"
    PARTIAL_TRANSFORM_REPLACE = "PartialTransformReplaceNotProcessed"
    LOCAL_POLICY_RESTRICTION = "LocalPolicyRestrictionError"
    REFERENCES_EXIST = "ReferencesExistException"
    UNMODIFIABLE_METADATA = "UnmodifiableMetadataError"
    INVALID_DOCUMENT_CONTENT = "InvalidDocumentContent"
    UNRESOLVED_REFERENCE = "UnresolvedReferenceException"
    DOCUMENT_UNIQUE_ID = "XDSDocumentUniqueIdError"
    DUPLICATE_UNIQUE_ID_IN_REGISTRY = "XDSDuplicateUniqueIdInRegistry"
    EXTRA_METADATA_NOT_SAVED = "XDSExtraMetadataNotSaved"
    MISSING_DOCUMENT = "XDSMissingDocument"
    MISSING_DOCUMENT_METADATA = "XDSMissingDocumentMetadata"
    MISSING_HOME_COMMUNITY_ID = "XDSMissingHomeCommunityId"
    INVALID_REQUEST = "XDSInvalidRequestException"
    METADATA_ANNOTATION = "XDSMetadataAnnotationError"
    METADATA_IDENTIFIER = "XDSMetadataIdentifierError"
    METADATA_UPDATE = "XDSMetadataUpdateError"
    METADATA_UPDATE_OPERATION = "XDSMetadataUpdateOperationError"
    METADATA_VERSION = "XDSMetadataVersionError"
    NON_IDENTICAL_HASH = "XDSNonIdenticalHash"
    NON_IDENTICAL_SIZE = "XDSNonIdenticalSize"
    OBJECT_TYPE = "XDSObjectTypeError"
    PATIENT_ID_RECONCILIATION = "XDSPatientIDReconciliationError"
    PATIENT_ID_DOES_NOT_MATCH = "XDSPatientIdDoesNotMatch"
    REGISTRY_BUSY = "XDSRegistryBusy"
    REPOSITORY_BUSY = "XDSRepositoryBusy"
    REGISTRY_OUT_OF_RESOURCES = "XDSRegistryOutOfResources"
    REPOSITORY_OUT_OF_RESOURCES = "XDSRepositoryOutOfResources"
    REGISTRY_DEPRECATED_DOCUMENT = "XDSRegistryDeprecatedDocumentError"
    REGISTRY_DUPLICATE_UNIQUE_ID_IN_MESSAGE = "XDSRegistryDuplicateUniqueIdInMessage"
    REPOSITORY_DUPLICATE_UNIQUE_ID_IN_MESSAGE = "XDSRepositoryDuplicateUniqueIdInMessage"
    REGISTRY_ERROR = "XDSRegistryError"
    REPOSITORY_ERROR = "XDSRepositoryError"
    REGISTRY_METADATA = "XDSRegistryMetadataError"
    REPOSITORY_METADATA = "XDSRepositoryMetadataError"
    REGISTRY_NOT_AVAILABLE = "XDSRegistryNotAvailable"
    RESULT_NOT_SINGLE_PATIENT = "XDSResultNotSinglePatient"
    STORED_QUERY_MISSING_PARAM = "XDSStoredQueryMissingParam"
    STORED_QUERY_PARAM_NUMBER = "XDSStoredQueryParamNumber"
    TOO_MANY_RESULTS = "XDSTooManyResults"
    UNAVAILABLE_COMMUNITY = "XDSUnavailableCommunity"
    UNKNOWN_COMMUNITY = "XDSUnknownCommunity"
    UNKNOWN_PATIENT_ID = "XDSUnknownPatientId"
    UNKNOWN_REPOSITORY_ID = "XDSUnknownRepositoryId"
    UNKNOWN_STORED_QUERY = "XDSUnknownStoredQuery"
    UNREFERENCED_OBJECT = "XDSUnreferencedObjectException"


class Severity(StrEnum):
    """Severity of one RegistryError (ITI TF-3: 4.2.4.2.1)."""

    ERROR = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error"
    WARNING = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Warning"


@dataclass(frozen=True, slots=True)
class RegistryError:
    """One rs:RegistryError as a value: what stands in a RegistryErrorList.

    `code` is text, because a peer may send a code that this node does not know.
    `location` stays empty but where its meaning is fixed: ITI-43 and the violating object of a submission
    (entryUUID or symbolic id), and the homeCommunityId of the community an error comes from.
    """

    code: str
    context: str
    location: str = ""
    severity: Severity = Severity.ERROR


class XdsErrors(Exception):
    """One or more XDS errors that end a transaction; nothing of it takes effect."""

    def __init__(self, errors: Iterable[RegistryError]) -> None:
        self.errors: tuple[RegistryError, ...] = tuple(errors)
        super().__init__("; ".join(f"{error.code}: {error.context}" for error in self.errors))


class XdsError(XdsErrors):
    """A single XDS error. Each subclass names its code; the code travels to the wire without a mapping.

    There is one for each code that is raised alone; rules that find several at once make `RegistryError` values.
    """

    code: ClassVar[ErrorCode]

    def __init__(self, context: str, *, location: str = "") -> None:
        super().__init__([RegistryError(self.code, context, location)])


class UnresolvedReference(XdsError):
    """An entryUUID or symbolic id that names nothing."""

    code = ErrorCode.UNRESOLVED_REFERENCE


class DocumentUniqueIdError(XdsError):
    """The document is not available to this caller."""

    code = ErrorCode.DOCUMENT_UNIQUE_ID


class MissingHomeCommunityId(XdsError):
    """A homeCommunityId is required here and absent."""

    code = ErrorCode.MISSING_HOME_COMMUNITY_ID


class RegistryOutOfResources(XdsError):
    """Resources are low (disk space)."""

    code = ErrorCode.REGISTRY_OUT_OF_RESOURCES


class RepositoryOutOfResources(XdsError):
    """Resources are low (disk space)."""

    code = ErrorCode.REPOSITORY_OUT_OF_RESOURCES


class GeneralRegistryError(XdsError):
    """Used only where no more specific code fits."""

    code = ErrorCode.REGISTRY_ERROR


class GeneralRepositoryError(XdsError):
    """Used only where no more specific code fits."""

    code = ErrorCode.REPOSITORY_ERROR


class ResultNotSinglePatient(XdsError):
    """A LeafClass result that spans patients."""

    code = ErrorCode.RESULT_NOT_SINGLE_PATIENT


class TooManyResults(XdsError):
    """More results than the responder is configured to return."""

    code = ErrorCode.TOO_MANY_RESULTS


class UnknownCommunity(XdsError):
    """A homeCommunityId that is not known here."""

    code = ErrorCode.UNKNOWN_COMMUNITY


class UnknownPatientId(XdsError):
    """The patient is not known here through the identity feed."""

    code = ErrorCode.UNKNOWN_PATIENT_ID


class UnknownRepositoryId(XdsError):
    """A repositoryUniqueId that is not served here."""

    code = ErrorCode.UNKNOWN_REPOSITORY_ID


class UnknownStoredQuery(XdsError):
    """A stored query id that is not in the catalogue."""

    code = ErrorCode.UNKNOWN_STORED_QUERY
