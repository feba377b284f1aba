"""Names that ordinary messages use, under the prefixes that are common in the field; only speed depends on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_SOAP: Final = "Envelope Header Body mustUnderstand role relay"
_ADDRESSING: Final = "Action MessageID To ReplyTo FaultTo From RelatesTo Address"
_REGISTRY: Final = (
    "SubmitObjectsRequest RegistryObjectList LeafRegistryObjectList AdhocQueryRequest AdhocQueryResponse AdhocQuery "
    "ResponseOption ExtrinsicObject RegistryPackage Association Classification ExternalIdentifier Slot ValueList Value "
    "Name Description LocalizedString VersionInfo ContentVersionInfo ObjectRef RegistryResponse RegistryErrorList "
    "RegistryError RegistryObjectQuery RemoveObjectsRequest ObjectRefList"
)
_DOCUMENTS: Final = (
    "ProvideAndRegisterDocumentSetRequest RetrieveDocumentSetRequest RetrieveDocumentSetResponse Document "
    "DocumentRequest DocumentResponse RepositoryUniqueId DocumentUniqueId HomeCommunityId mimeType "
    "NewDocumentUniqueId NewRepositoryUniqueId"
)
_ATTRIBUTES: Final = (
    "id lid home objectType mimeType status isOpaque classificationScheme classificationNode classifiedObject "
    "nodeRepresentation identificationScheme registryObject value charset xml:lang name associationType sourceObject "
    "targetObject returnType returnComposedObjects versionName comment href xmlns codeContext errorCode severity "
    "location highestSeverity requestId startIndex totalResultCount"
)
_PREFIXES: Final = {
    _SOAP: "s S soap soap12 soapenv env SOAP-ENV",
    _ADDRESSING: "wsa a wsa5 add",
    _REGISTRY: "rim rs lcm query q rim3 rs3 ns0 ns1 ns2 ns3 ns4 ns5 ns6 ns7 ns8 ns9",
    _DOCUMENTS: "xds xdsb ihe urn ns0 ns1 ns2 ns3 ns4 ns5 ns6 ns7 ns8 ns9",
    "Include": "xop inc",
}


def expected_names() -> Iterator[bytes]:
    """Names of elements, attributes and namespace declarations."""
    for names, prefixes in _PREFIXES.items():
        for prefix in prefixes.split():
            yield f"xmlns:{prefix}".encode("ascii")
            yield from (f"{prefix}:{name}".encode("ascii") for name in names.split())
        yield from (name.encode("ascii") for name in names.split())
    yield from (name.encode("ascii") for name in _ATTRIBUTES.split())
