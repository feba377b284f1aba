"""What was said of a patient of ours is taken back: who was given the identifier is told that it counts no more.

A merge, its undoing and a record that describes somebody else now put the patient on a list (`store.correlations`). The
audit log knows to whom the identifier went with ITI-55, in a question or in an answer; each of those is told, until all
have answered or nobody may keep it any longer. Source: ITI TF-2: 3.55 (revoke, trial implementation).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from node.discovery.calls import Asker, revocation_call
from node.discovery.noting import noted
from node.exchange import Exchange
from node.outcome_words import Word
from node.records import instant, subject
from registry.store import correlations
from trust.audit.event import Kind, NewRecord
from trust.identity.caller import Caller, Role
from trust.search.criteria import Criteria
from trust.search.search import search

if TYPE_CHECKING:
    from node.exchange import Actors
    from trust.communities import Community
    from trust.search.index import AuditIndex

PATIENTS, _MOST_WAITING = 20, 2000  # of one round, and of those that are looked at for it
_NOBODY: Final = "a patient is somebody else than others might think; no other institution has the identifier"
_MOST_RECORDS: Final = 1000  # about one patient that are looked at
_AWAY: Final = frozenset({Word.TIMEOUT, Word.UNREACHABLE, Word.PAUSED, Word.NOT_ASKED})
_SOONEST, _LATEST = 30.0, 3600.0  # seconds until somebody who was away is told again


class Revoker:
    """One for a running node. `days` is for how long others may keep an identifier."""

    def __init__(self, actors: Actors, index: AuditIndex, ledger: Path, endpoint: str, seconds: float) -> None:
        self._actors = actors
        self._index = index
        self._ledger = ledger
        self._endpoint = endpoint
        self._seconds = seconds
        self._waiting: dict[int, tuple[float, float]] = {}  # by number: until when, and for how long
        self._done: set[tuple[int, str]] = set()

    async def round(self) -> None:
        """Tell whoever has to be told."""
        now = asyncio.get_running_loop().time()
        listed = correlations.withdrawn(self._actors.reader, _MOST_WAITING)
        due = [one for one in listed if self._waiting.get(one[0], (0.0, 0.0))[0] <= now]
        for number, patient in due[:PATIENTS]:
            await self._withdraw(number, patient)

    async def _withdraw(self, number: int, patient: str) -> None:
        actors = self._actors
        homes = await asyncio.to_thread(self._told, patient)
        communities = [
            one
            for one in actors.gateway.communities()
            if one.home in homes and "iti-55" in one.endpoints and (number, one.home) not in self._done
        ]
        exchange = self._exchange()
        away = await self._tell(number, patient, communities, exchange)
        if away:
            _, before = self._waiting.get(number, (0.0, _SOONEST / 2))
            seconds = min(2 * before, _LATEST)
            self._waiting[number] = (asyncio.get_running_loop().time() + seconds, seconds)
            if exchange.records:
                await actors.sequencer.record(exchange.records)
            return
        records = exchange.records or [noted(_NOBODY, actors)]

        def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
            correlations.told_of_withdrawal(connection, [number])
            return None, records

        await actors.sequencer.transact(work)
        self._waiting.pop(number, None)
        self._done = {one for one in self._done if one[0] != number}

    async def _tell(self, number: int, patient: str, communities: Sequence[Community], exchange: Exchange) -> bool:
        """Whether somebody could not be told."""
        actors, away = self._actors, False
        asker = Asker(home=actors.own.home, now=exchange.now, days=0)
        calls = [revocation_call(patient, one, actors.new_uuid(), asker) for one in communities]
        async with aclosing(actors.gateway.ask(calls, exchange)) as arrivals:
            async for answered in arrivals:
                if answered.outcome is not None and answered.outcome.word in _AWAY:
                    away = True
                else:
                    self._done.add((number, answered.community.home))
        return away

    def _told(self, patient: str) -> set[str]:
        """Communities that were given the identifier and may still have it. Runs in a thread of its own."""
        since = self._actors.clock() - timedelta(days=self._actors.discovery.days)
        criteria = Criteria(patient=subject(patient), events=("ITI-55",), since=instant(since))
        page = search(self._index, self._ledger, criteria, limit=_MOST_RECORDS)
        return {one.record["peer"] for one in page.entries if _has_it(one.record)}

    def _exchange(self) -> Exchange:
        actors = self._actors
        return Exchange(
            actors=actors,
            caller=Caller(role=Role.OPERATOR, name=actors.own.name, fingerprint="", address=""),
            message_id=actors.new_uuid(),
            endpoint=self._endpoint,
            now=actors.clock(),
            deadline=asyncio.get_running_loop().time() + self._seconds,
            incident=actors.new_uuid(),
        )


def _has_it(record: Mapping[str, Any]) -> bool:
    """Whether the community of an ITI-55 knows the patient of the record under our identifier since then."""
    if record["kind"] == Kind.RESPONSE_SENT:
        return True
    return bool(record["kind"] == Kind.RESPONSE_RECEIVED and record["event"]["note"].get("outcome") == Word.FOUND)
