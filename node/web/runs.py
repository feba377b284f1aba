"""Asking every institution about one patient, once: each answer is kept as it comes, and shown from there.

Reloading a page shows the run again; only "ask again" makes another, or asks one institution anew. Whoever has not
answered within the time that all have is shown so; an answer that comes later waits until somebody wants to see it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf

from node.outcome_words import ANSWERED, Outcome, Word
from node.web.asking import Brought, Said
from node.web.drawing.process import Drawn
from node.web.items import Item, lines
from registry.metadata.objects import ON_DEMAND_DOCUMENT, DocumentEntry

log = logging.getLogger("node.web")

AskOne = Callable[[str, str], Awaitable[Said]]


@dataclass(slots=True)
class Fetching:
    """A document on its way: since when (seconds of the loop's clock), and how many bytes have come."""

    began: float
    received: int = 0
    task: asyncio.Task[Brought] | None = None

    def heard(self, size: int) -> None:
        """So many bytes are here."""
        self.received = size


@dataclass(slots=True)
class Run:
    """One asking; `outcomes` in the order of institutions, `brought` what was fetched of it, by key.

    `late` are answers that came when their time was over, not shown yet; `texts` what is searched, by key; `failed` are
    keys of documents that could not be fetched, `unread` of those whose text could not be read; `shown` digests of what
    was on a page; `known` those of what was listed before an emergency began, None outside of one.
    """

    handle: str
    names: Mapping[str, str]
    own: str
    seconds: float = 8.0  # after which an institution is shown as one that has not answered
    until: float = inf  # seconds of the sessions' clock: when what an emergency opened is closed again
    began: datetime | None = None
    known: frozenset[bytes] | None = None
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    late: dict[str, Said] = field(default_factory=dict)
    brought: dict[str, Brought] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)
    shown: set[bytes] = field(default_factory=set)
    fetches: dict[str, Fetching] = field(default_factory=dict)
    drawn: dict[tuple[str, str], Drawn] = field(default_factory=dict)  # by key and the reader's language
    changes: int = 0
    stopped: bool = False
    ended: Callable[[], None] | None = None  # told when it is stopped, so that nobody else holds it
    _answers: dict[str, Said] = field(default_factory=dict)
    _keys: dict[tuple[str, str, str], str] = field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _others: set[asyncio.Task[None]] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _lines: tuple[int, list[Item]] = (-1, [])

    def begin(self, ask: AskOne) -> None:
        """Ask all of them, at once."""
        for home in self.names:
            self.again(home, ask)

    def again(self, home: str, ask: AskOne) -> None:
        """Ask one of them, unless that is under way; what it said before stays until it answers."""
        if home not in self.names or (home in self._tasks and self.outcomes[home].word is Word.ASKING):
            return
        if task := self._tasks.pop(home, None):
            task.cancel()
        self.late.pop(home, None)
        self.outcomes[home] = Outcome(home=home, name=self.names[home], word=Word.ASKING)
        self._tasks[home] = asyncio.create_task(self._one(ask, home, self.names[home]))
        self._change()

    def work(self, what: Awaitable[None]) -> None:
        """Do something beside, as long as the run is kept."""
        task = asyncio.ensure_future(what)
        self._others.add(task)
        task.add_done_callback(self._others.discard)

    def stop(self) -> None:
        """Nobody waits any more; what was fetched is forgotten."""
        self.stopped = True
        if self.ended is not None:
            self.ended()
        fetching = [one.task for one in self.fetches.values() if one.task]
        for task in (*self._tasks.values(), *self._others, *fetching):
            task.cancel()
        self.fetches.clear()
        self.brought.clear()
        self.texts.clear()
        self.drawn.clear()

    def forget(self, key: str) -> None:
        """Let go of what was fetched of one document; it can be fetched again."""
        self.brought.pop(key, None)
        for drawn in [one for one in self.drawn if one[0] == key]:
            del self.drawn[drawn]

    @property
    def done(self) -> bool:
        """Whether every institution has ended, in time or not."""
        return all(one.word is not Word.ASKING for one in self.outcomes.values())

    @property
    def over(self) -> bool:
        """Whether nothing can come any more, not even late."""
        return self.done and not self._others and all(task.done() for task in self._tasks.values())

    @property
    def fetching(self) -> bool:
        """Whether documents are being fetched for a search."""
        return bool(self._others)

    @property
    def answered(self) -> int:
        """How many institutions answered: found, none, no patient, refused."""
        return sum(one.word in ANSWERED for one in self.outcomes.values())

    @property
    def asked(self) -> int:
        """How many institutions there are to ask, the own one among them."""
        return len(self.outcomes)

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

    def take_late(self) -> None:
        """Show what came late."""
        for home, said in self.late.items():
            self.outcomes[home], self._answers[home] = said.outcome, said
        self.late.clear()
        self._change()

    def learned(self) -> None:
        """Something that a page shows has changed beside the answers."""
        self._change()

    def items(self) -> list[Item]:
        """Every document once, what is made on demand and then the newest first; within its line what is folded."""
        if self._lines[0] != self.changes:
            found = [self._item(home, entry) for home, said in self._answers.items() for entry in said.entries]
            replaced = {
                (home, former): latter for home, said in self._answers.items() for former, latter in said.replaced
            }
            once = sorted(lines(found, replaced, self.own), key=_newest, reverse=True)
            self._lines = self.changes, once
        return self._lines[1]

    def item(self, key: str) -> Item | None:
        """One document by what stands for it in URLs, as its own line or as one that is folded into another."""
        for item in self.items():
            if item.key == key:
                return item
            if any(one.key == key for one in item.folded):
                same = [one for one in (item, *item.sources) if one.key != key]
                found = next(one for one in item.folded if one.key == key)
                return replace(found, sources=tuple(same)) if found in item.sources else found
        return None

    def place(self, key: str) -> tuple[str, int, int, str]:
        """(key before, number from 1, how many, key after) of a document in the list; 0 for one that is folded."""
        keys = [item.key for item in self.items()]
        if key not in keys:
            return "", 0, len(keys), ""
        at = keys.index(key)
        return (keys[at - 1] if at else ""), at + 1, len(keys), (keys[at + 1] if at + 1 < len(keys) else "")

    def _item(self, home: str, entry: DocumentEntry) -> Item:
        item = Item(key=self._key(home, entry), entry=entry, home=home, institution=self.names.get(home, home))
        return replace(item, opened=self.known is not None and item.digest not in self.known)

    def _key(self, home: str, entry: DocumentEntry) -> str:
        named = (home, entry.unique_id or "", entry.entry_uuid)
        return self._keys.setdefault(named, secrets.token_urlsafe(9))

    def _change(self) -> None:
        self.changes += 1
        self._changed.set()

    async def _one(self, ask: AskOne, home: str, name: str) -> None:
        asking = asyncio.ensure_future(ask(home, name))
        try:
            done, _ = await asyncio.wait({asking}, timeout=self.seconds)
            if not done:
                self.outcomes[home] = Outcome(home=home, name=name, word=Word.TIMEOUT, seconds=self.seconds)
                self._change()
            said = await asking
        except asyncio.CancelledError:
            asking.cancel()
            raise
        except Exception as problem:  # one institution's failure is shown as its outcome, beside the others
            log.exception("asking an institution failed")
            said = Said(outcome=Outcome(home=home, name=name, word=Word.PROTOCOL, reason=type(problem).__name__))
        if self.outcomes[home].word is Word.ASKING:
            self.outcomes[home], self._answers[home] = said.outcome, said
        elif said.outcome.word in ANSWERED:
            self.late[home] = said
        self._change()


def _newest(item: Item) -> tuple[bool, str, str]:
    return item.entry.object_type == ON_DEMAND_DOCUMENT, item.date, item.key
