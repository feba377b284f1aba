"""Who is the same person: `patient search | match | link | unlink | review`. Looks and decisions are on record."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from node.administration.orders import Order, Result
from node.administration.patients import demographics, identifier_of
from node.faults import misused
from node.records import patient_object
from registry.patients.demographics import Demographics, Identifier
from registry.patients.identity import PatientIdentityError, Refusal
from registry.patients.matching import Match
from registry.patients.names import spelled, words
from registry.patients.records import Hit, PairState
from registry.patients.stored import to_plain
from trust.audit.event import Action, NewRecord

MOST_SHOWN: Final = 20
MOST_TO_REVIEW: Final = 200  # at once: whoever is shown is on record


async def search(order: Order) -> Result:
    """Patients that resemble what is said, the likeliest first; each that is shown is on record."""
    person = Demographics(**demographics(order))
    if person == Demographics():
        step = "name at least one: --family, --given, --birth-date, --phone, --identifier"
        raise misused("usage", order.command, "there is nothing to search for", step)
    wanted = [
        (spelled(word.removesuffix("*")), True) for name in person.names for part in (name.family, *name.given)
        for word in words(part)
    ]  # fmt: skip
    index = order.services.actors.index(order.services.reader)
    hits = index.having(person, wanted)[:MOST_SHOWN]
    seen = [order.patient_record(Action.READ, "found in a search", hit.record.identifier.cx) for hit in hits]
    await order.record(seen or [order.patient_record(Action.READ, "search that found nobody", "")])
    return {"patients": [_hit(hit) for hit in hits]}


async def match(order: Order) -> Result:
    """What the matching says of a patient: of one other, or of all that resemble it."""
    patient = identifier_of(order.patient())
    index = order.services.actors.index(order.services.reader)
    record = index.show(patient)
    if record is None:
        raise PatientIdentityError(Refusal.UNKNOWN, patient.cx)
    if order.text("other", ""):
        other = identifier_of(order.patient("other"))
        found = [{"patient": other.cx, **_match(index.compare(patient, other))}]
    else:
        hits = [hit for hit in index.resembling(record.whole) if hit.record.no != record.no][:MOST_SHOWN]
        found = [_hit(hit) for hit in hits]
    await order.record(
        [order.patient_record(Action.READ, "compared with others", one) for one in (patient.cx, *_patients(found))]
    )
    return {"patient": patient.cx, "matches": found}


async def link(order: Order) -> Result:
    """Two records are one person, whatever the matching says."""
    return await _decided(order, PairState.LINKED)


async def unlink(order: Order) -> Result:
    """Two records are two persons, whatever the matching says."""
    return await _decided(order, PairState.DISTINCT)


async def review_list(order: Order) -> Result:
    """Pairs that wait for a person, the likeliest first, with what speaks for and against them."""
    index = order.services.actors.index(order.services.reader)
    pairs = index.pairs.to_review(MOST_TO_REVIEW)
    found = [
        {"one": pair.one.cx, "other": pair.other.cx, "since": pair.since, **_match(index.compare(pair.one, pair.other))}
        for pair in pairs
    ]
    seen = dict.fromkeys(patient for one in found for patient in (one["one"], one["other"]))
    what = f"shown among {len(pairs)} pairs to review"
    await order.record([order.patient_record(Action.READ, what, patient) for patient in seen or [""]])
    return {"pairs": found}


async def _decided(order: Order, state: PairState) -> Result:
    one, other = identifier_of(order.patient("one")), identifier_of(order.patient("other"))
    what = "linked by decision" if state is PairState.LINKED else "kept apart by decision"

    def work(connection: sqlite3.Connection) -> tuple[bool, Sequence[NewRecord]]:
        new = order.services.actors.index(connection).decide(one, other, state, order.now)
        return new, [_decision(order, what, one, other), _decision(order, what, other, one)]

    new = await order.change(work)
    joined = {record.identifier for record in order.services.actors.index(order.services.reader).records(one)}
    detour = state is PairState.DISTINCT and other in joined
    return {"one": one.cx, "other": other.cx, "state": str(state), "new": new, "detour": detour}


def _decision(order: Order, what: str, patient: Identifier, other: Identifier) -> NewRecord:
    return order.patient_record(Action.UPDATE, what, patient.cx, patient_object(other.cx))


def _patients(found: Sequence[dict[str, Any]]) -> list[str]:
    return [item["patient"] for item in found]


def _hit(hit: Hit) -> dict[str, Any]:
    record = hit.record
    return {"patient": record.identifier.cx, "person": to_plain(record.person), **_match(hit.match)}


def _match(found: Match) -> dict[str, Any]:
    return {
        "weight": found.weight,
        "score": found.score,
        "verdict": str(found.verdict),
        "against": list(found.against),
        "evidence": [{"field": item.field, "says": item.words, "weight": item.weight} for item in found.evidence],
    }
