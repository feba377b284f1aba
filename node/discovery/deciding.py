"""Which of the five answers of ITI-55 a query gets (ITI TF-2: 3.55.4.2.2; federation-wire 2.4). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from node.hl7v3.answer import Subject
from node.hl7v3.query import DemographicsQuery
from registry.patients.comparison import compare
from registry.patients.demographics import Demographics
from registry.patients.profile import profile

BUSY: Final = "ResponderBusy"
NOT_AVAILABLE: Final = "AnswerNotAvailable"
INTERNAL: Final = "InternalError"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Somebody who may be meant: `sure` above the bar of an automatic link."""

    subject: Subject
    sure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """An answer: queryResponseCode, and what belongs to it."""

    code: str
    subjects: tuple[Subject, ...] = ()
    requested: tuple[str, ...] = ()
    failure: str = ""
    detail: str = ""


def refusal(query: DemographicsQuery, *, deferred: bool = False) -> Decided | None:
    """Why a query is not answered at all (case 5); None where it is. `deferred`: its answer is given later."""
    if query.priority == "D" and not deferred:
        return _bad("a deferred answer is asked for with the action of a deferred question, and respondTo")
    if query.wildcards:
        return _bad("names are not searched for: a livingSubjectName may not have the use SRCH")
    person = query.person
    if not person.identifiers and not (any(name.family for name in person.names) and person.birth_date):
        return _bad("livingSubjectName with a family name and livingSubjectBirthTime are needed, or a livingSubjectId")
    return None


def decide(query: DemographicsQuery, candidates: Sequence[Candidate]) -> Decided:
    """Cases 1 to 4. Rather than show several persons, or a doubtful one, it asks for attributes that would tell."""
    found = [one.subject for one in candidates if one.sure and one.subject.score >= query.minimum]
    if len(found) == 1:
        return Decided(code="OK", subjects=(_as_asked(found[0], query.person),))
    missing = _missing(query.person)
    if missing and (found or any(not one.sure for one in candidates)):
        return Decided(code="OK", requested=missing)
    if found:
        return Decided(code="OK", subjects=tuple(_as_asked(one, query.person) for one in found))
    return Decided(code="NF")


def _bad(detail: str) -> Decided:
    return Decided(code="QE", failure=NOT_AVAILABLE, detail=detail)


def _missing(asked: Demographics) -> tuple[str, ...]:
    wanted = (
        ("LivingSubjectAdministrativeGenderRequested", bool(asked.sex)),
        ("PatientAddressRequested", bool(asked.addresses)),
        ("PatientTelecomRequested", bool(asked.telecoms)),
        ("MothersMaidenNameRequested", bool(asked.mothers_maiden_name)),
    )
    return tuple(code for code, given in wanted if not given)


def _as_asked(subject: Subject, asked: Demographics) -> Subject:
    """Of a person only what the asker said of it comes back, for it to compare: a guess tells nothing more.

    What the asker has wrong stays out, and so do further addresses, numbers and identifiers. One name there must be
    (ITI TF-2: 3.55.4.2.2); a birth date that is nearly right comes back right, no more precise than it was asked.
    """
    person, born = subject.person, asked.birth_date
    shown = Demographics(
        identifiers=tuple(one for one in person.identifiers if one in asked.identifiers),
        names=tuple(one for one in person.names if _agrees(asked, Demographics(names=(one,))))
        or person.names[: len(asked.names)][:1],
        sex=person.sex if person.sex == asked.sex else "",
        addresses=tuple(one for one in person.addresses if _agrees(asked, Demographics(addresses=(one,)))),
        telecoms=tuple(one for one in person.telecoms if _agrees(asked, Demographics(telecoms=(one,)))),
    )
    if _agrees(asked, maiden := Demographics(mothers_maiden_name=person.mothers_maiden_name)):
        shown = replace(shown, mothers_maiden_name=maiden.mothers_maiden_name)
    if born and person.birth_date and _agrees(asked, Demographics(birth_date=person.birth_date)):
        shown = replace(shown, birth_date=replace(person.birth_date, value=person.birth_date.value[: len(born.value)]))
    return replace(subject, person=shown)


def _agrees(asked: Demographics, one: Demographics) -> bool:
    """Whether a single attribute fits what was asked; that the place of an address does is too little."""
    evidence = compare(profile(asked), profile(one))
    return bool(evidence) and all(item.weight > 0 and item.level != "place" for item in evidence)
