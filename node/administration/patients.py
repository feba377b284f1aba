"""Patients this node knows: `patient add | list | show | merge | unmerge | move | unmove`, each of them on record.

Searching, linking and reviewing are in `matching`.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from node.administration.orders import Order, Result
from node.faults import misused, refused
from node.patients.link_changes import LinkChanger, audited_objects, note_of
from node.records import patient_object
from registry.link_change import LinkChange, Moved
from registry.patients.demographics import Address, BirthDate, Demographics, Identifier, Name, Telecom
from registry.patients.identity import PatientIdentity, PatientIdentityError, Refusal
from registry.patients.records import Stored
from registry.patients.stored import to_plain
from registry.store.holds import Holds
from registry.store.patients import PatientDirectory
from trust.audit.event import Action, NewRecord

BIRTH_DATE: Final = re.compile(r"\d{4}(?:(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])?)?", re.ASCII)


async def add(order: Order) -> Result:
    """Make a patient known, with what is said of them; known already is as good."""
    patient, said = order.patient(), demographics(order)

    def work(connection: sqlite3.Connection) -> tuple[Stored, Sequence[NewRecord]]:
        index = order.services.actors.index(connection)
        identifier = identifier_of(patient)
        known = index.show(identifier)
        person = replace(known.person if known else Demographics(), **said) if said else None
        stored = index.store(identifier, person, order.now)
        what = "patient made known" if stored.new or not said else "patient described anew"
        action = Action.CREATE if stored.new or not said else Action.UPDATE
        records = [order.patient_record(action, what, patient)]
        records += [
            order.patient_record(Action.UPDATE, "linked by the matching", other.cx, patient_object(patient))
            for other in stored.linked
        ]
        return stored, records

    stored = await order.change(work)
    return {
        "patient": patient,
        "new": stored.new,
        "linked": [other.cx for other in stored.linked],
        "review": [other.cx for other in stored.doubtful],
    }


async def find_all(order: Order) -> Result:
    """Every patient, in the order they were added."""
    identities = _directory(order, order.services.reader).list()
    await order.record([order.patient_record(Action.READ, f"list of {len(identities)} patients", "")])
    return {"patients": [_shown(identity) for identity in identities]}


async def show(order: Order) -> Result:
    """One patient with what it was merged with."""
    patient = order.patient()
    reader = order.services.reader
    identity = _directory(order, reader).show(patient)
    index = order.services.actors.index(reader)
    record = index.show(identifier_of(patient))
    linked = [one.identifier.cx for one in index.person(record.no) if one.no != record.no] if record else []
    await order.record([order.patient_record(Action.READ, "patient looked up", patient)])
    known: Result = _shown(identity) if identity else {}
    if record and not identity:  # of another authority: no documents are taken for it
        known = {"added": record.changed, "subsumed_by": None, "subsumes": []}
    described = {"linked": linked, "person": to_plain(record.person)} if record else {}
    return {"patient": patient, "known": bool(known), **known, **described}


async def merge(order: Order) -> Result:
    """Merge one patient into another, as ADT^A40 does."""
    survivor, subsumed = order.patient("survivor"), order.patient("subsumed")

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        index = order.services.actors.index(connection)
        index.merge(identifier_of(survivor), identifier_of(subsumed), order.now)
        return None, [
            order.patient_record(Action.DELETE, "patient merged into another", subsumed),
            order.patient_record(Action.UPDATE, "another patient merged into it", survivor),
        ]

    await order.change(work)
    return {"survivor": survivor, "subsumed": subsumed}


async def unmerge(order: Order) -> Result:
    """Undo one merge; a legal hold of the one patient is one of both."""
    subsumed = order.patient("subsumed")

    def work(connection: sqlite3.Connection) -> tuple[str, Sequence[NewRecord]]:
        survivor = order.services.actors.index(connection).unmerge(identifier_of(subsumed)).cx
        registry = order.services.registry.on(connection)
        copied = Holds(connection).divide(registry.identities_of(survivor), registry.identities_of(subsumed))
        return survivor, [
            order.patient_record(Action.CREATE, "merge undone", subsumed),
            order.patient_record(Action.UPDATE, "merge undone", survivor),
            *(order.patient_record(Action.UPDATE, f"legal hold kept: {one.reason}", one.subject) for one in copied),
        ]

    return {"subsumed": subsumed, "survivor": await order.change(work)}


async def move(order: Order) -> Result:
    """Move what a local patient id brought to the patient that it belongs to, as ADT^A43 does."""
    asked = LinkChange(
        patient=order.patient("to"),
        previous=order.patient("previous"),
        local=order.patient("local"),
        subsumed=order.patient("merging") if order.text("merging", "") else "",
    )
    for local in filter(None, (asked.local, asked.subsumed)):
        identifier_of(local)
    changer, now = LinkChanger.of(order.services.actors), order.services.clock()

    def work(connection: sqlite3.Connection) -> tuple[Moved, Sequence[NewRecord]]:
        moved = changer.carry_out(connection, asked, source_id="", by=order.operator, now=now)
        return moved, _moved_records(order, "documents moved to another patient", asked, moved)

    return _moved(await order.change(work))


async def unmove(order: Order) -> Result:
    """Undo one move, or ADT^A43, by the uniqueId of the submission set that records it.

    Raises:
        Faults: there is nothing to undo.
    """
    changer, now, unique_id = (
        LinkChanger.of(order.services.actors),
        order.services.clock(),
        order.text("submission_set"),
    )

    def work(connection: sqlite3.Connection) -> tuple[Moved, Sequence[NewRecord]]:
        moved = changer.take_back(connection, unique_id, by=order.operator, now=now)
        if moved is None:
            cause = "no submission set of a move has this uniqueId, or all that it moved was changed since"
            raise refused("patient.not-moved", unique_id, cause, "xdsnode audit search --patient ID names it")
        asked = LinkChange(patient=moved.patient, previous=moved.previous, local="")
        return moved, _moved_records(order, "move undone", asked, moved)

    return _moved(await order.change(work))


def _moved_records(order: Order, what: str, asked: LinkChange, moved: Moved) -> list[NewRecord]:
    objects = audited_objects(asked, moved)
    return [
        replace(
            order.patient_record(Action.UPDATE, what, patient, *(one for one in objects if one.id != patient)),
            note=note_of(moved),
        )
        for patient in dict.fromkeys((asked.patient, asked.previous))
    ]


def _moved(moved: Moved) -> Result:
    return {
        "patient": moved.patient,
        "previous": moved.previous,
        "submission_set": moved.submission_set,
        "documents": list(moved.unique_ids),
        "folders": moved.folders,
        "lost": list(moved.lost),
    }


def identifier_of(patient: str) -> Identifier:
    """A patient of an order.

    Raises:
        PatientIdentityError: it is none.
    """
    try:
        return Identifier.of(patient)
    except ValueError:
        raise PatientIdentityError(Refusal.NOT_AN_IDENTIFIER, patient) from None


def demographics(order: Order) -> dict[str, Any]:
    """The attributes of `Demographics` that an order speaks of.

    Raises:
        Faults: a date that is none.
    """
    said: dict[str, Any] = {}
    name = Name(
        family=order.text("family", ""), given=tuple(order.text("given", "").split()), suffix=order.text("suffix", "")
    )
    if name != Name():
        said["names"] = (name,)
    if date := order.text("birth_date", ""):
        said["birth_date"] = _birth_date(date, order)
    address = Address(
        lines=tuple(filter(None, [order.text("street", "")])),
        city=order.text("city", ""),
        postal_code=order.text("postal_code", ""),
        country=order.text("country", ""),
    )
    if address != Address():
        said["addresses"] = (address,)
    telecoms = [("tel", order.text("phone", "")), ("mailto", order.text("email", ""))]
    if any(value for _, value in telecoms):
        said["telecoms"] = tuple(Telecom(value=f"{scheme}:{value}") for scheme, value in telecoms if value)
    if other := order.text("identifier", ""):
        said["identifiers"] = (identifier_of(other),)
    for attribute, argument in (("sex", "sex"), ("mothers_maiden_name", "mother")):
        if value := order.text(argument, ""):
            said[attribute] = value
    return said


def _birth_date(text: str, order: Order) -> BirthDate:
    """`1972-04-15`, `1972-04`, `1972`, `~1972`; without hyphens too."""
    digits = text.lstrip("~").replace("-", "")
    if not BIRTH_DATE.fullmatch(digits):
        step = "write it like 1972-04-15, 1972-04, 1972, or ~1972 if it is an estimate"
        raise misused("usage", order.command, f"{text} is not a date", step)
    return BirthDate(value=digits, estimated=text.startswith("~"))


def _directory(order: Order, connection: sqlite3.Connection) -> PatientDirectory:
    return PatientDirectory(connection, order.services.config.node.assigning_authority)


def _shown(identity: PatientIdentity) -> Result:
    return {
        "patient": identity.patient,
        "added": identity.added,
        "subsumed_by": identity.subsumed_by,
        "subsumes": list(identity.subsumes),
    }
