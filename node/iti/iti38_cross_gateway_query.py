"""ITI-38 Cross Gateway Query, the Responding Gateway's side: another community asks what we hold (ITI TF-2: 3.38)."""

from __future__ import annotations

import sqlite3

from node import access
from node.bindings import AuditFact
from node.exchange import Exchange
from node.federation.merge import local_result
from node.queries import QueryRequest, QueryResult, query_fact
from registry.errors import MissingHomeCommunityId, UnknownCommunity
from registry.queries.catalogue import is_patient_query


async def nothing(_request: QueryRequest, _incoming: object, _exchange: Exchange) -> None:
    """A gateway never asks on for another gateway: that is the loop guard."""


def cross_gateway_query(
    request: QueryRequest, _prepared: None, exchange: Exchange, _reader: sqlite3.Connection
) -> QueryResult:
    """The local registry's answer, less what the asking community may not see.

    Raises:
        XdsErrors: the query is invalid; a query by id names no home, or not ours.
    """
    query, actors = request.query, exchange.actors
    if query.home and query.home != actors.own.home:
        raise UnknownCommunity(f"{query.home} is not this community", location=actors.own.home)
    if not query.home and not is_patient_query(query.query_id):
        raise MissingHomeCommunityId(f"query {query.query_id} needs the home attribute", location=actors.own.home)
    view = access.of(exchange)
    found = actors.registry.find(query, view.sees, view.judge)
    if found.withheld:
        actors.metrics.withheld.inc(found.withheld)
    return local_result(query, found.objects, own_home=actors.own.home)


def audited(request: QueryRequest, result: QueryResult | None, exchange: Exchange) -> list[AuditFact]:
    """One record: the query and the patient asked for."""
    return [query_fact("ITI-38", "Cross Gateway Query", request, result, home=exchange.actors.own.home)]
