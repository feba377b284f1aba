"""ITI-39 Cross Gateway Retrieve, the Responding Gateway's side: a document leaves for another community (ITI TF-2: 3.39)."""

from __future__ import annotations

import sqlite3

from node.exchange import Exchange
from node.retrievals import RetrieveResult, from_here, refuse_empty
from registry.errors import ErrorCode, RegistryError, XdsErrors
from repository.messages import DocumentRequest


async def nothing(_requests: tuple[DocumentRequest, ...], _incoming: object, _exchange: Exchange) -> None:
    """A gateway never asks on for another gateway."""


def cross_gateway_retrieve(
    requests: tuple[DocumentRequest, ...], _prepared: None, exchange: Exchange, _reader: sqlite3.Connection
) -> RetrieveResult:
    """The documents that this community holds and the asking one may see.

    Raises:
        XdsErrors: a request names no home community, or another one.
    """
    refuse_empty(requests)
    own = exchange.actors.own.home
    errors = [error for request in requests if (error := _home_fault(request, own))]
    if errors:
        raise XdsErrors(errors)
    return from_here(requests, exchange, gateway=True)


def _home_fault(request: DocumentRequest, own: str) -> RegistryError | None:
    unique_id = request.document_unique_id
    if not request.home_community_id:
        return RegistryError(ErrorCode.MISSING_HOME_COMMUNITY_ID, f"document {unique_id} is asked without a home", own)
    if request.home_community_id != own:
        return RegistryError(
            ErrorCode.UNKNOWN_COMMUNITY, f"{request.home_community_id} of document {unique_id} is not this community", own
        )
    return None
