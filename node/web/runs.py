"""Asking every institution about one patient, once: each answer is kept as it comes, and shown from there.

Reloading a page shows the run again; only "ask again" makes another.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from math import inf

from node.outcome_words import ANSWERED, Outcome, Word
from node.sources import Identity, fold
from node.web.asking import Brought, Said
from registry.metadata.objects import DocumentEntry

log = logging.getLogger("node.web")

AskOne = Callable[[str, str], Awaitable[Said]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One document of the list: the entry that is opened, and who has it besides."""

    key: str
    entry: DocumentEntry
    institution: str
    also: tuple[str, ...] = ()
    contradicted: bool = False

    @property
    def title(self) -> str:
        """What it is called; its kind where it has no title."""
        text = " ".join(self.entry.title[0].value.split()) if self.entry.title else ""
        return text or self.kind or self.entry.unique_id or ""

    @property
    def kind(self) -> str:
        """The display name of its type, or the code."""
        codes = self.entry.type_codes or self.entry.class_codes
        return (codes[0].display[0].value if codes[0].display else codes[0].code) if codes else ""

    @property
    def date(self) -> str:
        """When the service began, else when it was written (DTM)."""
        return next(iter(self.entry.service_start_time or self.entry.creation_time), "")

    @property
    def author(self) -> str:
        """The person who wrote it, as the metadata names them."""
        for author in self.entry.authors:
            for one in author.persons:
                parts = one.split("^")
                named = " ".join(part for part in (parts[5:6] + parts[2:3] + parts[1:2]) if part)
                return named or parts[0]
        return ""


@dataclass(slots=True)
class Run:
    """One asking; `outcomes` in the order of institutions, `brought` what was fetched of it, by key."""

    handle: str
    names: Mapping[str, str]
    own: str
    until: float = inf  # seconds of the sessions' clock: when what an emergency opened is closed again
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    brought: dict[str, Brought] = field(default_factory=dict)
    changes: int = 0
    _entries: dict[str, tuple[DocumentEntry, ...]] = field(default_factory=dict)
    _keys: dict[tuple[str, str, str], str] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, ask: AskOne) -> None:
        """Ask all of them, at once."""
        for home, name in self.names.items():
            self.outcomes[home] = Outcome(home=home, name=name, word=Word.ASKING)
            task = asyncio.create_task(self._one(ask, home, name))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Nobody waits any more; what was fetched is forgotten."""
        for task in self._tasks:
            task.cancel()
        self.brought.clear()

    @property
    def done(self) -> bool:
        """Whether every institution has ended."""
        return all(one.word is not Word.ASKING for one in self.outcomes.values())

    @property
    def answered(self) -> int:
        """How many institutions answered: found, none, no patient, refused."""
        return sum(one.word in ANSWERED for one in self.outcomes.values())

    async def change(self, after: int, seconds: float) -> bool:
        """Wait until something is new since `after`; False when the time is over."""
        if self.changes > after:
            return True
        self._changed.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def items(self) -> list[Item]:
        """Every document once, the newest first; copies at several institutions are one line."""
        found = [
            Item(key=self._key(home, entry), entry=entry, institution=self.names.get(home, home))
            for home, entries in self._entries.items()
            for entry in entries
        ]
        folded = [
            replace(
                one.first,
                also=tuple(dict.fromkeys(other.institution for other in one.others)),
                contradicted=one.contradicted,
            )
            for one in fold(found, self._identity, own_home=self.own)
        ]
        return sorted(folded, key=lambda item: (item.date, item.key), reverse=True)

    def item(self, key: str) -> Item | None:
        """One document by what stands for it in URLs."""
        return next((one for one in self.items() if one.key == key), None)

    def _identity(self, item: Item) -> Identity:
        entry = item.entry
        home = entry.home_community_id or self.own
        return Identity(entry.unique_id or "", next(iter(entry.hash), ""), home)

    def _key(self, home: str, entry: DocumentEntry) -> str:
        named = (home, entry.unique_id or "", entry.entry_uuid)
        return self._keys.setdefault(named, secrets.token_urlsafe(9))

    async def _one(self, ask: AskOne, home: str, name: str) -> None:
        try:
            said = await ask(home, name)
        except asyncio.CancelledError:
            raise
        except Exception as problem:  # one institution's failure is shown as its outcome, beside the others
            log.exception("asking an institution failed")
            said = Said(outcome=Outcome(home=home, name=name, word=Word.PROTOCOL, reason=type(problem).__name__))
        self.outcomes[home] = said.outcome
        self._entries[home] = said.entries
        self.changes += 1
        self._changed.set()
