"""Work that nobody asks for: how it recurs and lasts, and what a node does so for the others of its federation."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from node.administration.exports import own_community, own_urls
from node.discovery.revoking import Revoker
from node.discovery.telling import Teller
from node.membership.offering import Offer
from node.summary.withdrawing import withdraw

if TYPE_CHECKING:
    from node.services import Services
    from trust.search.index import AuditIndex

log = logging.getLogger("node.unasked")

Work = Callable[[], Awaitable[None]]
_AGAIN: Final = 5.0  # seconds until work that lasts begins anew


def works(services: Services, index: AuditIndex) -> Sequence[tuple[float, Work]]:
    """Seconds between two rounds of a piece of work, and the round.

    Locators are told, what was said is taken back, members hear of offers, snapshots follow what they were made of.
    """
    config, actors = services.config, services.actors
    ledger, federation = config.folder.database, config.federation
    revoker = Revoker(actors, index, ledger, f"{config.base_url}/iti-55", federation.deadline)
    offer = Offer(services.membership, partial(own_community, config, own_urls(config)))
    return (
        (1.0, Teller(actors, services.client, ledger).round),
        (2.0, revoker.round),
        (federation.directory_seconds, offer.round),
        (600.0, partial(withdraw, actors, ledger)),
        (3600.0, partial(actors.discovery.sweep, actors)),
    )


async def every(seconds: float, work: Work) -> None:
    """Work that recurs, first after the given seconds."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Exception:  # periodic work must not end because of one failure; the failure is in the log
            log.exception("periodic work failed")


async def kept_up(work: Work, pause: float = _AGAIN) -> None:
    """Work that lasts as long as the node: one failure must not end it for good, and without a word."""
    while True:
        try:
            return await work()
        except Exception:  # whatever it was, the failure is in the log
            log.exception("work that lasts has failed; it begins anew")
        await asyncio.sleep(pause)
