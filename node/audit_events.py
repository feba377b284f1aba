"""The Audit Record Repository over HTTP: ITI-81, search of the audit log as FHIR AuditEvents, for auditors.

Every search is on record, with what it asked for, before its answer leaves.

Source: ITI TF-2: 3.81; federation-wire 6.1.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from node.cx import escaped
from node.exchange import Desk
from node.http.resources import Asked, Given
from node.records import subject
from node.security_records import audit_log_used
from trust.audit.event import Outcome
from trust.audit.fhir import audit_event
from trust.search.criteria import Criteria, period
from trust.search.search import Found, Page, look_up, search

FHIR: Final = "application/fhir+json"
_COUNT: Final = 50
_MOST: Final = 1000
_USERS: Final = frozenset({"agent", "agent.identifier", "agent.name", "agent-name", "address", "altid"})
_EVENTS: Final = frozenset({"type", "subtype"})
_DOCUMENTS: Final = frozenset({"entity", "entity.identifier"})
_PATIENTS: Final = frozenset({"patient.identifier"})
_OUTCOMES: Final = frozenset({"0", "4", "8", "12"})
_LABEL: Final = re.compile(r"(\d{4}[a-z]?)-(\d{1,18})", re.ASCII)


class BadSearch(Exception):  # noqa: N818  what happened
    """A search that cannot be carried out: the FHIR issue code, and why."""

    def __init__(self, code: str, why: str) -> None:
        self.code = code
        super().__init__(why)


@dataclass(slots=True)
class Wanted:
    """A search as its parameters say it. `since` and `until` bound what every `date` leaves."""

    authority: str
    sources: frozenset[str]
    patient: str = ""  # CX
    users: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    document: str = ""
    outcome: int | None = None
    since: str = ""
    until: str = ""
    count: int = _COUNT
    before: str = ""
    elsewhere: bool = False  # asks for records of another source

    def criteria(self) -> Criteria:
        """What to look for."""
        return Criteria(
            patient=subject(self.patient),
            users=tuple(self.users),
            events=tuple(self.events),
            document=self.document,
            outcome=self.outcome,
            since=self.since,
            until=self.until,
        )


def read_search(query: Sequence[tuple[str, str]], authority: str, sources: frozenset[str]) -> Wanted:
    """The parameters of ITI-81; a `date` is required.

    Args:
        query: the URL's parameters, with every repetition.
        authority: assigning authority of a patient identifier without a system.
        sources: what `source` may name here.

    Raises:
        BadSearch: a parameter that is not known, not well-formed or missing.
    """
    wanted = Wanted(authority, sources)
    for name, value in query:
        if not value:
            raise BadSearch("invalid", f"{name} has no value")
        try:
            _take(wanted, name, value)
        except (ValueError, OverflowError) as wrong:
            raise BadSearch("invalid", f"{name}: {wrong}") from wrong
    if not wanted.since and not wanted.until:
        raise BadSearch("required", "a date is required: date=ge2026-03-01&date=le2026-03-31")
    return wanted


def _take(wanted: Wanted, name: str, value: str) -> None:
    code = value.rpartition("|")[2]
    if name == "date":
        _narrow(wanted, value)
    elif name in _PATIENTS and not wanted.patient:
        system, _, number = value.rpartition("|")
        authority = system.removeprefix("urn:oid:") or wanted.authority
        wanted.patient = f"{escaped(number)}^^^&{authority}&ISO"
        if not subject(wanted.patient):  # without a patient the search would be about everybody
            raise ValueError("write it as urn:oid:OID|ID")
    elif name in _DOCUMENTS and not wanted.document:
        wanted.document = code.removeprefix("urn:oid:")
    elif name == "outcome" and wanted.outcome is None and code in _OUTCOMES:
        wanted.outcome = int(code)
    elif name in _USERS:
        wanted.users.append(code)
    elif name in _EVENTS:
        wanted.events.append(code)
    elif name in ("source", "source.identifier"):
        wanted.elsewhere |= code not in wanted.sources
    else:
        _take_control(wanted, name, value)


def _take_control(wanted: Wanted, name: str, value: str) -> None:
    label = _LABEL.fullmatch(value)
    if name == "_count" and value.isdecimal() and int(value) > 0:
        wanted.count = min(int(value), _MOST)
    elif name == "before" and label:
        wanted.before = f"{label[1]}/{label[2]}"
    elif not (name == "_sort" and value == "-date") and not (name == "_format" and "json" in value):
        raise BadSearch("not-supported", f"{name}={value[:100]} is not supported here, or given twice")


def _narrow(wanted: Wanted, value: str) -> None:
    """One `date`: what it leaves of the period."""
    prefix, date = (value[:2], value[2:]) if value[:2].isalpha() else ("eq", value)
    first, after = period(date)
    since = {"eq": first, "ge": first, "gt": after, "sa": after}.get(prefix, "")
    until = {"eq": after, "le": after, "lt": first, "eb": first}.get(prefix, "")
    if not since and not until:
        raise ValueError(f"the prefix {prefix} is not known")
    wanted.since = max(wanted.since, since)
    wanted.until = min(filter(None, (wanted.until, until)), default="")


async def search_events(asked: Asked, desk: Desk) -> Given:
    """`GET /audit/AuditEvent?date=…`: a searchset Bundle, newest first."""
    own = desk.actors.own
    try:
        wanted = read_search(asked.query, own.assigning_authority, frozenset({own.home, own.name}))
        page = await _found(desk, wanted)
    except BadSearch as bad:
        return await _refused(asked, desk, 400, bad.code, str(bad))
    details = wanted.criteria().words() | {"count": str(len(page.entries)), "log size": str(page.size)}
    body = await asyncio.to_thread(lambda: orjson.dumps(_bundle(asked, wanted, page)))
    return await _on_record(asked, desk, Given(body=body, content_type=FHIR), details, wanted.patient)


async def read_event(asked: Asked, desk: Desk) -> Given:
    """`GET /audit/AuditEvent/2026-137`: one record."""
    label = _LABEL.fullmatch(asked.parameters["word"])
    try:
        found, _ = await asyncio.to_thread(look_up, desk.ledger, f"{label[1]}/{label[2]}" if label else "")
    except LookupError as missing:
        return await _refused(asked, desk, 404, "not-found", str(missing))
    event = found.record["event"]
    given = Given(body=orjson.dumps(_resource(found)), content_type=FHIR)
    return await _on_record(asked, desk, given, {"shown": found.label}, event.get("patient", ""))


async def _found(desk: Desk, wanted: Wanted) -> Page:
    if wanted.elsewhere:
        return Page([], more=False, size=0)
    try:
        return await asyncio.to_thread(
            search, desk.index, desk.ledger, wanted.criteria(), limit=wanted.count, before=wanted.before
        )
    except (LookupError, ValueError) as wrong:
        raise BadSearch("invalid", str(wrong)) from wrong


async def _refused(asked: Asked, desk: Desk, status: int, code: str, why: str) -> Given:
    issue = {"severity": "error", "code": code, "diagnostics": why}
    body = orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]})
    given = Given(status=status, body=body, content_type=FHIR)
    return await _on_record(asked, desk, given, {"refused": why}, "")


async def _on_record(asked: Asked, desk: Desk, given: Given, details: Mapping[str, str], patient: str) -> Given:
    record = audit_log_used(
        desk.actors.clock(),
        node=desk.actors.own.home,
        user=asked.caller.user or f"{asked.caller.name} ({asked.caller.role})",
        what="ITI-81",
        patient=patient,
        details=details,
        address=asked.caller.address,
        incident=asked.incident,
        outcome=Outcome.SUCCESS if given.status == 200 else Outcome.SERIOUS,
    )
    given.proof = await desk.actors.sequencer.record([record])
    return given


def _bundle(asked: Asked, wanted: Wanted, page: Page) -> dict[str, Any]:
    here = f"https://{asked.headers.get('Host', 'localhost')}{asked.endpoint}"
    links = [{"relation": "self", "url": _url(here, asked.query)}]
    if page.more:
        rest = [(name, value) for name, value in asked.query if name != "before"]
        links.append({"relation": "next", "url": _url(here, [*rest, ("before", _id(page.entries[-1]))])})
    entries = [
        {"fullUrl": f"{here}/{_id(one)}", "resource": _resource(one), "search": {"mode": "match"}}
        for one in page.entries
    ]
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        **({} if page.more or wanted.before else {"total": len(entries)}),
        "link": links,
        **({"entry": entries} if entries else {}),
    }


def _resource(found: Found) -> dict[str, Any]:
    return {**audit_event(found.record), "id": _id(found)}


def _id(found: Found) -> str:
    return found.label.replace("/", "-")


def _url(endpoint: str, query: Sequence[tuple[str, str]]) -> str:
    return f"{endpoint}?{urlencode(query)}" if query else endpoint
