"""ITI-44 Patient Identity Feed HL7 V3: a source adds, revises and merges patients (ITI TF-2: 3.44).

A message is accepted (CA) when the change and its audit records are durable. A revision replaces what its source said
before: the message is a snapshot.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from lxml import etree

from node.bindings import AuditFact
from node.exchange import Exchange
from node.hl7v3.feed import FeedMessage, read_feed
from node.patients.answers import PatientAnswer, accepted, decoded, unknown_key
from registry.errors import XdsErrors
from registry.patients.demographics import Identifier
from registry.patients.identity import PatientIdentityError
from registry.store.master_index import MasterIndex
from trust.audit.event import Action

_PATIENT = "/*/controlActProcess/subject/registrationEvent/subject1/patient/id"
_PRIOR = (
    "/*/controlActProcess/subject/registrationEvent/replacementOf/priorRegistration/subject1/priorRegisteredRole/id"
)


def decode(body: etree._Element) -> FeedMessage:
    """Read PRPA_IN201301UV02, 201302 or 201304."""
    return decoded(read_feed, body)


def patient_identity_feed_hl7_v3(
    request: FeedMessage, _prepared: None, exchange: Exchange, connection: sqlite3.Connection
) -> PatientAnswer:
    """Carry the message out in the master index, and for the own assigning authority among the patients of documents.

    Raises:
        XdsErrors: no identifier of an authority whose patients are taken, or a rule of merging is broken.
    """
    index, now = exchange.actors.index(connection), exchange.now.strftime("%Y%m%d%H%M%S")
    patient = _chosen(request.ids, index)
    if patient is None:
        raise XdsErrors([unknown_key("no id is of an assigning authority whose patients are taken here", _PATIENT)])
    linked: Sequence[Identifier] = ()
    try:
        if request.kind == "merge":
            priors = [one for one in request.priors if one.authority == patient.authority]
            if not priors:
                raise XdsErrors([unknown_key("no id that is subsumed is of the survivor's authority", _PRIOR)])
            for prior in priors:
                index.merge(patient, prior, now)
        else:
            person = request.person
            others = tuple(one for one in person.identifiers if one != patient)
            linked = index.store(patient, replace(person, identifiers=others), now).linked
    except PatientIdentityError as problem:
        place = _PRIOR if request.kind == "merge" else _PATIENT
        raise XdsErrors([unknown_key(str(problem.reason), place)]) from None
    answer = PatientAnswer(message=accepted(request.wrapper, exchange))
    return replace(answer, patients=tuple(one.cx for one in (patient, *linked)))


def facts(request: FeedMessage, result: PatientAnswer | None, exchange: Exchange) -> list[AuditFact]:
    """C or U for the patient; a merge deletes those subsumed and updates the survivor; U for who was linked by it."""
    patient = _chosen(request.ids, exchange.actors.index(exchange.actors.reader))
    if patient is None:
        return [AuditFact()]
    fact = partial(AuditFact, details=(("II", request.wrapper.id.text),))
    linked = [fact(patient=one, action=Action.UPDATE) for one in (result.patients[1:] if result else ())]
    if request.kind != "merge":
        action = Action.CREATE if request.kind == "add" else Action.UPDATE
        return [fact(patient=patient.cx, action=action), *linked]
    subsumed = [one for one in request.priors if one.authority == patient.authority]
    return [
        *(fact(patient=one.cx, action=Action.DELETE) for one in subsumed),
        fact(patient=patient.cx, action=Action.UPDATE),
    ]


def _chosen(ids: Sequence[Identifier], index: MasterIndex) -> Identifier | None:
    """The id that the record is kept under: of the own assigning authority before others whose patients are taken."""
    return min((one for one in ids if index.indexes(one.authority)), key=index.rank, default=None)
