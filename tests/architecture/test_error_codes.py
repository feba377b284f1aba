"""The error codes are those of the specification, letter by letter (ITI TF-3: Table 4.2.4.1-2)."""

from __future__ import annotations

import ast
import re

from registry import errors
from registry.errors import ErrorCode, XdsError
from tests.architecture.sources import PACKAGES, modules, name_of, tree
from tests.shared import SHARED, needs_shared

# Every code that Provide and Register, Register, Stored Query, Retrieve and the gateways' transactions may answer.
# Not here: XDSReplaceFailed, which is deprecated.
_LIST = """
DocumentQueued PartialAppendContentNotProcessed PartialFolderContentNotProcessed PartialRelationshipContentNotProcessed
PartialReplaceContentNotProcessed PartialTransformNotProcessed PartialTransformReplaceNotProcessed
LocalPolicyRestrictionError ReferencesExistException UnmodifiableMetadataError XDSInvalidRequestException
XDSMetadataAnnotationError XDSMetadataIdentifierError XDSMetadataUpdateError XDSMetadataUpdateOperationError
XDSMetadataVersionError XDSObjectTypeError XDSPatientIDReconciliationError XDSUnreferencedObjectException
InvalidDocumentContent UnresolvedReferenceException
XDSDocumentUniqueIdError XDSDuplicateUniqueIdInRegistry XDSExtraMetadataNotSaved XDSMissingDocument
XDSMissingDocumentMetadata XDSMissingHomeCommunityId XDSNonIdenticalHash XDSNonIdenticalSize XDSPatientIdDoesNotMatch
XDSRegistryBusy XDSRepositoryBusy XDSRegistryOutOfResources XDSRepositoryOutOfResources
XDSRegistryDeprecatedDocumentError XDSRegistryDuplicateUniqueIdInMessage XDSRepositoryDuplicateUniqueIdInMessage
XDSRegistryError XDSRepositoryError XDSRegistryMetadataError XDSRepositoryMetadataError XDSRegistryNotAvailable
XDSResultNotSinglePatient XDSStoredQueryMissingParam XDSStoredQueryParamNumber XDSTooManyResults
XDSUnavailableCommunity XDSUnknownCommunity XDSUnknownPatientId XDSUnknownRepositoryId XDSUnknownStoredQuery
"""
SPECIFIED = frozenset(_LIST.split())


def test_codes_are_exactly_those_of_the_specification() -> None:
    assert sorted(ErrorCode) == sorted(SPECIFIED)


def test_every_exception_has_a_code_of_its_own() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, XdsError)]
    codes = [kind.code for kind in kinds if kind is not XdsError]
    assert len(codes) == len(set(codes))


def test_every_exception_is_raised_somewhere() -> None:
    kinds = {kind.__name__ for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, XdsError)}
    named = {node.id for path in modules(*PACKAGES) for node in ast.walk(tree(path)) if isinstance(node, ast.Name)}
    assert kinds - named == set()


def test_no_code_is_written_out_that_the_list_does_not_have() -> None:
    word = re.compile(r"XDS\w+(Error|Id|Hash|Size|Match|Busy|Resources|Param|Number|Results|Community|Query|Document)")
    unknown = {
        f"{name_of(path)}: {node.value}"
        for path in modules(*PACKAGES)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and word.fullmatch(node.value)
        if node.value not in SPECIFIED
    }
    assert unknown == set()


@needs_shared
def test_the_reference_names_every_code() -> None:
    assert SHARED is not None
    text = (SHARED / "ihe" / "xds-wire.md").read_text(encoding="utf-8")
    table = text.partition("### 5.6 Error codes")[2].partition("\n### ")[0]
    named = set(re.findall(r"`(\w+)`", table))
    assert set(SPECIFIED) <= named
