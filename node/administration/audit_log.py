"""Looking at the audit log is on record too (ITI TF-2: 3.20, event Audit Log Used)."""

from __future__ import annotations

from node.administration.orders import Order, Result
from node.records import instant
from trust.audit.event import Action, AuditedObject, AuditEvent, Coded, EventId, Kind, NewRecord, Outcome, Participant


async def used(order: Order) -> Result:
    """Record that somebody reads the audit log, before it is shown."""
    services = order.services
    time = instant(services.clock())
    event = AuditEvent(
        id=EventId.AUDIT_LOG_USED,
        action=Action.READ,
        outcome=Outcome.SUCCESS,
        outcome_text=order.text("what", ""),
        time=time,
        type=Coded("audit list", "xdsnode commands", "audit log read"),
        participants=(
            Participant(user_id=order.operator, requestor=True),
            Participant(user_id=services.config.node.home_community_id, requestor=False),
        ),
        objects=(
            AuditedObject(
                id=services.config.node.home_community_id,
                type_code="2",
                role="13",
                id_type=Coded("12", "RFC-3881", "URI"),
                name="Security Audit Log",
            ),
        ),
    )
    await order.record([NewRecord(kind=Kind.SECURITY, time=time, event=event)])
    return {}
