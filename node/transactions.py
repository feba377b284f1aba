"""THE TABLE: one row for each transaction this node speaks. Routes, dispatch, audit and documentation are read from it.

To add one: a module in `node/iti/`, its path in `node/paths.py`, a row here, messages in `tests/vectors/`, a line in
the changelog.
"""

from __future__ import annotations

from typing import Any, Final

from node import answers_later, queries, registrations, retrievals
from node.bindings import AuditProfile, Packaging, SoapBinding, Transaction
from node.iti import (
    iti18_registry_stored_query as iti18,
)
from node.iti import (
    iti38_cross_gateway_query as iti38,
)
from node.iti import (
    iti39_cross_gateway_retrieve as iti39,
)
from node.iti import (
    iti41_provide_and_register_document_set as iti41,
)
from node.iti import (
    iti42_register_document_set as iti42,
)
from node.iti import (
    iti43_retrieve_document_set as iti43,
)
from node.paths import PATHS
from node.rows.options import ITI_41_XDR, ITI_51, ITI_61
from node.rows.patients import ITI_44, ITI_45, ITI_47, ITI_55, ITI_56
from node.rows.subscriptions import ITI_52, ITI_52_GATEWAY, ITI_53, ITI_54
from node.rows.updates import ITI_57, ITI_62, ITI_86, ITI_92, ITI_92_GATEWAY
from trust.audit.event import Action, EventId
from trust.identity.caller import Role

LCM = "{urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0}"
QUERY = "{urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0}"
XDS = "{urn:ihe:iti:xds-b:2007}"

_APPLICATIONS: Final = frozenset({Role.APPLICATION, Role.OPERATOR})
_PEERS: Final = frozenset({Role.PEER})

ITI_18: Final = Transaction(
    id="ITI-18",
    name="Registry Stored Query",
    spec="ITI TF-2: 3.18",
    actors=("Document Consumer", "Document Registry"),
    binding=SoapBinding(
        path=PATHS["iti-18"],
        action="urn:ihe:iti:2007:RegistryStoredQuery",
        response_action="urn:ihe:iti:2007:RegistryStoredQueryResponse",
        root=QUERY + "AdhocQueryRequest",
        packaging=Packaging.SOAP,
        decode=iti18.decode,
        encode=queries.encode,
        encode_errors=queries.encode_errors,
    ),
    roles=_APPLICATIONS,
    writes=False,
    prepare=iti18.ask_communities,
    handle=iti18.registry_stored_query,
    audit=AuditProfile(event=EventId.QUERY, action=Action.EXECUTE, caller_is_source=True, facts=iti18.audited),
)

ITI_38: Final = Transaction(
    id="ITI-38",
    name="Cross Gateway Query",
    spec="ITI TF-2: 3.38",
    actors=("Initiating Gateway", "Responding Gateway"),
    binding=SoapBinding(
        path=PATHS["iti-38"],
        action="urn:ihe:iti:2007:CrossGatewayQuery",
        response_action="urn:ihe:iti:2007:CrossGatewayQueryResponse",
        root=QUERY + "AdhocQueryRequest",
        packaging=Packaging.SOAP,
        decode=iti18.decode,
        encode=queries.encode,
        encode_errors=queries.encode_errors,
        answers=answers_later.QUERY_ANSWERS,
    ),
    roles=_PEERS,
    writes=False,
    prepare=iti38.nothing,
    handle=iti38.cross_gateway_query,
    audit=AuditProfile(event=EventId.QUERY, action=Action.EXECUTE, caller_is_source=True, facts=iti38.audited),
)

