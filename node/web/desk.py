"""What pages may use: the running node, the dispatcher that all applications go through, sessions and templates."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from node.discovery.rates import Rates
from node.web.frame import Frame
from node.web.provider import Provider
from node.web.recent import Recent
from node.web.sessions import Sessions
from node.web.shelf import Shelf
from node.web.throttle import Throttle

if TYPE_CHECKING:
    from node.http.incoming import Incoming, Outgoing
    from node.services import Services
    from node.web.administrator.connecting import Join
    from trust.accounts.factors import Sealing
    from trust.search.index import AuditIndex


@dataclass(slots=True, kw_only=True)
class Desk:
    """One for the node. `origin` is what browsers call this listener, `https://host:port`."""

    services: Services
    dispatch: Callable[[Incoming], Awaitable[Outgoing]]
    index: AuditIndex
    sealing: Sealing
    origin: str
    provider: Provider
    frame: Frame = field(default_factory=Frame)
    sessions: Sessions = field(default_factory=Sessions)
    shelf: Shelf = field(default_factory=Shelf)
    recent: Recent = field(default_factory=Recent)
    throttle: Throttle = field(default_factory=Throttle)
    knocks: Rates = field(default_factory=Rates)  # of whoever is not signed in, by network
    joins: dict[str, Join] = field(default_factory=dict)

    @property
    def home(self) -> str:
        """The homeCommunityId of this institution."""
        return self.services.config.node.home_community_id

    @property
    def name(self) -> str:
        """The name of this institution."""
        return self.services.config.node.name

    def names(self) -> dict[str, str]:
        """Institutions by homeCommunityId, the own one first."""
        return {self.home: self.name} | {one.home: one.name for one in self.services.communities.all()}
