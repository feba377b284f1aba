"""What happens outside of any transaction becomes records: alarms, failed handshakes, requests that were turned away.

Nobody waits for these, so they are collected and written together, each kind once with how often it occurred: whoever
knocks ten thousand times fills no log. Alarms come first, and what cannot be recorded now is kept for the next time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from node.security_records import alarm, refusal
from trust.errors import LedgerBusy, StorageFailed
from trust.identity.caller import Caller, Role

if TYPE_CHECKING:
    from node.services import Services
    from trust.audit.event import NewRecord

AT_ONCE: Final = 100  # refusals that are recorded one by one
EACH: Final = timedelta(minutes=1)  # between two records about one community that is turned away


class TurnedAway:
    """Communities that were told to come again: a record at once, then one a minute with the count since."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._told: dict[str, datetime] = {}

    def count(self, home: str) -> None:
        """One more request of a community was turned away."""
        self._counts[home] += 1

    def put_back(self, homes: Mapping[str, int]) -> None:
        """What was to be told could not be recorded."""
        self._counts.update(homes)
        for home in homes:
            self._told.pop(home, None)

    def due(self, now: datetime, *, all_: bool = False) -> dict[str, int]:
        """Homes and counts that are to be told now; they are then told. `all_`: whatever is left."""
        found = {home: n for home, n in self._counts.items() if all_ or now >= self._told.get(home, now - EACH) + EACH}
        for home in found:
            del self._counts[home]
        self._told = {home: when for home, when in self._told.items() if now < when + EACH} | dict.fromkeys(found, now)
        return found


class Noticed:
    """One for a running node."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._turned_away = TurnedAway()

    def turned_away(self, home: str) -> None:
        """A community had too many requests waiting; nothing was done for this one."""
        self._services.metrics.held_back.labels(home).inc()
        self._turned_away.count(home)

    async def put_on_record(self, *, last: bool = False) -> None:
        """Record what was noticed since the last time; `last`: the node stops.

        Raises:
            LedgerBusy, LedgerBroken, StorageFailed: as `Sequencer.record`; alarms and refusals are kept.
        """
        services = self._services
        refusals, services.refusals[:] = list(services.refusals), []
        alarms, services.alarms[:] = list(services.alarms), []
        turned_away = self._turned_away.due(services.clock(), all_=last)
        different = list(counted(refusals).values())
        if (rest := len(different) - AT_ONCE) > 0:
            different[AT_ONCE:] = [f"{rest} more refusals, each for another reason, in the same moment"]
        records = [*self._alarms(alarms), *self._homes(turned_away), *map(self._refusal, different)]
        if not records:
            return
        try:
            await services.sequencer.record(records)
        except (LedgerBusy, StorageFailed):
            services.refusals[:0] = refusals[: 10 * AT_ONCE]
            services.alarms[:0] = alarms[: 10 * AT_ONCE]
            self._turned_away.put_back(turned_away)
            raise

    def _alarms(self, names: Sequence[str]) -> Iterator[NewRecord]:
        services = self._services
        for name, what in counted(names).items():
            yield alarm(
                services.clock(), incident=services.new_uuid(), node=services.actors.own.home, name=name, what=what
            )

    def _homes(self, counts: Mapping[str, int]) -> Iterator[NewRecord]:
        for home, count in counts.items():
            community = self._services.communities.get(home)
            name = community.name if community else home
            caller = Caller(
                role=Role.PEER,
                name=name,
                fingerprint=community.fingerprint if community else home,
                address="",
                home=home,
            )
            what = f"{count} requests of {name} were told to come again: too many of its own were waiting"
            yield replace(self._refusal(what, caller), peer=home)

    def _refusal(self, reason: str, caller: Caller | None = None) -> NewRecord:
        services = self._services
        return refusal(
            services.clock(),
            incident=services.new_uuid(),
            caller=caller,
            address="",
            node=services.actors.own.home,
            reason=reason,
        )


def counted(texts: Sequence[str]) -> dict[str, str]:
    """Each text once, with the same text and how often it occurred."""
    return {text: f"{text} ({times} times)" if times > 1 else text for text, times in Counter(texts).items()}
