"""Words looked for in documents that were fetched in this visit, and fetching the rest of them (ui 4.c)."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from node.web.asking import fetch
from node.web.drawing.process import text_of
from node.web.items import Item
from registry.metadata.values import is_size

if TYPE_CHECKING:
    from node.web.runs import Run
    from node.web.sessions import Visit
    from node.web.view import View

log = logging.getLogger("node.web")

_MOST_CHARACTERS: Final = 200_000  # of one document
_MOST_ALTOGETHER: Final = 20_000_000
_AT_ONCE: Final = 4
_AROUND: Final = 60  # characters on each side of a word that was found


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How much can be searched: documents read so far, of how many, and what the rest weighs in bytes."""

    read: int
    total: int
    rest: int
    octets: int


def state(run: Run, items: Sequence[Item]) -> State:
    """What is read of these documents."""
    rest = [item for item in items if _waits(run, item)]
    sizes = (next(iter(item.entry.size), "") for item in rest)
    return State(
        read=sum(item.key in run.texts for item in items),
        total=len(items),
        rest=len(rest),
        octets=sum(int(size) for size in sizes if is_size(size)),
    )


def searched(run: Run, item: Item) -> str:
    """Everything in which words are looked for: what the list says of a document, and its text where it was read."""
    said = " ".join((item.title, item.kind, *item.institutions, item.author, *item.roles))
    return f"{said} {run.texts.get(item.key, '')}".casefold()


def snippet(run: Run, item: Item, words: str) -> tuple[str, str, str]:
    """(before, found, after) of the first of the words in a document's text; empty where it stands elsewhere."""
    text = run.texts.get(item.key, "")
    for word in words.split():
        found = re.search(re.escape(word), text, re.IGNORECASE)
        if found:
            first, last = found.span()
            return text[max(0, first - _AROUND) : first], text[first:last], text[last : last + _AROUND]
    return "", "", ""


async def read_fetched(run: Run) -> None:
    """Read what was opened in this visit."""
    for key, brought in list(run.brought.items()):
        if key not in run.texts and brought.content is not None:
            await _read(run, key, brought.content)


async def fetch_rest(view: View, visit: Visit, run: Run) -> None:
    """Fetch and read everything that is listed; the bytes are forgotten, each fetching is on record as any other."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(item: Item) -> None:
        async with turns:
            if asyncio.get_running_loop().time() >= run.until:
                return
            brought = run.brought.get(item.key) or await fetch(view, visit, item.entry)
            if brought.content is None:
                run.failed.add(item.key)
            else:
                await _read(run, item.key, brought.content)
            run.learned()

    ended = await asyncio.gather(*(one(item) for item in run.items() if _waits(run, item)), return_exceptions=True)
    for problem in ended:
        if isinstance(problem, Exception):  # of one document; the others are read all the same
            log.error("a document could not be read for a search", exc_info=problem)
    run.learned()


def _waits(run: Run, item: Item) -> bool:
    return item.key not in run.texts and item.key not in run.failed


async def _read(run: Run, key: str, content: bytes) -> None:
    """Keep the text of a document; one that could not be read is not said to have been looked through."""
    text = await text_of(content)
    if text is None:
        run.unread.add(key)
        return
    run.unread.discard(key)
    room = _MOST_ALTOGETHER - sum(map(len, run.texts.values()))
    run.texts[key] = text[: max(0, min(_MOST_CHARACTERS, room))]
