"""ITI-39 Cross Gateway Retrieve, the Responding Gateway's side: documents leave for a community (ITI TF-2: 3.39)."""

from __future__ import annotations

import sqlite3

from node.exchange import Exchange
from node.retrievals import RetrieveResult, from_here, refuse_empty
from node.summary.making import Made, make
from registry.errors import ErrorCode, RegistryError
from repository.messages import DocumentRequest


async def make_on_demand(requests: tuple[DocumentRequest, ...], _incoming: object, exchange: Exchange) -> Made:
    """Make what is made here. A gateway never asks on for another gateway."""
    own = exchange.actors.own.home
    return await make([request for request in requests if request.home_community_id == own], exchange)


def cross_gateway_retrieve(
    requests: tuple[DocumentRequest, ...], made: Made, exchange: Exchange, _reader: sqlite3.Connection
) -> RetrieveResult:
    """The documents that this community holds and the asking one may see.

    A request without a home community, or with another one, costs its own document only.
    """
    refuse_empty(requests)
    own = exchange.actors.own.home
    faults = {request: fault for request in requests if (fault := _home_fault(request, own))}
    served = from_here([request for request in requests if request not in faults], made, exchange, gateway=True)
    return RetrieveResult(
        documents=served.documents,
        errors=(*served.errors, *faults.values()),
        failed=(*served.failed, *faults),
    )


def _home_fault(request: DocumentRequest, own: str) -> RegistryError | None:
    unique_id = request.document_unique_id
    if not request.home_community_id:
        return RegistryError(ErrorCode.MISSING_HOME_COMMUNITY_ID, f"document {unique_id} is asked without a home", own)
    if request.home_community_id != own:
        return RegistryError(
            ErrorCode.UNKNOWN_COMMUNITY,
            f"{request.home_community_id} of document {unique_id} is not this community",
            own,
        )
    return None
