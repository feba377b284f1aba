"""Looking at the audit log is on record too (ITI TF-2: 3.20, event Audit Log Used)."""

from __future__ import annotations

from collections.abc import Mapping

from node.administration.orders import Order, Result
from node.security_records import audit_log_used


async def used(order: Order) -> Result:
    """Record that somebody reads the audit log, and what for, before it is shown."""
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
    return {}
