"""What an administrator does with the audit log: looking at it is on record (ITI TF-2: 3.20), erasing all the more."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace

from node.administration.orders import Order, Result
from node.atna import cursor
from node.security_records import audit_log_used
from trust.audit.event import NewRecord
from trust.ledger import erasure
from trust.ledger.erasure import Range


async def used(order: Order) -> Result:
    """Record that somebody reads the audit log, and what for, before it is shown; its files hold all of it then."""
    services = order.services
    details = order.arguments.get("details", {})
    record = audit_log_used(
        services.clock(),
        node=services.config.node.home_community_id,
        user=order.operator,
        what=order.text("what"),
        patient=order.text("patient", ""),
        details=details if isinstance(details, Mapping) else {},
    )
    await order.record([record])
    await services.sequencer.publish()
    return {}


async def erase(order: Order) -> Result:
    """Erase what records say, in one commit with the statement of it; with `dry_run` only find them."""
    subjects = order.arguments.get("subjects", ())
    reason, shard, before = order.text("reason"), order.text("shard", ""), order.text("before", "")
    # What an Audit Record Repository has not got yet would never reach it.
    delivered = _delivered(order)

    def found(connection: sqlite3.Connection) -> tuple[list[Range], list[Range]]:
        ranges = erasure.select(connection, subjects=[str(one) for one in subjects], shard=shard, before=before)
        gone = [one for one in ranges if delivered is None or one.seq + len(one) <= delivered]
        return gone, [one for one in ranges if one not in gone]

    def work(connection: sqlite3.Connection) -> tuple[tuple[list[Range], list[Range]], Sequence[NewRecord]]:
        gone, kept = found(connection)
        erasure.erase(connection, gone)
        record = order.security_record(f"erased {sum(map(len, gone))} audit records: {reason}")
        notes = erasure.statements(gone, reason) or [{"command": order.command}]
        return (gone, kept), [replace(record, note=note) for note in notes]

    gone, kept = found(order.services.reader) if order.flag("dry_run") else await order.change(work)
    if gone and not order.flag("dry_run"):  # the index knows names out of these records; it is made anew
        order.services.config.folder.audit_index.unlink(missing_ok=True)
    return {"entries": [one.text for one in gone], "count": sum(map(len, gone)), "kept": sum(map(len, kept))}


def _delivered(order: Order) -> int | None:
    """The first entry that some Audit Record Repository may not have; None where there is no repository."""
    config = order.services.config
    waiting = [cursor.read(cursor.path(config.folder.data, one.name)).recent for one in config.audit.repositories]
    return min(waiting, default=None)
