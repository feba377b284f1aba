"""What communities tell this node as a locator: which tokens stand for patients of theirs (POST /federation/locations).

A token names nobody and comes without demographics. What was told is on record at both ends; each look-up is, with
ITI-56. Only tokens that this node answers for are taken, so that no community can make it hold more than its share.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from node.discovery.duty import TOKEN, Duty
from node.discovery.noting import noted
from node.http.resources import Asked, Given
from registry.store import locations
from trust.audit.event import NewRecord
from trust.directory.signing import Malformed, fields, items, text

if TYPE_CHECKING:
    from node.exchange import Actors, Desk

GONE: Final = 410  # says a locator that has dropped what the holder told it
MOST_BODY: Final = 4 << 20
MOST_TOLD: Final = 5_000_000  # tokens of one community
_MOST_TOKENS: Final = 10_000  # of one message: a hundred records are told at once
_MOST_HOMES: Final = 1 << 20  # characters of a list of homes


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One message: tokens to add, each with the homes that may learn it (`store.locations`), and to remove.

    `kept`, with `complete`: how many tokens the holder believes to be kept here; None where it does not say.
    """

    root: str
    add: tuple[tuple[bytes, str], ...] = ()
    remove: tuple[bytes, ...] = ()
    complete: bool = False
    kept: int | None = None

    def write(self) -> bytes:
        """As it is sent."""
        added = [[token.hex(), only] for token, only in self.add]
        said = {"root": self.root, "add": added, "remove": [one.hex() for one in self.remove]}
        return orjson.dumps({**said, "complete": self.complete, "kept": self.kept})


def read(body: bytes) -> Told:
    """Read what `Told.write` wrote.

    Raises:
        Malformed: it has another form.
    """
    try:
        content = fields(orjson.loads(body), "root", "add", "remove", "complete")
    except orjson.JSONDecodeError as problem:
        raise Malformed("not JSON") from problem
    kept = content.get("kept")
    if not isinstance(content["complete"], bool) or not (kept is None or type(kept) is int):
        raise Malformed("complete is not true or false, or kept no number")
    return Told(
        root=text(content["root"], 64),
        add=tuple(_added(one) for one in items(content["add"], _MOST_TOKENS)),
        remove=tuple(_token(one) for one in items(content["remove"], _MOST_TOKENS)),
        complete=content["complete"],
        kept=kept,
    )


def _added(value: Any) -> tuple[bytes, str]:  # noqa: ANN401  JSON
    if not isinstance(value, list) or len(value) != 2 or not isinstance(value[1], str) or len(value[1]) > _MOST_HOMES:
        raise Malformed("an addition is not a token and homes")
    return _token(value[0]), value[1]


def _token(value: Any) -> bytes:  # noqa: ANN401  JSON
    if not isinstance(value, str) or len(value) != 2 * TOKEN:
        raise Malformed("not a token")
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise Malformed("not a token") from None


async def take(asked: Asked, desk: Desk) -> Given:
    """A community tells this locator of its patients."""
    actors, home = desk.actors, asked.caller.home
    duty = actors.discovery.duty()
    try:
        told = read(asked.body)
    except Malformed as problem:
        return Given(status=400, body=str(problem)[:200].encode())
    # In a thread: each token is weighed for each locator.
    if fault := await asyncio.to_thread(refusal, told, duty, actors.own.home):
        return Given(status=409, body=fault.encode())
    community = actors.gateway.community(home)
    if community is None or community.federation != duty.federation:
        return Given(status=409, body=b"this community is of another federation")
    count = locations.count(actors.reader, home)
    if told.complete and told.kept is not None and count < told.kept:
        return Given(status=GONE, body=b"this locator has less: it was told as of a community that was no member then")
    if count + len(told.add) > MOST_TOLD:
        return Given(status=409, body=b"more tokens than this locator keeps for one community")
    await keep(told, home, asked.caller.name, actors)
    return Given(status=204)


def refusal(told: Told, duty: Duty, own: str) -> str:
    """Why this node does not take what it is told; "" where it does."""
    if not duty.exists or own not in duty.homes:
        return "this community is no locator"
    if told.root != duty.root:
        return "the directories differ: ask again when both have the newest one"
    wrong = sum(duty.locator(token) != own for token, _ in told.add)
    return f"{wrong} of {len(told.add)} tokens are another locator's" if wrong else ""


async def keep(told: Told, home: str, name: str, actors: Actors) -> None:
    """What one community told, on record and kept."""
    what = f"{name} told this locator of {len(told.add)} tokens for patients and took back {len(told.remove)}"
    record = noted(what + ("; that was everything" if told.complete else ""), actors, name)

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        locations.take(connection, home, told.add, told.remove, f"{actors.clock():%Y%m%d}")
        if told.complete:
            locations.complete(connection, home, told.root)
        return None, [record]

    await actors.sequencer.transact(work)
