"""What other institutions pushed here (XDR): somebody sees whom it is said to be about, then decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from node.faults import Faults
from node.web import patients, sameness
from node.web.administrator.ordering import ordered, refused
from node.web.drawing.header import Subject
from node.web.patients import Row
from node.web.records import patient_page
from node.web.view import View
from registry.patients.demographics import BirthDate, Demographics, Name

_MOST: Final = 10  # patients beside one submission
_LEAST_REASON: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One of our patients, and what of them is not what the sender says: name, date of birth, sex, number."""

    row: Row
    differs: tuple[str, ...]
    same: tuple[str, ...]


async def waiting(view: View) -> web.StreamResponse:
    """What waits longest, the oldest first; that it was looked at is on record."""
    try:
        found = await ordered(view, "inbox list")
    except Faults as problem:
        return refused(view, problem)
    received = [(one, _claimed(one)) for one in found["received"]]
    return view.page("administrator/inbox.html", received=received, waiting=found["waiting"])


async def received(view: View) -> web.StreamResponse:
    """One submission, with the patients whom it may be about."""
    return await _shown(view)


async def look_up(view: View) -> web.StreamResponse:
    """The same, and the patient with the number that was typed: nobody is chosen unseen."""
    return await _shown(view, view.fields.get("number", "").strip()[:200])


async def decide(view: View) -> web.StreamResponse:
    """It is of this patient, or it is not taken, for a reason."""
    reason = view.fields.get("reason", "").strip()[:200]
    accepts = view.fields.get("answer") == "accept"
    if accepts and not view.fields.get("patient"):
        return await _shown(view, problem=view.words("Choose the patient whom these documents are about."))
    if not accepts and len(reason) < _LEAST_REASON:
        problem = view.words("Write why they are not taken, in ten characters or more.")
        return await _shown(view, problem=problem)
    how = {"patient": view.fields["patient"]} if accepts else {"reason": reason}
    try:
        await ordered(view, "inbox accept" if accepts else "inbox reject", {"no": _number(view), **how})
    except Faults as problem:
        return refused(view, problem)
    return view.see("/node/inbox")


async def _shown(view: View, number: str = "", problem: str = "") -> web.StreamResponse:
    try:
        one = await ordered(view, "inbox show", {"no": _number(view)})
    except Faults as fault:
        return refused(view, fault)
    claimed = _claimed(one)
    candidates = _candidates(view, one, claimed, number)
    entry = ""
    if candidates:
        what = "pushed documents: patients shown who may be meant"
        entry = await view.record(*patient_page(view, view.caller(), what, [item.row.person.cx for item in candidates]))
    return view.page(
        "administrator/received.html",
        status=422 if problem else 200,
        one=one,
        claimed=claimed,
        candidates=candidates,
        number=number,
        problem=problem,
        entry=entry,
    )


def _number(view: View) -> int | None:
    text = view.parameters["n"]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _claimed(one: dict[str, Any]) -> Subject:
    """Whom the sender says it is about, as far as any of the documents says so."""
    subjects = [sameness.registered(document["about"]) for document in one["documents"]]
    return next((item for item in subjects if item.names), subjects[0] if subjects else Subject())


def _candidates(view: View, one: dict[str, Any], claimed: Subject, number: str) -> list[Candidate]:
    """The patient with the number typed, else the one with the identifier claimed, and who resembles the claim."""
    rows = patients.with_number(view, number or one["patient"]) if number or one["patient"] else []
    if not number and claimed.names:
        family, _, given = claimed.names[0].partition(" ")
        person = Demographics(
            names=(Name(family=family, given=tuple(given.split())),),
            birth_date=BirthDate(value=claimed.born) if claimed.born else None,
            sex=claimed.sex,
        )
        rows += patients.resembling(view, person)
    unique = {row.person.cx: row for row in reversed(rows)}
    found = []
    for row in [row for row in rows if unique.get(row.person.cx) is row][:_MOST]:
        judged = sameness.compare(claimed, row.person.records, row.person.cx)
        found.append(Candidate(row=row, differs=judged.differs, same=judged.same))
    return found
