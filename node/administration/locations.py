"""Who else knows a patient, as far as it is remembered: `patient locate`. Every look is on record."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from node.administration.orders import Order, Result
from registry.store import correlations, locations
from trust.audit.event import Action, NewRecord


async def locate(order: Order) -> Result:
    """What other communities said of a patient, since when and until when it counts; `refresh` forgets all of it."""
    patient, actors = order.patient(), order.services.actors
    known = [one for one in correlations.of_patient(order.services.reader, patient) if one.until > order.now]
    asked_anew = {community.home for community in actors.discovery.plan(patient, actors).ask}
    names = {community.home: community.name for community in actors.gateway.communities()}
    if order.flag("refresh"):

        def work(connection: sqlite3.Connection) -> tuple[int, Sequence[NewRecord]]:
            gone = correlations.forget(connection, patient)
            locations.forget_answer(connection, patient)
            return gone, [order.patient_record(Action.UPDATE, "what others said of the patient forgotten", patient)]

        return {"patient": patient, "forgotten": await order.change(work), "locations": []}
    await order.record([order.patient_record(Action.READ, "looked up who knows the patient", patient)])
    return {
        "patient": patient,
        "locations": [
            {
                "home_community_id": one.home,
                "institution": names.get(one.home, ""),
                "patient": one.theirs,
                "since": one.since,
                "until": one.until,
                "changed": one.home in asked_anew,
            }
            for one in known
        ],
    }
