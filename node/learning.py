"""What a node learns from its own metadata while it runs: a dictionary that makes what it stores a quarter as large."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence

from node.database import open_reader
from node.security_records import activity
from node.services import Services
from trust.audit.event import Action, Coded, EventId, NewRecord

_CONFIGURATION = Coded("110131", "DCM", "Software Configuration")


async def learn_dictionary(services: Services) -> None:
    """Learn another dictionary if one is worth it; it is used once it is durable."""

    def training() -> bytes | None:
        connection = open_reader(services.config.folder.database)
        try:
            return services.registry.on(connection).trained()
        finally:
            connection.close()

    content = await asyncio.to_thread(training)
    if content is None:
        return
    now = services.clock()

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        services.registry.on(connection).keep_dictionary(content, now.strftime("%Y%m%d%H%M%S"))
        record = activity(
            now,
            node=services.config.node.home_community_id,
            user=services.config.node.name,
            type_=_CONFIGURATION,
            event_id=EventId.SECURITY_ALERT,
            action=Action.UPDATE,
            what=f"learned a dictionary of {len(content)} bytes for stored metadata",
        )
        return None, [record]

    await services.sequencer.transact(work)
    services.registry.use_dictionary(content)
