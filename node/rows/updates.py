"""Rows of the table of transactions that change or remove what is registered: ITI-57, ITI-62, ITI-86, ITI-92."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from node import updates
from node.bindings import AuditProfile, Packaging, SoapBinding, Transaction
from node.iti import iti57_update_document_set as iti57
from node.iti import iti62_remove_metadata as iti62
from node.iti import iti86_remove_documents as iti86
from node.iti import iti92_restricted_update_document_set as iti92
from node.paths import PATHS
from trust.audit.event import Action, EventId
from trust.identity.caller import Role

LCM: Final = "{urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0}"
RMD: Final = "{urn:ihe:iti:rmd:2017}"

_APPLICATIONS: Final = frozenset({Role.APPLICATION, Role.OPERATOR})
_PEERS: Final = frozenset({Role.PEER})

ITI_57: Final = Transaction(
    id="ITI-57",
    name="Update Document Set",
    spec="ITI TF-2: 3.57",
    actors=("Document Administrator", "Document Registry"),
    binding=SoapBinding(
        path=PATHS["iti-57"],
        action="urn:ihe:iti:2010:UpdateDocumentSet",
        response_action="urn:ihe:iti:2010:UpdateDocumentSetResponse",
        root=LCM + "SubmitObjectsRequest",
        packaging=Packaging.SOAP,
        decode=updates.decode,
        encode=updates.encode,
        encode_errors=updates.encode_errors,
    ),
    roles=_APPLICATIONS,
    writes=True,
    prepare=iti57.nothing,
    handle=iti57.update_document_set,
    audit=AuditProfile(event=EventId.IMPORT, action=Action.UPDATE, caller_is_source=True, facts=updates.update_facts),
)

ITI_62: Final = Transaction(
    id="ITI-62",
    name="Remove Metadata",
    spec="ITI TF-2: 3.62",
    actors=("Document Administrator", "Document Registry"),
    binding=SoapBinding(
        path=PATHS["iti-62"],
        action="urn:ihe:iti:2010:DeleteDocumentSet",
        response_action="urn:ihe:iti:2010:DeleteDocumentSetResponse",
        root=LCM + "RemoveObjectsRequest",
        packaging=Packaging.SOAP,
        decode=iti62.decode,
        encode=iti62.encode,
        encode_errors=iti62.encode_errors,
    ),
    roles=_APPLICATIONS,
    writes=True,
    prepare=iti62.nothing,
    handle=iti62.remove_metadata,
    audit=AuditProfile(event=EventId.PATIENT_RECORD, action=Action.DELETE, caller_is_source=True, facts=iti62.audited),
)

ITI_86: Final = Transaction(
    id="ITI-86",
    name="Remove Documents",
    spec="ITI TF-2: 3.86",
    actors=("Document Administrator", "Document Repository"),
    binding=SoapBinding(
        path=PATHS["iti-86"],
        action="urn:ihe:iti:2017:RemoveDocuments",
        response_action="urn:ihe:iti:2017:RemoveDocumentsResponse",
        root=RMD + "RemoveDocumentsRequest",
        packaging=Packaging.SOAP,
        decode=iti86.decode,
        encode=iti86.encode,
        encode_errors=iti86.encode_errors,
    ),
    roles=_APPLICATIONS,
    writes=True,
    prepare=iti86.nothing,
    handle=iti86.remove_documents,
    audit=AuditProfile(event=EventId.PATIENT_RECORD, action=Action.DELETE, caller_is_source=True, facts=iti86.audited),
    error="XDSRepositoryError",
)

ITI_92: Final = Transaction(
    id="ITI-92",
    name="Restricted Update Document Set",
    spec="ITI TF-2: 3.92",
    actors=("Update Initiator", "Update Responder"),
    binding=SoapBinding(
        path=PATHS["iti-92"],
        action="urn:ihe:iti:2018:RestrictedUpdateDocumentSet",
        response_action="urn:ihe:iti:2018:RestrictedUpdateDocumentSetResponse",
        root=LCM + "SubmitObjectsRequest",
        packaging=Packaging.SOAP,
        decode=updates.decode,
        encode=updates.encode,
        encode_errors=updates.encode_errors,
    ),
    roles=_APPLICATIONS,
    writes=True,
    prepare=iti92.forward,
    handle=iti92.restricted_update_document_set,
    audit=AuditProfile(event=EventId.IMPORT, action=Action.UPDATE, caller_is_source=True, facts=updates.update_facts),
)

# The same for other communities: XCA Persistence.
ITI_92_GATEWAY: Final = replace(ITI_92, binding=replace(ITI_92.binding, path=PATHS["iti-92-gateway"]), roles=_PEERS)
