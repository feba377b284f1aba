"""ITI-57 Update Document Set: new versions of metadata, statuses, associations (XDS Metadata Update, 3.57)."""

from __future__ import annotations

import sqlite3

from node.exchange import Exchange
from node.updates import UpdateRequest, UpdateResult, carry_out


async def nothing(_request: UpdateRequest, _incoming: object, _exchange: Exchange) -> None:
    """Nothing to wait for."""


def update_document_set(
    request: UpdateRequest, _prepared: None, exchange: Exchange, connection: sqlite3.Connection
) -> UpdateResult:
    """Carry out every operation of the submission, or none."""
    return carry_out(request, "ITI-57", exchange, connection)
