"""The answer to a query by demographics, PRPA_IN201306UV02, of ITI-47 and ITI-55: written and read. Pure.

Source: ITI TF-2: 3.47.4.2, 3.55.4.2; federation-wire 2.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from node.hl7v3.datatypes import V3, Ii, attribute, child, named, read_ii, write_ii
from node.hl7v3.person import read_patient, write_patient
from node.hl7v3.query import DemographicsQuery
from node.hl7v3.wrapper import Party, Wrapper, acknowledgement, control_act, read_wrapper, write_message
from node.soap.writing import escape
from registry.patients.demographics import Demographics, Identifier

ANSWER: Final = "PRPA_IN201306UV02"
_TRIGGER: Final = "PRPA_TE201306UV02"
MOST_SUBJECTS: Final = 100  # of one answer that are read

MORE_ATTRIBUTES: Final = "1.3.6.1.4.1.19376.1.2.27.1"
FAILURES: Final = "1.3.6.1.4.1.19376.1.2.27.3"
LOCATOR: Final = "1.3.6.1.4.1.19376.1.2.27.2"
_ISSUES: Final = "2.16.840.1.113883.5.4"
_ISSUE: Final = "_ActAdministrativeDetectedIssueManagementCode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One person of an answer: the id to be used (ITI-55: in ITI-38), who it is, how well that fits (0 to 100).

    `community` is the bare OID of the custodian, "" where none is named; `locator` whether it declares to know where
    the patient is known elsewhere (ITI-56).
    """

    id: Identifier
    person: Demographics
    score: int = 0
    community: str = ""
    locator: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DemographicsAnswer:
    """An answer as it was read. `code` is queryResponseCode, `requested` and `failures` of detected issues."""

    wrapper: Wrapper
    query_id: Ii
    code: str
    subjects: tuple[Subject, ...] = ()
    requested: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


def write_answer(  # noqa: PLR0913  one fact each
    query: DemographicsQuery,
    *,
    id_: Ii,
    now: datetime,
    sender: Party,
    code: str,
    subjects: Sequence[Subject] = (),
    requested: Sequence[str] = (),
    failure: str = "",
    detail: str = "",
    details: str = "",
    quantities: str = "",
) -> bytes:
    """A whole PRPA_IN201306UV02.

    Args:
        query: what is answered; its queryByParameter is repeated.
        id_: id of the answer.
        now: its creationTime.
        sender: this node.
        code: queryResponseCode: OK, NF, AE, QE.
        subjects: who was found.
        requested: attributes without which nothing is decided (ITI TF-2: 3.55.4.2.2.4), codes of MORE_ATTRIBUTES.
        failure: why there is no answer, a code of FAILURES; the acknowledgement is then AE.
        detail: the failure in words.
        details: finished acknowledgementDetails, in its place or besides.
        quantities: finished elements of queryAck behind the code (ITI-47).
    """
    failed = code in ("AE", "QE")
    content = (
        "".join(map(_subject, subjects))
        + _issue("triggerFor", "TRIG", "actOrderRequired", "RQO", MORE_ATTRIBUTES, requested)
        + _issue("mitigatedBy", "MITGT", "detectedIssueManagement", "EVN", FAILURES, [failure] if failure else [])
        + f'<queryAck>{write_ii("queryId", query.query_id)}<statusCode code="deliveredResponse"/>'
        f'<queryResponseCode code="{code}"/>{quantities}</queryAck>' + _asked(query)
    )
    return write_message(
        ANSWER,
        id_=id_,
        now=now,
        sender=sender,
        receiver=query.wrapper.sender,
        accept="NE",
        acknowledgement=acknowledgement(
            "AE" if failed else "AA", query.wrapper.id, detail=detail, code="INTERR", more=details
        ),
        act=control_act(_TRIGGER, content),
        processing=query.wrapper.processing,
    )


