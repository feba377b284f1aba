"""Finding a patient, and saying why their documents are opened (ui 4.a, 4.b, 4.e)."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from aiohttp import web

from node.cx import patient_cx
from node.web import dates, documents, seen
from node.web.records import patient_page
from node.web.sessions import EMERGENCY, Emergency, Person, Visit
from node.web.view import View
from registry.patients.demographics import BirthDate, Demographics, Identifier, Name
from registry.patients.matching import Match
from registry.patients.names import spelled, words
from registry.patients.records import Hit, Record
from trust.audit.event import Action, NewRecord
from trust.consent.words import pair

MOST_SHOWN: Final = 50
LEAST_NOTE: Final = 10
_BIRTH: Final = re.compile(r"[0-9]{4}(?:[0-9]{2}(?:[0-9]{2})?)?")
PURPOSES: Final = ("TREAT", "PATRQT")  # what a clinician may say; emergencies have a page of their own
_SEXES: Final = {"F": "Female", "M": "Male", "UN": "Other"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One patient in the list; `similar`: another one of nearly the same name differs in date of birth or sex."""

    handle: str
    person: Person
    why: str
    evidence: tuple[str, ...] = ()
    similar: bool = False


async def form(view: View) -> web.StreamResponse:
    """The empty form."""
    return _page(view)


def _page(
    view: View, rows: list[Row] | None = None, problem: str = "", status: int = 200, entry: str = ""
) -> web.Response:
    purposes = [(code, view.desk.services.users.purposes.by_code(code)) for code in PURPOSES]
    return view.page(
        "patients.html",
        status=status,
        rows=rows,
        problem=problem,
        fields=view.fields,
        purposes=[code for code, known in purposes if known],
        most=MOST_SHOWN,
        entry=entry,
    )


async def search(view: View) -> web.StreamResponse:
    """Patients by number, or by two of name, date of birth and sex; each that is shown is on record first."""
    said = {name: view.fields.get(name, "").strip()[:200] for name in ("number", "family", "given", "born", "sex")}
    born = re.sub(r"[^0-9]", "", said["born"])
    if said["born"] and not _BIRTH.fullmatch(born):
        problem = view.words("Write the date of birth as year, month, day: 1961-03-14, or as much of it as is known.")
        return _page(view, problem=problem, status=422)
    filled = [name for name in ("family", "given", "born", "sex") if said[name]]
    if not said["number"] and len(filled) < 2:
        problem = view.words("Give a number, or at least two of name, date of birth and sex.")
        return _page(view, problem=problem, status=422)
    rows = with_number(view, said["number"]) if said["number"] else _described(view, said, born)
    rows = _marked(rows)
    for row in rows:
        view.signed_in.show(row.handle, row.person)
    shown = [row.person.cx for row in rows]
    what = "search of patients: shown" if rows else "search of patients: nobody found"
    entry = await view.record(*patient_page(view, view.caller(), what, shown))
    return _page(view, rows, entry=entry)


def with_number(view: View, number: str) -> list[Row]:
    """Our patient with this number, or none."""
    authority = view.desk.services.config.node.assigning_authority
    try:
        identifier = Identifier.of(patient_cx(number, authority))
    except ValueError:
        return []
    index = view.desk.services.actors.index(view.desk.services.reader)
    records = [one for one in index.records(identifier) if one.subsumed_by is None]
    return [_row(view, record, view.words("same number")) for record in records if _ours(view, record)]


def _described(view: View, said: dict[str, str], born: str) -> list[Row]:
    person = Demographics(
        names=(Name(family=said["family"], given=tuple(said["given"].split())),)
        if said["family"] or said["given"]
        else (),
        birth_date=BirthDate(value=born) if born else None,
        sex=said["sex"] if said["sex"] in _SEXES else "",
    )
    return resembling(view, person)


def resembling(view: View, person: Demographics) -> list[Row]:
    """Our patients who may be this person, the most similar first."""
    wanted = [
        (spelled(word), True) for name in person.names for part in (name.family, *name.given) for word in words(part)
    ]
    index = view.desk.services.actors.index(view.desk.services.reader)
    hits = [hit for hit in index.having(person, wanted) if _ours(view, hit.record)]
    return [_hit(view, hit) for hit in hits[:MOST_SHOWN]]


def _ours(view: View, record: Record) -> bool:
    return record.identifier.authority == view.desk.services.config.node.assigning_authority


def _hit(view: View, hit: Hit) -> Row:
    return _row(view, hit.record, view.words("resembles"), _evidence(hit.match))


def _evidence(match: Match) -> tuple[str, ...]:
    return tuple(f"{one.field}: {one.level} ({one.weight:+.1f})" for one in match.evidence)


def _row(view: View, record: Record, why: str, evidence: tuple[str, ...] = ()) -> Row:
    person = _person(view, record)
    return Row(handle=handle_of(view, person.cx), person=person, why=why, evidence=evidence)


def _person(view: View, record: Record) -> Person:
    index = view.desk.services.actors.index(view.desk.services.reader)
    linked = [one.person for one in index.person(record.no) if one.no != record.no]
    return described(record.identifier.cx, [record.person, *linked], view.language)


def described(cx: str, said: Sequence[Demographics], language: str) -> Person:
    """Whom a record is about: what it does not say itself is taken from the records that are linked to it."""
    names = next((one.names for one in said if one.names), (Name(),))
    born = next((one.birth_date for one in said if one.birth_date), None)
    full = ", ".join(filter(None, [names[0].family, " ".join(names[0].given)]))
    others = [one.family + "".join(one.given) for one in names[1:2] if not one.family.isascii()]
    return Person(
        cx=cx,
        name=full + "".join(f" ({one})" for one in others),
        born=dates.shown(born.value, language) if born else "",
        birth=born.value if born else "",
        sex=next((_SEXES[one.sex] for one in said if one.sex in _SEXES), ""),
        records=tuple(said),
    )


