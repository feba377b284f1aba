"""What is kept and for how long: `hold set | clear | list`, `retention list | apply`. All of it is on record.

Rules stand in [retention] of node.toml. A document that has outlived them goes as with ITI-62 and ITI-86: its metadata
with what depends on it, and its bytes, in one commit with the record that says what it was.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final

from node.administration.orders import Order, Result
from node.configuration.readers import code_pair
from node.consents.documents import follow_documents
from node.faults import misused, refused
from node.records import DESTROYED, document_object, removed_object
from registry.document_registry import DocumentRegistry, RemovedObject
from registry.errors import XdsErrors
from registry.store.holds import DOCUMENT, PATIENT, Hold, Holds
from registry.store.retention import Outlived, Retention, Rule
from repository.store.catalogue import StoredDocument
from trust.audit.event import Action, AuditedObject, Coded, NewRecord

_MOST_LISTED: Final = 1_000
_HOLD: Final = Coded("hold", "xdsnode", "legal hold")


async def hold_set(order: Order) -> Result:
    """Let nobody remove a document, or anything of a patient."""
    kind, subject, identities = _subject(order, order.services.reader)
    hold = Hold(kind=kind, subject=subject, reason=order.text("reason"), by=order.operator, since=order.now)

    def work(connection: sqlite3.Connection) -> tuple[bool, Sequence[NewRecord]]:
        new = Holds(connection).set(hold)
        what = f"legal hold set: {hold.reason}" if new else "legal hold set again"
        return new, [order.patient_record(Action.UPDATE, what, one, _held(kind, subject)) for one in identities]

    return {"hold": _shown(hold), "new": await order.change(work)}


async def hold_clear(order: Order) -> Result:
    """Take a hold away; of a patient whose merged identities were each held, one at a time."""
    kind, subject, identities = _subject(order, order.services.reader)

    def work(connection: sqlite3.Connection) -> tuple[Hold, Sequence[NewRecord]]:
        names = order.services.registry.on(connection).identities_of(subject) if kind == PATIENT else (subject,)
        found = next(filter(None, (Holds(connection).clear(kind, one) for one in names)), None)
        if found is None:
            step = "xdsnode hold list shows what is held"
            raise refused("hold.none", subject, f"this {kind} is not under legal hold", step)
        what = f"legal hold cleared: {order.text('reason', '') or 'no reason given'}"
        return found, [order.patient_record(Action.UPDATE, what, one, _held(kind, subject)) for one in identities]

    return {"hold": _shown(await order.change(work))}


async def hold_list(order: Order) -> Result:
    """Every hold, the oldest first."""
    found = Holds(order.services.reader).all()
    await order.record([order.patient_record(Action.READ, f"list of {len(found)} legal holds", "")])
    return {"holds": [_shown(one) for one in found]}


async def retention_list(order: Order) -> Result:
    """What would be removed now; nothing is."""
    services = order.services
    found: list[dict[str, Any]] = []
    count = 0
    async for _, one in _outlived(order, services.registry, 0):
        count += 1
        if len(found) < _MOST_LISTED:
            found.append(_described(one) | {"held": services.registry.keeping().held(one.unique_id)})
    await order.record([order.patient_record(Action.READ, f"{count} documents have outlived the rules", "")])
    return {"count": count, "documents": found, "rules": len(_rules(order))}


async def retention_apply(order: Order) -> Result:
    """Remove up to `most` documents that have outlived the rules, each in a commit of its own with its record.

    `after` is where the last call said that it had come to, so that what is kept is not looked at again and again.
    """
    most = order.arguments.get("most", 50)
    if not isinstance(most, int) or not 0 < most <= _MOST_LISTED:
        raise misused("usage", order.command, f"1 to {_MOST_LISTED} at a time", "xdsnode retention --help")
    place = order.arguments.get("after", 0)
    done: list[dict[str, Any]] = []
    held: list[str] = []
    async for began, one in _outlived(order, order.services.registry, place if isinstance(place, int) else 0):
        place = began
        if order.services.registry.keeping().held(one.unique_id):
            held.append(one.unique_id)
        elif await _remove(order, one.unique_id):
            done.append(_described(one))
        if len(done) == most:
            break
    return {"removed": done, "held": held, "after": place, "more": len(done) == most}


async def _remove(order: Order, unique_id: str) -> bool:
    """Whether it went: what is true now decides, whatever was found a moment ago."""
    services, rules = order.services, _rules(order)
    own = services.config.node

    def work(connection: sqlite3.Connection) -> tuple[bool, Sequence[NewRecord]]:
        registry = services.registry.on(connection)
        found = registry.keeping().retention(rules, own.repository_unique_id).outlived(unique_id)
        objects = registry.with_dependents(unique_id) if found else ()
        if found is None or any(one.kind == "document" and one.unique_id != unique_id for one in objects):
            return False, [order.patient_record(Action.READ, f"{unique_id} is kept", "")]
        registry.remove_all(objects)
        follow_documents(connection, registry, unique_id, by=order.operator, now=services.clock())
        stored = services.repository.remove(connection, unique_id)
        return True, _removed(order, found, objects, stored)

    try:
        return await order.change(work)
    except XdsErrors:  # a hold that was set meanwhile
        return False


def _removed(
    order: Order, found: Outlived, objects: Sequence[RemovedObject], stored: StoredDocument | None
) -> list[NewRecord]:
    """One record for each patient; all that is left of these objects."""
    own = order.services.config.node
    what = f"removed by the retention rule {found.rule}"
    also: tuple[AuditedObject, ...] = ()
    if stored is not None:
        facts = (("mimeType", stored.mime_type), ("size", str(stored.size)), ("hash", stored.sha1))
        also = (document_object(stored.unique_id, own.repository_unique_id, own.home_community_id, facts, DESTROYED),)
    return [
        order.patient_record(
            Action.DELETE,
            what,
            patient,
            *(removed_object(one.entry_uuid, one.facts) for one in objects if one.patient == patient),
            *also,
        )
        for patient in dict.fromkeys(one.patient for one in objects)
    ]


async def _outlived(order: Order, registry: DocumentRegistry, after: int) -> AsyncIterator[tuple[int, Outlived]]:
    """Every document that has outlived the rules, with where its page began; between two others have their turn."""
    retention: Retention = registry.keeping().retention(_rules(order), order.services.config.node.repository_unique_id)
    while True:
        began = after
        found, after = retention.page(began)
        for one in found:
            yield began, one
        if not after:
            return
        await asyncio.sleep(0)


def _rules(order: Order) -> list[Rule]:
    rules = order.services.config.retention.rules
    if not rules:
        step = "write [[retention.rules]] into node.toml and restart the node: xdsnode retention --help shows one"
        raise refused("retention.none", order.command, "there are no rules, so everything is kept for ever", step)
    now = order.services.clock()
    return [
        Rule(
            name=one.name,
            classes=tuple(code_pair(code) for code in one.classes),
            types=tuple(code_pair(code) for code in one.types),
            before=int(f"{_years_ago(now, one.years):%Y%m%d%H%M%S}"),
        )
        for one in rules
    ]


def _years_ago(now: datetime, years: int) -> datetime:
    """The same day so many years ago; 29 February becomes the 28th."""
    try:
        return now.replace(year=max(1, now.year - years))
    except ValueError:
        return now.replace(year=max(1, now.year - years), day=28)


def _subject(order: Order, connection: sqlite3.Connection) -> tuple[str, str, Sequence[str]]:
    """What is to be held, and the patients that this is about.

    Raises:
        Faults: it is not known here, or neither or both are named.
    """
    unique_id, patient = order.text("document", ""), order.text("patient", "")
    registry = order.services.registry.on(connection)
    if bool(unique_id) == bool(patient):
        raise misused("usage", order.command, "name one: --document U or --patient ID", "xdsnode hold --help")
    if patient:
        identities = registry.identities_of(order.patient())
        if not identities:
            step = "xdsnode patient list shows who is known"
            raise refused("patient.unknown", order.command, f"{order.patient()} is not known here", step)
        return PATIENT, identities[0], identities[:1]
    entries = registry.documents([unique_id]).get(unique_id)
    if not entries:
        step = "look for its uniqueId: xdsnode find --patient ID"
        raise refused("document.unknown", unique_id, "no document with this uniqueId is registered here", step)
    return DOCUMENT, unique_id, list(dict.fromkeys(entry.patient_id for entry in entries))


def _held(kind: str, subject: str) -> AuditedObject:
    return AuditedObject(id=subject, type_code="2", role="13", id_type=_HOLD, name=kind)


def _shown(one: Hold) -> dict[str, str]:
    return {"kind": one.kind, "subject": one.subject, "reason": one.reason, "by": one.by, "since": one.since}


def _described(one: Outlived) -> dict[str, Any]:
    return {"unique_id": one.unique_id, "created": str(one.created), "rule": one.rule}
