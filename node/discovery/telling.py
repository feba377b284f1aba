"""What this node tells the locators of its patients: every second what has changed, everything when they have changed.

A patient of the own assigning authority is told under the tokens of all words (`registry.patients.location`), each to
the one locator that answers for it. A locator that cannot be reached is told later; until then it names this community
in every answer, because it knows that it has not heard everything.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from node.database import open_reader
from node.discovery import told
from node.discovery.audience import NOBODY, Audiences
from node.discovery.duty import Duty
from node.discovery.noting import noted
from node.federation.client import PeerClient, PeerFault
from registry.patients.demographics import Identifier
from registry.patients.location import words_of
from registry.store import locations
from registry.store.locations import EVERYBODY
from trust.audit.event import NewRecord
from trust.consent import store as consents

if TYPE_CHECKING:
    from node.exchange import Actors

log = logging.getLogger("node.discovery")

RECORDS: Final = 100  # of the master index that are told at once
_AWAY, _LONGEST_AWAY = 15.0, 240.0  # seconds for which a locator is left alone that could not be told, then twice that
_HOUR: Final = 3600.0
_DAY: Final = 24 * _HOUR
SILENT: Final = timedelta(days=30)  # after that what somebody told who tells nothing any more is dropped
_SECONDS: Final = 5.0  # that one has to answer
_MOST_WAITING: Final = 10_000  # changes that are kept where there is nobody to tell


@dataclass(slots=True, kw_only=True)
class Changes:
    """What a few records bring about: for each locator what it is told, and what is then known to be told."""

    seen: list[tuple[int, int]] = field(default_factory=list)
    last: int = 0
    add: dict[str, dict[bytes, str]] = field(default_factory=lambda: defaultdict(dict))
    remove: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    new: dict[str, list[locations.Told]] = field(default_factory=lambda: defaultdict(list))
    gone: dict[str, list[locations.Told]] = field(default_factory=lambda: defaultdict(list))
    pending: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))  # locators, by record


class Teller:
    """One for a running node."""

    def __init__(self, actors: Actors, client: PeerClient, database: Path) -> None:
        self._actors = actors
        self._client = client
        self._database = database
        self._own = actors.own.home
        self._after = 0  # the last record of this pass
        self._since = 0  # changes up to this one wait for locators that are away
        self._newest = 0
        self._consents = 0  # the newest that was looked at
        self._policies_read = -_HOUR
        self._behind: set[str] = set()  # locators that were not told something in this pass
        self._whole: set[str] = set()  # locators that know that they were told everything
        self._root = ""
        self._lost: set[str] = set()  # locators that have dropped what they were told
        self._members: frozenset[str] = frozenset()  # whose tokens are kept here
        self._looked = -_DAY  # when they were looked at
        self._away: dict[str, tuple[float, float]] = {}  # until when, and for how long

    async def round(self) -> None:
        """Tell what there is to tell."""
        duty = self._actors.discovery.duty()
        if not duty.exists:
            await self._nobody()
            return
        await self._drop(duty)
        if duty.root != self._root:
            await self._begin(duty)
        await self._policies()
        loop = asyncio.get_running_loop()
        began = loop.time()
        while changes := await asyncio.to_thread(self._changes, duty):
            await self._tell(changes, duty)
            if len(changes.seen) == RECORDS:  # many wait: half of the time is for those who ask this node
                await asyncio.sleep(loop.time() - began)
            began = loop.time()
        await self._end(duty)

    async def _nobody(self) -> None:
        """There are no locators: changes are not kept for ever; if some come, they are told everything."""
        self._root = ""
        if len(locations.next_due(self._actors.reader, 0, _MOST_WAITING)) == _MOST_WAITING:
            await self._forget_changes()

    async def _forget_changes(self) -> None:
        def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
            connection.execute("DELETE FROM location_due")
            locations.complete(connection, self._own, "")
            return None, [noted("there are no locators to be told of patients", self._actors)]

        await self._actors.sequencer.transact(work)

    async def _begin(self, duty: Duty) -> None:
        """The locators are others than before, or this process knows none yet."""
        actors, root = self._actors, duty.root
        if locations.sources(actors.reader).get(self._own) != root:
            authority = actors.own.assigning_authority

            def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
                locations.all_due(connection, authority)
                return None, [noted(f"{len(duty.homes)} locators are told of every patient", self._actors)]

            await actors.sequencer.transact(work)
        self._root, self._after, self._since, self._newest = root, 0, 0, 0
        self._whole, self._behind, self._away = set(), set(), {}

    async def _drop(self, duty: Duty) -> None:
        """As a locator: what members told that are none any more, or say nothing for long. Each day all say a word."""
        actors, now = self._actors, asyncio.get_running_loop().time()
        of_it = (one.home for one in actors.gateway.communities() if one.federation == duty.federation)
        members = frozenset((self._own, *of_it) if self._own in duty.homes else ())
        if members == self._members and now < self._looked + _DAY:
            return
        if now >= self._looked + _DAY:
            self._whole, self._looked = set(), now
        since = f"{actors.clock() - SILENT:%Y%m%d}"
        if gone := [home for home in locations.outdated(actors.reader, members, since) if home != self._own]:

            def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
                locations.drop(connection, gone)
                return None, [noted(f"tokens dropped of {', '.join(gone)[:300]}: no members, or silent", actors)]

            await actors.sequencer.transact(work)
        self._members = members

    async def _policies(self) -> None:
        """Whoever's policy has changed; at the start and each hour all that have one, since they begin and end."""
        actors, loop = self._actors, asyncio.get_running_loop()
        if loop.time() > self._policies_read + _HOUR:
            self._consents, self._policies_read = 0, loop.time()
        newest, patients = consents.changed_since(actors.reader, self._consents)
        if patients:
            index = actors.index(actors.reader)
            known = {cx for patient in patients for cx in actors.registry.identities_of(patient)}
            numbers = [found.no for cx in sorted(known) if (found := index.show(Identifier.of(cx)))]

            def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
                locations.due(connection, *numbers)
                return None, [
                    noted(f"policies of {len(patients)} patients are looked at for the locators", self._actors)
                ]

            await actors.sequencer.transact(work)
        self._consents = newest

    async def _end(self, duty: Duty) -> None:
        """A pass over all changes has ended: whoever has heard everything is told so."""
        able = [home for home in duty.homes if home not in self._behind | self._whole and self._reachable(home)]
        kept = await asyncio.to_thread(self._told_to) if able else {}
        self._whole |= await self._send(
            {home: told.Told(root=duty.root, complete=True, kept=kept.get(home, 0)) for home in able}
        )
        if self._lost:
            await self._all_lost()
            return
        if self._whole >= {*duty.homes} and locations.sources(self._actors.reader).get(self._own) != duty.root:
            await self._all_told(duty)
        waiting = any(not self._reachable(home) for home in self._away)
        self._after, self._since = 0, max(self._newest, self._since) if waiting else 0
        self._behind = {home for home in self._behind if waiting}

    def _told_to(self) -> Mapping[str, int]:
        with closing(open_reader(self._database)) as connection:
            return locations.told_to(connection)

    async def _all_lost(self) -> None:
        """Some have dropped what they were told, because this community was no member for a while: begin anew."""
        own, lost = self._own, sorted(self._lost)

        def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
            locations.all_lost(connection, own, lost)
            return None, [noted(f"locators are told anew, they had dropped it: {', '.join(lost)[:300]}", self._actors)]

        await self._actors.sequencer.transact(work)
        self._root, self._lost = "", set()

    async def _all_told(self, duty: Duty) -> None:
        """Remember it, so that the next start does not begin anew."""

        def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
            locations.complete(connection, self._own, duty.root)
            return None, [noted(f"{len(duty.homes)} locators know of every patient", self._actors)]

        await self._actors.sequencer.transact(work)

    def _reachable(self, home: str) -> bool:
        return self._away.get(home, (0.0, 0.0))[0] < asyncio.get_running_loop().time()

    async def _tell(self, changes: Changes, duty: Duty) -> None:
        concerned = changes.add.keys() | changes.remove.keys()
        messages = {
            home: told.Told(
                root=duty.root, add=tuple(changes.add[home].items()), remove=tuple(sorted(changes.remove[home]))
            )
            for home in sorted(concerned)
            if home in duty.homes and self._reachable(home)
        }
        done = await self._send(messages)
        done |= concerned - {*duty.homes}  # whoever is a locator no more is not told, and drops everything by itself
        self._behind |= concerned - done
        self._after = changes.last
        self._newest = max(self._newest, *(no for _, no in changes.seen))
        settled = [one for one in changes.seen if changes.pending[one[0]] <= done]
        gone = [one for home in done for one in changes.gone[home]]
        new = [one for home in done for one in changes.new[home]]
        count = sum(len(messages[home].add) + len(messages[home].remove) for home in done if home in messages)

        def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
            locations.replace_told(connection, gone, new)
            locations.settled(connection, settled)
            return None, [
                noted(f"locators told of {count} tokens for patients: {', '.join(sorted(done))[:300]}", self._actors)
            ]

        if settled or gone or new:
            await self._actors.sequencer.transact(work)

    async def _send(self, messages: dict[str, told.Told]) -> set[str]:
        """Tell several locators at once; those that took it."""
        answers = await asyncio.gather(*(self._one(home, message) for home, message in messages.items()))
        taken = {home for home, ok in zip(messages, answers, strict=True) if ok}
        self._behind |= messages.keys() - taken
        return taken

    async def _one(self, home: str, message: told.Told) -> bool:
        actors = self._actors
        if home == self._own:
            await told.keep(message, home, actors.own.name, actors)
            return True
        community = actors.gateway.community(home)
        if community is not None:
            try:
                async with asyncio.timeout(_SECONDS):
                    status, _, _ = await self._client.plain(
                        community,
                        "POST",
                        community.endpoints["locations"],
                        message.write(),
                        content_type="application/json",
                        most=4096,
                    )
                if status == 204:
                    self._away.pop(home, None)
                    return True
                if status == told.GONE:
                    self._lost.add(home)
                log.info(
                    "a locator did not take what it was told", extra={"community": community.name, "status": status}
                )
            except (PeerFault, TimeoutError) as problem:
                log.info("a locator cannot be told", extra={"community": community.name, "reason": str(problem)[:100]})
        _, last = self._away.get(home, (0.0, _AWAY / 2))
        seconds = min(2 * last, _LONGEST_AWAY)
        self._away[home] = (asyncio.get_running_loop().time() + seconds, seconds)
        return False

    def _changes(self, duty: Duty) -> Changes | None:
        """What the next records bring about; None at the end of a pass. Runs in a thread of its own."""
        with closing(open_reader(self._database)) as connection:
            seen = locations.next_due(connection, self._after, RECORDS, self._since)
            if not seen:
                return None
            actors = self._actors
            communities = [one for one in actors.gateway.communities() if one.federation == duty.federation]
            registry = actors.registry.on(connection)
            audiences = Audiences(actors.policy, registry, connection, communities, actors.clock())
            changes = Changes(seen=seen, last=seen[-1][0])
            wanted = {identity: self._wanted(connection, identity, duty, audiences) for identity, _ in seen}
            for identity, tokens in wanted.items():
                _compare(connection, identity, tokens, wanted, changes)
            return changes

    def _wanted(
        self, connection: sqlite3.Connection, identity: int, duty: Duty, audiences: Audiences
    ) -> dict[bytes, locations.Told]:
        """Everything that is to be told of one record."""
        records = self._actors.index(connection).numbered(identity)
        if records is None or records.identifier.authority != self._actors.own.assigning_authority:
            return {}
        only = audiences.of(records.identifier.cx)
        if only == NOBODY:
            return {}
        tokens = map(duty.token, words_of(records.whole))
        return {
            token: locations.Told(identity=identity, token=token, locator=duty.locator(token), only=only)
            for token in tokens
        }


