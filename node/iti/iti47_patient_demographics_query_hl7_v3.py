"""ITI-47 Patient Demographics Query HL7 V3: patients by what is known of them, page by page (ITI TF-2: 3.47).

All parameters must agree, names within a typing error or, with `use="SRCH"` or a `*`, by their beginnings. One subject
stands for one person: the record of the own assigning authority where there is one, the others' identifiers beside it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from lxml import etree

from node.bindings import AuditFact
from node.exchange import Exchange
from node.hl7v3.answer import ANSWER, Subject, write_answer
from node.hl7v3.continuation import CONTINUATION, Continuation, read_continuation
from node.hl7v3.datatypes import child, read_digits
from node.hl7v3.query import DemographicsQuery, read_query
from node.hl7v3.wrapper import BadMessage, read_wrapper
from node.patients.answers import PatientAnswer, accepted, decoded, details, fresh_id, party, refuse_query, unknown_key
from node.patients.continuations import KEPT, Pending
from node.records import query_object
from registry.errors import ErrorCode, RegistryError, XdsErrors
from registry.patients.comparison import compare
from registry.patients.evidence import total
from registry.patients.names import spelled, words
from registry.patients.profile import profile
from registry.patients.records import Hit, Record
from registry.store.master_index import MasterIndex

MOST_ON_A_PAGE: Final = 100
_SCOPE: Final = (
    "/PRPA_IN201305UV02/controlActProcess/queryByParameter/parameterList/otherIDsScopingOrganization[{}]/value"
)
_ELSEWHERE: Final = frozenset({"address", "telephone or e-mail"})  # people move, but not out of a query

Request = DemographicsQuery | Continuation


def decode(body: etree._Element) -> Request:
    """Read PRPA_IN201305UV02 or QUQI_IN000003UV01."""
    return decoded(_read, body)


def _read(body: etree._Element) -> Request:
    if etree.QName(body).localname == CONTINUATION:
        return read_continuation(body)
    return read_query(read_wrapper(body))


def patient_demographics_query_hl7_v3(
    request: Request, _prepared: None, exchange: Exchange, reader: sqlite3.Connection
) -> PatientAnswer:
    """The first patients, or the next of an earlier answer.

    Raises:
        XdsErrors: nothing to search by, domains that are not known (204), an answer that is no longer kept.
    """
    if isinstance(request, Continuation):
        return _continued(request, exchange)
    index = exchange.actors.index(reader)
    unknown = [
        unknown_key("this domain is not known here", _SCOPE.format(number))
        for number, scope in enumerate(request.scopes, start=1)
        if not index.knows_authority(scope)
    ]
    if unknown:
        raise XdsErrors(unknown)
    subjects = tuple(_subjects(request, index))
    page = min(request.quantity or MOST_ON_A_PAGE, MOST_ON_A_PAGE)
    pending = Pending(query=request, subjects=subjects, given=0, page=page, until=exchange.now + KEPT)
    return _page(pending, page, exchange)


def _continued(request: Continuation, exchange: Exchange) -> PatientAnswer:
    caller = exchange.caller.fingerprint
    pending = exchange.actors.continuations.take(caller, request.query_id.text, exchange.now)
    if request.cancelled:
        return PatientAnswer(message=accepted(request.wrapper, exchange))
    if pending is None:
        raise XdsErrors([RegistryError(ErrorCode.REGISTRY_ERROR, "no answer to this query is kept; ask again")])
    query = replace(pending.query, wrapper=request.wrapper)
    pending = replace(pending, query=query, until=exchange.now + KEPT)
    return _page(pending, min(request.quantity or pending.page, MOST_ON_A_PAGE), exchange)


def _page(pending: Pending, quantity: int, exchange: Exchange) -> PatientAnswer:
    given = pending.subjects[pending.given : pending.given + quantity]
    done = pending.given + len(given)
    if left := len(pending.subjects) - done:
        exchange.actors.continuations.put(exchange.caller.fingerprint, replace(pending, given=done))
    message = write_answer(
        pending.query,
        id_=fresh_id(exchange),
        now=exchange.now,
        sender=party(exchange),
        code="OK" if pending.subjects else "NF",
        subjects=given,
        quantities=f'<resultTotalQuantity value="{len(pending.subjects)}"/>'
        f'<resultCurrentQuantity value="{len(given)}"/><resultRemainingQuantity value="{left}"/>',
    )
    return PatientAnswer(message=message, patients=tuple(subject.id.cx for subject in given))


def _subjects(request: DemographicsQuery, index: MasterIndex) -> list[Subject]:
    asked, born = request.person, _interval(request.element)
    if born is not None:
        asked = replace(asked, birth_date=None)
    wanted = [
        (spelled(word), request.wildcards or "*" in part)
        for name in asked.names for part in (name.family, *name.given) for word in words(part)
    ]  # fmt: skip
    searchable = (
        wanted or asked.identifiers or asked.telecoms or (asked.birth_date and len(asked.birth_date.value) == 8)
    )
    if not searchable:
        why = "a name, a whole date of birth, a telephone number, an e-mail address or an identifier is needed"
        raise XdsErrors([RegistryError(ErrorCode.REGISTRY_ERROR, why)])
    itself = profile(asked)
    best = max(1.0, total(compare(itself, itself)))
    found: dict[int, Subject] = {}
    for hit in index.having(asked, wanted):
        score = _score(hit, best)
        if score >= request.minimum and _agrees(hit) and (born is None or _within(hit, *born)):
            records = index.person(hit.record.no)
            found.setdefault(records[0].no, _subject(records, request.scopes, score, index))
    return sorted(found.values(), key=lambda one: -one.score)


def _agrees(hit: Hit) -> bool:
    return not any(item.field in _ELSEWHERE and item.weight < 0 for item in hit.match.evidence)


def _interval(query: etree._Element) -> tuple[str, str] | None:
    """First and last day of birth that are asked for, as digits of any precision; None where one date is, or none."""
    value = child(query, "parameterList", "livingSubjectBirthTime", "value")
    low, high = read_digits(child(value, "low"))[:8], read_digits(child(value, "high"))[:8]
    return (low, high) if low != high else None


def _within(hit: Hit, low: str, high: str) -> bool:
    """Whether a record's date of birth, as precise as both are, lies within; an open end is ""."""
    born = hit.record.person.birth_date.value if hit.record.person.birth_date else ""
    if not born:
        return False
    return low[: len(born)] <= born[: len(low)] and (not high or born[: len(high)] <= high[: len(born)])


