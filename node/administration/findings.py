"""Findings of the rules over the audit log: `audit findings`, `show`, `close`, `note`, `look`. Looking is on record."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from node.administration.orders import Order, Result
from node.auditing.looking import Looking
from node.faults import misused, refused
from node.security_records import audit_log_used
from trust.audit.event import NewRecord
from trust.findings import store
from trust.findings.store import Kept, Note, State
from trust.pki.bindings import timestamp
from trust.search.index import AuditIndex
from trust.search.search import labels

LEAST_NOTE: Final = 10
_MOST_NOTE: Final = 2_000
_MOST_ON_RECORD: Final = 50  # patients whose own timeline says that somebody looked at this finding


async def look(order: Order) -> Result:
    """Run the rules now."""
    services = order.services
    looking = Looking(
        home=services.config.node.home_community_id,
        database=services.config.folder.database,
        index=AuditIndex(services.config.folder.audit_index, services.config.folder.database),
        patients=services.actors.index,
        sequencer=services.sequencer,
    )
    return {"new": await looking.look(services.clock(), order.operator)}


async def find_all(order: Order) -> Result:
    """Open findings, or those that were decided."""
    found = store.listed(order.services.reader, closed=order.flag("closed"))
    shown = f"{len(found)}: {' '.join(str(one.id) for one in found[:100])}"
    await order.record([_used(order, "audit findings", {"shown": shown})])
    return {"findings": [_plain(order, one) for one in found], "rules": store.counted(order.services.reader)}


async def show(order: Order) -> Result:
    """One finding with its evidence and notes; whoever it is about is on record."""
    kept = _wanted(order)
    details = {"finding": str(kept.id)}
    patients = kept.finding.patients[:_MOST_ON_RECORD] or ("",)
    await order.record([_used(order, "audit findings show", details, patient) for patient in patients])
    return {"finding": _plain(order, kept)}


async def decide(order: Order) -> Result:
    """Write a note, and say what the finding became."""
    kept, state, text = _wanted(order), order.text("outcome", ""), order.text("note", "").strip()
    if state and state not in set(State):
        raise misused("finding.outcome", state[:40], "this is no outcome of a finding", ", ".join(State))
    if not LEAST_NOTE <= len(text) <= _MOST_NOTE:
        cause = f"a note of {LEAST_NOTE} to {_MOST_NOTE} characters says why"
        raise misused("finding.note", order.command, cause, "write what you found out, and from whom")
    note = Note(timestamp(order.services.clock()), order.operator, state, text)

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        store.write(connection, kept.id, note)
        details = {"finding": str(kept.id), "outcome": state, "note": text[:500]}
        what = "audit findings close" if state else "audit findings note"
        return None, [_used(order, what, {key: value for key, value in details.items() if value}, kept.finding.about)]

    await order.change(work)
    return {"finding": _plain(order, _wanted(order))}


def _wanted(order: Order) -> Kept:
    number = order.arguments.get("finding")
    kept = store.find(order.services.reader, number) if isinstance(number, int) and 0 < number < 2**63 else None
    if kept is None:
        raise refused("finding.unknown", str(number)[:40], "there is no such finding", "xdsnode audit findings")
    return kept


def _used(order: Order, what: str, details: dict[str, str], patient: str = "") -> NewRecord:
    authority, _, id_ = patient.partition("|")
    services = order.services
    return audit_log_used(
        services.clock(),
        node=services.config.node.home_community_id,
        user=order.operator,
        what=what,
        patient=f"{id_}^^^&{authority}&ISO" if patient else "",
        details=details,
    )


def _plain(order: Order, kept: Kept) -> dict[str, Any]:
    one = kept.finding
    return {
        "id": kept.id,
        "rule": str(one.rule),
        "version": kept.version,
        "sentence": one.sentence,
        "severity": str(one.severity),
        "state": str(kept.state),
        "found": kept.found,
        "user": one.user,
        "name": one.name,
        "peer": one.peer,
        "patients": list(one.patients),
        "first": one.first,
        "last": one.last,
        "entries": labels(order.services.reader, one.entries),
        "values": dict(one.values),
        "notes": [
            {"written": note.written, "by": note.by, "outcome": note.state, "text": note.text} for note in kept.notes
        ],
    }