def _compare(
    connection: sqlite3.Connection,
    identity: int,
    tokens: dict[bytes, locations.Told],
    wanted: dict[int, dict[bytes, locations.Told]],
    changes: Changes,
) -> None:
    """What has to be told so that the locators know `tokens` of a record and nothing else of it."""
    before = {one.token: one for one in locations.told_of(connection, identity)}
    for token, old in before.items():
        if (new := tokens.get(token)) is None or new.locator != old.locator:
            changes.gone[old.locator].append(old)
            changes.pending[identity].add(old.locator)
            _aggregate(connection, token, old.locator, wanted, changes)
    for token, new in tokens.items():
        if before.get(token) != new:
            changes.new[new.locator].append(new)
            changes.pending[identity].add(new.locator)
            _aggregate(connection, token, new.locator, wanted, changes)


def _aggregate(
    connection: sqlite3.Connection,
    token: bytes,
    locator: str,
    wanted: dict[int, dict[bytes, locations.Told]],
    changes: Changes,
) -> None:
    """A token that several patients share stays as long as one of them has it, for whoever may know any of them."""
    others = [one for one in locations.told_as(connection, token) if one.identity not in wanted]
    ours = [found for tokens in wanted.values() if (found := tokens.get(token))]
    audiences = [one.only for one in (*others, *ours) if one.locator == locator]
    if audiences:
        changes.add[locator][token] = _together(audiences)
        changes.remove[locator].discard(token)
    else:
        changes.remove[locator].add(token)


def _together(audiences: Iterable[str]) -> str:
    found = list(audiences)
    return EVERYBODY if EVERYBODY in found else " ".join(sorted({home for one in found for home in one.split()}))
