"""Patients this node knows: `patient add | list | show | merge | unmerge`. Every look and every change is on record."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from node.administration.orders import Order, Result
from registry.patients.identity import PatientIdentity
from registry.store.patients import PatientDirectory
from trust.audit.event import Action, NewRecord


async def add(order: Order) -> Result:
    """Make a patient known; known already is as good."""
    patient = order.patient()

    def work(connection: sqlite3.Connection) -> tuple[bool, Sequence[NewRecord]]:
        new = _directory(order, connection).add(patient, order.now)
        return new, [order.patient_record(Action.CREATE, "patient made known", patient)]

    return {"patient": patient, "new": await order.change(work)}


async def find_all(order: Order) -> Result:
    """Every patient, in the order they were added."""
    identities = _directory(order, order.services.reader).list()
    await order.record([order.patient_record(Action.READ, f"list of {len(identities)} patients", "")])
    return {"patients": [_shown(identity) for identity in identities]}


async def show(order: Order) -> Result:
    """One patient with what it was merged with."""
    patient = order.patient()
    identity = _directory(order, order.services.reader).show(patient)
    await order.record([order.patient_record(Action.READ, "patient looked up", patient)])
    return {"patient": patient, "known": identity is not None, **(_shown(identity) if identity else {})}


async def merge(order: Order) -> Result:
    """Merge one patient into another, as ADT^A40 does."""
    survivor, subsumed = order.patient("survivor"), order.patient("subsumed")

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        _directory(order, connection).merge(survivor, subsumed, order.now)
        return None, [
            order.patient_record(Action.DELETE, "patient merged into another", subsumed),
            order.patient_record(Action.UPDATE, "another patient merged into it", survivor),
        ]

    await order.change(work)
    return {"survivor": survivor, "subsumed": subsumed}


async def unmerge(order: Order) -> Result:
    """Undo one merge."""
    subsumed = order.patient("subsumed")

    def work(connection: sqlite3.Connection) -> tuple[str, Sequence[NewRecord]]:
        survivor = _directory(order, connection).unmerge(subsumed)
        return survivor, [
            order.patient_record(Action.CREATE, "merge undone", subsumed),
            order.patient_record(Action.UPDATE, "merge undone", survivor),
        ]

    return {"subsumed": subsumed, "survivor": await order.change(work)}


def _directory(order: Order, connection: sqlite3.Connection) -> PatientDirectory:
    return PatientDirectory(connection, order.services.config.node.assigning_authority)


def _shown(identity: PatientIdentity) -> Result:
    return {
        "patient": identity.patient,
        "added": identity.added,
        "subsumed_by": identity.subsumed_by,
        "subsumes": list(identity.subsumes),
    }