def _asked(query: DemographicsQuery) -> str:
    """The queryByParameter as it came; without a queryId it would not be valid."""
    return "" if child(query.element, "queryId") is None else echo(query.element)


def echo(element: etree._Element) -> str:
    """An element of the request as it came, with the namespaces that it needs declared on itself."""
    return etree.tostring(element, encoding="unicode", with_tail=False)


def _subject(found: Subject) -> str:
    match = (
        '<subjectOf1><queryMatchObservation classCode="COND" moodCode="EVN"><code code="IHE_PDQ"/>'
        f'<value xsi:type="INT" value="{found.score}"/></queryMatchObservation></subjectOf1>'
    )
    patient = write_patient([found.id], found.person, after=match)
    code = ""
    if found.community:
        word = "SupportsHealthDataLocator" if found.locator else "NotHealthDataLocator"
        code = f'<code code="{word}" codeSystem="{LOCATOR}"/>'
    return (
        '<subject typeCode="SUBJ"><registrationEvent classCode="REG" moodCode="EVN"><id nullFlavor="NA"/>'
        f'<statusCode code="active"/><subject1 typeCode="SBJ">{patient}</subject1>'
        f'<custodian typeCode="CST"><assignedEntity classCode="ASSIGNED">'
        f"{write_ii('id', Ii(found.community or found.id.authority))}{code}</assignedEntity></custodian>"
        "</registrationEvent></subject>"
    )


def _issue(link: str, type_: str, name: str, mood: str, system: str, codes: Sequence[str]) -> str:
    if not codes:
        return ""
    inner = "".join(
        f'<{link} typeCode="{type_}"><{name} classCode="ACT" moodCode="{mood}"><code code="{escape(code)}" '
        f'codeSystem="{system}"/></{name}></{link}>'
        for code in codes
    )
    return (
        '<reasonOf typeCode="RSON"><detectedIssueEvent classCode="ALRT" moodCode="EVN">'
        f'<code code="{_ISSUE}" codeSystem="{_ISSUES}"/>{inner}</detectedIssueEvent></reasonOf>'
    )


def read_answer(root: etree._Element) -> DemographicsAnswer:
    """Read a PRPA_IN201306UV02; subjects without an identifier are passed over.

    Raises:
        BadMessage: it has no id.
    """
    wrapper = read_wrapper(root)
    act = wrapper.act
    ack = child(act, "queryAck")
    subjects = [_read_subject(one) for one in named(act, "subject")[:MOST_SUBJECTS]] if act is not None else []
    code = attribute(child(ack, "queryResponseCode"), "code")
    if wrapper.acknowledged in ("AE", "AR") and code in ("", "OK", "NF"):
        code = "AE"
    return DemographicsAnswer(
        wrapper=wrapper,
        query_id=read_ii(child(ack, "queryId")),
        code=code,
        subjects=tuple(one for one in subjects if one is not None),
        requested=_codes(act, "actOrderRequired"),
        failures=_codes(act, "detectedIssueManagement"),
    )


def _read_subject(subject: etree._Element) -> Subject | None:
    event = child(subject, "registrationEvent")
    patient = child(event, "subject1", "patient")
    id_ = read_ii(child(patient, "id")).identifier
    if patient is None or id_ is None:
        return None
    score = attribute(child(patient, "subjectOf1", "queryMatchObservation", "value"), "value")
    custodian = child(event, "custodian", "assignedEntity")
    return Subject(
        id=id_,
        person=read_patient(patient),
        score=min(100, int(score)) if score.isascii() and score.isdigit() and len(score) < 5 else 0,
        community=read_ii(child(custodian, "id")).root,
        locator=attribute(child(custodian, "code"), "code") == "SupportsHealthDataLocator",
    )


def _codes(act: etree._Element | None, name: str) -> tuple[str, ...]:
    if act is None:
        return ()
    found = [attribute(child(one, "code"), "code") for one in act.iter(f"{{{V3}}}{name}")]
    return tuple(code for code in found if code)[:20]
