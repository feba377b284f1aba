"""Rows of the table of transactions that are options: ITI-51 and ITI-61 of the registry, ITI-41 as XDR."""

from __future__ import annotations

from typing import Final

from node import queries, registrations
from node.bindings import AuditProfile, Packaging, SoapBinding, Transaction
from node.iti import iti18_registry_stored_query as iti18
from node.iti import iti41_document_recipient as iti41_xdr
from node.iti import iti41_provide_and_register_document_set as iti41
from node.iti import iti42_register_document_set as iti42
from node.iti import iti51_multi_patient_stored_query as iti51
from node.iti import iti61_register_on_demand_document_entry as iti61
from node.paths import PATHS
from trust.audit.event import Action, EventId
from trust.identity.caller import Role

LCM: Final = "{urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0}"
QUERY: Final = "{urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0}"
XDS: Final = "{urn:ihe:iti:xds-b:2007}"

_APPLICATIONS: Final = frozenset({Role.APPLICATION, Role.OPERATOR})

ITI_51: Final = Transaction(
    id="ITI-51",
    name="Multi-Patient Stored Query",
    spec="ITI TF-2: 3.51",
    actors=("Document Consumer", "Document Registry"),
    binding=SoapBinding(
        path=PATHS["iti-51"],
        action="urn:ihe:iti:2009:MultiPatientStoredQuery",
        response_action="urn:ihe:iti:2009:MultiPatientStoredQueryResponse",
        root=QUERY + "AdhocQueryRequest",
        packaging=Packaging.SOAP,
        decode=iti18.decode,
        encode=queries.encode,
        encode_errors=queries.encode_errors,
    ),
    roles=_APPLICATIONS,
    writes=False,
    prepare=iti51.nothing,
    handle=iti51.multi_patient_stored_query,
    audit=AuditProfile(event=EventId.QUERY, action=Action.EXECUTE, caller_is_source=True, facts=iti51.audited),
)

ITI_41_XDR: Final = Transaction(
    id="ITI-41",
    name="Provide and Register Document Set-b",
    spec="ITI TF-2: 3.41",
    actors=("Document Source", "Document Recipient"),
    binding=SoapBinding(
        path=PATHS["iti-41-xdr"],
        action="urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b",
        response_action="urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-bResponse",
        root=XDS + "ProvideAndRegisterDocumentSetRequest",
        packaging=Packaging.MTOM,
        decode=iti41.decode,
        encode=iti41_xdr.encode,
        encode_errors=registrations.encode_errors,
    ),
    roles=frozenset({Role.PEER}),
    writes=True,
    prepare=iti41.stage,
    handle=iti41_xdr.document_recipient,
    audit=AuditProfile(
        event=EventId.IMPORT, action=Action.CREATE, caller_is_source=True, facts=iti41_xdr.received_facts
    ),
    error="XDSRepositoryError",
)

ITI_61: Final = Transaction(
    id="ITI-61",
    name="Register On-Demand Document Entry",
    spec="ITI TF-2: 3.61",
    actors=("On-Demand Document Source", "Document Registry"),
    binding=SoapBinding(
        path=PATHS["iti-61"],
        action="urn:ihe:iti:2010:RegisterOnDemandDocumentEntry",
        response_action="urn:ihe:iti:2010:RegisterOnDemandDocumentResponse",  # without Entry, as it is printed
        root=LCM + "SubmitObjectsRequest",
        packaging=Packaging.SOAP,
        decode=iti42.decode,
        encode=registrations.encode,
        encode_errors=registrations.encode_errors,
    ),
    roles=_APPLICATIONS,
    writes=True,
    prepare=iti61.nothing,
    handle=iti61.register_on_demand_document_entry,
    audit=AuditProfile(
        event=EventId.IMPORT, action=Action.CREATE, caller_is_source=True, facts=registrations.registration_facts
    ),
)
