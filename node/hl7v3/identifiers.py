"""The query for a patient's identifiers, PRPA_IN201309UV02, and its answer, PRPA_IN201310UV02 (ITI-45). Pure.

Source: ITI TF-2: 3.45.4; federation-wire 3.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from node.hl7v3.answer import echo
from node.hl7v3.datatypes import Ii, bounded, child, named, read_ii, write_ii, write_name
from node.hl7v3.wrapper import (
    BadMessage,
    Party,
    Wrapper,
    acknowledgement,
    control_act,
    read_wrapper,
    write_message,
)
from registry.patients.demographics import Identifier, Name

ANSWER: Final = "PRPA_IN201310UV02"
_TRIGGER: Final = "PRPA_TE201310UV02"
_LIST: Final = "/PRPA_IN201309UV02/controlActProcess/queryByParameter/parameterList"
PATIENT_PLACE: Final = f"{_LIST}/patientIdentifier/value"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifiersQuery:
    """Who is asked for, and in which domains (OIDs; none: in all). `element` is queryByParameter as it came."""

    wrapper: Wrapper
    query_id: Ii
    identifier: Ii
    sources: tuple[str, ...]
    element: etree._Element


def source_place(number: int) -> str:
    """Where the n-th data source stands in a query, from 1."""
    return f"{_LIST}/dataSource[{number}]/value"


def read_identifiers_query(root: etree._Element) -> IdentifiersQuery:
    """Read a PRPA_IN201309UV02.

    Raises:
        BadMessage: no queryByParameter, no queryId, or not one patient identifier.
    """
    wrapper = read_wrapper(root)
    element = child(wrapper.act, "queryByParameter")
    query_id = read_ii(child(element, "queryId"))
    parameters = child(element, "parameterList")
    if element is None or parameters is None or not query_id.root:
        raise BadMessage("the message has no queryByParameter with a queryId and a parameterList")
    patients = [read_ii(one) for holder in named(parameters, "patientIdentifier") for one in named(holder, "value")]
    if len(patients) != 1:
        raise BadMessage("the query does not name exactly one patientIdentifier")
    sources = [
        read_ii(one).root for holder in bounded(named(parameters, "dataSource")) for one in named(holder, "value")
    ]
    return IdentifiersQuery(
        wrapper=wrapper, query_id=query_id, identifier=patients[0], sources=tuple(sources), element=element
    )


def write_identifiers(  # noqa: PLR0913  one fact each
    query: IdentifiersQuery,
    *,
    id_: Ii,
    now: datetime,
    sender: Party,
    code: str,
    ids: Sequence[Identifier] = (),
    name: Name | None = None,
    details: str = "",
) -> bytes:
    """A whole PRPA_IN201310UV02.

    Args:
        query: what is answered; its queryByParameter is repeated.
        id_: id of the answer.
        now: its creationTime.
        sender: this node, the custodian of what it says.
        code: queryResponseCode: OK, NF, AE.
        ids: the patient's identifiers in the domains that were asked for.
        name: the patient's.
        details: finished acknowledgementDetails; with them it is an application error.
    """
    subject = ""
    if ids:
        written = "".join(write_ii("id", Ii(one.authority, one.id)) for one in ids)
        shown = write_name(name) if name else '<name nullFlavor="NA"/>'
        subject = (
            '<subject typeCode="SUBJ"><registrationEvent classCode="REG" moodCode="EVN"><id nullFlavor="NA"/>'
            '<statusCode code="active"/><subject1 typeCode="SBJ">'
            f'<patient classCode="PAT">{written}<statusCode code="active"/>'
            f'<patientPerson classCode="PSN" determinerCode="INSTANCE">{shown}</patientPerson></patient></subject1>'
            f'<custodian typeCode="CST"><assignedEntity classCode="ASSIGNED">{write_ii("id", sender.device)}'
            "</assignedEntity></custodian></registrationEvent></subject>"
        )
    content = (
        f'{subject}<queryAck>{write_ii("queryId", query.query_id)}<statusCode code="deliveredResponse"/>'
        f'<queryResponseCode code="{code}"/></queryAck>{echo(query.element)}'
    )
    return write_message(
        ANSWER,
        id_=id_,
        now=now,
        sender=sender,
        receiver=query.wrapper.sender,
        accept="NE",
        acknowledgement=acknowledgement("AE" if code == "AE" else "AA", query.wrapper.id, more=details),
        act=control_act(_TRIGGER, content),
        processing=query.wrapper.processing,
    )
