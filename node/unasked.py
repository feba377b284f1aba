"""What a running node does for the others of its federation without being asked, and how often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from node.administration.exports import own_community, own_urls
from node.discovery.revoking import Revoker
from node.discovery.telling import Teller
from node.membership.offering import Offer

if TYPE_CHECKING:
    from node.services import Services
    from trust.search.index import AuditIndex

Work = Callable[[], Awaitable[None]]


def works(services: Services, index: AuditIndex) -> Sequence[tuple[float, Work]]:
    """Seconds between two rounds of a piece of work, and the round: locators told, what was said taken back, offers."""
    config, actors = services.config, services.actors
    ledger, federation = config.folder.database, config.federation
    revoker = Revoker(actors, index, ledger, f"{config.base_url}/iti-55", federation.deadline)
    offer = Offer(services.membership, partial(own_community, config, own_urls(config)))
    return (
        (1.0, Teller(actors, services.client, ledger).round),
        (2.0, revoker.round),
        (federation.directory_seconds, offer.round),
        (3600.0, partial(actors.discovery.sweep, actors)),
    )
