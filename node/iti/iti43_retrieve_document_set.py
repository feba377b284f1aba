"""ITI-43 Retrieve Document Set: documents of this node and, through ITI-39, of the others (ITI TF-2: 3.43)."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from node.exchange import Exchange
from node.federation.answered import Answered
from node.federation.fetched import documents_of
from node.retrievals import RetrieveResult, from_here, refuse_empty
from node.summary.making import Made, make
from registry.errors import ErrorCode, RegistryError
from repository.messages import DocumentRequest


@dataclass(frozen=True, slots=True)
class Prepared:
    """Requests split by who serves them, what was made here, and what the other communities answered."""

    local: tuple[DocumentRequest, ...]
    unknown: tuple[DocumentRequest, ...]
    answers: tuple[Answered, ...]
    made: Made


async def fetch_from_communities(
    requests: tuple[DocumentRequest, ...], _incoming: object, exchange: Exchange
) -> Prepared:
    """Fetch what other communities hold, each named by its home, all at once (XCA: ITI TF-1: 18); make what is ours."""
    refuse_empty(requests)
    gateway, own = exchange.actors.gateway, exchange.actors.own.home
    local = tuple(item for item in requests if item.home_community_id in (None, own))
    groups: dict[str, list[DocumentRequest]] = {}
    for item in requests:
        if item.home_community_id not in (None, own):
            groups.setdefault(item.home_community_id or "", []).append(item)
    unknown = tuple(item for home, items in groups.items() if gateway.community(home) is None for item in items)
    known = [(community, items) for home, items in groups.items() if (community := gateway.community(home))]
    answers = await gateway.retrieve(known, exchange)
    await exchange.actors.copies.take(answers, exchange)
    return Prepared(local, unknown, answers, await make(local, exchange))


def retrieve_document_set(
    _requests: tuple[DocumentRequest, ...], prepared: Prepared, exchange: Exchange, _reader: sqlite3.Connection
) -> RetrieveResult:
    """One answer out of the local documents and those of the communities."""
    parts = [from_here(prepared.local, prepared.made, exchange, gateway=False)] if prepared.local else []
    parts += [documents_of(answer, exchange) for answer in prepared.answers]
    unknown = tuple(
        RegistryError(
            ErrorCode.UNKNOWN_COMMUNITY,
            f"no community {item.home_community_id} is known here",
            item.document_unique_id,
        )
        for item in prepared.unknown
    )
    return RetrieveResult(
        documents=tuple(document for part in parts for document in part.documents),
        errors=(*(error for part in parts for error in part.errors), *unknown),
        failed=(*(item for part in parts for item in part.failed), *prepared.unknown),
    )
