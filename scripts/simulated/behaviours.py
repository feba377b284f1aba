"""How a simulated community behaves: THE TABLE of words for `scripts/federation --mix`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from tests.end_to_end.wire import SUCCESS, Document
from tests.simulator.community import (
    Asked,
    Behaviour,
    Community,
    Held,
    garbage,
    query_answer,
    refusing,
    silent,
    slow,
    truthful,
)

ANOTHER_PERSON = "SOMEBODY-ELSE^^^&2.999.66&ISO"


@dataclass(frozen=True)
class Kind:
    """`make` gives the behaviour for a period in seconds; None: nobody listens. `period` is its default, 0 for none."""

    meaning: str
    make: Callable[[float], Behaviour] | None
    period: float = 0.0


async def lying(community: Community, request: web.Request, asked: Asked) -> web.StreamResponse:
    """Whoever is asked for, it answers with documents of another person."""
    if asked.transaction != "iti-38":
        return await truthful(community, request, asked)
    wrong = Held(ANOTHER_PERSON, Document(b"of somebody else", title="NOT-THIS-PATIENT"))
    return query_answer(asked, SUCCESS, community.entry(wrong, home=community.home))


def flapping(seconds: float) -> Behaviour:
    """Truthful for so long, then it hangs up for so long, and so on."""

    async def behave(community: Community, request: web.Request, asked: Asked) -> web.StreamResponse:
        if int(asyncio.get_running_loop().time() / seconds) % 2 == 0:
            return await truthful(community, request, asked)
        with contextlib.suppress(AttributeError):
            request.transport.close()  # type: ignore[union-attr]
        return web.Response(status=500)

    return behave


KINDS: Mapping[str, Kind] = {
    "truthful": Kind("answers what the specification says", lambda _: truthful),
    "slow": Kind("the same, after SECONDS", slow, 20.0),
    "silent": Kind("takes the question and says nothing: a black hole", lambda _: silent),
    "dead": Kind("nobody listens on its port", None),
    "refusing": Kind("answers a Failure with an error code", lambda _: refusing("XDSRegistryError", "not for you")),
    "lying": Kind("answers with documents of another person", lambda _: lying),
    "garbage": Kind("answers bytes that are no message", lambda _: garbage(b"\x00\x01\x02 no message \xff" * 40)),
    "flapping": Kind("truthful and gone in turns of SECONDS", flapping, 10.0),
}


def mix_of(text: str, nodes: int) -> list[tuple[str, float]]:
    """`slow=5,slow:2=3,dead=1` as behaviour and period of each of `nodes`; the rest is truthful, and comes first.

    Raises:
        ValueError: an unknown word, no number, or more than `nodes`.
    """
    chosen: list[tuple[str, float]] = []
    for part in filter(None, text.split(",")):
        named, _, count = part.partition("=")
        word, _, period = named.strip().partition(":")
        if word not in KINDS:
            raise ValueError(f"{word!r} is no behaviour; there are {', '.join(KINDS)}")
        chosen += [(word, float(period or KINDS[word].period))] * int(count or 1)
    if len(chosen) > nodes:
        raise ValueError(f"the mix has {len(chosen)} communities, --nodes {nodes}")
    return [("truthful", 0.0)] * (nodes - len(chosen)) + chosen
