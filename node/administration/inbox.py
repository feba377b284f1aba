"""What other institutions pushed here (XDR), until somebody decides: `inbox list | show | accept | reject`."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from node.administration.orders import Order, Result
from node.consents.documents import take_kept
from node.cx import escaped
from node.documents.received import Acceptance, accepted, read_received
from node.faults import refused
from node.notifications.noting import note
from node.records import submission_set_object
from registry.metadata.objects import Author
from repository.errors import BlobDamaged
from repository.store.inbox import Inbox, Received, held_name
from trust.audit.event import Action, NewRecord

MOST_SHOWN: Final = 100  # at once: others can make thousands wait, and each is read, and each patient is on record


async def find_all(order: Order) -> Result:
    """What waits longest, with what its sender says of it, and how many wait."""
    inbox, found = Inbox(order.services.reader), []
    count, _ = inbox.waits()
    for one in inbox.waiting(MOST_SHOWN):
        found.append(_shown(order, one))
        await asyncio.sleep(0)  # its metadata may be megabytes
    patients = dict.fromkeys(one["patient"] for one in found) or [""]
    await order.record([order.patient_record(Action.READ, "inbox looked at", patient) for patient in patients])
    return {"received": found, "waiting": count}


async def show(order: Order) -> Result:
    """One submission that waits; with `output` its documents are written to that folder."""
    received = _waiting(order, order.services.reader)
    shown, folder = _shown(order, received), order.text("output", "")
    own = submission_set_object(received.unique_id)
    await order.record([order.patient_record(Action.READ, "pushed documents looked at", shown["patient"], own)])
    if folder:
        shown["files"] = [str(path) for path in await asyncio.to_thread(_written, order, received, Path(folder))]
    return shown


async def accept(order: Order) -> Result:
    """Register a submission that waits for a patient of this institution.

    Raises:
        Faults, XdsErrors: it does not wait any more; what the registry says against it.
    """
    patient, services = order.patient(), order.services
    exchange = order.exchange()

    def work(connection: sqlite3.Connection) -> tuple[Result, Sequence[NewRecord]]:
        received = _waiting(order, connection)
        how = Acceptance(
            patient=patient,
            sender=received.sender,
            author=Author(institutions=(escaped(_sender(order, received)),)),
            defaults=services.config.submit,
            now=order.now,
        )
        submission = accepted(read_received(received.submission), how)
        registered = services.actors.registry_on(connection).register(
            submission, (), transaction="ITI-41", now=order.now, new_uuid=services.new_uuid
        )
        kept = {
            entry.entry_uuid: services.actors.repository.rename(
                connection, held_name(received.no, place), entry.unique_id or ""
            )
            for place, entry in enumerate(submission.documents)
        }
        take_kept(connection, submission, kept, exchange)
        Inbox(connection).decide(received.no, "accepted", by=order.operator, now=order.now)
        note(connection, registered, exchange)
        services.actors.summaries.note(registered.patient_id)
        own = submission_set_object(received.unique_id)
        what = f"pushed documents of {_sender(order, received)} accepted"
        documents = [entry.unique_id for entry in submission.documents]
        return {"no": received.no, "patient": patient, "documents": documents}, [
            order.patient_record(Action.CREATE, what[:200], patient, own)
        ]

    return await order.change(work)


async def reject(order: Order) -> Result:
    """Remove a submission that waits, with its documents; that it came, and why it was not taken, stays on record."""
    reason = " ".join(order.text("reason", "").split())

    def work(connection: sqlite3.Connection) -> tuple[Result, Sequence[NewRecord]]:
        received = _waiting(order, connection)
        patient = _shown(order, received)["patient"]
        for place in range(received.documents):
            order.services.actors.repository.remove(connection, held_name(received.no, place))
        Inbox(connection).decide(received.no, "rejected", by=order.operator, now=order.now)
        own = submission_set_object(received.unique_id)
        what = f"pushed documents of {_sender(order, received)} rejected" + (f": {reason}" if reason else "")
        record = order.patient_record(Action.DELETE, what[:300], patient, own)
        return {"no": received.no, "state": "rejected"}, [record]

    return await order.change(work)


def _waiting(order: Order, connection: sqlite3.Connection) -> Received:
    number = order.arguments.get("no")
    found = Inbox(connection).get(number) if isinstance(number, int) else None
    if found is None or found.state != "waiting":
        cause = "no such submission was received" if found is None else f"it was {found.state} by {found.decided_by}"
        raise refused("inbox.unknown", str(number), cause, "look for its number: xdsnode inbox list")
    return found


def _sender(order: Order, received: Received) -> str:
    known = order.services.communities.get(received.sender)
    return known.name if known else received.sender


def _shown(order: Order, received: Received) -> Result:
    submission = read_received(received.submission)
    own = submission.submission_set
    patients = [own.patient_id, *(entry.patient_id for entry in submission.documents)]
    return {
        "no": received.no,
        "received": received.received,
        "sender": _sender(order, received),
        "home": received.sender,
        "submission_set": received.unique_id,
        "patient": next((patient for patient in patients if patient), ""),
        "documents": [
            {
                "unique_id": entry.unique_id,
                "mime_type": entry.mime_type,
                "title": entry.title[0].value if entry.title else "",
                "size": int(entry.size[0]),
                "about": list(entry.source_patient_info),
            }
            for entry in submission.documents
        ],
    }


def _written(order: Order, received: Received, folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    repository, paths = order.services.actors.repository, []
    for place in range(received.documents):
        stored = repository.locate(held_name(received.no, place))
        if stored is None:
            raise BlobDamaged(f"document {place + 1} of submission {received.no} is not there")
        path = folder / f"{received.no}-{place + 1}"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for frame in repository.open(stored).frames():
                file.write(frame)
        paths.append(path)
    return paths
