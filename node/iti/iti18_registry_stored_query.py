"""ITI-18 Registry Stored Query: what we and the communities connected to us hold (ITI TF-2: 3.18; XCA: ITI TF-1: 18).

A query by patient id goes to the local registry and to the peers that know the patient; one by entryUUID or uniqueId
goes where its `home` says, or stays here when it names none.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from lxml import etree

from node import access
from node.bindings import AuditFact
from node.discovery.asking import ask_everywhere
from node.exchange import Exchange
from node.federation.answered import Answered
from node.federation.merge import merge_queries
from node.outcome_words import Word
from node.queries import QueryRequest, QueryResult, query_fact
from registry.document_registry import Found
from registry.ebrim.reader import read_adhoc_query
from registry.errors import UnknownCommunity, UnknownPatientId
from registry.queries.catalogue import is_patient_query, patient_of
from registry.queries.tolerances import in_form


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the communities said; `found` is None when the query was for another community alone.

    `unknown` is the refusal of the local registry where an unknown patient is an error: it stands if nobody knows him.
    """

    found: Found | None
    answers: tuple[Answered, ...] = ()
    unknown: UnknownPatientId | None = None


def decode(body: etree._Element) -> QueryRequest:
    """Read query:AdhocQueryRequest."""
    return QueryRequest(query=in_form(read_adhoc_query(body)), element=body)


async def ask_communities(request: QueryRequest, _incoming: object, exchange: Exchange) -> Prepared:
    """Ask the local registry, which also judges the query, then the communities concerned, all at once.

    Raises:
        XdsErrors: the query is invalid, or its home is not known (XDSUnknownCommunity).
    """
    query, actors = request.query, exchange.actors
    home = query.home
    if home and home != actors.own.home:
        community = actors.gateway.community(home)
        if community is None:
            raise UnknownCommunity(f"no community {home} is known here", location=home)
        return Prepared(None, await actors.gateway.query(query, [community], exchange))
    alone = home or exchange.scope_local or not is_patient_query(query.query_id)
    unknown = None
    try:
        view = access.of(exchange)
        found = actors.registry.find(query, view.sees, view.judge)
    except UnknownPatientId as refusal:
        if alone:
            raise
        unknown, found = refusal, Found(query, query.return_type, [], patient_of(query))
    if alone:
        return Prepared(found)
    return Prepared(found, await ask_everywhere(query, exchange), unknown)


def registry_stored_query(
    request: QueryRequest, prepared: Prepared, exchange: Exchange, _reader: sqlite3.Connection
) -> QueryResult:
    """One answer out of the local result and those of the communities.

    Raises:
        UnknownPatientId: that is an error here, and every community says so too.
    """
    if prepared.unknown and all(_knows_nobody(answer) for answer in prepared.answers):
        raise prepared.unknown
    return merge_queries(request.query, prepared.found, prepared.answers, own_home=exchange.actors.own.home)


def _knows_nobody(answer: Answered) -> bool:
    return answer.outcome is not None and answer.outcome.word is Word.NO_PATIENT


def audited(request: QueryRequest, result: QueryResult | None, _exchange: Exchange) -> list[AuditFact]:
    """One record: the query and the patient asked for."""
    return [query_fact("ITI-18", "Registry Stored Query", request, result)]
