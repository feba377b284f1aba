"""ITI-61 Register On-Demand Document Entry: what somebody makes when it is asked for (ITI TF-2: 3.61)."""

from __future__ import annotations

import sqlite3

from node.exchange import Exchange
from node.notifications.noting import note
from node.registrations import RegisterRequest, RegisterResult


async def nothing(_request: RegisterRequest, _incoming: object, _exchange: Exchange) -> None:
    """Nothing to wait for."""


def register_on_demand_document_entry(
    request: RegisterRequest, _prepared: None, exchange: Exchange, connection: sqlite3.Connection
) -> RegisterResult:
    """Register one submission of on-demand entries, whole or not at all (ITI TF-2: 3.61.4.1.3)."""
    registered = exchange.actors.registry_on(connection).register(
        request.submission,
        request.faults,
        transaction="ITI-61",
        now=exchange.now.strftime("%Y%m%d%H%M%S"),
        new_uuid=exchange.actors.new_uuid,
    )
    note(connection, registered, exchange)
    return RegisterResult(registered=registered, errors=tuple(registered.warnings))