def _score(hit: Hit, best: float) -> int:
    """How much of what was asked for agrees, 1 to 100."""
    return max(1, min(100, round(100 * hit.match.weight / best)))


def _subject(records: Sequence[Record], scopes: Sequence[str], score: int, index: MasterIndex) -> Subject:
    alive = [one for one in records if one.subsumed_by is None]
    own = min(alive, key=lambda one: index.rank(one.identifier))
    others = dict.fromkeys(one for record in alive for one in record.whole.identifiers if one != own.identifier)
    shown = tuple(one for one in others if not scopes or one.authority in scopes)
    return Subject(id=own.identifier, person=replace(own.person, identifiers=shown), score=score)


def refuse(body: etree._Element, errors: Sequence[RegistryError], exchange: Exchange) -> bytes:
    """AE in acknowledgement and queryAck, with a detail for each error."""
    try:
        query = _read(body)
    except BadMessage:
        query = None
    if isinstance(query, DemographicsQuery):
        return write_answer(
            query,
            id_=fresh_id(exchange),
            now=exchange.now,
            sender=party(exchange),
            code="AE",
            details=details(errors),
        )
    return refuse_query(body, errors, exchange, answer=ANSWER, event="PRPA_TE201306UV02")


def facts(request: Request, result: PatientAnswer | None, _exchange: Exchange) -> list[AuditFact]:
    """A record for each patient that was shown, each with the query; one without a patient where there was none."""
    query = b"" if isinstance(request, Continuation) else etree.tostring(request.element, with_tail=False)
    objects = (query_object("ITI-47", "Patient Demographics Query HL7 V3", request.query_id.text, query, None),)
    patients = result.patients if result else ()
    return [AuditFact(patient=one, objects=objects) for one in patients or ("",)]
