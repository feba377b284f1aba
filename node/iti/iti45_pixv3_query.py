"""ITI-45 PIXV3 Query: under which identifiers a patient is known in which domains (ITI TF-2: 3.45)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from lxml import etree

from node.bindings import AuditFact
from node.exchange import Exchange
from node.hl7v3.identifiers import (
    ANSWER,
    PATIENT_PLACE,
    IdentifiersQuery,
    read_identifiers_query,
    source_place,
    write_identifiers,
)
from node.hl7v3.wrapper import BadMessage
from node.patients.answers import PatientAnswer, decoded, details, fresh_id, party, refuse_query, unknown_key
from node.records import query_object
from registry.errors import RegistryError, XdsErrors
from registry.patients.records import Record
from registry.store.master_index import MasterIndex


def decode(body: etree._Element) -> IdentifiersQuery:
    """Read PRPA_IN201309UV02."""
    return decoded(read_identifiers_query, body)


def pixv3_query(
    request: IdentifiersQuery, _prepared: None, exchange: Exchange, reader: sqlite3.Connection
) -> PatientAnswer:
    """The patient's identifiers in the domains that were named, or in all; those that were merged away are left out.

    Raises:
        XdsErrors: 204 for an identifier or for domains that are not known (ITI TF-2: 3.45.4.2.3).
    """
    index = exchange.actors.index(reader)
    records = _known(request, index)
    asked = request.identifier.identifier
    alive = [one for one in records if one.subsumed_by is None]
    found = dict.fromkeys(identifier for one in alive for identifier in one.whole.identifiers if identifier != asked)
    ids = [one for one in found if not request.sources or one.authority in request.sources]
    own = min(alive, key=lambda one: index.rank(one.identifier))
    message = write_identifiers(
        request,
        id_=fresh_id(exchange),
        now=exchange.now,
        sender=party(exchange),
        code="OK" if ids else "NF",
        ids=ids,
        name=next(iter(own.person.names), None),
    )
    return PatientAnswer(message=message, patients=(asked.cx,) if asked else ())


def refuse(body: etree._Element, errors: Sequence[RegistryError], exchange: Exchange) -> bytes:
    """AE in acknowledgement and queryAck, with a detail for each error."""
    try:
        query = read_identifiers_query(body)
    except BadMessage:
        return refuse_query(body, errors, exchange, answer=ANSWER, event="PRPA_TE201310UV02")
    return write_identifiers(
        query,
        id_=fresh_id(exchange),
        now=exchange.now,
        sender=party(exchange),
        code="AE",
        details=details(errors),
    )


def facts(request: IdentifiersQuery, _result: PatientAnswer | None, _exchange: Exchange) -> list[AuditFact]:
    """One record: the patient asked for, and the query."""
    asked = request.identifier.identifier
    query = etree.tostring(request.element, with_tail=False)
    return [
        AuditFact(
            patient=asked.cx if asked else "",
            objects=(query_object("ITI-45", "PIXV3 Query", request.query_id.text, query, None),),
        )
    ]


def _known(request: IdentifiersQuery, index: MasterIndex) -> Sequence[Record]:
    asked = request.identifier.identifier
    if not index.knows_authority(request.identifier.root):
        raise XdsErrors([unknown_key("the domain of the patient identifier is not known here", PATIENT_PLACE)])
    unknown = [
        unknown_key("this domain is not known here", source_place(number))
        for number, source in enumerate(request.sources, start=1)
        if not index.knows_authority(source)
    ]
    if unknown:
        raise XdsErrors(unknown)
    records = index.records(asked) if asked else ()
    if not records:
        raise XdsErrors([unknown_key("the patient identifier is not known here", PATIENT_PLACE)])
    return records