def handle_of(view: View, patient: str) -> str:
    """What stands in URLs for a patient: the same for one user and patient, of no use to anybody else."""
    return view.desk.sealing.name(f"{view.signed_in.user}\0{patient}")


def _marked(rows: list[Row]) -> list[Row]:
    """Similar names are the classic wrong patient: said at both rows."""
    folded = [spelled(row.person.name) for row in rows]
    return [
        Row(handle=row.handle, person=row.person, why=row.why, evidence=row.evidence, similar=folded.count(name) > 1)
        if name
        else row
        for row, name in zip(rows, folded, strict=True)
    ]


async def begin_visit(view: View) -> web.StreamResponse:
    """Why the record is opened: once for a patient and visit, carried into every assertion and record."""
    handle = view.parameters["h"]
    person = view.signed_in.shown.get(handle)
    if person is None:
        return view.no_visit()
    code = view.fields.get("purpose", "")
    purpose = view.desk.services.users.purposes.by_code(code) if code in PURPOSES else None
    note = view.fields.get("note", "").strip()[:200]
    if purpose is None or len(note) < LEAST_NOTE:
        problem = view.words("Say why you open this record: choose a reason, and write what it is for.")
        return _page(view, [_again(view, handle, person)], problem, 422)
    user, services = view.signed_in.user, view.desk.services
    before = seen.before(services.reader, user, services.registry.identities_of(person.cx) or (person.cx,))
    visit = Visit(person=person, purpose=purpose, seen=view.now, before=before)
    what = f"visit opened: {purpose.text}; {note}"
    records = patient_page(view, view.caller(visit), what, [person.cx], action=Action.EXECUTE)
    now = f"{services.clock():%Y-%m-%dT%H:%M:%SZ}"

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        seen.visit(connection, user, person.cx, now)
        return None, records

    await services.sequencer.transact(work)
    await view.desk.recent.read(view)
    view.signed_in.end_visit(handle)  # one for another reason, and what it had opened
    view.signed_in.visits[handle] = visit
    return documents.start(view, handle, visit)


def _again(view: View, handle: str, person: Person) -> Row:
    return Row(handle=handle, person=person, why="")


async def end_visit(view: View) -> web.StreamResponse:
    """Done with this patient, or the reason changes."""
    handle = view.parameters["h"]
    visit = view.signed_in.visit(handle, view.now)
    if visit:
        await view.record(*patient_page(view, view.caller(visit), "visit ended", [visit.person.cx]))
        view.signed_in.end_visit(handle)
    return view.see("/patients")


async def emergency_form(view: View) -> web.StreamResponse:
    """What an emergency opens, what it does not, and what follows."""
    visit = view.signed_in.visit(view.parameters["h"], view.now)
    if visit is None:
        return view.no_visit()
    if not _may_break(view):
        return await _no_emergency(view, visit)
    return view.page("emergency.html", visit=visit, handle=view.parameters["h"], problem="")


def _may_break(view: View) -> bool:
    """Whether this institution lets people of this profession break the glass; others decide for themselves besides."""
    role = view.profession
    return role is not None and pair(role) in view.desk.services.actors.policy.jurisdiction.emergency.roles


async def _no_emergency(view: View, visit: Visit) -> web.StreamResponse:
    what = "emergency access refused: not permitted in this profession"
    await view.record(*patient_page(view, view.caller(visit), what, [visit.person.cx]))
    cause = view.words("The rules of this institution permit no emergency access in your profession.")
    step = view.words("Ask somebody who may open it, such as the physician on duty.")
    return view.problem(403, "CNS-02", cause, step)


async def emergency(view: View) -> web.StreamResponse:
    """Break the glass for an hour, with a reason; every institution is asked again under it."""
    handle = view.parameters["h"]
    visit = view.signed_in.visit(handle, view.now)
    if visit is None:
        return view.no_visit()
    purposes = view.desk.services.users.purposes
    purpose = purposes.by_code("BTG") or purposes.by_code("ETREAT")
    if purpose is None or not _may_break(view):
        return await _no_emergency(view, visit)
    reason = view.fields.get("reason", "").strip()[:400]
    note = view.fields.get("note", "").strip()[:400]
    said = note if reason == "other" else reason
    if len(said) < LEAST_NOTE:
        problem = view.words("Choose a reason, or write one of at least ten characters.")
        return view.page("emergency.html", status=422, visit=visit, handle=handle, problem=problem)
    ends = view.desk.services.clock() + timedelta(seconds=EMERGENCY)
    begun = Emergency(until=view.now + EMERGENCY, ends=ends, purpose=purpose, reason=said)
    what, caller = f"emergency access begins: {said}", view.caller(replace(visit, emergency=begun))
    await view.record(*patient_page(view, caller, what, [visit.person.cx], action=Action.EXECUTE))
    visit.emergency = begun  # what is not on record has not begun
    view.desk.services.actors.alarm("emergency-access")
    return documents.start(view, handle, visit)


async def end_emergency(view: View) -> web.StreamResponse:
    """It is over before its hour is: what it opened is closed, and the institutions are asked as before."""
    handle = view.parameters["h"]
    visit = view.signed_in.visit(handle, view.now)
    if visit is None:
        return view.no_visit()
    await view.record(*patient_page(view, view.caller(visit), "emergency access ended", [visit.person.cx]))
    view.signed_in.end_emergency(handle)
    return documents.start(view, handle, visit)
