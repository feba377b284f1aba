"""ITI-51 Multi-Patient Stored Query: what the own registry holds of several patients, or anybody (ITI TF-2: 3.51)."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from node import access
from node.bindings import AuditFact
from node.exchange import Exchange
from node.federation.merge import local_result
from node.queries import QueryRequest, QueryResult, query_fact
from registry.errors import TooManyResults
from registry.queries.several_patients import MOST_PATIENTS, MULTI_PATIENT_QUERIES, patients_of


async def nothing(_request: QueryRequest, _incoming: object, _exchange: Exchange) -> None:
    """Communities share no query about several patients (XCA has none)."""


def multi_patient_stored_query(
    request: QueryRequest, _prepared: None, exchange: Exchange, _reader: sqlite3.Connection
) -> QueryResult:
    """The local registry's answer; each document is judged by the consents of its own patient.

    Raises:
        XdsErrors: the query is invalid, not one of ITI-51, or finds too much.
    """
    actors, view = exchange.actors, access.of(exchange)
    found = actors.registry.find(request.query, view.sees, view.judge, MULTI_PATIENT_QUERIES)
    patients = tuple(dict.fromkeys(item.patient_id for item in found.objects))
    if len(patients) > MOST_PATIENTS:
        raise TooManyResults(f"objects of {len(patients)} patients match; ask for at most {MOST_PATIENTS} at once")
    return replace(local_result(request.query, found.objects, own_home=actors.own.home), patients=patients)


def audited(request: QueryRequest, result: QueryResult | None, _exchange: Exchange) -> list[AuditFact]:
    """A record for each patient who was asked for or found, so that each one's report shows it; else one for nobody."""
    fact = query_fact("ITI-51", "Multi-Patient Stored Query", request, result)
    patients = dict.fromkeys((*patients_of(request.query), *(result.patients if result else ())))
    return [replace(fact, patient=patient) for patient in patients or ("",)]
