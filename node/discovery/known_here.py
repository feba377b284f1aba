"""Who of the patients known here is meant by demographics, as far as the asker may know that they are known here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from node import access
from node.discovery.deciding import Candidate
from node.hl7v3.answer import Subject
from registry.patients.demographics import Demographics, Identifier
from registry.patients.matching import Verdict

if TYPE_CHECKING:
    from node.exchange import Exchange
    from registry.patients.records import Record
    from registry.store.master_index import MasterIndex

_SURE_BY_IDENTIFIER = 99


def candidates(person: Demographics, exchange: Exchange) -> list[Candidate]:
    """Patients of the own assigning authority who may be this person, the likeliest first.

    A patient whose policy keeps the asker out does not exist for it.
    """
    actors = exchange.actors
    index = actors.index(actors.reader)
    view = access.of(exchange)
    found: dict[str, Candidate] = {}
    for records, score, sure in _matching(person, index):
        for record in _own(records, actors.own.assigning_authority):
            patient = record.identifier.cx
            known = found.get(patient)
            if (known is None or (sure and not known.sure)) and view.may_know(patient):
                whole = _whole(record, records)
                subject = Subject(
                    id=record.identifier,
                    person=whole if _compared(person) else Demographics(identifiers=whole.identifiers),
                    score=score,
                    community=actors.own.home.removeprefix("urn:oid:"),
                )
                found[patient] = Candidate(subject=subject, sure=sure)
    return list(found.values())


def _compared(person: Demographics) -> bool:
    """Whether a name and a birth date are there to compare; else an identifier alone decides, and tells no more."""
    return bool(person.names and person.birth_date)


def _matching(person: Demographics, index: MasterIndex) -> Iterator[tuple[list[Record], int, bool]]:
    """Every person that resembles: their records, the score, and whether that is above the bar."""
    if not _compared(person):  # by identifier alone: either it is known here or it is not
        for identifier in person.identifiers:
            if records := list(index.records(identifier)):
                yield records, _SURE_BY_IDENTIFIER, True
        return
    seen: set[int] = set()
    for hit in index.resembling(person):
        if hit.record.no not in seen:
            records = list(index.person(hit.record.no))
            seen |= {record.no for record in records}
            yield records, hit.match.score, hit.match.verdict is Verdict.LINK


def _own(records: Iterable[Record], authority: str) -> list[Record]:
    """The patients among the records of one person: of the own authority, and not merged into another."""
    return [one for one in records if one.identifier.authority == authority and one.subsumed_by is None]


def _whole(record: Record, records: Iterable[Record]) -> Demographics:
    """A patient with the identifiers of all the person's records."""
    others = [identifier for one in records for identifier in one.whole.identifiers]
    found = dict.fromkeys((*record.whole.identifiers, *others))
    person = record.whole
    return Demographics(
        identifiers=tuple(found),
        names=person.names,
        sex=person.sex,
        birth_date=person.birth_date,
        addresses=person.addresses,
        telecoms=person.telecoms,
        mothers_maiden_name=person.mothers_maiden_name,
    )


def describe(patient: str, index: MasterIndex) -> Demographics | None:
    """One patient of ours as others are asked for them; None when too little is known to ask."""
    records = list(index.records(Identifier.of(patient)))
    record = next((one for one in records if one.identifier.cx == patient), None)
    if record is None:
        return None
    survivor = next((one for one in records if one.no == record.subsumed_by), record)
    told = _whole(survivor, records)
    return told if any(name.family for name in told.names) and told.birth_date else None