ITI_39: Final = Transaction(
    id="ITI-39",
    name="Cross Gateway Retrieve",
    spec="ITI TF-2: 3.39",
    actors=("Initiating Gateway", "Responding Gateway"),
    binding=SoapBinding(
        path=PATHS["iti-39"],
        action="urn:ihe:iti:2007:CrossGatewayRetrieve",
        response_action="urn:ihe:iti:2007:CrossGatewayRetrieveResponse",
        root=XDS + "RetrieveDocumentSetRequest",
        packaging=Packaging.MTOM,
        decode=retrievals.decode,
        encode=retrievals.encode,
        encode_errors=retrievals.encode_errors,
        answers=answers_later.RETRIEVE_ANSWERS,
    ),
    roles=_PEERS,
    writes=False,
    prepare=iti39.make_on_demand,
    handle=iti39.cross_gateway_retrieve,
    audit=AuditProfile(
        event=EventId.EXPORT, action=Action.READ, caller_is_source=False, facts=retrievals.retrieve_facts
    ),
    error="XDSRepositoryError",
)

ITI_41: Final = Transaction(
    id="ITI-41",
    name="Provide and Register Document Set-b",
    spec="ITI TF-2: 3.41",
    actors=("Document Source", "Document Repository"),
    binding=SoapBinding(
        path=PATHS["iti-41"],
        action="urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b",
        response_action="urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-bResponse",
        root=XDS + "ProvideAndRegisterDocumentSetRequest",
        packaging=Packaging.MTOM,
        decode=iti41.decode,
        encode=registrations.encode,
        encode_errors=registrations.encode_errors,
    ),
    roles=_APPLICATIONS,
    writes=True,
    prepare=iti41.stage,
    handle=iti41.provide_and_register_document_set,
    audit=AuditProfile(
        event=EventId.IMPORT, action=Action.CREATE, caller_is_source=True, facts=registrations.registration_facts
    ),
    error="XDSRepositoryError",
)

ITI_42: Final = Transaction(
    id="ITI-42",
    name="Register Document Set-b",
    spec="ITI TF-2: 3.42",
    actors=("Document Repository", "Document Registry"),
    binding=SoapBinding(
        path=PATHS["iti-42"],
        action="urn:ihe:iti:2007:RegisterDocumentSet-b",
        response_action="urn:ihe:iti:2007:RegisterDocumentSet-bResponse",
        root=LCM + "SubmitObjectsRequest",
        packaging=Packaging.SOAP,
        decode=iti42.decode,
        encode=registrations.encode,
        encode_errors=registrations.encode_errors,
    ),
    roles=_APPLICATIONS,
    writes=True,
    prepare=iti42.nothing,
    handle=iti42.register_document_set,
    audit=AuditProfile(
        event=EventId.IMPORT, action=Action.CREATE, caller_is_source=True, facts=registrations.registration_facts
    ),
)

ITI_43: Final = Transaction(
    id="ITI-43",
    name="Retrieve Document Set",
    spec="ITI TF-2: 3.43",
    actors=("Document Consumer", "Document Repository"),
    binding=SoapBinding(
        path=PATHS["iti-43"],
        action="urn:ihe:iti:2007:RetrieveDocumentSet",
        response_action="urn:ihe:iti:2007:RetrieveDocumentSetResponse",
        root=XDS + "RetrieveDocumentSetRequest",
        packaging=Packaging.MTOM,
        decode=retrievals.decode,
        encode=retrievals.encode,
        encode_errors=retrievals.encode_errors,
    ),
    roles=_APPLICATIONS,
    writes=False,
    prepare=iti43.fetch_from_communities,
    handle=iti43.retrieve_document_set,
    audit=AuditProfile(
        event=EventId.EXPORT, action=Action.READ, caller_is_source=False, facts=retrievals.retrieve_facts
    ),
    error="XDSRepositoryError",
)

TRANSACTIONS: Final[tuple[Transaction[Any, Any, Any], ...]] = (
    ITI_18,
    ITI_38,
    ITI_39,
    ITI_41,
    ITI_41_XDR,
    ITI_42,
    ITI_43,
    ITI_44,
    ITI_45,
    ITI_47,
    ITI_51,
    ITI_52,
    ITI_52_GATEWAY,
    ITI_53,
    ITI_54,
    ITI_55,
    ITI_56,
    ITI_57,
    ITI_61,
    ITI_62,
    ITI_86,
    ITI_92,
    ITI_92_GATEWAY,
)
BY_PATH: Final = {row.binding.path: row for row in TRANSACTIONS}
