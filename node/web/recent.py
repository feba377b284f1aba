"""What somebody published on the pages within the last hour: kept in memory, and read from the log after a start.

Whoever is about to publish is on record with the document before it is sent; so a restart forgets nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from node.records import instant
from trust.search.criteria import Criteria
from trust.search.search import search

if TYPE_CHECKING:
    from node.web.items import Item
    from node.web.view import View

log = logging.getLogger("node.web")

HOUR: Final = timedelta(hours=1)
CONFIRMED: Final = "publishing confirmed"  # the record that stands before each publication
_MOST: Final = 10_000
_WAIT: Final = 2.0  # seconds that a page waits for the log to be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One document: its uniqueId, who published it, as records name them, and when (UTC)."""

    unique_id: str
    user: str
    at: datetime

    @property
    def until(self) -> datetime:
        """When its author can no longer take it back."""
        return self.at + HOUR


@dataclass(slots=True)
class Recent:
    """The documents of the last hour, by uniqueId."""

    _held: dict[str, Published] = field(default_factory=dict)
    _reading: asyncio.Task[None] | None = None

    def put(self, one: Published) -> None:
        """A document was published; what is older than an hour makes room."""
        self._held[one.unique_id] = one
        for old in [name for name, other in self._held.items() if other.until <= one.at]:
            del self._held[old]

    def of(self, view: View, item: Item) -> Published | None:
        """When this user published this document here within the last hour; None for everybody else's."""
        one = self._held.get(item.entry.unique_id or "")
        own = (item.home or view.desk.home) == view.desk.home
        return one if one and own and one.user == user_of(view) and view.desk.services.clock() < one.until else None

    async def read(self, view: View) -> None:
        """Take up what was published before this node was started; once, and beside the page if it takes long."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read(view))
        await asyncio.wait({self._reading}, timeout=_WAIT)

    async def _read(self, view: View) -> None:
        services, index = view.desk.services, view.desk.index
        wanted = Criteria(events=(CONFIRMED,), since=instant(services.clock() - HOUR))
        try:
            page = await asyncio.to_thread(search, index, services.config.folder.database, wanted, limit=_MOST)
        except Exception:  # the pages go on without: an administrator can take a document out as well
            log.exception("what was published within the last hour could not be read from the log")
            return
        for one in confirmed(found.record for found in page.entries):
            self._held.setdefault(one.unique_id, one)


def user_of(view: View) -> str:
    """Who is signed in, as records name them."""
    return view.caller().user


def confirmed(records: Iterable[Mapping[str, Any]]) -> Iterable[Published]:
    """Who published what, by the records of confirming it."""
    for record in records:
        event = record["event"]
        user = next((one["user"] for one in event["participants"] if one["requestor"]), "")
        at = datetime.fromisoformat(record["time"][:19]).replace(tzinfo=UTC)
        for one in event["objects"]:
            if one["type"] == "2" and user:
                yield Published(unique_id=one["id"], user=user, at=at)
